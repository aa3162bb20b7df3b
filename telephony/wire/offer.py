"""What a browser's connection offer (SDP) may be, checked before any parser or ICE agent sees it.

An offer names the addresses we are to send to, so it is a stranger's list of targets: a thousand candidates in one offer
make an ICE agent send STUN to all of them and stall its loop for seconds. Text in, text or a plain sentence out.
"""

from __future__ import annotations

import re

from egress.addresses import is_private, parse, refusal

MAX_SDP_BYTES = 64 * 1024
MAX_CANDIDATES = 20
MAX_MEDIA_SECTIONS = 3
MAX_LINES = 1_000
_CANDIDATE = "a=candidate:"


class BadOffer(ValueError):
    """The offer can't be used; the message says why, in plain words."""


def is_allowed(candidate: str, *, allow_private: bool) -> bool:
    """Whether we would send to this candidate (``candidate:…`` or ``a=candidate:…``).

    Names (mDNS ``….local``) are left out: the browser's own checks reveal the address behind them. So is TCP. Private and
    loopback addresses are left out where the worker's own network is none of the caller's business (``allow_private``).
    """
    parts = candidate.removeprefix("a=").removeprefix("candidate:").split()
    if (
        len(parts) < 8
        or parts[2].lower() != "udp"
        or not re.fullmatch(r"[1-9][0-9]{0,4}", parts[5])
        or int(parts[5]) > 65535
    ):
        return False
    if "%" in parts[4] and not allow_private:  # one of our own interfaces
        return False
    try:
        address = parse(parts[4])
    except ValueError:
        return False
    if refusal(address) is None:
        return True
    return allow_private and (is_private(address) or address.is_link_local)


def checked(sdp: str, *, allow_private: bool) -> str:
    """The offer without the candidates we won't talk to.

    Raises :class:`BadOffer` where it is too large, has too many candidates, or is no offer of one audio connection.
    """
    if len(sdp) > MAX_SDP_BYTES or len(sdp.encode("utf-8", "replace")) > MAX_SDP_BYTES:
        raise BadOffer("The offer is longer than 64 KiB.")
    if sdp.count(_CANDIDATE) > MAX_CANDIDATES:
        raise BadOffer(f"The offer names more than {MAX_CANDIDATES} addresses.")
    # As the parser behind us splits: a lone carriage return or a form feed would hide a line of its own in one of ours.
    lines = sdp.strip("\r\n").splitlines()
    if len(lines) > MAX_LINES:
        raise BadOffer(f"The offer has more than {MAX_LINES} lines.")
    if not lines or not lines[0].startswith("v=0"):
        raise BadOffer("The offer is not a session description.")
    media = [line[2:].split(" ", 1)[0] for line in lines if line.startswith("m=")]
    if media.count("audio") != 1 or len(media) > MAX_MEDIA_SECTIONS:
        raise BadOffer("The offer must have exactly one audio section.")
    if set(media) - {"audio", "application"}:
        raise BadOffer("Only audio can be offered.")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise BadOffer("The offer has no certificate fingerprint.")
    kept = [line for line in lines if not line.startswith(_CANDIDATE) or is_allowed(line, allow_private=allow_private)]
    return "\r\n".join(kept) + "\r\n"
