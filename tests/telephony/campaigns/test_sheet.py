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
        (
            "phone,{},{},{}\n+12127365000,a,b,c\n".format(
                *(f"How satisfied were you with our desk on {day}" for day in "abc")
            ),
            0,
            {
                1: "how_satisfied_were_you_with_our_desk_on",
                2: "how_satisfied_were_you_with_our_desk_o_2",
                3: "how_satisfied_were_you_with_our_desk_o_3",
            },
        ),
        (
            "phone,{}\n+12127365000{}\n".format(",".join(["x" * 50] * 12), ",a" * 12),
            0,
            {
                1: "x" * 40,
                **{place: "x" * 38 + f"_{place}" for place in range(2, 10)},
                **{place: "x" * 37 + f"_{place}" for place in range(10, 13)},
            },
        ),
    ],
)
def test_the_columns_are_guessed_by_what_is_in_them_and_what_they_are_called(
    text: str, number: int, variables: dict[int, str]
) -> None:
    columns = guess(open_sheet(text.encode()), "DE" if "handy" in text else "US")
    assert columns.number == number and columns.variables == variables
    columns.check(len(open_sheet(text.encode()).header))


@pytest.mark.parametrize(
    ("before", "first_row"), [("\n", 3), ("\n\n", 4), (";;\n", 3), ("sep=;\n", 2), ("SEP=;\r\n", 2), ("sep=;\n\n", 3)]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_what_stands_above_the_header_is_not_the_header(before: str, first_row: int, ends: str) -> None:
    text = f"{before}name;phone;note\nAda;+12127365000;x\nGrace;+12127365001;y"
    sheet = open_sheet(text.replace("\r\n", "\n").replace("\n", ends).encode())
    assert sheet.header == ("name", "phone", "note") and sheet.separator == ";"
    people = list(contacts(sheet, guess(sheet), ""))
    assert [(each.row, each.number) for each in people] == [
        (first_row, "+12127365000"),
        (first_row + 1, "+12127365001"),
    ]


def test_a_file_may_be_told_to_have_another_separator_than_it_seems_to_have() -> None:
    sheet = open_sheet(b"sep=|\nname, first|phone, home\na, b|+12127365000\n")
    assert sheet.header == ("name, first", "phone, home") and sheet.rows == (("a, b", "+12127365000"),)


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
        (b'name,phone\nAda,+12127365000\n"Grace,+12127365001\nBob,+12127365002\n', "quotation mark in row 3"),
        (b'name,phone\nAda,+12127365000\n"' + b"Grace,+12127365001\n" * 9_000, "quotation mark in row 3"),
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
