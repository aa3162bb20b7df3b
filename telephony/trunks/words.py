"""What a SIP status means to people: why a call came to nothing, or why a provider doesn't take us. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    reason: str
    """A key of ``telephony.end_reasons.REASONS``."""
    words: str
    """A sentence; "": the reason says it all."""


_CALLS: dict[int, Failure] = {
    401: Failure("carrier_refused", "The provider refused your user name or password."),
    402: Failure("carrier_refused", "The provider wants to be paid first: the account has no credit left."),
    403: Failure(
        "carrier_refused",
        "The provider forbids this call: the number isn't allowed, the caller's number isn't yours there, or the account is blocked.",
    ),
    404: Failure("not_reachable", "The number doesn't exist there."),
    407: Failure("carrier_refused", "The provider refused your user name or password."),
    408: Failure("not_reachable", "The provider didn't answer in time."),
    410: Failure("not_reachable", "The number isn't in use any more."),
    415: Failure("carrier_refused", "The provider doesn't understand our offer of sound."),
    480: Failure("not_reachable", "The telephone is switched off or can't be reached just now."),
    484: Failure("not_reachable", "The number is incomplete."),
    486: Failure("line_busy", ""),
    487: Failure("called_off", ""),
    488: Failure("carrier_refused", "There is no codec or encryption that both sides speak. Look at the trunk's codecs and SRTP."),
    500: Failure("carrier_refused", "Something broke at the provider."),
    502: Failure("carrier_refused", "The provider could not reach the network behind it."),
    503: Failure("carrier_refused", "The provider can't be reached, or has no line free just now."),
    504: Failure("carrier_refused", "The network behind the provider didn't answer in time."),
    600: Failure("line_busy", ""),
    603: Failure("declined", ""),
    604: Failure("not_reachable", "The number doesn't exist anywhere."),
    606: Failure("carrier_refused", "There is no codec or encryption that both sides speak. Look at the trunk's codecs and SRTP."),
    607: Failure("declined", "Who was called wants no such calls."),
    608: Failure("declined", "The network took the call for an unwanted one and refused it."),
}  # fmt: skip


def of_call(status: int) -> Failure:
    """Why a call of ours was refused."""
    known = _CALLS.get(status)
    if known is not None:
        return Failure(known.reason, f"{known.words} (SIP {status})" if known.words else f"SIP {status}")
    if 300 <= status < 400:
        return Failure("not_reachable", f"The provider sent the call on to a host that isn't allowed. (SIP {status})")
    reason = "declined" if status >= 600 else "carrier_refused"
    return Failure(reason, f"The provider refused the call. (SIP {status})")


def of_registration(status: int, host: str) -> str:
    """Why a registrar doesn't take us."""
    match status:
        case 0 | 408:
            return f"Nobody answers at {host}. Check the address, the port and the transport, and that no firewall is between."
        case 401 | 407:
            return f"The provider refused your user name or password. (SIP {status})"
        case 403:
            return "The provider refused to register you: a wrong password, or the account is blocked there. (SIP 403)"
        case 404:
            return "The provider doesn't know this user name. (SIP 404)"
        case 423:
            return "The provider wants another time between registrations than we can offer. (SIP 423)"
        case 503:
            return f"{host} can't be reached, or takes no registrations just now. (SIP 503)"
        case _:
            return f"The provider refused the registration. (SIP {status})"
