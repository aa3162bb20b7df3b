"""What it offers: a brain that hears and speaks, and its voices."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agents.mind import Mind
from agents.providers.offers import Offer, Problem, Provider, Surroundings
from agents.providers.openai import OPENAI_URL
from agents.providers.openai_realtime import wire
from agents.spec import AgentSpec
from agents.speech import TTS, ProviderError

if TYPE_CHECKING:
    from agents.providers.openai_realtime.model import Endpoint, OpenAIRealtime
    from agents.providers.openai_realtime.voice import Reads

KEY = "openai_realtime"
MODEL = "gpt-realtime-2.1"
"""Where no other is named. (gpt-realtime and gpt-4o-realtime end on 20 January 2027.)"""
VOICES = ("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
SPOKEN_TOKENS = 7
"""About so many of a spoken answer are one of the same answer written: a second of speech is twenty."""


def _offers(weights: Path) -> tuple[Offer, ...]:
    price = "As your provider charges: by the second heard and spoken"
    brain = Offer(
        KEY,
        "Speech-to-speech model",
        "model",
        "Hears the caller and speaks itself (OpenAI Realtime, or a server that speaks its protocol): tone of voice counts, and the "
        "voice is its own.",
        price=price,
        needs_credential=True,
    )
    about = "A voice of the speech-to-speech model."
    voices = [
        Offer(f"{KEY}/{name}", f"{name.title()} (speech to speech)", "voice", about, price=price, needs_credential=True)
        for name in VOICES
    ]
    return (brain, *voices)


def _is_named(spec: AgentSpec) -> bool:
    knows, sounds = spec.knows, spec.sounds
    keys = (knows.model, *knows.model_fallbacks, sounds.voice, *sounds.voice_fallbacks)
    return any(key == KEY or key.startswith(f"{KEY}/") for key in keys)


def _problems(spec: AgentSpec) -> list[Problem]:
    if not _is_named(spec):
        return []
    knows, sounds = spec.knows, spec.sounds
    if knows.model != KEY:
        if KEY in knows.model_fallbacks:
            words = "A speech-to-speech model is set up where it is the brain. Choose it there, and “Scripted” as what is used if it fails."
            return [Problem("knows.model_fallbacks", words)]
        path = "sounds.voice" if sounds.voice.startswith(f"{KEY}/") else "sounds.voice_fallbacks"
        return [
            Problem(
                path,
                "This voice belongs to the speech-to-speech model: choose that as the brain under Knows, or another voice.",
            )
        ]
    found: list[Problem] = []
    if not sounds.voice.startswith(f"{KEY}/"):
        found.append(
            Problem(
                "sounds.voice",
                "A speech-to-speech model speaks for itself: choose one of its voices, so that greeting and answers sound the same.",
            )
        )
    if not knows.base_url and not knows.credential:
        found.append(Problem("knows.credential", "Choose a key, or give the address of a server that needs none."))
    return found


async def _loaded() -> None:
    """What a call needs of it: a web process needs none, and a call's loop must not wait for files."""
    names = (
        "agents.providers.openai_realtime.model",
        "agents.providers.openai_realtime.voice",
        "agents.speech_to_speech",
    )
    await asyncio.to_thread(lambda: [importlib.import_module(name) for name in names])


def _endpoint(spec: AgentSpec, around: Surroundings) -> Endpoint:
    knows = spec.knows
    key = around.secrets.get(knows.credential, "") if knows.credential else ""
    if knows.credential and not key:
        raise ProviderError(f"The key “{knows.credential}” is not among the stored keys.", permanent=True)
    from agents.providers.openai_realtime.model import Endpoint

    return Endpoint(
        knows.model_name.strip() or MODEL,
        knows.base_url.strip() or OPENAI_URL,
        key,
        spec.sounds.voice.removeprefix(f"{KEY}/") if spec.sounds.voice.startswith(f"{KEY}/") else VOICES[0],
        spec.sounds.voice_speed,
        min(wire.MOST_TOKENS, knows.max_reply_tokens * SPOKEN_TOKENS),
    )


def _model(spec: AgentSpec, around: Surroundings) -> OpenAIRealtime:
    if around.websocket is None:
        raise ProviderError("This process opens no connections to speech-to-speech models.", permanent=True)
    from agents.providers.openai_realtime.model import OpenAIRealtime

    return OpenAIRealtime(_endpoint(spec, around), around.websocket)


async def _make_mind(spec: AgentSpec, around: Surroundings) -> Mind:
    await _loaded()
    from agents.speech_to_speech import RealtimeMind

    model = _model(spec, around)
    around.of_call[KEY] = model
    return RealtimeMind(spec, model, now=around.now)


async def _make_tts(spec: AgentSpec, around: Surroundings) -> TTS:
    await _loaded()
    from agents.providers.openai_realtime.model import OpenAIRealtime
    from agents.providers.openai_realtime.voice import RealtimeVoice

    endpoint = _endpoint(spec, around)

    def of_call() -> Reads | None:
        made = around.of_call.get(KEY)
        return made if isinstance(made, OpenAIRealtime) and made.is_of(endpoint.voice) else None

    async def make() -> tuple[Reads, Callable[[], Awaitable[None]]]:
        model = _model(spec, around)
        return model, model.close

    whose = (_where(spec, around), endpoint.voice, endpoint.speed)
    return RealtimeVoice(whose, of_call, make)


def _where(spec: AgentSpec, around: Surroundings) -> str:
    knows = spec.knows
    account = hashlib.sha256(around.secrets.get(knows.credential, "").encode()).hexdigest()[:12]
    return f"{knows.base_url.strip() or OPENAI_URL} {knows.model_name.strip() or MODEL} {account}"


def _keys(spec: AgentSpec) -> dict[str, str]:
    knows = spec.knows
    return {knows.credential: knows.base_url.strip() or OPENAI_URL} if knows.credential and _is_named(spec) else {}


def _called(spec: AgentSpec, offer: Offer) -> str:
    where = spec.knows.base_url.strip() or "api.openai.com"
    return f"The speech-to-speech model at {where}" if offer.kind == "model" else f"The voice at {where}"


PROVIDER = Provider(
    KEY, _offers, make_tts=_make_tts, make_mind=_make_mind, problems=_problems, keys=_keys, where=_where, called=_called
)
