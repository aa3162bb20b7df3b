"""The call worker: takes calls while it has room, holds them, renews their leases, and drains when it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import signal
import socket
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import redis.asyncio
from aiortc import RTCIceServer
from channels.layers import get_channel_layer
from django.conf import settings

import egress
import egress.sockets  # now, and not on the loop when the first call wants a WebSocket
from agents import live
from agents.providers.breaker import BREAKERS
from monitoring.loop_lag import COLLECTING, LoopLagMonitor
from telephony import answer, ending, ice, warmup, worker_room, worker_status
from telephony.call_transport import MakeTransport
from telephony.carrier_listener import CarrierListener
from telephony.finish import worker_channel
from telephony.journal import Database, Journal
from telephony.live_call import FAREWELL_SECONDS, LiveCall, Offer
from telephony.signalling import WORKERS
from telephony.transfers.second_calls import SecondCalls
from telephony.transports.webrtc import Line, WebRTCTransport
from telephony.trunks.house import Order, PhoneHouse
from telephony.trunks.setup import sip_settings
from telephony.without_agent.in_call import Reply
from telephony.worker_room import Limits, Room, Sample

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5
MEASURE_SECONDS = 1.0
MAX_HOPS = 8
HOP_SECONDS = 0.02
"""A full worker waits so long before it listens again, so that others get what it passed on. All hops together: well below
200 ms, after which a caller who is turned away has waited for nothing."""
WIND_UP_SECONDS = 12
"""For a call that was cancelled: a little more than its own steps may take together."""
JOURNAL_SECONDS = 10.0
"""For the rows of the last calls, where the database is slow or away. Those that are late then are lost with the process."""
AGAIN_SECONDS = 0.5
STOP_SECONDS = 1.0
"""For each step of the way out, once the last row is written."""
LAG_SECONDS = 5.0
BLOCKED_MS = 100


@dataclass(slots=True)
class Running:
    call: LiveCall
    task: asyncio.Task[None]


@dataclass(slots=True)
class Options:
    capacity: int = field(default_factory=lambda: settings.CALL_WORKER_CAPACITY)
    max_lag_ms: int = field(default_factory=lambda: settings.CALL_WORKER_MAX_LAG_MS)
    drain_limit_s: float = field(default_factory=lambda: settings.DRAIN_LIMIT_S)


class WorkerBroken(Exception):
    """Something a worker does all the time broke; the message says what."""


class CallWorker:
    """``run`` until ``drain`` (no new calls, live ones finish) or ``stop`` (goodbye now) has come to its end.

    ``when_over`` is called when the last call has ended, its rows are written, and only the worker's own things are left to be
    put away.
    """

    def __init__(self, options: Options | None = None, when_over: Callable[[], None] = lambda: None) -> None:
        self.id = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._options = options or Options()
        self._started_at = datetime.now(UTC)
        self._database = Database()
        self._journal = Journal(self._database)
        self._valkey = redis.asyncio.Redis.from_url(settings.VALKEY_URL, socket_timeout=2, socket_connect_timeout=2)
        self._lag = LoopLagMonitor(window_s=LAG_SECONDS, blocked_ms=BLOCKED_MS, blocked=self._blocked)
        self._held_up: tuple[float, str] | None = None
        self._room = Room(Limits(self._options.capacity, self._options.max_lag_ms, cores=_cores()))
        self._beat_now = asyncio.Event()
        self._fault = ""
        """What of its own work broke: it is on its way out then."""
        self._when_over = when_over
        self._running: dict[uuid.UUID, Running] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._drained = asyncio.Event()
        self._stop_now = asyncio.Event()
        self.house = PhoneHouse(
            sip_settings(self._options.capacity), self.id, self._database, self._journal, self._valkey, self._talk,
            has_room=lambda: self.has_room,
        )  # fmt: skip
        self.seconds = SecondCalls(self.house, self._database, lambda: self.telephones.address)
        self.telephones = CarrierListener(
            self._valkey,
            self._take,
            has_room=lambda: self.has_room,
            most=self._options.capacity,
            bring=self.seconds.bring,
        )
        self.ready = asyncio.Event()

    # -- its life

    async def run(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            if not await self._warm_up():
                return
            async with self._lag:
                background: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                    "the journal": self._journal.run,
                    "the heartbeat": self._heartbeats,
                    "the renewal of leases": self._leases,
                    "the measuring of load": self._measure,
                    "serving SIP telephones": self.house.run,
                    "listening for offers": lambda: self._listen(WORKERS, self._offered, until=self._drained),
                    "listening for commands": lambda: self._listen(worker_channel(self.id), self._commanded),
                }
                tasks = [asyncio.create_task(self._keep(name, work)) for name, work in background.items()]
                await self.telephones.start()
                self.ready.set()
                logger.info("Call worker %s takes up to %d calls", self.id, self._options.capacity)
                await self._until_told()
                await self._finish_calls()
                if not await self._journal.settle_all(JOURNAL_SECONDS):
                    logger.error("%d rows of the last calls could not be written and are lost", len(self._journal))
        finally:
            self._when_over()
            await self._put_away(tasks)
        if self._fault:
            raise WorkerBroken(self._fault)

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work that goes on for as long as the worker does. Where it breaks all the same, that is a fault of ours: the worker
        takes no more calls, does the work anew for those it has, and leaves with an error when they are over, for whoever
        watches it to start another."""
        while True:
            why = "it ended by itself"
            try:
                await work()
                if self._drained.is_set():
                    return
            except Exception as error:
                logger.exception("%s of this worker broke", name)
                why = f"{type(error).__name__}: {error}"
            self._fault = self._fault or f"{name}: {why}"
            logger.critical(
                "This worker takes no more calls, because of %s. It leaves when its calls are over.", self._fault
            )
            if not self._is_draining:
                self.drain()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _put_away(self, tasks: list[asyncio.Task[None]]) -> None:
        """Each step has its limit, and none keeps the others from being taken."""
        await ending.end(tasks, STOP_SECONDS)
        with contextlib.suppress(Exception):
            await self.telephones.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(STOP_SECONDS * 2):
                await self.house.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(STOP_SECONDS / 2):
                await worker_status.forget(self._valkey, self.id)
                await self._valkey.aclose()
        self._database.close()

    def drain(self) -> None:
        """No new calls from now on; ``run`` returns when the live ones are over, or at the limit. The second time: now."""
        if self._is_draining:
            self.stop()
            return
        logger.info("Draining: %d calls are live, for %s s at most", len(self._running), self._options.drain_limit_s)
        self._is_draining = True
        self._drained.set()

    def stop(self) -> None:
        """End the live calls with a goodbye, now."""
        self._is_draining = True
        self._drained.set()
        self._stop_now.set()

    async def _warm_up(self) -> bool:
        """Load the models before anybody can call, and keep the collector away from what will never be garbage.
        False: told to stop meanwhile. A model that is being loaded then is left to the end of the process."""
        live.configure(settings.WEIGHTS_DIR, http_client=egress.client2, websocket=egress.websocket)
        warming, told = asyncio.create_task(warmup.warm_up()), asyncio.create_task(self._drained.wait())
        try:
            await asyncio.wait({warming, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ending.end({warming, told}, STOP_SECONDS / 2)
        warmup.settle_memory()
        return not self._drained.is_set()

    async def _until_told(self) -> None:
        await self._drained.wait()
        self.telephones.leave()
        self.house.drain()
        with contextlib.suppress(Exception):
            await self._beat()
        if not self._running:
            return
        over = asyncio.create_task(self._all_over())
        stop = asyncio.create_task(self._stop_now.wait())
        try:
            limit = self._options.drain_limit_s
            await asyncio.wait({over, stop}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ending.end({over, stop}, STOP_SECONDS)

    async def _all_over(self) -> None:
        while self._running:
            await asyncio.wait([running.task for running in self._running.values()])

    async def _finish_calls(self) -> None:
        for running in list(self._running.values()):
            running.call.hang_up("worker_stopped")
        tasks = [running.task for running in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=FAREWELL_SECONDS + WIND_UP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=WIND_UP_SECONDS)

    # -- calls

    @property
    def has_room(self) -> bool:
        return not self._is_draining and not self._why_full

    @property
    def _why_full(self) -> str:
        # The p99, not the worst: a hiccup is no reason to turn anyone away.
        return self._room.why_full(len(self._running), self._lag.now().p99_ms)

    async def _measure(self) -> None:
        """What the calls cost, second by second; the others are told at once when there is no room any more, or again."""
        had_room, pulled, at_s = True, dict[uuid.UUID, int](), time.monotonic()
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            now_s, before, before_s = time.monotonic(), pulled, at_s
            told = {call_id: running.call.pulled_ms for call_id, running in self._running.items()}
            pulled, at_s = {call_id: ms for call_id, ms in told.items() if ms is not None}, now_s
            sent = [ms - before[call_id] for call_id, ms in pulled.items() if call_id in before]
            late = worker_room.late_ms((now_s - before_s) * 1000, sent)
            self._room.observe(
                Sample(now_s, len(self._running), time.thread_time(), time.process_time(), self._lag.now().p99_ms, late)
            )
            if self.has_room is not had_room:
                had_room = not had_room
                self._beat_now.set()

    async def _offered(self, message: dict[str, Any]) -> None:
        offer = Offer(uuid.UUID(message["call_id"]), uuid.UUID(message["organization"]), message["sdp"])
        if offer.call_id in self._running:  # delivered twice: the caller must not be told that there is no room
            return
        if not self.has_room:
            await self._pass_on(message)
            return
        line = Line(
            ice_servers=tuple(RTCIceServer(**server) for server in ice.servers()),
            allow_private=settings.WEBRTC_PRIVATE_CANDIDATES,
            loopback=settings.WEBRTC_LOOPBACK,
        )

        async def reply(body: dict[str, Any]) -> None:
            await get_channel_layer().send(message["reply"], body)

        self._talk(offer, partial(WebRTCTransport, line), reply)

    async def _take(self, offer: Offer, transport: MakeTransport) -> None:
        """A telephone's stream that is up already. Returns when the call is over."""

        async def reply(body: dict[str, Any]) -> None:
            """Nobody waits for one: the carrier asks what comes next when its stream ends."""

        await asyncio.wait({self._talk(offer, transport, reply)})

    def _talk(self, offer: Offer, transport: MakeTransport, reply: Reply) -> asyncio.Task[None]:
        call = LiveCall(offer, self.id, transport, self._database, self._journal, self.seconds)
        task = asyncio.create_task(call.run(reply), name=f"call {offer.call_id}")
        self._running[offer.call_id] = Running(call, task)
        if not self.has_room:
            self._beat_now.set()
        task.add_done_callback(lambda task: self._ended(offer.call_id, task))
        return task

    async def _pass_on(self, message: dict[str, Any]) -> None:
        """Full, or leaving: to another worker that has room, else the caller is told at once."""
        hops = int(message.get("hops", 0))
        if hops < MAX_HOPS:
            others = False
            with contextlib.suppress(redis.RedisError):
                others = await worker_status.others_with_room(self._valkey, self.id)
            if others:
                await get_channel_layer().send(WORKERS, {**message, "hops": hops + 1})
                await asyncio.sleep(HOP_SECONDS)
                return
        await get_channel_layer().send(message["reply"], {"type": "call.refused", "reason": "busy"})

    def _ended(self, call_id: uuid.UUID, task: asyncio.Task[None]) -> None:
        if (running := self._running.get(call_id)) is not None and running.task is task:
            del self._running[call_id]
        if not task.cancelled() and task.exception() is not None:
            logger.error("Call %s left an error", call_id, exc_info=task.exception())

    async def _commanded(self, message: dict[str, Any]) -> None:
        running = self._running.get(uuid.UUID(message["call_id"])) if "call_id" in message else None
        match message["command"]:
            case "snapshot":
                snapshot = running.call.snapshot() if running is not None else None
                await get_channel_layer().send(message["reply"], {"type": "call.snapshot", "snapshot": snapshot})
            case "hang_up" if running is not None:
                running.call.hang_up(str(message.get("reason", "member_hung_up")))
            case "dial":
                await self.house.ring_out(
                    Order(
                        uuid.UUID(message["call_id"]), uuid.UUID(message["organization"]), uuid.UUID(message["trunk"]),
                        str(message["caller"]), str(message["display"]), float(message["ring_seconds"]),
                        str(message.get("on_machine", "talk")),
                    )
                )  # fmt: skip
            case "look_again_at_trunks":
                self.house.look_again()
            case "test_trunk":
                asking = asyncio.create_task(self._test_trunk(message))
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)
            case "press" if running is not None:
                running.call.press(str(message["digits"]))
            case "send_digits" if running is not None:
                running.call.send_digits(str(message["digits"]))
            case "transfer" if running is not None:
                running.call.transfer(str(message["target"]), str(message.get("how", "")))
            case "second_over":
                self.seconds.told(str(message["key"]), str(message["status"]), str(message["sip"]))
            case "candidates" if running is not None:
                for item in message["candidates"]:
                    await running.call.add_candidate(item["candidate"], item["mid"], item["index"])

    async def _test_trunk(self, message: dict[str, Any]) -> None:
        try:
            found = await self.house.test(uuid.UUID(message["trunk"]))
        except Exception as error:
            logger.exception("A trunk could not be tested")
            found = {"trouble": f"The test broke: {type(error).__name__}."}
        await get_channel_layer().send(message["reply"], {"type": "trunk.tested", "found": found})

    # -- listening and being alive

    async def _listen(
        self, channel: str, handle: Callable[[dict[str, Any]], Any], until: asyncio.Event | None = None
    ) -> None:
        """Each message of the channel to ``handle``, through every outage of Valkey."""
        layer = get_channel_layer()
        while until is None or not until.is_set():
            try:
                receiving = asyncio.create_task(layer.receive(channel))
                stopping = asyncio.create_task(until.wait()) if until is not None else None
                waiting = {receiving} if stopping is None else {receiving, stopping}
                try:
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await ending.end(waiting, STOP_SECONDS)
                if receiving.cancelled() or not receiving.done():
                    return
                message = receiving.result()
                await handle(message)
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.warning("Channel %s can't be read just now", channel, exc_info=True)
                await asyncio.sleep(1)

    async def _heartbeats(self) -> None:
        while True:
            try:
                await self._beat()
            except Exception as error:
                logger.warning("The heartbeat could not be written: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._beat_now.wait()
            self._beat_now.clear()

    async def _beat(self) -> None:
        status = worker_status.WorkerStatus(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            calls=len(self._running),
            capacity=self._options.capacity,
            models=live.status(),
            is_draining=self._is_draining,
            loop_lag_ms=self._lag.now().p99_ms,
            blocked_ms=self._held_up[0] if self._held_up else 0.0,
            blocked_by=self._held_up[1] if self._held_up else "",
            call_ids=tuple(str(call_id) for call_id in self._held),
            troubles=tuple(BREAKERS.troubles(time.monotonic())),
            sip_port=self.house.port if self.house.takes_calls else 0,
            media_address=self.telephones.address,
            full=self._why_full,
        )
        await worker_status.write(self._valkey, status)

    def _blocked(self, stalled_ms: float, stack: str) -> None:
        """In the monitor's thread: somebody holds the loop, and all calls wait."""
        where = _culprit(stack)
        self._held_up = (round(stalled_ms), where)
        logger.warning("The loop of this worker has been held up for %d ms by %s\n%s", stalled_ms, where, stack)

    @property
    def _held(self) -> list[uuid.UUID]:
        """The calls that are still this worker's: one that should be over and isn't is left to the reaper."""
        return [call_id for call_id, running in self._running.items() if running.call.is_held]

    async def _leases(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            asked = {call_id: self._running[call_id].call for call_id in self._held}
            if not asked:
                continue
            try:
                for call_id in await self._database.run(answer.renew, list(asked), self.id):
                    running = self._running.get(call_id)
                    # Not where it came back meanwhile, after a transfer: another has the call now.
                    if running is not None and running.call is asked[call_id] and running.call.is_held:
                        logger.warning("Call %s was ended by somebody else", call_id)
                        running.call.hang_up("worker_lost")
            except Exception as error:
                logger.warning("The leases could not be renewed: %s", error)


def _cores() -> int:
    """That this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _culprit(stack: str) -> str:
    """The line that was at work when the loop was late: of ours where there is one."""
    if stack.startswith(COLLECTING):
        return "Python's garbage collector"
    frames = re.findall(r'File "([^"]+)", line (\d+), in (.+)', stack.rpartition("run_until_complete")[2])
    frames = [frame for frame in frames if not re.search(r"/(?:asyncio/|selectors\.py)", frame[0])]
    ours = [frame for frame in frames if "site-packages" not in frame[0] and "/lib/python" not in frame[0]]
    if not frames:
        return "no code of its own: other threads or processes had the processor"
    path, line, name = (ours or frames)[-1]
    return f"{'/'.join(path.split('/')[-2:])}:{line} {name}"


def install_signals(worker: CallWorker) -> None:
    """SIGTERM and SIGUSR1 drain; a second one, or SIGINT, ends the calls now."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        loop.add_signal_handler(number, worker.drain)
    loop.add_signal_handler(signal.SIGINT, worker.stop)
