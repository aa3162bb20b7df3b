"""A request of a carrier to one of our pages, whatever its body is."""

from __future__ import annotations

from dataclasses import dataclass, field

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    body: bytes
    headers: dict[str, str]
    content_type: str = field(default=FORM)
