"""Digits in SIP INFO (RFC 6086's oldest use): ``application/dtmf-relay`` as nearly everybody sends it, and plain ``application/dtmf``."""

from __future__ import annotations

RELAY = "application/dtmf-relay"
_PLAIN = "application/dtmf"
DIGITS = frozenset("0123456789*#ABCD")
_EVENTS = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
DEFAULT_MS = 160


def parse(content_type: str, body: bytes) -> tuple[str, int] | None:
    """The digit and how long it was pressed, in milliseconds. None: no digit."""
    kind = content_type.partition(";")[0].strip().lower()
    text = body[:256].decode("ascii", "replace")
    if kind == _PLAIN:
        return _digit(text.strip(), DEFAULT_MS)
    if kind != RELAY:
        return None
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        found.setdefault(name.strip().lower(), value.strip())
    duration = found.get("duration", "")
    is_number = duration.isascii() and duration.isdigit() and len(duration) <= 6
    return _digit(found.get("signal", ""), int(duration) if is_number else DEFAULT_MS)


def _digit(text: str, duration_ms: int) -> tuple[str, int] | None:
    digit = _EVENTS.get(text, text.upper())
    return (digit, duration_ms) if digit in DIGITS else None


def build(digit: str, duration_ms: int) -> bytes:
    return f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
