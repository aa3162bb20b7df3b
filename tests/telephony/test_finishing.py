"""How it was said, and what a transcriber says of turns: tables, what must hold of every voice, and the turn-taker told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.patterns import Pattern
from agents.turn_taking import AcousticEndOfTurn
from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.finishing import TOLD_MS, Finishing
from telephony.session.floor import Caller
from telephony.session.knobs import PauseRule, TurnSettings
from telephony.session.pause import LONGEST_MS, SHORTEST_MS, Pause
from telephony.session.signals import (
    AgentFinished,
    AgentStarted,
    EndTurn,
    FlushTranscript,
    GuessTurnEnd,
    Reopen,
    Signal,
    Ticked,
    Transcribed,
    TurnEndGuessed,
)
from telephony.session.turns import TurnTaker

OFF, CAREFUL, FULL = AcousticEndOfTurn
COMPLETE, UNSURE, OPEN = Pause(300, 300, "complete"), Pause(500, 500, "unsure"), Pause(1_000, 1_000, "open")


def shaped(
    pause: Pause,
    *,
    voice: float | None = None,
    told: bool | None = None,
    after_ms: int = 260,
    knob: AcousticEndOfTurn = CAREFUL,
    may_be_sooner: bool = True,
    is_in_pieces: bool = False,
) -> Pause:
    finishing = Finishing(knob)
    finishing.silence(5_000, 5_100)
    if voice is not None:
        finishing.hear(voice, 5_000 + after_ms)
    if told is not None:
        finishing.tell(told, 5_160, 5_000 + after_ms)
    return finishing.shaped(pause, may_be_sooner=may_be_sooner, is_in_pieces=is_in_pieces)


@pytest.mark.parametrize(
    ("pause", "voice", "told", "ms", "because"),
    [
        pytest.param(COMPLETE, None, None, 300, "complete", id="nobody says anything"),
        pytest.param(UNSURE, 0.95, None, 375, "finished", id="unsure words, a finished voice"),
        pytest.param(UNSURE, 0.05, None, 750, "unfinished", id="unsure words, an unfinished voice"),
        pytest.param(UNSURE, 0.6, None, 500, "unsure", id="a voice that says nothing"),
        pytest.param(COMPLETE, 0.95, None, 300, "complete", id="complete words have the shortest pause already"),
        pytest.param(Pause(600, 600, "complete"), 0.95, None, 450, "finished", id="unless it is long"),
        pytest.param(COMPLETE, 0.01, None, 300, "complete", id="complete words are never waited for longer"),
        pytest.param(OPEN, 0.99, None, 1_000, "open", id="a finished voice closes no open sentence"),
        pytest.param(OPEN, 0.01, None, 1_000, "open", id="an open sentence is waited for anyway"),
        pytest.param(Pause(250, 250, "unsure"), 0.99, None, 250, "unsure", id="no shorter than the builder's own pause"),
        pytest.param(Pause(2_000, 2_000, "unsure"), 0.01, None, 2_500, "unfinished", id="there is a longest"),
        pytest.param(Pause(3_000, 3_000, "unsure"), 0.01, None, 3_000, "unsure", id="but for the builder's own"),
        pytest.param(UNSURE, None, True, 260, "told", id="told that it is over: at once"),
        pytest.param(OPEN, None, True, 260, "told", id="in an open sentence too"),
        pytest.param(COMPLETE, 0.01, True, 260, "told", id="the transcriber is believed before the voice"),
        pytest.param(UNSURE, 0.99, False, 750, "told_open", id="also that it is not over"),
        pytest.param(COMPLETE, None, False, 450, "told_open", id="whatever the words"),
        pytest.param(OPEN, None, False, 1_000, "open", id="an open sentence is waited for anyway, told or not"),
    ],
)  # fmt: skip
def test_what_it_makes_of_a_pause(pause: Pause, voice: float | None, told: bool | None, ms: int, because: str) -> None:
    made = shaped(pause, voice=voice, told=told)
    assert (made.ms, made.because) == (ms, because)


def test_fully_a_complete_sentence_may_be_waited_for_longer() -> None:
    assert shaped(COMPLETE, voice=0.05, knob=FULL).ms == 450


def test_after_thanks_a_finished_voice_ends_nothing_sooner_for_a_goodbye_may_follow() -> None:
    assert shaped(UNSURE, voice=0.99, may_be_sooner=False).ms == 500


@pytest.mark.parametrize(("pause", "ms"), [(UNSURE, 500), (OPEN, 1_000)])
def test_each_piece_of_a_number_sounds_finished(pause: Pause, ms: int) -> None:
    assert shaped(pause, voice=0.99, is_in_pieces=True).ms == ms


def test_a_transcriber_that_ends_the_turn_within_a_number_is_not_believed() -> None:
    assert shaped(OPEN, told=True, is_in_pieces=True).ms == 1_000
    assert shaped(COMPLETE, told=True, is_in_pieces=True).ms == 260


@pytest.mark.parametrize(
    ("after_ms", "ms"),
    [(120, TOLD_MS), (TOLD_MS, TOLD_MS), (420, 420), (700, 500)],
)
def test_told_the_turn_is_over_when_it_is_known_and_never_before_the_least_silence(after_ms: int, ms: int) -> None:
    assert shaped(UNSURE, told=True, after_ms=after_ms).ms == ms


def test_a_finished_voice_counts_from_when_it_was_judged() -> None:
    assert shaped(UNSURE, voice=0.95, after_ms=410).ms == 410


def test_how_it_sounded_is_kept_for_the_calls_page() -> None:
    assert shaped(COMPLETE, voice=0.123).as_thought().data["voice_percent"] == 12
    assert "voice_percent" not in shaped(COMPLETE).as_thought().data


def test_what_was_told_of_less_sound_than_was_made_is_old() -> None:
    finishing = Finishing(CAREFUL)
    finishing.tell(True, 4_900, 5_000)
    finishing.silence(5_000, 5_100)
    assert finishing.verdict is None
    finishing.tell(True, 6_000, 5_900)
    finishing.silence(6_000, 6_100)
    assert finishing.verdict is not None and finishing.verdict.after_ms == 100
    finishing.begin()
    finishing.silence(5_500, 6_000)
    assert finishing.verdict is None


@settings(deadline=None)
@given(
    st.sampled_from((COMPLETE, UNSURE, OPEN, Pause(100, 100, "unsure"), Pause(2_400, 1_900, "open", 130))),
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.booleans()),
    st.integers(0, 3_000),
    st.sampled_from((CAREFUL, FULL)),
    st.booleans(),
    st.booleans(),
)
def test_every_pause_stays_within_limits(
    pause: Pause,
    voice: float | None,
    told: bool | None,
    after_ms: int,
    knob: AcousticEndOfTurn,
    sooner: bool,
    pieces: bool,
) -> None:
    made = shaped(pause, voice=voice, told=told, after_ms=after_ms, knob=knob, may_be_sooner=sooner, is_in_pieces=pieces)  # fmt: skip
    assert made.ms <= max(pause.ms, min(LONGEST_MS, pause.ms * 3 // 2))
    assert made.ms >= min(pause.ms, TOLD_MS if told else SHORTEST_MS)
    if made.ms < pause.ms:
        assert made.ms >= min(pause.ms, after_ms)
    if not told and pause.because == "open":
        assert made.ms == pause.ms
    if knob is CAREFUL and told is None and pause.because == "complete":
        assert made.ms <= pause.ms


# ---- told by the turn-taker


class Call:
    """Ticks a turn-taker. The caller says things, an ear transcribes them 140 ms into the pause, a model judges their sound."""

    def __init__(self, *, transcript_after_ms: int = 240, guess_after_ms: int = 100, **knobs: Any) -> None:
        knobs = {"acoustic_end_of_turn": CAREFUL, "agent_speaks_first": False} | knobs
        self.turns = TurnTaker(TurnSettings(**knobs))
        self.now = 0
        self.ends: list[EndTurn] = []
        self.asked: list[tuple[int, GuessTurnEnd]] = []
        self.reopened = 0
        self._later: list[tuple[int, Signal]] = []
        self._transcript_after_ms = transcript_after_ms
        self._guess_after_ms = guess_after_ms
        self._said: tuple[str, float | None, bool | None] = ("", None, None)

    def tell(self, signal: Signal) -> None:
        for action in self.turns.receive(signal):
            match action:
                case EndTurn():
                    self.ends.append(action)
                case Reopen():
                    self.reopened += 1
                case GuessTurnEnd(utterance, stopped_ms):
                    self.asked.append((self.now, action))
                    if self._said[1] is not None:
                        self.later(self._guess_after_ms, TurnEndGuessed(utterance, stopped_ms, self._said[1]))
                case FlushTranscript(at_ms):
                    self.later(self._transcript_after_ms, Transcribed(self._said[0], self.turns.utterance, at_ms, True, self._said[2]))  # fmt: skip
                case _:
                    pass

    def later(self, ms: int, signal: Signal) -> None:
        self._later.append((self.now + ms, signal))

    def wait(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.now += 20
            due = [signal for at, signal in self._later if at <= self.now]
            self._later = [each for each in self._later if each[0] > self.now]
            for signal in (Ticked(self.now), *due):
                self.tell(signal)

    def speak(self, text: str, voice: float | None = None, told: bool | None = None, *, ms: int = 1_000) -> int:
        """When it was over; it is known 100 ms later."""
        self._said = text, voice, told
        self.tell(SpeechStarted(self.now))
        self.wait(ms)
        stopped = self.now
        self.wait(100)
        self.tell(SpeechStopped(stopped))
        return stopped

    def turn(self, text: str, voice: float | None = None, told: bool | None = None) -> EndTurn:
        """The whole of it, answered 100 ms after it was over."""
        stopped = self.speak(text, voice, told)
        count = len(self.ends)
        while len(self.ends) == count:
            assert self.now - stopped < 3_500, "never answered"
            self.wait(20)
        self.wait(100)
        self.tell(AgentStarted())
        self.wait(600)
        self.tell(AgentFinished())
        self.wait(600)
        return self.ends[-1]


WORDS, SENTENCE = "next Tuesday at ten in the morning", "I would like to book an appointment."


@pytest.mark.parametrize(
    ("voice", "told", "ms"),
    [(None, None, 500), (0.97, None, 375), (0.5, None, 500), (0.03, None, 750), (None, True, 400), (None, False, 750)],
)
def test_a_turn_ends_by_how_it_was_said_and_what_the_transcriber_says(
    voice: float | None, told: bool | None, ms: int
) -> None:
    end = Call().turn(WORDS, voice, told)
    assert end.pause.ms == ms
    assert end.pause_over_ms - end.stopped_ms == ms


@pytest.mark.parametrize("voice", [0.97, 0.5, 0.01])
def test_a_complete_sentence_is_never_kept_waiting_for_its_voice(voice: float) -> None:
    def waits(voice: float | None) -> list[int]:
        call = Call(transcript_after_ms=100)
        return [call.turn(SENTENCE, voice).pause.ms for _ in range(6)]

    assert waits(voice) == waits(None)


@pytest.mark.parametrize(("text", "ms"), [("ten of clubs", 500), (WORDS, 375), ("no that is all thank you", 500)])
def test_a_few_words_sound_finished_wherever_they_are_cut_off_and_thanks_may_go_on(text: str, ms: int) -> None:
    assert Call().turn(text, 0.99).pause.ms == ms


def test_the_question_is_asked_with_the_first_short_pause_and_once_for_each() -> None:
    call = Call()
    first = call.speak("I'd like a")
    call.wait(400)
    second = call.speak("I'd like a cleaning on Friday", 0.97)
    call.wait(800)
    assert [(at - asked.stopped_ms, asked.stopped_ms) for at, asked in call.asked] == [(160, first), (160, second)]
    assert len(call.ends) == 1


def test_without_the_knob_nobody_is_asked() -> None:
    call = Call(acoustic_end_of_turn=OFF)
    assert call.turn(WORDS, 0.97).pause.ms == 500
    assert call.asked == []


def test_a_rule_of_the_builders_comes_before_voice_and_transcriber() -> None:
    rules = (PauseRule(None, Pattern("tuesday"), 1_500),)
    assert Call(rules=rules).turn(WORDS, 0.99).pause.ms == 1_500
    assert Call(rules=rules).turn(WORDS, told=True).pause.ms == 1_500


def test_nothing_is_answered_before_its_words_are_there() -> None:
    call = Call(transcript_after_ms=900)
    end = call.turn(WORDS, 0.99)
    assert end.pause.ms == 375
    assert call.turns.now_ms > end.stopped_ms + 900


@pytest.mark.parametrize("guess_after_ms", [260, 300, 900])
def test_a_late_judgement_is_no_judgement(guess_after_ms: int) -> None:
    assert Call(guess_after_ms=guess_after_ms).turn(WORDS, 0.03).pause.ms == 500


def test_what_is_known_only_when_the_turn_is_over_changes_nothing() -> None:
    call = Call(transcript_after_ms=100, guess_after_ms=200)
    for _ in range(3):
        assert call.turn(SENTENCE, 0.02).pause.ms == 300  # 60 ms before it is judged
    call._guess_after_ms = 100
    assert call.turn(WORDS, 0.02).pause.ms == 750


def test_nor_does_what_a_transcriber_says_then() -> None:
    call = Call(transcript_after_ms=100)
    for _ in range(3):
        stopped = call.speak(SENTENCE)
        call.wait(240)
        assert len(call.ends) == 1
        call.tell(Transcribed(SENTENCE, call.turns.utterance, stopped + 200, True, False))
        call.tell(AgentStarted())
        call.wait(600)
        call.tell(AgentFinished())
        call.wait(600)
        call.ends.clear()
    assert call.turn(WORDS, told=False).pause.ms == 750


def test_a_judgement_of_an_earlier_pause_is_old() -> None:
    call = Call()
    stopped = call.speak("I was wondering about next Tuesday")
    call.wait(100)
    call.later(160, TurnEndGuessed(1, stopped, 0.99))
    call.speak(WORDS, ms=60)
    call.wait(1_000)
    assert [end.pause.ms for end in call.ends] == [500]


def test_a_judgement_of_an_earlier_utterance_is_old() -> None:
    call = Call()
    call.turn(WORDS)
    stopped = call.speak(WORDS)
    call.later(100, TurnEndGuessed(1, stopped, 0.99))
    call.wait(1_000)
    assert call.ends[-1].pause.ms == 500


def test_a_transcriber_never_ends_a_turn_while_the_caller_speaks() -> None:
    call = Call()
    call.tell(SpeechStarted(call.now))
    call.wait(1_000)
    call.tell(Transcribed(SENTENCE, 1, call.now - 200, True, True))
    call.wait(800)
    assert call.ends == []
    stopped = call.now
    call._said = f"{SENTENCE} For my son", None, None
    call.wait(100)
    call.tell(SpeechStopped(stopped))
    call.wait(1_200)
    assert [(end.utterance.text, end.pause.because) for end in call.ends] == [(f"{SENTENCE} For my son", "unsure")]


def test_a_transcriber_may_know_of_the_end_before_the_silence_is_known() -> None:
    call = Call()
    call.tell(SpeechStarted(call.now))
    call.wait(1_000)
    stopped = call.now
    call.wait(60)
    call.tell(Transcribed(WORDS, 1, call.now, True, True))
    call.wait(60)
    assert call.ends == []
    call.tell(SpeechStopped(stopped))
    call.wait(400)
    assert [(end.pause.ms, end.pause.because) for end in call.ends] == [(TOLD_MS, "told")]


def test_who_goes_on_after_all_takes_the_turn_back() -> None:
    call = Call()
    call.speak("two people", told=True)
    call.wait(460)
    assert len(call.ends) == 1
    call.speak("two people on Friday evening", 0.5)
    call.wait(800)
    assert call.reopened == 1
    assert call.ends[-1].utterance.text == "two people on Friday evening"


def test_a_transcriber_that_keeps_saying_no_is_overruled_by_silence() -> None:
    call = Call()
    pauses = [call.turn(WORDS, told=False).pause.ms for _ in range(4)]
    assert pauses == [750, 750, 500, 500]


def test_a_voice_that_always_sounds_unfinished_costs_two_turns_at_most() -> None:
    call = Call()
    assert [call.turn(WORDS, 0.02).pause.ms for _ in range(5)] == [750, 750, 500, 500, 500]


def test_complete_sentences_teach_it_before_anybody_waits() -> None:
    call = Call()
    for _ in range(2):
        call.turn(SENTENCE, 0.02)
    assert call.turn(WORDS, 0.02).pause.ms == 500


def test_who_is_rightly_taken_for_unfinished_is_given_time_all_call_long() -> None:
    call = Call(learns_pauses=False)
    for _ in range(5):
        call.speak("there is one thing", 0.02)
        call.wait(500)
        end = call.turn("there is one thing I wanted to ask you", 0.02)
        assert end.pause.ms == 750
    assert call.reopened == 0


def test_who_cuts_in_had_not_finished_after_all() -> None:
    call = Call(learns_pauses=False)
    for _ in range(4):
        call.speak("there is one thing", 0.02)
        call.wait(760)
        call.tell(AgentStarted())
        call.wait(200)
        call.speak("about my appointment tomorrow", 0.5)  # into the answer
        call.wait(700)
        call.tell(AgentStarted())
        call.wait(400)
        call.tell(AgentFinished())
        call.wait(600)
    assert [end.pause.ms for end in call.ends] == [750, 500] * 4


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((WORDS, SENTENCE, "my number is 555 and", "yes", "", "mm-hm")),
            st.one_of(st.none(), st.floats(0, 1)),
            st.one_of(st.none(), st.booleans()),
            st.integers(0, 30),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from((OFF, CAREFUL, FULL)),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_whatever_voice_and_transcriber_say_the_caller_is_answered_in_time_and_not_before(
    said: list[tuple[str, float | None, bool | None, int]],
    knob: AcousticEndOfTurn,
    transcript: int,
    guess: int,
) -> None:
    call = Call(acoustic_end_of_turn=knob, transcript_after_ms=transcript * 40, guess_after_ms=guess * 40)
    for text, voice, told, gap in said:
        call.speak(text, voice, told)
        call.wait(gap * 20)
    call.wait(LONGEST_MS + 1_000)
    assert call.turns.caller in (Caller.ANSWERED, Caller.QUIET)  # not waited for any more
    assert all(TOLD_MS <= end.pause.ms <= LONGEST_MS for end in call.ends)
