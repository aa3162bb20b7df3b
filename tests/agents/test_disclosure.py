"""That an AI is speaking: where those words are said, and in which language."""

from __future__ import annotations

from typing import Any

import pytest

from agents.disclosure import disclosed, words_of
from agents.spec import AgentSpec

ENGLISH = "You are speaking with an AI assistant."


def spec(says: dict[str, Any] | None = None, language: str = "en-US", **privacy: Any) -> AgentSpec:
    given = {"says": {"first_message": "Hello!", **(says or {})}, "sounds": {"language": language}, "privacy": privacy}
    return AgentSpec.model_validate(given)


def test_nothing_changes_where_it_is_off() -> None:
    off = spec()
    assert words_of(off) == "" and disclosed(off, is_recorded=True) is off


def test_where_it_is_recorded_it_comes_before_the_consent_line_which_is_heard_to_its_end() -> None:
    found = disclosed(spec(says_it_is_ai=True, consent_line="This call is recorded."), is_recorded=True)
    assert found.privacy.consent_line == f"{ENGLISH} This call is recorded." and found.says.first_message == "Hello!"
    assert disclosed(spec(says_it_is_ai=True), is_recorded=True).privacy.consent_line == ENGLISH


@pytest.mark.parametrize("is_recorded", [True, False])
def test_where_nothing_is_recorded_it_begins_the_first_words(is_recorded: bool) -> None:
    """Switched off by the agent, or because there is no sound here."""
    given = spec(says_it_is_ai=True, record=not is_recorded)
    assert disclosed(given, is_recorded=is_recorded).says.first_message == f"{ENGLISH} Hello!"


def test_a_caller_who_should_speak_first_hears_it_before() -> None:
    given = spec({"first_speaker": "caller"}, says_it_is_ai=True, record=False)
    found = disclosed(given, is_recorded=True).says
    assert (found.first_speaker, found.first_message) == ("agent", ENGLISH)


@pytest.mark.parametrize(
    ("language", "own", "said"),
    [("de-AT", "", "Sie sprechen mit einem KI-Assistenten."), ("pl-PL", "", ENGLISH), ("en-GB", "I'm a robot.", "I'm a robot.")],
)  # fmt: skip
def test_in_the_agents_language_or_in_the_builders_words(language: str, own: str, said: str) -> None:
    assert words_of(spec(language=language, says_it_is_ai=True, ai_words=own)) == said
