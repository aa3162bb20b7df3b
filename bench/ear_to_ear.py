"""How long callers wait, measured at their ear, against a running platform on this machine.

    make up                                            # in one terminal
    python bench/ear_to_ear.py "Bright Smile front desk"   # in another; add --turns 40 --url … --draft

Places real WebRTC calls with the terminal's phone, asks questions that the demo agent's facts answer, and prints p50 and p95 of:

- ear-to-ear: the caller's last sample sent to the agent's first sample received (before any jitter buffer of the caller's device);
- answer click to the first sound of the first message;
- barge-in: the caller's first sample into the agent's answer to the agent's silence;
- coughs: of a 250 ms noise into the agent's answer, how many ended the agent's turn (there should be none).

``--json`` prints the numbers for a machine. The machine should be idle otherwise; the caller's speech is made before the calls.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from embedded import environment

environment.find()

import django

django.setup()

import numpy as np
from django.conf import settings

from accounts import tenancy
from agents.models import Agent
from agents.providers.local import piper
from telephony import tokens
from telephony.phone import TerminalPhone
from telephony.phone_audio import RATE_HZ, Samples
from telephony.phone_script import spoken

QUESTIONS = (
    "What are your opening hours?",
    "How much does a cleaning cost?",
    "Where are you located?",
    "Are you open on Saturday?",
    "What time do you close?",
)
INTERRUPTION = "Excuse me, where are you located?"
LONG_ANSWER = "What are your opening hours?"
QUESTIONS_A_CALL = 5


def percentile(values: list[int], percent: int) -> int | None:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def cough() -> Samples:
    """250 ms of noise that swells and dies away, as loud as speech."""
    rng = np.random.default_rng(3)
    count = RATE_HZ // 4
    return (rng.standard_normal(count) * np.hanning(count) * 6_000).clip(-32_000, 32_000).astype(np.int16)


async def measure(url: str, token: Callable[[], Awaitable[str]], turns: int, voice: Path) -> dict[str, Any]:
    sounds = {text: await spoken(text, voice) for text in {*QUESTIONS, INTERRUPTION, LONG_ANSWER}}
    waits: list[int] = []
    told: list[int] = []
    first: list[int] = []
    connects: list[int] = []
    stops: list[int] = []
    coughs = {"tried": 0, "ended_the_turn": 0}
    asked = 0
    while asked < turns:
        async with TerminalPhone(url, token) as phone:
            await phone.greeting()
            first += [phone.first_audio_ms] if phone.first_audio_ms is not None else []
            connects += [phone.connect_ms] if phone.connect_ms is not None else []
            for n in range(min(QUESTIONS_A_CALL, turns - asked)):
                exchange = await phone.say(sounds[QUESTIONS[n % len(QUESTIONS)]], QUESTIONS[n % len(QUESTIONS)])
                await phone.settled()
                asked += 1
                waits += [exchange.ear_ms] if exchange.ear_ms is not None else []
                told += [exchange.latency["total_ms"]] if exchange.latency else []
            await phone.say(sounds[LONG_ANSWER], LONG_ANSWER)
            exchange = await phone.interrupt(sounds[INTERRUPTION], INTERRUPTION, 1.5)
            await phone.settled()
            stops += [exchange.stop_ms] if exchange.stop_ms is not None else []
            await phone.say(sounds[LONG_ANSWER], LONG_ANSWER)
            await phone.interrupt(cough(), "(cough)", 1.5)
            await phone.settled()
            coughs["tried"] += 1
            coughs["ended_the_turn"] += any(exchange.was_cut for exchange in phone.exchanges[-2:])
    return {
        "turns": asked,
        "answered": len(waits),
        "ear_to_ear_ms": {"p50": percentile(waits, 50), "p95": percentile(waits, 95), "all": waits},
        "platform_says_ms": {"p50": percentile(told, 50), "p95": percentile(told, 95)},
        "click_to_first_sound_ms": {"p50": percentile(first, 50), "p95": percentile(first, 95)},
        "connected_ms": {"p50": percentile(connects, 50)},
        "barge_in_stop_ms": {"p50": percentile(stops, 50), "p95": percentile(stops, 95), "all": stops},
        "coughs": coughs,
    }


def _agent(name: str) -> Agent:
    with tenancy.system("a measurement, by who runs the platform"):
        try:
            return Agent.objects.get(pk=uuid.UUID(name))
        except ValueError:
            return Agent.objects.filter(name__iexact=name, archived_at=None).earliest("created_at")


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("agent", help="name or id of an agent of this platform")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--url", default=settings.SITE_URL)
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    agent = await asyncio.to_thread(_agent, options.agent)
    use: tokens.Use = "draft" if options.draft or agent.published_id is None else "published"

    async def token() -> str:
        return tokens.mint(organization=agent.organization_id, agent=agent, use=use)

    try:
        found = await measure(
            options.url, token, options.turns, settings.WEIGHTS_DIR / "piper" / "en_US-joe-medium.onnx"
        )
    finally:
        piper.close_shared()
    if options.json:
        print(json.dumps(found))
        return
    print(f"{found['answered']} of {found['turns']} questions answered.")
    for name, key in (
        ("Ear to ear", "ear_to_ear_ms"),
        ("  as the platform measures it", "platform_says_ms"),
        ("Click to first sound", "click_to_first_sound_ms"),
        ("Barge-in until silence", "barge_in_stop_ms"),
    ):
        print(f"{name:<32} p50 {found[key]['p50']} ms   p95 {found[key]['p95']} ms")
    print(f"Coughs that ended the agent's turn: {found['coughs']['ended_the_turn']} of {found['coughs']['tried']}")


if __name__ == "__main__":
    asyncio.run(main())
