"""A room that can be heard, and doesn't cover the voice."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio import ambience
from telephony.audio.level import rms
from telephony.audio.playout import PLAYOUT_RATE_HZ, Playout
from telephony.transports.mouth import Mouth
from telephony.transports.opus import Decoder


@pytest.mark.parametrize("room", ["office", "cafe"])
def test_a_room_has_its_loudness_and_no_seam(room: str) -> None:
    quiet, loud = ambience.loop(room, 0.3), ambience.loop(room, 1.0)
    assert quiet is not None
    assert loud is not None
    assert len(quiet) == ambience.SECONDS * PLAYOUT_RATE_HZ
    assert 50 < rms(quiet.tobytes()) < 600 < rms(loud.tobytes()) < 3_000
    steps = np.abs(np.diff(quiet.astype(int)))
    assert abs(int(quiet[0]) - int(quiet[-1])) <= steps.max()
    assert ambience.loop(room, 0.3) is quiet, "made once"


def dbfs(samples: np.ndarray) -> np.ndarray:
    """Of each 100 ms."""
    pieces = samples[: len(samples) // 4_800 * 4_800].astype(float).reshape(-1, 4_800)
    return 20 * np.log10(np.sqrt((pieces**2).mean(axis=1)) / 32_768)


def test_a_quiet_line_is_there_and_no_more() -> None:
    line = ambience.loop("line", 0.3)
    assert line is not None
    levels = dbfs(line)
    assert -60 < levels.mean() < -56
    assert levels.max() - levels.min() < 5, "it comes and goes"
    power = np.abs(np.fft.rfft(line)) ** 2
    hz = np.fft.rfftfreq(len(line), 1 / PLAYOUT_RATE_HZ)
    assert power[(hz > 60) & (hz < 3_500)].sum() > 0.99 * power.sum()
    steps = np.abs(np.diff(line.astype(int)))
    assert abs(int(line[0]) - int(line[-1])) <= steps.max()


@pytest.mark.parametrize(("volume", "least", "most"), [(0.05, -90, -75), (0.3, -60, -56), (1.0, -44, -39)])
def test_a_quiet_line_stays_one_at_any_volume(volume: float, least: float, most: float) -> None:
    line = ambience.loop("line", volume)
    assert line is not None and least < dbfs(line).mean() < most


def test_a_quiet_line_arrives_where_silence_is_nothing() -> None:
    """What the caller's end makes of both, coded and decoded: the point of it all."""

    def arrived(background: np.ndarray | None) -> float:
        sent: list[bytes] = []
        playout, decoder = Playout(), Decoder()
        playout.background = background
        mouth = Mouth(lambda payload, ticks, *, is_first=False: sent.append(payload))
        mouth.pull = playout.pull
        heard = bytearray()
        for _ in range(150):
            count = len(sent)
            mouth.tick(0)
            heard += decoder.decode(sent[-1]) if len(sent) > count else decoder.conceal()
        samples = np.frombuffer(bytes(heard[-96_000:]), "<i2").astype(float)
        return float(20 * np.log10(np.sqrt((samples**2).mean() + 1e-9) / 32_768))

    assert arrived(None) < -90
    assert -62 < arrived(ambience.loop("line", 0.3)) < -54


def test_no_room_and_no_volume_are_silence() -> None:
    assert ambience.loop("none", 1.0) is None
    assert ambience.loop("office", 0.0) is None


def test_the_loop_goes_round() -> None:
    playout = Playout()
    playout.background = ambience.loop("office", 0.5)
    frames = [playout.pull() for _ in range(ambience.SECONDS * 50 + 5)]
    assert frames[0] == frames[ambience.SECONDS * 50]
