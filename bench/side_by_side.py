"""Ear to ear, Parley and pipecat in one run: the same phone, the same questions, the same Whisper and Piper, taking turns.

    make up                                                                  # Parley, in one terminal
    python -m venv peers && peers/bin/pip install "pipecat-ai[webrtc,whisper,piper]==1.14.0" uvicorn
    peers/bin/python bench/peers/pipecat_local.py 8200 .local/weights        # the peer, in another
    python bench/side_by_side.py "Bright Smile front desk" --peer http://127.0.0.1:8200 --rounds 3

Each round places one call to each and asks eight questions. Printed: the wait from the caller's last sample sent to the
agent's first sample received, as the phone hears it. The peer's model answers at once with a sentence of its own; Parley's
answers from its facts. The machine should be idle otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import json
from typing import Any, Self

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from ear_to_ear import _agent, percentile  # sets Django up

from django.conf import settings  # isort: skip
from agents.providers.local import piper
from telephony import tokens
from telephony.phone import TerminalPhone
from telephony.phone_script import spoken
from telephony.transports import guard
from telephony.transports.webrtc import RtpReceiver

QUESTIONS = (
    "What are your opening hours?",
    "How much does a cleaning cost?",
    "Where are you located?",
    "Do you take insurance?",
    "Can I park near you?",
    "Who are your dentists?",
    "What does a filling cost?",
    "How do I cancel an appointment?",
)
QUIET_S = 1.2


class PeerPhone(TerminalPhone):
    """The same phone, dialling a server whose only door is ``POST /offer``. It has no live feed, so silence ends an answer."""

    def __init__(self, url: str) -> None:
        async def nobody() -> str:
            return ""

        super().__init__(url, nobody)

    async def __aenter__(self) -> Self:
        guard.install(loopback=True)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        up = asyncio.Event()
        self._connection.on(
            "connectionstatechange", lambda: up.set() if self._connection.connectionState == "connected" else None
        )
        self._connection.addTrack(self.microphone)
        self._connection.createDataChannel("events")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        RtpReceiver.adopt(self._connection.getTransceivers()[0].receiver, self.ear, lambda: None)
        async with httpx.AsyncClient(timeout=60) as http:
            answer = (
                await http.post(
                    f"{self._url}/offer", json={"sdp": self._connection.localDescription.sdp, "type": "offer"}
                )
            ).json()
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        async with asyncio.timeout(20):
            await up.wait()
        await asyncio.sleep(3)  # its models load when the call comes in
        return self

    async def settled(self, seconds: float = 60) -> None:
        loop = asyncio.get_running_loop()

        def is_quiet() -> bool:
            silent = self.ear.is_silent_since
            return silent is not None and loop.time() - silent > QUIET_S

        await self._until(is_quiet, seconds)

    async def hang_up(self) -> None:
        """The connection's end is all it knows."""


async def ask(phone: TerminalPhone, sounds: dict[str, Any]) -> list[int]:
    waits = []
    for question in QUESTIONS:
        exchange = await phone.say(sounds[question], question)
        await phone.settled()
        waits += [exchange.ear_ms] if exchange.ear_ms is not None else []
    return waits


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("agent")
    parser.add_argument("--url", default=settings.SITE_URL)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    agent = await asyncio.to_thread(_agent, options.agent)
    voice = settings.WEIGHTS_DIR / "piper" / "en_US-joe-medium.onnx"

    async def token() -> str:
        return tokens.mint(organization=agent.organization_id, agent=agent, use="published")

    sounds = {question: await spoken(question, voice) for question in QUESTIONS}
    waits: dict[str, list[int]] = {"parley": [], "pipecat": []}
    for _ in range(options.rounds):
        async with TerminalPhone(options.url, token) as phone:
            await phone.greeting()
            waits["parley"] += await ask(phone, sounds)
        async with PeerPhone(options.peer) as peer:
            waits["pipecat"] += await ask(peer, sounds)
    piper.close_shared()
    for name, found in waits.items():
        share = f"{len(found)} of {options.rounds * len(QUESTIONS)} answered"
        print(f"{name:<8} {share}   " + "   ".join(f"p{n} {percentile(found, n)} ms" for n in (50, 90, 95)))
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        print(json.dumps({**waits, "aiortc": importlib.metadata.version("aiortc")}))


if __name__ == "__main__":
    asyncio.run(main())
