"""That an AI is speaking: where those words are said, and in which language."""

from __future__ import annotations

from typing import Any

import pytest

from agents.disclosure import by_words, opening, said, words_of
from agents.spec import AgentSpec

ENGLISH = "You are speaking with an AI assistant."


def spec(says: dict[str, Any] | None = None, language: str = "en-US", **privacy: Any) -> AgentSpec:
    given = {"says": {"first_message": "Hello!", **(says or {})}, "sounds": {"language": language}, "privacy": privacy}
    return AgentSpec.model_validate(given)


def test_nothing_is_said_where_it_is_off() -> None:
    off = spec(consent_line="This call is recorded.", record=False)
    assert words_of(off) == "" and opening(off) == () and by_words(off) is off


def test_it_is_said_before_anything_else_and_a_consent_line_only_where_it_is_recorded() -> None:
    consent = "This call is recorded."
    assert opening(spec(says_it_is_ai=True, consent_line=consent)) == (ENGLISH, consent)
    assert opening(spec(says_it_is_ai=True, consent_line=consent, record=False)) == (ENGLISH,)
    assert opening(spec(consent_line=consent)) == (consent,)
    assert opening(said(spec(says_it_is_ai=True, consent_line=consent))) == (consent,), "told by the agent before"


def test_where_somebody_else_speaks_it_begins_the_first_words() -> None:
    assert by_words(spec(says_it_is_ai=True)).says.first_message == f"{ENGLISH} Hello!"
    found = by_words(spec({"first_speaker": "caller"}, says_it_is_ai=True)).says
    assert (found.first_speaker, found.first_message) == ("agent", ENGLISH)


@pytest.mark.parametrize(
    ("language", "own", "found"),
    [("de-AT", "", "Sie sprechen mit einem KI-Assistenten."), ("pl-PL", "", ENGLISH), ("en-GB", "I'm a robot.", "I'm a robot.")],
)  # fmt: skip
def test_in_the_agents_language_or_in_the_builders_words(language: str, own: str, found: str) -> None:
    assert words_of(spec(language=language, says_it_is_ai=True, ai_words=own)) == found
