"""What callers say, and what is understood: a table for each type of field, in the words a transcriber writes."""

from __future__ import annotations

from datetime import datetime

import pytest

from agents.collect import understand
from agents.mind import Value
from agents.spec import CollectField, FieldType

SUNDAY = datetime(2026, 11, 22, 15, 30)
MONDAY = datetime(2026, 11, 23, 9, 0)
FRIDAY = datetime(2026, 11, 27, 9, 0)

NAME = CollectField(key="name", type=FieldType.PERSON, question="What is your name?")
PHONE = CollectField(key="phone", type=FieldType.PHONE, question="What number can we reach you at?")
EMAIL = CollectField(key="email", type=FieldType.EMAIL, question="What is your e-mail address?")
DAY = CollectField(key="day", type=FieldType.DATETIME, question="What day would suit you?")
PEOPLE = CollectField(key="people", type=FieldType.NUMBER, question="For how many people?")
INSURED = CollectField(key="insured", type=FieldType.YES_NO, question="Do you have insurance?")
KIND = CollectField(
    key="kind",
    type=FieldType.CHOICE,
    question="Which one?",
    choices=("Cleaning", "Check-up", "Teeth whitening", "Filling"),
)
REASON = CollectField(key="reason", type=FieldType.TEXT, question="What is the reason for your visit?")


def value(
    field: CollectField, text: str, *, asked: bool = True, previous: Value = None, now: datetime = SUNDAY
) -> Value:
    found = understand(field, text, now=now, region="US", asked=asked, previous=previous)
    return found.value if found and found.is_complete else None


