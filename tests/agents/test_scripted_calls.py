"""What callers of several businesses say in the middle of a call, and what must come of it."""

from __future__ import annotations

import pytest

from agents.mind import Value
from agents.spec import AgentSpec, CollectField, Does, FieldType, Says
from tests.agents.scripted_talk import Talk

pytestmark = pytest.mark.models

RESTAURANT = AgentSpec(
    says=Says(
        prompt="We serve dinner Tuesday to Sunday from 5 pm to 10 pm. Lunch is served on weekends from noon to 3 pm.\n"
        "Dogs are welcome on the terrace.\nGroups larger than eight need to pay a deposit of 100 dollars.\n"
    ),
    does=Does(
        collect=(
            CollectField(key="guests", type=FieldType.NUMBER, question="How many people will you be?"),
            CollectField(key="when", type=FieldType.DATETIME, question="For what day and time?"),
            CollectField(key="name", type=FieldType.PERSON, question="What name shall I put it under?"),
            CollectField(key="phone", type=FieldType.PHONE, question="And a phone number, please?"),
            CollectField(
                key="requests",
                type=FieldType.TEXT,
                question="Any special requests?",
                is_required=False,
                read_back=False,
            ),
        ),
        collect_intent="reserve a table",
    ),
)
PARCELS = AgentSpec(
    says=Says(
        prompt="Tracking numbers start with QS and have ten digits.\nComplaints are answered within two working days.\n"
    ),
    does=Does(
        collect=(
            CollectField(key="email", type=FieldType.EMAIL, question="What e-mail address can we write to?"),
            CollectField(key="tracking_number", type=FieldType.TEXT, question="What is the tracking number?"),
            CollectField(key="due_on", type=FieldType.DATETIME, question="When was it supposed to arrive?"),
            CollectField(key="was_home", type=FieldType.YES_NO, question="Were you at home that day?"),
        ),
        collect_intent="make a complaint about a parcel",
    ),
)
BOOKING = ("I need an appointment", "Anna Kowalski", "415 555 0123", "Friday at ten")
COMPLAINT = ("I want to complain", "anna at gmail dot com")


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((*BOOKING, "whitening", "actually can we do Thursday instead"), {"day": "2026-11-26T10:00"}),
        ((*BOOKING, "a cleaning", "it's a filling not a cleaning"), {"reason": "filling"}),
        ((*BOOKING, "a cleaning", "no it's not"), {"reason": "cleaning"}),
        ((*BOOKING, "a cleaning", "no", "the time should be nine fifteen"), {"day": "2026-11-27T09:15"}),
        ((*BOOKING, "8 then"), {"day": "2026-11-27T08:00", "reason": None}),
        ((*BOOKING, "yes that's all correct"), {"reason": None}),
        ((*BOOKING[:3], "does Dr. Romero work on Friday"), {"day": None}),
        ((*BOOKING[:3], "Wed at 3"), {"day": "2026-11-25T15:00"}),
        ((*BOOKING[:2], "I don't have a phone"), {"name": "Anna Kowalski", "phone": None}),
        ((*BOOKING[:2], "it's 415-555-0139, no wait, 0193"), {"phone": "+14155550193"}),
        (("I need an appointment", "Anna Kovalsky", "K O W A L S K I"), {"name": "Anna Kowalski"}),
        (("I'm calling for a friend", "I hate talking to machines"), {"name": None}),
        (("can you leave a message for Dr. Patel",), {"name": None}),
        (("can you confirm my appointment for Friday",), {"day": None}),
        (("tomorrow at nine please",), {"day": "2026-11-23T09:00"}),
        ((*BOOKING[:2], "my number is area code 415 and then 555 0161"), {"phone": "+14155550161"}),
        ((*BOOKING[:2], "Tuesday", "ten fifteen"), {"day": "2026-11-24T10:15", "phone": None}),
        (("i need to see someone soon i'm in pain", "Tony Stark"), {"name": "Tony Stark"}),
    ],
)
async def test_a_turn_at_the_dentist_s_changes_what_it_means(
    turns: tuple[str, ...], expected: dict[str, Value]
) -> None:
    talk = await Talk.start()
    await talk.all(*turns)
    assert {key: talk.values[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (("I'd like a table for four on Friday at 7",), {"guests": 4, "when": "2026-11-27T19:00"}),
        (("a table tonight for three people at half eight please",), {"guests": 3, "when": "2026-11-22T20:30"}),
        (("table for eight", "next Friday", "at six"), {"guests": 8, "when": "2026-11-27T18:00"}),
        (("I'd like to reserve a table", "two adults and a child"), {"guests": 3}),
        (("I'd like to reserve a table", "me and my wife and two kids"), {"guests": 4}),
        (("I'd like to reserve a table", "five people", "no six"), {"guests": 6, "when": None}),
        (("a table for two please", "tomorrow at eight", "actually we will be three"), {"guests": 3}),
        (("a table tonight please", "five", "eight thirty"), {"guests": 5, "when": "2026-11-22T20:30"}),
        (("a table for six tomorrow at seven please", "Ferrari", "oh can you make it eight people"), {"guests": 8}),
        (("a table for two please", "Saturday at one"), {"when": "2026-11-28T13:00"}),
        (("do I need to pay a deposit for ten people",), {"guests": None}),
        (
            ("a table for two please", "tomorrow at eight", "Kim", "415 555 0100", "no allergies"),
            {"requests": "no allergies"},
        ),
        (
            ("a table for two please", "tomorrow at eight", "Kim", "415 555 0100", "actually make it three people"),
            {"guests": 3, "requests": None},
        ),
    ],
)
async def test_a_turn_at_the_restaurant_s(turns: tuple[str, ...], expected: dict[str, Value]) -> None:
    talk = await Talk.start(RESTAURANT)
    await talk.all(*turns)
    assert {key: talk.values[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((*COMPLAINT, "QS 12 34", "last Friday"), {"due_on": "2026-11-20"}),
        ((*COMPLAINT, "QS 12 34", "yesterday"), {"due_on": "2026-11-21"}),
        ((*COMPLAINT, "QS 12 34", "november 15th"), {"due_on": "2026-11-15"}),
        ((*COMPLAINT, "QS 12 34", "yesterday", "the email is wrong"), {"email": None, "was_home": None}),
        ((*COMPLAINT, "QS 12 34", "yesterday", "no sorry friday"), {"due_on": "2026-11-20", "was_home": None}),
        ((*COMPLAINT, "I don't have the tracking number"), {"tracking_number": None}),
        ((*COMPLAINT, "I can't find it", "I can't find it", "yesterday"), {"tracking_number": None}),
        ((*COMPLAINT, "no it's a dot smith at gmail dot com"), {"email": "a.smith@gmail.com", "tracking_number": None}),
        (
            (*COMPLAINT, "QS 12", "yesterday", "yes", "the tracking number is wrong", "QS 13"),
            {"tracking_number": "QS 13"},
        ),
    ],
)
async def test_a_turn_of_a_complaint(turns: tuple[str, ...], expected: dict[str, Value]) -> None:
    talk = await Talk.start(PARCELS)
    await talk.all(*turns)
    assert {key: talk.values[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (("Hi I'm Ann Lee and I'd like Tuesday at 3, also how much is a cleaning?",), "120 dollars"),
        ((*BOOKING, "what day did I say?"), "Friday, November 27th"),
        ((*BOOKING, "what phone number do you have for me"), "zero one two three"),
        ((*BOOKING, "a cleaning", "what name did you write down"), "Anna Kowalski"),
        (("I need an appointment", "what day did I say?"), "don't have the day yet"),
        (("I need to move my appointment",), "can't look up or change"),
        (("who are your dentists",), "Dr. Maya Patel"),
        (("Sorry, can you hear me?",), "can hear you"),
        ((*BOOKING, "a cleaning", "blah blah"), "didn't understand"),
        (("no I have a question about an invoice",), "don't know"),
        (("I need an appointment", "ok"), "May I have your full name?"),
        ((*BOOKING, "yes"), "go ahead"),
        (("do you have parking", "great"), "What can I do for you?"),
        ((*BOOKING, "a cleaning", "Yes. Also where are you?"), "request is noted"),
    ],
)
async def test_the_answer_says(turns: tuple[str, ...], words: str) -> None:
    talk = await Talk.start()
    assert words in await talk.all(*turns)


@pytest.mark.parametrize("end", ["sorry I have to go", "bye"])
async def test_leaving_with_nothing_asked_is_leaving(end: str) -> None:
    talk = await Talk.start()
    await talk.say(end)
    assert talk.has_ended


async def test_a_booking_is_dropped_only_after_a_yes() -> None:
    talk = await Talk.start()
    await talk.all(*BOOKING, "a cleaning", "yes")
    assert "Shall I drop" in await talk.say("I changed my mind, forget it")
    await talk.say("no")
    assert talk.values["day"] == "2026-11-27T10:00"
    await talk.all("forget it", "yes")
    assert set(talk.values.values()) == {None}


@pytest.mark.parametrize("word", ["Anna Kowalski", "K O W A L S K I", "ok", "I don't care"])
async def test_a_caller_who_says_again_what_is_known_is_not_asked_forever(word: str) -> None:
    talk = await Talk.start()
    await talk.all("I'd like to book an appointment.", "Anna Kowalski")
    answers = [await talk.say(word) for _ in range(25)]
    assert not any("What number" in answer or "what number" in answer for answer in answers[-10:])
