"""What a kept trace comes to, in sentences: for the page and the API alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from telephony.models import Call, SipMessage, Trunk
from telephony.trunks import outcome, words
from telephony.trunks.outcome import Message, Outcome


@dataclass(frozen=True, slots=True)
class Sentence:
    words: str
    is_failure: bool


def messages_of_call(call: Call) -> list[SipMessage]:
    """All that is kept, oldest first. Empty: the call came another way."""
    return list(SipMessage.objects.owned_by(call.organization_id).filter(call=call))


def messages_of_trunk(trunk: Trunk) -> list[SipMessage]:
    """Its own business: registrations, and calls that were refused before they were any. Oldest first."""
    return list(SipMessage.objects.owned_by(trunk.organization_id).filter(trunk=trunk, call=None))


def message_of(row: SipMessage) -> Message:
    return Message.of(row.direction, row.start_line, row.cseq, row.text)


def of_call(rows: Sequence[SipMessage], trunk: str, now: datetime) -> list[Sentence]:
    """``rows``: oldest first. ``trunk``: its name; "": none. Empty: there is nothing to say yet."""
    found = outcome.of_call([message_of(row) for row in rows], _quiet_s(rows, now))
    return _said(rows, [found] if found else [], trunk)


def of_trunk(rows: Sequence[SipMessage], trunk: str, now: datetime) -> list[Sentence]:
    """Of a trunk's own business: how it stands, and the last call that was refused before it was one."""
    return _said(rows, outcome.of_trunk([message_of(row) for row in rows], _quiet_s(rows, now)), trunk)


def _said(rows: Sequence[SipMessage], found: Iterable[Outcome], trunk: str) -> list[Sentence]:
    host = other_side(rows)
    sentences = [Sentence(words.explained(each, trunk, host), each.is_failure) for each in found]
    return [each for each in sentences if each.words]


def _quiet_s(rows: Sequence[SipMessage], now: datetime) -> float:
    return (now - rows[-1].at).total_seconds() if rows else 0.0


def other_side(rows: Sequence[SipMessage]) -> str:
    """Its address, without the port: "192.0.2.7:5060" → "192.0.2.7"."""
    peer = rows[-1].peer if rows else ""
    return peer.rpartition(":")[0].strip("[]") or peer
