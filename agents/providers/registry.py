"""All vendors, by what they offer. The one place that knows them by name."""

from __future__ import annotations

from pathlib import Path

from agents.providers import openai, openai_realtime
from agents.providers.local import piper, scripted_offer, whisper
from agents.providers.offers import Kind, Offer, Provider

PROVIDERS: tuple[Provider, ...] = (
    whisper.PROVIDER,
    piper.PROVIDER,
    scripted_offer.PROVIDER,
    openai.PROVIDER,
    openai_realtime.PROVIDER,
)


def offers(weights: Path) -> list[Offer]:
    """Everything a spec can name, the first of each kind being the one to start with."""
    return [offer for provider in PROVIDERS for offer in provider.offers(weights)]


def find(key: str, kind: Kind, weights: Path) -> tuple[Provider, Offer] | None:
    """Who offers this. ``None``: nobody does."""
    for provider in PROVIDERS:
        for offer in provider.offers(weights):
            if offer.key == key and offer.kind == kind:
                return provider, offer
    return None
