"""Whether somebody sounds finished: Smart Turn v3 on this machine's processor, one model and one thread for all calls of a process.

It hears up to eight seconds as Whisper would (``mel``), made equally loud, with silence in front where there are fewer:
pipecat's ``local_smart_turn_v3.py``. One answer costs about 0.13 s of a core without AVX-512, so this is a guest on the
machine: its thread gives way to all others, a question that would be answered late is not answered at all, and where answers
keep being late nobody is asked for a while. A call goes on without.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from agents.providers.local.mel import log_mel
from agents.providers.local.model_thread import ModelThread
from agents.speech import ProviderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

logger = logging.getLogger(__name__)

NAME = "smart-turn-v3"
FILE = f"{NAME}/smart-turn-v3.2-cpu.onnx"
_CODES = "ar bn da de en es fi fr hi id it ja ko mr nl no pl pt ru tr uk vi zh"
LANGUAGES = tuple(_CODES.split())
"""What it was trained on."""
RATE_HZ = 16_000
SAMPLES = 8 * RATE_HZ
LATE_S = 0.25
"""Who asks has decided by then."""
LATE_IN_A_ROW, REST_S = 5, 60.0
_NICE = 10

T = TypeVar("T")
Features = npt.NDArray[np.float32]


def features(pcm: bytes) -> Features:
    """(80, 800): the last eight seconds of 16-bit samples."""
    heard = np.frombuffer(pcm, dtype="<i2")[-SAMPLES:]
    samples = np.zeros(SAMPLES, dtype=np.float32)
    np.multiply(heard, np.float32(1 / 32768), out=samples[SAMPLES - len(heard) :])
    return log_mel((samples - samples.mean()) / np.sqrt(samples.var() + np.float32(1e-7)))


class SmartTurn:
    """``agents.speech.EndOfTurn``. Loads the weights once; its status is for the health page."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ModelThread("end-of-turn")
        self._session: InferenceSession | None = None
        self._input = ""
        self.status = "not loaded"
        self._took_s = 0.0
        self._late = 0
        self._rests_until = 0.0

    async def ready(self) -> None:
        """Load it if it isn't. Raises ``ProviderError``."""
        if self._session is None:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[ProviderError | None] = loop.create_future()
            self._thread.submit(lambda: _answer(loop, done, self._loaded()), urgency=0.0)
            if (error := await done) is not None:
                raise error

    async def predict(self, pcm: bytes) -> float | None:
        loop = asyncio.get_running_loop()
        asked_s = time.perf_counter()
        if self._session is None or asked_s < self._rests_until:
            return None
        done: asyncio.Future[float | None] = loop.create_future()
        try:
            ticket = self._thread.submit(lambda: _answer(loop, done, self._judged(pcm, asked_s)), urgency=asked_s)
        except ProviderError:  # shut down, or hopelessly behind
            return None
        try:
            return await done
        finally:
            ticket.withdraw()

    def predict_now(self, pcm: bytes) -> float:
        """The same at once and in the caller's thread, late or not: for tests and measurements."""
        self.load()
        assert self._session is not None
        return float(self._session.run(None, {self._input: features(pcm)[None]})[0].reshape(-1)[0])

    def load(self) -> None:
        """Takes 0.2 s. On one thread: a second one would be missed elsewhere."""
        if self._session is not None:
            return
        self.status = "loading"
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            session = onnxruntime.InferenceSession(str(self._file), options, providers=["CPUExecutionProvider"])
            self._input = session.get_inputs()[0].name
            session.run(None, {self._input: features(b"")[None]})
        except Exception as error:
            self.status = f"failed: {error}"
            raise ProviderError(f"The end-of-turn model could not be loaded: {error}", permanent=True) from error
        self._session = session
        self.status = "loaded"

    def close(self) -> None:
        self._thread.close()

    def _loaded(self) -> ProviderError | None:
        """On the thread."""
        _give_way()
        try:
            self.load()
        except ProviderError as error:
            return error
        return None

    def _judged(self, pcm: bytes, asked_s: float) -> float | None:
        """On the thread."""
        began_s = time.perf_counter()
        has_waited = began_s - asked_s > 0.02
        if has_waited and began_s + self._took_s > asked_s + LATE_S:
            self._note(is_late=True)
            return None
        try:
            probability = self.predict_now(pcm)
        except Exception:
            logger.exception("The end-of-turn model failed")
            return None
        ended_s = time.perf_counter()
        self._took_s = ended_s - began_s
        self._note(is_late=ended_s > asked_s + LATE_S)
        return probability

    def _note(self, *, is_late: bool) -> None:
        self._late = self._late + 1 if is_late else 0
        if self._late >= LATE_IN_A_ROW:
            self._late = 0
            self._rests_until = time.perf_counter() + REST_S


def _answer(loop: asyncio.AbstractEventLoop, done: asyncio.Future[T], value: T) -> None:
    def settle() -> None:
        if not done.done():
            done.set_result(value)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle)


def _give_way() -> None:
    """This thread runs when no other wants to. Only Linux gives each thread a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


_shared: dict[Path, SmartTurn] = {}
_sharing = threading.Lock()


def shared(file: Path) -> SmartTurn:
    """The one ``SmartTurn`` of this process for these weights."""
    with _sharing:
        if file not in _shared:
            _shared[file] = SmartTurn(file)
        return _shared[file]


def statuses() -> dict[str, str]:
    """Of this process, for the health page."""
    return {file.parent.name: one.status for file, one in _shared.items()}


def close_shared() -> None:
    """Stop the threads; the next use starts anew."""
    with _sharing:
        for one in _shared.values():
            one.close()
        _shared.clear()
