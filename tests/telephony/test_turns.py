"""The turn-taker: tables of what it is told and what it asks for, and what must hold whatever it is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.knobs import TurnSettings
from telephony.session.signals import (
    Action,
    AgentAsked,
    AgentEnding,
    AgentFinished,
    AgentStarted,
    Answered,
    BargeIn,
    BeingPutThrough,
    Dismissed,
    DropUtterance,
    EarLost,
    EndTurn,
    Fill,
    FlushTranscript,
    HangUp,
    Line,
    NotPutThrough,
    PausePlayout,
    Reopen,
    ReplyFailed,
    ResumePlayout,
    SayLine,
    Signal,
    SomebodyElse,
    Speculate,
    StartUtterance,
    Ticked,
    Transcribed,
    Withdraw,
)
from telephony.session.turns import TurnTaker

Timed = tuple[int, Signal]


def run(signals: list[Timed], *, until_ms: int, **knobs: Any) -> list[tuple[int, str]]:
    """(when, what) it asked for, ticking every 20 ms. The agent has greeted, unless ``knobs`` say otherwise."""
    turns = TurnTaker(TurnSettings(**({"agent_speaks_first": False} | knobs)))
    asked: list[tuple[int, str]] = []
    queue = sorted(signals, key=lambda each: each[0])
    for now in range(0, until_ms + 20, 20):
        due = [signal for at, signal in queue if now - 20 < at <= now]
        for signal in (Ticked(now), *due):
            asked += [(now, name(action)) for action in turns.receive(signal)]
    return asked


def name(action: Action) -> str:
    match action:
        case EndTurn(utterance) | Speculate(utterance):
            return f"{type(action).__name__}({utterance.text})"
        case SayLine(line):
            return f"Say {line.value}"
        case HangUp(reason):
            return f"HangUp {reason}"
        case DropUtterance(text):
            return f"Drop({text})"
        case _:
            return type(action).__name__


def heard(text: str, until_ms: int, utterance: int = 1) -> Transcribed:
    return Transcribed(text, utterance, until_ms, is_final=True)


def guess(text: str, until_ms: int, utterance: int = 1) -> Transcribed:
    return Transcribed(text, utterance, until_ms, is_final=False)


AGENT_TALKS: list[Timed] = [
    (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_740, heard("Hi there", 1_660)), (2_100, AgentStarted()),
]  # fmt: skip
"""From 2.1 s on the agent answers. The next utterance is number 2."""


@pytest.mark.parametrize(
    ("text", "committed_ms"),
    [
        pytest.param("I need an appointment.", 1_800, id="a sentence that is complete is answered soon"),
        pytest.param("I need an appointment", 2_000, id="one that might be is given the whole pause"),
        pytest.param("I need an appointment and", 2_500, id="one that isn't is given twice as much"),
        pytest.param("I need, um", 2_500, id="a filler at the end"),
        pytest.param("I need an appointment...", 2_500, id="words that trail off"),
    ],
)
def test_the_pause_depends_on_what_was_said(text: str, committed_ms: int) -> None:
    asked = run(
        [(1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_760, heard(text, 1_660))], until_ms=3_000
    )
    assert asked == [
        (1_000, "StartUtterance"), (1_660, "FlushTranscript"), (1_760, f"Speculate({text})"), (committed_ms, f"EndTurn({text})"),
    ]  # fmt: skip


def test_a_phone_number_may_be_said_in_pieces() -> None:
    signals: list[Timed] = [
        (500, AgentAsked("phone", True)),
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_760, heard("555 123.", 1_660)),
        (2_300, SpeechStarted(2_240)), (2_900, SpeechStopped(2_800)), (3_060, heard("555 123 4567 89.", 2_960)),
    ]  # fmt: skip
    ends = [what for what in run(signals, until_ms=6_000) if what[1].startswith("EndTurn")]
    assert ends == [(3_800, "EndTurn(555 123 4567 89.)")] or ends == [(3_100, "EndTurn(555 123 4567 89.)")]


def test_a_turn_that_was_being_answered_does_not_end_into_the_goodbye_of_a_lost_transcriber() -> None:
    signals: list[Timed] = [
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_660, heard("Hi.", 1_660)), (1_900, EarLost()),
        (2_000, AgentStarted()), (2_200, SpeechStarted(2_140)), (2_600, SpeechStopped(2_500)), (6_000, AgentFinished("stt_failed")),
    ]  # fmt: skip
    asked = run(signals, until_ms=7_000)
    assert asked[3:6] == [(1_800, "EndTurn(Hi.)"), (1_900, "Drop(Hi.)"), (1_900, "Say goodbye")]
    assert asked[-1] == (6_000, "HangUp stt_failed") and "EndTurn" not in str(asked[4:])


def test_a_turn_waits_for_its_transcript() -> None:
    asked = run(
        [(1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (3_000, heard("Yes.", 1_660))], until_ms=3_200
    )
    assert asked[-2:] == [(3_000, "Speculate(Yes.)"), (3_000, "EndTurn(Yes.)")]


def test_an_old_transcript_does_not_end_a_turn_that_went_on() -> None:
    signals: list[Timed] = [
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_700, SpeechStarted(1_640)), (2_100, SpeechStopped(2_000)),
        (2_120, heard("Yes.", 1_660)), (2_300, heard("Yes, please.", 2_160)),
    ]  # fmt: skip
    ends = [what for what in run(signals, until_ms=4_000) if what[1].startswith("EndTurn")]
    assert ends == [(2_300, "EndTurn(Yes, please.)")]


def test_the_wait_for_a_transcript_is_bounded() -> None:
    signals: list[Timed] = [(1_000, SpeechStarted(940)), (1_300, guess("I need", 1_300)), (1_600, SpeechStopped(1_500))]
    asked = run(signals, until_ms=6_000)
    assert (4_160, "EndTurn(I need)") in asked


def test_speech_without_a_transcript_is_owned_up_to() -> None:
    asked = run([(1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500))], until_ms=5_000)
    assert asked[-2:] == [(4_160, "Drop()"), (4_160, "Say apology")]


def test_noise_is_no_turn() -> None:
    asked = run(
        [(1_000, SpeechStarted(940)), (1_300, SpeechStopped(1_200)), (1_500, heard("[BLANK_AUDIO]", 1_360))],
        until_ms=3_000,
    )
    assert asked[-1] == (1_500, "Drop()")


def test_going_on_takes_the_turn_back() -> None:
    signals: list[Timed] = [
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_740, heard("Hi.", 1_660)),
        (1_900, SpeechStarted(1_860)), (2_400, SpeechStopped(2_300)), (2_560, heard("Hi. Are you open?", 2_460)),
    ]  # fmt: skip
    asked = [what for _, what in run(signals, until_ms=3_500)]
    assert asked == [
        "StartUtterance", "FlushTranscript", "Speculate(Hi.)", "EndTurn(Hi.)", "Reopen", "FlushTranscript",
        "Speculate(Hi. Are you open?)", "EndTurn(Hi. Are you open?)",
    ]  # fmt: skip


def test_a_cough_after_the_turn_leaves_the_answer_as_it_is() -> None:
    signals: list[Timed] = [
        (1_000, SpeechStarted(940)), (1_600, SpeechStopped(1_500)), (1_740, heard("Hi.", 1_660)),
        (1_900, SpeechStarted(1_860)), (2_100, SpeechStopped(2_000)), (2_300, heard("Hi.", 2_160)),
    ]  # fmt: skip
    asked = [what for _, what in run(signals, until_ms=3_500)]
    assert asked.count("Speculate(Hi.)") == 1
    assert asked[-1] == "EndTurn(Hi.)"


@pytest.mark.parametrize(
    ("signals", "knobs", "expected"),
    [
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_300, SpeechStopped(3_200)), (3_400, heard("", 3_300, 2))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "FlushTranscript"), (3_400, "Drop()"), (3_400, "ResumePlayout")],
            id="a cough resumes",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_300, SpeechStopped(3_200))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "FlushTranscript"), (3_600, "ResumePlayout")],
            id="a cough resumes though the transcriber says nothing",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_600, SpeechStopped(3_500)), (3_760, heard("Mm-hmm. Okay.", 3_600, 2))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_600, "FlushTranscript"), (3_760, "Drop(Mm-hmm. Okay.)"),
             (3_760, "ResumePlayout")],
            id="a nod resumes",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_200, guess("Wait", 3_200, 2))], {"yield_ms": 600},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_200, "BargeIn")],
            id="wait yields at once",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_200, guess("What about", 3_200, 2))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "BargeIn")],
            id="words yield after a moment",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_600, SpeechStopped(3_500)), (3_700, heard("What?", 3_600, 2))],
            {"fewest_words": 2},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_600, "FlushTranscript"), (3_700, "Drop(What?)"), (3_700, "ResumePlayout")],
            id="fewer words than needed don't interrupt",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_200, guess("Stop", 3_200, 2))], {"fewest_words": 5},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_200, "BargeIn")],
            id="stop is always enough",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_300, SpeechStopped(3_200)), (3_400, heard("No.", 3_300, 2))], {"backoff_ms": 1_000},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "FlushTranscript"), (3_400, "BargeIn"),
             (3_420, "Speculate(No.)"), (4_400, "EndTurn(No.)")],
            id="interrupted, the agent backs off",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940))], {"yield_ms": 200},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_540, "BargeIn")],
            id="speech of unknown words yields",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_500, guess("okay okay yeah", 3_400, 2))], {"yield_ms": 600},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (4_200, "BargeIn")],
            id="a nod that doesn't end yields at last",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (3_300, SpeechStopped(3_200)), (3_900, heard("No.", 3_300, 2))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "FlushTranscript"), (3_600, "ResumePlayout"), (3_900, "BargeIn"),
             (3_920, "Speculate(No.)"), (3_920, "EndTurn(No.)")],
            id="a no that is understood late still yields",
        ),
        pytest.param(
            [(2_500, AgentAsked(None, True)), (3_000, SpeechStarted(2_940)), (3_300, SpeechStopped(3_200)),
             (3_400, heard("Yes.", 3_300, 2)), (4_400, AgentFinished())], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_300, "FlushTranscript"), (3_400, "ResumePlayout"),
             (4_400, "Speculate(Yes.)"), (4_400, "EndTurn(Yes.)")],
            id="a yes into a question counts when it is asked",
        ),
        pytest.param(
            [(3_000, SpeechStarted(2_940)), (4_000, SpeechStopped(3_900)), (4_200, heard("And on Sunday?", 4_000, 2)), (5_000, AgentFinished())],
            {"barge_in": False},
            [(3_000, "StartUtterance"), (4_000, "FlushTranscript"), (5_000, "Speculate(And on Sunday?)"), (5_000, "EndTurn(And on Sunday?)")],
            id="without barge-in the caller is answered afterwards",
        ),
        pytest.param(
            [(2_200, AgentEnding()), (3_000, SpeechStarted(2_940)), (3_500, SpeechStopped(3_400)),
             (3_600, heard("Thanks, bye bye", 3_500, 2)), (4_400, AgentFinished("caller_goodbye"))], {},
            [(3_000, "StartUtterance"), (3_000, "PausePlayout"), (3_500, "FlushTranscript"), (3_600, "Drop(Thanks, bye bye)"),
             (3_600, "ResumePlayout"), (4_400, "HangUp caller_goodbye")],
            id="a bye into the goodbye lets it end",
        ),
    ],
)  # fmt: skip
def test_whose_floor(signals: list[Timed], knobs: dict[str, Any], expected: list[tuple[int, str]]) -> None:
    asked = run([*AGENT_TALKS, *signals], until_ms=5_100, **knobs)
    before = [
        (1_000, "StartUtterance"),
        (1_660, "FlushTranscript"),
        (1_740, "Speculate(Hi there)"),
        (2_000, "EndTurn(Hi there)"),
    ]
    assert asked == before + expected


def test_reminders_come_in_turn_and_then_the_goodbye() -> None:
    signals: list[Timed] = [
        (2_200, AgentStarted()), (3_000, AgentFinished()),
        (5_100, AgentStarted()), (6_000, AgentFinished()), (8_100, AgentStarted()), (9_000, AgentFinished()),
    ]  # fmt: skip
    knobs = {"reminder_after_ms": 2_000, "reminders": ("a", "b"), "hang_up_after_silence_ms": 8_000}
    asked = run(signals, until_ms=12_000, **knobs)
    assert asked == [
        (2_000, "Say reminder"),
        (5_000, "Say reminder"),
        (8_000, "Say goodbye"),
        (9_000, "HangUp silence"),
    ]


def test_a_reminder_not_begun_gives_way_to_the_caller() -> None:
    asked = run([(2_040, SpeechStarted(1_980))], until_ms=2_100, reminder_after_ms=2_000, reminders=("a",))
    assert asked == [(2_000, "Say reminder"), (2_040, "StartUtterance"), (2_040, "Withdraw")]


def test_an_answer_that_takes_long_is_filled_once() -> None:
    asked = run(AGENT_TALKS[:3], until_ms=9_000)
    assert [what for what in asked if what[1] == "Fill"] == [(3_500, "Fill")]


def test_two_failures_in_a_row_end_the_call_with_words() -> None:
    signals: list[Timed] = [
        *AGENT_TALKS[:3], (2_500, ReplyFailed("model")), (2_600, AgentStarted()), (3_000, AgentFinished()),
        (4_000, SpeechStarted(3_940)), (4_600, SpeechStopped(4_500)), (4_740, heard("Hello?", 4_660, 2)),
        (5_500, ReplyFailed("model")), (5_600, AgentStarted()), (6_000, AgentFinished()),
    ]  # fmt: skip
    said = [what for what in run(signals, until_ms=7_000) if what[1].startswith(("Say", "Hang"))]
    assert said == [(2_500, "Say apology"), (5_500, "Say goodbye"), (6_000, "HangUp model_failed")]


def test_an_answer_between_two_failures_forgives_the_first() -> None:
    signals: list[Timed] = [
        *AGENT_TALKS[:3], (2_500, ReplyFailed("model")), (2_600, AgentStarted()), (3_000, AgentFinished()),
        (4_000, SpeechStarted(3_940)), (4_600, SpeechStopped(4_500)), (4_740, heard("Hello?", 4_660, 2)),
        (5_500, AgentStarted()), (6_000, AgentFinished()),
        (7_000, SpeechStarted(6_940)), (7_600, SpeechStopped(7_500)), (7_740, heard("Are you open?", 7_660, 3)),
        (8_500, ReplyFailed("model")),
    ]  # fmt: skip
    said = [what for what in run(signals, until_ms=8_600) if what[1].startswith(("Say", "Hang"))]
    assert said == [(2_500, "Say apology"), (8_500, "Say apology")]


def test_the_longest_call() -> None:
    asked = run([(10_100, AgentStarted()), (11_000, AgentFinished())], until_ms=20_000, max_duration_ms=10_000)
    assert asked == [(10_000, "Say goodbye"), (11_000, "HangUp max_duration")]


def test_the_longest_call_ends_though_nothing_more_happens() -> None:
    asked = run([(9_000, SpeechStarted(8_940))], until_ms=40_000, max_duration_ms=10_000)
    assert asked[-1] == (25_000, "HangUp max_duration")


# ---- whatever it is told

TEXTS = ["", "Yes.", "mm-hm", "stop", "I need an appointment and", "bye", "[noise]", "555", "What about Monday?"]


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, int]]:
    kinds = ["speech", "transcript", "guess", "started", "finished", "ending", "failed", "asked", "wait", "lost"]
    weights = st.sampled_from(kinds[:5] * 4 + kinds)
    return draw(st.lists(st.tuples(weights, st.integers(0, 2_000)), max_size=60))


class World:
    """Plays the session: keeps to its promises, in an order hypothesis chooses."""

    def __init__(self, settings_: TurnSettings) -> None:
        self.turns = TurnTaker(settings_)
        self.now = 0
        self.is_speech = False
        self.floor = "nobody"
        """What was asked for last: "reply" or "line", held or out, and whether its first sound was sent."""
        self.is_out = self.is_audible = self.is_paused = False
        self.is_deaf = False
        """The transcriber is gone: the goodbye takes the place of whatever is being said."""
        self.revision = 0
        self.over: str | None = None

    def tell(self, signal: Signal) -> None:
        for action in self.turns.receive(signal):
            assert self.over is None, "it asked for something after the end"
            self.check(action)

    def check(self, action: Action) -> None:
        match action:
            case Speculate(utterance):
                assert utterance.revision > self.revision, "a revision came twice"
                assert utterance.text.strip()
                assert not self.is_audible, "it thinks of an answer while it talks"
                self.revision = utterance.revision
                self.floor, self.is_out = "reply", False
            case EndTurn(utterance, stopped_ms, pause_over_ms, pause):
                assert pause.ms <= max(2_500, self.turns.settings.endpointing_ms)
                assert utterance.revision == self.revision, "the turn was not what was speculated on"
                assert self.floor == "reply"
                assert not self.is_out
                assert not self.is_speech, "the caller is speaking"
                assert stopped_ms <= pause_over_ms <= self.now
                self.is_out = True
            case Reopen():
                assert self.floor == "reply"
                assert self.is_out
                assert not self.is_audible
                self.is_out = False
            case PausePlayout():
                assert not self.is_paused
                self.is_paused = True
            case ResumePlayout():
                assert self.is_paused
                self.is_paused = False
            case BargeIn():
                assert self.is_out
                self.stop()
            case Withdraw():
                assert not self.is_audible
                self.stop()
            case SayLine(line):
                is_urgent = self.is_deaf or self.now >= self.turns.settings.max_duration_ms
                assert not self.is_audible or is_urgent, "two voices"
                assert not (line is Line.REMINDER and self.floor == "reply" and self.is_out), (
                    "a reminder while an answer is pending"
                )
                self.stop()
                self.floor, self.is_out = "line", True
            case DropUtterance():
                if self.floor == "reply" and not self.is_out:
                    self.floor = "nobody"
            case HangUp(reason):
                self.over = reason
            case Fill() | FlushTranscript() | StartUtterance():
                pass

    def stop(self) -> None:
        self.floor, self.is_out, self.is_audible, self.is_paused = "nobody", False, False, False

    def do(self, kind: str, number: int) -> None:
        match kind:
            case "speech":
                self.is_speech = not self.is_speech
                at = max(0, self.now - 60)
                self.tell(SpeechStarted(at) if self.is_speech else SpeechStopped(at))
            case "transcript" | "guess":
                until = self.now - number // 4
                self.tell(Transcribed(TEXTS[number % len(TEXTS)], self.turns.utterance, until, kind == "transcript"))
            case "started" if self.is_out and not self.is_audible and not self.is_paused:
                self.is_audible = True
                self.tell(AgentStarted())
            case "finished" if self.is_out and not self.is_paused:
                self.stop()
                self.tell(AgentFinished("caller_goodbye" if number % 5 == 0 else ""))
            case "failed" if self.is_out and not self.is_paused:
                self.stop()
                self.tell(ReplyFailed("model" if number % 2 else "tts"))
            case "ending" if self.is_audible:
                self.tell(AgentEnding())
            case "asked" if self.is_audible:
                self.tell(AgentAsked(["phone", "email", None][number % 3], number % 2 == 0))
            case "lost" if number > 1_900:
                self.is_deaf = True
                self.tell(EarLost())
        for _ in range(number // 20 if kind == "wait" else number // 100):
            self.tick()

    def tick(self) -> None:
        self.now += 20
        self.tell(Ticked(self.now))


@settings(max_examples=400, deadline=None)
@given(stories(), st.booleans(), st.booleans(), st.sampled_from([200, 350, 600]))
def test_whatever_happens_the_promises_hold(
    story: list[tuple[str, int]], barge_in: bool, consent: bool, yield_ms: int
) -> None:
    world = World(
        TurnSettings(
            barge_in=barge_in, has_consent_line=consent, yield_ms=yield_ms,
            reminder_after_ms=3_000, reminders=("a", "b"), hang_up_after_silence_ms=9_000, max_duration_ms=30_000,
        )
    )  # fmt: skip
    world.tell(Answered())
    for kind, number in story:
        if world.over is None:
            world.do(kind, number)
    pauses = 0
    while world.over is None:  # from here on nobody does anything: every call ends
        world.tick()
        pauses = pauses + 20 if world.is_paused else 0
        assert pauses <= 1_300, "the agent was left paused"
        assert world.now <= 30_000 + 15_020 + 200_000
    assert world.over


GOES_ON: list[Timed] = [(0, Answered()), (100, AgentStarted()), (1_000, AgentFinished())]


def test_somebody_else_on_the_line_hears_what_is_said_at_the_beginning() -> None:
    met = [*GOES_ON, (5_000, SomebodyElse()), (5_100, AgentStarted()), (6_000, AgentFinished())]
    both = run(met, until_ms=7_000, agent_speaks_first=True, has_consent_line=True)
    assert [each for each in both if each[0] >= 5_000 and each[1].startswith("Say")] == [
        (5_000, "Say consent"), (6_000, "Say greeting"),
    ]  # fmt: skip
    asked = run(met, until_ms=7_000, agent_speaks_first=True)
    assert [each for each in asked if each[1].startswith("Say")] == [(0, "Say greeting"), (5_000, "Say greeting")]
    assert not [what for _, what in run(met, until_ms=7_000) if what.startswith("Say")]


def test_what_was_being_said_to_whoever_was_there_is_broken_off() -> None:
    told: list[Timed] = [
        *GOES_ON,
        (1_200, SpeechStarted(1_160)), (2_000, SpeechStopped(1_900)), (2_100, heard("When are you open?", 1_900)),
        (2_900, AgentStarted()), (3_200, SomebodyElse()),
    ]  # fmt: skip
    asked = run(told, until_ms=4_000, agent_speaks_first=True)
    assert (3_200, "Say greeting") in asked


def test_what_they_were_saying_stays_said() -> None:
    told: list[Timed] = [*GOES_ON, (1_200, SpeechStarted(1_160)), (2_000, SomebodyElse())]
    asked = [each for each in run(told, until_ms=2_200, agent_speaks_first=True) if each[0] >= 2_000]
    assert asked == [(2_000, "Drop()"), (2_000, "Say greeting")]


def test_a_goodbye_is_a_goodbye_for_whoever_is_there() -> None:
    told: list[Timed] = [*GOES_ON, (2_000, Dismissed("worker_stopped")), (2_100, SomebodyElse())]
    asked = [each for each in run(told, until_ms=4_000, agent_speaks_first=True) if each[0] >= 2_000]
    assert asked == [(2_000, "Say goodbye")]


def test_who_comes_while_the_caller_is_being_put_through_hears_it_when_that_has_failed() -> None:
    told: list[Timed] = [
        *GOES_ON,
        (2_000, BeingPutThrough()), (3_000, SomebodyElse()), (5_000, NotPutThrough("Nobody picked up.")),
        (5_100, AgentStarted()), (6_000, AgentFinished()),
    ]  # fmt: skip
    asked = run(told, until_ms=7_000, agent_speaks_first=True, has_consent_line=True)
    said = [each for each in asked if each[0] >= 2_000 and each[1].startswith("Say")]
    assert said == [(5_000, "Say consent"), (6_000, "Say greeting")]
    waits_for_them = [each for each in run(told, until_ms=7_000) if each[1].startswith("Say")]
    assert waits_for_them == [(5_000, "Say not_through")]


CONSENT: list[Timed] = [(0, Answered()), (100, AgentStarted()), (400, SpeechStarted(360)), (1_000, AgentFinished())]


def test_whoever_speaks_when_the_consent_line_is_over_is_answered_instead_of_greeted() -> None:
    asked = run(
        [*CONSENT, (1_600, SpeechStopped(1_500)), (1_700, heard("I would like a table.", 1_500))],
        until_ms=3_000, agent_speaks_first=True, has_consent_line=True,
    )  # fmt: skip
    assert "EndTurn(I would like a table.)" in [what for _, what in asked]
    assert "Say greeting" not in [what for _, what in asked]


def test_a_cough_when_the_consent_line_is_over_only_delays_the_greeting() -> None:
    asked = run(
        [*CONSENT, (1_100, SpeechStopped(1_040)), (1_300, heard("", 1_040))],
        until_ms=3_000, agent_speaks_first=True, has_consent_line=True,
    )  # fmt: skip
    assert [(at_ms, what) for at_ms, what in asked if what == "Say greeting"] == [(1_320, "Say greeting")]
