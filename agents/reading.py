"""How English is read aloud: signs, digits and abbreviations as words. Pure.

A rule is a pattern and how its match is read; they run in order, the more particular first, so that "$3.50" is money before
it is a decimal. ``plain`` comes before them, in every language: what is only there for the eye goes away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from num2words import num2words

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

# --- for every language ---------------------------------------------------------------------------------------------

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\[\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\[\]]+)\]\((?:[^()]|\([^)]*\))*\)")
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}\s+|>\s?|[-*•‣·]\s+|\d{1,2}[.)]\s+(?=\D))", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,80}>")
_DROPPED = {"So", "Sk", "Cs", "Cf", "Co", "Cc"}
_KEPT = "°©®™\n\t"


def plain(text: str) -> str:
    """Without markdown, tags, emoji; a line is a sentence."""
    text = unicodedata.normalize("NFC", text)
    text = _RULE.sub("", _FENCE.sub(" ", text))
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", _IMAGE.sub(r"\1", text)))
    for _ in range(2):  # bold inside italics
        text = _EMPHASIS.sub(r"\2", text)
    text = _TAG.sub(" ", text)
    text = "".join(letter for letter in text if letter in _KEPT or unicodedata.category(letter) not in _DROPPED)
    text = text.replace("\u00a0", " ").replace("’", "'").replace("“", '"').replace("”", '"').replace("‘", "'")
    lines = (" ".join(line.split()) for line in text.splitlines())
    ended = (line if line[-1] in ".!?:;,…" else line + "." for line in lines if line)
    joined = " ".join(ended)
    return joined if text.rstrip()[-1:] in ".!?:;,…" or "\n" in text.strip() else joined[:-1]


# --- numbers --------------------------------------------------------------------------------------------------------


_LONGEST_NAMED = 15
"""Digits: a longer number is read digit by digit, as people do who lack a name for it."""


def cardinal(number: str) -> str:
    plain_number = number.replace(",", "").lstrip("0") or "0"
    if len(plain_number) > _LONGEST_NAMED:
        return digits(plain_number)
    return str(num2words(plain_number)).replace(" and ", " ").replace(",", "")


def ordinal(number: str | int) -> str:
    return str(num2words(int(number), to="ordinal")).replace(" and ", " ").replace(",", "")


def decimal(number: str) -> str:
    whole, _, rest = number.partition(".")
    return f"{cardinal(whole or '0')} point {digits(rest)}" if rest else cardinal(whole)


def digits(number: str) -> str:
    return " ".join(_DIGITS[digit] for digit in number if digit in _DIGITS)


def year(number: str | int) -> str:
    value = int(number)
    if 2000 <= value <= 2009 or value % 1000 == 0:
        return cardinal(str(value))
    high, low = divmod(value, 100)
    if low == 0:
        return f"{cardinal(str(high))} hundred"
    return f"{cardinal(str(high))} {'oh ' if low < 10 else ''}{cardinal(str(low))}"


_DIGITS = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SHORT_MONTHS = {month[:3].lower(): month for month in _MONTHS} | {"sept": "September"}
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday",
    "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
_MONEY = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"), "¥": ("yen", ""), "₹": ("rupee", "paisa"),
}  # fmt: skip
_PLURALS = {"penny": "pence", "yen": "yen", "paisa": "paise"}
_SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
_UNITS = {
    "km": "kilometers", "kg": "kilograms", "cm": "centimeters", "mm": "millimeters", "mg": "milligrams", "ml": "milliliters",
    "lb": "pounds", "lbs": "pounds", "oz": "ounces", "ft": "feet", "mi": "miles", "mph": "miles per hour", "hr": "hours",
    "hrs": "hours", "min": "minutes", "mins": "minutes", "sec": "seconds", "secs": "seconds", "gb": "gigabytes", "mb": "megabytes",
    "km/h": "kilometers per hour",
}  # fmt: skip
_FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters",
}  # fmt: skip


def _amount(number: str, singular: str) -> str:
    return singular if number.replace(",", "") == "1" else _PLURALS.get(singular, singular + "s")


def _money(found: re.Match[str]) -> str:
    main, part = _MONEY[found["sign"]]
    number, scale = found["number"], (found["scale"] or "").lower()
    if scale:
        return f"{decimal(number)} {_SCALES.get(scale, scale)} {_PLURALS.get(main, main + 's')}"
    whole, _, rest = number.partition(".")
    said = f"{cardinal(whole)} {_amount(whole, main)}"
    if len(rest) == 2 and rest != "00" and part:
        cents = cardinal(rest)
        smaller = f"{cents} {_amount(rest.lstrip('0'), part)}"
        return smaller if whole == "0" else f"{said} and {smaller}"
    return f"{decimal(number)} {_PLURALS.get(main, main + 's')}" if rest.strip("0") else said


def _phone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found[0])
    if len(groups) == 1:  # +15551234567
        whole = groups[0]
        north_american = [whole[:-10], whole[-10:-7], whole[-7:-4], whole[-4:]]
        groups = north_american if len(whole) in (10, 11) else [whole[at : at + 3] for at in range(0, len(whole), 3)]
    return ", ".join(digits(group) for group in groups if group)


def _half(found: re.Match[str]) -> str:
    """The "a.m." of a time, capital so that it is read as letters."""
    return f" {found['half'][0].upper()}M" if found["half"] else ""


def _clock(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), found["minute"]
    if hour > 24 or int(minute or 0) > 59:
        return found[0]
    half = _half(found)
    if minute is None or minute == "00":
        said = (
            cardinal(str(hour))
            if half
            else f"{cardinal(str(hour))} o'clock"
            if hour <= 12
            else f"{cardinal(str(hour))} hundred"
        )
    else:
        said = f"{cardinal(str(hour))} {'oh ' if minute[0] == '0' else ''}{cardinal(minute)}"
    end = "." if found["half"] and found["half"].endswith(".") and _ends_here(found) else ""
    return said + half + end


def _ends_here(found: re.Match[str]) -> bool:
    """The dot of "p.m." is the sentence's too where nothing or a capital follows."""
    rest = found.string[found.end() :].lstrip()
    return not rest or rest[0].isupper()


