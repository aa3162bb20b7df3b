"""A reply is spoken phrase by phrase as it is written: no number, date or name is read in two halves."""

from __future__ import annotations

import re

import pytest

from agents.phrases import PhraseSplitter
from agents.pronunciation import Speaker
from tests.agents.reading.test_languages import TABLES
from tests.agents.test_pronunciation import ENGLISH

ROWS = [(table.LANGUAGE, written) for table in TABLES for written, _ in table.ROWS]
ROWS += [("en-US", written) for written, _ in ENGLISH if "\n" not in written]
WORDS = ["la"] * 10


def phrases_of(text: str, language: str, size: int = 1) -> list[str]:
    splitter = PhraseSplitter(language)
    phrases = [phrase for at in range(0, len(text), size) for phrase in splitter.push(text[at : at + size])]
    return phrases + splitter.flush()


def only_words(text: str) -> str:
    return " ".join(re.sub(r"[.,;:!?]", " ", text).split()).lower()


@pytest.mark.parametrize(("language", "written"), ROWS)
def test_phrase_by_phrase_it_is_read_as_in_one_piece(language: str, written: str) -> None:
    speaker = Speaker((), language=language, can_ipa=False)
    for before in (0, 3, 5, 7):  # the first phrase may be cut at each of its words
        text = " ".join([*WORDS[:before], written, *WORDS])
        aloud = " ".join(speaker.speak(phrase) for phrase in phrases_of(text, language))
        assert only_words(aloud) == only_words(speaker.speak(text)), phrases_of(text, language)


@pytest.mark.parametrize(
    ("language", "text", "phrases"),
    [
        ("de-DE", "Wir sehen uns am 3. Mai 2026. Bis dann!", ["Wir sehen uns am 3. Mai 2026.", "Bis dann!"]),
        ("de-DE", "Es sind 3. Danach kommt einer.", ["Es sind 3.", "Danach kommt einer."]),
        ("de-DE", "Im 2. Stock. Dort ist es.", ["Im 2. Stock.", "Dort ist es."]),
        ("de-DE", "Bis 25.11. geht es. Gut.", ["Bis 25.11. geht es.", "Gut."]),
        ("de-DE", "Bis 25.11. Dann nicht.", ["Bis 25.11.", "Dann nicht."]),
        ("de-DE", "Morgens, z. B. um 9 Uhr. Gut.", ["Morgens, z. B. um 9 Uhr.", "Gut."]),
        ("de-DE", "In der Hauptstr. 5 bei Dr. Weber. Gut.", ["In der Hauptstr. 5 bei Dr. Weber.", "Gut."]),
        ("de-DE", "Brot, Milch usw. Sonst nichts.", ["Brot, Milch usw.", "Sonst nichts."]),
        ("de-DE", "Offen Mo – Fr 9 – 17 Uhr. Gut.", ["Offen Mo – Fr 9 – 17 Uhr.", "Gut."]),
        ("es-ES", "La Sra. López está. Un momento.", ["La Sra. López está.", "Un momento."]),
        ("es-ES", "Por la tarde, p. ej. a las 5 p. m. mejor.", ["Por la tarde,", "p. ej. a las 5 p. m. mejor."]),
        ("fr-FR", "Oui, M. Dupont est là. Bien.", ["Oui, M. Dupont est là.", "Bien."]),
        ("it-IT", "Il Sig. Rossi, ecc. Bene.", ["Il Sig. Rossi,", "ecc.", "Bene."]),
        ("pt-BR", "A Dra. Lima está. Um momento.", ["A Dra. Lima está.", "Um momento."]),
    ],
)  # fmt: skip
def test_a_sentence_ends_where_its_language_ends_it(language: str, text: str, phrases: list[str]) -> None:
    for size in (1, 3, 1_000):
        assert phrases_of(text, language, size) == phrases


def test_the_first_phrase_is_short_in_every_language() -> None:
    for language, text in (
        ("de-DE", "Wir haben jeden Tag von morgens bis abends für Sie geöffnet und freuen uns auf Ihren Besuch bei uns"),
        ("es-ES", "Estamos abiertos todos los días desde la mañana hasta la noche y nos alegra mucho verle por aquí"),
        ("fr-FR", "Nous sommes ouverts tous les jours depuis le matin jusqu'au soir et nous serons heureux de vous voir"),
        ("it-IT", "Siamo aperti tutti i giorni dalla mattina fino alla sera e siamo felici di vederla da noi molto presto"),
        ("pt-BR", "Estamos abertos todos os dias desde a manhã até à noite e ficamos felizes em receber você por aqui"),
    ):  # fmt: skip
        assert 4 <= len(phrases_of(text, language)[0].split()) <= 8
