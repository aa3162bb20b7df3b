"""Which number is this, whose is it, and is it one that nobody should be charged for?

``read`` takes what people write and answers with an international number and its real country (+1 876 is Jamaica, not the United
States), or with why it is never called. No I/O.

libphonenumber knows the numbering plans. What it doesn't know of money is here: the codes that belong to no country (satellites,
international premium), the pay-per-call exchanges inside North America, and that an emergency number stays one however it is
spelled. No list knows every expensive number (many are ordinary mobiles of small countries): the wall that holds is the
organization's list of countries, in ``telephony.dialing.policy``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from telephony.dialing import area_zones
from telephony.dialing.countries import countries, name_of

Why = Literal[
    "not_a_number", "short", "emergency", "nowhere", "incomplete", "satellite", "premium", "shared_cost", "special"
]


@dataclass(frozen=True, slots=True)
class Number:
    """``e164`` is "+14155550142", ``country`` its ISO code. ``zones`` are all it may be in: several where nobody can tell."""

    e164: str
    country: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Never called, whatever an organization allows. ``words`` say why and what to do."""

    why: Why
    words: str


EMERGENCY = Unreadable("emergency", "This reaches an emergency service. An agent never calls one.")

# Codes that belong to no country. ITU-T E.164, annex to the list of assigned codes.
_GLOBAL: dict[int, tuple[Why, str]] = {
    800: ("special", "an international freephone number"),
    808: ("shared_cost", "an international shared-cost number"),
    870: ("satellite", "a satellite telephone (Inmarsat)"),
    878: ("special", "a universal personal number"),
    881: ("satellite", "a satellite telephone"),
    882: ("satellite", "a satellite or ship's network"),
    883: ("satellite", "an international network that belongs to no country"),
    888: ("special", "a network for disaster relief"),
    979: ("premium", "an international premium-rate number"),
}
_TYPES: dict[int, tuple[Why, str]] = {
    PhoneNumberType.PREMIUM_RATE: ("premium", "a premium-rate number"),
    PhoneNumberType.SHARED_COST: ("shared_cost", "a shared-cost number, whose price nobody knows beforehand"),
    PhoneNumberType.UAN: ("special", "a company-wide number, whose price nobody knows beforehand"),
    PhoneNumberType.PAGER: ("special", "a pager"),
    PhoneNumberType.PERSONAL_NUMBER: ("special", "a personal number, which may lead anywhere at any price"),
    PhoneNumberType.VOICEMAIL: ("special", "a voicemail access number"),
}
# Beginnings inside of countries that libphonenumber counts among the ordinary ones.
_BEGINNINGS: tuple[tuple[str, Why, str], ...] = (
    ("+1600", "satellite", "a satellite or remote service of Canada"),
    ("+6114", "satellite", "a satellite telephone of Australia"),
    ("+7954", "satellite", "a satellite telephone of Russia"),
)
_PAY_PER_CALL = re.compile(r"\+1\d{3}976\d{4}")
_SERVICE_CODE = re.compile(r"\+1(?:.11\d{7}|\d{3}.11\d{4})")

# Those known far beyond their country; the others are found by the home country's own plan.
_KNOWN = """
000 08 100 101 102 103 108 110 111 112 113 115 117 118 119 120 122 123 133 144 15 17 18 166 190 191 192 193 194 197 198 199
911 912 988 991 992 993 994 995 997 998 999 10111 1122
"""
_EMERGENCY = frozenset(_KNOWN.split())
_SHORT = 6
_SEPARATORS = re.compile(r"[\s()./\u2010-\u2015\u2212-]+")


def read(text: str, home: str = "", *, is_sent_as_written: bool = False) -> Number | Unreadable:
    """``home`` is the ISO code of the country whose national numbers may be written without their country code; "" for none.
    ``is_sent_as_written``: a telephone system is given ``text`` itself; else ``e164`` is what is called."""
    digits = _digits(text)
    if digits is None:
        return Unreadable("not_a_number", _not_a_number(text))
    is_international = digits.startswith("+")
    if emergency := _emergency(digits):
        return emergency
    bare = digits.lstrip("+").lstrip("0")
    if len(bare) <= _SHORT and not is_international:
        return Unreadable("short", f"{digits} is a short number. Only ordinary telephone numbers are called.")
    if not is_international and not home:
        return Unreadable(
            "nowhere", "It has no country code. Write it as an international number, such as +14155550142."
        )
    # A switch at home may connect at the first three digits, whatever follows.
    is_at_risk = bool(home) and not is_international and phonenumbers.connects_to_emergency_number(digits, home)
    if is_at_risk and is_sent_as_written:
        return EMERGENCY
    try:
        parsed = phonenumbers.parse(digits, home or None)
    except NumberParseException as error:
        return EMERGENCY if is_at_risk else _unparsed(digits, home, error)
    found = _judge(parsed)
    # A whole number whose zero was lost, as in a spreadsheet, is called as +33…, and no switch sees how it was written.
    return EMERGENCY if is_at_risk and not isinstance(found, Number) else found


