"""Does the end-of-turn model hear when a caller has finished, what does that make of the pause, and what does it cost?

    python bench/end_of_turn.py                                    # Piper's voice, and espeak-ng's where that is installed
    python bench/end_of_turn.py --people /usr/share/pocketsphinx/test/data   # people, too: WAV and raw files at 16 kHz, mono

Each voice says whole sentences; sentences that break off, as a voice that knows nothing of the rest says them; and pieces cut out of
longer sentences, at the quietest moment near the word. People's recordings are taken whole, and cut at four places. Each ends in
160 ms of silence, as a call's would. The words are Whisper's, the pauses those of a call's first turn at 500 ms.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from agents.providers.local import smart_turn, weights
from agents.providers.local.whisper_model import WhisperModel
from agents.turn_taking import AcousticEndOfTurn
from telephony.session.finishing import FINISHED, UNFINISHED
from telephony.session.knobs import TurnSettings
from telephony.session.pauses import Patience

RATE_HZ = 16_000
WHOLE = (
    "When are you open on Friday?", "I would like to book an appointment.", "My name is Thomas Anderson.", "What time do you close?",
    "How much does a cleaning cost?", "Yes, that's right.", "Next Tuesday at ten in the morning.", "No, thank you, that's all.",
    "Where can I park my car?", "I need a cleaning.", "Do you accept Delta Dental insurance?", "No, Wednesday.",
    "My tooth hurts since last Sunday.", "Could you repeat that, please?", "I'd like to cancel my appointment.", "Sarah Miller.",
)  # fmt: skip
BROKEN_OFF = (
    ("I would like to book an appointment for", "next Tuesday at ten"), ("My name is", "Thomas Anderson and I live here"),
    ("How much does a", "cleaning cost without insurance"), ("Can I come in on", "Friday in the afternoon"),
    ("I wanted to ask whether", "you are open on Saturday"), ("I need to see the doctor because my", "tooth hurts a lot"),
    ("So I was thinking maybe", "we could meet tomorrow"), ("I would like to know", "how much an examination costs"),
    ("On Monday I woke up with a bad toothache", "and I could not eat"), ("Do you have", "anything free this week"),
)  # fmt: skip
KINDS = ("whole", "breaks off", "cut out")
AFTER_MS = 300
"""When the answer is there, after the last sound."""

Samples = npt.NDArray[np.float32]
Voice = Callable[[str], Samples]


def piper(file: Path) -> Voice:
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(file)
    config = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)  # the same each time

    def say(text: str) -> Samples:
        sound = np.concatenate([chunk.audio_float_array for chunk in voice.synthesize(text, config)])
        return trimmed(soxr.resample(sound, voice.config.sample_rate, RATE_HZ))

    return say


def espeak(command: str, *options: str) -> Voice:
    def say(text: str) -> Samples:
        out = subprocess.run([command, *options, "--stdout", text], capture_output=True, check=True).stdout
        with wave.open(io.BytesIO(out)) as opened:
            rate_hz = opened.getframerate()
        sound = np.frombuffer(out[44:], dtype="<i2").astype(np.float32) / 32_768
        return trimmed(soxr.resample(sound, rate_hz, RATE_HZ))

    return say


def trimmed(sound: Samples) -> Samples:
    """Without the silence around it, as loud as a headset's."""
    sound = sound / np.abs(sound).max()
    audible = np.flatnonzero(np.abs(sound) > 0.04)
    sound = sound[max(0, int(audible[0]) - 300) : int(audible[-1]) + 300]
    return np.clip(sound * (0.09 / np.sqrt(np.mean(sound[np.abs(sound) > 0.04] ** 2))), -1, 1).astype(np.float32)


def cut(sound: Samples, share: float) -> Samples:
    """Its beginning, up to the quietest hundredth of a second within 150 ms of ``share`` of it."""
    at, step = int(len(sound) * share), RATE_HZ // 100
    places = range(max(0, at - 15 * step), min(len(sound) - step, at + 15 * step), step)
    end = min(places, key=lambda place: float(np.mean(sound[place : place + step] ** 2))) + step // 2
    piece = sound[:end].copy()
    piece[-80:] *= np.linspace(1, 0, 80, dtype=np.float32)
    return piece


