"""A phone's microphone and ear for the terminal: they send and receive as a browser does, and note when."""

from __future__ import annotations

import asyncio
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from telephony.audio.digits import DigitTones
from telephony.audio.resample import Resampler
from telephony.transports.mouth import SendsEvents
from telephony.transports.opus import RTP_RATE_HZ, SAMPLES, TIME_BASE, Decoder, Encoder
from telephony.wire import dtmf

RATE_HZ = 48_000
QUIET = 300
"""Samples below this are silence (about -40 dBFS): a codec's noise, not a voice."""
FRAME_S = 0.02

Samples = npt.NDArray[np.int16]


def read_audio(path: Path) -> Samples:
    """Any sound file, mono, at 48,000 Hz. Raises ``ValueError`` in plain words where it is none."""
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise ValueError(f"{path} can't be read as sound: {error}") from error
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]) if frames else np.zeros(0, np.int16)


def resampled(pcm: bytes, rate_hz: int) -> Samples:
    """Mono 16-bit PCM of another rate at 48,000 Hz."""
    stream = Resampler(rate_hz, RATE_HZ)
    return np.frombuffer(stream.push(pcm) + stream.flush(), "<i2").astype(np.int16)


def write_wav(to: Path, samples: npt.NDArray[np.int16], rate_hz: int = RATE_HZ) -> None:
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


@dataclass(slots=True)
class Spoken:
    """One line on its way out. Times are the loop's, ``None`` until they came."""

    samples: Samples
    first_sound_at: float | None = None
    last_sound_at: float | None = None
    done: asyncio.Event | None = None


class Microphone(MediaStreamTrack):
    """Sends silence, and the lines it is given, in real time. A frame goes out when its last sample has been "said"."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._encoder = Encoder(RATE_HZ)
        self._lines: deque[tuple[Spoken, int]] = deque()
        self._due: float | None = None
        self._ticks = 0
        self._digits = DigitTones()
        self._event_sender: dtmf.Sender | None = None

    def press(self, digits: str) -> None:
        """After what is being said. ``digits``: see ``audio.digits.checked``."""
        self._digits.press(digits)

    @property
    def is_pressing(self) -> bool:
        return self._digits.is_waiting

    def say(self, samples: Samples) -> Spoken:
        line = Spoken(samples.astype(np.int16), done=asyncio.Event())
        self._lines.append((line, 0))
        return line

    async def recv(self) -> Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self._due = loop.time() if self._due is None else self._due + FRAME_S
        if (wait := self._due - loop.time()) > 0:
            await asyncio.sleep(wait)
        frame = self._next(self._due - FRAME_S)
        packet = Packet(self._encoder.encode(frame.astype("<i2").tobytes()))
        packet.pts, packet.time_base = self._ticks * SAMPLES, TIME_BASE
        self._ticks += 1
        return packet

    async def send(self, push: Callable[[bytes, int], None], events: SendsEvents) -> None:
        """Send it all, until cancelled or stopped: digits as telephone-event in the place of sound, as browsers do."""
        while True:
            try:
                packet = await self.recv()
            except MediaStreamError:
                return
            if events.event_hz is None:
                push(bytes(packet), packet.pts or 0)
                continue
            self._event_sender = self._event_sender or dtmf.Sender(events.event_hz)
            for event in self._event_sender.tick(self._digits.sounding, packet.pts or 0):
                events.push_event(event.payload, event.ticks, is_first=event.is_first)
            if not self._digits.sounding:
                push(bytes(packet), packet.pts or 0)

    def _next(self, begins_at: float) -> Samples:
        if not self._lines and self._digits.is_waiting:
            return np.frombuffer(self._digits.pull(), "<i2").astype(np.int16)
        self._digits.sounding = ""
        if not self._lines:
            return np.zeros(SAMPLES, np.int16)
        line, at = self._lines.popleft()
        piece = line.samples[at : at + SAMPLES]
        loud = np.flatnonzero(np.abs(piece.astype(np.int32)) > QUIET)
        if len(loud):
            if line.first_sound_at is None:
                line.first_sound_at = begins_at + float(loud[0]) / RATE_HZ
            line.last_sound_at = begins_at + float(loud[-1] + 1) / RATE_HZ
        if at + SAMPLES < len(line.samples):
            self._lines.appendleft((line, at + SAMPLES))
        elif line.done is not None:
            line.done.set()
        return np.pad(piece, (0, SAMPLES - len(piece)))


class Ear:
    """Takes the agent's packets as they arrive (no jitter buffer, so that times are the line's) and keeps the sound."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._frames: dict[int, Samples] = {}
        self._origin: int | None = None
        self._highest = 0
        self._digits = dtmf.Receiver()
        self.digits = ""
        """Those the agent pressed."""
        self.received = 0
        self.last_packet_at: float | None = None
        self.sounds: list[tuple[float, float]] = []
        """(arrived, until) of each run of sound; runs less than 200 ms apart are one."""

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None:
        now = arrival_ms / 1000
        self.received += 1
        self.last_packet_at = now
        pcm = np.frombuffer(self._decoder.decode(payload), "<i2")
        if self._origin is None:
            self._origin = timestamp
        position = (timestamp - self._origin) & 0xFFFF_FFFF
        if position < RATE_HZ * 3600 * 3:
            self._frames[position] = pcm
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > QUIET)
        if not len(loud):
            return
        begin, end = now + float(loud[0]) / RATE_HZ, now + float(loud[-1]) / RATE_HZ
        if self.sounds and begin - self.sounds[-1][1] < 0.2:
            self.sounds[-1] = (self.sounds[-1][0], end)
        else:
            self.sounds.append((begin, end))

    def push_event(
        self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float, rate_hz: int
    ) -> None:
        events = self._digits.push(ssrc, timestamp, payload, arrival_ms, rate_hz=rate_hz, stream_hz=RTP_RATE_HZ)
        self.digits += "".join(event.digit for event in events if isinstance(event, dtmf.Pressed))

    def first_sound_after(self, moment: float) -> float | None:
        """When the agent was heard first after this moment, itself included in a run that was going on."""
        return next((max(begin, moment) for begin, end in self.sounds if end > moment), None)

    @property
    def is_silent_since(self) -> float | None:
        """The end of the last sound; ``None``: nothing was heard yet."""
        return self.sounds[-1][1] if self.sounds else None

    def recording(self) -> Samples:
        """All that was heard, in place; what got lost is silence."""
        if not self._frames:
            return np.zeros(0, np.int16)
        last = max(self._frames)
        whole = np.zeros(last + len(self._frames[last]), np.int16)
        for position, pcm in self._frames.items():
            whole[position : position + len(pcm)] = pcm[: len(whole) - position]
        return whole
