"""Transfers (RFC 3515, RFC 5589): REFER asks the other side to call somebody, NOTIFY tells how that goes. Out and in, with Replaces
(RFC 3891) where the somebody is in a call already."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from telephony.sip import headers as values
from telephony.sip import uri
from telephony.sip.commands import Transfer
from telephony.sip.dialog import Dialog, Key
from telephony.sip.events import TransferAsked, TransferDone, TransferProgress
from telephony.sip.gate import Trunk
from telephony.sip.message import Response
from telephony.sip.reasons import phrase
from telephony.sip.scan import BadMessage, params
from telephony.sip.stack import Asked
from telephony.sip.uri import Uri

if TYPE_CHECKING:
    from telephony.sip.call import Call

_FRAGMENT = "message/sipfrag;version=2.0"


def replaces_of(dialog: Dialog) -> str:
    """The Replaces value that puts somebody in our place: seen from the one who will get it (RFC 3891, 6.1)."""
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"


def dialog_of(replaces: str) -> tuple[Key, bool]:
    """Which dialog of ours a Replaces means, and whether only if it is not answered yet. Raises :class:`BadMessage`."""
    call_id, semicolon, tail = replaces.partition(";")
    found = params(tail) if semicolon else {}
    if not call_id or not found.get("to-tag") or not found.get("from-tag"):
        raise BadMessage("Replaces is not understood")
    return (call_id.strip(" \t"), found["to-tag"], found["from-tag"]), "early-only" in found


def target_of(trunk: Trunk, to: str) -> Uri:
    """A number, a user, or a whole URI, as an address on this trunk. Raises ``ValueError`` where it is none that is allowed."""
    if to.lower().startswith(("sip:", "sips:", "tel:")):
        found = uri.parse(to)
        if not trunk.allows(found):
            raise ValueError("this trunk may not call that host")
        if found.is_sip:
            return found
        to = found.user
    if not to or any(char in to for char in '@:;?<>" \t\r\n'):
        raise ValueError("that is neither a number nor an address")
    if not trunk.host:
        raise ValueError("this trunk has no host that a number could be called at")
    return Uri("sip", user=to, host=f"[{trunk.host}]" if ":" in trunk.host.strip("[]") else trunk.host)


class Transfers:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._is_ours_open = False
        self._is_theirs_open = False
        self._is_theirs_told = True
        """They are told how their transfer goes; not where they said that they don't want to know (RFC 4488)."""
        self._theirs = 0
        """The number of their transfer in this dialog, as its CSeq has it; 0: of the first, which needs none."""
        self._has_asked = False

    # ---- ours: REFER out

    def ask(self, command: Transfer, now_ms: float) -> None:
        call = self._call
        assert call.dialog is not None
        if self._is_ours_open:
            return
        target = self._refer_to(command)
        if target is None:
            call.stack.tell(TransferDone(call.id, 481))
            return
        self._is_ours_open = True
        us = values.name_addr(call.dialog.local).uri
        fields = [call.contact(), ("Refer-To", target), ("Referred-By", f"<{us}>")]
        call.ask("REFER", fields, b"", self._on_response, now_ms)
        call.alarms.set("transfer", now_ms + call.stack.limits.transfer_ms, lambda at_ms: self._done(408))

    def _refer_to(self, command: Transfer) -> str | None:
        if not command.replaces:
            return f"<{target_of(self._call.trunk, command.to)}>"
        other = self._call.stack.calls.get(command.replaces)
        if other is None or other.dialog is None or not other.can_take_offers:
            return None
        return f"<{other.dialog.target}?Replaces={quote(replaces_of(other.dialog), safe='')}>"

    def _on_response(self, response: Response | None, now_ms: float) -> None:
        call = self._call
        if call.has_ended or (response is not None and response.is_provisional):
            return
        if call.is_gone(response):
            call.finish("failed", now_ms, status=response.status if response else 408, says_bye=True)
        elif response is not None and response.is_success:
            call.stack.tell(TransferProgress(call.id, response.status))
        elif response is not None:
            self._done(response.status, is_refused=True)

    def _done(self, status: int, *, is_refused: bool = False) -> None:
        if self._is_ours_open:
            self._is_ours_open = False
            self._call.alarms.clear("transfer")
            self._call.stack.tell(TransferDone(self._call.id, status, is_refused))

    def receive_notify(self, asked: Asked, now_ms: float) -> None:
        headers = asked.request.headers
        if headers.first("event").partition(";")[0].strip(" \t").lower() != "refer":
            asked.respond(489, now_ms, extra=[("Allow-Events", "refer")])
            return
        if not self._is_ours_open:
            asked.respond(481, now_ms)
            return
        asked.respond(200, now_ms)
        status = _status_of(asked.request.body)
        is_last = headers.first("subscription-state").partition(";")[0].strip(" \t").lower() == "terminated"
        if status >= 200 or is_last:
            self._done(status if status >= 200 else 487)
        elif status:
            self._call.stack.tell(TransferProgress(self._call.id, status))

    # ---- theirs: REFER in

    def receive_refer(self, asked: Asked, now_ms: float) -> None:
        call = self._call
        headers = asked.request.headers
        try:
            target = values.name_addr(headers.first("refer-to")).uri
            replaces = _replaces_in(target)
        except BadMessage:
            asked.respond(400, now_ms)
            return
        if not call.can_take_offers or self._is_theirs_open or self._is_ours_open:
            asked.respond(491, now_ms)
            return
        if not call.trunk.lets_refer_to(target):
            asked.respond(403, now_ms)
            return
        self._is_theirs_open = True
        self._is_theirs_told = headers.first("refer-sub").strip(" \t").lower() != "false"
        self._theirs = headers.cseq.number if self._has_asked else 0
        self._has_asked = True
        subscription = [] if self._is_theirs_told else [("Refer-Sub", "false")]
        asked.respond(202, now_ms, extra=[call.contact(), *subscription, *call.capabilities()])
        self._notify(100, now_ms)
        call.alarms.set("referred", now_ms + call.stack.limits.transfer_ms, lambda at_ms: self.report(503, at_ms))
        params = {name: value for name, value in target.params.items() if name != "method"}
        plain = Uri(target.scheme, target.user, target.host, target.port, params, target.password)
        call.stack.tell(TransferAsked(call.id, plain, replaces, headers.first("referred-by")))

    def report(self, status: int, now_ms: float) -> None:
        if self._is_theirs_open:
            self._notify(status, now_ms)

    def _notify(self, status: int, now_ms: float) -> None:
        call = self._call
        is_last = status >= 200
        if is_last:
            self._is_theirs_open = False
            call.alarms.clear("referred")
        if not self._is_theirs_told:
            return
        left_s = call.stack.limits.transfer_ms // 1_000
        state = "terminated;reason=noresource" if is_last else f"active;expires={left_s}"
        fields = [
            call.contact(),
            ("Event", f"refer;id={self._theirs}" if self._theirs else "refer"),
            ("Subscription-State", state),
            ("Content-Type", _FRAGMENT),
        ]
        body = f"SIP/2.0 {status} {phrase(status)}\r\n".encode()
        call.ask("NOTIFY", fields, body, self._on_notified, now_ms)

    def _on_notified(self, response: Response | None, now_ms: float) -> None:
        if response is None or response.status == 481:
            self._is_theirs_open = False  # they don't want to know; the call itself may well be alive

    def end(self) -> None:
        self._is_ours_open = self._is_theirs_open = False


def _replaces_in(target: Uri) -> str:
    for part in target.headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            found = unquote(value, errors="surrogateescape")
            dialog_of(found)
            if any(char < " " for char in found):
                break
            return found
    return ""


def _status_of(fragment: bytes) -> int:
    """The status a sipfrag begins with; 0 where it begins with none."""
    line = fragment[:64].split(b"\r\n", 1)[0].split(b" ")
    is_status = len(line) >= 2 and line[0].upper() == b"SIP/2.0" and len(line[1]) == 3 and line[1].isdigit()
    return int(line[1]) if is_status else 0
