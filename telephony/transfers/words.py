"""What the status of a SIP transfer means to people. Pure."""

from __future__ import annotations

from telephony.session.transferring import Why
from telephony.trunks import words

_NEVER: dict[int, str] = {
    403: "The other side doesn't allow transfers, or not to there. (SIP 403)",
    405: "The other side doesn't know transfers (REFER). (SIP 405)",
    408: "The other side never said how the transfer went. (SIP 408)",
    420: "The other side doesn't know transfers (REFER). (SIP 420)",
    481: "The other side doesn't know of the call any more. (SIP 481)",
    489: "The other side doesn't know transfers (REFER). (SIP 489)",
    501: "The other side doesn't know transfers (REFER). (SIP 501)",
    603: "Who was called, or the other side, declined. (SIP 603)",
}
_BUSY, _NOBODY = (486, 600), (408, 480, 487)


def words_of_refer(status: int) -> tuple[Why, str]:
    """Why nobody was reached, for the caller and for the call's page."""
    why: Why = "busy" if status in _BUSY else "no_answer" if status in _NOBODY else "not_reached"
    if status in _BUSY:
        return why, f"The line was busy. (SIP {status})"
    if status in (480, 487):
        return why, f"Nobody picked up. (SIP {status})"
    return why, _NEVER.get(status) or words.of_call(status).words
