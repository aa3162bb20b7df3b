"""The knobs of turn-taking: what the builder set, and what we chose for everyone."""

from __future__ import annotations

from dataclasses import dataclass

from agents import disclosure
from agents.patterns import Pattern
from agents.spec import AgentSpec, FirstSpeaker
from agents.turn_taking import AcousticEndOfTurn, EndpointingRule, Sensitivity, SpellingPatience
from telephony.session.words import NO_OWN_PAUSES, NO_OWN_WORDS, OwnPauses, OwnWords

_YIELD_MS = {
    Sensitivity.PATIENT: 900,
    Sensitivity.LOW: 600,
    Sensitivity.MEDIUM: 350,
    Sensitivity.HIGH: 200,
    Sensitivity.SNAPPY: 120,
}
_FEWEST_WORDS = {Sensitivity.PATIENT: 2}


@dataclass(frozen=True, slots=True)
class PauseRule:
    """Where ``agents`` is in the agent's words and ``callers`` in the caller's, so much silence is needed. One may be left out."""

    agents: Pattern | None
    callers: Pattern | None
    ms: int

    @classmethod
    def of(cls, rule: EndpointingRule) -> PauseRule:
        if rule.side == "caller":
            return cls(None, Pattern(rule.pattern), rule.timeout_ms)
        callers = Pattern(rule.caller_pattern) if rule.side == "both" else None
        return cls(Pattern(rule.pattern), callers, rule.timeout_ms)

    def fits(self, asked: str, said: str) -> bool:
        return (self.agents is None or self.agents.is_in(asked)) and (self.callers is None or self.callers.is_in(said))


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The first are the builder's, the others ours. Milliseconds of the call's clock."""

    language: str = "en-US"
    agent_speaks_first: bool = True
    has_consent_line: bool = False
    """Or says first that it is an AI: what is heard to its end, before the greeting."""
    endpointing_ms: int = 500
    learns_pauses: bool = True
    """The needed silence follows the caller's own pauses (``pauses.Pace``)."""
    acoustic_end_of_turn: AcousticEndOfTurn = AcousticEndOfTurn.OFF
    own_pauses: OwnPauses = NO_OWN_PAUSES
    rules: tuple[PauseRule, ...] = ()
    spelling: SpellingPatience = SpellingPatience.AUTO
    barge_in: bool = True
    own_words: OwnWords = NO_OWN_WORDS
    yield_ms: int = 350
    """Speech this long takes the floor, if it is words."""
    fewest_words: int = 0
    """Fewer are no words, but a nod."""
    backoff_ms: int = 0
    """After it was interrupted, the agent says nothing for so long."""
    takes_digits: bool = True
    digit_timeout_ms: int = 2_000
    """After the last digit, until those pressed so far are an answer."""
    ending_digit: str = "#"
    """It ends them at once; "": none does."""
    reminder_after_ms: int = 8_000
    reminders: tuple[str, ...] = ()
    hang_up_after_silence_ms: int = 30_000
    max_duration_ms: int = 600_000
    warning: str = ""
    """Said so long before ``max_duration_ms``."""
    warning_before_ms: int = 60_000
    open_start_ms: int = 240
    """Who speaks this soon after an answer's first sound can't have heard it: they are going on, and it is taken back. A voice is sure to
    be one a tenth of a second after it began; so long the sound is on its way to them and theirs to us; to react takes longer."""
    speculate_after_ms: int = 160
    transcript_wait_ms: int = 2_500
    guess_wait_ms: int = 250
    """How the voice sounded is of use for so long after it was asked."""
    sure_ms: int = 400
    """Speech this much longer than ``yield_ms`` takes the floor without known words."""
    cough_wait_ms: int = 300
    """After a sound shorter than ``yield_ms``: how long its words are waited for before the agent goes on."""
    max_pause_ms: int = 1_200
    nod_joins_ms: int = 700
    """What comes this soon after a nod that didn't count is taken together with it: "Thank you, … goodbye"."""
    longest_nod_ms: int = 1_500
    """A nod that lasted longer isn't joined with what follows: transcribers keep only so much of what is over."""
    fill_after_ms: int = 2_000
    """Silence after the caller's last sound that wants a filler; where much of it was patience, the answer gets a moment more …"""
    fill_by_ms: int = 2_700
    """… but not beyond this."""
    preparing_limit_ms: int = 20_000
    """Nothing prepared takes longer: the session's own deadlines are shorter. A last resort, so that every call ends."""

    @classmethod
    def of(cls, spec: AgentSpec) -> TurnSettings:
        return cls(
            language=spec.sounds.language,
            agent_speaks_first=spec.says.first_speaker is FirstSpeaker.AGENT,
            has_consent_line=bool(disclosure.opening(spec)),
            endpointing_ms=spec.listens.endpointing_ms,
            learns_pauses=spec.listens.learn_pauses,
            acoustic_end_of_turn=spec.listens.acoustic_end_of_turn,
            barge_in=spec.listens.barge_in,
            own_words=OwnWords.of(spec.listens.backchannel_words, spec.listens.stop_words),
            yield_ms=spec.listens.interrupt_after_ms or _YIELD_MS[spec.listens.barge_in_sensitivity],
            fewest_words=spec.listens.interrupt_words or _FEWEST_WORDS.get(spec.listens.barge_in_sensitivity, 0),
            backoff_ms=spec.listens.backoff_ms,
            own_pauses=OwnPauses(
                spec.listens.complete_pause_ms, spec.listens.open_pause_ms, spec.listens.number_pause_ms
            ),
            rules=tuple(map(PauseRule.of, spec.listens.endpointing_rules)),
            spelling=spec.listens.spelling_patience,
            takes_digits=spec.listens.keypad,
            digit_timeout_ms=spec.listens.keypad_timeout_ms,
            ending_digit="" if spec.listens.keypad_end == "none" else spec.listens.keypad_end,
            reminder_after_ms=spec.limits.reminder_after_s * 1000,
            reminders=spec.limits.reminders,
            hang_up_after_silence_ms=spec.limits.hang_up_after_silence_s * 1000,
            max_duration_ms=spec.limits.max_duration_s * 1000,
            warning=spec.limits.warning_line,
            warning_before_ms=spec.limits.warning_before_s * 1000,
        )
