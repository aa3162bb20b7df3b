"""Piper on this machine's processor: a voice loaded once, speaking for all calls of the process.

The engine (``piper-tts``) is GPL-3 and optional: nothing here imports it before a voice is loaded, and without it
``is_installed`` says so. A text is spoken in pieces cut at sentences and commas, each as soon as it exists; the piece whose
caller would run dry first is made first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.phrases import opening
from agents.providers.local.model_thread import ModelThread, Ticket
from agents.providers.local.preparing import Preparing
from agents.providers.offers import Offer, Provider, Surroundings
from agents.spec import AgentSpec
from agents.speech import TTS, ProviderError

if TYPE_CHECKING:
    from piper import PiperVoice

logger = logging.getLogger(__name__)

THREADS = min(2, os.cpu_count() or 1)
"""Two make a sentence 1.6 times sooner (222 ms against 383 ms for 4.8 s of speech); more made little difference."""
CACHE_BYTES = 48 << 20
CACHED_TEXT_MAX = 400
"""Longer texts aren't kept: they hardly come twice."""
LEAD_MS = 15
PAUSE_AFTER_CLAUSE_MS = 110
PAUSE_FOR_BREATH_MS = 40
"""Inside a clause that was cut so that sound starts early."""
PAUSE_AFTER_SENTENCE_MS = 240
AUDIBLE = 0.012
"""Of full scale: what is softer at the ends is cut as silence."""
LOUDNESS = 0.09
"""RMS that every voice is brought to (-21 dBFS), by one gain for the voice: a gain for each sentence would pump."""
LATER_S = 60.0
"""Prepared lines wait for everything that a caller waits for."""
FIRST_PIECE_SOUNDS = 45
"""A sentence longer than this many phonemes is cut at a comma, so that sound starts early."""

_PICTURES = re.compile(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]+")
"""Emoji and their joints: the engine would read out their names."""
_SIGN_BEHIND_IPA = re.compile(r"\]\]([.,;:!?])")

Samples = npt.NDArray[np.float32]


def is_installed() -> bool:
    """Is the optional engine there?"""
    return find_spec("piper") is not None


