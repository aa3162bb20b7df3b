"""Whole calls with the scripted mind, typed as a transcriber would write them."""

from __future__ import annotations

import pytest

from agents.conversation import Conversation
from agents.demo_spec import DEMO_SPEC
from agents.mind import Utterance, Value
from agents.providers.local.scripted import ScriptedMind
from agents.spec import AgentSpec, CollectField, Does, FieldType, FirstSpeaker, Says
from tests.agents.scripted_talk import NOW, WEIGHTS, Talk, shared

pytestmark = pytest.mark.models

BOOKED: dict[str, Value] = {
    "name": "Anna Kowalski",
    "phone": "+14155550123",
    "day": "2026-11-25T10:00",
    "reason": "cleaning",
}

TEN_TURNS = {
    "with punctuation": (
        "When are you open on Saturday?",
        "And how much is a cleaning?",
        "I'd like to book an appointment, please.",
        "My name is Anna Kowalski.",
        "It's 415-555-0123.",
        "Tuesday at 10.",
        "A cleaning.",
        "No, Wednesday.",
        "Yes, that's right.",
        "Do you have a swimming pool?",
        "Repeat that, please.",
        "Goodbye.",
    ),
    "without punctuation": (
        "when are you open on saturday",
        "how much is a cleaning",
        "i'd like to book an appointment please",
        "anna kowalski",
        "four one five five five five zero one two three",
        "tuesday at ten",
        "a cleaning",
        "no wednesday",
        "yes that's right",
        "do you have a swimming pool",
        "can you repeat that please",
        "goodbye",
    ),
    "with numbers as words": (
        "Uh, hi. Are you open on Saturday?",
        "What does a cleaning cost?",
        "Great. Can I make an appointment?",
        "Sure. It's Anna Kowalski.",
        "Four one five, triple five, oh one two three.",
        "Next Tuesday at ten in the morning, please.",
        "I need a cleaning.",
        "Sorry, not Tuesday, Wednesday.",
        "Yeah.",
        "Um, do you sell electric toothbrushes?",
        "Sorry, could you say that again?",
        "Okay, thank you, bye.",
    ),
    "corrected at once": (
        "So when are you open, Saturday?",
        "How much do you charge for a cleaning?",
        "I want to book an appointment.",
        "Hello. Anna Kowalski here.",
        "415. 555. 0123.",
        "Tuesday, no, sorry, Wednesday at ten.",
        "Just a cleaning, thanks.",
        "Yes.",
        "No. Actually, yes, is there a coffee machine?",
        "Say that again?",
        "No, that's all. Goodbye.",
    ),
    "all in one sentence": (
        "Are you open Saturday?",
        "How much is a cleaning?",
        "Hi, I'm Anna Kowalski, my number is 415 555 0123, and I'd like to book a cleaning on Tuesday at ten.",
        "No, Wednesday.",
        "That's correct.",
        "Who won the game last night?",
        "Repeat that.",
        "Bye.",
    ),
}


@pytest.mark.parametrize("turns", [pytest.param(t, id=i) for i, t in TEN_TURNS.items()])
async def test_a_booking_of_ten_turns_ends_with_every_field_right(turns: tuple[str, ...]) -> None:
    talk = await Talk.start()
    assert talk.greeting == DEMO_SPEC.says.first_message
    assert "Saturday from 9 to 1" in await talk.say(turns[0])
    assert "120 dollars" in await talk.say(turns[1])
    answers = [await talk.say(turn) for turn in turns[2:]]
    assert talk.values == BOOKED
    assert talk.confirmed() == set(BOOKED)
    assert "don't know" in answers[-3]
    assert answers[-2] == answers[-3], "repeats what it said last"
    assert answers[-1].endswith(DEMO_SPEC.says.goodbye)
    assert talk.has_ended


async def test_the_read_back_is_spoken_as_a_person_would() -> None:
    talk = await Talk.start()
    summary = await talk.all("I need an appointment", "Anna Kowalski", "415 555 0123", "Tuesday at ten", "a cleaning")
    assert "four one five, five five five, zero one two three" in summary
    assert "Tuesday, November 24th at 10 a.m." in summary
    assert summary.endswith("Is that right?")


async def test_a_question_in_the_middle_is_answered_and_the_open_one_asked_again() -> None:
    talk = await Talk.start()
    answer = await talk.all("Can I book an appointment?", "How much is a check-up, and do you take Delta Dental?")
    assert "80 dollars" in answer
    assert "Delta Dental" in answer
    assert "full name" in answer


