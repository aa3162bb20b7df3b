"""The keypad and the scripted mind: what digits mean where it stands, and whole calls of keys."""

from __future__ import annotations

import pytest

from agents import keypad
from agents.mind import Say
from agents.scripted import pressed
from agents.scripted.state import Phase, State
from agents.spec import AgentSpec, CollectField, Does, FieldType, Says
from tests.agents.scripted_talk import Talk

FIELDS = {
    field.key: field
    for field in (
        CollectField(key="name", type=FieldType.PERSON, question="Who is calling?"),
        CollectField(key="phone", type=FieldType.PHONE, question="Which number?"),
        CollectField(key="email", type=FieldType.EMAIL, question="Which address?"),
        CollectField(key="day", type=FieldType.DATETIME, question="Which day?"),
        CollectField(key="guests", type=FieldType.NUMBER, question="How many people?"),
        CollectField(key="new", type=FieldType.YES_NO, question="Is it your first visit?"),
        CollectField(
            key="team", type=FieldType.CHOICE, question="Which team?", choices=("Sales", "Support", "Billing")
        ),
        CollectField(key="account", type=FieldType.TEXT, question="What is your account?"),
    )
}


@pytest.mark.parametrize(
    ("asked", "digits", "words"),
    [
        ("phone", "4155550123#", "4155550123"),
        ("phone", "415", "415"),
        ("guests", "12#", "12"),
        ("guests", "0", "0"),
        ("new", "1", "Yes."),
        ("new", "2#", "No."),
        ("new", "3", ""),
        ("team", "1", "Sales"),
        ("team", "3", "Billing"),
        ("team", "4", ""),
        ("team", "0", "I'd like to speak to a person."),
        ("account", "0099#", "0099"),
        ("name", "62", ""),
        ("email", "62", ""),
        ("day", "2511", ""),
        ("day", "0", "I'd like to speak to a person."),
        ("phone", "#", ""),
        ("phone", "**", ""),
        ("phone", "12*3", ""),
        ("guests", "A", ""),
    ],
)
def test_digits_answer_the_question_that_is_open(asked: str, digits: str, words: str) -> None:
    assert pressed.in_words(State(phase=Phase.ASKING, asked=asked), FIELDS, digits) == words


@pytest.mark.parametrize("phase", [Phase.CHECKING, Phase.STOPPING, Phase.DROPPING])
def test_one_is_yes_and_two_is_no_where_yes_or_no_is_asked(phase: Phase) -> None:
    state = State(phase=phase)
    assert [pressed.in_words(state, FIELDS, digits) for digits in ("1", "2", "3", "12")] == ["Yes.", "No.", "", ""]


@pytest.mark.parametrize(
    ("digits", "words"), [("1", ""), ("4155550123", "4155550123"), ("0", "I'd like to speak to a person.")]
)
def test_unasked_only_a_telephone_number_and_nought_mean_something(digits: str, words: str) -> None:
    assert pressed.in_words(State(), FIELDS, digits) == words
    assert pressed.in_words(State(), {}, digits) == ("" if len(digits) > 1 else words)


@pytest.mark.parametrize(
    ("state", "count"),
    [
        (State(phase=Phase.CHECKING), 1),
        (State(phase=Phase.ASKING, asked="new"), 1),
        (State(phase=Phase.ASKING, asked="team"), 1),
        (State(phase=Phase.ASKING, asked="phone"), 0),
        (State(phase=Phase.ASKING, asked="guests"), 0),
        (State(), 0),
        (State(phase=Phase.CLOSING), 0),
    ],
)
def test_how_many_digits_are_a_whole_answer(state: State, count: int) -> None:
    assert pressed.whole_answer(state, FIELDS) == count


def test_a_choice_of_more_than_nine_may_take_two_digits() -> None:
    ten = CollectField(key="team", type=FieldType.CHOICE, question="Which?", choices=tuple("abcdefghij"))
    state = State(phase=Phase.ASKING, asked="team")
    assert pressed.whole_answer(state, {"team": ten}) == 0
    assert pressed.in_words(state, {"team": ten}, "10#") == "j"


@pytest.mark.parametrize(
    ("words", "digits", "shown", "told"),
    [
        ("", "12#", "Pressed 1 2 #", "[pressed 1 2 #]"),
        ("My number is", "555", "My number is. Pressed 5 5 5", "My number is [pressed 5 5 5]"),
        ("Is it this?", "5", "Is it this? Pressed 5", "Is it this? [pressed 5]"),
        ("Pressed 5", "", "Pressed 5", "Pressed 5"),
    ],
)
def test_how_a_turn_of_words_and_digits_is_written(words: str, digits: str, shown: str, told: str) -> None:
    text = keypad.shown(words, digits)
    assert (text, keypad.bracketed(text, digits), keypad.spoken(text, digits)) == (shown, told, words)


# ---- whole calls


RESTAURANT = AgentSpec(
    says=Says(prompt="We are open from noon to ten.\nWe serve pasta and pizza."),
    does=Does(
        collect=tuple(FIELDS[key] for key in ("phone", "guests", "new", "team", "name")),
        when_to_collect="always",
    ),
)


@pytest.mark.models
async def test_a_call_of_keys() -> None:
    talk = await Talk.start(RESTAURANT)
    assert "How many people?" in await talk.press("4155550123#")
    assert "first visit" in await talk.press("4")
    assert "Which team?" in await talk.press("1")
    assert "Who is calling?" in await talk.press("2")
    answer = await talk.press("555#")
    assert answer.startswith("I'm sorry, I can't take that from the keypad") and "who is calling?" in answer.lower()
    assert "Is that right?" in await talk.say("Anna Kowalski.")
    (asked,) = [part for part in talk.replies[-1] if isinstance(part, Say) and part.digits]
    assert asked == Say("Is that right?", 1)
    await talk.press("1")
    assert talk.values == {
        "phone": "+14155550123",
        "guests": 4,
        "new": True,
        "team": "Support",
        "name": "Anna Kowalski",
    }
    assert talk.confirmed() == {"phone", "guests", "new", "team", "name"}


@pytest.mark.models
async def test_two_is_no_to_what_was_read_back() -> None:
    talk = await Talk.start(RESTAURANT)
    await talk.all("415 555 0123", "four", "no", "billing", "Anna Kowalski")
    assert "What should I change?" in await talk.press("2")


@pytest.mark.models
async def test_words_beside_digits_count_too() -> None:
    talk = await Talk.start(RESTAURANT)
    assert "How many people?" in await talk.say("My number is", "4155550123#")
    assert talk.values["phone"] == "+14155550123"


@pytest.mark.models
async def test_a_number_may_come_in_two_parts() -> None:
    talk = await Talk.start(RESTAURANT)
    assert "415" in (await talk.press("415")).replace(" ", "") or talk.values["phone"] is None
    await talk.press("5550123")
    assert talk.values["phone"] == "+14155550123"


@pytest.mark.models
async def test_keys_that_mean_nothing_are_answered_all_the_same() -> None:
    talk = await Talk.start(AgentSpec(says=Says(prompt="We are open from noon to ten.")))
    assert await talk.press("5") == "I'm sorry, I can't take that from the keypad. Please tell me in words."
    assert "transfer" in await talk.press("0")
