"""The words of English reading: numbers, names of months and units, what is spelled. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

from agents.reading.rules import LONGEST_NAMED, words

DIGITS = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
]  # fmt: skip
SHORT_MONTHS = {month[:3].lower(): month for month in MONTHS}
MONTH = r"(?P<month>" + "|".join(MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday",
    "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
MONEY = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"), "¥": ("yen", ""), "₹": ("rupee", "paisa"),
    "USD": ("dollar", "cent"), "EUR": ("euro", "cent"), "GBP": ("pound", "penny"), "JPY": ("yen", ""), "INR": ("rupee", "paisa"),
    "CAD": ("Canadian dollar", "cent"), "AUD": ("Australian dollar", "cent"), "NZD": ("New Zealand dollar", "cent"),
    "CHF": ("Swiss franc", "cent"), "MXN": ("Mexican peso", "cent"),
}  # fmt: skip
COUNTRIES = {
    "US": "U.S ",
    "CA": "Canadian ",
    "C": "Canadian ",
    "AU": "Australian ",
    "A": "Australian ",
    "NZ": "New Zealand ",
}
"""Before a dollar sign."""
PLURALS = {"penny": "pence", "yen": "yen", "paisa": "paise"}
SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
PERIODS = {
    "mo": "month", "yr": "year", "wk": "week", "hr": "hour", "h": "hour", "min": "minute", "lb": "pound", "kg": "kilogram", "oz": "ounce",
}  # fmt: skip
UNITS = {
    "km": "kilometer", "kg": "kilogram", "cm": "centimeter", "mm": "millimeter", "mg": "milligram", "ml": "milliliter",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "ft": "foot", "mi": "mile", "hr": "hour", "hrs": "hour", "min": "minute",
    "mins": "minute", "sec": "second", "secs": "second", "gb": "gigabyte", "mb": "megabyte", "tb": "terabyte", "kb": "kilobyte",
    "sq ft": "square foot", "sqft": "square foot", "yd": "yard", "gal": "gallon", "kwh": "kilowatt hour", "kw": "kilowatt", "yrs": "year",
    "mbps": "megabit per second", "gbps": "gigabit per second", "mph": "mile per hour", "km/h": "kilometer per hour",
}  # fmt: skip
"""In any case of letters."""
EXACT_UNITS = {
    "m": "meter", "m²": "square meter", "km²": "square kilometer", "m³": "cubic meter", "ft²": "square foot", "l": "liter", "L": "liter",
    "g": "gram", "W": "watt", "V": "volt", "GHz": "gigahertz", "MHz": "megahertz", "kHz": "kilohertz", "Hz": "hertz",
}  # fmt: skip
"""As they are written: 5 M is no distance."""
_MANY = {
    "foot": "feet", "square foot": "square feet", "gigahertz": "gigahertz", "megahertz": "megahertz", "kilohertz": "kilohertz",
    "hertz": "hertz", "megabit per second": "megabits per second", "gigabit per second": "gigabits per second",
    "mile per hour": "miles per hour", "kilometer per hour": "kilometers per hour",
}  # fmt: skip
FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters",
}  # fmt: skip
LETTERS = frozenset(
    words("""
    FAQ ETA VIP HOA DOB ADA AAA ICU UPS API URL EIN IRA EU ER UK EKG UX IQ EV UAE NYC APR APY ACH ABA AED ENT TSA EMS EMT OBGYN
    YMCA LED
    """)
)
"""Initialisms that would be read as words. Those without a vowel are spelled anyway, and others by the voice."""
ROMAN = {
    "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12, "XIII": 13, "XIV": 14,
    "XV": 15, "XVI": 16,
}  # fmt: skip
_STATES = (
    "AL=Alabama|AK=Alaska|AZ=Arizona|AR=Arkansas|CA=California|CO=Colorado|CT=Connecticut|DE=Delaware|FL=Florida|GA=Georgia|"
    "HI=Hawaii|ID=Idaho|IL=Illinois|IN=Indiana|IA=Iowa|KS=Kansas|KY=Kentucky|LA=Louisiana|ME=Maine|MD=Maryland|"
    "MA=Massachusetts|MI=Michigan|MN=Minnesota|MS=Mississippi|MO=Missouri|MT=Montana|NE=Nebraska|NV=Nevada|NH=New Hampshire|"
    "NJ=New Jersey|NM=New Mexico|NY=New York|NC=North Carolina|ND=North Dakota|OH=Ohio|OK=Oklahoma|OR=Oregon|PA=Pennsylvania|"
    "RI=Rhode Island|SC=South Carolina|SD=South Dakota|TN=Tennessee|TX=Texas|UT=Utah|VT=Vermont|VA=Virginia|WA=Washington|"
    "WV=West Virginia|WI=Wisconsin|WY=Wyoming|DC=D.C"
)
STATES = dict(pair.split("=") for pair in _STATES.split("|"))


@lru_cache(maxsize=4_096)
def cardinal(number: str) -> str:
    plain_number = number.replace(",", "").lstrip("0") or "0"
    if len(plain_number) > LONGEST_NAMED:
        return digits(plain_number)
    return str(num2words(int(plain_number))).replace(" and ", " ").replace(",", "")


@lru_cache(maxsize=512)
def ordinal(number: str | int) -> str:
    if len(str(number)) > LONGEST_NAMED:
        return digits(str(number))
    return str(num2words(int(number), to="ordinal")).replace(" and ", " ").replace(",", "")


def decimal(number: str) -> str:
    whole, _, rest = number.partition(".")
    if not rest:
        return cardinal(whole)
    return f"{cardinal(whole or '0')} point {digits(rest)}" if whole else f"point {digits(rest)}"


def digits(number: str) -> str:
    return " ".join(DIGITS[digit] for digit in number if digit in DIGITS)


def pieces(number: str) -> str:
    """Of a code or an address: short numbers by their name, others digit by digit."""
    return cardinal(number) if len(number) <= 2 and number[0] != "0" else digits(number)


def year(number: str | int) -> str:
    value = int(number)
    if 2000 <= value <= 2009 or value % 1000 == 0:
        return cardinal(str(value))
    high, low = divmod(value, 100)
    if low == 0:
        return f"{cardinal(str(high))} hundred"
    return f"{cardinal(str(high))} {'oh ' if low < 10 else ''}{cardinal(str(low))}"


def several(word: str) -> str:
    """ "nineteen ninety" → "nineteen nineties"."""
    return re.sub(r"y$", "ie", word) + "s"


def amount(number: str, singular: str) -> str:
    return singular if number.replace(",", "") == "1" else PLURALS.get(singular, singular + "s")


def unit(number: str, singular: str) -> str:
    return singular if number == "1" else _MANY.get(singular, singular + "s")
