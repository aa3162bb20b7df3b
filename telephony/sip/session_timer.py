"""Session timers (RFC 4028): calls whose other end has vanished come to an end. Who refreshes, how often, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.sip.message import Request, Response
from telephony.sip.scan import BadMessage, number, params

MOST_S = 86_400


@dataclass(frozen=True, slots=True)
class Agreed:
    """``interval_s``: without a refresh in that time the session is over. ``is_ours``: we refresh. ``is_mutual``: they know of it;
    otherwise it is ours alone, to find out whether they are still there."""

    interval_s: int
    is_ours: bool
    is_mutual: bool = True

    @property
    def refresh_ms(self) -> int:
        return self.interval_s * 500

    @property
    def expires_ms(self) -> int:
        """A little before, so that the BYE still counts (RFC 4028, 10)."""
        return self.interval_s * 1_000 - min(32_000, self.interval_s * 1_000 // 3)


def parse(text: str) -> tuple[int, str]:
    """Session-Expires: seconds, and who refreshes ("uac", "uas" or "")."""
    seconds, semicolon, tail = text.partition(";")
    found = number(seconds.strip(" \t"), "Session-Expires", most=2**31)
    refresher = params(tail).get("refresher", "").lower() if semicolon else ""
    if refresher not in ("", "uac", "uas"):
        raise BadMessage("Session-Expires names a strange refresher")
    return found, refresher


def min_se(message: Request | Response) -> int:
    """Of a request, or of a 422; 0 where there is none."""
    text = message.headers.first("min-se").partition(";")[0].strip(" \t")
    return number(text, "Min-SE", most=2**31) if text else 0


def is_too_short(request: Request, min_s: int) -> bool:
    """Whether a request must be refused with 422 and our Min-SE."""
    text = request.headers.first("session-expires")
    return bool(text) and parse(text)[0] < min_s


def settled_by_us(request: Request, wanted_s: int, min_s: int) -> tuple[Agreed, list[tuple[str, str]]]:
    """As the one who answers: what holds from now on, and the headers that say so in the 2xx (RFC 4028, 9).

    If they can't do timers at all, we keep one for us alone, by refreshing.
    """
    text = request.headers.first("session-expires")
    can_they = "timer" in request.headers.tokens("supported") or bool(text)
    seconds, refresher = parse(text) if text else (wanted_s, "")
    seconds = max(min(seconds, wanted_s), min_s, min_se(request))
    if not can_they:
        return Agreed(seconds, True, is_mutual=False), []
    is_ours = refresher != "uac"
    extra = [("Session-Expires", f"{seconds};refresher={'uas' if is_ours else 'uac'}")]
    if not is_ours:
        extra.append(("Require", "timer"))
    return Agreed(seconds, is_ours), extra


def settled_by_them(response: Response, wanted_s: int) -> Agreed:
    """As the one who asked (RFC 4028, 7.2). Without a word from them we refresh for ourselves."""
    text = response.headers.first("session-expires")
    if not text:
        return Agreed(wanted_s, True, is_mutual=False)
    try:
        seconds, refresher = parse(text)
    except BadMessage:
        return Agreed(wanted_s, True, is_mutual=False)
    return Agreed(min(max(seconds, 1), MOST_S), refresher != "uas")
