"""From a spec to an agent that can talk: its ear, its voice and its mind, made of models shared by the whole process."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from agents import disclosure, menus
from agents.menu_mind import WithMenu
from agents.mind import Mind
from agents.pronunciation import Speaker
from agents.providers import openai, registry
from agents.providers.breaker import BREAKERS, Vendor
from agents.providers.local import embeddings, piper, smart_turn, weights, whisper
from agents.providers.offers import Kind, Problem, Provider, Surroundings
from agents.spec import AgentSpec
from agents.speech import STT, TTS, EndOfTurn, ProviderError
from agents.standby import REST_S, Chain, Member, Minds, Voice
from agents.turn_taking import AcousticEndOfTurn

if TYPE_CHECKING:
    import httpx2
    from websockets.asyncio.client import ClientConnection

__all__ = [
    "ABSENT",
    "CannotTalk",
    "LiveAgent",
    "Problem",
    "configure",
    "ears",
    "in_own_voice",
    "keys_of",
    "make",
    "problems",
    "status",
    "surroundings",
    "voices",
    "warm_up",
    "weights_dir",
]

logger = logging.getLogger(__name__)

ABSENT = "not here"
"""An optional model's status: calls go on without it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """All that a session needs of an agent. One a call: the mind remembers."""

    spec: AgentSpec
    stt: STT
    tts: TTS
    mind: Mind
    speak_text: Callable[[str], str]
    """Pronunciation for this spec and voice: plain text → what the TTS is given."""
    ears: Chain[STT] | None = None
    """Who listens if ``stt`` fails, itself first. ``None``: nobody. A mind with others behind it is a ``standby.Minds``."""
    voices: Chain[Voice] | None = None
    brains: Chain[Mind] | None = None
    end_of_turn: EndOfTurn | None = None
    """Hears whether the caller sounds finished. ``None``: nobody does."""


@runtime_checkable
class Prepares(Protocol):
    """A voice that can speak lines before they are needed."""

    def prepare(self, texts: Iterable[str], *, speed: float) -> None: ...


@dataclass(slots=True)
class _Configured:
    weights: Path | None = None
    http_client: Callable[[], httpx2.AsyncClient] | None = None
    websocket: Callable[[str, Mapping[str, str]], Awaitable[ClientConnection]] | None = None
    now: Callable[[], datetime] | None = None
    lacks_end_of_turn: bool = False
    """Somebody wanted it, and it isn't here."""


_configured = _Configured()


class CannotTalk(ProviderError):
    """One of the three can't be made. ``part``: the "transcriber", the "voice" or the "model"."""

    def __init__(self, part: Kind, message: str) -> None:
        super().__init__(message, permanent=True)
        self.part = part