def as_called(sound: Samples) -> bytes:
    """Half a second of silence before it, as the session keeps, and the short pause after it."""
    silent = [np.zeros(RATE_HZ * ms // 1000, dtype=np.float32) for ms in (500, 160)]
    return (np.concatenate([silent[0], sound, silent[1]]) * 32_767).astype("<i2").tobytes()


def said(voice: Voice) -> Iterator[tuple[str, Samples]]:
    for text in WHOLE:
        yield "whole", voice(text)
    for lead, rest in BROKEN_OFF:
        yield "breaks off", voice(lead)
        yield "cut out", cut(voice(f"{lead} {rest}."), len(lead) / len(f"{lead} {rest}"))


def recorded(folder: Path) -> Iterator[tuple[str, Samples]]:
    for file in sorted([*folder.rglob("*.wav"), *folder.rglob("*.raw")]):
        pcm = file.read_bytes()[44 if file.suffix == ".wav" else 0 :]
        sound = trimmed(np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32) / 32_768)
        yield "whole", sound
        for share in (0.3, 0.45, 0.6, 0.75):
            yield "cut out", cut(sound, share)


def pause_ms(text: str, probability: float, knob: AcousticEndOfTurn) -> int:
    patience = Patience(TurnSettings(acoustic_end_of_turn=knob))
    patience.finishing.silence(0, 100)
    if knob is not AcousticEndOfTurn.OFF:
        patience.finishing.hear(probability, AFTER_MS)
    return patience.needed(text).ms


def judge(
    name: str, sounds: Iterator[tuple[str, Samples]], model: smart_turn.SmartTurn, ear: WhisperModel, *, details: bool
) -> None:
    prompt = ear.prompt("en", ())
    found: dict[str, list[tuple[float, str]]] = {kind: [] for kind in KINDS}
    for kind, sound in sounds:
        pcm = as_called(sound)
        found[kind].append((model.predict_now(pcm), (ear.hear(np.frombuffer(pcm, "<i2"), prompt) or ("", 0.0))[0]))
        if details:
            print(f"  {kind:<10} {found[kind][-1][0]:.2f}  {found[kind][-1][1]}")
    for kind, judged in found.items():
        if judged:
            likely = np.array([probability for probability, _ in judged])
            cells = [name, kind, str(len(judged)), f"{np.median(likely):.2f}"]
            cells += [f"{np.mean(likely >= FINISHED):.0%}", f"{np.mean(likely <= UNFINISHED):.0%}"]
            waits = {
                knob: np.array([pause_ms(text, each, knob) for each, text in judged]) for knob in AcousticEndOfTurn
            }
            usual = waits[AcousticEndOfTurn.OFF]
            cells.append(f"{usual.mean():.0f}")
            for knob in (AcousticEndOfTurn.CAREFUL, AcousticEndOfTurn.FULL):
                sooner, later = int((waits[knob] < usual).sum()), int((waits[knob] > usual).sum())
                cells.append(f"{waits[knob].mean():.0f} ({sooner} sooner, {later} later)")
            print(f"| {' | '.join(cells)} |", flush=True)


def cost(model: smart_turn.SmartTurn) -> None:
    """On this thread alone, in processor time: other work on the machine doesn't count, but for what it costs the caches."""
    pcm = os.urandom(RATE_HZ * 2 * 4)
    hearing, whole = [], []
    for _ in range(20):
        began = time.thread_time()
        smart_turn.features(pcm)
        hearing.append(time.thread_time() - began)
        began = time.thread_time()
        model.predict_now(pcm)
        whole.append(time.thread_time() - began)
    print(
        f"An answer costs {np.median(whole) * 1000:.0f} ms of one thread, {np.median(hearing) * 1000:.0f} ms of it for the features."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--people", type=Path, help="a folder of recordings at 16 kHz, mono, 16 bits")
    parser.add_argument("--espeak", default=shutil.which("espeak-ng"), help="the program espeak-ng")
    parser.add_argument("--details", action="store_true", help="each sentence, too")
    options = parser.parse_args()
    model = smart_turn.SmartTurn(weights.path(*smart_turn.FILE.split("/")))
    ear = WhisperModel(weights.path("whisper-base", "model.bin").parent)
    try:
        model.load()
        cost(model)
        print(
            "\n| voice | says | n | p50 | finished | unfinished | pause, ms | carefully | fully |\n"
            + "| --- " * 9
            + "|"
        )
        joe = piper(weights.path("piper", "en_US-joe-medium.onnx"))
        judge("Piper joe", said(joe), model, ear, details=options.details)
        if options.espeak:
            for name, words in (
                ("espeak-ng en-us", ("-v", "en-us", "-s", "160")),
                ("espeak-ng en-us+f3", ("-v", "en-us+f3", "-s", "170")),
                ("espeak-ng en-gb, slow and high", ("-v", "en-gb", "-s", "130", "-p", "70")),
            ):
                judge(name, said(espeak(options.espeak, *words)), model, ear, details=options.details)
        if options.people is not None:
            judge("people", recorded(options.people), model, ear, details=options.details)
    finally:
        model.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
