"""How this installation, and each of its agents, is called by SIP."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from django.conf import settings

from agents.models import Agent
from telephony.models import Trunk
from telephony.trunks import routes

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104
USUAL_PORT = 5060


def our_host() -> str:
    """As others write it behind the @, with the port where it isn't the usual one; "" where SIP is off."""
    if not settings.SIP_HOST:
        return ""
    host = settings.SIP_ADVERTISED or next((each for each in settings.SIP_HOST if each not in _ANYWHERE), "") or _own()
    host = f"[{host}]" if ":" in host else host
    return host if settings.SIP_PORT == USUAL_PORT else f"{host}:{settings.SIP_PORT}"


def our_hosts() -> set[str]:
    """All that may stand behind the @ of an address that means us, in small letters, with and without the port."""
    named = {settings.SIP_ADVERTISED, *settings.SIP_HOST} - {"", *_ANYWHERE}
    hosts = {f"[{host}]" if ":" in host else host.lower() for host in named}
    hosts |= {_own(), "127.0.0.1", "localhost", our_host().removesuffix(f":{settings.SIP_PORT}")} - {""}
    return hosts | {f"{host}:{settings.SIP_PORT}" for host in hosts} if settings.SIP_HOST else set()


def address_of_telephone(trunk: Trunk) -> str:
    """What agents put callers through to, to have a telephone ring that registers here; "" where SIP is off, or it is none."""
    host = our_host()
    return f"sip:{trunk.username}@{host}" if host and trunk.asks_password and not trunk.host else ""


def is_here_only() -> bool:
    """SIP is served, and only to this machine: neither providers nor other telephones reach it, nor it them."""
    return bool(settings.SIP_HOST) and all(_is_loopback(each) for each in settings.SIP_HOST)


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def address_of(agent: Agent) -> str:
    """The agent's own SIP address, which telephones of the allowed networks can call without any provider; "" where SIP is off, or
    nothing is published of the agent."""
    host = our_host()
    return f"sip:{routes.user_of(agent)}@{host}" if host and agent.published_id and agent.archived_at is None else ""


def _own() -> str:
    """The address that this machine sends from. No packet leaves for it."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.connect(("192.0.2.1", 9))
            return str(made.getsockname()[0])
    except OSError:
        return "127.0.0.1"