ANSWERS: dict[str, tuple[CollectField, list[tuple[str, Value]]]] = {
    "person": (
        NAME,
        [
            ("My name is Anna Kowalski.", "Anna Kowalski"),
            ("my name is anna kowalski", "Anna Kowalski"),
            ("Anna Kowalski.", "Anna Kowalski"),
            ("anna kowalski", "Anna Kowalski"),
            ("It's Bob.", "Bob"),
            ("it's bob", "Bob"),
            ("This is Maria Garcia speaking.", "Maria Garcia"),
            ("Uh, it's Anna Kowalski.", "Anna Kowalski"),
            ("Yes, sure. Anna Kowalski.", "Anna Kowalski"),
            ("I'm Anna.", "Anna"),
            ("Sure, my name's Tom O'Brien.", "Tom O'Brien"),
            ("the name's bond james bond", "Bond James Bond"),
            ("You can call me Sam.", "Sam"),
            ("Under the name of Peter van der Berg, please.", "Peter van der Berg"),
            ("First name Anna, last name Kowalski.", "Anna Kowalski"),
            ("My first name is Anna and my last name is Kowalski", "Anna Kowalski"),
            ("Anna Kowalsky, that's K-O-W-A-L-S-K-I.", "Anna Kowalski"),
            ("Anna Kowalsky that's k o w a l s k i", "Anna Kowalski"),
            ("It's Sam, S as in Sierra, A as in Alpha, M as in Mike.", "Sam"),
            ("Anna, no, sorry, Hannah Kowalski.", "Hannah Kowalski"),
            ("Jean-Luc Picard", "Jean-Luc Picard"),
            ("My name is Anna Kowalski and my number is 415-555-0123.", "Anna Kowalski"),
            ("Dr. Ahmed Hassan here.", "Ahmed Hassan"),
            ("um", None),
            ("I'd rather not say.", None),
            ("What do you mean?", None),
            ("yes", None),
            ("Tuesday at ten.", None),
            ("I'm calling about an appointment.", None),
        ],
    ),
    "phone": (
        PHONE,
        [
            ("415-555-0123", "+14155550123"),
            ("It's 415 555 0123.", "+14155550123"),
            ("(415) 555-0123", "+14155550123"),
            ("4155550123", "+14155550123"),
            ("Four one five, five five five, zero one two three.", "+14155550123"),
            ("four one five five five five oh one two three", "+14155550123"),
            ("four fifteen five five five oh one twenty three", "+14155550123"),
            ("My number is 415, triple five, 0123.", "+14155550123"),
            ("four one five, triple five, oh one double two", "+14155550122"),
            ("415. 555. 0123.", "+14155550123"),
            ("+1 415 555 0123", "+14155550123"),
            ("plus one four one five five five five zero one two three", "+14155550123"),
            ("area code 415, 555-0123", "+14155550123"),
            ("555-0123", "555-0123"),
            ("555 0123", "555-0123"),
            ("five five five, oh one two three", "555-0123"),
            ("five five five zero one two three", "555-0123"),
            ("eight hundred, five five five, oh one nine nine", "+18005550199"),
            ("four one five, uh, five five five, um, oh one two three", "+14155550123"),
            ("415 five five five 0 1 2 3", "+14155550123"),
            ("415 555 0124, no, sorry, 415 555 0123", "+14155550123"),
            ("plus four eight, five oh one, two three four, five six seven", "+48501234567"),
            ("You can reach me at 415.555.0123 after five.", "+14155550123"),
            ("1-415-555-0123.", "+14155550123"),
            ("one two", None),
            ("four one five", None),
            ("I don't have one.", None),
            ("Tuesday at ten", None),
        ],
    ),
    "email": (
        EMAIL,
        [
            ("anna.k@gmail.com", "anna.k@gmail.com"),
            ("It's Anna.K@Gmail.com.", "anna.k@gmail.com"),
            ("anna dot k at gmail dot com", "anna.k@gmail.com"),
            ("Anna dot K at gmail.com", "anna.k@gmail.com"),
            ("My email is anna underscore kowalski at yahoo dot co dot uk.", "anna_kowalski@yahoo.co.uk"),
            ("anna dash k five at example dot org", "anna-k5@example.org"),
            ("b o b at example dot com", "bob@example.com"),
            ("B-O-B at example.com", "bob@example.com"),
            ("it's anna kowalski at gmail dot com", "annakowalski@gmail.com"),
            ("uh, info at bright smile dot com", "info@brightsmile.com"),
            ("anna kowalski 84 at hotmail dot com", "annakowalski84@hotmail.com"),
            ("I don't have e-mail.", None),
            ("meet me at ten", None),
        ],
    ),
    "datetime": (
        DAY,
        [
            ("Tuesday at ten.", "2026-11-24T10:00"),
            ("tuesday at ten works", "2026-11-24T10:00"),
            ("Tuesday at 10 works for me.", "2026-11-24T10:00"),
            ("Next Tuesday at three in the afternoon.", "2026-11-24T15:00"),
            ("next tuesday at three", "2026-11-24T15:00"),
            ("On Tuesday, at 3 p.m.", "2026-11-24T15:00"),
            ("Tuesday at 3pm", "2026-11-24T15:00"),
            ("Tuesday 3:30", "2026-11-24T15:30"),
            ("Tuesday at ten thirty", "2026-11-24T10:30"),
            ("Tuesday ten thirty a.m.", "2026-11-24T10:30"),
            ("The 3rd of December at half past two.", "2026-12-03T14:30"),
            ("the third of december at half past two", "2026-12-03T14:30"),
            ("December 3rd at 2.30 p.m.", "2026-12-03T14:30"),
            ("December third", "2026-12-03"),
            ("Thursday, December 3rd, at 9 a.m.", "2026-12-03T09:00"),
            ("12/3 at 9", "2026-12-03T09:00"),
            ("2026-12-03", "2026-12-03"),
            ("January 5th", "2027-01-05"),
            ("january fifth twenty", "2027-01-05"),
            ("November 20th", "2027-11-20"),
            ("The 30th.", "2026-11-30"),
            ("the third", "2026-12-03"),
            ("Tuesday the 24th", "2026-11-24"),
            ("tomorrow morning", "2026-11-23"),
            ("Tomorrow at quarter past nine.", "2026-11-23T09:15"),
            ("tomorrow at a quarter to five", "2026-11-23T16:45"),
            ("tomorrow at twenty past three", "2026-11-23T15:20"),
            ("The day after tomorrow.", "2026-11-24"),
            ("today at five", "2026-11-22T17:00"),
            ("Wednesday.", "2026-11-25"),
            ("Um, maybe Wednesday?", "2026-11-25"),
            ("in two weeks", "2026-12-06"),
            ("in three days at noon", "2026-11-25T12:00"),
            ("a week from Tuesday", "2026-12-01"),
            ("Tuesday next week", "2026-11-24"),
            ("next week Friday at eleven", "2026-11-27T11:00"),
            ("Friday morning at eight", "2026-11-27T08:00"),
            ("Friday evening at seven", "2026-11-27T19:00"),
            ("7 in the evening on Friday", "2026-11-27T19:00"),
            ("Friday at 7", "2026-11-27T07:00"),
            ("Friday at 15:00", "2026-11-27T15:00"),
            ("Friday at one o'clock", "2026-11-27T13:00"),
            ("Friday, ten", "2026-11-27T10:00"),
            ("Tuesday, no, Wednesday.", "2026-11-25"),
            ("Tuesday at ten, no, sorry, Wednesday.", "2026-11-25T10:00"),
            ("Not Tuesday, Wednesday.", "2026-11-25"),
            ("not tuesday wednesday", "2026-11-25"),
            ("Wednesday, not Tuesday.", "2026-11-25"),
            ("I can't do Tuesday, but Wednesday works.", "2026-11-25"),
            ("Tuesday doesn't work, how about Wednesday?", "2026-11-25"),
            ("Actually, make it Thursday.", "2026-11-26"),
            ("10 o'clock on Tuesday", "2026-11-24T10:00"),
            ("around two on Monday", "2026-11-23T14:00"),
            ("Is Monday possible?", "2026-11-23"),
            ("I don't know yet.", None),
            ("My name is Anna.", None),
            ("415 555 0123", None),
            ("next week", None),
            ("at three", None),
        ],
    ),
    "number": (
        PEOPLE,
        [
            ("Four.", 4),
            ("4", 4),
            ("There are four of us.", 4),
            ("a couple", 2),
            ("Just me.", 1),
            ("twenty-five", 25),
            ("twenty five people", 25),
            ("one hundred and five", 105),
            ("1,200", 1200),
            ("two and a half", 2.5),
            ("three point five", 3.5),
            ("half a dozen", 6),
            ("Five, no, six.", 6),
            ("3.5", 3.5),
            ("I'm not sure", None),
        ],
    ),
    "yes_no": (
        INSURED,
        [
            ("Yes.", True),
            ("yeah I do", True),
            ("Yes, please.", True),
            ("Of course.", True),
            ("uh-huh", True),
            ("No.", False),
            ("nope", False),
            ("no I don't", False),
            ("I don't.", False),
            ("Not really.", False),
            ("No problem.", True),
            ("That's right.", True),
            ("That's not right.", False),
            ("Blue.", None),
        ],
    ),
    "choice": (
        KIND,
        [
            ("A cleaning, please.", "Cleaning"),
            ("check up", "Check-up"),
            ("I'd like a checkup", "Check-up"),
            ("teeth whitening", "Teeth whitening"),
            ("whitening", "Teeth whitening"),
            ("the second one", "Check-up"),
            ("the last one", "Filling"),
            ("not a cleaning, a filling", "Filling"),
            ("cleening", "Cleaning"),
            ("A cleaning, no, a filling.", "Filling"),
            ("an elephant", None),
        ],
    ),
    "text": (
        REASON,
        [
            ("A cleaning.", "cleaning"),
            ("I need a cleaning.", "cleaning"),
            ("Just a cleaning, please.", "cleaning"),
            ("It's for a check-up.", "check-up"),
            ("Because my tooth hurts.", "my tooth hurts"),
            ("My tooth hurts", "My tooth hurts"),
            ("um, I broke a filling", "I broke a filling"),
            ("tooth pain on the left side", "tooth pain on the left side"),
            ("um", None),
            ("", None),
        ],
    ),
}  # fmt: skip

CASES = [
    pytest.param(field, text, expected, id=f"{kind}: {text}")
    for kind, (field, rows) in ANSWERS.items()
    for text, expected in rows
]


@pytest.mark.parametrize(("field", "text", "expected"), CASES)
def test_an_answer_to_its_question_is_understood(field: CollectField, text: str, expected: Value) -> None:
    assert value(field, text) == expected


def test_the_table_is_as_broad_as_we_say() -> None:
    assert len(CASES) >= 120
