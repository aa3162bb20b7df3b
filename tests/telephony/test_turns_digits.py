"""The turn-taker and the caller's keypad: tables of what it is told and what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.keypad import LONGEST_PRESS_MS, MOST_DIGITS, Keypad
from telephony.session.knobs import TurnSettings
from telephony.session.signals import AgentAsked, AgentFinished, AgentStarted, Answered, Dismissed, EndTurn
from telephony.session.turns import TurnTaker
from telephony.wire.dtmf import Pressed, Released
from tests.telephony.test_turns import AGENT_TALKS, Timed, heard, run


def pressed(digits: str, from_ms: int, *, every_ms: int = 300, held_ms: int = 100) -> list[Timed]:
    told: list[Timed] = []
    for index, digit in enumerate(digits):
        at_ms = from_ms + index * every_ms
        told += [(at_ms, Pressed(digit)), (at_ms + held_ms, Released(digit))]
    return told


def ends(asked: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [each for each in asked if each[1].startswith("EndTurn")]


def test_a_number_ends_two_seconds_after_its_last_digit() -> None:
    asked = run(pressed("123", 1_000), until_ms=4_000)
    assert asked == [
        (1_000, "StartUtterance"),
        (3_700, "Speculate(Pressed 1 2 3)"),  # the last was let go at 1.7 s
        (3_700, "EndTurn(Pressed 1 2 3)"),
    ]


@pytest.mark.parametrize(
    ("knobs", "digits", "ended"),
    [
        pytest.param({}, "12#", (1_600, "EndTurn(Pressed 1 2 #)"), id="the hash ends it at once"),
        pytest.param({}, "12*", (3_700, "EndTurn(Pressed 1 2 *)"), id="the star does not"),
        pytest.param({"ending_digit": "*"}, "12*", (1_600, "EndTurn(Pressed 1 2 *)"), id="unless it is the one"),
        pytest.param({"ending_digit": ""}, "12#", (3_700, "EndTurn(Pressed 1 2 #)"), id="or none is"),
        pytest.param({"digit_timeout_ms": 500}, "123", (2_200, "EndTurn(Pressed 1 2 3)"), id="a shorter wait"),
        pytest.param({"digit_timeout_ms": 4_000}, "123", (5_700, "EndTurn(Pressed 1 2 3)"), id="a longer wait"),
    ],
)
def test_when_digits_are_an_answer(knobs: dict[str, Any], digits: str, ended: tuple[int, str]) -> None:
    assert ends(run(pressed(digits, 1_000), until_ms=7_000, **knobs)) == [ended]


def test_one_digit_answers_a_question_of_yes_or_no_at_once() -> None:
    asking: list[Timed] = [*AGENT_TALKS, (2_100, AgentAsked(None, True, "Is that right?", 1)), (3_000, AgentFinished())]
    assert ends(run([*asking, *pressed("1", 4_000)], until_ms=7_000))[1:] == [(4_000, "EndTurn(Pressed 1)")]


def test_what_was_asked_before_is_forgotten_with_the_next_answer() -> None:
    asking: list[Timed] = [
        *AGENT_TALKS, (2_100, AgentAsked(None, True, "Is that right?", 1)), (3_000, AgentFinished()), *pressed("1", 4_000),
        (4_200, AgentStarted()), (4_200, AgentAsked(None, True, "What is your number?", 0)), (5_000, AgentFinished()),
    ]  # fmt: skip
    assert ends(run([*asking, *pressed("42", 6_000)], until_ms=9_000))[2:] == [(8_400, "EndTurn(Pressed 4 2)")]


def test_a_digit_that_is_held_keeps_the_answer_open() -> None:
    told: list[Timed] = [(1_000, Pressed("1")), (4_000, Released("1"))]
    assert ends(run(told, until_ms=9_000)) == [(6_000, "EndTurn(Pressed 1)")]
    stuck: list[Timed] = [(1_000, Pressed("1"))]
    assert ends(run(stuck, until_ms=20_000)) == [(1_000 + LONGEST_PRESS_MS, "EndTurn(Pressed 1)")]


def test_a_digit_takes_the_floor_at_once() -> None:
    asked = run([*AGENT_TALKS, *pressed("5#", 3_000)], until_ms=4_000)
    assert asked[-4:] == [
        (3_000, "StartUtterance"), (3_000, "BargeIn"), (3_300, "Speculate(Pressed 5 #)"), (3_300, "EndTurn(Pressed 5 #)"),
    ]  # fmt: skip


def test_a_digit_decides_for_a_sound_that_was_not_sure() -> None:
    """A click of the keypad is taken for speech: the agent pauses, and needn't wait to know."""
    asked = run(
        [*AGENT_TALKS, (3_000, SpeechStarted(2_940)), (3_040, Pressed("5")), (3_100, SpeechStopped(3_080))],
        until_ms=3_200,
    )
    assert [what for at, what in asked if at >= 3_000][:3] == ["StartUtterance", "PausePlayout", "BargeIn"]