async def test_an_answer_and_a_question_in_one_turn() -> None:
    talk = await Talk.start()
    answer = await talk.all("Can I book an appointment?", "Anna Kowalski. How much is a filling?")
    assert talk.values["name"] == "Anna Kowalski"
    assert "150 dollars" in answer
    assert "what number" in answer


async def test_a_question_about_saturday_is_not_taken_for_the_day() -> None:
    talk = await Talk.start()
    answer = await talk.all(
        "Book me in please, I want an appointment", "Anna Kowalski", "415 555 0123", "Are you open on Saturday?"
    )
    assert "Saturday from 9 to 1" in answer
    assert talk.values["day"] is None
    await talk.say("Is Saturday at ten possible?")
    assert talk.values["day"] == "2026-11-28T10:00"


async def test_three_questions_in_a_row_are_all_answered() -> None:
    talk = await Talk.start()
    answer = await talk.say("Where are you? Can I park there? And how much is a filling?")
    assert all(words in answer for words in ("Market Street", "free parking", "150 dollars"))


async def test_everything_at_once_leaves_only_the_yes() -> None:
    talk = await Talk.start()
    answer = await talk.say(
        "Hi, this is Anna Kowalski, I need a cleaning next Wednesday at ten, my number is 415-555-0123."
    )
    assert answer.endswith("Is that right?")
    await talk.say("Yes")
    assert talk.values == BOOKED


async def test_a_caller_who_won_t_give_the_phone_gets_the_rest_done() -> None:
    talk = await Talk.start()
    await talk.all("I'd like an appointment", "Anna Kowalski", "I don't want to give you my number")
    answer = await talk.say("No.")
    assert "leave the phone open" in answer
    await talk.all("Wednesday at ten", "a cleaning", "yes")
    assert talk.values == {**BOOKED, "phone": None}
    assert talk.confirmed() == {"name", "day", "reason"}


@pytest.mark.parametrize("word", ["um", "yes", "no", "what?", "blah blah blah", "how do I bake a cake?"])
async def test_a_caller_who_says_one_thing_forever_is_never_asked_forever(word: str) -> None:
    talk = await Talk.start()
    await talk.say("I'd like to book an appointment.")
    answers = [await talk.say(word) for _ in range(40)]
    assert all(answers)
    if word not in ("what?",):  # who only asks to hear it again, hears it again
        assert not any("full name" in answer for answer in answers[-10:])


async def test_a_changed_mind_is_followed_before_and_after_the_confirmation() -> None:
    talk = await Talk.start()
    await talk.all("I'd like to book an appointment", "Anna Kowalski", "No, Hannah.")
    assert talk.values["name"] == "Hannah Kowalski"
    await talk.all("415 555 0124", "actually it's 0123 at the end", "Tuesday at ten", "a filling")
    assert talk.values["phone"] == "+14155550123"
    await talk.say("Make it Thursday.")
    assert talk.values["day"] == "2026-11-26T10:00"
    await talk.say("No, a root canal.")
    assert talk.values["reason"] == "root canal"
    assert "anything else" in await talk.say("Yes.")
    assert "Friday, November 27th" in await talk.say("Actually, make it Friday.")
    await talk.say("yes")
    assert talk.values["day"] == "2026-11-27T10:00"
    assert talk.values["name"] == "Hannah Kowalski"


async def test_a_question_announced_is_waited_for() -> None:
    talk = await Talk.start()
    assert "go ahead" in await talk.say("Can I ask you a question?")
    answer = await talk.say("I have another question. How much is a filling?")
    assert "150 dollars" in answer
    assert "don't know" not in answer


async def test_a_first_name_is_completed_later() -> None:
    talk = await Talk.start()
    await talk.all("I want to book an appointment", "Anna", "How much is a filling?", "It's Anna Kowalski.")
    assert talk.values["name"] == "Anna Kowalski"


async def test_a_number_given_in_two_breaths_is_put_together() -> None:
    talk = await Talk.start()
    answer = await talk.all("I'd like to book an appointment", "Anna Kowalski", "Four one five")
    assert "four one five so far" in answer
    await talk.say("Five five five, oh one two three.")
    assert talk.values["phone"] == "+14155550123"


async def test_a_time_without_its_day_is_kept_until_the_day_comes() -> None:
    talk = await Talk.start()
    answer = await talk.all("I'd like to book an appointment", "Anna Kowalski", "415 555 0123", "At half past nine")
    assert "9:30" in answer
    assert "which day" in answer
    await talk.say("Wednesday")
    assert talk.values["day"] == "2026-11-25T09:30"


