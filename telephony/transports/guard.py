"""A gate in front of aioice, which hands every datagram it can't read to DTLS, whoever sent it.

Without it one empty datagram from any host ends a live call (``RTCDtlsTransport`` reads ``data[0]``), and a spray of
forged DTLS alerts keeps every new call from connecting. The gate lets STUN pass (it carries its own proof of identity) and
anything else only from an address whose ICE check is under way or has succeeded; peer-reflexive addresses are among them.
Relayed data takes the same way, because a TURN endpoint delivers to the same protocol class.

Written against the internals of aioice 0.13 and aiortc 1.16; ``tests/telephony/test_guard.py`` holds it to them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aioice import ice
from aiortc import rtcicetransport

logger = logging.getLogger(__name__)

_MAGIC_COOKIE = b"\x21\x12\xa4\x42"
_LIVE = (ice.CandidatePair.State.IN_PROGRESS, ice.CandidatePair.State.SUCCEEDED)
GATHER_SECONDS = 2

_settings = {"loopback": False}


def is_stun(data: bytes) -> bool:
    """RFC 7983's first byte, and the magic cookie of RFC 8489."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == _MAGIC_COOKIE


def is_from_peer(protocol: ice.StunProtocol, address: tuple[str, int]) -> bool:
    """Whether an ICE check with this address is under way or has succeeded on this socket."""
    connection = protocol.receiver
    for pair in connection._nominated.values():
        if pair.protocol is protocol and pair.remote_addr == address:
            return True
    return any(
        pair.protocol is protocol and pair.state in _LIVE and pair.remote_addr == address
        for pair in connection._check_list
    )


class GatedProtocol(ice.StunProtocol):
    """aioice's socket with the gate in front. It notes on the agent when the peer was last heard (``heard_at``)."""

    receiver: GuardedConnection

    def datagram_received(self, data: Any, addr: tuple[Any, ...]) -> None:
        if not data:
            return
        if not is_stun(data):
            # 20-63 DTLS, 128-191 SRTP and SRTCP: nothing else has any business here.
            if not (19 < data[0] < 64 or 127 < data[0] < 192) or not is_from_peer(self, (addr[0], addr[1])):
                return
            self.receiver.heard_at = asyncio.get_running_loop().time()
            if data[0] > 127 and len(data) > 1 and not 192 <= data[1] <= 223 and self.receiver.on_sound is not None:
                self.receiver.on_sound(data)
            else:
                self.receiver.data_received(data, self.local_candidate.component)
            return
        try:
            super().datagram_received(data, addr)
        except Exception as error:
            logger.debug("Dropped a malformed STUN message from %s: %r", addr, error)


class GuardedConnection(ice.Connection):
    """aioice's agent that also knows the loopback address (where asked to) and doesn't wait long for a slow STUN server."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard_at = asyncio.get_running_loop().time()
        self.on_sound: Callable[[bytes], None] | None = None
        """Takes SRTP (not SRTCP: RFC 5761, 4) as it comes, past aiortc's queue."""

    def request_received(self, message: Any, addr: tuple[str, int], protocol: ice.StunProtocol) -> None:
        super().request_received(message, addr, protocol)
        if is_from_peer(protocol, addr):
            self.heard_at = asyncio.get_running_loop().time()

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = GATHER_SECONDS,  # noqa: ASYNC109
    ) -> list[Any]:
        if not addresses or _settings["loopback"]:
            addresses = [*addresses, "127.0.0.1"]
        candidates: list[Any] = await super().get_component_candidates(component, addresses, GATHER_SECONDS)
        return candidates


def install(*, loopback: bool) -> None:
    """Make every ICE agent of this process a guarded one. ``loopback``: offer 127.0.0.1 too (all on one machine)."""
    setattr(ice, "StunProtocol", GatedProtocol)  # noqa: B010
    setattr(rtcicetransport, "Connection", GuardedConnection)  # noqa: B010
    _settings["loopback"] = loopback
