"""What PostgreSQL can't keep, taken out: a model, a tool or a vendor may send any character that JSON can write."""

from __future__ import annotations

import math
from typing import Any


def storable(value: Any) -> Any:
    """The same without NUL characters, halves of surrogate pairs, and numbers that are none."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return value
