"""A SIP telephone for tests: our own user agent and RTP on real loopback sockets, at the other end of the line.

It shows that both directions fit together, not that they are right: for that there are sipp and baresip.
"""

from __future__ import annotations

import asyncio
import math
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Self

import numpy as np

from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE
from telephony.sip import commands, events
from telephony.sip.digest import DigestServer, Login, Verdict
from telephony.sip.events import Event
from telephony.sip.gate import Gate, Trunk
from telephony.sip.message import Headers, Request, Response, parse
from telephony.sip.peer import Peer
from telephony.transports.phone_media import PhoneMedia, Policy
from telephony.transports.rtp_socket import Ports, Ticker
from telephony.transports.sip import Listening, SipEndpoint
from telephony.wire.dtmf import DigitEvent, Pressed

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Mouth:
    """What the telephone sends: a tone, silence, or digits."""

    def __init__(self, hz: int = 440) -> None:
        self.hz = hz
        self.digit = ""
        self.is_quiet = False
        self._at = 0

    def pull(self) -> bytes:
        if self.is_quiet:
            return SILENCE
        count = PLAYOUT_RATE_HZ // 50
        times = (np.arange(count) + self._at) / PLAYOUT_RATE_HZ
        self._at += count
        return (np.sin(2 * math.pi * self.hz * times) * 8_000).astype("<i2").tobytes()


