"""A list of people as a spreadsheet saved it: whichever encoding, whichever separator, whatever the columns are called. No I/O.

``open_sheet`` finds out how it is written, ``guess`` what its columns are, ``contacts`` reads every row: as somebody to call, or
with what is wrong with it and what to do. No row disappears.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from pydantic import Field

from agents.settings import Settings
from telephony.dialing.e164 import Number, read

MOST_ROWS = 50_000
MOST_COLUMNS = 60
MOST_BYTES = 20 * 1024 * 1024
_LONGEST = 500
_SEPARATORS = ",;\t|"
_PHONE = re.compile(r"phone|mobile|cell|number|tel\b|telefon|telephone|rufnummer|handy|téléphone|portable|msisdn", re.I)
_ZONE = re.compile(r"time ?_?zone|zeitzone|^tz$", re.I)
_PRIORITY = re.compile(r"^priorit", re.I)
_TOLD = re.compile(r"sep=([,;\t|])\n", re.I)
_END = "\x01end"
_LEFT_OPEN = "A quotation mark in row %d is opened and never closed. Close it or take it out: all that follows would be one cell."
_NOT_A_KEY = re.compile(r"[^a-z0-9]+")


class BadSheet(ValueError):
    """It can't be read at all; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """``rows`` are without the header, each as long as it was written. ``first_row``: which row the first of them is in a spreadsheet."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str
    separator: str
    first_row: int = 2


class Columns(Settings):
    """Which column is what, by its place from 0. ``variables``: column → the name the agent knows it by."""

    number: int = Field(description="The column with the numbers.", examples=[1])
    zone: int | None = Field(None, description="The column with time zones, such as America/New_York; null: none.")
    priority: int | None = Field(
        None, description="The column with whole numbers, of which the highest are called first; null: none."
    )
    variables: dict[int, str] = Field(
        default={},
        description="The columns the agent is told of: their place, and the name it knows them by.",
        examples=[{"0": "name"}],
    )

    def check(self, width: int) -> None:
        """Raises ``ValueError`` where a column is named that the sheet doesn't have, or one is two things at once."""
        places = [self.number, *(place for place in (self.zone, self.priority) if place is not None), *self.variables]
        if beyond := [place for place in places if not 0 <= place < width]:
            raise ValueError(f"There is no column {beyond[0]}; the list has {width}, counted from 0.")
        if twice := [place for place in places if places.count(place) > 1]:
            raise ValueError(f"Column {twice[0]} is named twice.")
        if bad := [key for key in self.variables.values() if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key)]:
            raise ValueError(f"“{bad[0][:60]}” is no name for a column: use small letters, digits and _.")
        if len(set(self.variables.values())) < len(self.variables):
            raise ValueError("Two columns have the same name.")


