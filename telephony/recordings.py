"""The sound of a call on disk, written as the call goes: stereo WAV at 16,000 Hz, caller left, agent right.

A position in the file is a moment on the call's clock: what was not recorded (before the caller knew of it) is silence.
The worker's loop only collects bytes; one thread writes them twice a second, so at most that much is lost with the process.
A full or slow disk ends the recording, never the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from agents.speech import AudioFrame
from telephony.audio import wav
from telephony.audio.resample import Resampler
from telephony.audio.wav import HEADER_BYTES

logger = logging.getLogger(__name__)

RATE_HZ = 16_000
BYTES_A_MS = RATE_HZ // 1000 * 2
"""Of one channel."""
CHUNK_MS = 500
MAX_PENDING_CHUNKS = 20
MAX_SKEW_MS = 100
PRIMED_MS = 24
"""The agent's 20 ms of the same moment may come after the caller's, and the resampler withholds a little: without so much
silence in front there would be holes."""
MAX_BYTES = 0xFFFF_FFFF - HEADER_BYTES

_writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recordings")


@dataclass(frozen=True, slots=True)
class Written:
    duration_ms: int
    size_bytes: int


def header(data_bytes: int) -> bytes:
    """A WAV header for so much stereo sound."""
    return wav.header(RATE_HZ, 2, data_bytes)


def path_for(organization: Any, call: Any) -> str:
    """Relative to ``settings.RECORDINGS_DIR``: one folder an organization."""
    return f"{getattr(organization, 'pk', organization)}/{getattr(call, 'pk', call)}.wav"


def absolute(path: str) -> Path:
    """Raises ``ValueError`` for a path that leads out of the recordings' folder."""
    root = Path(settings.RECORDINGS_DIR).resolve()
    full = (root / path).resolve()
    if not full.is_relative_to(root):
        raise ValueError(f"{path} is outside of the recordings' folder")
    return full


