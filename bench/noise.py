"""Does it help to clean the caller's sound? Word errors of the transcriber on board, with and without, and what the VAD makes of it.

    python bench/noise.py                      # everything: ten minutes of one core
    python bench/noise.py --sentences 8        # a look

Sentences are spoken by Piper, as three people (by pitch and pace), over noise that is made here: white, a hum of the mains with a
fan, a babble of other sentences; at 20, 10 and 5 dB below the speech; and without noise, quieter and quieter, also single words.
Each is heard as it is and as a ``telephony.audio.cleaning.Cleaner`` makes it. Errors: in percent of the words said. For speech: so
many seconds of a minute of noise alone Silero would take for speech if it listened to the same sound, in so many pieces. At the
end, what each costs of a processor for a frame of 20 ms.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from rapidfuzz.distance import Levenshtein

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("WEIGHTS_DIR", str(ROOT / ".local" / "weights"))

from agents.providers.local.whisper_model import WhisperModel
from agents.speech import AudioFrame
from telephony.audio import vad
from telephony.audio.cleaning import Cleaner
from telephony.session.words import normalised
from tests.spoken import WEIGHTS, spoken

Sound = npt.NDArray[np.float64]
Treat = Callable[[], Cleaner]

RATE_HZ = 16_000
LEAD_S = 3.0
"""Of noise before the first word: a caller is silent while the agent greets."""
TAIL_S = 0.8
SENTENCES = (
    "I would like to book an appointment for next Tuesday.",
    "How much is a cleaning without insurance?",
    "My daughter has a toothache and can't sleep.",
    "Could you tell me where I can park my car?",
    "I need to cancel the appointment on Friday afternoon.",
    "Do you speak any other languages at your office?",
    "My name is Thomas Anderson and I live around the corner.",
    "Please call me back before noon tomorrow.",
    "What are your opening hours during the holidays?",
    "I was there last month and something still hurts.",
    "Is it possible to pay with a credit card?",
    "The doctor told me to come again in the spring.",
    "I'm calling because of the bill that came this morning.",
    "Can I bring my dog when I come to the office?",
    "We moved to another street, so the address has changed.",
    "She wants to know whether the medicine is ready.",
    "No, Wednesday in the morning would be better for me.",
    "Thank you very much for your help, goodbye.",
)
BEFORE = "Hello, my name is Ann."
"""By then a quiet caller's level is known. What follows is an utterance of its own."""
WORDS = ("Thank you.", "Okay.", "Bye.", "Thanks.", "I'm sorry.", "Goodbye.")
"""Whisper says most of these to silence, too, so they aren't believed of it where the sound is quiet."""
PEOPLE = ((1.0, 1.0), (1.16, 0.92), (0.88, 1.08))
"""Pitch and pace."""
SPEECH_RMS = 2_950.0


@lru_cache(maxsize=256)
def said(text: str, pitch: float, pace: float) -> Sound:
    """As 16-bit values at RATE_HZ, the speech at SPEECH_RMS."""
    sound = np.frombuffer(spoken(text, pace / pitch), dtype="<i2").astype(np.float64)
    if pitch != 1.0:
        sound = np.asarray(soxr.resample(sound, RATE_HZ * pitch, RATE_HZ), dtype=np.float64)
    return np.asarray(sound * (SPEECH_RMS / _speech_rms(sound)))


def _speech_rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound[np.abs(sound) > 600]))))


def white(dice: np.random.Generator, count: int) -> Sound:
    return dice.standard_normal(count)


