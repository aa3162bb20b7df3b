"""Every number of the table is read as what it is."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.dialing import area_zones
from telephony.dialing.countries import countries, of_zone
from telephony.dialing.e164 import Number, Unreadable, read
from tests.telephony.dialing.numbers_table import TABLE


def test_the_table_has_two_hundred_numbers_and_none_twice() -> None:
    assert len(TABLE) >= 200
    assert len({(text, home) for text, home, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("text", "home", "expected"), TABLE)
def test_a_number_is_what_it_is(text: str, home: str, expected: str) -> None:
    found = read(text, home)
    assert (found.country if isinstance(found, Number) else found.why) == expected, found


def test_each_refusal_says_in_a_sentence_what_is_wrong() -> None:
    for text, home, _ in TABLE:
        found = read(text, home)
        if isinstance(found, Unreadable):
            assert found.words.endswith(".") and len(found.words) > 15, text


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("+14155550142", {"America/Los_Angeles"}),
        ("+12127365000", {"America/New_York"}),
        ("+18765550123", {"America/Jamaica"}),
        ("+442079460958", {"Europe/London"}),
        ("+5511961234567", {"America/Sao_Paulo"}),
        ("+77710009998", set(countries()["KZ"].zones)),
        ("+61412345678", set(countries()["AU"].zones)),  # a mobile says nothing of where it is
        ("+18005551234", set(countries()["US"].zones)),
    ],
)
def test_the_zones_are_all_that_the_number_may_be_in(text: str, zones: set[str]) -> None:
    found = read(text)
    assert isinstance(found, Number) and set(found.zones) == zones


def test_every_zone_of_every_country_is_known_to_the_clock() -> None:
    there = zoneinfo.available_timezones()
    for country in countries().values():
        assert country.zones and set(country.zones) <= there, country
    for zones in area_zones._by_beginning().values():
        assert set(zones) <= there
    assert of_zone("America/Jamaica") == "JM" and of_zone("UTC") == ""


@pytest.mark.parametrize(
    ("zone", "code"),
    [
        ("Europe/Belgrade", "RS"), ("Atlantic/St_Helena", "SH"), ("Europe/London", "GB"), ("Europe/Zurich", "CH"),
        ("Europe/Busingen", "DE"), ("Europe/Vaduz", "LI"), ("Europe/Mariehamn", "AX"), ("Europe/Helsinki", "FI"),
        ("America/New_York", "US"), ("America/Toronto", "CA"), ("America/Puerto_Rico", "PR"), ("America/Phoenix", "US"),
        ("Africa/Lagos", "NG"), ("Africa/Ceuta", "ES"), ("Asia/Kolkata", "IN"), ("Asia/Urumqi", "CN"),
        ("Pacific/Easter", "CL"), ("Pacific/Guam", "GU"), ("Pacific/Auckland", "NZ"), ("Etc/GMT+5", ""), ("Europe/Nowhere", ""),
    ],
)  # fmt: skip
def test_a_zone_that_several_countries_have_is_that_of_whose_it_is(zone: str, code: str) -> None:
    assert of_zone(zone) == code


def test_every_zone_is_of_the_country_that_the_tz_database_names() -> None:
    tables = [Path(folder, "zone.tab") for folder in zoneinfo.TZPATH]
    table = next((each for each in tables if each.exists()), None)
    if table is None:
        pytest.skip("this system has no zone.tab")
    lines = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
    told = {zone: code for code, _, zone, *_ in lines if code in countries()}
    assert len(told) > 350 and {zone: of_zone(zone) for zone in told} == told


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["", "US", "GB", "DE", "IN", "AU"]))
def test_whatever_is_typed_gets_an_answer(text: str, home: str) -> None:
    found = read(text, home)
    assert isinstance(found, Unreadable) or (found.country in countries() and found.zones)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(r"\+?[0-9]{2,15}", fullmatch=True), st.sampled_from(["", "US", "GB", "DE"]))
def test_what_is_read_is_read_the_same_again(text: str, home: str) -> None:
    """The international form means the same number from everywhere, so that nothing checked once is another number later."""
    found = read(text, home)
    if isinstance(found, Number):
        assert read(found.e164) == found == read(found.e164, "IN")
