"""Where a stream of words is cut into phrases, and where it is not."""

from __future__ import annotations

import random

import pytest

from agents.phrases import PhraseSplitter, opening


def split(text: str, size: int = 1) -> list[str]:
    splitter = PhraseSplitter()
    phrases = [phrase for start in range(0, len(text), size) for phrase in splitter.push(text[start : start + size])]
    return phrases + splitter.flush()


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        ("It costs $3.50 today. Then 5.", ["It costs $3.50 today.", "Then 5."]),
        ("Dr. Smith is in. Wait.", ["Dr. Smith is in.", "Wait."]),
        ("Ask J. Smith. He knows.", ["Ask J. Smith.", "He knows."]),
        ("We close at 5 p.m. on Friday.", ["We close at 5 p.m. on Friday."]),
        ("We close at 5 p.m. See you.", ["We close at 5 p.m.", "See you."]),
        ("Write to a.b@c.com please. Bye.", ["Write to a.b@c.com please.", "Bye."]),
        ("Certainly, we have time. Good.", ["Certainly,", "we have time.", "Good."]),
        ("Yes, we do. Good.", ["Yes, we do.", "Good."]),
        ("On November 5, 2026 we open. Good.", ["On November 5, 2026 we open.", "Good."]),
        ("1. First thing\n2. Second thing", ["1. First thing", "2. Second thing"]),
        ("Thanks... Bye! Really?", ["Thanks...", "Bye!", "Really?"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("No. 5 is free. No. It isn't.", ["No. 5 is free.", "No.", "It isn't."]),
        ("I see. I do.", ["I see.", "I do."]),
        ("no end", ["no end"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_phrases(text: str, phrases: list[str]) -> None:
    assert split(text) == phrases


def test_the_first_phrase_is_short_even_without_a_comma() -> None:
    text = "We are open every day from eight in the morning until five in the afternoon and on Saturdays too."
    first, *rest = split(text)
    assert 4 <= len(first.split()) <= 8
    assert rest == [text[len(first) + 1 :]]


def test_a_long_number_stays_whole_in_the_first_phrase() -> None:
    first = split("The number that you should call is 555 123 4567 and it is free of charge all day.")[0]
    assert first.endswith(("is", "4567")) or "555" not in first


def test_a_later_sentence_that_never_ends_is_cut_as_well() -> None:
    phrases = split("All right. " + "word and more " * 60)
    assert max(map(len, phrases)) < 260


@pytest.mark.parametrize("seed", range(30))
def test_the_phrases_are_the_text_however_it_comes(seed: int) -> None:
    draw = random.Random(seed)
    words = [
        "Dr.",
        "Smith",
        "$3.50",
        "yes,",
        "no.",
        "5",
        "p.m.",
        "Why?",
        "—",
        "a@b.co",
        "\n",
        "and",
        "e.g.",
        "2026",
        "Oh!",
        '"so."',
    ]
    text = " ".join(draw.choice(words) for _ in range(60))
    whole = split(text, 1)
    assert " ".join(whole) == " ".join(text.split())
    splitter, ragged, rest = PhraseSplitter(), [], text
    while rest:
        size = draw.randint(1, 17)
        ragged += splitter.push(rest[:size])
        rest = rest[size:]
    assert " ".join(ragged + splitter.flush()) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("A check-up costs eighty dollars and takes about half an hour.", "A check-up costs eighty dollars"),
        (
            "We are open Monday to Friday from eight in the morning to five, and on Saturday.",
            "We are open Monday to Friday",
        ),
        ("A filling costs three hundred and fifty dollars every single time you come.", ""),
        ("A filling costs one hundred dollars on most days of the week.", "A filling costs one hundred dollars"),
        ("You can pay by cash, by card, or in monthly instalments.", ""),
        ("We speak English and Spanish.", ""),
        ("You can cancel or move an appointment free of charge up to twenty-four hours before.", ""),
        ("", ""),
    ],
)
def test_a_long_clause_is_begun_where_a_speaker_may_breathe(text: str, begin: str) -> None:
    assert opening(text) == begin
