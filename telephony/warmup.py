"""The way of a whole turn, walked once before anybody calls: the first use of a model costs seconds that the second doesn't."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging

from agents import live, reading
from agents.conversation import Conversation
from agents.mind import Utterance
from agents.spec import AgentSpec, BackgroundSound, Says
from agents.speech import AudioFrame
from telephony import shared_vad
from telephony.audio import ambience
from telephony.audio.resample import Resampler
from telephony.session import readiness
from telephony.session.lines import lines_for
from telephony.transports import libopus

logger = logging.getLogger(__name__)

VAD_WEIGHTS = "silero-vad-v6/silero_vad_v6.onnx"
SECONDS = 60
GC_THRESHOLDS = (10_000, 10, 20)
"""Python's own are (700, 10, 10). Objects more than at the last look, looks at the young until one at the older, and so on."""
_QUESTION = "What time do you open in the morning?"


def new_vad(start_ms: int = 0) -> shared_vad.SharedVAD:
    """An ear for speech, for one call whose clock is at ``start_ms``. Raises ``FileNotFoundError`` where its weights are missing."""
    return shared_vad.pool(live.weights_dir() / VAD_WEIGHTS).ear(start_ms=start_ms)


def settle_memory() -> None:
    """When all models are loaded: what is there now will never be garbage, so the collector needn't look at it again; and it
    looks seldom, because a call makes next to no cycles while it runs. A look at everything is a pause of the loop."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def warm_up() -> None:
    """Load the models of this process and use each once. What is missing is logged and shows in ``live.status``."""
    try:
        async with asyncio.timeout(SECONDS):
            await live.warm_up(None)
            for language in reading.LANGUAGES:  # their patterns
                await asyncio.to_thread(reading.aloud, "12", language)
            for room in (BackgroundSound.OFFICE, BackgroundSound.CAFE):
                await asyncio.to_thread(ambience.loop, room.value, 0.1)
            await _one_turn(new_vad())
            await asyncio.to_thread(libopus.library)
    except Exception:  # the worker can still say what is wrong, and models of other machines need none of this
        logger.exception("Not all models are warm")


async def _one_turn(ear: shared_vad.SharedVAD) -> None:
    spec = AgentSpec(says=Says(prompt="We are open from 8 to 5.\nA cleaning costs 90 dollars."))
    agent = await live.make(spec, {})
    try:
        # A call that another worker lost comes here without a warning, and its caller waits already.
        readiness.speak_ahead(agent, lines_for(spec.sounds.language))
        resampler = Resampler(agent.tts.rate_hz, 16_000)
        pcm = b"".join(
            [resampler.push(piece) async for piece in agent.tts.speak(agent.speak_text(_QUESTION), speed=1.0)]
        )
        stream = await agent.stt.open(language=spec.sounds.language, keywords=())
        try:
            stream.start(1, 0)
            at_ms = 0
            for begin in range(0, len(pcm) - 639, 640):
                frame = AudioFrame(pcm[begin : begin + 640], 16_000)
                ear.push(frame)
                stream.push(frame, at_ms)
                at_ms += 20
            stream.flush(at_ms)
            async with contextlib.aclosing(stream.transcripts()) as transcripts:  # type: ignore[type-var]
                async for transcript in transcripts:
                    if transcript.is_final:
                        break
        finally:
            await stream.close()
        async for _ in agent.mind.reply(Utterance(_QUESTION, 1), Conversation()):
            pass
    finally:
        await agent.mind.close()