def hum(dice: np.random.Generator, count: int) -> Sound:
    """The mains with its overtones, and a fan's rumble."""
    time_s = np.arange(count) / RATE_HZ
    mains = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in (1, 2, 3, 4, 6, 8, 12))
    spectrum = np.fft.rfft(dice.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    fan = np.fft.irfft(spectrum / np.maximum(1.0, frequency / 150.0), count)
    return np.asarray(mains / np.std(mains) + fan / np.std(fan))


def babble(dice: np.random.Generator, count: int) -> Sound:
    """Six people at other tables."""
    sum_ = np.zeros(count)
    for _ in range(6):
        line = np.concatenate(
            [said(SENTENCES[index], *PEOPLE[int(dice.integers(3))]) for index in dice.permutation(len(SENTENCES))]
        )
        repeated = np.resize(line, count + len(line))
        begin = int(dice.integers(len(line)))
        sum_ += repeated[begin : begin + count]
    return sum_


NOISES: dict[str, Callable[[np.random.Generator, int], Sound]] = {"white": white, "hum": hum, "babble": babble}
TREATMENTS: dict[str, Treat] = {
    "as it is": lambda: Cleaner(suppression=None, levels=False),
    "6 dB": lambda: Cleaner(suppression=0, levels=False),
    "12 dB": lambda: Cleaner(suppression=1, levels=False),
    "18 dB": lambda: Cleaner(suppression=2, levels=False),
    "levelled": lambda: Cleaner(suppression=None, levels=True),
}
QUIET = ("as it is", "levelled")


def frames(sound: Sound) -> list[AudioFrame]:
    pcm = np.clip(np.rint(sound), -32_768, 32_767).astype("<i2")
    return [AudioFrame(pcm[at : at + 320].tobytes(), RATE_HZ) for at in range(0, len(pcm) - 319, 320)]


class Ears:
    def __init__(self) -> None:
        self._whisper = WhisperModel(WEIGHTS / "whisper-base")
        self._prompt = self._whisper.prompt("en", ())
        self._silero = vad.load(WEIGHTS / "silero-vad-v6" / "silero_vad_v6.onnx")

    def cleaned(self, heard: list[AudioFrame], treat: Treat) -> list[AudioFrame]:
        """As a session does it: the VAD hears the sound as it came."""
        cleaner, ear = treat(), vad.VAD(self._silero)
        clean = []
        for frame in heard:
            clean.append(cleaner.push(frame, is_speech=ear.is_speech))
            ear.push(frame)
        return clean

    def words(self, heard: list[AudioFrame]) -> list[str]:
        pcm = np.frombuffer(b"".join(frame.pcm for frame in heard), dtype="<i2")
        found = self._whisper.hear(pcm, self._prompt)
        return normalised(found[0]).split() if found is not None else []

    def speech(self, heard: list[AudioFrame]) -> str:
        ear = vad.VAD(self._silero)
        told = [edge for frame in heard for edge in ear.push(frame)]
        ends = [*told, vad.SpeechStopped(len(heard) * 20)] if len(told) % 2 else told
        pairs = list(zip(ends[::2], ends[1::2], strict=True))
        return f"{sum(stop.at_ms - start.at_ms for start, stop in pairs) / 1000:.1f} s in {len(pairs)}"


def row(
    ears: Ears, treat: Treat, texts: Sequence[str], noise: str, gain: float, snr_db: float | None, before: str = ""
) -> str:
    wrong = total = 0
    for index, text in enumerate(texts):
        dice = np.random.default_rng(index)
        speech = said(text, *PEOPLE[index % 3])
        earlier = said(before, *PEOPLE[index % 3]) if before else np.zeros(0)
        lead = int(LEAD_S * RATE_HZ) - len(earlier) - RATE_HZ
        parts = (np.zeros(lead), earlier, np.zeros(RATE_HZ), speech, np.zeros(int(TAIL_S * RATE_HZ)))
        mixed = np.concatenate(parts)
        if snr_db is not None:
            sound = NOISES[noise](dice, len(mixed))
            mixed += sound / np.std(sound) * SPEECH_RMS * 10 ** (-snr_db / 20)
        mixed = mixed * gain + dice.normal(0, 3, len(mixed))  # no line is digitally silent
        heard = ears.cleaned(frames(mixed), treat)
        words = normalised(text).split()
        wrong += Levenshtein.distance(words, ears.words(heard[(int(LEAD_S * 1000) - 320) // 20 :]))
        total += len(words)
    taken = "–"
    if snr_db is not None:
        sound = NOISES[noise](np.random.default_rng(99), 60 * RATE_HZ)
        alone = sound / np.std(sound) * SPEECH_RMS * 10 ** (-snr_db / 20) * gain
        cleaner = treat()
        taken = ears.speech([cleaner.push(frame, is_speech=False) for frame in frames(alone)])
    return f"{wrong * 100 / total:5.1f} % | {taken}"


def cost_us(treat: Treat) -> float:
    """Of a frame of speech; the best of ten tries, in the thread's own time."""
    heard, cleaner = frames(said(SENTENCES[0], 1.0, 1.0) * 0.1), treat()
    best = 1e9
    for _ in range(10):
        began_s = time.thread_time()
        for frame in heard:
            cleaner.push(frame, is_speech=True)
        best = min(best, (time.thread_time() - began_s) / len(heard))
    return best * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    options = parser.parse_args()
    texts = SENTENCES[: options.sentences]
    ears = Ears()
    began_s = time.monotonic()
    print(f"{sum(len(text.split()) for text in texts)} words; errors | for speech, of a minute of noise")
    for db in (0, 15, 25, 35, 45):
        for treatment in QUIET:
            told = row(ears, TREATMENTS[treatment], texts, "white", 10 ** (-db / 20), None)
            print(f"{f'no noise, {db} dB quieter':28} | {treatment:8} | {told}", flush=True)
    for db in (25, 35):
        for treatment in QUIET:
            told = row(ears, TREATMENTS[treatment], WORDS, "white", 10 ** (-db / 20), None, BEFORE)
            print(f"{f'single words, {db} dB quieter':28} | {treatment:8} | {told}", flush=True)
    for treatment in ("6 dB", "12 dB", "18 dB"):
        print(
            f"{'no noise':28} | {treatment:8} | {row(ears, TREATMENTS[treatment], texts, 'white', 1.0, None)}",
            flush=True,
        )
    for noise in NOISES:
        for snr_db in (20, 10, 5):
            for treatment in ("as it is", "6 dB", "12 dB", "18 dB"):
                told = row(ears, TREATMENTS[treatment], texts, noise, 1.0, snr_db)
                print(f"{f'{noise}, {snr_db} dB':28} | {treatment:8} | {told}", flush=True)
    for treatment, treat in TREATMENTS.items():
        print(f"{treatment:8} costs {cost_us(treat):.1f} µs a frame")
    print(f"{time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    main()
