"""Whatever an agent writes, reading it aloud ends soon and breaks nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import reading
from agents.phrases import PhraseSplitter
from agents.pronunciation import Speaker

LANGUAGES = ("en-US", "en-GB", "de-DE", "de-CH", "es-ES", "es-MX", "fr-FR", "fr-BE", "it-IT", "pt-BR", "pt-PT", "sv-SE")
LONG = 8_000
LONGEST_S = 1.0
"""Of the processor, for 8 kB of the worst signs."""

snippets = st.sampled_from(
    """
    1 0 007 1.250,75 1,250.75 3,50 2.5 € $ £ % ° °C km m² h Uhr 17:30 25:99 99:99 17h30 8 - – — / + ( ) [ ] * ** _ ` # @ & = . , : ; ! ? … ' " ½ ² º
    ª er 1er 3. am der Mai de mayo 25/11/2026 31.02.2026 2026-13-45 2026-11-25 +49 030 (11) 06 12 34 R$ EUR Mio. millones XXI siglo siècle Dr. z. B.
    p. ej. M. Sig. Sra. GmbH AB1234 info@ex.de www.a.es/x http:// ex.com 1/2 4/5 24/7 n.º 5 Mo–Fr lun-vie 😀 \u0000 \ue000 ß ǆ Ⅷ ٣ 三 ² ①
    """.split()  # noqa: SIM905
)
texts = st.lists(snippets | st.text(max_size=6), max_size=25).flatmap(
    lambda parts: st.sampled_from(["", " ", "\n"]).map(lambda between: between.join(parts))
)


@settings(max_examples=300, deadline=2_000)
@given(text=texts, language=st.sampled_from(LANGUAGES))
def test_any_text_can_be_read(text: str, language: str) -> None:
    said = Speaker((), language=language, can_ipa=False).speak(text)
    assert "  " not in said and "\n" not in said
    assert len(said) <= 200 + 60 * len(text)


@settings(max_examples=200, deadline=2_000)
@given(text=texts, language=st.sampled_from(LANGUAGES), size=st.integers(1, 30))
def test_any_stream_is_cut_without_loss(text: str, language: str, size: int) -> None:
    splitter = PhraseSplitter(language)
    phrases = [phrase for at in range(0, len(text), size) for phrase in splitter.push(text[at : at + size])]
    assert " ".join(phrases + splitter.flush()).split() == text.split()


@pytest.mark.parametrize("language", ["en-GB", "de-DE", "es-ES", "fr-FR", "it-IT", "pt-BR", "sv-SE"])
@pytest.mark.parametrize(
    "piece",
    [
        "9", "1.", "1,", "1 ", "A1", "A-", "A-1 ", "a.", "a-", "a.a@", "@", "(", "[", "[x](", "![", "](/(", "*a", "_a", "`a", "```",
        "<a", "<!--", "&#1", "|-", "~", "-", "- \n", "\n", " ", "12:", "1/2 ", "01 23 ", "+1 ", "(555) ", "$1-", "XX ", "1. a", "www.",
        ":a", "[^a", "é.", "z. B. ", "25.11. ", "Am 25.11.2026 um 17:30 kostet es 3,50 €, z. B. bei a@b.de. ",
    ],
)  # fmt: skip
def test_eight_thousand_signs_take_no_longer_than_their_length(language: str, piece: str) -> None:
    text = (piece * LONG)[:LONG]
    Speaker((), language=language, can_ipa=False).speak("1")  # its patterns are made once
    began_s = time.process_time()
    Speaker((), language=language, can_ipa=False).speak(text)
    reading.aloud(text, language)
    assert time.process_time() - began_s < LONGEST_S
