"""What SIP's methods and statuses mean to people: why a call came to nothing, why a provider doesn't take us, and what each message
of a trace says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from telephony.end_reasons import REASONS
from telephony.trunks.outcome import CHALLENGES, Outcome


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


_OF_ACCOUNT = tuple(f"(SIP {status})" for status in (401, 402, 407))


def is_of_account(detail: str) -> bool:
    """Whether a call that was refused so (``of_call``) would have been whoever was called: the password, or the money."""
    return detail.endswith(_OF_ACCOUNT)


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


# ---- the trace

_METHODS: dict[str, str] = {
    "INVITE": "calls",
    "ACK": "confirms",
    "BYE": "hangs up",
    "CANCEL": "calls it off",
    "REGISTER": "says where it is",
    "OPTIONS": "asks how the other is",
    "PRACK": "confirms that it rings",
    "UPDATE": "changes the call",
    "INFO": "sends keys or news",
    "REFER": "asks to be put through",
    "NOTIFY": "tells how that goes",
    "SUBSCRIBE": "asks to be told news",
    "MESSAGE": "sends a text message",
}
_ANSWERS: dict[int, str] = {
    100: "has it, and looks",
    180: "it rings",
    181: "it is led on",
    182: "it waits in a line",
    183: "sound before anybody picks up",
    200: "yes",
    202: "taken, and looked at later",
    401: "asks for the password",
    403: "isn't allowed",
    404: "unknown here",
    407: "asks for the password",
    408: "nobody answered in time",
    415: "doesn't understand the offer of sound",
    422: "wants longer between checks",
    423: "wants longer between registrations",
    480: "can't be reached just now",
    481: "knows no such call",
    486: "the line is busy",
    487: "called off",
    488: "no codec or encryption in common",
    491: "both asked at once: again later",
    500: "something broke there",
    503: "takes nothing just now",
    603: "doesn't take the call",
}
_YES: dict[str, str] = {
    "INVITE": "picks up",
    "BYE": "has hung up",
    "REGISTER": "knows now where to call",
    "OPTIONS": "is well",
}
"""What a 200 means."""
_RING: dict[str, str] = {"INVITE": "asks again, with the password", "REGISTER": "says where it is, with the password"}
"""A request that is the answer to a question for the password."""


def of_step(
    method: str, status: int = 0, *, has_password: bool = False, is_within: bool = False, takes_over: bool = False
) -> str:
    """One message in a few words, said of its sender. ``status`` 0: a request. ``is_within``: in a call that stands, where an INVITE
    changes the sound. ``takes_over``: it wants the place of one that stands. ``has_password``: the request has the proof of one, or the one
    that is answered. Empty: there is no plain word."""
    if status in CHALLENGES and has_password:
        return "refuses the password"
    if status == 200 and method in _YES and not (method == "INVITE" and is_within):
        return _YES[method]
    if status:
        return _ANSWERS.get(status, "yes" if status < 300 else "elsewhere" if status < 400 else "refused")
    if method == "INVITE" and is_within:
        return "changes the sound"
    if method == "INVITE" and takes_over:
        return "wants another call's place"
    return _RING[method] if has_password and method in _RING else _METHODS.get(method, "")


_PASSWORD = "The provider refused the password for {trunk}. Check the user name and password."  # noqa: S105
_NO_PASSWORD = "The provider asks for a password, and {trunk} gave none. Give it the user name and password."  # noqa: S105
_WRONG_THERE = "A telephone at {host} wanted to register over {trunk} and gave another user name or password than here. Type the same into it."
_NONE_THERE = "A telephone at {host} wanted to register over {trunk} without a password. Type the user name and the password into it."
_TELEPHONES: dict[int, str] = {
    404: "It must register under the user name that it signs in with.",
    405: "Only a trunk without a host, whose callers sign in, takes telephones.",
    423: "It wants to register more often than once a minute. Set its “expires” to 300 seconds.",
}
_SOUND = "There is no codec or encryption that both sides speak. Look at the codecs and the SRTP of {trunk}."
_SUPPORT = "If it stays so, send the provider's support the messages below."

_TO_DO: dict[int, str] = {
    402: "Top the account up there.",
    403: "Ask the provider which numbers {trunk} may call and show.",
    404: "Check the number.",
    408: "Check the host, the port and the transport of {trunk}.",
    410: "Check the number.",
    415: "Look at the codecs of {trunk}.",
    480: "Try again later.",
    484: "Check the number; it is written with its country.",
    500: _SUPPORT,
    502: _SUPPORT,
    503: "Try again in a moment. " + _SUPPORT,
    504: "Try again in a moment. " + _SUPPORT,
    604: "Check the number.",
}
_REFUSED_US: dict[int, str] = {401: _PASSWORD, 407: _PASSWORD, 488: _SOUND, 606: _SOUND}
_REFUSED_BY_US: dict[int, str] = {
    401: "Whoever called didn't prove the user name and password that {trunk} asks for. Check them at the other side.",
    403: "Parley refused a call that isn't allowed over {trunk}.",
    404: "Nobody answers here at what was called. Put the number on {trunk}, choose an agent for it, and publish the agent.",
    407: "Whoever called didn't prove the user name and password that {trunk} asks for. Check them at the other side.",
    415: "The other side offered its sound in a way that Parley doesn't know.",
    480: "No agent could take the call. Look at System health.",
    482: "The call had been here already: the other side leads it in a circle.",
    486: "No call worker had room for the call. Look at System health.",
    488: _SOUND,
    500: "Something broke in Parley as it took the call. The call worker's log says what.",
    503: "Parley took no more calls: its call worker was stopping, or had no port left for the sound. Look at System health.",
    606: _SOUND,
}
_REGISTRATIONS: dict[int, str] = {
    401: _PASSWORD,
    403: "The provider doesn't let {trunk} register: the password is wrong, or the account is blocked there. "
    "Check the user name and password, then ask the provider.",
    404: "The provider doesn't know the user name of {trunk}. Check it.",
    407: _PASSWORD,
    408: "Nobody answers at {host}. Check the host, the port and the transport of {trunk}, and that no firewall is between.",
    423: "The provider wants longer between registrations than Parley offers. " + _SUPPORT,
    500: "Something broke at the provider as {trunk} registered. " + _SUPPORT,
    503: "Whoever is at {host} takes no registrations just now, or can't be reached. It is tried again by itself.",
}


def explained(outcome: Outcome, trunk: str = "", host: str = "") -> str:
    """What a trace comes to, in a sentence or two that say what to do. ``trunk``: its name; "": there was none, or it is gone.
    ``host``: where the other side is. Empty: there is nothing to say yet."""
    names = {"trunk": f"trunk “{trunk}”" if trunk else "the trunk", "host": host or "the other side"}
    match outcome.about, outcome.result:
        case "call", "stood":
            by = {"out": "Parley hung up.", "in": "The other side hung up."}.get(outcome.ended_by, "")
            went_on = "Later it went on with somebody else at the other side." if outcome.has_moved else ""
            return " ".join(each for each in ("The call was picked up.", went_on, by) if each)
        case "call", "not_confirmed":
            return (
                "Parley picked up, but the other side never confirmed it (ACK), so the call ended. A router between changes addresses: "
                "set SIP_ADVERTISED, and switch off its “SIP ALG”."
            )
        case "call", "called_off":
            return f"{'Parley' if outcome.ended_by == 'out' else 'The caller'} gave up before anybody picked up."
        case "call", "refused":
            return _refused(outcome, names)
        case "call", "no_answer":
            return _REGISTRATIONS[408].format(**names)
        case "registration", "stood":
            return f"The provider took the registration of {names['trunk']}: it knows where calls go."
        case "registration", "taken_back":
            return f"The registration of {names['trunk']} was taken back."
        case "registration", "refused" if outcome.status in CHALLENGES and not outcome.was_proved:
            return _NO_PASSWORD.format(**names)
        case "registration", "refused":
            general = "The provider refused the registration of {trunk} with SIP {status}. " + _SUPPORT
            return _REGISTRATIONS.get(outcome.status, general).format(**names, status=outcome.status)
        case "telephone", "stood":
            return f"The telephone has registered here over {names['trunk']}: agents can put callers through to it."
        case "telephone", "taken_back":
            return f"The telephone of {names['trunk']} has signed off: it rings again once it has registered anew."
        case "telephone", "refused" if outcome.status in CHALLENGES:
            return _WRONG_THERE.format(**names) if outcome.was_proved else _NONE_THERE.format(**names)
        case "telephone", "refused":
            general = "Parley refused to register a telephone over {trunk} with SIP {status}. {more}"
            return general.format(**names, status=outcome.status, more=_TELEPHONES.get(outcome.status, "")).strip()
        case "question", "stood":
            return f"{names['host']} answers when it is asked how it is."
        case "registration" | "question", _ if outcome.result in ("no_answer", "refused"):
            return _REGISTRATIONS[408].format(**names)
    return ""


def _refused(outcome: Outcome, names: Mapping[str, str]) -> str:
    status = outcome.status
    if outcome.by == "us":
        general = f"Parley refused the call with SIP {status}. The messages below say more."
        return _REFUSED_BY_US.get(status, general).format(**names)
    if status in CHALLENGES and not outcome.was_proved:
        return _NO_PASSWORD.format(**names)
    if status in _REFUSED_US:
        return _REFUSED_US[status].format(**names)
    known = _CALLS.get(status)
    if known is not None:
        words = known.words or f"{REASONS[known.reason].words}."
        return f"{words} {_TO_DO.get(status, '')}".strip().format(**names)
    if 300 <= status < 400:
        return "The provider sent the call on to a host that {trunk} doesn't allow (“May send on to”).".format(**names)
    return f"The provider refused the call with SIP {status}. {_SUPPORT}"
