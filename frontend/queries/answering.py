"""What a caller of a number meets, in words: now, and from when on something else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from telephony.answering import WHY_WORDS, Answer, Forward, Refuse, Say, TakeMessage, Talk

_REFUSED = {
    "no_agent": "Calls are refused: choose an agent",
    "archived": "Calls are refused: the agent is archived",
    "unpublished": "Calls are refused: publish the agent",
    "closed": "Busy tone: it is after hours",
    "no_room": "Busy tone: no call worker has room",
}
HANDLED = {
    "voicemail": "Voicemail",
    "forward": "Put through",
    "message": "A message was said",
    "agent": "Another agent",
}


@dataclass(frozen=True, slots=True)
class Now:
    """``is_fine``: somebody or something takes the call as it was meant."""

    words: str
    is_fine: bool
    why: str = ""
    until: datetime | None = None


def now_words(answer: Answer, names: Mapping[str, str], until: datetime | None = None) -> Now:
    """``names``: agents' ids → what they are called."""
    why = WHY_WORDS.get(getattr(answer, "why", ""), "")
    is_meant = answer.why in ("", "closed")
    match answer:
        case Talk(agent, version):
            return Now(f"{names.get(agent, 'The agent')}, version {version}, answers", is_meant, why, until)
        case Forward(to):
            return Now(f"Callers are put through to {to}", is_meant, why, until)
        case TakeMessage():
            return Now("Callers can leave a message", is_meant, why, until)
        case Say():
            return Now("Callers hear a message", is_meant, why, until)
        case Refuse(reason):
            return Now(_REFUSED.get(reason, "Calls are refused"), False, "", until)


def handled_words(how: str) -> str:
    """Of a call that not the number's agent had."""
    return HANDLED.get(how, "")
