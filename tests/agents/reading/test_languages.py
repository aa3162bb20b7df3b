"""What is written in German, Spanish, French, Italian or Portuguese, and how it is said."""

from __future__ import annotations

import pytest

from agents import reading
from agents.pronunciation import Speaker
from agents.reading import rules
from tests.agents.reading import french, german, italian, portuguese, spanish

TABLES = (german, spanish, french, italian, portuguese)


def speak(text: str, language: str) -> str:
    return Speaker((), language=language, can_ipa=False).speak(text)


@pytest.mark.parametrize(
    ("language", "written", "spoken"), [(table.LANGUAGE, *row) for table in TABLES for row in table.ROWS]
)
def test_signs_and_digits_are_read_as_people_say_them(language: str, written: str, spoken: str) -> None:
    assert speak(written, language) == spoken


@pytest.mark.parametrize(("language", "text"), [(table.LANGUAGE, text) for table in TABLES for text in table.STAYS])
def test_what_is_written_as_it_is_said_stays(language: str, text: str) -> None:
    assert speak(text, language) == text


@pytest.mark.parametrize(("language", "written", "spoken"), [row for table in TABLES for row in table.ELSEWHERE])
def test_countries_with_the_same_language_have_their_own_ways(language: str, written: str, spoken: str) -> None:
    assert speak(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("sv-SE", "**Hej** 3,50 kr 😀", "Hej 3,50 kr"),
        ("nl-NL", "Dr. de Vries, 5 km, $5 & meer", "Dr. de Vries, 5 km, $5 & meer"),
        ("pl-PL", "# Cennik\n- 12,50 zł\n- 8:30", "Cennik. 12,50 zł. 8:30."),
        ("ja-JP", "**3時**に来てください。", "3時に来てください。"),
        ("ru-RU", "Звоните 8 800 555-35-35 [тут](https://a.ru)", "Звоните 8 800 555-35-35 тут"),
    ],
)
def test_other_languages_lose_the_markdown_and_nothing_is_read_in_english(
    language: str, written: str, spoken: str
) -> None:
    assert speak(written, language) == spoken


def test_a_language_is_known_however_its_code_is_written() -> None:
    assert {speak("5 km", code) for code in ("de", "de-DE", "de_AT", "DE-de")} == {"fünf Kilometer"}
    assert speak("5 km", "de-XX") == "fünf Kilometer"
    assert speak("+4930123456", "de-XX").startswith("plus neunundvierzig, drei null")


def test_a_long_text_is_read_to_its_end() -> None:
    text = "Das kostet 3,50 € am 25.11.2026. " * 60
    said = reading.aloud(text, "de-DE")
    assert said.count("drei Euro fünfzig") == said.count("fünfundzwanzigsten November") == 60
    assert not any(map(str.isdigit, said))


def test_another_country_has_no_patterns_to_make() -> None:
    reading.aloud("12", "de-DE")
    made = rules._compiled.cache_info().misses
    reading.aloud("12", "de-AT")
    assert rules._compiled.cache_info().misses - made <= 2