def configure(
    weights: Path | None = None,
    *,
    http_client: Callable[[], httpx2.AsyncClient] | None = None,
    websocket: Callable[[str, Mapping[str, str]], Awaitable[ClientConnection]] | None = None,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Tell this process where the weights are and how to reach people's addresses safely. What isn't given stays."""
    _configured.weights = weights or _configured.weights
    _configured.http_client = http_client or _configured.http_client
    _configured.websocket = websocket or _configured.websocket
    _configured.now = now or _configured.now


def weights_dir() -> Path:
    return _configured.weights or weights.folder()


def surroundings(secrets: Mapping[str, str]) -> Surroundings:
    """What a vendor is handed to make its part of one call. ``secrets``: credential name → plaintext."""
    folder = weights_dir()
    around = Surroundings(
        folder,
        secrets,
        _configured.http_client,
        embedder=embeddings.shared(folder / "minilm-l6-v2-int8"),
        websocket=_configured.websocket,
    )
    return replace(around, now=_configured.now) if _configured.now else around


def _named(spec: AgentSpec) -> list[tuple[Kind, str, str]]:
    """(kind, key, knob) of the three things a spec names."""
    return [
        ("transcriber", spec.listens.transcriber, "listens.transcriber"),
        ("voice", spec.sounds.voice, "sounds.voice"),
        ("model", spec.knows.model, "knows.model"),
    ]


def _fallbacks(spec: AgentSpec) -> list[tuple[Kind, tuple[str, ...], str]]:
    """(kind, keys, knob) of what is used if one of the three fails."""
    return [
        ("transcriber", spec.listens.transcriber_fallbacks, "listens.transcriber_fallbacks"),
        ("voice", spec.sounds.voice_fallbacks, "sounds.voice_fallbacks"),
        ("model", spec.knows.model_fallbacks, "knows.model_fallbacks"),
    ]


def problems(spec: AgentSpec) -> list[Problem]:
    """What would keep this spec from talking. Quick: looks at files and installed packages only."""
    found = [*_faults(spec), *(Problem(path, words) for path, words in menus.problems(spec.does))]
    first = {kind: key for kind, key, _ in _named(spec)}
    for kind, keys, path in _fallbacks(spec):
        for index, key in enumerate(keys):
            if key in (first[kind], *keys[:index]):
                found.append(Problem(path, f"“{key}” is named twice: what failed would be asked again."))
            else:
                found += [problem for problem in _faults_of(spec, kind, key, path) if problem not in found]
    return found


def _faults(spec: AgentSpec) -> list[Problem]:
    """Of the three main choices."""
    return [fault for kind, key, path in _named(spec) for fault in _faults_of(spec, kind, key, path)]


def _faults_of(spec: AgentSpec, kind: Kind, key: str, path: str) -> list[Problem]:
    found = registry.find(key, kind, weights_dir())
    if found is None:
        return [Problem(path, f"There is no {kind} called “{key}” on this machine.")]
    provider, offer = found
    faults = provider.problems(spec)
    if not offer.is_usable:
        return [Problem(path, f"{offer.title} can't be used: {offer.why_not}"), *faults]
    if not offer.speaks(spec.sounds.language):
        return [Problem(path, f"{offer.title} doesn't know the language “{spec.sounds.language}”."), *faults]
    return faults


def keys_of(spec: AgentSpec) -> dict[str, str]:
    """Credential name → the address its secret will be sent to: what ``make`` needs the secrets of."""
    wanted: dict[str, str] = {}
    named = [(kind, key) for kind, key, _ in _named(spec)]
    for kind, key in [*named, *((kind, key) for kind, keys, _ in _fallbacks(spec) for key in keys)]:
        if found := registry.find(key, kind, weights_dir()):
            wanted |= found[0].keys(spec)
    return wanted


async def make(spec: AgentSpec, secrets: Mapping[str, str]) -> LiveAgent:
    """The agent for one call. ``secrets``: credential name → plaintext. Raises :class:`CannotTalk`, in plain words.

    Models that are not loaded yet are loaded now: ``warm_up`` spares the first caller that. A fallback that can't be made is
    left out; a main choice that can't be is not missed where a fallback can.
    """
    backed = {path.split(".")[0] for _, keys, path in _fallbacks(spec) if keys}
    found = await asyncio.to_thread(_faults, spec)  # which voices there are is looked up in a folder
    if faults := [fault for fault in found if fault.path.split(".")[0] not in backed]:
        raise CannotTalk(_part(faults[0].path), " ".join(fault.message for fault in faults))
    around = surroundings(secrets)
    # One after another: each loads on its model's own thread, or is loaded already.
    voices = await _chain(spec, around, "voice", _voice, rest_s=math.inf)
    first = voices.members[0].thing
    if isinstance(first.tts, Prepares):
        first.tts.prepare([first.speak_text(line) for line in static_lines(spec)], speed=spec.sounds.voice_speed)
    ears = await _chain(spec, around, "transcriber", _ear, rest_s=math.inf)
    brains = await _chain(spec, around, "model", _mind)
    mind = brains.members[0].thing
    if len(brains.members) > 1:
        mind = Minds(brains, [one.key for one in spec.does.collect])
    return LiveAgent(
        spec, ears.members[0].thing, first.tts, mind, first.speak_text, ears, voices, brains, await end_of_turn(spec)
    )


async def ears(spec: AgentSpec, secrets: Mapping[str, str]) -> Chain[STT]:
    """Who listens, without the rest of the agent: for what was said already. Raises :class:`CannotTalk`."""
    return await _chain(spec, surroundings(secrets), "transcriber", _ear)


async def voices(spec: AgentSpec, secrets: Mapping[str, str]) -> Chain[Voice]:
    """Who speaks, without the rest of the agent: for words that are said where it doesn't talk. Raises :class:`CannotTalk`."""
    return await _chain(spec, surroundings(secrets), "voice", _voice)


def in_own_voice(spec: AgentSpec) -> AgentSpec | None:
    """The same agent in a voice of this machine that knows its language, for where its own fails. ``None``: none is here."""
    for offer in piper.PROVIDER.offers(weights_dir()):
        if offer.kind == "voice" and offer.is_usable and offer.speaks(spec.sounds.language):
            return _naming(spec, "voice", offer.key)
    return None


async def end_of_turn(spec: AgentSpec) -> EndOfTurn | None:
    """Where the spec wants it, its weights are here, and it knows the language. A call goes on without."""
    file = weights_dir() / smart_turn.FILE
    language = spec.sounds.language.split("-")[0]
    is_wanted = spec.listens.acoustic_end_of_turn is not AcousticEndOfTurn.OFF and language in smart_turn.LANGUAGES
    if not is_wanted:
        return None
    if not await asyncio.to_thread(file.is_file):
        _configured.lacks_end_of_turn = True
        return None
    model = smart_turn.shared(file)
    try:
        await model.ready()
    except ProviderError as error:
        logger.warning("%s", error.message)
        return None
    return model


async def _voice(provider: Provider, spec: AgentSpec, around: Surroundings) -> Voice:
    tts = await _able(provider.make_tts)(spec, around)
    speaker = Speaker(spec.sounds.pronunciations, language=spec.sounds.language, can_ipa=tts.can_ipa)
    return Voice(tts, speaker.speak)


async def _ear(provider: Provider, spec: AgentSpec, around: Surroundings) -> STT:
    return await _able(provider.make_stt)(spec, around)


async def _mind(provider: Provider, spec: AgentSpec, around: Surroundings) -> Mind:
    mind: Mind = await _able(provider.make_mind)(spec, around)
    return WithMenu(mind, spec) if spec.does.has_menu else mind


def _able(maker: Callable[[AgentSpec, Surroundings], Awaitable[T]] | None) -> Callable[..., Awaitable[T]]:
    if maker is None:
        raise ProviderError("A vendor offers what it can't make.", permanent=True)
    return maker


async def _chain(
    spec: AgentSpec,
    around: Surroundings,
    kind: Kind,
    make_one: Callable[[Provider, AgentSpec, Surroundings], Awaitable[T]],
    *,
    rest_s: float = REST_S,
) -> Chain[T]:
    """The main choice and its fallbacks, as far as they can be made. Raises :class:`CannotTalk` for the main one's reason where
    none can."""
    main, path = next((key, path) for each, key, path in _named(spec) if each == kind)
    keys = next(keys for each, keys, _ in _fallbacks(spec) if each == kind)
    members: list[Member[T]] = []
    faults: dict[str, CannotTalk] = {}
    for key in dict.fromkeys((main, *keys)):
        try:
            with _making(kind):
                members.append(await _member(_naming(spec, kind, key), around, kind, key, path, make_one))
        except CannotTalk as fault:
            faults[key] = fault
            logger.warning("“%s” can't be used in this call: %s", key, fault.message)
    if not members:
        raise faults[main]
    return Chain(members, rest_s=rest_s, absent=faults[main].message if main in faults else "")


async def _member(
    spec: AgentSpec,
    around: Surroundings,
    kind: Kind,
    key: str,
    path: str,
    make_one: Callable[[Provider, AgentSpec, Surroundings], Awaitable[T]],
) -> Member[T]:
    if faults := await asyncio.to_thread(_faults_of, spec, kind, key, path):
        raise ProviderError(" ".join(fault.message for fault in faults), permanent=True)
    found = await asyncio.to_thread(registry.find, key, kind, weights_dir())
    if found is None:
        raise ProviderError(f"There is no {kind} called “{key}” on this machine.", permanent=True)
    provider, offer = found
    breaker = BREAKERS.of(Vendor(kind, offer.title, provider.where(spec, around)))
    return Member(await make_one(provider, spec, around), provider.called(spec, offer), breaker)


def _naming(spec: AgentSpec, kind: Kind, key: str) -> AgentSpec:
    """The same agent with ``key`` as its main choice: what a vendor's maker reads."""
    match kind:
        case "voice":
            return spec.model_copy(update={"sounds": spec.sounds.model_copy(update={"voice": key})})
        case "transcriber":
            return spec.model_copy(update={"listens": spec.listens.model_copy(update={"transcriber": key})})
        case "model":
            return spec.model_copy(update={"knows": spec.knows.model_copy(update={"model": key})})


def _part(path: str) -> Kind:
    """Which of the three a knob belongs to."""
    parts: dict[str, Kind] = {"listens": "transcriber", "sounds": "voice"}
    return parts.get(path.split(".")[0], "model")


@contextmanager
def _making(part: Kind) -> Iterator[None]:
    """What goes wrong in here is this part's fault."""
    try:
        yield
    except ProviderError as error:
        raise CannotTalk(part, error.message) from error
    except Exception as error:
        logger.exception("The %s could not be made", part)
        raise CannotTalk(part, f"The {part} could not be made: {error or type(error).__name__}") from error


def _provider(kind: Kind, key: str) -> Provider:
    found = registry.find(key, kind, weights_dir())
    if found is None:
        raise ProviderError(f"There is no {kind} called “{key}” on this machine.", permanent=True)
    return found[0]


def static_lines(spec: AgentSpec) -> list[str]:
    """What the agent will say in the same words in every call, the soonest needed first."""
    lines = [
        disclosure.words_of(spec),
        spec.privacy.consent_line,
        spec.says.first_message,
        spec.does.menu_words,
        spec.says.goodbye,
        *spec.limits.reminders,
        spec.limits.warning_line,
    ]
    if spec.does.collect:
        lines += [*(field.question for field in spec.does.collect), spec.does.done_message]
    lines += [target.words for target in spec.does.transfers]
    return [line for line in dict.fromkeys(lines) if line.strip()]


async def warm_up(spec: AgentSpec | None = None) -> None:
    """Load the models of this spec (or of a new agent) once in this process. What can't be loaded is logged, and shows in
    ``status``: a worker without a voice still says why."""
    folder = weights_dir()
    spec = spec or AgentSpec()
    if faults := problems(spec):
        logger.warning("Not all models are ready: %s", " ".join(fault.message for fault in faults))
    paths = {fault.path for fault in faults}
    around = surroundings({})
    if "listens.transcriber" not in paths and (make_stt := _provider("transcriber", spec.listens.transcriber).make_stt):
        await _attempt(make_stt(spec, around))
    if "sounds.voice" not in paths and (make_tts := _provider("voice", spec.sounds.voice).make_tts):
        await _attempt(make_tts(spec, around))
    if (folder / "minilm-l6-v2-int8" / "model.onnx").is_file() and around.embedder is not None:
        await _attempt(around.embedder.embed(["What time do you open?"]))
    await end_of_turn(spec)
    await openai.sdk_ready(around.http_client)


async def _attempt(loading: object) -> None:
    try:
        await loading  # type: ignore[misc]
    except ProviderError as error:
        logger.warning("%s", error.message)


def status() -> dict[str, str]:
    """Model → "loaded", "loading", "not loaded", ``ABSENT`` or "failed: …", for the health page. Of this process."""
    absent = {smart_turn.NAME: ABSENT} if _configured.lacks_end_of_turn else {}
    return {**absent, **whisper.statuses(), **piper.statuses(), **embeddings.statuses(), **smart_turn.statuses()}


async def close() -> None:
    """Stop the models' threads; for the end of a process and of tests."""
    _configured.lacks_end_of_turn = False
    await asyncio.to_thread(lambda: [module.close_shared() for module in (whisper, piper, embeddings, smart_turn)])
