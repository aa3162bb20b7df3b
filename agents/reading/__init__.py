"""How an agent's text is read aloud: signs, digits and abbreviations as words, in its language. Pure.

``plain`` comes first, in every language: what is only there for the eye goes away. Then ``aloud`` writes out the rest for the
languages it knows; in the others digits stay digits, for the voice to read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from agents.reading.english import english
from agents.reading.european import European
from agents.reading.french import french
from agents.reading.german import german
from agents.reading.italian import italian
from agents.reading.plain import plain
from agents.reading.portuguese import portuguese
from agents.reading.rules import portions, tidy
from agents.reading.spanish import spanish
from agents.reading.tongue import Tongue

__all__ = ["LANGUAGES", "aloud", "plain"]

_TONGUES: dict[str, Callable[[str], Tongue]] = {
    "de": german, "es": spanish, "fr": french, "it": italian, "pt": portuguese,
}  # fmt: skip
LANGUAGES = ("en", *_TONGUES)
"""Those that are written out."""


def aloud(text: str, language: str) -> str:
    """Plain text as a speaker of ``language`` ("en-US") says it."""
    read = _reader(language)
    return " ".join(filter(None, map(read, portions(text))))


@lru_cache(maxsize=64)
def _reader(language: str) -> Callable[[str], str]:
    short, _, region = language.replace("_", "-").partition("-")
    if short.lower() == "en":
        return partial(english, region=region.upper())
    tongue = _TONGUES.get(short.lower())
    return tidy if tongue is None else European(tongue(region.upper())).read
