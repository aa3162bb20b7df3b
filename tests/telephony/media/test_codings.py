"""The telephone's codings and rates: by their definition, beside other implementations, and by ear (of a Fourier transform)."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

from telephony.audio import g711, g722
from telephony.audio.fir import Divider, Doubler
from telephony.audio.playout import SILENCE
from telephony.transports import phone_codecs
from telephony.transports.inbound import Inbound
from telephony.wire.codings import Coding

EVERY_SAMPLE = np.arange(0x1_0000, dtype=np.uint16).view(np.int16)
EVERY_CODE = bytes(range(256))
CODINGS: tuple[Coding, ...] = ("opus", "g722", "pcmu", "pcma")


def test_g711_is_what_the_standard_library_makes_of_every_sample() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="gone from Python 3.13")
    raw = EVERY_SAMPLE.tobytes()
    assert g711.encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(raw, 2)
    assert g711.encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(raw, 2)
    assert g711.decode_ulaw(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
    assert g711.decode_alaw(EVERY_CODE).tobytes() == audioop.alaw2lin(EVERY_CODE, 2)


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_ulaw, g711.decode_ulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_g711_is_never_far_off(encode: object, decode: object) -> None:
    back = decode(encode(EVERY_SAMPLE)).astype(int)  # type: ignore[operator]
    error = np.abs(back - EVERY_SAMPLE)
    assert (error <= np.maximum(16, np.abs(EVERY_SAMPLE.astype(int)) / 16)).all() or error.max() <= 1_024
    assert (np.diff(back[np.argsort(EVERY_SAMPLE)]) >= 0).all(), "louder is never quieter"
    assert decode(b"").size == 0  # type: ignore[operator]


def test_the_values_that_the_recommendation_names() -> None:
    assert g711.encode_ulaw(np.zeros(1, np.int16)) == b"\xff" and g711.encode_alaw(np.zeros(1, np.int16)) == b"\xd5"
    assert g711.decode_ulaw(b"\x80\x00").tolist() == [32_124, -32_124]
    assert g711.decode_alaw(b"\xaa\x2a").tolist() == [32_256, -32_256]


def test_g722_is_what_ffmpeg_decodes() -> None:
    from av.codec import CodecContext
    from av.packet import Packet

    speech = np.cumsum(np.random.default_rng(2).standard_normal(16_000)) * 60
    pcm = (speech - speech.mean()).clip(-20_000, 20_000).astype(np.int16)
    encoder, ours = g722.Encoder(), g722.Decoder()
    theirs = CodecContext.create("g722", "r")
    theirs.sample_rate, theirs.layout = 16_000, "mono"
    mine, other = b"", b""
    for at in range(0, len(pcm), 320):
        payload = encoder.encode(pcm[at : at + 320])
        assert len(payload) == 160
        mine += ours.decode(payload)
        other += b"".join(bytes(each.planes[0])[: each.samples * 2] for each in theirs.decode(Packet(payload)))
    a, b = np.frombuffer(mine, "<i2").astype(float), np.frombuffer(other, "<i2").astype(float)
    assert len(a) == len(b) == len(pcm)
    assert np.corrcoef(a, b)[0, 1] > 0.999


@pytest.mark.parametrize("coding", CODINGS)
def test_no_payload_breaks_a_decoder(coding: Coding) -> None:
    decoder, dice = phone_codecs.decoder(coding), random.Random(6)
    for size in (0, 1, 2, 3, 159, 160, 161, 480, 960, 961, 1_275, 1_500):
        for _ in range(20):
            pcm = decoder.decode(dice.randbytes(size))
            assert len(pcm) % 2 == 0 and len(pcm) <= 16_000 * 2 * 120 // 1000
    decoder.recover(b""), decoder.conceal(), decoder.decode(b"")


@pytest.mark.parametrize("coding", CODINGS)
def test_silence_stays_silent(coding: Coding) -> None:
    encoder, decoder = phone_codecs.encoder(coding), phone_codecs.decoder(coding)
    loud = b"\x00\x30" * 960
    for pcm in (loud, SILENCE, SILENCE, SILENCE, SILENCE, SILENCE):
        heard = decoder.decode(encoder.encode(pcm))
    assert np.abs(np.frombuffer(heard, "<i2")).max() < 64


# ---- rates


def tone(hz: int, rate_hz: int) -> np.ndarray:
    return np.rint(np.sin(2 * np.pi * hz * np.arange(rate_hz) / rate_hz) * 8_000).astype(np.int16)


def levels_db(samples: np.ndarray, rate_hz: int, hz: float) -> tuple[float, float]:
    """Of the tone itself, and of the loudest other."""
    window = np.hanning(len(samples) // 2)
    spectrum = np.abs(np.fft.rfft(samples[-len(window) :] * window)) + 1e-9
    near = np.abs(np.fft.rfftfreq(len(window), 1 / rate_hz) - hz) < 40
    full = 8_000 * window.sum() / 2
    own = 20 * np.log10(spectrum[near].max() / full) if near.any() else -200.0
    return float(own), float(20 * np.log10(spectrum[~near].max() / full))


@pytest.mark.parametrize("hz", [200, 300, 1_000, 2_000, 3_000, 3_300])
def test_a_telephone_tone_is_doubled_cleanly(hz: int) -> None:
    doubler, sound = Doubler(), tone(hz, 8_000)
    out = np.concatenate([doubler.push(sound[at : at + 160]) for at in range(0, 8_000, 160)])
    own, other = levels_db(out, 16_000, hz)
    assert len(out) == 16_000 and abs(own) < 0.6 and other < -38


@pytest.mark.parametrize(("factor", "rate_hz"), [(6, 8_000), (3, 16_000)])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.85])
def test_what_fits_goes_through_a_divider(factor: int, rate_hz: int, share: float) -> None:
    hz = int(rate_hz / 2 * share)
    own, other = levels_db(divided(factor, hz), rate_hz, hz)
    assert abs(own) < 0.7 and other < -65


@pytest.mark.parametrize(("factor", "rate_hz"), [(6, 8_000), (3, 16_000)])
@pytest.mark.parametrize("share", [1.1, 1.25, 1.5, 1.9, 2.1, 2.9])
def test_what_does_not_fit_is_not_folded_back(factor: int, rate_hz: int, share: float) -> None:
    _, other = levels_db(divided(factor, int(rate_hz / 2 * share)), rate_hz, -1_000)
    assert other < -40


def divided(factor: int, hz: int) -> np.ndarray:
    divider, sound = Divider(factor, 960), tone(hz, 48_000)
    out = np.concatenate([divider.push(sound[at : at + 960]) for at in range(0, 48_000, 960)])
    assert len(out) == 48_000 // factor
    return out


def test_pieces_of_any_length_make_the_same_stream() -> None:
    sound, dice = tone(440, 8_000), random.Random(1)
    whole, pieces, at = Doubler().push(sound), [], 0
    doubler = Doubler()
    while at < len(sound):
        size = dice.randrange(0, 300)
        pieces.append(doubler.push(sound[at : at + size]))
        at += size
    assert np.abs(np.concatenate(pieces).astype(int) - whole).max() <= 1


def test_the_loudest_sound_is_cut_off_and_does_not_wrap_round() -> None:
    square = np.where(np.arange(960) % 96 < 48, 32_767, -32_768).astype(np.int16)
    divider = Divider(6, 960)
    out = np.concatenate([divider.push(square) for _ in range(4)])[200:]
    doubled = Doubler().push(out)
    assert np.abs(np.diff(doubled.astype(int))).max() < 45_000 and doubled.max() == 32_767


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_decoded_together_with_other_calls_a_caller_sounds_as_alone(loss: float) -> None:
    """Also with packets that come late, twice, of another length, or never."""
    dice = np.random.default_rng(11)
    kinds: list[Coding] = ["pcmu", "pcma", "pcmu", "pcmu", "pcma", "pcma", "pcmu"]
    together = phone_codecs.Together()
    shared, alone = ([Inbound(phone_codecs.decoder(kind), 8_000) for kind in kinds] for _ in range(2))
    added = 0
    for step in range(200):
        now_ms = step * 20.0
        for one, other in zip(shared, alone, strict=True):
            payload = dice.integers(0, 256, 80 if dice.random() < 0.02 else 160, dtype=np.uint8).tobytes()
            for _ in range(int(dice.random() >= loss) + int(dice.random() < 0.05)):
                for each in (one, other):
                    each.push(1, step, step * 160, payload, now_ms)
        for one in shared:
            one.look_ahead(now_ms, together.add)
        added += len(together._added)
        together.decode()
        for one, other in zip(shared, alone, strict=True):
            heard, expected = (np.frombuffer(each.pull(now_ms), "<i2").astype(np.int32) for each in (one, other))
            assert np.abs(heard - expected).max() <= 1  # a filter's sums in another order
    assert added > 500
    assert [each.concealed for each in shared] == [each.concealed for each in alone]
    assert (shared[0].concealed > 0) is (loss > 0)


def test_one_call_is_not_decoded_together_with_nobody() -> None:
    together, decoder = phone_codecs.Together(), phone_codecs.decoder("pcmu")
    together.add(decoder, bytes(160))
    together.add(phone_codecs.decoder("g722"), bytes(160))
    together.decode()
    assert isinstance(decoder, phone_codecs.G711Decoder) and not decoder.ready
    assert len(decoder.decode(bytes(160))) == 640
