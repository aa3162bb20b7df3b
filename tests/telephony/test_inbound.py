"""The caller's packets in, 20 ms frames out; virtual time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from telephony.transports.inbound import FRAME_BYTES, Inbound
from telephony.transports.opus import SAMPLES, Encoder

_T = np.arange(SAMPLES * 500) / 48_000
_VOICE = sum(np.sin(2 * np.pi * 150 * k * _T) / k for k in range(1, 20)) * 5_000


def packets(gate: np.ndarray | float = 1.0, room: float = 0.0, *, is_lossy: bool = False) -> list[bytes]:
    """Ten seconds of a voice, let through by ``gate``, in a room with a hiss."""
    hiss = np.random.default_rng(2).standard_normal(len(_T)) * room
    pcm = np.asarray(_VOICE * gate + hiss, "<i2").tobytes()
    encoder = Encoder(48_000, is_lossy=is_lossy)
    return [encoder.encode(pcm[at : at + SAMPLES * 2]) for at in range(0, len(pcm), SAMPLES * 2)]


def heard(inbound: Inbound, sent: list[bytes], loss: float = 0.0) -> np.ndarray:
    rng, out = random.Random(7), bytearray()
    for n, payload in enumerate(sent):
        if rng.random() >= loss:
            inbound.push(1, n, n * SAMPLES, payload, n * 20.0)
        frame = inbound.pull(n * 20.0 + 7)
        assert len(frame) == FRAME_BYTES
        out += frame
    return np.frombuffer(bytes(out), "<i2").astype(float)


def waits_ms(inbound: Inbound) -> float:
    return inbound._jitter.buffered_ms


@pytest.mark.parametrize(("loss", "share"), [(0.05, 0.94), (0.10, 0.89)])
def test_what_arrives_is_played_and_the_rest_is_made_up(loss: float, share: float) -> None:
    inbound, sent = Inbound(), packets()
    samples = heard(inbound, sent, loss)
    counts = inbound._jitter.counts
    assert counts.played == pytest.approx(counts.received, abs=5)
    assert counts.played >= share * len(sent) * 0.98
    assert inbound.concealed == pytest.approx(len(sent) - counts.received, abs=3)
    assert waits_ms(inbound) <= 60
    seconds = samples[16_000 : 9 * 16_000].reshape(-1, 320)
    assert np.mean(np.sqrt((seconds**2).mean(1)) > 500) > 0.99  # no holes in a voice that goes on


@pytest.mark.parametrize(("loss", "share"), [(0.05, 0.96), (0.10, 0.94), (0.20, 0.86)])
def test_of_what_is_lost_half_comes_with_the_next_packet(loss: float, share: float) -> None:
    """Whoever sends it adds no copy of what hardly sounds, and two in a row are lost for good."""
    inbound, sent = Inbound(), packets(0.55 + 0.45 * np.sin(2 * np.pi * 2.5 * _T), is_lossy=True)
    heard(inbound, sent, loss)
    lost = len(sent) - inbound.received
    assert inbound.recovered + inbound.concealed == pytest.approx(lost, rel=0.1)
    assert inbound._jitter.counts.played + inbound.recovered >= share * len(sent)
    assert waits_ms(inbound) <= 60


def test_what_was_made_up_dies_away_when_nothing_comes() -> None:
    inbound, sent = Inbound(), packets()
    heard(inbound, sent[:100])
    after = [np.abs(np.frombuffer(inbound.pull(2_000.0 + n * 20), "<i2").astype(int)).max() for n in range(20)]
    assert after[4] > 500  # the buffer's rest, and the first that is made up
    assert max(after[10:]) < 30


def test_a_delay_that_is_not_needed_ends_in_a_quiet_moment() -> None:
    """The buffer begins with 60 ms: a smooth line needs 40, and words may come so much sooner."""
    inbound = Inbound()
    heard(inbound, packets(gate=np.where(np.sin(2 * np.pi * 0.5 * _T) > 0, 1.0, 0.0), room=60.0))
    assert inbound._jitter.counts.shed >= 1
    assert waits_ms(inbound) <= 40


def test_a_voice_is_not_shortened_for_a_frame_of_delay() -> None:
    inbound = Inbound()
    heard(inbound, packets())
    assert inbound._jitter.counts.shed == 0
