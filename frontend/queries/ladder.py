"""A SIP trace as people read it: who said what to whom, when, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from telephony.models import SipMessage
from telephony.trunks import explain, outcome, words
from telephony.trunks.explain import Sentence
from telephony.trunks.outcome import Message

MOST = 60
"""Messages that a page shows; the API has all that are kept."""
PAUSE_S = 20.0
"""After a silence of so long the moment is said again."""


@dataclass(frozen=True, slots=True)
class Step:
    """``is_out``: from Parley to the other side. ``moment``: where a while has gone by since the one before, or it is the first."""

    is_out: bool
    offset: str
    moment: datetime | None
    label: str
    words: str
    said: str
    is_bad: bool
    transport: str
    peer: str
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    steps: tuple[Step, ...]
    other: str
    """The other side's host."""
    sentences: tuple[Sentence, ...]
    plain: str
    """All of it as text, for somebody's support."""
    left_out: int


def of_call(rows: Sequence[SipMessage], trunk: str, now: datetime) -> Ladder:
    """``trunk``: its name; "": none."""
    return _ladder(rows[:MOST], rows, explain.of_call(rows, trunk, now))


def of_trunk(rows: Sequence[SipMessage], trunk: str, now: datetime) -> Ladder:
    """The newest of a trunk's own business."""
    return _ladder(rows[-MOST:], rows, explain.of_trunk(rows, trunk, now))


def _ladder(shown: Sequence[SipMessage], rows: Sequence[SipMessage], sentences: Sequence[Sentence]) -> Ladder:
    return Ladder(
        tuple(_steps(shown, [explain.message_of(row) for row in shown])),
        explain.other_side(rows),
        tuple(sentences),
        "\n\n".join(_plain(row) for row in shown),
        len(rows) - len(shown),
    )


def _steps(rows: Sequence[SipMessage], parsed: Sequence[Message]) -> list[Step]:
    steps: list[Step] = []
    stands: set[str] = set()
    """The Call-IDs of calls that were picked up."""
    proved: set[str] = set()
    """The methods whose last request had the proof of a password."""
    before: datetime | None = None
    since = rows[0].at if rows else None
    for row, message in zip(rows, parsed, strict=True):
        has_paused = before is None or (row.at - before).total_seconds() >= PAUSE_S
        if has_paused:
            since = row.at
        assert since is not None
        is_within = row.dialog in stands
        is_challenge = message.status in outcome.CHALLENGES
        is_refusal = is_challenge and message.method in proved
        if not message.status:
            (proved.add if message.has_password else proved.discard)(message.method)
        steps.append(
            Step(
                is_out=message.direction == "out",
                offset=f"+{max(0.0, (row.at - since).total_seconds()):.2f} s",
                moment=row.at if has_paused else None,
                label=f"{message.status} {message.phrase}".strip() if message.status else message.method,
                words=words.of_step(
                    message.method,
                    message.status,
                    has_password=message.has_password or is_refusal,
                    is_within=is_within,
                    takes_over=message.takes_over,
                ),
                said=message.said,
                is_bad=is_refusal or (message.status >= 400 and not is_challenge and message.status not in (487, 491)),
                transport=row.get_transport_display(),
                peer=row.peer,
                text=row.text,
                is_cut=row.is_cut,
            )
        )
        if message.method == "ACK" and any(
            each.method == "INVITE" and 200 <= each.status < 300 for each in parsed[: len(steps)]
        ):
            stands.add(row.dialog)
        before = row.at
    return steps


def _plain(row: SipMessage) -> str:
    at = row.at.astimezone(UTC).isoformat(timespec="milliseconds")
    way = "to" if row.direction == SipMessage.Direction.OUT else "from"
    return f"--- {at} {way} {row.peer} ({row.transport})\n{row.text or row.start_line}{' […]' if row.is_cut else ''}"
