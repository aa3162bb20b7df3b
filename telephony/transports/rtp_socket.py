"""The sockets of telephone calls, and the one clock they all tick by: no thread, no task and no timer for each call.

    every 5 ms   read what has come for any call, then tick a quarter of the calls: each ticks every 20 ms

A call's port is drawn at random from the range, for sound, and the next one for reports. After the call it rests, so that what is
still on its way to the one before isn't heard by the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import Protocol

from telephony.transports.phone_codecs import Together
from telephony.wire.offer_answer import Address

logger = logging.getLogger(__name__)

FIRST_PORT, LAST_PORT = 10_000, 19_999
REST_SECONDS = 30.0
TICK_MS, SLOTS = 20, 4
_SLOT_S = TICK_MS / SLOTS / 1000
_MOST_AT_ONCE = 64
"""Datagrams of one socket: a flood keeps nobody else waiting, and the system drops the rest."""
_DATAGRAM_BYTES = 2_048
_EXPEDITED = 0xB8
"""Routers that care let voice go first (DSCP "EF", RFC 4594)."""
_NEVER_WAITS: int = getattr(socket, "SOCK_NONBLOCK", 0)
"""From the start on, where the system knows that."""
_dice = SystemRandom()


class NoPortLeft(Exception):
    """All ports are taken or resting; the message says so in plain words."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Of one call: where its sound comes and goes, and its reports."""

    port: int
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Ports:
    """Pairs of UDP ports on ``host`` (an address of this machine, of either family; "0.0.0.0" and "::" are all of them)."""

    def __init__(
        self,
        host: str,
        first: int = FIRST_PORT,
        last: int = LAST_PORT,
        *,
        clock: Callable[[], float],
        rest_s: float = REST_SECONDS,
    ) -> None:
        self.host = host
        self._clock, self._rest_s = clock, rest_s
        self._free = list(range(first + first % 2, last, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._range = f"{first} to {last}"

    def open(self) -> Sockets:
        """Raises :class:`NoPortLeft`."""
        self._wake_up()
        for _ in range(len(self._free)):
            at = _dice.randrange(len(self._free))
            self._free[at], self._free[-1] = self._free[-1], self._free[at]
            port = self._free.pop()
            try:
                return self._bound(port)
            except OSError as error:
                logger.info("Port %d can't be had: %s", port, error)
                self._resting.append((self._clock() + self._rest_s, port))
        raise NoPortLeft(f"No port for another call's sound is left: all from {self._range} are taken or rest.")

    def give_back(self, sockets: Sockets) -> None:
        sockets.close()
        self._resting.append((self._clock() + self._rest_s, sockets.port))

    def _wake_up(self) -> None:
        now = self._clock()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])

    def _bound(self, port: int) -> Sockets:
        rtp = self._socket(port)
        try:
            return Sockets(port, rtp, self._socket(port + 1))
        except OSError:
            rtp.close()
            raise

    def _socket(self, port: int) -> socket.socket:
        is_v6 = ":" in self.host
        made = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM | _NEVER_WAITS)
        try:
            if not _NEVER_WAITS:
                made.setblocking(False)
            if is_v6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with contextlib.suppress(OSError, AttributeError):
                level, option = (
                    (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if is_v6 else (socket.IPPROTO_IP, socket.IP_TOS)
                )
                made.setsockopt(level, option, _EXPEDITED)
            made.bind((self.host, port))
        except OSError:
            made.close()
            raise
        return made


class Ticks(Protocol):
    """A call, as the ticker sees it."""

    def received(self, data: bytes, source: Address, now_ms: float, *, is_report: bool) -> None: ...
    def prepare(self, due_ms: float) -> bool:
        """20 ms are over: whether a ``tick`` is wanted. What it is going to decode may be decoded together with others' before it."""

    def tick(self, due_ms: float) -> None:
        """Late ones come one after another, each with the moment it was due."""


class Ticker:
    """For all telephone calls of a process. Runs while there are any; used on its loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._news = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._sockets: dict[int, tuple[socket.socket, Ticks, bool]] = {}
        """By their numbers: whose they are, and whether reports come there."""
        self.together = Together()
        """Decodes what the calls of a tick are going to take, before they do."""
        self._slots: list[list[Ticks]] = [[] for _ in range(SLOTS)]
        self._next = 0
        """The number of the next slot on the loop's clock, which begins at 0."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def now_ms(self) -> float:
        return self._loop.time() * 1000

    def add(self, call: Ticks) -> None:
        """Ticks from now on, at a moment that few others have."""
        min(self._slots, key=len).append(call)
        if self._timer is None:
            self._next = int(self._loop.time() / _SLOT_S) + 1
            self._arm()

    def remove(self, call: Ticks) -> None:
        for slot in self._slots:
            if call in slot:
                slot.remove(call)

    def listen(self, call: Ticks, sockets: Sockets) -> None:
        """What comes is told from now on: at once a call's ticker runs, and every 5 ms."""
        for each in (sockets.rtp, sockets.rtcp):
            self._sockets[each.fileno()] = (each, call, each is sockets.rtcp)
            self._news.register(each.fileno(), select.POLLIN)
        self.add(call)

    def forget(self, call: Ticks, sockets: Sockets) -> None:
        for each in (sockets.rtp, sockets.rtcp):
            del self._sockets[each.fileno()]
            self._news.unregister(each.fileno())
        self.remove(call)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        close = getattr(self._news, "close", None)
        if close is not None:
            close()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._next * _SLOT_S, self._run)

    def _run(self) -> None:
        if not any(self._slots):
            self._timer = None
            return
        self._read()
        for _ in range(SLOTS):  # where it is later than that, others have their turn between
            if self._next * _SLOT_S > self._loop.time():
                break
            self._tick(self._slots[self._next % SLOTS], self._next * _SLOT_S * 1000)
            self._next += 1
        self._arm()

    def _tick(self, calls: list[Ticks], due_ms: float) -> None:
        ready: list[Ticks] = []
        for call in calls:
            try:
                if call.prepare(due_ms):
                    ready.append(call)
            except Exception:  # one call's fault is no other's
                logger.exception("A call could not get ready")
        self.together.decode()
        for call in ready:
            try:
                call.tick(due_ms)
            except Exception:
                logger.exception("A call could not tick")

    def _read(self) -> None:
        """One datagram of each socket that has any, and again: most have one, and to ask all at once is cheaper than each."""
        now_ms = self.now_ms
        for _ in range(_MOST_AT_ONCE):
            ready = self._news.poll(0)
            if not ready:
                return
            for number, _ in ready:
                line, call, is_report = self._sockets[number]
                try:
                    data, source = line.recvfrom(_DATAGRAM_BYTES)
                except BlockingIOError:
                    continue
                except OSError as error:  # what a datagram of ours came to: nobody listens there
                    logger.debug("A socket told of an error: %s", error)
                    continue
                try:
                    call.received(data, source[:2], now_ms, is_report=is_report)
                except Exception:
                    logger.exception("A datagram could not be taken")
