"""Stereo WAVs that other programs can read, at any moment of their being written."""

from __future__ import annotations

import io
import wave

import pytest

from telephony.audio import wav


def test_other_programs_read_it() -> None:
    pcm = wav.stereo(b"\1\0\2\0\3\0", b"\7\0\x08\0")
    with wave.open(io.BytesIO(wav.header(16_000, 2, len(pcm)) + pcm)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()) == (2, 16_000, 2, 3)
        assert file.readframes(3) == b"\1\0\7\0\2\0\x08\0\3\0\0\0"


def test_after_a_crash_the_file_says_how_much_there_is() -> None:
    head = wav.header(16_000, 2, 0)
    assert wav.data_bytes(head, wav.HEADER_BYTES + 4_003) == 4_000


@pytest.mark.parametrize("head", [b"", b"RIFF" + bytes(40), b"x" * 44])
def test_what_is_no_wav_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="WAV"):
        wav.data_bytes(head, 100)
