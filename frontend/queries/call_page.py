"""One call as its page shows it: turns with their waits and reasons, the sound, what else happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from frontend.queries.plots import Plot, Values, over_time
from frontend.queries.waits import Waterfall, clock, percentile, totals, wait_words, waterfall
from frontend.queries.why import Why, event_words, explain
from telephony.models import Call, CallEvent, Recording, Turn

FEW = 4
"""Waits of a call of which the longest says all."""
FETCHED = "The caller's message is being fetched from the telephone company."
WITH_THE_CALL_MS = 1_500
"""What was cut off so shortly before a call's end was cut off by it."""


@dataclass(frozen=True, slots=True)
class TurnView:
    index: int
    role: str
    text: str
    unheard: str
    """What the agent set out to say and nobody heard."""
    was_cut: bool
    was_cut_by_end: bool
    """It was cut by the call's end, and by nobody's words."""
    started_ms: int
    ended_ms: int
    at: str
    heard_as: str
    """How sure the transcriber was, for the caller's turns."""
    wait: Waterfall | None
    whys: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class EventView:
    at: str
    at_ms: int
    kind: str
    words: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waits:
    """Every wait of the call: for the plot and for the table behind it."""

    points: tuple[tuple[int, int], ...]
    """(when the answer began, how long it was waited for), both in milliseconds."""
    p50: str
    p95: str
    longest: str

    @property
    def is_few(self) -> bool:
        """Too few for a middle and a slow end to say anything."""
        return len(self.points) < FEW

    @property
    def plot(self) -> Plot:
        row = Values("Wait", "is-typical", [ms / 1000 for _, ms in self.points])
        return over_time(row, [at / 1000 for at, _ in self.points])


@dataclass(frozen=True, slots=True)
class Sound:
    """The recording, or why there is none."""

    recording: Recording | None
    words: str = ""
    note: str = ""


def turn_views(turns: Sequence[Turn], ended_ms: int | None = None) -> list[TurnView]:
    """In their order. ``ended_ms``: how long the call was, if it is over."""
    longest = max(totals(turn.latency for turn in turns), default=0)
    return [_turn(turn, longest, was_cut_by_end=_was_cut_by_end(turn, turns, ended_ms)) for turn in turns]


def _was_cut_by_end(turn: Turn, turns: Sequence[Turn], ended_ms: int | None) -> bool:
    if not turn.was_cut or ended_ms is None or turn is not turns[-1]:
        return False
    is_talked_over = any(each.role == "caller" and _end_of(each) > turn.started_ms for each in turns)
    return not is_talked_over and _end_of(turn) >= ended_ms - WITH_THE_CALL_MS


def _end_of(turn: Turn) -> int:
    return turn.ended_ms if turn.ended_ms is not None else turn.started_ms


def _turn(turn: Turn, longest_wait_ms: int, *, was_cut_by_end: bool) -> TurnView:
    return TurnView(
        index=turn.index,
        role=turn.role,
        text=turn.text,
        unheard=unheard(turn.text, turn.intended) if turn.was_cut else "",
        was_cut=turn.was_cut,
        was_cut_by_end=was_cut_by_end,
        started_ms=turn.started_ms,
        ended_ms=_end_of(turn),
        at=clock(turn.started_ms),
        heard_as="" if turn.confidence is None or turn.role != "caller" else f"{turn.confidence:.0%}",
        wait=waterfall(turn.latency, longest_wait_ms) if turn.role == "agent" else None,
        whys=tuple(explain(thought) for thought in turn.thoughts if isinstance(thought, dict)),
    )


def unheard(heard: str, intended: str) -> str:
    """What of ``intended`` comes after ``heard``; all of it where they don't fit together."""
    start = heard.rstrip("… ")
    return intended[len(start) :].strip() if intended.startswith(start) else intended


