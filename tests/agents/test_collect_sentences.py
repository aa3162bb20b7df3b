"""Several answers in one sentence, answers nobody asked for, corrections, and what is read back."""

from __future__ import annotations

from datetime import datetime

import pytest

from agents.collect import understand, understand_all
from agents.mind import Value
from agents.spec import CollectField, FieldType
from tests.agents.test_collect import DAY, EMAIL, FRIDAY, MONDAY, NAME, PEOPLE, PHONE, REASON, SUNDAY, value

FIELDS = (NAME, PHONE, DAY, REASON)
KNOWN: dict[str, Value] = {
    "name": "Anna Kowalski",
    "phone": "+14155550123",
    "day": "2026-11-24T10:00",
    "reason": "cleaning",
}


def found(text: str, *, asked: str | None = None, known: dict[str, Value] | None = None) -> dict[str, Value]:
    result = understand_all(FIELDS, text, now=SUNDAY, region="US", asked=asked, known=known or {})
    return {key: one.value for key, one in result.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "I'm Anna Kowalski, my number is 415 555 0123, and Tuesday at ten works.",
            {"name": "Anna Kowalski", "phone": "+14155550123", "day": "2026-11-24T10:00"},
        ),
        (
            "my name is anna kowalski my number is four one five five five five zero one two three and tuesday at ten works",
            {"name": "Anna Kowalski", "phone": "+14155550123", "day": "2026-11-24T10:00"},
        ),
        (
            "Hi, this is Bob Smith. I need a cleaning on Tuesday.",
            {"name": "Bob Smith", "day": "2026-11-24", "reason": "cleaning"},
        ),
        ("I'd like to come in tomorrow because my tooth hurts.", {"day": "2026-11-23", "reason": "my tooth hurts"}),
        ("I'd like to book a check-up for Tuesday at ten, please.", {"day": "2026-11-24T10:00", "reason": "check-up"}),
        ("My tooth hurts.", {"reason": "My tooth hurts"}),
        ("I'd like to book an appointment.", {}),
        ("I need an appointment.", {}),
        ("I have a question.", {}),
        ("When are you open?", {}),
        ("I'm calling about the prices.", {}),
        ("This is great.", {}),
        ("Thank you very much.", {}),
        ("Hello, it's me again.", {}),
        ("I'm looking for a dentist.", {}),
        ("my tooth has hurt since Monday", {"reason": "my tooth has hurt since Monday"}),
    ],
)
def test_what_a_sentence_says_unasked(text: str, expected: dict[str, Value]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("No, Wednesday.", None, {"day": "2026-11-25T10:00"}),
        ("no wednesday", "reason", {"day": "2026-11-25T10:00"}),
        ("Not Tuesday, Wednesday.", None, {"day": "2026-11-25T10:00"}),
        ("Actually, make it Thursday at three.", None, {"day": "2026-11-26T15:00"}),
        ("Can we change it to Friday?", None, {"day": "2026-11-27T10:00"}),
        ("No, at eleven.", None, {"day": "2026-11-24T11:00"}),
        ("Sorry, I meant half past ten.", None, {"day": "2026-11-24T10:30"}),
        ("Actually it's 0124 at the end.", None, {"phone": "+14155550124"}),
        ("The last four digits are oh one two four.", "phone", {"phone": "+14155550124"}),
        ("No, it ends in 24.", None, {"phone": "+14155550124"}),
        ("No, my number is 415 555 0199.", None, {"phone": "+14155550199"}),
        ("It's 556, not 555.", "phone", {"phone": "+14155560123"}),
        ("No, my name is Hannah Kowalski.", None, {"name": "Hannah Kowalski"}),
        ("No, my last name is Nowak.", None, {"name": "Anna Nowak"}),
        ("It's Kowalska.", "name", {"name": "Anna Kowalska"}),
        ("K O W A L S K A", "name", {"name": "Anna Kowalska"}),
        ("My name is Anna Kowalski.", None, {}),
        ("Yes, that's right.", None, {}),
        ("Yes, Tuesday at ten.", None, {}),
        ("I have another question.", None, {}),
        ("My tooth hurts since last Tuesday.", "reason", {"reason": "My tooth hurts since last Tuesday"}),
        ("Tuesday, no, sorry, Wednesday at ten.", "day", {"day": "2026-11-25T10:00"}),
    ],
)
def test_a_correction_changes_what_it_means_and_nothing_else(
    text: str, asked: str | None, expected: dict[str, Value]
) -> None:
    assert found(text, asked=asked, known=KNOWN) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("next Tuesday", SUNDAY, "2026-11-24"),
        ("next Tuesday", MONDAY, "2026-12-01"),
        ("this Tuesday", MONDAY, "2026-11-24"),
        ("Tuesday", MONDAY, "2026-11-24"),
        ("next Tuesday", FRIDAY, "2026-12-01"),
        ("Friday", FRIDAY, "2026-12-04"),
        ("today", FRIDAY, "2026-11-27"),
        ("Tuesday next week", MONDAY, "2026-12-01"),
        ("February 29th", SUNDAY, None),
        ("the 31st", SUNDAY, "2026-12-31"),
        ("December 32nd", SUNDAY, None),
    ],
)
def test_days_depend_on_today(text: str, now: datetime, expected: Value) -> None:
    assert value(DAY, text, now=now) == expected