@dataclass(frozen=True, slots=True)
class Person:
    """One row, read. ``problem`` is empty where they can be called."""

    row: int
    given: str
    number: str = ""
    country: str = ""
    zones: tuple[str, ...] = ()
    priority: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def open_sheet(content: bytes) -> Sheet:
    """Raises :class:`BadSheet`."""
    if len(content) > MOST_BYTES:
        raise BadSheet(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Split it, or leave out columns.")
    if content[:4] == b"PK\x03\x04" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise BadSheet("This is a spreadsheet file, not CSV. In the spreadsheet, choose “Save as” and then CSV.")
    text, encoding = _decoded(content)
    text, separator = _as_told(text.replace("\r\n", "\n").replace("\r", "\n"))
    separator = separator or _separator(text)
    lines = _lines(text, separator)
    above = next((place for place, line in enumerate(lines) if any(line)), len(lines))
    if above == len(lines):
        raise BadSheet("The file is empty. It needs a first row with the columns' names, and a row for each person.")
    header, rows = lines[above], tuple(lines[above + 1 :])
    if not rows or not any(any(row) for row in rows):
        raise BadSheet("There is only one row. The first one must name the columns; people follow below.")
    if len(rows) > MOST_ROWS:
        raise BadSheet(f"There are {len(rows):,} rows, and a list may have {MOST_ROWS:,}. Split it into several.")
    if len(header) > MOST_COLUMNS:
        raise BadSheet(f"There are {len(header)} columns, and a list may have {MOST_COLUMNS}. Leave some out.")
    if any("\x00" in cell for row in (header, *rows) for cell in row):
        raise BadSheet("The file has signs in it that no text has. Save it as CSV again.")
    return Sheet(header, rows, encoding, separator, above + 2)


def _as_told(text: str) -> tuple[str, str]:
    """Without the first line by which a spreadsheet says what separates its cells, and that; "": it doesn't say."""
    told = _TOLD.match(text)
    return (text[told.end() :], told[1]) if told else (text, "")


def _lines(text: str, separator: str) -> list[tuple[str, ...]]:
    """What comes behind the last line shows whether a quotation mark was left open: it would swallow all people below it."""
    read: list[tuple[str, ...]] = []
    ended = text if text.endswith("\n") else f"{text}\n"
    found = csv.reader(io.StringIO(f"{ended}{_END}\n"), delimiter=separator)
    try:
        read.extend(tuple(cell.strip() for cell in line) for line in found)
    except csv.Error as error:
        if "field larger" not in str(error):
            raise BadSheet(f"The file can't be read as CSV: {error}.") from error
        raise BadSheet(_LEFT_OPEN % (len(read) + 1)) from error
    if read[-1] != (_END,):
        raise BadSheet(_LEFT_OPEN % len(read))
    return read[:-1]


def guess(sheet: Sheet, home: str = "") -> Columns:
    """What the columns seem to be, for a person to look over: the number by name and by what is in it, the rest by name."""
    sample = [row for row in sheet.rows if any(row)][:50]

    def readable(column: int) -> int:
        return sum(isinstance(read(row[column], home), Number) for row in sample if column < len(row) and row[column])

    ranked = sorted(
        range(len(sheet.header)),
        key=lambda column: (-readable(column), not _PHONE.search(sheet.header[column]), column),
    )
    number = ranked[0]
    zone = next((place for place, name in enumerate(sheet.header) if _ZONE.search(name) and place != number), None)
    priority = next(
        (place for place, name in enumerate(sheet.header) if _PRIORITY.search(name) and place not in (number, zone)),
        None,
    )
    taken: set[str] = set()
    variables: dict[int, str] = {}
    for place, name in enumerate(sheet.header):
        if place in (number, zone, priority):
            continue
        key = _unlike(as_key(name) or f"column_{place + 1}", taken)
        taken.add(key)
        variables[place] = key
    return Columns(number=number, zone=zone, priority=priority, variables=variables)


def _unlike(key: str, taken: set[str]) -> str:
    """``key``, or with the first number behind it that makes it another than those."""
    found, number = key, 2
    while found in taken:
        found = f"{key[: 39 - len(str(number))]}_{number}"
        number += 1
    return found


def as_key(text: str) -> str:
    """ "First name" → "first_name"; empty where nothing of it can be a name."""
    key = _NOT_A_KEY.sub("_", text.strip().lower()).strip("_")[:40].rstrip("_")
    return f"column_{key}"[:40] if key[:1].isdigit() else key


def contacts(sheet: Sheet, mapping: Columns, home: str, start: int = 0, count: int | None = None) -> Iterator[Person]:
    """Each row from the one at ``start`` on, as a spreadsheet counts them: the first below the header is mostly row 2."""
    stop = len(sheet.rows) if count is None else start + count
    for place, row in enumerate(sheet.rows[start:stop], start):
        yield _person(sheet.first_row + place, row, mapping, home)


def _person(number: int, row: tuple[str, ...], mapping: Columns, home: str) -> Person:
    def cell(place: int | None) -> str:
        return row[place][:_LONGEST] if place is not None and place < len(row) else ""

    given = cell(mapping.number)
    variables = {key: cell(place) for place, key in mapping.variables.items()}
    if not any(row):
        return Person(number, "", problem="The row is empty.")
    found = read(given, home)
    if not isinstance(found, Number):
        return Person(number, given[:120], variables=variables, problem=found.words)
    zones = found.zones
    if zone := cell(mapping.zone):
        if zone not in _zones():
            words = f"“{zone[:60]}” is no time zone. Write it like America/New_York, or leave it empty."
            return Person(number, given[:120], variables=variables, problem=words)
        zones = (zone,)
    priority = cell(mapping.priority)
    if priority and not re.fullmatch(r"-?\d{1,4}", priority):
        words = (
            f"The priority “{priority[:60]}” is no whole number. Higher ones are called first; leave it empty for 0."
        )
        return Person(number, given[:120], variables=variables, problem=words)
    return Person(number, given[:120], found.e164, found.country, zones, int(priority or 0), variables)


_known_zones: set[str] = set()


def _zones() -> set[str]:
    if not _known_zones:
        _known_zones.update(available_timezones())
    return _known_zones


def _decoded(content: bytes) -> tuple[str, str]:
    """As spreadsheets write it: UTF-8, UTF-16 with its mark, or the old Windows code page."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), "utf-16"
        except UnicodeDecodeError as error:
            raise BadSheet("The file breaks off in the middle. Save it again, as CSV UTF-8.") from error
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), "cp1252"


def _separator(text: str) -> str:
    """The one that cuts most of the first lines into as many pieces as the header, outside of quotes."""
    lines = [line for line in text.splitlines()[:40] if line.strip()]

    def score(separator: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        width, often = Counter(widths).most_common(1)[0] if widths else (1, 0)
        return (often if width > 1 else 0, width)

    try:
        return max(_SEPARATORS, key=score)
    except csv.Error:
        return ","


def row_of(values: Mapping[str, Any], columns: tuple[str, ...]) -> list[str]:
    """A line of an export. What a spreadsheet would run as a formula is kept from it by a quote."""
    return [_harmless(str(values.get(column, "") if values.get(column) is not None else "")) for column in columns]


def _harmless(text: str) -> str:
    is_number = re.fullmatch(r"[+-]\d+(\.\d+)?", text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number else text
