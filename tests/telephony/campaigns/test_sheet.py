"""Lists of people as spreadsheets save them: what is read of them, and what is said where they are wrong."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.campaigns.sheet import BadSheet, Columns, Person, contacts, guess, open_sheet, row_of

ENGLISH = "First name,Phone number,Due\nAda,(212) 736-5000,Tuesday\nGrace,+44 20 7946 0958,\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_however_a_spreadsheet_saved_it_it_is_read(separator: str, encoding: str) -> None:
    text = 'Name,Telefon\r\n"Müller, Jürgen",030 901820\r\nZoë,030 901821\r\n'
    rows = list(csv.reader(io.StringIO(text)))
    written = io.StringIO()
    csv.writer(written, delimiter=separator).writerows(rows)
    sheet = open_sheet(written.getvalue().encode(encoding))
    assert sheet.header == ("Name", "Telefon") and sheet.separator == separator
    assert sheet.rows == (("Müller, Jürgen", "030 901820"), ("Zoë", "030 901821"))


@pytest.mark.parametrize(
    ("text", "number", "variables"),
    [
        (ENGLISH, 1, {0: "first_name", 2: "due"}),
        ("id;handy;name\n1;0151 23456789;Ada\n", 1, {0: "id", 2: "name"}),
        ("a,b\n+12127365000,x\n", 0, {1: "b"}),
        ("order number,contact\n4711,+12127365000\n", 1, {0: "order_number"}),
        ("name,phone\nAda,\n", 1, {0: "name"}),
        (
            "phone,1st day,日付,{},{}\n+12127365000,a,b,c,d\n".format("x" * 50, "x" * 50),
            0,
            {1: "column_1st_day", 2: "column_3", 3: "x" * 40, 4: "x" * 38 + "_2"},
        ),
        ("phone,Name,name\n+12127365000,a,b\n", 0, {1: "name", 2: "name_2"}),
    ],
)
def test_the_columns_are_guessed_by_what_is_in_them_and_what_they_are_called(
    text: str, number: int, variables: dict[int, str]
) -> None:
    columns = guess(open_sheet(text.encode()), "DE" if "handy" in text else "US")
    assert columns.number == number and columns.variables == variables
    columns.check(len(open_sheet(text.encode()).header))


def test_time_zone_and_priority_are_found() -> None:
    text = "name,tel,Time zone,Priority\nAda,+12127365000,America/Chicago,5\nBob,+12127365001,,\n"
    sheet = open_sheet(text.encode())
    columns = guess(sheet)
    assert (columns.number, columns.zone, columns.priority) == (1, 2, 3)
    ada, bob = contacts(sheet, columns, "")
    assert (ada.zones, ada.priority, ada.variables) == (("America/Chicago",), 5, {"name": "Ada"})
    assert (bob.zones, bob.priority) == (("America/New_York",), 0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Ada,,", "There is no number."),
        ("Ada,n/a,", "letters"),
        ("Ada,4.42079E+11,", "spreadsheet has shortened"),
        ("Ada,911,", "emergency"),
        ("Ada,+19005551234,", "premium-rate"),
        ("Ada,212 736 500,", "too few digits"),
        ("Ada,+12127365000,Mars/Olympus", "is no time zone"),
        ("Ada,+12127365000,,high", "is no whole number"),
        ("Ada", "There is no number."),
        (",,", "The row is empty."),
    ],
)
def test_each_wrong_row_says_what_is_wrong_with_it(row: str, words: str) -> None:
    sheet = open_sheet(f"name,phone,time zone,priority\nGrace,+12127365000,,\n{row}\n".encode())
    columns = Columns(number=1, zone=2, priority=3, variables={0: "name"})
    right, wrong = contacts(sheet, columns, "US")
    assert right.problem == "" and right.row == 2
    assert words in wrong.problem and wrong.problem.endswith(".") and wrong.row == 3 and wrong.number == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"name,phone\n", "only one row"),
        (b"PK\x03\x04rest", "Save as"),
        (b"\xd0\xcf\x11\xe0rest", "Save as"),
        (b"a,b\n" + b"1,2\n" * 50_001, "50,001 rows"),
        (b"x," * 61 + b"x\n1\n", "columns"),
        (b"a,b\n\x00,1\n", "signs"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        ("a,b\n1,2".encode("utf-16")[:-1], "breaks off"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_do(content: bytes, words: str) -> None:
    with pytest.raises(BadSheet, match=words):
        open_sheet(content)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(alphabet='abc,;"\n +0123456789', max_size=12), min_size=2, max_size=4), min_size=2, max_size=30
    )
)
def test_no_row_is_ever_lost(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([["name", "phone"], ["x", "+12127365000"], *rows])
    try:
        sheet = open_sheet(written.getvalue().encode())
    except BadSheet:
        return
    people = list(contacts(sheet, guess(sheet, "US"), "US"))
    assert [person.row for person in people] == list(range(2, len(sheet.rows) + 2))
    assert all(isinstance(person, Person) and bool(person.number) != bool(person.problem) for person in people)


def test_an_export_runs_nothing_in_a_spreadsheet() -> None:
    values = {"a": "=HYPERLINK(1)", "b": "+12127365000", "c": "-x", "d": "@x", "e": "fine", "f": None, "g": 0}
    assert row_of(values, tuple("abcdefg")) == ["'=HYPERLINK(1)", "+12127365000", "'-x", "'@x", "fine", "", "0"]
