"""Stereo WAVs that other programs can read, at any moment of their being written."""

from __future__ import annotations

import io
import wave

from telephony.audio import wav


def test_other_programs_read_it() -> None:
    pcm = wav.stereo(b"\1\0\2\0\3\0", b"\7\0\x08\0")
    with wave.open(io.BytesIO(wav.header(16_000, 2, len(pcm)) + pcm)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()) == (2, 16_000, 2, 3)
        assert file.readframes(3) == b"\1\0\7\0\2\0\x08\0\3\0\0\0"