class Recorder:
    """One call's recording. All methods but ``close`` return at once and never raise for the disk's sake.

    ``agent_rate_hz`` is the rate of what ``agent`` is given. Nothing is kept until ``start``. ``on_failure`` is told once, in
    the writer's thread, why recording stopped.
    """

    def __init__(self, path: Path, agent_rate_hz: int, on_failure: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._resampler = Resampler(agent_rate_hz, RATE_HZ)
        self._on_failure = on_failure
        self._caller, self._agent = bytearray(), bytearray(PRIMED_MS * BYTES_A_MS)
        self._agent_raw = bytearray()
        self._position_ms = 0.0
        """Call time at the end of the caller's sound that was handed over or waits in ``_caller``."""
        self._is_on = self._has_begun = False
        self._is_over = False
        self._has_failed = False
        self._pending = 0
        self._file: BinaryIO | None = None
        self._written = 0

    def start(self, at_ms: int) -> None:
        """Keep what is said from this moment of the call on. What was before, or since ``pause``, is silence."""
        if not self._is_on and not self._is_over and not self._has_failed:
            self._is_on = True
            self._caller.clear()
            self._agent_raw.clear()
            missing = max(0, int(at_ms) - int(self._position_ms))
            self._position_ms += missing
            self._submit(self._be_silent if self._has_begun else self._open, missing)
            self._has_begun = True

    def pause(self) -> None:
        """Keep nothing of what is said from now on, until ``start``."""
        if self.is_on:
            self._hand_over()
        self._is_on = False

    def go_on(self, so_far: Written, at_ms: int) -> None:
        """Keep what is said from this moment of the call on, in a file that another recorder began and could not end."""
        if not self._is_on and not self._is_over and not self._has_failed:
            self._is_on = self._has_begun = True
            self._position_ms = at_ms
            self._written = so_far.size_bytes - HEADER_BYTES
            self._submit(self._reopen, max(0, at_ms - so_far.duration_ms))

    def leave_off(self) -> None:
        """Keep nothing of what is said from now on, for good."""
        self.pause()
        self._is_over = True

    @property
    def is_on(self) -> bool:
        return self._is_on and not self._has_failed

    def caller(self, frame: AudioFrame, at_ms: float) -> None:
        """20 ms of the caller's sound that begins at this moment of the call."""
        if not self.is_on:
            return
        gap_ms = at_ms - self._position_ms
        if gap_ms > MAX_SKEW_MS:
            self._caller += bytes(int(gap_ms) * BYTES_A_MS)
            self._position_ms += int(gap_ms)
        self._caller += frame.pcm
        self._position_ms += frame.duration_ms
        if len(self._caller) >= CHUNK_MS * BYTES_A_MS:
            self._hand_over()

    def agent(self, pcm: bytes) -> None:
        """20 ms of what is sent to the caller now."""
        if self.is_on:
            self._agent_raw += pcm

    async def close(self) -> Written | None:
        """Write what is left and make the file whole. ``None``: nothing was recorded."""
        self.leave_off()
        return await asyncio.wrap_future(_writer.submit(self._finish))

    # -- on the loop

    def _hand_over(self) -> None:
        caller, self._caller = bytes(self._caller), bytearray()
        agent, self._agent_raw = bytes(self._agent_raw), bytearray()
        if self._pending >= MAX_PENDING_CHUNKS:
            self._fail("The disk is too slow for the recording.")
            return
        self._submit(self._write, caller, agent)

    def _submit(self, work: Callable[..., None], *args: Any) -> None:
        self._pending += 1

        def done(future: Future[None]) -> None:
            self._pending -= 1
            error = future.exception()
            if error is not None:
                self._fail(f"The recording could not be written: {getattr(error, 'strerror', None) or error}.")

        try:
            _writer.submit(work, *args).add_done_callback(done)
        except RuntimeError:  # the interpreter is going down
            self._pending -= 1
            self._has_failed = True

    def _fail(self, why: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            logger.error("%s (%s)", why, self.path)
            self._on_failure(why)

    # -- in the writer's thread

    def _open(self, silence_ms: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115 - it lives as long as the call
        _write_all(self._file, header(0))
        self._be_silent(silence_ms)

    def _reopen(self, silence_ms: int) -> None:
        self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115
        self._file.seek(0, os.SEEK_END)
        self._be_silent(silence_ms)

    def _be_silent(self, ms: int) -> None:
        remaining = ms * BYTES_A_MS * 2
        while remaining > 0:
            piece = min(remaining, 1 << 16)
            self._append(bytes(piece))
            remaining -= piece

    def _write(self, caller: bytes, agent: bytes) -> None:
        """Interleave. The caller's sound is the clock: the agent's is padded to it, and cut where it ran far ahead."""
        self._agent += self._resampler.push(agent)
        short = len(caller) - len(self._agent)
        if short > 0:
            self._agent += bytes(short)
        mine = bytes(self._agent[: len(caller)])
        del self._agent[: len(caller)]
        if len(self._agent) > MAX_SKEW_MS * BYTES_A_MS:
            del self._agent[: len(self._agent) - PRIMED_MS * BYTES_A_MS]
        self._append(wav.stereo(caller, mine))

    def _append(self, data: bytes) -> None:
        if self._file is None or self._written + len(data) > MAX_BYTES:
            return
        _write_all(self._file, data)
        self._written += len(data)
        os.pwrite(self._file.fileno(), header(self._written), 0)

    def _finish(self) -> Written | None:
        if self._file is None:
            return None
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        return repair(self.path)


def repair(path: Path) -> Written | None:
    """Make the header say what the file holds, as a process that died could not. ``None``: there is nothing in it."""
    try:
        size = path.stat().st_size
        if size < HEADER_BYTES:
            return None
        data_bytes = (size - HEADER_BYTES) // 4 * 4
        with open(path, "r+b") as file:
            file.truncate(HEADER_BYTES + data_bytes)
            file.write(header(data_bytes))
    except OSError as error:
        logger.error("The recording %s can't be repaired: %s", path, error)
        return None
    return Written(duration_ms=data_bytes // 4 * 1000 // RATE_HZ, size_bytes=HEADER_BYTES + data_bytes)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]
