"""The trace of SIP messages: which are kept, of which call, and without their secrets. Pure; time is an argument.

A message is known by its Call-ID. Which call that is turns out a moment later than the first messages go by, so they wait here for
``belongs``; what never became a call is the trunk's own business (registrations, refusals).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from telephony.sip.peer import Peer
from telephony.trunks.limits import MOST_CHARACTERS, MOST_OF_A_CALL

WAIT_S = 35.0
"""Until when a Call-ID that nobody claimed is taken for the trunk's business: a transaction is over by then."""
MOST_DIALOGS = 5_000
MOST_WAITING = 40
"""Messages of one Call-ID before anybody has claimed it."""
_SECRET_HEADER = re.compile(
    r"^((?:proxy-)?authorization|authentication-info|proxy-authentication-info)[ \t]*:.*$", re.I | re.M
)
_SECRET_KEY = re.compile(r"^(a=crypto:\d+ \S+ inline:)\S+", re.I | re.M)
_CHALLENGE = re.compile(r"^((?:www|proxy)-authenticate)[ \t]*:.*$", re.I | re.M)
_NONCE = re.compile(r'\b(nonce|opaque)="[^"]*"', re.I)
_FOLDED = re.compile(r"\r?\n[ \t]+")
_NAMED = re.compile(rb"^(call-id|i|cseq)[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M)
_DIGITS = re.compile(r"^(?:content-type|c)[ \t]*:[ \t]*application/dtmf", re.I | re.M)
"""In SIP INFO: what a caller presses may be a PIN."""

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a message is. ``call`` None: the trunk's own business."""

    organization: UUID
    trunk: UUID | None = None
    call: UUID | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """One message, ready to be kept."""

    number: int
    at: datetime
    direction: Direction
    peer: str
    transport: str
    start_line: str
    dialog: str
    cseq: str
    text: str
    is_cut: bool


@dataclass(slots=True)
class _Dialog:
    since_s: float
    owner: Owner | None = None
    """Of a call. ``None``: nobody has claimed it yet."""
    waiting: list[Noted] = field(default_factory=list)
    kept: int = 0


class Trace:
    """``note`` everything that goes by; ``belongs`` when a call knows its Call-ID; ``keep`` is told what to write down."""

    def __init__(self, keep: Callable[[Owner, Noted], None], first_number: int = 0) -> None:
        self._keep = keep
        self._number = first_number
        self._dialogs: OrderedDict[str, _Dialog] = OrderedDict()

    def __len__(self) -> int:
        return len(self._dialogs)

    def note(
        self, direction: Direction, data: bytes, peer: Peer, at: datetime, now_s: float, trunk: Owner | None
    ) -> None:
        """``trunk``: whose business it is, should no call claim it. ``None``: nobody's, and it is forgotten then."""
        if not data.strip():
            return
        head = data[: 16 * 1024]
        named = {name.lower(): value.strip() for name, value in reversed(_NAMED.findall(head))}
        key = _text(named.get(b"call-id", named.get(b"i", b"")))[:200]
        cseq = _text(named.get(b"cseq", b""))[:40]
        dialog = self._dialogs.get(key)
        if dialog is None:
            if cseq.endswith("OPTIONS") and direction == "in" and not data.startswith(b"SIP/2.0"):
                return  # somebody asks how we are, again and again
            dialog = self._dialogs[key] = _Dialog(now_s)
            self._sweep(now_s)
        noted = self._noted(direction, data, peer, at, key, cseq)
        if dialog.owner is not None:
            self._write(dialog, dialog.owner, noted)
        elif trunk is not None and cseq.endswith(("REGISTER", "OPTIONS")):
            self._keep(trunk, noted)
        elif len(dialog.waiting) < MOST_WAITING:
            dialog.waiting.append(noted)

    def belongs(self, dialog_id: str, owner: Owner) -> None:
        """From now on, and what waited."""
        dialog = self._dialogs.setdefault(dialog_id[:200], _Dialog(0.0))
        dialog.owner = owner
        for noted in dialog.waiting:
            self._write(dialog, owner, noted)
        dialog.waiting.clear()

    def over(self, dialog_id: str, now_s: float) -> None:
        """The call has ended; what is still on its way is noted for a while."""
        if (dialog := self._dialogs.get(dialog_id[:200])) is not None:
            dialog.since_s = now_s
            self._dialogs.move_to_end(dialog_id[:200])

    def settle(self, now_s: float, whose: Callable[[str], Owner | None]) -> None:
        """Give what nobody claimed to its trunk: ``whose`` says by the peer's host."""
        for key in [key for key, each in self._dialogs.items() if each.owner is None and now_s - each.since_s > WAIT_S]:
            dialog = self._dialogs.pop(key)
            for noted in dialog.waiting:
                owner = whose(noted.peer.rpartition(":")[0].strip("[]"))
                if owner is not None:
                    self._keep(owner, noted)

    def _write(self, dialog: _Dialog, owner: Owner, noted: Noted) -> None:
        if dialog.kept < MOST_OF_A_CALL:
            dialog.kept += 1
            self._keep(owner, noted)

    def _sweep(self, now_s: float) -> None:
        while len(self._dialogs) > MOST_DIALOGS:
            self._dialogs.popitem(last=False)

    def forget_over(self, is_live: Callable[[Owner], bool], now_s: float) -> None:
        """The Call-IDs of calls that are over, some time after their end."""
        for key, dialog in list(self._dialogs.items()):
            if dialog.owner is not None and now_s - dialog.since_s > WAIT_S and not is_live(dialog.owner):
                del self._dialogs[key]

    def _noted(self, direction: Direction, data: bytes, peer: Peer, at: datetime, key: str, cseq: str) -> Noted:
        self._number += 1
        text = redacted(_text(data))
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        return Noted(
            self._number,
            at,
            direction,
            f"{host}:{peer.port}"[:80],
            peer.transport,
            text.partition("\n")[0].strip()[:300],
            key,
            cseq,
            text[:MOST_CHARACTERS],
            len(text) > MOST_CHARACTERS,
        )


def redacted(text: str) -> str:
    """Without what proves a password, and without the keys of encrypted sound and the digits that a caller presses."""
    head, blank, body = text.partition("\r\n\r\n")
    head = _FOLDED.sub(" ", head)
    head = _SECRET_HEADER.sub(r"\1: …", head)
    head = _CHALLENGE.sub(lambda found: _NONCE.sub(r'\1="…"', found.group()), head)
    body = "…" if body and _DIGITS.search(head) else _SECRET_KEY.sub(r"\1…", body)
    return head.replace("\r\n", "\n") + ("\n\n" + body.replace("\r\n", "\n") if blank and body else "")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "�")
