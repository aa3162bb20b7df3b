"""Whisper on this machine's processor: one loaded model a process, shared by all its calls.

CTranslate2 takes features of the sound's true length, so three seconds of speech cost three seconds' work and not the thirty
that Whisper pads to. Finals go first; an interim is heard only when nobody waits for a final, and steps back when one comes.

A final is heard *ahead*: as soon as it is quiet for a moment, without knowing whether it stays so. If it does, the words are there
when they are asked for, or soon; if not, they were an interim.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import numpy as np

from agents.providers.local.hearing import peak_rms
from agents.providers.local.model_thread import ModelThread, Ticket
from agents.providers.local.whisper_model import LANGUAGES, PCM, RATE_HZ, WhisperModel
from agents.providers.offers import Offer, Provider, Surroundings
from agents.spec import AgentSpec
from agents.speech import STT, AudioFrame, ProviderError, STTStream, Transcript

logger = logging.getLogger(__name__)

BYTES_PER_MS = RATE_HZ * 2 // 1000
FINAL, AHEAD, INTERIM = 0.0, 1.0, 2.0
PRE_ROLL_MS = 320
"""Sound kept from before the onset: a VAD is late for an "h" or an "f"."""
IDLE_KEPT_MS = 3_000
"""Sound kept while nobody speaks, so that an onset found late can still be told as when it was, and a nod be joined with what follows."""
WINDOW_MAX_MS, WINDOW_MIN_MS = 26_000, 16_000
"""Whisper hears 30 s at most: a longer utterance is cut at its quietest moment between these."""
MAX_WINDOWS = 60
INTERIM_EVERY_MS = 500
TOLD_EVERY_MS = 1_200
"""After so long without words an interim is as urgent as what is heard ahead."""
AHEAD_AFTER_MS = 60
"""So much quiet may be the beginning of a pause. A "t" or "k" is shut for longer at times: then it was an interim."""
AHEAD_SPOKEN_MS = 600
"""Of less than this the quiet behind it is needed: of "No." cut after 60 ms Whisper hears nothing, after 160 ms it hears it (6 of 6).
Of 60 sentences as many were right either way."""
QUIET = 0.05
"""Of the loudest so far, 26 dB below it: what is louder may be part of a word."""
_REGIONS = {"en": "US", "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "nl": "NL", "pt": "PT"}
"""Whose telephone numbers are meant where the language names no country."""


class Whisper:
    """The model's thread: loads the weights once, then hears for all calls of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ModelThread(f"whisper-{folder.name}")
        self._model: WhisperModel | None = None
        self.status = "not loaded"
        self.last_took_ms = 0

    def load(self) -> None:
        """Load the weights and hear something once, so that the first caller doesn't wait. On the model's thread."""
        if self._model is None:
            self.status = "loading"
            try:
                model = WhisperModel(self._folder)
                model.hear(np.zeros(RATE_HZ, dtype=np.int16), model.prompt("en", ()))
            except Exception as error:
                self.status = f"failed: {error}"
                raise ProviderError(f"The transcriber could not be loaded: {error}", permanent=True) from error
            self._model = model
            self.status = "loaded"

    async def ready(self) -> WhisperModel:
        """The loaded model; loads it if it isn't."""
        if self._model is None:
            await self._on_thread(self.load)
        assert self._model is not None
        return self._model

    async def _on_thread(self, work: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if not done.done():
                done.set_exception(error) if error else done.set_result(None)

        def run() -> None:
            try:
                work()
            except Exception as error:
                loop.call_soon_threadsafe(settle, error)
            else:
                loop.call_soon_threadsafe(settle, None)

        self._thread.submit(run, urgency=FINAL)
        await done

    def submit(
        self, job: Callable[[WhisperModel], None], *, is_final: bool, key: object, is_ahead: bool = False
    ) -> Ticket:
        def run() -> None:
            if self._model is not None:
                job(self._model)

        urgency = INTERIM if not is_final else AHEAD if is_ahead else FINAL
        return self._thread.submit(run, urgency=urgency, key=(id(key), urgency))

    def should_step_back(self, urgency: float) -> bool:
        """Something more urgent waits: an interim gives way, and what is heard ahead to a final."""
        return self._thread.is_more_urgent_waiting(urgency)

    def close(self) -> None:
        self._thread.close()


_shared: dict[Path, Whisper] = {}
_sharing = threading.Lock()


def shared(folder: Path) -> Whisper:
    """The one ``Whisper`` of this process for these weights."""
    with _sharing:
        if folder not in _shared:
            _shared[folder] = Whisper(folder)
        return _shared[folder]


def statuses() -> dict[str, str]:
    """Of this process, for the health page."""
    return {path.name: one.status for path, one in _shared.items()}


def close_shared() -> None:
    """Stop the threads; the next use starts anew."""
    with _sharing:
        for one in _shared.values():
            one.close()
        _shared.clear()


class WhisperSTT:
    """``agents.speech.STT`` on the shared model."""

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> STTStream:
        model = await self._whisper.ready()
        code, _, region = language.partition("-")
        code = code.lower()
        if not model.knows(code):
            raise ProviderError(f"Whisper doesn't know the language “{language}”.", permanent=True)
        return WhisperStream(self._whisper, model.prompt(code, keywords), region.upper() or _REGIONS.get(code, ""))


@dataclass(slots=True)
class _Window:
    """A part of a long utterance. Its text is written by the model's thread, once."""

    pcm: PCM
    text: str | None = None


@dataclass(frozen=True, slots=True)
class _Take:
    """What one job hears: the parts before, and the sound since."""

    utterance: int
    windows: tuple[_Window, ...]
    tail: PCM
    until_ms: int
    is_final: bool
    is_phone_number: bool
    """Asked for, so that it is likely."""
    ahead: _Ahead | None = None


@dataclass(slots=True)
class _Ahead:
    """A final that nobody has asked for yet."""

    ticket: Ticket | None = None
    result: Transcript | ProviderError | None = None
    is_running: bool = False
    asked_ms: int | None = None
    """It has been asked for since, up to here: there was nothing but quiet."""


@dataclass(slots=True)
class _Utterance:
    number: int
    sound: bytearray
    windows: list[_Window] = field(default_factory=list)
    voiced_ms: float = 0.0
    """Loud sound since the last interim was asked for."""
    spoken_ms: float = 0.0
    """All its loud sound."""
    is_unheard: bool = False
    """It was louder than quiet since it was last heard ahead, or asked for."""
    quiet_ms: float = 0.0
    loudest: float = 0.0
    ahead: _Ahead | None = None


class WhisperStream:
    """One call's ear. Everything here runs on the call's loop; only ``_hear`` runs on the model's thread."""

    def __init__(self, whisper: Whisper, prompt: list[int], region: str) -> None:
        self._whisper = whisper
        self._prompt = prompt
        self._region = region
        self._expected: str | None = None
        self._loop = asyncio.get_running_loop()
        self._results: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue(maxsize=64)
        self._idle = bytearray()
        self._heard_until_ms = 0
        self._now: _Utterance | None = None
        self._interim_wanted_ms: float = INTERIM_EVERY_MS
        self._is_interim_running = False
        self._told_ms = 0
        """When words were last told."""
        self._is_closed = False

    def start(self, utterance: int, at_ms: int) -> None:
        wanted_ms = max(0, self._heard_until_ms - at_ms) + PRE_ROLL_MS
        wanted = min(len(self._idle), wanted_ms * BYTES_PER_MS)
        self._told_ms = at_ms
        self._now = _Utterance(utterance, self._idle[len(self._idle) - wanted :])

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        if frame.rate_hz != RATE_HZ:
            raise ValueError(f"Whisper listens at {RATE_HZ} Hz, not at {frame.rate_hz} Hz.")
        self._heard_until_ms = at_ms + round(frame.duration_ms)
        self._idle += frame.pcm
        if len(self._idle) > 2 * IDLE_KEPT_MS * BYTES_PER_MS:
            del self._idle[: len(self._idle) - IDLE_KEPT_MS * BYTES_PER_MS]
        if self._now is not None:
            self._now.sound += frame.pcm
            self._follow(self._now, frame)

    def _follow(self, now: _Utterance, frame: AudioFrame) -> None:
        """Ask for an interim when enough new speech has come, and cut an utterance that grows too long."""
        if len(now.sound) > WINDOW_MAX_MS * BYTES_PER_MS:
            self._cut(now)
        level = peak_rms(np.frombuffer(frame.pcm, dtype="<i2"))
        now.loudest = max(now.loudest * 0.999, level)
        if level > max(60.0, now.loudest * 0.1):
            now.voiced_ms += frame.duration_ms
            now.spoken_ms += frame.duration_ms
        if level > max(30.0, now.loudest * QUIET):
            now.quiet_ms, now.is_unheard = 0.0, True
            self._drop_ahead(now)
        else:
            now.quiet_ms += frame.duration_ms
            self._hear_ahead(now)
        if now.voiced_ms >= self._interim_wanted_ms and not self._is_interim_running:
            now.voiced_ms = 0
            self._is_interim_running = True
            self._ask(now, self._heard_until_ms, is_final=False)

    def _hear_ahead(self, now: _Utterance) -> None:
        is_time = now.is_unheard and now.quiet_ms >= AHEAD_AFTER_MS and now.spoken_ms >= AHEAD_SPOKEN_MS
        if is_time and not self._whisper.should_step_back(
            INTERIM
        ):  # busy with others: no time for what may be for nothing
            now.voiced_ms, now.is_unheard = 0.0, False
            now.ahead = ahead = _Ahead()
            ahead.ticket = self._ask(now, self._heard_until_ms, is_final=True, ahead=ahead)

    def _drop_ahead(self, now: _Utterance) -> None:
        """The pause was none. If it is being heard already, it may become an interim."""
        ahead, now.ahead = now.ahead, None
        if ahead is not None and ahead.ticket is not None:
            ahead.ticket.withdraw()

    def _cut(self, now: _Utterance) -> None:
        pcm = np.frombuffer(bytes(now.sound), dtype="<i2")
        first, step = WINDOW_MIN_MS * RATE_HZ // 1000, RATE_HZ // 10
        searched = pcm[first : first + (len(pcm) - first) // step * step].astype(np.float32).reshape(-1, step)
        at = first + int(np.argmin(np.square(searched).mean(axis=1))) * step + step // 2
        now.windows.append(_Window(pcm[:at].copy()))
        del now.windows[:-MAX_WINDOWS]
        del now.sound[: at * 2]

    def flush(self, at_ms: int) -> None:
        if self._now is None:
            self._deliver(Transcript("", True, 0, at_ms))
            return
        now, ahead = self._now, self._now.ahead
        now.voiced_ms, now.is_unheard = 0.0, False
        if ahead is not None and _has_words(ahead.result):
            self._put(_until(ahead.result, at_ms))
        elif ahead is not None and ahead.is_running:
            ahead.asked_ms = at_ms
        else:
            self._drop_ahead(now)
            self._ask(now, at_ms, is_final=True)

    def expect(self, kind: str | None) -> None:
        self._expected = kind

    def end(self) -> None:
        self._now = None

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while (result := await self._results.get()) is not None:
            if isinstance(result, ProviderError):
                raise result
            yield result

    async def close(self) -> None:
        self._is_closed = True
        self._now = None
        while self._results.full():
            self._results.get_nowait()
        self._results.put_nowait(None)

    def _ask(self, now: _Utterance, until_ms: int, *, is_final: bool, ahead: _Ahead | None = None) -> Ticket | None:
        tail = np.frombuffer(bytes(now.sound), dtype="<i2")
        is_phone_number = is_final and self._expected == "phone" and bool(self._region)
        take = _Take(now.number, tuple(now.windows), tail, until_ms, is_final, is_phone_number, ahead)
        try:
            return self._whisper.submit(
                lambda model: self._hear(model, take), is_final=is_final, is_ahead=ahead is not None, key=self
            )
        except ProviderError as error:
            self._is_interim_running = False
            if ahead is not None:
                now.ahead = None
            elif is_final:
                self._put(error)
            return None

    def _is_wanted(self, take: _Take) -> bool:
        now = self._now
        if self._is_closed or now is None or now.number != take.utterance:
            return False
        return take.ahead is None or take.ahead.is_running or now.ahead is take.ahead

    def _hear(self, model: WhisperModel, take: _Take) -> None:
        """On the model's thread."""
        began = time.perf_counter()
        result: Transcript | ProviderError | None = None
        try:
            is_wanted = self._is_wanted(take)
            if take.ahead is not None:
                take.ahead.is_running = is_wanted
            if is_wanted and (heard := self._words(model, take)) is not None:
                took_ms = round((time.perf_counter() - began) * 1000)
                self._whisper.last_took_ms = took_ms
                result = Transcript(heard[0], take.is_final, take.utterance, take.until_ms, heard[1], took_ms)
        except Exception as error:
            logger.exception("Whisper failed")
            result = ProviderError(f"The transcriber failed: {error}")
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard, take, result)

    def _words(self, model: WhisperModel, take: _Take) -> tuple[str, float] | None:
        stop = self._stop_of(take)
        for window in take.windows:
            if window.text is None:
                if (heard := model.hear(window.pcm, self._prompt, stop, is_interim=not take.is_final)) is None:
                    return None
                window.text, window.pcm = heard[0], np.zeros(0, dtype=np.int16)
        if take.is_phone_number:
            last = model.hear_phone_number(take.tail, self._prompt, self._region, stop)
        else:
            last = model.hear(take.tail, self._prompt, stop, is_interim=not take.is_final)
        if last is None:
            return None
        texts = [window.text for window in take.windows] + [last[0]]
        return " ".join(text for text in texts if text), last[1]

    def _stop_of(self, take: _Take) -> Callable[[], bool] | None:
        if take.is_final and take.ahead is None:
            return None
        return lambda: self._gives_way(take)

    def _gives_way(self, take: _Take) -> bool:
        ahead, now = take.ahead, self._now
        if ahead is not None and (ahead.asked_ms is not None or (now is not None and now.ahead is ahead)):
            return ahead.asked_ms is None and self._whisper.should_step_back(AHEAD)
        # An interim, or what may become one: where pauses are many, some words must be told all the same.
        is_overdue = self._heard_until_ms - self._told_ms > TOLD_EVERY_MS
        if not self._is_wanted(take) or (ahead is not None and not is_overdue):
            return True
        return self._whisper.should_step_back(AHEAD if is_overdue else INTERIM)

    def _heard_ahead(self, take: _Take, ahead: _Ahead, result: Transcript | ProviderError | None) -> None:
        was_wanted = self._is_wanted(take)
        ahead.is_running, ahead.result = False, result
        if not was_wanted:
            return
        if ahead.asked_ms is not None:
            if _has_words(result):
                self._put(_until(result, ahead.asked_ms))
            elif self._now is not None:
                self._ask(self._now, ahead.asked_ms, is_final=True)
        elif isinstance(result, Transcript):
            self._put(dataclasses.replace(result, is_final=False))

    def _heard(self, take: _Take, result: Transcript | ProviderError | None) -> None:
        if take.ahead is not None:
            self._heard_ahead(take, take.ahead, result)
            return
        if not take.is_final:
            self._is_interim_running = False
            # A busy machine is asked less often: an interim may cost a third of the time at most.
            self._interim_wanted_ms = max(INTERIM_EVERY_MS, 3 * self._whisper.last_took_ms)
            if isinstance(result, ProviderError):
                return
        if result is not None and self._is_wanted(take):
            self._put(result)

    def _deliver(self, transcript: Transcript) -> None:
        if not self._is_closed:
            self._put(transcript)

    def _put(self, result: Transcript | ProviderError) -> None:
        self._told_ms = self._heard_until_ms
        if self._results.full():  # nobody reads: the oldest is the least worth
            self._results.get_nowait()
        self._results.put_nowait(result)


def _has_words(result: Transcript | ProviderError | None) -> TypeGuard[Transcript]:
    """What was heard ahead is good enough; where it was nothing, or failed, it is listened to again."""
    return isinstance(result, Transcript) and bool(result.text)


def _until(result: Transcript, at_ms: int) -> Transcript:
    """What was heard holds up to here: nothing but quiet has come since."""
    return dataclasses.replace(result, until_ms=at_ms)


KEY = "whisper/base"
FILES = ("model.bin", "tokenizer.json", "vocabulary.json", "config.json")


def _offers(weights: Path) -> tuple[Offer, ...]:
    absent = [file for file in FILES if not (weights / "whisper-base" / file).is_file()]
    return (
        Offer(
            KEY, "Whisper base", "transcriber", "OpenAI's Whisper, small and quick, on this machine. Best in English.", LANGUAGES, "MIT",
            why_not="Its weights are not on this machine yet: run `manage.py weights`." if absent else "",
        ),
    )  # fmt: skip


async def _make(spec: AgentSpec, around: Surroundings) -> STT:
    whisper = shared(around.weights / "whisper-base")
    await whisper.ready()
    return WhisperSTT(whisper)


PROVIDER = Provider("whisper", _offers, make_stt=_make)
