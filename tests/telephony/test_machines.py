"""Person or machine, by synthesised sound: tables of what is heard and what it is taken for."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from telephony.audio.loudness import Loudness
from telephony.audio.machines import FRAME_MS, BeepFinder, Detector, Greeting, sounds_like_a_machine
from telephony.without_agent.message_end import MessageEnd

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


def over(noise: float, *sounds: np.ndarray) -> np.ndarray:
    """With the same noise under all of it."""
    sound = np.concatenate(sounds)
    return sound + np.random.default_rng(3).normal(0, noise, len(sound))


def nothing(seconds: float) -> np.ndarray:
    return np.zeros(int(RATE * seconds))


def street(seconds: float, level: float) -> np.ndarray:
    """Noise that swells and falls by 6 dB."""
    t = np.arange(int(RATE * seconds)) / RATE
    return np.random.default_rng(4).normal(0, level, len(t)) * 10 ** (np.sin(2 * math.pi * 0.4 * t) * 0.15)


NOISES = [8, 60, 90, 130, 200, 400, 700]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("before_s", [0.06, 0.3, 1.5, 3.0])
def test_a_person_in_a_loud_place_is_a_person(noise: float, before_s: float) -> None:
    verdict, why, at_ms = judged(over(noise, nothing(before_s), speech(0.6, level=6_000), nothing(6)))
    assert (verdict, why) == ("human", "cadence") and before_s * 1000 + 1_400 <= at_ms <= before_s * 1000 + 1_600


@pytest.mark.parametrize("level", [130, 200, 400])
def test_a_person_in_a_street_is_a_person(level: float) -> None:
    sound = street(8, level)
    sound[RATE // 2 : RATE // 2 + int(0.6 * RATE)] += speech(0.6, level=6_000)
    assert judged(sound)[:2] == ("human", "cadence")


@pytest.mark.parametrize("noise", NOISES)
def test_noise_alone_is_nobody(noise: float) -> None:
    assert judged(over(noise, nothing(8))) == ("unknown", "silence", 5_000)


@pytest.mark.parametrize("noise", [130, 400, 700])
def test_noise_that_comes_with_the_line_is_nobody(noise: float) -> None:
    assert judged(nothing(0.4), quiet(8, noise)) == ("unknown", "silence", 5_000)


@pytest.mark.parametrize("noise", [130, 400, 700])
def test_noise_that_sets_in_later_is_no_machine(noise: float) -> None:
    assert judged(quiet(0.5), quiet(8, noise))[0] != "machine"


@pytest.mark.parametrize("noise", [8, 130, 400])
@pytest.mark.parametrize("said", [(8.0,), (1.4, 0.3, 4.0), (0.5, 0.2, 0.8, 0.25, 1.5, 0.3, 2.0)])
def test_a_machine_in_a_loud_place_is_a_machine(noise: float, said: tuple[float, ...]) -> None:
    bits = [speech(each, level=6_000) if at % 2 == 0 else nothing(each) for at, each in enumerate(said)]
    verdict, why, at_ms = judged(over(noise, nothing(0.5), *bits))
    assert (verdict, why) == ("machine", "cadence") and at_ms <= 3_700


@pytest.mark.parametrize("level", [700, 1_000, 3_000, 12_000])
def test_a_machine_that_is_heard_from_the_first_frame_on_is_one(level: float) -> None:
    said = [each for _ in range(10) for each in (speech(0.7, level=level), quiet(0.1))]
    assert judged(nothing(0.2), *said)[:2] == ("machine", "cadence")


@pytest.mark.parametrize("noise", [150, 400])
@pytest.mark.parametrize("hz", [425, 850, 1_400])
def test_a_beep_behind_words_in_a_loud_place_is_found(noise: float, hz: float) -> None:
    found = judged(over(noise, nothing(0.5), speech(1.4, level=6_000), nothing(0.5), tone(hz, 0.6), nothing(2)))
    assert found[:2] == ("machine_beep", "beep")


def ringing(hz: tuple[float, ...], on_off_s: tuple[float, ...], rounds: int = 3) -> list[np.ndarray]:
    parts = []
    for _ in range(rounds):
        for at, seconds in enumerate(on_off_s):
            loud = sum(tone(each, seconds, 4_000 / len(hz)) for each in hz)
            parts.append(np.asarray(loud) if at % 2 == 0 else nothing(seconds))
    return parts


RINGING = {
    "most of Europe": ((425.0,), (1.0, 4.0)),
    "busy": ((425.0,), (0.5, 0.5)),
    "Spain": ((425.0,), (1.5, 3.0)),
    "France": ((440.0,), (1.5, 3.5)),
    "North America": ((440.0, 480.0), (2.0, 4.0)),
    "Britain": ((400.0, 450.0), (0.4, 0.2, 0.4, 2.0)),
}


@pytest.mark.parametrize("noise", [8, 150])
@pytest.mark.parametrize("where", RINGING)
def test_an_exchange_that_has_answered_and_rings_is_nobody_yet(where: str, noise: float) -> None:
    hz, on_off_s = RINGING[where]
    assert judged(over(noise, nothing(0.3), *ringing(hz, on_off_s, 20)))[:2] == ("unknown", "limit")


@pytest.mark.parametrize("where", RINGING)
def test_who_answers_behind_the_ringing_is_heard(where: str) -> None:
    hz, on_off_s = RINGING[where]
    rung = [nothing(0.3), *ringing(hz, on_off_s, 1)]
    assert judged(over(8, *rung, speech(0.6), nothing(3)))[:2] == ("human", "cadence")
    assert judged(over(8, *rung[:-1], speech(6)))[:2] == ("machine", "cadence")


def test_a_low_beep_without_words_is_no_ringing_where_it_is_shorter_or_longer() -> None:
    assert judged(over(8, nothing(0.3), tone(425, 0.3), nothing(3))) == ("machine_beep", "beep", 660)
    verdict, _, at_ms = judged(over(8, nothing(0.3), tone(425, 6)))
    assert verdict == "machine_beep" and 2_500 <= at_ms <= 2_700


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


@pytest.mark.parametrize("level", [300, 1_000, 6_000])
def test_a_beep_that_lasts_is_no_room_and_is_waited_for(level: float) -> None:
    assert 5_080 <= over_at(tone(1_000, 5, level), quiet(3), beeps=True) <= 5_180
    assert 5_080 <= over_at(over(level / 10, tone(1_000, 5, level), nothing(3)), beeps=True) <= 5_180


@pytest.mark.parametrize("noise", [130, 400, 700])
def test_a_greeting_in_a_loud_place_is_over_as_well(noise: float) -> None:
    said = speech(4, level=6_000)
    assert 5_400 <= over_at(over(noise, said, nothing(1), tone(1_000, 0.4), nothing(3))) <= 5_600
    assert 6_000 <= over_at(over(noise, said, nothing(5))) <= 6_100


def message(*sounds: np.ndarray) -> tuple[str, int, bool, int]:
    """Why it was over, when, whether something was said and for how long."""
    end = MessageEnd(60.0)
    why = next((why for frame in frames(*sounds) if (why := end.push(frame))), "")
    return why, end.length_ms, end.has_words, end.spoken_ms


@pytest.mark.parametrize("noise", [8, 130, 400, 700])
def test_a_message_from_a_loud_place_is_over_when_nothing_more_is_said(noise: float) -> None:
    why, at_ms, has_words, spoken_ms = message(over(noise, nothing(1), speech(8, level=6_000), nothing(60)))
    assert why == "silence" and has_words and 8_900 <= spoken_ms <= 9_100 and at_ms == spoken_ms + 5_000
    assert message(over(noise, nothing(70))) == ("silence", 5_000, False, 0)


def test_a_message_that_begins_with_the_line_is_one() -> None:
    why, _, has_words, spoken_ms = message(nothing(0.5), *[speech(0.7, level=900), quiet(0.1)] * 4, quiet(60))
    assert why == "silence" and has_words and 3_500 <= spoken_ms <= 3_700


def test_a_frame_costs_little() -> None:
    loudness, heard = Loudness(), frames(quiet(20, 300))
    began = time.process_time()
    for frame in heard:
        loudness.push(np.frombuffer(frame, "<i2").astype(np.float32))
    assert (time.process_time() - began) / len(heard) < 50e-6  # 5 at the time of writing
