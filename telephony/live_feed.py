"""What a running call tells the browser: the session's events as JSON messages, and one picture of it all for who comes later.

``frontend/islands/call/call-messages.ts`` has the other side of these shapes.
"""

from __future__ import annotations

import uuid
from typing import Any

from channels.layers import get_channel_layer

from accounts import tenancy
from telephony.end_reasons import REASONS
from telephony.models import Call
from telephony.session.events import (
    BargedIn,
    Ended,
    Event,
    FieldCollected,
    Happened,
    Levels,
    StateChanged,
    TranscriptChanged,
    TurnEnded,
)

Message = dict[str, Any]


def call_group(call: Any) -> str:
    return f"call.{getattr(call, 'pk', call)}"


def organization_group(organization: Any) -> str:
    return f"live.{getattr(organization, 'pk', organization)}"


def ended_message(reason: str, at_ms: int, detail: str = "") -> Message:
    known = REASONS.get(reason, REASONS["internal_error"])
    return {
        "type": "ended", "at_ms": at_ms, "reason": reason, "words": known.words, "side": known.side,
        "is_fault": known.is_fault, "advice": known.advice, "detail": detail,
    }  # fmt: skip


def messages(event: Event) -> list[Message]:
    """One event for the browser. The end is told by ``finish``, once it is in the database."""
    match event:
        case StateChanged():
            return [{"type": "state", "at_ms": event.at_ms, "state": event.state}]
        case TranscriptChanged():
            return [_transcript(event.at_ms, event.turn, event.role, event.text, event.is_final, event.was_cut)]
        case TurnEnded():
            told = [_transcript(event.at_ms, event.turn, event.role, event.text, True, event.was_cut, event.intended)]
            if event.latency is not None:
                told.append({"type": "latency", "at_ms": event.at_ms, "turn": event.turn, **event.latency.as_dict()})
            return told
        case FieldCollected():
            return [
                {
                    "type": "collected", "at_ms": event.at_ms, "key": event.key, "value": event.value,
                    "spoken": event.spoken, "is_confirmed": event.is_confirmed,
                }
            ]  # fmt: skip
        case BargedIn():
            return [{"type": "barge_in", "at_ms": event.at_ms, "turn": event.turn, "after_ms": event.after_ms}]
        case Levels():
            return [{"type": "level", "at_ms": event.at_ms, "caller": event.caller, "agent": event.agent}]
        case Happened():
            return [{"type": "happened", "at_ms": event.at_ms, "kind": event.kind, "data": dict(event.data)}]
        case Ended():
            return []


def is_a_turn(message: Message) -> bool:
    """False: a ``transcript`` message that takes a turn back, for what the caller seemed to say were no words."""
    return bool(message["text"] or (message["is_final"] and message["role"] == "agent"))


def _transcript(
    at_ms: int, turn: int, role: str, text: str, is_final: bool, was_cut: bool, intended: str = ""
) -> Message:
    return {
        "type": "transcript", "at_ms": at_ms, "turn": turn, "role": role, "text": text, "is_final": is_final,
        "was_cut": was_cut, **({"intended": intended} if was_cut else {}),
    }  # fmt: skip


class Picture:
    """Everything a call has told so far, folded together, in the worker's memory."""

    def __init__(self) -> None:
        self._at_ms = 0
        self._state = "listening"
        self._turns: dict[int, Message] = {}
        self._collected: dict[str, Message] = {}
        self._latencies: dict[int, Message] = {}

    def add(self, message: Message) -> None:
        self._at_ms = max(self._at_ms, message["at_ms"])
        rest = {key: value for key, value in message.items() if key not in ("type", "at_ms")}
        match message["type"]:
            case "state":
                self._state = message["state"]
            case "transcript" if is_a_turn(message):
                self._turns[message["turn"]] = rest
            case "transcript":
                self._turns.pop(message["turn"], None)
            case "collected":
                self._collected[message["key"]] = rest
            case "latency":
                self._latencies[message["turn"]] = rest

    def snapshot(self) -> Message:
        return {
            "type": "snapshot", "at_ms": self._at_ms, "state": self._state,
            "turns": [self._turns[turn] for turn in sorted(self._turns)],
            "collected": list(self._collected.values()),
            "latencies": [self._latencies[turn] for turn in sorted(self._latencies)],
            "ended": None,
        }  # fmt: skip


def snapshot_of_rows(call_id: uuid.UUID, organization: uuid.UUID) -> Message | None:
    """The picture as the database has it: for calls that are over or whose worker doesn't answer. ``None``: no such call."""
    with tenancy.use(organization):
        call = Call.objects.filter(pk=call_id).first()
        if call is None:
            return None
        picture = Picture()
        for turn in call.turns.all():
            at_ms = turn.ended_ms or turn.started_ms
            picture.add(_transcript(at_ms, turn.index, turn.role, turn.text, True, turn.was_cut, turn.intended))
            if turn.latency:
                picture.add({"type": "latency", "at_ms": at_ms, "turn": turn.index, **turn.latency})
        for event in call.events.filter(kind="collected"):
            picture.add({"type": "collected", "at_ms": event.at_ms, **event.data})
        told = picture.snapshot()
        if call.status == Call.Status.ENDED:
            told["ended"] = ended_message(call.end_reason, call.duration_ms, call.end_detail)
        return told


async def publish(call: Any, told: list[Message]) -> None:
    """To all who watch this call now. Nobody stores it: a watcher that comes later asks for the picture."""
    await get_channel_layer().group_send(call_group(call), {"type": "feed.messages", "messages": told})


async def tell_started(call: Call) -> None:
    await _tell_organization(call, "started")


async def tell_ended(call: Call) -> None:
    await publish(call, [ended_message(call.end_reason, call.duration_ms, call.end_detail)])
    await _tell_organization(call, "ended")


async def _tell_organization(call: Call, what: str) -> None:
    message = {
        "type": "call", "id": str(call.pk), "agent": str(call.agent_id), "what": what, "status": call.status,
        "end_reason": call.end_reason,
    }  # fmt: skip
    await get_channel_layer().group_send(
        organization_group(call.organization_id), {"type": "feed.messages", "messages": [message]}
    )
