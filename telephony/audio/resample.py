"""Mono 16-bit PCM at another rate, as a stream: what goes in comes out, but for a constant millisecond or two.

FFmpeg's swresample, because soxr's better filters save audio up and let it go in bursts of up to 100 ms.
"""

from __future__ import annotations

import av


class Resampler:
    """One direction of one stream. Costs about 1 ms of one core for a second of speech."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._swr = None if from_hz == to_hz else av.AudioResampler(format="s16", layout="mono", rate=to_hz)
        self._odd = b""

    def push(self, pcm: bytes) -> bytes:
        """The same sound at ``to_hz``. Half a sample at the end waits for its other half."""
        pcm = self._odd + pcm if self._odd else pcm
        self._odd = pcm[len(pcm) & ~1 :]
        pcm = pcm[: len(pcm) & ~1]
        if self._swr is None or not pcm:
            return pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self.from_hz
        frame.planes[0].update(pcm)
        return _joined(self._swr.resample(frame))

    def flush(self) -> bytes:
        """The last millisecond. The stream is over: after this use a new resampler."""
        self._odd = b""
        return b"" if self._swr is None else _joined(self._swr.resample(None))


def _joined(frames: list[av.AudioFrame]) -> bytes:
    return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
