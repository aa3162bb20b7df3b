"""The ▶ buttons: a line as the agent would say it, for a voice, a pronunciation, the first words.

Runs in the web process as well. The first play there loads the voice: 0.6 s, and 150 MB for as long as the process lives.
Where nobody presses play, nothing is loaded.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping

from agents import live
from agents.pronunciation import Speaker
from agents.providers import registry
from agents.spec import AgentSpec
from agents.speech import ProviderError

MAX_CHARS = 600


async def preview(spec: AgentSpec, text: str, secrets: Mapping[str, str] | None = None) -> bytes:
    """``text`` as a mono 16-bit WAV. ``secrets``: credential name → plaintext. Raises ``ProviderError`` in plain words."""
    sounds = spec.sounds
    text = text.strip()[:MAX_CHARS]
    if not text:
        raise ProviderError("There is nothing to say yet.", permanent=True)
    found = registry.find(sounds.voice, "voice", live.weights_dir())
    if found is None or found[0].make_tts is None:
        raise ProviderError(f"There is no voice called “{sounds.voice}” on this machine.", permanent=True)
    provider, offer = found
    if not offer.is_usable:
        raise ProviderError(f"{offer.title} can't be used: {offer.why_not}", permanent=True)
    if faults := [fault for fault in provider.problems(spec) if fault.path.startswith(("sounds", "knows.credential"))]:
        raise ProviderError(" ".join(fault.message for fault in faults), permanent=True)
    assert provider.make_tts is not None
    tts = await provider.make_tts(spec, live.surroundings(secrets or {}))
    spoken = Speaker(sounds.pronunciations, language=sounds.language, can_ipa=tts.can_ipa).speak(text)
    pcm = b"".join([piece async for piece in tts.speak(spoken, speed=sounds.voice_speed)])
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(tts.rate_hz)
        wav.writeframes(pcm)
    return file.getvalue()
