"""What a caller's pauses teach: tables of pauses, and what must hold for every caller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.spec import AgentSpec
from agents.turn_taking import EndpointingRule, SpellingPatience
from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.knobs import PauseRule, TurnSettings
from telephony.session.pauses import LONGEST_PERCENT, SHORTEST_PERCENT, Pace, Patience, needed
from telephony.session.signals import AgentFinished, AgentStarted, EndTurn, Reopen, Signal, Ticked, Transcribed
from telephony.session.turns import TurnTaker


def learned(*turns: tuple[int, ...]) -> int:
    """After turns of eight words, with pauses in percent of what would have ended them."""
    pace = Pace()
    for pauses in turns:
        for pause in pauses:
            pace.went_on(pause, 100)
        pace.finished(8)
    return pace.percent


@pytest.mark.parametrize(
    ("turns", "percent"),
    [
        pytest.param([], 100, id="nothing is known"),
        pytest.param([()], 100, id="one sentence in one breath says little"),
        pytest.param([()] * 5, 70, id="five of them speak for a quick speaker"),
        pytest.param([(40,)] * 5, 70, id="short pauses do too"),
        pytest.param([(75,)] * 5, 86, id="the room above the pauses stays"),
        pytest.param([(140,)], 161, id="who was nearly cut off is given more time at once"),
        pytest.param([(140,), ()], 161, id="in the next turn too"),
        pytest.param([(140,), (), ()], 100, id="but not for ever"),
        pytest.param([(140,), (), (140,), ()], 161, id="pauses in every other turn keep it up"),
        pytest.param([(30, 90, 60)], 103, id="the longest pause of a turn counts"),
        pytest.param([(5_000,)], LONGEST_PERCENT, id="there is a longest"),
        pytest.param([(150,)] * 10 + [()] * 8, SHORTEST_PERCENT, id="who gets going is followed"),
    ],
)
def test_pauses_teach(turns: list[tuple[int, ...]], percent: int) -> None:
    assert learned(*turns) == percent


def test_short_answers_teach_nothing() -> None:
    pace = Pace()
    for _ in range(20):
        pace.finished(1)
    assert pace.percent == 100


def test_being_cut_in_counts_as_a_pause_of_the_turn_it_ended() -> None:
    pace = Pace()
    pace.finished(8)
    pace.was_cut_in(130, 100)
    pace.finished(1)
    assert pace.percent == 149
    assert list(pace._turns) == [130]


@given(st.lists(st.lists(st.integers(0, 87), max_size=4), max_size=30))
def test_who_never_pauses_for_long_never_waits_longer(turns: list[list[int]]) -> None:
    assert SHORTEST_PERCENT <= learned(*map(tuple, turns)) <= 101


@given(st.lists(st.lists(st.integers(0, 10_000), max_size=4), max_size=30))
def test_what_is_learned_has_limits(turns: list[list[int]]) -> None:
    assert SHORTEST_PERCENT <= learned(*map(tuple, turns)) <= LONGEST_PERCENT


@pytest.mark.parametrize(
    ("text", "base_ms", "percent", "ms"),
    [
        ("I need an appointment", 500, 100, 500),
        ("I need an appointment", 500, 70, 350),
        ("I need an appointment", 500, 180, 900),
        ("I need an appointment.", 500, 70, 250),
        ("I need an appointment.", 500, 180, 540),
        ("I need an appointment and", 500, 70, 1_000),
        ("I need an appointment and", 500, 180, 1_800),
        ("I need an appointment", 200, 70, 200),
        ("I need an appointment", 2_000, 180, 2_500),
        ("I need an appointment", 3_000, 180, 3_000),
    ],
)
def test_the_needed_silence(text: str, base_ms: int, percent: int, ms: int) -> None:
    assert needed(text, base_ms, "en-US", pace_percent=percent).ms == ms


def rules(*rules: tuple[str, str, int]) -> tuple[PauseRule, ...]:
    return tuple(
        PauseRule.of(EndpointingRule(side=side, pattern=pattern, timeout_ms=ms))  # type: ignore[arg-type]
        for side, pattern, ms in rules
    )


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        pytest.param(["What is your policy number?"], "A B", (2_000, "rule"), id="what the agent asked"),
        pytest.param(["Your policy number?", "Take your time."], "A B", (2_000, "rule"), id="in any phrase of it"),
        pytest.param(["Anything else?"], "yes, hold on", (5_000, "rule"), id="what the caller said"),
        pytest.param(["Your policy number?"], "hold on", (5_000, "rule"), id="the first that fits counts"),
        pytest.param(["Anything else?"], "no, that is all.", (300, "complete"), id="else as ever"),
    ],
)
def test_rules_come_before_everything_else(asked: list[str], said: str, expected: tuple[int, str]) -> None:
    patience = Patience(TurnSettings(rules=rules(("caller", "hold on$", 5_000), ("agent", "policy number", 2_000))))
    patience.hear_agent("Your policy number, I need it.", None, since_ms=1_000)
    for phrase in asked:
        patience.hear_agent(phrase, "phone", since_ms=9_000)
    patience.hear_agent("", None, since_ms=9_000)
    assert (patience.needed(said).ms, patience.needed(said).because) == expected


@pytest.mark.parametrize(
    ("asked", "said", "ms"),
    [
        ("What is your policy number?", "A B", 4_000),
        ("What is your policy number?", "I have none.", 300),
        ("What is your name?", "A B", 500),
    ],
)
def test_a_rule_for_both_needs_the_words_of_both(asked: str, said: str, ms: int) -> None:
    rule = {"side": "both", "pattern": "policy number", "caller_pattern": "^[a-z]( [a-z])*$", "timeout_ms": 4_000}
    patience = Patience(TurnSettings.of(AgentSpec.model_validate({"listens": {"endpointing_rules": [rule]}})))
    patience.hear_agent(asked, None, since_ms=0)
    assert patience.needed(said).ms == ms


@pytest.mark.parametrize(
    ("knob", "text", "pause"),
    [
        ("complete_pause_ms", "We are two.", (100, "complete")),
        ("open_pause_ms", "We are two and", (100, "open")),
        ("number_pause_ms", "My number is 415 555.", (100, "number")),
        ("complete_pause_ms", "My number is 415 555.", (500, "number")),
        ("number_pause_ms", "We are two.", (300, "complete")),
        ("open_pause_ms", "We are two", (500, "unsure")),
    ],
)
def test_the_pauses_of_a_builder(knob: str, text: str, pause: tuple[int, str]) -> None:
    patience = Patience(TurnSettings.of(AgentSpec.model_validate({"listens": {knob: 100}})))
    needed = patience.needed(text)
    assert (needed.ms, needed.because) == pause


def test_the_pauses_of_a_builder_are_no_measure_of_a_caller() -> None:
    """Nor does what is learned change them."""
    own = TurnSettings.of(AgentSpec.model_validate({"listens": {"complete_pause_ms": 100}}))
    for settings, percent in ((own, 100), (TurnSettings(), 100)):
        patience = Patience(settings)
        for _ in range(5):
            patience.begin(0)
            patience.went_on(250, "We are two.", is_known=True)
            patience.hear("We are two. And a dog.")
            patience.end("We are two. And a dog.", 2_000, 2_500)
        assert patience.pace.percent == percent
    slow = Patience(own)
    slow.pace.went_on(900, 500)
    assert slow.needed("We are two.").ms == 100 and slow.needed("We are two").ms > 500


def test_pauses_under_a_rule_teach_nothing() -> None:
    patience = Patience(TurnSettings(rules=rules(("caller", ".", 3_000))))
    for _ in range(5):
        patience.begin(0)
        patience.went_on(2_500, "one two", is_known=True)
        patience.hear("one two three four five")
    assert patience.pace.percent == 100


@pytest.mark.parametrize(
    ("spelling", "expects", "text", "ms"),
    [
        ("auto", "phone", "555 12", 1_000),
        ("long", "phone", "555 12", 3_000),
        ("off", "phone", "555 12", 500),
        ("long", "phone", "555 123 4567", 300),
        ("long", "email", "ann dot miller", 3_000),
        ("long", "number", "25", 3_000),
        ("auto", "number", "25", 500),
        ("long", None, "I live at 25", 500),
    ],
)
def test_patience_with_spelling(spelling: str, expects: str | None, text: str, ms: int) -> None:
    patience = Patience(TurnSettings(spelling=SpellingPatience(spelling)))
    patience.hear_agent("", expects, since_ms=0)
    assert patience.needed(text).ms == ms


@pytest.mark.parametrize(
    ("listens", "yield_ms", "fewest_words"),
    [
        ({}, 350, 0),
        ({"barge_in_sensitivity": "low"}, 600, 0),
        ({"barge_in_sensitivity": "high"}, 200, 0),
        ({"barge_in_sensitivity": "patient"}, 900, 2),
        ({"barge_in_sensitivity": "snappy"}, 120, 0),
        ({"barge_in_sensitivity": "patient", "interrupt_words": 1, "interrupt_after_ms": 250}, 250, 1),
    ],
)
def test_the_steps_and_the_knobs_below_them(listens: dict[str, object], yield_ms: int, fewest_words: int) -> None:
    settings = TurnSettings.of(AgentSpec.model_validate({"listens": listens}))
    assert (settings.yield_ms, settings.fewest_words) == (yield_ms, fewest_words)


# ---- told by the turn-taker


class Call:
    """Ticks a turn-taker; the caller says things, with pauses between them, and the answer begins 100 ms after each turn."""

    def __init__(self, **knobs: object) -> None:
        self.turns = TurnTaker(TurnSettings(agent_speaks_first=False, **knobs))  # type: ignore[arg-type]
        self.now = 0
        self.ends: list[EndTurn] = []
        self.reopened = 0

    def tell(self, signal: Signal) -> None:
        for action in self.turns.receive(signal):
            if isinstance(action, EndTurn):
                self.ends.append(action)
            elif isinstance(action, Reopen):
                self.reopened += 1

    def wait(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.now += 20
            self.tell(Ticked(self.now))

    def say(self, *parts: str, gap_ms: int = 700, answer_after_ms: int = 100) -> EndTurn:
        """The parts one after the other; each transcript grows. Returns the turn that came of it."""
        for index in range(len(parts)):
            self.tell(SpeechStarted(self.now))
            self.wait(1_000)
            self.tell(SpeechStopped(self.now))
            self.wait(100)
            self.tell(Transcribed(" ".join(parts[: index + 1]), self.turns.utterance, self.now - 60, is_final=True))
            if index < len(parts) - 1:
                self.wait(gap_ms - 100)
        count = len(self.ends)
        while len(self.ends) == count:
            self.wait(20)
        self.wait(answer_after_ms)
        self.tell(AgentStarted())
        self.wait(1_000)
        self.tell(AgentFinished())
        self.wait(1_000)
        return self.ends[-1]


ONE_BREATH = "could I come in tomorrow at nine"


def test_a_slow_speaker_is_waited_for() -> None:
    call = Call()
    first = call.say("there is a question", "about your prices", gap_ms=560)
    assert call.reopened == 1
    assert first.pause.pace_percent > 100
    second = call.say(ONE_BREATH)
    assert second.pause.ms > second.pause.plain_ms == 500
    assert second.pause_over_ms - second.stopped_ms == second.pause.ms


def test_the_pause_learned_holds_in_the_same_turn() -> None:
    call = Call()
    turn = call.say("it is about my", "tooth which hurts", "since last Sunday", gap_ms=480)
    assert turn.pause.pace_percent > 100
    assert call.reopened == 0


def test_a_quick_speaker_is_answered_sooner_and_never_later() -> None:
    call = Call()
    waits = [call.say(ONE_BREATH).pause.ms for _ in range(8)]
    assert waits == sorted(waits, reverse=True)
    assert (waits[0], waits[-1]) == (500, 350)


def test_a_cough_after_the_words_teaches_nothing() -> None:
    call = Call()
    for _ in range(3):
        call.tell(SpeechStarted(call.now))
        call.wait(1_000)
        call.tell(SpeechStopped(call.now))
        call.wait(100)
        call.tell(Transcribed(ONE_BREATH, call.turns.utterance, call.now - 60, is_final=True))
        call.wait(380)
        call.tell(SpeechStarted(call.now))  # coughs
        call.wait(200)
        call.tell(SpeechStopped(call.now))
        call.wait(100)
        call.tell(Transcribed(ONE_BREATH, call.turns.utterance, call.now - 60, is_final=True))
        call.wait(700)
        call.tell(AgentStarted())
        call.wait(500)
        call.tell(AgentFinished())
        call.wait(1_000)
    assert [end.pause.pace_percent for end in call.ends] == [100] * len(call.ends)
    assert len(call.ends) >= 3


@pytest.mark.parametrize(
    ("words", "after_ms", "percent"),
    [
        pytest.param("about your prices", 100, 161, id="they hadn't finished"),
        pytest.param("about your prices", 800, 100, id="they reply"),
        pytest.param("mm-hm", 100, 100, id="they nod"),
    ],
)
def test_going_on_right_after_the_agent_began_teaches_to_wait(words: str, after_ms: int, percent: int) -> None:
    """Also where the answer was so short that it was over by then."""
    call = Call()
    call.tell(SpeechStarted(call.now))
    call.wait(1_000)
    call.tell(SpeechStopped(call.now))
    call.wait(100)
    call.tell(Transcribed("I would like to know something", call.turns.utterance, call.now - 60, is_final=True))
    call.wait(500)
    call.tell(AgentStarted())
    call.wait(after_ms)
    call.tell(SpeechStarted(call.now))
    call.wait(100)
    call.tell(AgentFinished())
    call.wait(600)
    call.tell(SpeechStopped(call.now))
    call.wait(100)
    call.tell(Transcribed(words, call.turns.utterance, call.now - 60, is_final=True))
    call.wait(1_000)
    call.tell(AgentStarted())
    assert call.turns._patience.pace.percent == percent


def test_the_agents_knob_switches_learning_off() -> None:
    call = Call(learns_pauses=False)
    assert {call.say(ONE_BREATH).pause.ms for _ in range(8)} == {500}


def test_a_pause_before_unknown_words_never_lengthens() -> None:
    patience = Patience(TurnSettings())
    for _ in range(10):
        patience.begin(0)
        patience.went_on(2_000, "", is_known=False)
        patience.hear("one two three four five")
        patience.end("one two three four five", -9_000, -9_000)
    assert patience.pace.percent <= 100
