"""How an agent's text is read aloud: signs, digits and abbreviations as words, in its language. Pure.

``plain`` comes first, in every language: what is only there for the eye goes away. Then ``aloud`` writes out the rest for the
languages it knows; in the others digits stay digits, for the voice to read.
"""

from __future__ import annotations

from agents.reading.common import portions, tidy
from agents.reading.english import english
from agents.reading.plain import plain

__all__ = ["aloud", "plain"]


def aloud(text: str, language: str) -> str:
    """Plain text as a speaker of ``language`` ("en-US") says it."""
    short, _, region = language.partition("-")
    if short != "en":
        return tidy(text)
    return " ".join(english(portion, region=region) for portion in portions(text))
