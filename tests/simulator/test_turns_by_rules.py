"""The turn-taker under any legal order of signals: a session that does what it is asked, and a world that does as it likes."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.turn_taking import AcousticEndOfTurn
from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session import signals
from telephony.session.finishing import TOLD_MS
from telephony.session.floor import Agent, Caller
from telephony.session.knobs import TurnSettings
from telephony.session.signals import Line, Signal
from telephony.session.turns import TurnTaker
from telephony.wire.dtmf import DIGITS, Pressed, Released

TEXTS = st.sampled_from(
    (
        "",
        "[noise]",
        "okay",
        "I",
        "I see",
        "stop",
        "no wait",
        "When are you open?",
        "my number is 555 and",
        "Goodbye.",
        "um",
    )
)
LIMIT_MS = 30_000


class AnyCall(RuleBasedStateMachine):
    """``reply``: what the session is at, "" · held · released · speaking. It is told to the turn-taker only what can happen then."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.is_voiced = False
        self.reply = ""
        self.line: Line | None = None
        self.hang_up = ""
        self.is_paused = False
        self.paused_ms = 0
        self.is_deaf = False
        self.utterances = 0
        self.revisions = 0
        self.speculated: object = None
        self.fills = 0
        self.guesses: list[signals.GuessTurnEnd] = []
        self.ended: list[str] = []

    @initialize(
        speaks_first=st.booleans(),
        consent=st.booleans(),
        barge_in=st.booleans(),
        backoff_ms=st.sampled_from((0, 600)),
        fewest_words=st.sampled_from((0, 2)),
        acoustic=st.sampled_from(AcousticEndOfTurn),
    )
    def answer(
        self,
        speaks_first: bool,
        consent: bool,
        barge_in: bool,
        backoff_ms: int,
        fewest_words: int,
        acoustic: AcousticEndOfTurn,
    ) -> None:
        self.turns = TurnTaker(
            TurnSettings(
                agent_speaks_first=speaks_first,
                has_consent_line=consent,
                barge_in=barge_in,
                backoff_ms=backoff_ms,
                fewest_words=fewest_words,
                acoustic_end_of_turn=acoustic,
                reminders=("Are you still there?",),
                reminder_after_ms=3_000,
                hang_up_after_silence_ms=9_000,
                max_duration_ms=LIMIT_MS,
            )
        )
        self.tell(signals.Answered())

    # ---- the world

    @rule(ms=st.sampled_from((20, 60, 200, 500, 1_500, 4_000)))
    def time_passes(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.now_ms += 20
            self.tell(signals.Ticked(self.now_ms))

    @rule(late_ms=st.sampled_from((40, 60, 200)))
    def caller_starts_or_stops(self, late_ms: int) -> None:
        self.is_voiced = not self.is_voiced
        at_ms = max(0, self.now_ms - late_ms)
        self.tell(SpeechStarted(at_ms) if self.is_voiced else SpeechStopped(at_ms))

    @rule(digit=st.sampled_from((*DIGITS, "#", "#")), before=st.sampled_from((0, 0, 0, 1)), is_held=st.booleans())
    def digit(self, digit: str, before: int, is_held: bool) -> None:
        """Held: until another is pressed, or for good."""
        self.tell(Pressed(digit, before))
        if not is_held:
            self.tell(Released(digit))

    @precondition(lambda self: not self.is_deaf)
    @rule(
        text=TEXTS,
        is_final=st.booleans(),
        back=st.integers(0, 2),
        late_ms=st.sampled_from((0, 0, 100, 3_000)),
        ends_turn=st.sampled_from((None, None, True, False)),
    )
    def transcript(self, text: str, is_final: bool, back: int, late_ms: int, ends_turn: bool | None) -> None:
        """Of this utterance or an older one, asked for or not, in any order; what it says of the turn may be wrong."""
        utterance, until_ms = max(0, self.utterances - back), max(0, self.now_ms - late_ms)
        self.tell(signals.Transcribed(text, utterance, until_ms, is_final, ends_turn))

    @precondition(lambda self: self.guesses)
    @rule(back=st.integers(0, 2), probability=st.sampled_from((0.0, 0.2, 0.5, 0.9, 1.0)))
    def it_is_judged_how_it_sounded(self, back: int, probability: float) -> None:
        """Of this pause or an older one, late or twice."""
        guess = self.guesses[max(0, len(self.guesses) - 1 - back)]
        self.tell(signals.TurnEndGuessed(guess.utterance, guess.stopped_ms, probability))

    @precondition(lambda self: self.reply == "released" and not self.is_paused)
    @rule(is_question=st.booleans())
    def first_sound(self, is_question: bool) -> None:
        self.reply = "speaking"
        self.tell(signals.AgentStarted())
        self.tell(signals.AgentAsked(None, is_question, digits=int(is_question)))

    @precondition(lambda self: self.reply == "speaking" and not self.is_paused)
    @rule()
    def last_words_begin(self) -> None:
        self.tell(signals.AgentEnding())

    @precondition(lambda self: self.reply in ("released", "speaking") and not self.is_paused)
    @rule(hangs_up=st.booleans())
    def all_was_heard(self, hangs_up: bool) -> None:
        self.reply = ""
        self.tell(signals.AgentFinished("caller_goodbye" if hangs_up else ""))

    @precondition(lambda self: self.reply in ("released", "speaking") and not self.is_paused)
    @rule(stage=st.sampled_from(("model", "tts")))
    def it_breaks(self, stage: signals.Stage) -> None:
        self.reply = ""
        self.tell(signals.ReplyFailed(stage))

    @precondition(lambda self: not self.is_deaf)
    @rule(dice=st.integers(0, 9))
    def transcriber_is_lost(self, dice: int) -> None:
        if dice == 0:
            self.is_deaf = True
            self.tell(signals.EarLost())

    @rule(dice=st.integers(0, 9))
    def somebody_ends_it(self, dice: int) -> None:
        if dice == 0:
            self.tell(signals.Dismissed("member_hung_up"))

    # ---- the session

    def tell(self, signal: Signal) -> None:
        for action in self.turns.receive(signal):
            assert not self.ended, f"{action} after the end"
            self.carry_out(action)

    def carry_out(self, action: signals.Action) -> None:
        match action:
            case signals.StartUtterance(utterance):
                assert utterance == self.utterances + 1
                self.utterances = utterance
                self.speculated = None
            case signals.GuessTurnEnd():
                assert self.turns.settings.acoustic_end_of_turn is not AcousticEndOfTurn.OFF
                assert action not in self.guesses, "asked twice about one pause"
                self.guesses.append(action)
            case signals.Speculate(utterance):
                assert utterance.revision > self.revisions
                assert self.reply in ("", "held"), "thinks about the next while the last is still being said"
                assert utterance.text
                self.revisions, self.speculated, self.reply, self.line = utterance.revision, utterance, "held", None
            case signals.EndTurn():
                assert action.utterance is self.speculated, "answers something else than the last revision"
                assert self.reply == "held"
                assert not self.is_voiced, "answers while the caller speaks"
                assert action.stopped_ms + min(TOLD_MS, action.pause.ms) <= self.now_ms
                assert action.stopped_ms <= action.pause_over_ms <= self.now_ms
                self.reply, self.fills = "released", 0
            case signals.Reopen():
                assert self.reply == "released", "took an answer back that was being heard"
                assert self.line is None
                self.reply = "held"
            case signals.DropUtterance():
                if self.reply == "held":
                    self.reply = ""
            case signals.PausePlayout():
                assert self.reply in ("released", "speaking")
                assert not self.is_paused
                assert self.turns.settings.barge_in
                assert not self.is_protected, "paused what may not be interrupted"
                self.is_paused, self.paused_ms = True, self.now_ms
            case signals.ResumePlayout():
                assert self.is_paused
                self.is_paused = False
            case signals.BargeIn():
                assert self.reply in ("released", "speaking")
                assert self.turns.settings.barge_in
                assert not self.is_protected, "cut what may not be cut"
                self.reply, self.is_paused = "", False
            case signals.Withdraw():
                assert self.reply == "released"
                self.reply, self.is_paused = "", False
            case signals.SayLine(line, text, hang_up):
                if line is Line.REMINDER:
                    assert text
                    assert not self.reply, "reminds while something is said or prepared"
                    assert self.turns.caller is Caller.QUIET
                if line is not Line.GOODBYE:
                    assert not self.is_protected or not self.reply
                self.reply, self.line, self.hang_up, self.is_paused = "released", line, hang_up, False
            case signals.Fill():
                assert self.reply == "released"
                assert self.line is None
                self.fills += 1
                assert self.fills == 1, "asked twice for a filler in one wait"
            case signals.HangUp(reason):
                assert reason
                self.ended.append(reason)

    @property
    def is_protected(self) -> bool:
        return self.line is Line.CONSENT or (self.line is Line.GOODBYE and self.hang_up != "silence")

    # ---- always

    @invariant()
    def both_know_the_same(self) -> None:
        if not hasattr(self, "turns") or self.ended:
            return
        turns = self.turns
        assert turns.is_hushed is self.is_paused
        assert {"": Agent.SILENT, "held": Agent.SILENT, "released": Agent.PREPARING, "speaking": Agent.SPEAKING}[
            self.reply
        ] is turns.agent
        assert (turns.caller is Caller.ANSWERED) <= (turns.agent is Agent.PREPARING)
        assert (turns.caller is Caller.SPEAKING) <= self.is_voiced

    @invariant()
    def nobody_is_left_in_doubt(self) -> None:
        assert self.ended or not self.is_paused or self.now_ms - self.paused_ms <= TurnSettings().max_pause_ms + 40

    @invariant()
    def it_ends_in_time(self) -> None:
        assert self.ended or self.now_ms < LIMIT_MS + 15_000

    def teardown(self) -> None:
        """However it stands: left alone, every call ends."""
        if not hasattr(self, "turns"):
            return
        while not self.ended:
            assert self.now_ms < LIMIT_MS + 15_020, "never ends"
            self.now_ms += 20
            self.tell(signals.Ticked(self.now_ms))


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
