"""Telephone companies: one file each, and what all of them have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

OF_ACCOUNT = (401, 402)
FORBIDDEN = 403
_OURS = re.compile(
    r"caller.?id|(source|origination|from)['’]? (phone )?number|suspended|insufficient|balance|credit|funds|account is (not|in)|"
    r"requested connection",
    re.IGNORECASE,
)
_THEIRS = re.compile(r"destination|dial+ed|countr|called number|'to'|recipient", re.IGNORECASE)


class CarrierError(Exception):
    """The carrier refused, or can't be reached; the message may be shown. ``code``: the carrier's own number for it, if any.

    ``is_of_account``: the trouble is the account's, its login, its money or the number that calls, so whoever is called is refused.
    Where the carrier's file doesn't say, its HTTP ``status`` and its words do.
    """

    def __init__(self, message: str, *, code: int = 0, status: int = 0, is_of_account: bool | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status
        self.is_of_account = says_account(status, message) if is_of_account is None else is_of_account


def says_account(status: int, words: str) -> bool:
    """Whether what a carrier refuses so is the account's trouble. A called number's is said of the destination, mostly with 403."""
    if status in OF_ACCOUNT:
        return True
    return not _THEIRS.search(words) and (status == FORBIDDEN or (400 <= status < 500 and bool(_OURS.search(words))))


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
