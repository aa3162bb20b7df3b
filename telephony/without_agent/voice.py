"""Words made to sound, where no agent talks: in the agent's voice, or, where that fails, in one of this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import cache

import numpy as np

from agents import live
from agents.spec import AgentSpec
from agents.speech import ProviderError
from agents.standby import Voice
from telephony.audio.playout import PLAYOUT_RATE_HZ
from telephony.audio.resample import Resampler

logger = logging.getLogger(__name__)

SPEAK_SECONDS = 20.0
TONE_HZ, TONE_S = 1_400, 0.4


async def spoken(spec: AgentSpec, secrets: Mapping[str, str], text: str) -> bytes:
    """Mono, 16 bits, ``PLAYOUT_RATE_HZ``. Raises ``ProviderError`` where nothing here can speak."""
    failure = ProviderError("There is no voice.", permanent=True)
    for each in (spec, live.in_own_voice(spec)):
        if each is None:
            continue
        try:
            voices = await live.voices(each, secrets)
        except ProviderError as error:
            failure = error
            continue
        for member in voices.candidates():
            try:
                async with asyncio.timeout(SPEAK_SECONDS):
                    return await _say(member.thing, each, text)
            except ProviderError as error:
                failure = error
            except TimeoutError:
                failure = ProviderError("The voice took too long.")
            except Exception as error:  # a vendor's fault is no reason for silence
                logger.exception("A voice broke")
                failure = ProviderError(f"The voice broke: {type(error).__name__}.")
    raise failure


async def _say(voice: Voice, spec: AgentSpec, text: str) -> bytes:
    resampler = Resampler(voice.tts.rate_hz, PLAYOUT_RATE_HZ)
    pcm = bytearray()
    async for piece in voice.tts.speak(voice.speak_text(text), speed=spec.sounds.voice_speed):
        pcm += resampler.push(piece)
    sound: bytes = bytes(pcm) + resampler.flush()
    if not sound:
        raise ProviderError("The voice said nothing.")
    return sound


@cache
def tone() -> bytes:
    """After which somebody may speak."""
    at = np.arange(int(PLAYOUT_RATE_HZ * TONE_S)) / PLAYOUT_RATE_HZ
    edge = np.minimum(1, np.minimum(at, TONE_S - at) / 0.01)
    sound: bytes = (np.sin(2 * np.pi * TONE_HZ * at) * edge * 8_000).astype("<i2").tobytes()
    return sound
