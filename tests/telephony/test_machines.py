"""Person or machine, by synthesised sound: tables of what is heard and what it is taken for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from telephony.audio.machines import FRAME_MS, BeepFinder, Detector, Greeting, sounds_like_a_machine

RATE = 16_000


def quiet(seconds: float, level: float = 8.0) -> np.ndarray:
    """A line is never quite silent."""
    return np.random.default_rng(1).normal(0, level, int(RATE * seconds))


def tone(hz: float, seconds: float, level: float = 6_000) -> np.ndarray:
    return np.sin(2 * math.pi * hz * np.arange(int(RATE * seconds)) / RATE) * level


def speech(seconds: float, pitch: float = 130.0, level: float = 3_000) -> np.ndarray:
    """Syllables, five a second, of a gliding voice with its harmonics and some breath."""
    t = np.arange(int(RATE * seconds)) / RATE
    f0 = pitch * (1 + 0.12 * np.sin(2 * math.pi * 0.9 * t))
    phase = 2 * math.pi * np.cumsum(f0) / RATE
    voice = sum(np.sin(n * phase) / n**0.7 for n in range(1, 25))
    syllables = 0.35 + 0.65 * np.abs(np.sin(math.pi * 5 * t))
    breath = np.random.default_rng(2).normal(0, 0.3, len(t))
    return (voice / 3 + breath) * syllables * level


def frames(*sounds: np.ndarray) -> list[bytes]:
    samples = np.clip(np.concatenate(sounds), -32_000, 32_000).astype("<i2")
    size = RATE * FRAME_MS // 1000
    return [samples[at : at + size].tobytes() for at in range(0, len(samples) - size + 1, size)]


def judged(*sounds: np.ndarray) -> tuple[str | None, str, int]:
    detector = Detector()
    for frame in frames(*sounds):
        if detector.push(frame) is not None:
            break
    return detector.verdict, detector.why, detector.now_ms


@pytest.mark.parametrize(
    ("sounds", "verdict", "why"),
    [
        ((quiet(0.4), speech(0.6), quiet(3)), "human", "cadence"),
        ((quiet(0.2), speech(0.3), quiet(0.2), speech(0.5), quiet(3)), "human", "cadence"),
        ((quiet(1.5), speech(2.4), quiet(3)), "human", "cadence"),
        ((quiet(0.5), speech(8)), "machine", "cadence"),
        ((quiet(0.5), speech(1.4), quiet(0.3), speech(4)), "machine", "cadence"),
        ((quiet(0.5), speech(1.5, 210), quiet(0.25), speech(3, 210)), "machine", "cadence"),
        ((quiet(0.3), tone(1_000, 0.4), quiet(2)), "machine_beep", "beep"),
        ((quiet(0.5), speech(1.4), quiet(0.5), tone(440, 0.6), quiet(2)), "machine_beep", "beep"),
        ((quiet(8),), "unknown", "silence"),
        ((quiet(8, level=60),), "unknown", "silence"),
        ((), None, ""),
    ],
)
def test_who_has_picked_up(sounds: tuple[np.ndarray, ...], verdict: str | None, why: str) -> None:
    found = judged(*(sounds or (quiet(0.1),)))
    assert found[:2] == (verdict, why)


def test_a_short_hello_is_known_for_a_person_within_a_second() -> None:
    verdict, _, at_ms = judged(quiet(0.4), speech(0.6), quiet(3))
    assert verdict == "human" and at_ms <= 400 + 600 + 1_000


def test_whoever_keeps_talking_in_bits_is_decided_on_at_the_limit() -> None:
    bits = [piece for _ in range(12) for piece in (speech(0.6), quiet(0.5))]
    verdict, why, at_ms = judged(quiet(0.2), *bits)
    assert (verdict, why) == ("unknown", "limit") and at_ms == 10_000


def beeps(*sounds: np.ndarray) -> int:
    """At how many milliseconds; 0: never."""
    finder = BeepFinder()
    return next((at * FRAME_MS for at, frame in enumerate(frames(*sounds), 1) if _push(finder, frame)), 0)


def _push(finder: BeepFinder, frame: bytes) -> bool:
    return finder.push(np.frombuffer(frame, "<i2").astype(np.float32))


@pytest.mark.parametrize("hz", [400, 425, 440, 620, 850, 1_000, 1_100, 1_400, 1_760, 2_000])
@pytest.mark.parametrize("noise", [8.0, 150.0])
def test_a_tone_of_a_quarter_second_is_a_beep(hz: float, noise: float) -> None:
    sound = np.concatenate([quiet(0.5, noise), tone(hz, 0.3) + quiet(0.3, noise), quiet(0.5, noise)])
    assert 700 <= beeps(sound) <= 860


@pytest.mark.parametrize(
    ("what", "sound"),
    [
        ("too short", tone(1_000, 0.12)),
        ("too low", tone(300, 0.8)),
        ("too high", tone(2_400, 0.8)),
        ("ringing, two tones", tone(440, 1, 4_000) + tone(480, 1, 4_000)),
        ("busy, two tones", tone(480, 0.5, 4_000) + tone(620, 0.5, 4_000)),
        ("a key, two tones", tone(770, 0.5, 4_000) + tone(1_336, 0.5, 4_000)),
        ("a siren", np.sin(2 * math.pi * np.cumsum(np.linspace(500, 1_500, RATE)) / RATE) * 6_000),
        ("speech", speech(3)),
        ("a high voice", speech(3, 420)),
        ("noise", quiet(1, 2_000)),
    ],
)
def test_what_is_no_beep(what: str, sound: np.ndarray) -> None:
    assert beeps(quiet(0.3), sound, quiet(0.3)) == 0, what


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-US", "Hi, you've reached Grace. Please leave a message after the tone."),
        ("en-GB", "The person you are calling is not available."),
        ("de-DE", "Guten Tag, bitte hinterlassen Sie eine Nachricht nach dem Signalton!"),
        ("de-DE", "Der Teilnehmer ist zurzeit nicht erreichbar."),
        ("es-ES", "Por favor, deje un mensaje después de la señal."),
        ("fr-FR", "Bonjour, laissez-moi un message après le bip."),
        ("it-IT", "Risponde la segreteria telefonica, lasciate un messaggio."),
        ("pt-BR", "Sua chamada está sendo encaminhada para a caixa postal. Deixe sua mensagem após o sinal."),
        ("de-DE", "Please leave a message"),
    ],
)
def test_what_machines_say(language: str, text: str) -> None:
    assert sounds_like_a_machine(text, language)
    detector = Detector(language)
    assert detector.words(text) == "machine" and detector.why == "words"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-US", "Hello?"), ("en-US", "Grace speaking, who is this?"), ("de-DE", "Müller, guten Tag"), ("es-ES", "¿Diga?"),
        ("fr-FR", "Allô, oui ?"), ("it-IT", "Pronto, chi parla?"), ("pt-BR", "Alô, quem fala?"), ("en-US", ""),
    ],
)  # fmt: skip
def test_what_people_say(language: str, text: str) -> None:
    assert not sounds_like_a_machine(text, language)


def over_at(*sounds: np.ndarray, beeps: bool = False) -> int:
    greeting = Greeting(beeps=beeps)
    return next((at * FRAME_MS for at, frame in enumerate(frames(*sounds), 1) if greeting.push(frame)), 0)


def test_a_greeting_is_over_when_its_beep_is_or_after_two_silent_seconds() -> None:
    assert 5_400 <= over_at(speech(4), quiet(1), tone(1_000, 0.4), quiet(3)) <= 5_600
    assert 6_000 <= over_at(speech(4), quiet(5)) <= 6_100
    assert over_at(tone(1_000, 0.3), quiet(1), beeps=True) <= 460
    assert over_at(*[speech(1)] * 70) == 60_000