class _Cache:
    """Spoken lines, the least used dropped first. Bounded in bytes; used from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lines: OrderedDict[tuple[str, float], list[bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, float]) -> list[bytes] | None:
        with self._lock:
            if key in self._lines:
                self._lines.move_to_end(key)
            return self._lines.get(key)

    def put(self, key: tuple[str, float], pieces: list[bytes]) -> None:
        with self._lock:
            if key in self._lines:
                return
            self._lines[key] = pieces
            self._bytes += sum(map(len, pieces))
            while self._bytes > self._most_bytes:
                _, dropped = self._lines.popitem(last=False)
                self._bytes -= sum(map(len, dropped))


class Voice:
    """A loaded voice and the thread that speaks it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ModelThread(f"piper-{path.stem}")
        self._voice: PiperVoice | None = None
        self._gain = 1.0
        self.rate_hz = _rate_of(path)
        self.cache = _Cache(CACHE_BYTES)
        self.prepared = Preparing()
        self.status = "not loaded"

    def load(self) -> None:
        """Load the weights and speak once, which also finds the gain. On the voice's thread; 0.6 s."""
        if self._voice is not None:
            return
        self.status = "loading"
        try:
            import onnxruntime
            from piper import PiperVoice
            from piper.config import PiperConfig

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = THREADS
            options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            session = onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
            config = PiperConfig.from_dict(json.loads(_config_path(self._path).read_text(encoding="utf-8")))
            voice = PiperVoice(session=session, config=config)
            sample = np.concatenate(
                [self._raw(voice, ids, 1.0) for ids, _ in self._pieces(voice, "Hello, how can I help you?")]
            )
        except Exception as error:
            self.status = f"failed: {error}"
            raise ProviderError(f"The voice {self._path.stem} could not be loaded: {error}", permanent=True) from error
        loud = sample[np.abs(sample) > AUDIBLE]
        if len(loud):
            self._gain = min(LOUDNESS / float(np.sqrt(np.mean(loud**2))), 0.95 / float(np.abs(sample).max()))
        self._voice = voice
        self.status = "loaded"

    def submit(self, work: _Work, *, urgency: float, can_wait: bool) -> Ticket:
        return self._thread.submit(work.run, urgency=urgency, can_wait=can_wait)

    def close(self) -> None:
        self._thread.close()

    def pieces(self, text: str, *, is_awaited: bool = False) -> list[tuple[list[int], int]]:
        """(phoneme ids, pause after in ms) of each piece. On the voice's thread. ``is_awaited``: somebody hears nothing until
        the first one is made, so a long clause is begun with its first few words."""
        self.load()
        assert self._voice is not None
        begin = opening(text) if is_awaited else ""
        if not begin:
            return self._pieces(self._voice, text)
        first = self._pieces(self._voice, begin + ",")  # the voice stays up, as before a comma
        return [(ids, PAUSE_FOR_BREATH_MS) for ids, _ in first] + self._pieces(self._voice, text[len(begin) :].strip())

    def sound(self, ids: list[int], pause_ms: int, speed: float) -> bytes:
        """PCM of one piece: no silence before it, the pause that belongs behind it. On the voice's thread."""
        assert self._voice is not None
        key = (f"{pause_ms}:{ids}", speed)
        if (known := self.cache.get(key)) is not None:
            return known[0]
        samples = self._raw(self._voice, ids, speed) * np.float32(self._gain)
        audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
        if not len(audible):
            return b""
        lead = LEAD_MS * self.rate_hz // 1000
        samples = samples[max(0, int(audible[0]) - lead) : int(audible[-1]) + lead]
        pause = np.zeros(max(0, round(pause_ms / speed) - LEAD_MS) * self.rate_hz // 1000, dtype="<i2")
        pcm = (np.clip(samples, -1.0, 1.0) * np.float32(32_767)).astype("<i2")
        made: bytes = pcm.tobytes() + pause.tobytes()
        self.cache.put(key, [made])
        return made

    @staticmethod
    def _raw(voice: PiperVoice, ids: list[int], speed: float) -> Samples:
        from piper import SynthesisConfig

        config = SynthesisConfig(length_scale=voice.config.length_scale / speed)
        audio = voice.phoneme_ids_to_audio(ids, config)
        samples: Samples = np.atleast_1d(audio[0] if isinstance(audio, tuple) else audio).astype(np.float32, copy=False)
        return samples

    @staticmethod
    def _pieces(voice: PiperVoice, text: str) -> list[tuple[list[int], int]]:
        pieces: list[tuple[list[int], int]] = []
        # A sign right behind [[ipa]] would be lost: as a sound of its own inside, it is kept.
        for sentence in voice.phonemize(_SIGN_BEHIND_IPA.sub(r"\1]]", _PICTURES.sub(" ", text))):
            known = [sound for sound in sentence if sound in voice.config.phoneme_id_map]
            clauses = _clauses(known, FIRST_PIECE_SOUNDS if not pieces else 3 * FIRST_PIECE_SOUNDS)
            for number, clause in enumerate(clauses, start=1):
                pause_ms = PAUSE_AFTER_SENTENCE_MS if number == len(clauses) else PAUSE_AFTER_CLAUSE_MS
                pieces.append((voice.phonemes_to_ids(clause), pause_ms))
        return pieces


def _clauses(sounds: Sequence[str], longest: int) -> list[list[str]]:
    """Cut a sentence longer than ``longest`` behind its commas, the first piece as soon as it is worth saying."""
    if len(sounds) <= longest:
        return [list(sounds)] if any(sound.isalpha() for sound in sounds) else []
    clauses: list[list[str]] = [[]]
    for sound in sounds:
        clauses[-1].append(sound)
        if sound in ",;:" and len(clauses[-1]) >= 12:
            clauses.append([])
    return [clause for clause in clauses if any(sound.isalpha() for sound in clause)]


def _config_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _rate_of(path: Path) -> int:
    try:
        config: dict[str, Any] = json.loads(_config_path(path).read_text(encoding="utf-8"))
        return int(config["audio"]["sample_rate"])
    except (OSError, ValueError, KeyError) as error:
        raise ProviderError(f"The voice {path.stem} is not installed: {error}", permanent=True) from error


class _Work:
    """One text being spoken: each run makes the next piece and hands it to whoever waits."""

    def __init__(self, voice: Voice, text: str, speed: float, loop: asyncio.AbstractEventLoop | None) -> None:
        self._voice = voice
        self._text = text
        self._speed = speed
        self._loop = loop
        self._left: list[tuple[list[int], int]] | None = None
        self._made: list[bytes] = []
        self._produced_s = 0.0
        self._began_s = time.monotonic()
        self._is_closed = False
        self.results: asyncio.Queue[bytes | ProviderError | None] = asyncio.Queue()  # as long as the text at most

    def begin(self) -> None:
        # A prepared line is wanted later; a spoken one by a caller who hears nothing yet.
        self._submit(self._began_s)

    def _submit(self, wanted_s: float) -> None:
        is_prepared = self._loop is None
        self._voice.submit(self, urgency=wanted_s + (LATER_S if is_prepared else 0.0), can_wait=is_prepared)

    def close(self) -> None:
        """Nobody listens any more: what isn't made yet won't be."""
        self._is_closed = True

    def run(self) -> None:
        """On the voice's thread."""
        if self._is_closed:
            return
        try:
            self._make_next()
        except ProviderError as error:
            self._tell(error)
        except Exception as error:
            logger.exception("Piper failed")
            self._tell(ProviderError(f"The voice failed: {error}"))

    def _make_next(self) -> None:
        if self._left is None:
            self._left = self._voice.pieces(self._text, is_awaited=self._loop is not None)
        if self._left:
            ids, pause_ms = self._left.pop(0)
            pcm = self._voice.sound(ids, pause_ms, self._speed)
            self._made.append(pcm)
            if self._produced_s == 0.0 and self._loop is not None:
                self._began_s = time.monotonic()
            self._produced_s += len(pcm) / 2 / self._voice.rate_hz
            self._tell(pcm)
        if self._left:
            self._submit(self._began_s + self._produced_s)  # wanted when the caller has heard what there is
        else:
            if len(self._text) <= CACHED_TEXT_MAX:
                self._voice.cache.put((self._text, self._speed), self._made)
            self._tell(None)

    def _tell(self, result: bytes | ProviderError | None) -> None:
        if self._loop is None and not isinstance(result, bytes):  # a prepared line came to its end
            self._voice.prepared.end((self._text, self._speed))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.results.put_nowait, result)


