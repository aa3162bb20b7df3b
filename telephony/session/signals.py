"""What the turn-taker is told, and what it asks for in return. Times are the call's clock in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from agents.mind import Keys, Utterance
from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.pause import Pause
from telephony.wire.dtmf import Pressed, Released

Stage = Literal["stt", "model", "tts"]


class Line(StrEnum):
    """What the agent says when it isn't answering."""

    CONSENT = "consent"
    GREETING = "greeting"
    REMINDER = "reminder"
    WARNING = "warning"
    """That the call is nearly as long as it may be."""
    APOLOGY = "apology"
    GOODBYE = "goodbye"
    BACK = "back"
    """After the line or our own process had failed, to a caller who is still there."""
    TRANSFER = "transfer"
    """That the caller is put through now, because somebody outside asks for it."""
    NOT_THROUGH = "not_through"
    """That whom they asked for was not reached."""


# ---- told


@dataclass(frozen=True, slots=True)
class Answered:
    """The call begins."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """The call goes on here, where another session was. ``at_ms``: the call's clock."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class TookOver:
    """The call goes on with another agent, which speaks first where it always does. ``at_ms``: the call's clock."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SomebodyElse:
    """On the line, in the place of whoever was: they have heard nothing so far, not even the consent line."""


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """Somebody outside asks to put the caller through to the one of this name: say its words now."""

    target: str


@dataclass(frozen=True, slots=True)
class BeingPutThrough:
    """The caller has heard that they are put through. Until ``NotPutThrough`` nothing is asked, answered or counted as silence."""


@dataclass(frozen=True, slots=True)
class NotPutThrough:
    """Whom they asked for was not reached: say this, and go on."""

    text: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """A frame of the caller's audio is over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Transcribed:
    """``agents.speech.Transcript``, in the words of turn-taking: all sound of ``utterance`` before ``until_ms`` is in ``text``."""

    text: str
    utterance: int
    until_ms: int
    is_final: bool
    ends_turn: bool | None = None


@dataclass(frozen=True, slots=True)
class TurnEndGuessed:
    """The answer to ``GuessTurnEnd``: how likely (0-1) it is by the caller's voice that they had finished."""

    utterance: int
    stopped_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """Sound of what was asked for last (an answer, a line, a filler) has been sent, and it won't be taken back."""

    since_ms: int | None = None
    """When the first of it was. ``None``: now."""


@dataclass(frozen=True, slots=True)
class AgentAsked:
    """A phrase begins. ``expects``: it asks for something people say in pieces, "phone", "email" or "number"."""

    expects: str | None = None
    is_question: bool = False
    text: str = ""
    digits: int = 0
    """So many pressed on the keypad are a whole answer to it; 0: nobody knows."""
    keys: Keys | None = None
    """Where it asks for keys, how they are taken."""


@dataclass(frozen=True, slots=True)
class AgentEnding:
    """The words being said are the last: the mind wants to hang up after them."""


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """Everything was heard to the end. ``hang_up``: and the mind wants to hang up, for that reason."""

    hang_up: str = ""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Somebody outside ends the call, for this reason: say goodbye now."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The answer or line broke at ``stage`` and trying again didn't help. What was heard of it stays heard."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class EarLost:
    """The transcriber is gone for good."""


Signal = (
    Answered
    | CameBack
    | TookOver
    | SomebodyElse
    | TransferAsked
    | BeingPutThrough
    | NotPutThrough
    | Ticked
    | SpeechStarted
    | SpeechStopped
    | Pressed
    | Released
    | Transcribed
    | TurnEndGuessed
    | AgentStarted
    | AgentAsked
    | AgentEnding
    | AgentFinished
    | Dismissed
    | ReplyFailed
    | EarLost
)

# ---- asked for


@dataclass(frozen=True, slots=True)
class StartUtterance:
    """The caller began something new."""

    utterance: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class FlushTranscript:
    """A pause: the transcriber should say what it has."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class GuessTurnEnd:
    """A pause since ``stopped_ms``: somebody should listen to whether the caller sounds finished. Only the newest question counts."""

    utterance: int
    stopped_ms: int


@dataclass(frozen=True, slots=True)
class Speculate:
    """Start on an answer to this, and hold it back. Whatever was started for an older revision is dropped."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class EndTurn:
    """This was the caller's turn: let the answer out. Their last sound was at ``stopped_ms``; at ``pause_over_ms`` silence alone
    had lasted long enough, as long as ``pause`` says."""

    utterance: Utterance
    stopped_ms: int
    pause_over_ms: int
    pause: Pause


@dataclass(frozen=True, slots=True)
class Reopen:
    """The caller goes on, and has heard nothing of the answer yet, or hardly anything: hold it back again."""


@dataclass(frozen=True, slots=True)
class DropUtterance:
    """It was no turn: noise, or a nod (then ``text``)."""

    text: str
    is_kept: bool = False
    """It was one, and there is no time to answer it: these words stay said."""
    digits: str = ""
    """Pressed in it."""


@dataclass(frozen=True, slots=True)
class PausePlayout:
    pass


@dataclass(frozen=True, slots=True)
class ResumePlayout:
    pass


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The agent loses the floor: its turn is cut at what was heard."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Forget what was to be said; nothing of it has been heard."""


@dataclass(frozen=True, slots=True)
class SayLine:
    """Say this now, instead of whatever was being said or prepared. ``text`` empty: the session knows the words (``Line``)."""

    line: Line
    text: str = ""
    hang_up: str = ""
    """Why the call ends after it."""


@dataclass(frozen=True, slots=True)
class Fill:
    """The answer takes long: say so."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """A key of ``telephony.end_reasons.REASONS``. The last action there is."""

    reason: str


Action = (
    StartUtterance
    | FlushTranscript
    | GuessTurnEnd
    | Speculate
    | EndTurn
    | Reopen
    | DropUtterance
    | PausePlayout
    | ResumePlayout
    | BargeIn
    | Withdraw
    | SayLine
    | Fill
    | HangUp
)
