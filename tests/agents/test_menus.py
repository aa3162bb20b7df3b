"""A keypad menu: what each key comes to, and when a key is the menu's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from agents import keypad, menus
from agents.conversation import Conversation
from agents.menu_mind import WithMenu
from agents.mind import EndCall, ReplyPart, Say, Transfer, Utterance, Value
from agents.spec import AgentSpec

ANNOUNCED = "Press 1 for opening hours, 2 for prices, 0 for a person."
DOES: dict[str, Any] = {
    "transfers": [{"name": "Reception", "address": "+14155550142", "words": "One moment."}],
    "menu_words": ANNOUNCED,
    "menu_tries": 2,
    "menu": [
        {"press": "1", "words": "We are open from 8 to 5."},
        {"press": "2", "does": "ask", "words": "What does a cleaning cost?"},
        {"press": "0", "does": "transfer", "target": "reception"},
        {"press": "*", "does": "repeat"},
        {"press": "9", "does": "end"},
    ],
}
WRONG = "I'm sorry, that key isn't one of the choices."
TALK = "Please tell me in your own words how I can help."


class Brain:
    """Repeats what it was told."""

    def __init__(self) -> None:
        self.committed: list[int] = []

    def greet(self) -> list[ReplyPart]:
        return [Say("Hello.")]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        yield Say(f"Brain: {utterance.text or 'nothing'}")

    def commit(self, revision: int) -> None:
        self.committed.append(revision)

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None: ...


class Talk:
    """A call in progress: each turn's words, and what else was in it."""

    def __init__(self, **does: Any) -> None:
        self.brain = Brain()
        spec = AgentSpec.model_validate({"does": {**DOES, **does}})
        self.mind = WithMenu(self.brain, spec)
        self.conversation = Conversation()
        self.parts: list[ReplyPart] = self.mind.greet()
        self._revision = 0
        self._heard()

    def _heard(self) -> str:
        said = " ".join(part.text for part in self.parts if isinstance(part, Say))
        self.conversation.agent_said(said)
        return said

    async def turn(self, text: str = "", digits: str = "", *, is_turn: bool = True) -> str:
        self._revision += 1
        utterance = Utterance(keypad.shown(text, digits), self._revision, digits=digits)
        self.parts = [part async for part in self.mind.reply(utterance, self.conversation)]
        if not is_turn:
            return ""
        self.mind.commit(self._revision)
        return self._heard()

    async def press(self, digits: str) -> str:
        return await self.turn("", digits)

    @property
    def acts(self) -> list[ReplyPart]:
        return [part for part in self.parts if isinstance(part, Transfer | EndCall)]


def test_it_is_said_after_the_first_words_and_one_key_is_waited_for() -> None:
    talk = Talk()
    hello, menu = talk.parts
    assert hello == Say("Hello.")
    assert isinstance(menu, Say) and menu.text == ANNOUNCED and menu.keys is not None
    assert (menu.keys.most, menu.keys.silence_ms) == (1, 6_000)


@pytest.mark.parametrize(
    ("key", "said", "acts"),
    [
        ("1", "We are open from 8 to 5.", []),
        ("2", "Brain: What does a cleaning cost?", []),
        ("0", "One moment.", [Transfer("Reception")]),
        ("*", ANNOUNCED, []),
        ("9", "Thank you for calling. Goodbye!", [EndCall("agent_goodbye")]),
        ("5", f"{WRONG} {ANNOUNCED}", []),
        ("#", f"{WRONG} {ANNOUNCED}", []),
        ("1#", "We are open from 8 to 5.", []),
    ],
)
async def test_what_each_key_comes_to(key: str, said: str, acts: list[ReplyPart]) -> None:
    talk = Talk()
    assert await talk.press(key) == said
    assert talk.acts == acts


@pytest.mark.parametrize(
    ("does", "said", "acts"),
    [
        ({}, TALK, []),
        ({"menu_then": "end"}, "Thank you for calling. Goodbye!", [EndCall("agent_goodbye")]),
        ({"menu_then": "transfer", "menu_then_target": "Reception"}, "One moment.", [Transfer("Reception")]),
    ],
)
@pytest.mark.parametrize("key", ["", "5"])
async def test_nothing_or_wrong_keys_come_to_an_end_after_the_last_try(
    does: dict[str, Any], said: str, acts: list[ReplyPart], key: str
) -> None:
    talk = Talk(**does)
    first = f"{WRONG} " if key else ""
    assert await talk.press(key) == f"{first}{ANNOUNCED}"
    assert await talk.press(key) == f"{first}{said}"
    assert talk.acts == acts


async def test_a_right_key_begins_the_count_anew() -> None:
    talk = Talk()
    for key, said in (("5", f"{WRONG} {ANNOUNCED}"), ("*", ANNOUNCED), ("5", f"{WRONG} {ANNOUNCED}")):
        assert await talk.press(key) == said


async def test_a_guess_at_a_turn_leaves_no_trace() -> None:
    talk = Talk()
    await talk.turn("", "5", is_turn=False)
    await talk.turn("", "5", is_turn=False)
    assert await talk.press("5") == f"{WRONG} {ANNOUNCED}"


async def test_who_speaks_instead_is_answered_by_the_brain_and_keys_are_its_own_after_a_question_of_its() -> None:
    talk = Talk()
    assert await talk.turn("Book it.") == "Brain: Book it."
    assert talk.brain.committed == [1]
    assert await talk.press("1") == "We are open from 8 to 5.", "nothing else was asked"
    assert await talk.turn("Is that right?") == "Brain: Is that right?"
    assert await talk.press("1") == "Brain: Pressed 1"
    assert await talk.press("4155550100") == "Brain: Pressed 4 1 5 5 5 5 0 1 0 0"


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ({}, []),
        ({"menu_words": " "}, ["does.menu_words"]),
        ({"menu": []}, ["does.menu"]),
        ({"transfers": []}, ["does.menu"]),
        ({"menu_then": "transfer"}, ["does.menu_then_target"]),
        ({"menu_then": "transfer", "menu_then_target": "Nobody"}, ["does.menu_then_target"]),
    ],
)
def test_a_menu_that_leads_nowhere_is_told_before_anybody_calls(does: dict[str, Any], found: list[str]) -> None:
    spec = AgentSpec.model_validate({"does": {**DOES, **does}})
    assert [path for path, _ in menus.problems(spec.does)] == found


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([{"press": "1", "words": "A."}, {"press": "1", "words": "B."}], "Key 1 is there twice"),
        ([{"press": "1"}], "Key 1: fill in words to say."),
        ([{"press": "1", "does": "ask"}], "Key 1: fill in the question to answer."),
        ([{"press": "1", "does": "transfer"}], "Key 1: name whom the caller is put through to."),
        ([{"press": "12", "words": "A."}], "match pattern"),
    ],
)
def test_a_wrong_key_is_refused_in_plain_words(keys: list[dict[str, str]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AgentSpec.model_validate({"does": {"menu": keys}})