def _zones(parsed: phonenumbers.PhoneNumber, e164: str, country: str) -> tuple[str, ...]:
    """The time zones the number may be in: the whole country's where it names no area, as mobiles do outside of North America."""
    known = countries().get(country)
    if known is None:
        return ()
    if len(known.zones) == 1 or not phonenumbers.is_number_geographical(parsed):
        return known.zones
    near = area_zones.zones_of(e164.removeprefix("+"))
    # A beginning may be of several countries: +7 is Russia and Kazakhstan.
    inside = tuple(zone for zone in near if zone in known.zones)
    return inside or known.zones


def _digits(text: str) -> str | None:
    """ "+" and digits alone, whatever script and separators they were written in. ``None``: there is something else in it."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(character for character in text if unicodedata.category(character) != "Cf").strip()
    text = _SEPARATORS.sub("", text.removeprefix("tel:"))
    plus, rest = ("+", text[1:]) if text.startswith("+") else ("", text)
    if not rest or not rest.isdecimal():
        return None
    return plus + "".join(str(unicodedata.decimal(character)) for character in rest)


def _not_a_number(text: str) -> str:
    text = text.strip()
    if not text:
        return "There is no number."
    if re.fullmatch(r"\d[.,]\d+E\+?\d+", text, re.IGNORECASE):
        return "A spreadsheet has shortened this number. Format the column as text, and fill the numbers in again."
    if "@" in text or text.lower().startswith("sip"):
        return "This is a SIP address, not a telephone number."
    if any(character.isalpha() for character in text):
        return "It has letters in it. Write the number in digits, without an extension."
    return "It has other signs than digits in it. Write it as +14155550142."


def _emergency(digits: str) -> Unreadable | None:
    bare = digits.lstrip("+")
    for prefix in (
        "",
        "00",
        "011",
        "0",
        "9",
        "90",
        "900",
    ):  # as from abroad, with a trunk prefix, through a switchboard
        if bare.startswith(prefix) and bare[len(prefix) :] in _EMERGENCY:
            return EMERGENCY
    for length in (1, 2, 3):  # behind a country code
        code, rest = bare[:length], bare[length:].lstrip("0") or bare[length:]
        if code.isdigit() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE and rest in _EMERGENCY:
            return EMERGENCY
    return None


def _unparsed(digits: str, home: str, error: NumberParseException) -> Unreadable:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return Unreadable("nowhere", f"No country's numbers begin like {digits[:5]}. Check the country code.")
    if error.error_type == NumberParseException.TOO_LONG:
        return Unreadable("incomplete", "It has too many digits. Check the number.")
    return Unreadable("incomplete", "It has too few digits. Check the number.")


def _judge(parsed: phonenumbers.PhoneNumber) -> Number | Unreadable:
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    code = parsed.country_code or 0
    if known := _GLOBAL.get(code):
        return _refused(e164, *known)
    if 875 <= code <= 889:  # kept free for services of no country
        return _refused(e164, "satellite", "an international network that belongs to no country")
    for beginning, why, what in _BEGINNINGS:
        if e164.startswith(beginning):
            return _refused(e164, why, what)
    if _PAY_PER_CALL.fullmatch(e164):
        return _refused(e164, "premium", "a pay-per-call number (976)")
    if _SERVICE_CODE.fullmatch(e164):
        return _refused(e164, "special", "a service code of North America")
    if special := _TYPES.get(phonenumbers.number_type(parsed)):
        return _refused(e164, *special)
    country = phonenumbers.region_code_for_number(parsed)
    if not country or not phonenumbers.is_valid_number(parsed):
        return Unreadable("incomplete", _not_in_plan(parsed, e164))
    return Number(e164, str(country), _zones(parsed, e164, str(country)))


def _refused(e164: str, why: Why, what: str) -> Unreadable:
    return Unreadable(why, f"{e164} is {what}. Such numbers are never called.")


def _not_in_plan(parsed: phonenumbers.PhoneNumber, e164: str) -> str:
    owner = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    where = "North America" if parsed.country_code == 1 else name_of(str(owner))
    match phonenumbers.is_possible_number_with_reason(parsed):
        case phonenumbers.ValidationResult.TOO_SHORT:
            return f"{e164} has too few digits for a number of {where}."
        case phonenumbers.ValidationResult.TOO_LONG:
            return f"{e164} has too many digits for a number of {where}."
    return f"{e164} is no number that exists in {where}. Check the digits."