def test_where_the_caller_may_not_interrupt_digits_are_answered_afterwards() -> None:
    asked = run([*AGENT_TALKS, *pressed("5", 3_000), (9_000, AgentFinished())], until_ms=10_000, barge_in=False)
    assert [each for each in asked if each[0] >= 3_000] == [
        (3_000, "StartUtterance"), (9_000, "Speculate(Pressed 5)"), (9_000, "EndTurn(Pressed 5)"),
    ]  # fmt: skip


def test_the_consent_line_is_said_to_the_end() -> None:
    told: list[Timed] = [(0, Answered()), (100, AgentStarted()), *pressed("1#", 500), (3_000, AgentFinished())]
    asked = run(told, until_ms=4_000, has_consent_line=True)
    assert "BargeIn" not in [what for _, what in asked]
    assert ends(asked) == [(3_000, "EndTurn(Pressed 1 #)")]


def test_digits_pressed_into_the_consent_line_are_answered_instead_of_a_greeting() -> None:
    told: list[Timed] = [(0, Answered()), (100, AgentStarted()), *pressed("1", 500), (1_000, AgentFinished())]
    asked = run(told, until_ms=4_000, has_consent_line=True, agent_speaks_first=True)
    after = [what for at, what in asked if at >= 1_000]
    assert after[:2] == ["Speculate(Pressed 1)", "EndTurn(Pressed 1)"]
    assert "Say greeting" not in after


def test_digits_before_an_answer_is_heard_belong_to_the_turn() -> None:
    told: list[Timed] = [
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_760, heard("I have one here.", 1_660)), *pressed("42", 1_900),
    ]  # fmt: skip
    assert run(told, until_ms=4_800)[-4:] == [
        (1_800, "EndTurn(I have one here.)"), (1_900, "Reopen"), (4_300, "Speculate(I have one here. Pressed 4 2)"),
        (4_300, "EndTurn(I have one here. Pressed 4 2)"),
    ]  # fmt: skip


def test_more_digits_after_the_hash_are_another_number_of_the_same_turn() -> None:
    asked = run([*pressed("1#", 1_000), *pressed("2#", 1_700)], until_ms=3_000)
    assert ends(asked) == [(1_300, "EndTurn(Pressed 1 #)"), (2_000, "EndTurn(Pressed 1 # 2 #)")]
    assert (1_700, "Reopen") in asked


@pytest.mark.parametrize(
    ("told", "knobs", "filled_ms"),
    [
        pytest.param(pressed("12#", 1_000), {}, 3_600, id="no wait for another digit: 2 s after the last"),
        pytest.param(pressed("12", 1_000), {}, 4_000, id="part of the silence was that wait: 2.7 s after the last"),
        pytest.param(
            [*AGENT_TALKS, *pressed("5", 3_000), (9_000, AgentFinished())], {"barge_in": False}, 11_000,
            id="the agent was heard until then: 2 s after it",
        ),
    ],
)  # fmt: skip
def test_a_filler_counts_from_the_last_sound_there_was(
    told: list[Timed], knobs: dict[str, Any], filled_ms: int
) -> None:
    asked = run(told, until_ms=filled_ms + 1_000, **knobs)
    assert [at_ms for at_ms, what in asked if what == "Fill"] == [filled_ms]


