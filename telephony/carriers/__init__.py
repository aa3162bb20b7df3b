"""Telephone companies: one file each, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class CarrierError(Exception):
    """The carrier refused, or can't be reached; the message may be shown. ``code``: the carrier's own number for it, if any."""

    def __init__(self, message: str, *, code: int = 0, status: int = 0) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


@dataclass(frozen=True, slots=True)
class CarrierNumber:
    """A number that an account at a carrier has."""

    sid: str
    number: str
    """E.164."""
    label: str
    can_call: bool
    leads_to: str
    """Where its calls go now: an address, or the name of what takes them; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call that we placed, as the carrier tells of it."""

    sid: str
    status: str
    """In its own words."""
    made_at: datetime | None
    answered_by: str = ""