async def test_what_is_wrong_is_asked_and_only_that_is_asked_anew() -> None:
    talk = await Talk.start()
    await talk.all("I need an appointment", "Anna Kowalski", "415 555 0129", "Wednesday at ten", "a cleaning")
    assert await talk.say("No.") == "What should I change?"
    assert "What number" in await talk.say("The phone number is wrong.")
    assert talk.values["phone"] is None
    await talk.all("415 555 0123", "Yes.")
    assert talk.values == BOOKED


async def test_goodbye_with_questions_open_asks_once_whether_to_stop() -> None:
    talk = await Talk.start()
    answer = await talk.all("I'd like to book an appointment", "Anna Kowalski", "Goodbye")
    assert "Do you want to stop here?" in answer
    assert not talk.has_ended
    assert "number" in await talk.say("No.")
    await talk.all("Bye", "Yes")
    assert talk.has_ended


async def test_forget_it_stops_the_questions() -> None:
    talk = await Talk.start()
    answer = await talk.all("I'd like to book an appointment", "Forget it.")
    assert "anything else" in answer
    assert "80 dollars" in await talk.say("How much is a check-up?")
    await talk.all("No, that's all.")
    assert talk.has_ended


async def test_it_is_honest_about_what_it_is_and_can_t_do() -> None:
    talk = await Talk.start()
    assert "can't transfer" in await talk.say("Can I talk to a real person?")
    assert "automated" in await talk.say("Are you a robot?")
    assert "book an appointment" in await talk.say("What can you do?")
    assert "take your time" in await talk.say("Hold on a second.")


async def test_a_guess_at_a_turn_leaves_no_trace_unless_it_is_committed() -> None:
    mind = ScriptedMind(DEMO_SPEC, shared(WEIGHTS), lambda: NOW, "US")
    await mind.prepare()
    mind.greet()
    for revision, text in enumerate(
        ("I'd like", "I'd like to book an appointment, I'm Anna", "I'd like to book an appointment, I'm Anna Kowalski")
    ):
        async for _ in mind.reply(Utterance(text, revision), Conversation()):
            pass
    assert mind.collected()["name"] is None
    mind.commit(2)
    assert mind.collected()["name"] == "Anna Kowalski"
    mind.commit(1)
    assert mind.collected()["name"] == "Anna Kowalski"


def order(**does: object) -> AgentSpec:
    fields = (
        CollectField(
            key="dish",
            type=FieldType.CHOICE,
            question="Which pizza would you like?",
            choices=("Margherita", "Pepperoni", "Veggie"),
        ),
        CollectField(key="count", type=FieldType.NUMBER, question="How many?"),
        CollectField(key="delivery", type=FieldType.YES_NO, question="Shall we deliver it?", read_back=False),
        CollectField(key="email", type=FieldType.EMAIL, question="What is your e-mail address?", is_required=False),
    )
    return AgentSpec(
        says=Says(
            prompt="We deliver within five miles.", first_message="Luigi's, hello.", first_speaker=FirstSpeaker.CALLER
        ),
        does=Does(collect=fields, collect_intent="order a pizza", **does),  # type: ignore[arg-type]
    )


async def test_another_business_with_the_other_types_of_fields() -> None:
    talk = await Talk.start(order(), greets=False)
    assert await talk.say("Hello?") == "Luigi's, hello."
    assert "Which pizza" in await talk.say("I'd like to order a pizza.")
    assert "How many" in await talk.say("The second one.")
    await talk.all("Two, no, three.", "yes please")
    assert "leave the email open" in await talk.all("I don't have one")
    await talk.say("yes")
    assert talk.values == {"dish": "Pepperoni", "count": 3, "delivery": True, "email": None}
    assert talk.confirmed() == {"dish", "count"}


async def test_always_asks_right_after_the_greeting() -> None:
    talk = await Talk.start(order(when_to_collect="always"))
    assert talk.greeting == "Luigi's, hello. Which pizza would you like?"
    assert "How many" in await talk.say("Veggie, please.")


async def test_an_agent_without_fields_or_facts_still_talks() -> None:
    talk = await Talk.start(AgentSpec())
    assert "don't know" in await talk.say("When are you open?")
    assert await talk.say("I'd like to book an appointment.")
    await talk.say("goodbye")
    assert talk.has_ended


async def test_a_thought_tells_which_fact_was_matched_and_how_well() -> None:
    talk = await Talk.start()
    await talk.say("How much is a cleaning?")
    fact = next(thought for thought in talk.thoughts() if thought.kind == "fact")
    assert "120 dollars" in str(fact.data["fact"])
    assert isinstance(fact.data["score"], float)