def _named_month(name: str) -> str:
    return _SHORT_MONTHS[name.rstrip(".")[:3].lower()]


def _month_day(found: re.Match[str]) -> str:
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    said = f"{_named_month(found['month'])} {ordinal(day)}"
    return f"{said}, {year(found['year'])}" if found["year"] else said


def _numeric_date(day_first: bool) -> Callable[[re.Match[str]], str]:
    def read(found: re.Match[str]) -> str:
        one, other, last = int(found[1]), int(found[2]), found[3]
        day, month = (one, other) if day_first or one > 12 else (other, one)
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return found[0]
        return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(last if len(last) == 4 else '20' + last)}"

    return read


def _iso_date(found: re.Match[str]) -> str:
    if not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return found[0]
    return f"{_MONTHS[int(found[2]) - 1]} {ordinal(found[3])}, {year(found[1])}"


# --- addresses, letters, signs --------------------------------------------------------------------------------------

_DOTTED = {".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "@": " at ", "+": " plus ", ":": " colon "}


def _address(found: re.Match[str]) -> str:
    text, end = found[0], ""
    while text and text[-1] in ".,;:!?)":
        text, end = text[:-1], text[-1] + end
    text = re.sub(r"^https?://(www\.)?|^www\.", "", text).partition("?")[0].rstrip("/")
    said = "".join(_DOTTED.get(letter, letter) for letter in text)
    said = re.sub(r"\d+", lambda number: f" {digits(number[0]) if len(number[0]) > 2 else cardinal(number[0])} ", said)
    return " ".join(said.split()) + end


_LETTERS = frozenset(
    ["FAQ", "ETA", "VIP", "HOA", "DOB", "ADA", "AAA", "ICU", "UPS", "API", "URL", "EIN", "IRA", "EU", "ER", "UK"]
)
"""Initialisms that would be read as words. Those without a vowel are spelled anyway."""


def _letters(found: re.Match[str]) -> str:
    word = found[1]
    if word in _LETTERS or (len(word) > 1 and not re.search(r"[AEIOUY]", word)):
        return ".".join(word) + ("s" if found[2] else "")
    return found[0]


def _code(found: re.Match[str]) -> str:
    """A booking code or a plate: letter by letter, digit by digit."""
    parts = re.findall(r"[A-Z]+|\d+", found[0])
    return " ".join(".".join(part) if part.isalpha() else digits(part) for part in parts)


def _long_number(found: re.Match[str]) -> str:
    number = found[0]
    groups = [number[start : start + 3] for start in range(0, len(number), 3)] if len(number) > 6 else [number]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(digits(group) for group in groups)


def _rule(pattern: str, read: str | Callable[[re.Match[str]], str], flags: re.RegexFlag = re.NOFLAG) -> Rule:
    return re.compile(pattern, flags), (lambda found: found.expand(read)) if isinstance(read, str) else read


_I = re.IGNORECASE
_TLDS = r"(?:com|org|net|io|dev|co|edu|gov|app|us|uk|health|dental|info|biz)"
_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+"
_HALF = r"(?P<half>[ap]\.?m\b\.?)"


def _rules(day_first: bool) -> tuple[Rule, ...]:
    return (
        _rule(r"\b(?:https?://|www\.)\S+", _address, _I),
        _rule(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
        _rule(rf"\b[\w-]+(?:\.[\w-]+)*\.{_TLDS}\b(?:/[\w./-]*)?", _address),
        _rule(r"\b24\s?/\s?7\b", "twenty-four seven"),
        # money
        _rule(rf"(?P<sign>[$€£¥₹])\s?(?P<number>(?:{_NUMBER})(?:\.\d+)?)(?:\s?(?P<scale>(?:thousand|million|billion|bn|k|m|b)\b))?", _money, _I),
        # phone numbers: an area code and two groups, or two groups, with the usual signs between
        _rule(r"(?<![\w$])\+?\d{1,3}[\s.-]?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b", _phone),
        _rule(r"(?<![\w$])\(?\d{3}\)?[\s.-]{1,2}\d{3}[\s.-]\d{4}\b", _phone),
        _rule(r"(?<![\w$-])\d{3}[-.]\d{4}\b(?!-)", _phone),
        _rule(r"(?<!\w)\+\d[\d\s().-]{6,}\d\b", _phone),
        # dates
        _rule(r"\b(\d{4})-(\d{2})-(\d{2})\b", _iso_date),
        _rule(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", _numeric_date(day_first)),
        _rule(rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?", _month_day),
        _rule(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?", _month_day),
        # times, and spans of them
        _rule(r"(?<=\d)\s?(?:–|-|—)\s?(?=\d{1,2}(?::\d\d)?\s?[ap]\.?m\b)", " to ", _I),
        _rule(r"(\d{1,2}(?::\d\d)?\s?[ap]\.?m\b\.?)\s?(?:–|-|—)\s?(?=\d)", r"\1 to ", _I),
        _rule(r"\b(\d{1,2}:\d\d)\s?(?:–|-|—)\s?(?=\d{1,2}:\d\d)", r"\1 to "),
        _rule(rf"\b(?P<hour>\d{{1,2}})(?::(?P<minute>\d\d))?\s?{_HALF}", _clock, _I),
        _rule(r"\b(?P<hour>\d{1,2}):(?P<minute>\d\d)\b(?P<half>)", _clock),
        # days
        _rule(r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?(?=\s?(?:[-–—,/&]|to\b|through\b|\d)|\s?$|:)", lambda found: _DAYS[found[1].lower()]),
        _rule(r"(day)\s?[-–—]\s?(?:(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?|(?=[MTWFS]\w+day))",
              lambda found: f"{found[1]} to {_DAYS[found[2].lower()] if found[2] else ''}"),
        # numbers in other clothes
        _rule(r"\b(\d)'\s?(\d{1,2})(?:\"|'')?(?!\w)", lambda found: f"{cardinal(found[1])} foot {cardinal(found[2])}"),
        _rule(r"(?<![\d/])([123])/([234])(?![\d/])|[½⅓⅔¼¾]", lambda found: _FRACTIONS.get(found[0], found[0])),
        _rule(rf"(?P<number>(?:{_NUMBER})(?:\.\d+)?)\s?%", lambda found: f"{decimal(found['number'])} percent"),
        _rule(r"\b(\d+)(?:st|nd|rd|th)\b", lambda found: ordinal(found[1]), _I),
        _rule(r"(?<=\d)\s?[–—-]\s?(?=\d)(?!\d+-)", " to "),
        _rule(rf"\b((?:{_NUMBER})(?:\.\d+)?)\s?(km/h|{'|'.join(unit for unit in _UNITS if '/' not in unit)})\b",
              lambda found: f"{decimal(found[1])} {_UNITS[found[2].lower()]}", _I),
        _rule(r"(?<=\d)\s?°\s?([CF])\b", lambda found: " degrees Celsius" if found[1] == "C" else " degrees Fahrenheit"),
        _rule(r"°", " degrees"),
        _rule(r"\b(in|since|until|of|from|by|year|before|after)\s+((?:19|20)\d\d)\b(?![,.]\d)", lambda found: f"{found[1]} {year(found[2])}", _I),
        _rule(r"\b(?=[A-Z0-9-]*\d{2})(?=[A-Z0-9-]*[A-Z])(?:[A-Z]+-?\d+[A-Z]*|\d+-?[A-Z]+\d+)\b", _code),
        _rule(r"(?<![\d.,])(?:0\d+|\d{5,})(?![\d]|[.,]\d)", _long_number),
        _rule(r"(?:#|\bNo\.\s?|\bno\.\s)(?=\d)", "number "),
        _rule(r"(?<![\w.])-(?=\d)", "minus "),
        _rule(rf"(?<![\w.])(?:{_NUMBER})\.\d+(?!\.?\d)", lambda found: decimal(found[0])),
        _rule(rf"(?<![\w.])(?:{_NUMBER})(?![\w])", lambda found: cardinal(found[0])),
        # abbreviations
        _rule(r"\bDr\.?(?=\s[A-Z\ue000-\uf8fe])", "Doctor"), _rule(r"(?<=\w\s)Dr\.?(?=$|[\s,.])", "Drive"),
        _rule(r"\bMr\.?(?=\s[A-Z\ue000-\uf8fe])", "Mister"), _rule(r"\bMrs\.?(?=\s[A-Z\ue000-\uf8fe])", "Missus"),
        _rule(r"\bMs\.(?=\s[A-Z\ue000-\uf8fe])", "Miss"),
        _rule(r"\bProf\.(?=\s)", "Professor"), _rule(r"\bSt\.?(?=\s[A-Z\ue000-\uf8fe])(?<!\w\sSt)(?<!\w\sSt\.)", "Saint"),
        _rule(r"(?<=\w\s)St\b\.?(?=$|[\s,.])", "Street"), _rule(r"\bAve\b\.?", "Avenue"), _rule(r"\bBlvd\b\.?", "Boulevard"),
        _rule(r"(?<=\w\s)Rd\b\.?", "Road"), _rule(r"\bApt\b\.?", "apartment"), _rule(r"\be\.g\.,?", "for example,"), _rule(r"\bi\.e\.,?", "that is,"),
        _rule(r"\betc\.(?=\s[a-z]|,|\))", "et cetera"), _rule(r"\betc\b\.?", "et cetera."), _rule(r"\bvs\b\.?", "versus"),
        _rule(r"\bappt\b\.?", "appointment"), _rule(r"\bw/o\b", "without"), _rule(r"\bw/(?=\s?\w)", "with "), _rule(r"\band/or\b", "and or"),
        _rule(r"\b(?![AP]M\b)([A-Z]{2,5})(s?)\b(?!\.[A-Z])", _letters),
        # signs
        _rule(r"\s?&\s?", " and "), _rule(r"\s?\+\s?(?=\w)", " plus "), _rule(r"\s=\s", " equals "), _rule(r"\s?@\s?", " at "),
        _rule(r"~\s?(?=\w)", "about "), _rule(r"(?<=\w)\s?×\s?(?=\w)", " by "), _rule(r"[©®™]", ""),
        _rule(r"(?<=[A-Za-z])\s?/\s?(?=[A-Za-z])", " or "),
        _rule(r"\s*[—–]\s*|\s+-{1,2}\s+|--", ", "), _rule(r"…|\.{3,}", ", "),
        _rule(r"\s*\(([^()]*)\)\s*([.,;:!?]?)", lambda found: f", {found[1]}{found[2] or ','} "),
        _rule(r"[*_#^|\\<>{}\[\]`~\"]", " "),
    )  # fmt: skip


_AMERICAN = _rules(day_first=False)
_BRITISH = _rules(day_first=True)


def english(text: str, *, region: str = "US") -> str:
    """Signs and digits as an English speaker says them. A date like 3/4/2026 is read as its region writes it."""
    for pattern, read in _AMERICAN if region in ("", "US", "CA", "PH") else _BRITISH:
        text = pattern.sub(read, text)
    text = re.sub(r"\s+([.,;:!?])", r"\1", text)
    text = re.sub(r",(?:\s*,)+", ",", text)
    text = re.sub(r",\s*([.!?])", r"\1", text)
    return " ".join(text.split()).lstrip(",; ")