@pytest.mark.parametrize(
    ("field", "previous", "text", "expected"),
    [
        (DAY, "2026-11-24", "at ten", "2026-11-24T10:00"),
        (DAY, "T10:00", "On Tuesday.", "2026-11-24T10:00"),
        (DAY, "2026-11-24T10:00", "Wednesday", "2026-11-25T10:00"),
        (DAY, "2026-11-24T10:00", "at three", "2026-11-24T15:00"),
        (PHONE, "415", "555 0123", "+14155550123"),
        (PHONE, "415555", "0123", "+14155550123"),
        (PHONE, "555-0123", "area code 415", "+14155550123"),
        (PHONE, "415", "415 555 0123", "+14155550123"),
    ],
)
def test_a_part_completes_what_is_known(field: CollectField, previous: Value, text: str, expected: Value) -> None:
    assert value(field, text, previous=previous) == expected


@pytest.mark.parametrize(
    ("field", "text", "spoken"),
    [
        (PHONE, "4155550123", "four one five, five five five, zero one two three"),
        (PHONE, "555-0123", "five five five, zero one two three"),
        (PHONE, "+48 501 234 567", "plus four eight, five zero one, two three four, five six seven"),
        (DAY, "Tuesday at ten", "Tuesday, November 24th at 10 a.m."),
        (DAY, "tomorrow at noon", "Monday, November 23rd at noon"),
        (DAY, "January 5th at quarter past two", "Tuesday, January 5th at 2:15 p.m."),
        (DAY, "October 1st", "Friday, October 1st, 2027"),
        (DAY, "tomorrow morning", "Monday, November 23rd in the morning"),
        (EMAIL, "anna.k2@gmail.com", "anna dot k two at gmail dot com"),
        (PEOPLE, "twelve hundred", "1,200"),
    ],
)
def test_a_value_is_read_back_as_a_person_would_say_it(field: CollectField, text: str, spoken: str) -> None:
    understood = understand(field, text, now=SUNDAY, region="US", asked=True)
    assert understood is not None
    assert understood.spoken == spoken


def test_a_number_of_another_country_is_read_by_its_rules() -> None:
    polish = understand(PHONE, "501 234 567", now=SUNDAY, region="PL", asked=True)
    assert polish is not None
    assert polish.value == "+48501234567"
    british = understand(
        PHONE, "oh seven seven double oh, nine hundred, one two three", now=SUNDAY, region="GB", asked=True
    )
    assert british is not None
    assert british.value == "+447700900123"


def test_slashes_are_read_in_the_caller_s_country() -> None:
    assert value(DAY, "3/12") == "2027-03-12"
    here = understand(DAY, "3/12", now=SUNDAY, region="GB", asked=True)
    assert here is not None
    assert here.value == "2026-12-03"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "???",
        "…",
        "a" * 5_000,
        "5 " * 2_000,
        "5, " * 2_000,
        "at at at at at",
        "no no no no",
        "\x00\ud800",
        "ẞİ ŉ ǰ at ten",
    ],
)
def test_nonsense_raises_nothing(text: str) -> None:
    for kind in FieldType:
        choices = ("one", "two") if kind is FieldType.CHOICE else ()
        field = CollectField(key="x", type=kind, question="Which?", choices=choices)
        for previous in (None, "2026-11-24T10:00", "+14155550123", "415", "Anna", "a@b.co"):
            understand(field, text, now=SUNDAY, region="US", asked=True, previous=previous)
