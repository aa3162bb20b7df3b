"""What the terminal's phone says, line by line, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agents.pronunciation import Speaker
from agents.providers.local import piper
from telephony.audio.digits import checked
from telephony.phone import Exchange, TerminalPhone
from telephony.phone_audio import RATE_HZ, Samples, read_audio, resampled

GOODBYE_SECONDS = 6.0
INTERRUPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A sound file, or words to be spoken, or words spoken into the agent's answer to the line before, or digits to press."""

    kind: Literal["input", "say", "interrupt", "press"]
    text: str
    after_s: float = 0.0

    @classmethod
    def digits(cls, text: str) -> Line:
        """``123#``. Raises ``ValueError`` in plain words."""
        return cls("press", checked(text))

    @classmethod
    def interruption(cls, text: str) -> Line:
        """``Stop, please@1.5`` or ``stop.wav@1.5``: a second and a half after the agent began. Raises ``ValueError``."""
        words, at, seconds = text.rpartition("@")
        if not at:
            return cls("interrupt", text, INTERRUPT_SECONDS)
        after = float(seconds)
        if not 0 <= after <= 60 or not words.strip():
            raise ValueError(text)
        return cls("interrupt", words, after)


async def prepare(lines: Sequence[Line], voice: Path) -> list[Samples]:
    """The sound of each line, before the call begins. Raises ``ValueError`` for a file that is no sound."""
    sounds = []
    for line in lines:
        if line.kind == "press":
            sounds.append(np.zeros(0, np.int16))
        elif line.kind == "input" or (line.kind == "interrupt" and line.text.endswith(".wav")):
            sounds.append(read_audio(Path(line.text)))
        else:
            sounds.append(await spoken(line.text, voice))
    return sounds


async def spoken(text: str, voice: Path) -> Samples:
    """Words in Piper's voice, with a breath of silence before and after. Numbers are said as people say them."""
    tts = piper.PiperTTS(piper.shared(voice))
    said = Speaker((), language="en-US", can_ipa=tts.can_ipa).speak(text)
    pcm = b"".join([piece async for piece in tts.speak(said, speed=1.0)])
    breath = np.zeros(RATE_HZ // 10, np.int16)
    return np.concatenate([breath, resampled(pcm, tts.rate_hz), breath])


async def play(phone: TerminalPhone, lines: Sequence[Line], sounds: Sequence[Samples]) -> None:
    """Say each line when the agent has finished with the one before; then wait a moment for the agent to hang up."""
    await phone.greeting()
    for index, (line, sound) in enumerate(zip(lines, sounds, strict=True)):
        if phone.end is not None:
            break
        if line.kind == "interrupt":
            await phone.interrupt(sound, line.text, line.after_s)
        elif line.kind == "press":
            await phone.press(line.text)
        else:
            await phone.say(sound, line.text if line.kind == "say" else Path(line.text).name)
        following = lines[index + 1] if index + 1 < len(lines) else None
        if following is None or following.kind != "interrupt":
            await phone.settled()
    if lines:
        await phone.silent(GOODBYE_SECONDS)


def result(phone: TerminalPhone) -> dict[str, Any]:
    """All that is known of the call, for programs."""
    return {
        "call_id": phone.call_id,
        "connect_ms": phone.connect_ms,
        "first_audio_ms": phone.first_audio_ms,
        "exchanges": [_exchange(exchange) for exchange in phone.exchanges],
        "transcript": [{key: turn[key] for key in ("turn", "role", "text", "was_cut")} for turn in phone.transcript],
        "collected": {key: collected["value"] for key, collected in phone.collected.items()},
        "digits": phone.ear.digits,
        "end": phone.end,
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    body = asdict(exchange)
    del body["after_turn"]
    body["latency"] = {key: value for key, value in exchange.latency.items() if key.endswith("_ms") and key != "at_ms"}
    return body
