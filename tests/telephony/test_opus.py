"""The codec: what is made up for lost packets, and when packets carry a copy of the one before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from telephony.transports.opus import SAMPLES, Decoder, Encoder, has_fec, untransmitted


def vowel(frames: int) -> bytes:
    t = np.arange(frames * SAMPLES) / 48_000
    sound = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 20)) * 5_000
    return np.asarray(sound, "<i2").tobytes()


def syllables(frames: int) -> bytes:
    """The same, opening and closing five times a second: what doesn't is taken for a hum that need not be protected."""
    t = np.arange(frames * SAMPLES) / 48_000
    return np.asarray(np.frombuffer(vowel(frames), "<i2") * np.sin(2 * np.pi * 2.5 * t) ** 2, "<i2").tobytes()


def packets(frames: int, *, is_lossy: bool = False, sound: Callable[[int], bytes] = vowel) -> list[bytes]:
    encoder, pcm = Encoder(48_000, is_lossy=is_lossy), sound(frames)
    return [encoder.encode(pcm[at : at + SAMPLES * 2]) for at in range(0, len(pcm), SAMPLES * 2)]


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2)))


def test_a_vowel_goes_on_where_a_packet_is_lost_and_dies_away() -> None:
    decoder, sent = Decoder(), packets(30)
    for packet in sent[:20]:
        heard = decoder.decode(packet)
    whole = loudness(heard)
    made = [decoder.conceal() for _ in range(6)]
    assert [len(pcm) for pcm in made] == [SAMPLES * 2] * 6
    assert loudness(made[0]) > whole * 0.7
    assert loudness(made[5]) < whole * 0.1


def test_what_is_made_up_is_close_to_what_was_lost_and_what_follows_is_whole() -> None:
    whole, lossy, sent = Decoder(), Decoder(), packets(40)
    for packet in sent[:20]:
        whole.decode(packet), lossy.decode(packet)
    was, made = np.frombuffer(whole.decode(sent[20]), "<i2"), np.frombuffer(lossy.conceal(), "<i2")
    assert np.corrcoef(was, made)[0, 1] > 0.8
    for packet in sent[21:30]:
        after = whole.decode(packet), lossy.decode(packet)
    assert np.corrcoef(*(np.frombuffer(pcm, "<i2") for pcm in after))[0, 1] > 0.95


def test_a_lost_packet_is_had_from_its_copy_in_the_next() -> None:
    whole, lossy, concealing = Decoder(16_000), Decoder(16_000), Decoder(16_000)
    sent = packets(100, is_lossy=True, sound=syllables)
    for packet in sent[:30]:
        whole.decode(packet), lossy.decode(packet), concealing.decode(packet)
    likeness: list[tuple[float, float]] = []
    for at in range(30, 98, 2):
        was = np.frombuffer(whole.decode(sent[at]), "<i2")
        if has_fec(sent[at + 1]) and loudness(was.tobytes()) > 300:
            had, made = lossy.recover(sent[at + 1]), concealing.conceal()
            assert len(had) == len(was) * 2
            likeness.append(tuple(np.corrcoef(was, np.frombuffer(pcm, "<i2"))[0, 1] for pcm in (had, made)))
        else:
            lossy.decode(sent[at]), concealing.decode(sent[at])
        for decoder in (whole, lossy, concealing):
            decoder.decode(sent[at + 1])
    had, made = np.mean(likeness, axis=0)
    assert len(likeness) >= 10
    assert had > 0.9 > made


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_it_decodes_at_the_rate_that_is_wanted(rate_hz: int) -> None:
    decoder = Decoder(rate_hz)
    heard = [decoder.decode(packet) for packet in packets(20)]
    assert {len(pcm) for pcm in heard} == {rate_hz // 50 * 2}
    spectrum = np.abs(np.fft.rfft(np.frombuffer(b"".join(heard[5:]), "<i2")))
    loudest_hz = np.argmax(spectrum) / len(heard[5:]) * 50
    assert loudest_hz == pytest.approx(150, abs=5)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x4c\x40\x00", id="stereo"),
        pytest.param(b"\x49\x40\x00", id="two frames"),
        pytest.param(b"\x58\x40\x00", id="60 ms"),
        pytest.param(b"\xf8\x40\x00", id="no speech codec in it"),
        pytest.param(b"\x48", id="not transmitted"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_only_mono_packets_of_20_ms_are_asked_for_a_copy(payload: bytes) -> None:
    assert has_fec(b"\x48\x40\x00")
    assert not has_fec(payload)


def test_half_a_frame_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="20 ms"):
        Encoder(16_000).encode(bytes(320))


def test_nothing_is_made_up_before_the_first_packet() -> None:
    assert Decoder().conceal() == b""


def test_a_packet_of_60_ms_is_made_up_whole() -> None:
    """A TOC of SILK, 60 ms: what is missing is as long as what came before."""
    decoder = Decoder()
    assert len(decoder.decode(bytes((11 << 3,)))) == 3 * SAMPLES * 2
    assert len(decoder.conceal()) == 3 * SAMPLES * 2


def test_a_packet_of_10_ms_is_made_up_twice() -> None:
    decoder = Decoder()
    assert len(decoder.decode(bytes((8 << 3,)))) == SAMPLES
    assert len(decoder.conceal()) == SAMPLES * 2


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x7b\x00"])
def test_a_broken_packet_is_nothing(payload: bytes) -> None:
    assert Decoder().decode(payload) == b""


def test_error_correction_is_sent_on_lossy_lines_only() -> None:
    assert sum(map(has_fec, packets(100, is_lossy=True, sound=syllables))) >= 50
    assert not any(map(has_fec, packets(100, sound=syllables)))


def test_an_untransmitted_packet_is_one_byte_of_the_same_mode() -> None:
    assert untransmitted(b"\x7b\x82\x01\x02") == b"\x78"
