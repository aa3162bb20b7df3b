"""Offers the scripted brain, which needs no key and no network."""

from __future__ import annotations

from pathlib import Path

from agents.mind import Mind
from agents.providers.offers import Offer, Provider, Surroundings
from agents.spec import AgentSpec
from agents.speech import ProviderError


def _offers(weights: Path) -> tuple[Offer, ...]:
    absent = not all((weights / "minilm-l6-v2-int8" / file).is_file() for file in ("model.onnx", "tokenizer.json"))
    return (
        Offer(
            "scripted",
            "Scripted",
            "model",
            "Answers from the facts in the prompt and asks your questions. No key, no network.",
            ("en",),
            "Apache-2.0",
            why_not="Its weights are not on this machine yet: run `manage.py weights`." if absent else "",
        ),
    )


async def _make(spec: AgentSpec, around: Surroundings) -> Mind:
    from agents.providers.local.scripted import ScriptedMind

    if around.embedder is None:
        raise ProviderError("The scripted brain needs the sentence embeddings.", permanent=True)
    region = spec.sounds.language.partition("-")[2] or "US"
    mind = ScriptedMind(spec, around.embedder, around.now, region)
    await mind.prepare()
    return mind


PROVIDER = Provider("scripted", _offers, make_mind=_make)
