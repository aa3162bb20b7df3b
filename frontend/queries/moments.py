"""Days and times that callers named, as people read them. Pure."""

from __future__ import annotations

import re
from datetime import datetime

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$")


def is_moment(value: object) -> bool:
    return isinstance(value, str) and bool(_ISO.match(value))


def moment_words(text: str) -> str:
    """``2026-11-24T15:00`` → "Tue 24 Nov 2026, 15:00"; the text itself where it is no moment."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment:%a %-d %b %Y, %H:%M}" if "T" in text or " " in text else f"{moment:%a %-d %b %Y}"
