"""The other end of a trunk for campaigns: a SIP provider of our own that does with each number what the test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from telephony.sip import commands, events
from telephony.sip.events import Event
from telephony.transports.phone_media import PhoneMedia
from tests.telephony.sip_phone import Mouth, SipPhone


@dataclass
class Leg:
    number: str
    media: PhoneMedia
    mouth: Mouth
    heard: bytearray = field(default_factory=bytearray)
    listening: asyncio.Task[None] | None = None


class SipExchange(SipPhone):
    """``asked``: whom it was asked to ring, in order. ``who``: number → a status; "rings" is never picked up. Any other picks up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.who: dict[str, int | str] = {}
        self.legs: dict[str, Leg] = {}

    def pick_up(self, call: str, number: str, offer: bytes) -> None:
        media, mouth = PhoneMedia(self._ports, self._ticker, self._policy), Mouth()
        leg = self.legs[call] = Leg(number, media, mouth)
        media.attach(mouth)  # type: ignore[arg-type]
        self.endpoint.do(commands.Answer(call, media.answer(offer).encode()))

        async def listen() -> None:
            async for frame in media.frames():
                leg.heard += frame.pcm

        leg.listening = asyncio.create_task(listen())

    def hang_up_on(self, number: str) -> None:
        call = next(call for call, leg in self.legs.items() if leg.number == number)
        self.endpoint.do(commands.HangUp(call))

    async def clear(self) -> None:
        for leg in self.legs.values():
            if leg.listening is not None:
                leg.listening.cancel()
            await leg.media.close()

    def _told(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case events.CallReceived(call, offer=offer):
                number = event.called
                self.asked.append(number)
                answer = self.who.get(number, 200)
                self.endpoint.do(commands.Ring(call))
                if answer == 200:
                    self.pick_up(call, number, offer)
                elif isinstance(answer, int):
                    self.endpoint.do(commands.Reject(call, answer))
            case events.Ended(call) if call in self.legs:
                self.legs[call].media.hang_up()
