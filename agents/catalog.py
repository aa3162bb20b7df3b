"""Which models, voices and transcribers exist, and which of them work on this machine now."""

from __future__ import annotations

from agents import live
from agents.providers import registry
from agents.providers.offers import Kind, Offer

__all__ = ["Offer", "catalog"]


def catalog(kind: Kind | None = None) -> list[Offer]:
    """What a spec can name, usable things first. Quick: nothing is loaded."""
    offers = [offer for offer in registry.offers(live.weights_dir()) if kind in (None, offer.kind)]
    return sorted(offers, key=lambda offer: not offer.is_usable)