class SipPhone:
    """``async with SipPhone() as phone:``, then ``call`` or wait for ``rings``."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        policy: Policy | None = None,
        login: Login | None = None,
        expects: Login | None = None,
        listens_on: int = 0,
        tls_ca: str = "",
    ) -> None:
        self.host, self._listens_on, self._tls_ca = host, listens_on, tls_ca
        self._policy = policy or Policy(advertised=host)
        self._login, self._expects = login, expects
        self.events: list[Event] = []
        self.heard = bytearray()
        self.digits: list[str] = []
        self.mouth = Mouth()
        self.answers_with: int | None = 200
        """What a call to it comes to; ``None``: it rings; 183: its network lets its mouth be heard, until it ``picks_up``."""
        self._body = b""
        self.call_id = ""
        self.over = asyncio.Event()
        self.answered = asyncio.Event()
        self._news = asyncio.Event()
        self._media: PhoneMedia | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.gate = Gate([Trunk("anyone", LOOPBACK, expects=self._expects, may_refer=True)])
        self.endpoint = SipEndpoint(
            Listening((self.host,), self._listens_on, tls_ca=self._tls_ca), self.gate, self._told
        )
        await self.endpoint.start()
        self._ticker = Ticker(loop)
        self._ports = Ports(self.host, 42_000, 44_999, clock=loop.time, rest_s=0.1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.call_id and not self.over.is_set():
            self.hang_up()
            await asyncio.sleep(0.05)
        if self._listening is not None:
            self._listening.cancel()
        if self._media is not None:
            await self._media.close()
        await self.endpoint.close()
        self._ticker.close()

    @property
    def port(self) -> int:
        return self.endpoint.ports["udp"]

    # ---- doing

    def call(
        self,
        user: str,
        port: int,
        *,
        transport: Any = "udp",
        at: str = "",
        as_: str = "+14155550100",
        headers: tuple[tuple[str, str], ...] = (),
        certificate: str = "",
        replaces: str = "",
    ) -> None:
        peer = Peer(transport, at or self.host, port, certificate)
        self.gate.add(Trunk("them", (ip_network(peer.host),), peer, login=self._login, may_refer=True))
        self._make_media()
        assert self._media is not None
        self.call_id = "call-1"
        offer = self._media.offer().encode()
        self.endpoint.do(commands.Dial(self.call_id, "them", user, as_, offer, headers=headers, replaces=replaces))

    def picks_up(self) -> None:
        self.endpoint.do(commands.Answer(self.call_id, self._body))

    def hang_up(self) -> None:
        self.endpoint.do(commands.HangUp(self.call_id))

    async def press(self, digits: str) -> None:
        """As telephone-event, the tone being away meanwhile."""
        for digit in digits:
            self.mouth.digit = digit
            await asyncio.sleep(0.14)
            self.mouth.digit = ""
            await asyncio.sleep(0.12)

    def press_by_info(self, digit: str) -> None:
        self.endpoint.do(commands.SendDigit(self.call_id, digit))

    def offer(self, direction: Any) -> None:
        """Hold and back."""
        assert self._media is not None
        self.endpoint.do(commands.Offer(self.call_id, self._media.offer(direction).encode()))

    async def until(self, is_so: Any, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():
                await asyncio.sleep(0.02)

    async def hears(self, hz: int, seconds: float = 0.5) -> None:
        """Wait until so much of this tone was heard from now on."""
        begin = len(self.heard)
        need = int(16_000 * seconds) * 2

        def is_so() -> bool:
            found = np.frombuffer(bytes(self.heard[begin:][-need:]), "<i2").astype(float)
            return len(found) * 2 >= need and peak_hz(found) is not None and abs((peak_hz(found) or 0) - hz) < 30

        await self.until(is_so)

    # ---- what happens

    def _make_media(self) -> None:
        left, self._media = self._media, PhoneMedia(self._ports, self._ticker, self._policy)
        if left is not None:
            left.hang_up()  # another call has taken its place
        self._media.listen_for_digits(self._pressed)
        self._media.attach(self.mouth)  # type: ignore[arg-type]

    def _pressed(self, event: DigitEvent) -> None:
        if isinstance(event, Pressed):
            self.digits.append(event.digit)

    async def _listen(self) -> None:
        assert self._media is not None
        media = None
        while media is not self._media:
            media = self._media
            async for frame in media.frames():
                self.heard += frame.pcm

    def _talks(self) -> None:
        self.answered.set()
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    def _told(self, event: Event) -> None:
        self.events.append(event)
        media = self._media
        match event:
            case events.CallReceived(call, offer=offer):
                self.call_id = call
                if self.answers_with is None:
                    self.endpoint.do(commands.Ring(call))
                elif self.answers_with == 183:
                    self._make_media()
                    assert self._media is not None
                    self._body = self._media.answer(offer).encode()
                    self.endpoint.do(commands.Ring(call, 183, self._body))
                    self._talks()
                elif self.answers_with != 200:
                    self.endpoint.do(commands.Reject(call, self.answers_with))
                else:
                    self._make_media()
                    assert self._media is not None
                    self.endpoint.do(commands.Ring(call))
                    self.endpoint.do(commands.Answer(call, self._media.answer(offer).encode()))
                    self._talks()
            case events.Answered(_, body) if media is not None:
                media.accept(body)
                self._talks()
            case events.OfferAnswered(_, body) if media is not None:
                media.accept(body)
            case events.OfferReceived(call, body) if media is not None:
                self.endpoint.do(commands.AnswerOffer(call, media.answer(body).encode()))
            case events.Ended(call) if call == self.call_id:
                self.over.set()
                if media is not None:
                    media.hang_up()

    def ended(self) -> events.Ended:
        return next(event for event in self.events if isinstance(event, events.Ended))


def recent(phone: SipPhone, seconds: float = 0.5) -> Any:
    """What it heard last."""
    return np.frombuffer(bytes(phone.heard[-int(16_000 * seconds) * 2 :]), "<i2").astype(float)


def peak_hz(samples: Any) -> float | None:
    """Of 16 kHz sound; ``None``: it is as good as silent."""
    if len(samples) < 1_600 or float(np.abs(samples).max()) < 1_500:
        return None
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / len(samples))


class Registrar(asyncio.DatagramProtocol):
    """Takes registrations over UDP from who knows the password, and answers OPTIONS. ``async with registrar(…) as it``."""

    def __init__(self, user: str, password: str, at: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.login = Login(user, password)
        self._at = at
        self.registered: list[tuple[str, int]] = []
        """Contact and for how long."""
        self.status: int | None = None
        """What it answers whatever comes."""
        self.is_silent = False
        self._digest = DigestServer("example", b"k" * 32)
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._at)
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        if self.is_silent or not isinstance(message, Request) or self._transport is None:
            return
        self._transport.sendto(self._answer(message).encode(), addr)

    def _answer(self, request: Request) -> Response:
        headers = request.headers
        fields = [(name, value) for name, value in headers if name in ("Via", "From", "Call-ID", "CSeq")]
        fields.append(("To", f"{headers.first('to')};tag=registrar"))
        if request.method == "OPTIONS":
            return Response(200, "OK", Headers(fields))
        if self.status is not None:
            return Response(self.status, "No", Headers(fields))
        now_ms = asyncio.get_running_loop().time() * 1000
        verdict = self._digest.check(headers.lines("authorization"), self.login, request.method, request.uri, now_ms)
        if verdict is not Verdict.GOOD:
            challenge = self._digest.challenges(now_ms)[-1]
            return Response(401, "Unauthorized", Headers([*fields, ("WWW-Authenticate", challenge)]))
        expires = int(headers.first("expires"))
        self.registered.append((headers.first("contact"), expires))
        return Response(200, "OK", Headers([*fields, ("Contact", headers.first("contact")), ("Expires", str(expires))]))
