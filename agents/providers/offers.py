"""What a vendor's file offers: transcribers, voices, models, each with a way to make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agents.mind import Mind
from agents.spec import AgentSpec
from agents.speech import STT, TTS

if TYPE_CHECKING:
    import httpx2
    from websockets.asyncio.client import ClientConnection

    from agents.providers.local.embeddings import Embedder

Kind = Literal["transcriber", "voice", "model"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the walls of this process give to the vendors: no vendor reads settings, opens the vault or a socket of its own."""

    weights: Path
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Credential name → plaintext, for this agent's organization."""
    http_client: Callable[[], httpx2.AsyncClient] | None = None
    """Makes a client that refuses addresses nobody should reach (``egress``)."""
    websocket: Callable[[str, Mapping[str, str]], Awaitable[ClientConnection]] | None = None
    """Opens one with these headers, with the same care."""
    of_call: dict[str, object] = field(default_factory=dict)
    """What the parts of one call share: who makes it puts it there under its own name."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now().astimezone())
    embedder: Embedder | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing a spec can name. ``why_not`` is empty where it works on this machine now."""

    key: str
    title: str
    kind: Kind
    description: str = ""
    languages: tuple[str, ...] = ()
    """Language codes as in the spec, "en-US" or "en" for all of them; empty: any."""
    licence: str = ""
    price: str = "Free: runs on this machine"
    needs_credential: bool = False
    why_not: str = ""

    @property
    def is_usable(self) -> bool:
        return not self.why_not

    def speaks(self, language: str) -> bool:
        return not self.languages or language in self.languages or language.split("-")[0] in self.languages


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a spec from talking. ``path`` is the knob, as "sounds.voice"."""

    path: str
    message: str


def _nothing(spec: AgentSpec) -> list[Problem]:
    return []


def _nowhere(spec: AgentSpec, around: Surroundings) -> str:
    return ""


def _by_its_title(spec: AgentSpec, offer: Offer) -> str:
    return offer.title


def _no_keys(spec: AgentSpec) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: what it offers on this machine, and how each is made. Adding one = its file and a line in ``registry``.

    The makers load what must be loaded; they raise ``ProviderError(permanent)`` in plain words.
    """

    name: str
    offers: Callable[[Path], tuple[Offer, ...]]
    """Given the weights folder. Quick: looks at files and installed packages, imports and loads nothing."""
    make_stt: Callable[[AgentSpec, Surroundings], Awaitable[STT]] | None = None
    make_tts: Callable[[AgentSpec, Surroundings], Awaitable[TTS]] | None = None
    make_mind: Callable[[AgentSpec, Surroundings], Awaitable[Mind]] | None = None
    problems: Callable[[AgentSpec], list[Problem]] = _nothing
    """What a spec that names this vendor lacks, beyond the offer's own ``why_not``."""
    keys: Callable[[AgentSpec], Mapping[str, str]] = _no_keys
    """Credential name → the address its secret will be sent to, where the spec names this vendor."""
    where: Callable[[AgentSpec, Surroundings], str] = _nowhere
    """Tells apart the places this vendor is asked at: address, model, account. One that is down says nothing of the others.
    Shown to nobody."""
    called: Callable[[AgentSpec, Offer], str] = _by_its_title
    """What it is called in a sentence on this organization's own pages: "The model at api.openai.com"."""