def waits(turns: Sequence[Turn]) -> Waits | None:
    points = tuple(
        (turn.started_ms, total) for turn in turns if turn.role == "agent" for total in totals([turn.latency])
    )
    if not points:
        return None
    values = [ms for _, ms in points]
    return Waits(
        points, wait_words(percentile(values, 0.5)), wait_words(percentile(values, 0.95)), wait_words(max(values))
    )


def event_views(events: Sequence[CallEvent]) -> list[EventView]:
    return [
        EventView(clock(event.at_ms), event.at_ms, event.kind, event_words(event.kind, event.data), event.data)
        for event in events
    ]


def echo(events: Sequence[CallEvent]) -> str:
    """Whether the agent heard itself, in words; how often is known when the call is over."""
    told = {event.kind: event.data for event in events if event.kind in ("echo", "echoes", "echo_words")}
    for kind in ("echoes", "echo"):
        if kind in told:
            return event_words(kind, told[kind])
    return event_words("echoes", {"times": _times(events)}) if told else ""


def _times(events: Sequence[CallEvent]) -> int:
    return sum(event.kind == "echo_words" for event in events)


def sound(call: Call, recording: Recording | None, events: Sequence[CallEvent]) -> Sound:
    if call.status != Call.Status.ENDED:
        return Sound(None, "The recording can be played when the call has ended.")
    stopped = next((event for event in events if event.kind == "recording_stopped"), None)
    why = "" if stopped is None else str(stopped.data.get("why", ""))
    if recording is not None and recording.size_bytes > 0:
        if call.recording_at_carrier:
            return Sound(recording, note=f"{FETCHED} It is played behind this.")
        cut = "" if recording.is_complete else "The recording stops early, because the call worker did."
        return Sound(recording, note=f"The recording stops early. {why}" if why else cut)
    if call.recording_at_carrier:
        return Sound(None, FETCHED)
    if call.instead.get("how") == "voicemail" and not call.instead.get("recording_s"):
        return Sound(None, "There is nothing to hear: the caller left no message.")
    if call.instead.get("how") in ("forward", "message"):
        return Sound(None, "Such calls are not recorded: the agent had no part in it.")
    if stopped is not None:
        return Sound(None, f"This call could not be recorded. {why}".strip())
    if not (call.spec.get("privacy") or {}).get("record", True):
        return Sound(None, "Recording was switched off for this agent (Privacy → Record calls).")
    if call.answered_at is None and call.duration_ms:
        return Sound(None, "There is nothing to hear: the call was over before the agent said a word.")
    if call.answered_at is None:
        return Sound(None, "There is nothing to hear: nobody was connected.")
    return Sound(None, "This call has no recording: it was deleted, or its file was lost.")


def running_for_ms(call: Call) -> int:
    """How long the call lasted, or lasts by now."""
    if call.status == Call.Status.IN_PROGRESS and call.answered_at:
        return int((datetime.now(UTC) - call.answered_at).total_seconds() * 1000)
    return call.duration_ms


def raw(call: Call, turns: Sequence[Turn], events: Sequence[CallEvent]) -> dict[str, Any]:
    """Everything as it is stored, for those who want to look behind the page."""
    names = (
        "channel",
        "status",
        "end_reason",
        "end_detail",
        "caller",
        "duration_ms",
        "collected",
        "latency",
        "speculation",
        "worker",
        "spec",
    )
    return {
        "id": str(call.pk),
        "agent": str(call.agent_id),
        "version": call.version.number if call.version else None,
        **{name: _iso(getattr(call, name)) for name in ("created_at", "answered_at", "ended_at")},
        **{name: getattr(call, name) for name in names},
        "turns": [
            {
                "index": turn.index, "role": turn.role, "text": turn.text, "intended": turn.intended, "was_cut": turn.was_cut,
                "started_ms": turn.started_ms, "ended_ms": turn.ended_ms, "confidence": turn.confidence,
                "latency": turn.latency, "thoughts": turn.thoughts,
            }
            for turn in turns
        ],
        "events": [{"at_ms": event.at_ms, "kind": event.kind, "data": event.data} for event in events],
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
