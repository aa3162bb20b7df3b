"""The second line of a warm transfer at Twilio: what brings it up, and what it comes to where nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.session.transferring import NotReached
from telephony.transfers import twilio_line
from telephony.transfers.twilio_line import TwilioLine


class Stream:
    """A stream of Twilio's that is up."""

    end_reason: str | None = None
    outbound_delay_ms = 60

    def __init__(self) -> None:
        self.is_closed = False

    @property
    def progress(self) -> dict[str, Any]:
        return {}

    async def answer(self, offer: str) -> str:
        return ""

    async def connected(self) -> bool:
        return True

    def attach(self, playout: Playout) -> None: ...

    async def frames(self) -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(640), 16_000)

    def hang_up(self) -> None: ...

    async def close(self) -> None:
        self.is_closed = True


class Desk:
    """A line that Twilio places as CA1, or refuses."""

    def __init__(self, refuses: str = "", place_s: float = 0.0) -> None:
        self.hung_up: list[str] = []
        self.forgotten = 0
        self._refuses, self._place_s = refuses, place_s
        self.line = TwilioLine(self._place, self._hang_up, 5.0, self._closed)

    async def _place(self) -> str:
        await asyncio.sleep(self._place_s)
        if self._refuses:
            raise NotReached("not_reached", self._refuses)
        return "CA1"

    async def _hang_up(self, call: str) -> None:
        self.hung_up.append(call)

    def _closed(self) -> None:
        self.forgotten += 1


async def test_only_the_call_that_was_placed_is_let_in_and_only_once() -> None:
    desk, stranger, theirs, again = Desk(), Stream(), Stream(), Stream()
    connecting = asyncio.create_task(desk.line.connected())
    await asyncio.sleep(0.01)
    await desk.line.take(stranger, "CA2")
    assert stranger.is_closed and not connecting.done()
    talking = asyncio.create_task(desk.line.take(theirs, "CA1"))
    assert await connecting and not talking.done()
    await desk.line.take(again, "CA1")
    assert again.is_closed and not theirs.is_closed
    await desk.line.close()
    await asyncio.wait_for(talking, 1)
    assert theirs.is_closed and desk.hung_up == [] and desk.forgotten == 1


@pytest.mark.parametrize(
    ("told", "reason", "words"),
    [
        (("busy", ""), "line_busy", ""),
        (("no-answer", ""), "no_answer", ""),
        (("canceled", ""), "no_answer", ""),
        (("failed", "404"), "not_reachable", "The number could not be reached. (SIP 404)"),
        (("busy", "603"), "declined", ""),
        (("completed", ""), "not_reachable", twilio_line.NO_SOUND),
        (("of a later release", ""), "not_reachable", "The number could not be reached."),
    ],
)
async def test_what_twilio_tells_of_a_call_that_never_came_up(told: tuple[str, str], reason: str, words: str) -> None:
    desk = Desk()
    connecting = asyncio.create_task(desk.line.connected())
    await asyncio.sleep(0.01)
    desk.line.told(*told)
    assert not await connecting and (desk.line.end_reason, desk.line.end_detail) == (reason, words)
    await desk.line.close()
    assert desk.hung_up == [], "it is over there already"


async def test_what_twilio_refuses_is_said_in_its_words() -> None:
    desk = Desk(refuses="Twilio says: no.")
    assert not await desk.line.connected()
    assert (desk.line.end_reason, desk.line.end_detail) == ("carrier_refused", "Twilio says: no.")


async def test_a_line_that_is_closed_before_twilio_has_said_what_it_is_called_is_hung_up_all_the_same() -> None:
    desk = Desk(place_s=0.05)
    connecting = asyncio.create_task(desk.line.connected())
    await asyncio.sleep(0.01)
    connecting.cancel()
    await desk.line.close()
    assert desk.hung_up == ["CA1"] and desk.forgotten == 1


async def test_one_that_rings_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_line, "GRACE_SECONDS", -4.95)
    desk = Desk()
    assert not await desk.line.connected() and desk.line.end_reason == "no_answer"
    await desk.line.close()
    assert desk.hung_up == ["CA1"]
