"""English read aloud: signs, digits and abbreviations as words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from agents.reading.english_words import (
    COUNTRIES,
    DAYS,
    EXACT_UNITS,
    FRACTIONS,
    LETTERS,
    MONEY,
    MONTH,
    MONTHS,
    PERIODS,
    PLURALS,
    ROMAN,
    SCALES,
    SHORT_MONTHS,
    STATES,
    UNITS,
    amount,
    cardinal,
    decimal,
    digits,
    ordinal,
    pieces,
    several,
    unit,
    year,
)
from agents.reading.rules import (
    BREATHS,
    HAS_DIGIT,
    VOWELS,
    Rule,
    address,
    apply,
    ends_here,
    rule,
    spelled,
    threes,
    tidy,
)

_Match = re.Match[str]


# --- money ----------------------------------------------------------------------------------------------------------


def _money(found: _Match) -> str:
    groups = found.groupdict()
    main, part = MONEY[(groups.get("sign") or groups.get("code") or "").upper()]
    main = COUNTRIES.get(groups.get("land") or "", "") + main
    number, scale = found["number"], (groups.get("scale") or "").lower()
    if re.fullmatch(r"\d+,\d\d", number):  # as Europeans write it
        number = number.replace(",", ".")
    minus = "minus " if groups.get("minus") or groups.get("inner") else ""
    if scale:
        return f"{minus}{decimal(number)} {SCALES.get(scale, scale)} {PLURALS.get(main, main + 's')}"
    whole, _, rest = number.partition(".")
    said = f"{minus}{cardinal(whole)} {amount(whole, main)}"
    if len(rest) == 2 and rest != "00" and part:
        smaller = f"{cardinal(rest)} {amount(rest.lstrip('0'), part)}"
        return f"{minus}{smaller}" if whole == "0" else f"{said} and {smaller}"
    return f"{minus}{decimal(number)} {PLURALS.get(main, main + 's')}" if rest.strip("0") else said


# --- telephone numbers ----------------------------------------------------------------------------------------------


def _phone(found: _Match) -> str:
    groups = re.findall(r"\d+", found[0])
    if len(groups) == 1:  # +15551234567
        whole = groups[0]
        north_american = [whole[:-10], whole[-10:-7], whole[-7:-4], whole[-4:]]
        groups = north_american if len(whole) in (10, 11) else threes(whole)
    return ", ".join(digits(group) for group in groups if group)


def _vanity(found: _Match) -> str:
    """1-800-FLOWERS."""
    word = found["word"]
    letters = word.capitalize() if re.search(f"[{VOWELS}]", word) else spelled(word)
    return f"one, {cardinal(found['code'][0])} hundred, {letters}" if found["code"] == "800" else (
        f"one, {digits(found['code'])}, {letters}"
    )  # fmt: skip


# --- times and dates ------------------------------------------------------------------------------------------------


def _clock(found: _Match) -> str:
    hour, minute = int(found["hour"]), found["minute"]
    if hour > 24 or int(minute or 0) > 59:
        return found[0]
    half = f" {found['half'][0].upper()}M" if found["half"] else ""  # capital, so that it is read as letters
    said = cardinal(str(hour))
    if minute is not None and minute != "00":
        said += f" {'oh ' if minute[0] == '0' else ''}{cardinal(minute)}"
    elif not half:
        said += " o'clock" if hour <= 12 else " hundred"
    end = "." if found["half"] and found["half"].endswith(".") and ends_here(found) else ""
    return said + half + end


def _named_month(name: str) -> str:
    return SHORT_MONTHS[name.rstrip(".")[:3].lower()]


def _month_day(found: _Match) -> str:
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    said = f"{_named_month(found['month'])} {ordinal(day)}"
    if "last" in found.groupdict():
        return f"{said} to {ordinal(int(found['last']))}"
    return f"{said}, {year(found['year'])}" if found["year"] else said


def _day_month(found: _Match) -> str:
    """ "the 3rd of May" as it is; "3 May" as Americans say it."""
    if not (found["the"] or found["of"]):
        return _month_day(found)
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    said = f"{found['the'] or 'the '}{ordinal(day)} of {_named_month(found['month'])}"
    return f"{said}, {year(found['year'])}" if found["year"] else said


def _numeric_date(day_first: bool) -> Callable[[_Match], str]:
    def read(found: _Match) -> str:
        one, other, last = int(found[1]), int(found[2]), found[3]
        day, month = (one, other) if day_first or one > 12 else (other, one)
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return found[0]
        said = f"{MONTHS[month - 1]} {ordinal(day)}"
        return f"{said}, {year(last if len(last) == 4 else '20' + last)}" if last else said

    return read


def _short_date(day_first: bool) -> Callable[[_Match], str]:
    """10/25 where a day is meant: "on 10/25"."""
    dated = _numeric_date(day_first)

    def read(found: _Match) -> str:
        slashed = re.fullmatch(r"(\d{1,2})/(\d{1,2})()", found["date"])
        said = found["date"] if slashed is None else dated(slashed)
        return f"{found['before']} {said}"

    return read


def _iso_date(found: _Match) -> str:
    if not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return found[0]
    return f"{MONTHS[int(found[2]) - 1]} {ordinal(int(found[3]))}, {year(found[1])}"


# --- numbers in other clothes ---------------------------------------------------------------------------------------


def _slashed(found: _Match) -> str:
    """A fraction, or so many out of so many."""
    if found[0] in FRACTIONS:
        return FRACTIONS[found[0]]
    one, other = int(found[1]), int(found[2])
    if found[0] in ("9/11", "20/20", "50/50"):
        return f"{cardinal(found[1])} {cardinal(found[2])}"
    if other in (5, 10, 100) and one <= other:
        return f"{cardinal(found[1])} out of {cardinal(found[2])}"
    if 0 < one < other and other > 2:
        return f"{cardinal(found[1])} {ordinal(other)}{'s' if one > 1 else ''}"
    return f"{cardinal(found[1])} slash {cardinal(found[2])}"


def _mixed(found: _Match) -> str:
    return f"{cardinal(found[1])} and {FRACTIONS[found[2]].replace('one ', 'a ', 1)}"


def _measured(table: dict[str, str]) -> Callable[[_Match], str]:
    return lambda found: (
        f"{decimal(found[1])} {unit(found[1], table.get(found[2]) or table[' '.join(found[2].lower().split())])}"
    )


def _house(found: _Match) -> str:
    """A house number of four digits."""
    return cardinal(found[1]) if found[1].endswith("00") and found[1][1] == "0" else year(found[1])


def _decade(found: _Match) -> str:
    said = year(found[1]) if len(found[1]) == 4 else cardinal(found[1])
    return several(said)


def _code(found: _Match) -> str:
    """A booking code, a plate, a model: letter by letter, digit by digit; COVID-19 by its word."""
    parts = re.findall(r"[A-Z]+|\d+", found[0])
    if len(parts) == 2 and len(parts[0]) > 3 and re.search(f"[{VOWELS}]", parts[0]):
        return f"{parts[0]} {pieces(parts[1])}"
    return " ".join(spelled(part) if part.isalpha() else pieces(part) for part in parts)


def _long_number(found: _Match) -> str:
    return ", ".join(digits(group) for group in threes(found[0]))


def _letters(found: _Match) -> str:
    word = found[1]
    if word in LETTERS or (len(word) > 1 and not re.search(f"[{VOWELS}]", word)):
        return spelled(word) + ("s" if found[2] else "")
    return found[0]


_SPOKEN_SIGNS = {
    ".": " dot ",
    "/": " slash ",
    "-": " dash ",
    "_": " underscore ",
    "@": " at ",
    "+": " plus ",
    ":": " colon ",
}


def _address(found: _Match) -> str:
    return address(found[0], _SPOKEN_SIGNS, pieces)


_I = re.IGNORECASE
_TLDS = r"(?:com|org|net|io|dev|co|edu|gov|app|us|uk|health|dental|info|biz|ai|me)"
_NUMBER = r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}|\d+"
_PRICE = rf"(?P<number>\d+,\d\d(?![\d,])|(?:{_NUMBER})(?:\.\d+)?)"
_CODES = "|".join(code for code in MONEY if code.isalpha())
_SCALE = r"(?:\s?(?P<scale>(?:thousand|million|billion|bn|k|m|b)\b))?"
_HALF = r"(?P<half>[ap]\.?\s?m\b\.?)"
_HALVES = r"[ap]\.?\s?m\b"
_DASH = r"\s?[–—-]\s?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_SHORT_DAYS = r"(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_STREETS = r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Court|Ct|Place|Pl|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq)\b"

_ADDRESSES = (
    rule(r"\b(?:https?://|www\.)\S+", _address, _I),
    rule(r"\b(?:mailto:)?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)", lambda found: address(found[1], _SPOKEN_SIGNS, pieces)),
    rule(rf"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.{_TLDS}\b(?:/[\w./-]*)?", _address),
)


def _with_digits(day_first: bool) -> tuple[Rule, ...]:
    return (
        rule(r"\b24\s?/\s?7\b", "twenty-four seven"),
        rule(r"\b401\(k\)", "four oh one K", _I),
        # what money and lengths are counted by, and spans of money
        rule(r"(?<=\d)\s?/\s?(mo|month|yr|year|wk|week|day|hr|hour|h|min|minute|lb|kg|oz|night|person|user|seat|visit|session|class|unit|item)\b",
             lambda found: f" per {PERIODS.get(found[1], found[1])}"),
        rule(rf"(?P<sign>[$€£¥₹])(\d[\d,.]*){_DASH}(\d[\d,.]*)(?![\d-])", r"\2 to \g<sign>\3"),
        rule(rf"(?<=\d){_DASH}(?=[$€£¥₹]\s?\d)", " to "),
        rule(rf"(?P<minus>(?<![\w.])-\s?)?(?:\b(?P<land>US|CA|C|AU|A|NZ)(?=\$))?(?P<sign>[$€£¥₹])\s?(?P<inner>-)?{_PRICE}{_SCALE}", _money, _I),
        rule(rf"\b(?P<code>{_CODES})\s?{_PRICE}{_SCALE}", _money),
        rule(rf"(?<![\w.]){_PRICE}\s?(?P<code>{_CODES})\b", _money),
        rule(rf"(?<![\w.]){_PRICE}\s?(?P<sign>[€£])", _money),
        rule(r"(?<![\w.])(\d+)\s?¢", lambda found: f"{cardinal(found[1])} {amount(found[1], 'cent')}"),
        *([rule(r"(?<![\w.])(\d{1,2})p\b", lambda found: f"{cardinal(found[1])} {amount(found[1], 'penny')}")] if day_first else []),
        # phone numbers: an area code and two groups, or two groups, with the usual signs between
        rule(r"(?<![\w$])\+?\d{1,3}[\s.-]?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b", _phone),
        rule(r"\b1-(?P<code>8\d\d)-(?P<word>[A-Z]{4,10})\b", _vanity),
        rule(r"(?<![\w$])\(?\d{3}\)?[\s.-]{1,2}\d{3}[\s.-]\d{4}\b", _phone),
        rule(r"(?<![\w$-])\d{3}[-.]\d{4}\b(?!-)", _phone),
        rule(r"(?<!\w)\+\d[\d\s().-]{6,}\d\b", _phone),
        rule(r"(?<![\w.,$-])0\d{2,4}(?:[\s-]\d{2,4}){1,3}\b(?!-)", _phone),
        rule(r"(?<![\w.,$-])\d{3}(?:\s\d{3}){2}\b(?![,.]\d)|(?<![\w.,$-])\d{3}\s0\d{3}\b", _phone),
        rule(r"\b(call|dial|phone|ring|text)\s(\d{3})\b(?=[.,;:!?)]|\s(?:for|if|in|or|and|now|at|right)\b|\s?$)",
             lambda found: f"{found[1]} {digits(found[2])}", _I),
        rule(r"(?<![\w.,$-])(?:911|988)\b(?![,.-]\d)", lambda found: digits(found[0])),
        rule(r"\b(?:ext\.?|extension|x)\s?(\d{1,6})\b", lambda found: f"extension {digits(found[1])}", _I),
        # dates
        rule(r"\b(\d{4}-\d\d-\d\d)T(?=\d\d:\d\d)", r"\1 at "),
        rule(r"(?<=\d\d:\d\d):\d\d(?:\.\d+)?(?:Z\b|[+-]\d\d:?\d\d)?", ""),
        rule(r"\b(\d{4})-(\d{2})-(\d{2})\b", _iso_date),
        rule(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", _numeric_date(day_first)),
        rule(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b", _numeric_date(True)),
        rule(r"\b(?P<before>on|by|until|till|before|after|since|due|through|for|dated)\s(?P<date>(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])"
             r"|(?:3[01]|[12]\d|0?[1-9])/(?:1[0-2]|0?[1-9]))(?![\d/])", _short_date(day_first), _I),
        rule(rf"\b{MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?{_DASH}(?P<last>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:|\s?{_HALVES})(?P<year>)", _month_day),
        rule(rf"\b{MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+{_YEAR}\b)?", _month_day),
        rule(rf"\b{MONTH},?\s+{_YEAR}\b", lambda found: f"{_named_month(found['month'])} {year(found['year'])}"),
        rule(rf"(?:\b(?P<the>[Tt]he\s))?\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<of>of\s+)?{MONTH}(?:,?\s+{_YEAR}\b)?", _day_month),
        # times, and spans of them
        rule(rf"(?<=\d){_DASH}(?=\d{{1,2}}(?:[:.]\d\d)?\s?{_HALVES})", " to ", _I),
        rule(rf"(\d{{1,2}}(?:[:.]\d\d)?\s?{_HALVES}\.?|\bnoon|\bmidnight){_DASH}(?=\d|noon|midnight)", r"\1 to ", _I),
        rule(rf"\b(\d{{1,2}}:\d\d){_DASH}(?=\d{{1,2}}:\d\d)", r"\1 to "),
        rule(rf"\b(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d\d))?\s?{_HALF}", _clock, _I),
        rule(r"\b(?P<hour>\d{1,2}):(?P<minute>\d\d)\b(?P<half>)", _clock),
        rule(r"(?<![\d:])(\d{1,3}):(\d{1,3})(?![\d:])", lambda found: f"{cardinal(found[1])} to {cardinal(found[2])}"),
        # numbers in other clothes
        rule(r"\b(\d)'\s?(\d{1,2})(?:\"|'')?(?!\w)", lambda found: f"{cardinal(found[1])} foot {cardinal(found[2])}"),
        rule(r"\b(\d+)\s?([½⅓⅔¼¾])", _mixed),
        rule(r"(?<![\d/])(\d+)\s([123]/[234])(?![\d/])", _mixed),
        rule(r"[½⅓⅔¼¾]", lambda found: FRACTIONS[found[0]]),
        rule(r"(?<![\d/.])(\d{1,3})/(\d{1,3})(?![\d/])", _slashed),
        rule(rf"(?<=\d){_DASH}(?=\d)(?!\d+-)|(?<=\d)\s?~\s?(?=\d)", " to "),
        rule(rf"(?<!\d)(?P<number>(?:{_NUMBER})(?:\.\d+)?)\s?%", lambda found: f"{decimal(found['number'])} percent"),
        rule(r"(?<![\w,])([\d,]+)(?:st|nd|rd|th)\b", lambda found: ordinal(found[1].replace(",", "")), _I),
        rule(r"(?<![\w'])'?(\d0|1[89]\d0|20\d0|1\d00)s\b", _decade),
        rule(r"\b1,?000s\b", "thousands"), rule(r"\b100s\b", "hundreds"),
        rule(rf"\b((?:{_NUMBER})(?:\.\d+)?)\s?({'|'.join(sorted(UNITS, key=len, reverse=True))})\b(?!²|³)", _measured(UNITS), _I),
        rule(rf"\b((?:{_NUMBER})(?:\.\d+)?)\s?({'|'.join(sorted(EXACT_UNITS, key=len, reverse=True))})(?![\w²³'-])", _measured(EXACT_UNITS)),
        rule(r"(?<=\d)\s?°\s?([CF])\b", lambda found: " degrees Celsius" if found[1] == "C" else " degrees Fahrenheit"),
        rule(r"\b(\d+)yo\b", lambda found: f"{cardinal(found[1])}-year-old"),
        rule(r"\b(\d+)\s?[x×]\s?(?=\d)", r"\1 by "), rule(r"\b(\d+)x\b", lambda found: f"{cardinal(found[1])} times"),
        rule(r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", lambda found: " point ".join(cardinal(part) for part in found[0].split("."))),
        rule(r"\bv\.?\s?(?=\d)", "version ", _I),
        rule(rf"\b(\d{{4}})(?=\s(?:[A-Z][\w.]*\s){{1,3}}{_STREETS})", _house),
        rule(r"(?<![\w.,:/$€£-])(?:19\d\d|20[1-9]\d)\b(?![,.]\d|[:/%])", lambda found: year(found[0])),
        rule(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*\b", _code),
        rule(r"(?<![\d.,])(?:0\d+|\d{5,})(?![\d]|[.,]\d)", _long_number),
        rule(r"(?:#|\bNo\.\s?|\bno\.\s)(?=\d)", "number "),
        rule(r"(?<=\d)\s-\s(?=\d)", " minus "), rule(r"(?<![\w.])-(?=[\d.])", "minus "),
        rule(r"(?<=\d)\s?<\s?(?=\d)", " is less than "), rule(r"(?<=\d)\s?>\s?(?=\d)", " is more than "),
        rule(rf"(?<![\w.])(?:{_NUMBER})?\.\d+(?!\.?\d)", lambda found: decimal(found[0])),
        rule(rf"(?<![\w.])(?:{_NUMBER})(?![\w])", lambda found: cardinal(found[0])),
    )  # fmt: skip


_NAMES = r"(?=\s[A-Z\ue000-\uf8fe])"
_SAINTS = "Mary|John|Louis|Paul|Peter|James|George|Luke|Mark|Patrick|Joseph|Francis|Thomas|Andrew|Petersburg|Vincent|Anne|Nicholas"
_ABBREVIATIONS = (
    rule(rf"\b{_SHORT_DAYS}\b\.?(?=\s?(?:[-–—,/&]|to\b|through\b|and\b|\d)|\s?$|:)", lambda found: DAYS[found[1].lower()]),
    rule(rf"(day)\s?[-–—]\s?(?:{_SHORT_DAYS}\b\.?|(?=[MTWFS]\w+day))", lambda found: f"{found[1]} to {DAYS[found[2].lower()] if found[2] else ''}"),
    rule(r"\bJr\b\.?", "Junior"), rule(r"(?<=\w\s)Sr\b\.?(?=$|[\s,.])", "Senior"),
    rule(rf"\bDr\.?{_NAMES}", "Doctor"), rule(r"(?<=\w\s)Dr\.?(?=$|[\s,.])", "Drive"),
    rule(rf"\bMr\.?{_NAMES}", "Mister"), rule(rf"\bMrs\.?{_NAMES}", "Missus"), rule(rf"\bMs\.{_NAMES}", "Miss"),
    rule(r"\bProf\.(?=\s)", "Professor"), rule(rf"\bSt\.?(?=\s(?:{_SAINTS})\b)", "Saint"),
    rule(rf"(\b[a-z]+\s|[.,;:!?\"]\s|^)St\.?{_NAMES}", r"\1Saint"),
    rule(r"(?<=\w\s)St\b\.?(?=$|[\s,.])", "Street"), rule(r"\bAve\b\.?", "Avenue"), rule(r"\bBlvd\b\.?", "Boulevard"),
    rule(r"(?<=\w\s)Rd\b\.?", "Road"), rule(r"(?<=\w\s)Ln\b\.?", "Lane"), rule(r"\bHwy\b\.?", "Highway"), rule(r"\bPkwy\b\.?", "Parkway"),
    rule(r"\bApt\b\.?", "apartment"), rule(r"\be\.g\.,?", "for example,"), rule(r"\bi\.e\.,?", "that is,"),
    rule(r"\betc\.(?=\s[a-z]|,|\))", "et cetera"), rule(r"\betc\b\.?", "et cetera."), rule(r"\bvs\b\.?", "versus"),
    rule(r"\bappt\b\.?", "appointment"), rule(r"\bapprox\b\.?", "approximately"), rule(r"\bdept\b\.?", "department"), rule(r"\bhrs\b\.?", "hours"),
    rule(r"\bTel\.?:", "Telephone:"), rule(r"\bw/o\b", "without"), rule(r"\bw/(?=\s?\w)", "with "), rule(r"\band/or\b", "and or"),
    rule(rf"(?<=[a-z],\s)({'|'.join(STATES)})\b(?=\s\w+|[.,;:?!)]|$)", lambda found: STATES[found[1]]),
    rule(r"\b(King|Queen|Pope|Emperor|Tsar)((?:\s[A-Z]\w+){1,2})\s([IVX]{2,4}|[VX])\b",
         lambda found: f"{found[1]}{found[2]} the {ordinal(ROMAN[found[3]])}" if found[3] in ROMAN else found[0]),
    rule(r"\b(Chapter|Part|Phase|Stage|Type|War|Section|Volume|Class|Level|Act|Article|Grade|Schedule)\s([IVX]{2,4}|[VX])\b",
         lambda found: f"{found[1]} {cardinal(str(ROMAN[found[2]]))}" if found[2] in ROMAN else found[0]),
    rule(r"\bPhD\b", "P.H.D"),
    rule(r"\b(?![AP]M\b)([A-Z]{2,5})(s?)\b(?!\.[A-Z])", _letters),
)  # fmt: skip
_SIGNS = (
    rule(r"\s?&\s?", " and "), rule(r"\s?\+\s?(?=\w)", " plus "), rule(r"\s=\s", " equals "), rule(r"\s?@\s?", " at "),
    rule(r"[~≈]\s?(?=\w)", "about "), rule(r"(?<=\w)\s?×\s?(?=\w)", " by "), rule(r"[©®™]", ""), rule(r"\s?²", " squared"), rule(r"\s?³", " cubed"),
    rule(r"≥\s?", "at least "), rule(r"≤\s?", "at most "), rule(r"\s?≠\s?", " is not "), rule(r"±\s?", "plus or minus "),
    rule(r"√\s?", "the square root of "), rule(r"°", " degrees"), rule(r"(?<=\w)\s?÷\s?(?=\w)", " divided by "),
    rule(r"(?<=[A-Za-z])\s?/\s?(?=[A-Za-z])", " or "),
    *BREATHS,
)  # fmt: skip
_AMERICAN, _BRITISH = _with_digits(day_first=False), _with_digits(day_first=True)
_ABBREVIATED = re.compile(r"[A-Z]{2}|[A-Z]\w*\.|\b(?:Mr|Mrs|Dr|St|Jr|Sr|Ave|Blvd|Rd|Ln|Hwy|Pkwy|Apt|PhD)\b|"
                          r"day\s?[-–—]|"
                          r"\b(?:e\.g|i\.e|etc|vs|appt|approx|dept|hrs)\b|w/|and/or|"
                          r"\b(?:Mon|Tues?|Wed|Thu|Thurs?|Fri|Sat|Sun)\b|\b[VX]\b")  # fmt: skip
_SIGNED = re.compile(r"[^\w\s,.!?':;-]|\s-{1,2}\s|--|\.{3}|²|³")


def english(text: str, *, region: str = "US") -> str:
    """Signs and digits as an English speaker says them. A date like 3/4/2026 is read as its region writes it."""
    if "@" in text or "." in text:
        text = apply(_ADDRESSES, text)
    if HAS_DIGIT.search(text):
        text = apply(_AMERICAN if region in ("", "US", "CA", "PH") else _BRITISH, text)
    if _ABBREVIATED.search(text):
        text = apply(_ABBREVIATIONS, text)
    if _SIGNED.search(text):
        text = apply(_SIGNS, text)
    return tidy(text)