@pytest.mark.parametrize("sound", ["", "[BLANK_AUDIO]", "Mm-hm.", "Okay."])
def test_a_sound_beside_digits_is_no_word(sound: str) -> None:
    told: list[Timed] = [
        *pressed("12", 1_000), (1_400, SpeechStarted(1_350)), (1_600, SpeechStopped(1_500)), (1_900, heard(sound, 1_660)),
    ]  # fmt: skip
    assert ends(run(told, until_ms=6_000)) == [(3_400, "EndTurn(Pressed 1 2)")]


def test_words_beside_digits_are_kept() -> None:
    told: list[Timed] = [
        *pressed("12", 1_000), (2_000, SpeechStarted(1_950)), (2_900, SpeechStopped(2_800)), (3_100, heard("That's it.", 2_960)),
    ]  # fmt: skip
    assert ends(run(told, until_ms=6_000)) == [(3_400, "EndTurn(That's it. Pressed 1 2)")]


def test_digits_do_not_wait_for_words_that_never_come() -> None:
    told: list[Timed] = [*pressed("12#", 1_000), (1_400, SpeechStarted(1_350)), (1_700, SpeechStopped(1_650))]
    asked = run(told, until_ms=9_000)
    assert ends(asked) == [(4_320, "EndTurn(Pressed 1 2 #)")]
    assert not any(what.startswith(("Say", "Drop")) for _, what in asked)


def test_who_presses_digits_is_not_asked_whether_they_are_there() -> None:
    knobs = {"reminders": ("Are you still there?",), "reminder_after_ms": 3_000, "digit_timeout_ms": 4_000}
    asked = run(pressed("123", 2_500, every_ms=2_000), until_ms=10_000, **knobs)
    assert not any(what.startswith("Say") for _, what in asked)


def test_a_reminder_that_is_not_said_yet_is_taken_back() -> None:
    asked = run(pressed("1", 3_100), until_ms=3_300, reminders=("Are you still there?",), reminder_after_ms=3_000)
    assert asked == [(3_000, "Say reminder"), (3_100, "StartUtterance"), (3_100, "Withdraw")]


def test_a_digit_keeps_the_line_when_the_agent_was_about_to_hang_up_for_silence() -> None:
    told: list[Timed] = [(5_100, AgentStarted()), *pressed("1#", 5_500)]
    asked = run(told, until_ms=8_000, hang_up_after_silence_ms=5_000)
    assert ends(asked) == [(5_800, "EndTurn(Pressed 1 #)")]
    assert not any(what.startswith("HangUp") for _, what in asked)


def test_digits_there_is_no_time_to_answer_stay_said() -> None:
    asked = run([*pressed("12", 1_000), (2_000, Dismissed("member_hung_up"))], until_ms=2_100)
    assert asked[-2:] == [(2_000, "Drop(Pressed 1 2)"), (2_000, "Say goodbye")]


def test_where_keys_mean_nothing_they_change_nothing() -> None:
    assert run([*AGENT_TALKS, *pressed("5#", 3_000)], until_ms=6_000, takes_digits=False) == run(
        AGENT_TALKS, until_ms=6_000
    )


def test_what_an_end_of_digits_says_of_itself() -> None:
    turns = TurnTaker(TurnSettings(agent_speaks_first=False))
    told = [action for event in (Pressed("7"), Pressed("#")) for action in turns.receive(event)]
    (end,) = [action for action in told if isinstance(action, EndTurn)]
    assert (end.utterance.text, end.utterance.digits, end.pause.because) == ("Pressed 7 #", "7#", "digits")


# ---- the keypad by itself


def test_a_digit_that_came_late_is_put_in_its_place() -> None:
    keypad = Keypad(2_000, "#")
    for digit, before in (("1", 0), ("3", 0), ("2", 1), ("0", 9)):
        keypad.press(digit, 100, before=before)
    assert keypad.digits == "0123"


def test_a_turn_has_so_many_digits_and_no_more() -> None:
    keypad = Keypad(2_000, "#")
    for at in range(MOST_DIGITS + 5):
        keypad.press("1", at * 100)
        keypad.release(at * 100 + 50)
    assert keypad.digits == "1" * MOST_DIGITS
    assert keypad.over_ms == (MOST_DIGITS - 1) * 100 + 50 + 2_000
    keypad.clear()
    keypad.release(9_000)
    assert keypad.digits == ""