class PiperTTS:
    """``agents.speech.TTS`` with one loaded voice. Texts may carry ``[[ipa]]``."""

    can_ipa = True

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.rate_hz = voice.rate_hz

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        if not text.strip():
            return
        if (pieces := self._voice.cache.get((text, speed))) is not None:
            for piece in pieces:
                yield piece
            return
        work = _Work(self._voice, text, speed, asyncio.get_running_loop())
        work.begin()
        try:
            while (result := await work.results.get()) is not None:
                if isinstance(result, ProviderError):
                    raise result
                if result:
                    yield result
        finally:
            work.close()

    def prepare(self, texts: Iterable[str], *, speed: float) -> None:
        """Have these spoken when nobody waits, so that they start at once when they are needed. Returns at once, and does
        nothing for lines there is no room for: they are spoken when they are needed."""
        for text in texts:
            line = (text, speed)
            if not text.strip() or len(text) > CACHED_TEXT_MAX or self._voice.cache.get(line) is not None:
                continue
            if not self._voice.prepared.begin(line):
                continue
            try:
                _Work(self._voice, text, speed, None).begin()
            except ProviderError:  # the queue is full of callers
                self._voice.prepared.end(line)
                return

    async def ready(self) -> None:
        """Wait until the voice is loaded."""
        async for _ in self.speak("Hello.", speed=1.0):
            pass


_shared: dict[Path, Voice] = {}
_sharing = threading.Lock()


def shared(path: Path) -> Voice:
    """The one ``Voice`` of this process for this file. Raises ``ProviderError`` where it isn't installed."""
    with _sharing:
        if path not in _shared:
            if not is_installed():
                raise ProviderError(
                    "The voice engine piper-tts is not installed: pip install piper-tts.", permanent=True
                )
            _shared[path] = Voice(path)
        return _shared[path]


def statuses() -> dict[str, str]:
    """Of this process, for the health page."""
    return {f"voice {path.stem}": one.status for path, one in _shared.items()}


def close_shared() -> None:
    """Stop the threads; the next use starts anew."""
    with _sharing:
        for one in _shared.values():
            one.close()
        _shared.clear()


DEFAULT_VOICE = "en_US-joe-medium"
TITLES = {"en_US": "American English", "en_GB": "British English"}
LICENCES = {"en_US-joe-medium": "CC0-1.0 (the engine piper-tts is GPL-3)"}


def _offers(weights: Path) -> tuple[Offer, ...]:
    """The voice that comes along, and every other Piper voice (.onnx with its .onnx.json) put into the same folder."""
    found = {path.stem: path for path in sorted((weights / "piper").glob("*.onnx")) if _config_path(path).is_file()}
    return tuple(_offer(name, name in found) for name in dict.fromkeys((DEFAULT_VOICE, *found)))


def _offer(name: str, is_there: bool) -> Offer:
    region, _, rest = name.partition("-")
    person, _, quality = rest.partition("-")
    why_not = ""
    if not is_installed():
        why_not = "The voice engine is not installed: pip install piper-tts (GPL-3, a separate component)."
    elif not is_there:
        why_not = "Its weights are not on this machine yet: run `manage.py weights`."
    return Offer(
        f"piper/{name}",
        f"{person.capitalize() or name} ({TITLES.get(region, region)})",
        "voice",
        f"Piper, {quality or 'unknown'} quality, on this machine.",
        (region.split("_")[0],),
        LICENCES.get(name, "See the voice's model card (the engine piper-tts is GPL-3)"),
        why_not=why_not,
    )


def voice_of(key: str, weights: Path) -> Voice:
    """The loaded voice of a spec's "piper/en_US-joe-medium"."""
    return shared(weights / "piper" / f"{key.removeprefix('piper/')}.onnx")


async def _make(spec: AgentSpec, around: Surroundings) -> TTS:
    tts = PiperTTS(voice_of(spec.sounds.voice, around.weights))
    await tts.ready()
    return tts


PROVIDER = Provider("piper", _offers, make_tts=_make)
