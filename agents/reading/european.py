"""The rules that languages of Europe share: a comma before decimals, the day before the month, money behind the amount. Pure.

A language's own words and ways come from its ``Tongue``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

import phonenumbers

from agents.reading.rules import (
    BREATHS,
    HAS_DIGIT,
    LONGEST_NAMED,
    VOWELS,
    Rule,
    apply,
    ends_here,
    rule,
    spelled,
    threes,
    tidy,
)
from agents.reading.rules import address as spoken_address
from agents.reading.tongue import Gender, Noun, Tongue

_Match = re.Match[str]

_START = r"(?<!\w)(?<!\d[.,'])"
_NUMBER = r"(?:\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)(?!\d)"
_YEAR = r"(?P<year>(?:1[1-9]|20)\d\d)(?!\d|[.,]\d)"
_DASH = r"\s?[–—-]\s?"
_CAPITALS = "A-ZÄÖÜÁÉÍÓÚÀÈÌÒÙÂÊÔÃÕÇÑ"
_TLDS = r"(?:com|org|net|info|io|dev|app|eu|co|ai|de|at|ch|es|mx|ar|cl|fr|be|ca|it|pt|br|uk|us|lu|li)"
_FEWEST_PHONE_DIGITS = 6
_SIGNED = re.compile(r"[^\w\s,.!?':;-]|_|\s-{1,2}\s|--|\.{3}")


def any_of(words: Iterable[str]) -> str:
    """A pattern, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


class European:
    """Reads one language aloud."""

    def __init__(self, tongue: Tongue) -> None:
        self._t = tongue
        self._addresses = self._address_rules()
        self._days = self._day_rules()
        self._digits = self._digit_rules()
        self._letters = (
            *tongue.abbreviations,
            rule(rf"(?<![\w.-])([{_CAPITALS}]{{2,5}})(s?)\b(?!\.[A-Z])", self._initialism),
        )
        self._signs = self._sign_rules()

    def read(self, text: str) -> str:
        if "@" in text or "." in text:
            text = apply(self._addresses, text)
        if "-" in text or "–" in text or "/" in text:
            text = apply(self._days, text)
        if HAS_DIGIT.search(text):
            text = apply(self._digits, text)
        text = apply(self._letters, text)
        if _SIGNED.search(text):
            text = apply(self._signs, text)
        return tidy(text)

    # --- numbers ----------------------------------------------------------------------------------------------------

    def parts(self, number: str, *, is_money: bool = False) -> tuple[str, str]:
        """A written number's digits before and behind its decimal mark."""
        number = re.sub(r"[ ']", "", number)
        mark = "." if self._t.has_decimal_point else ","
        other = "," if mark == "." else "."
        if "." in number and "," in number:
            mark = number[max(number.rfind("."), number.rfind(","))]
            number = number.replace("," if mark == "." else ".", "")
        elif number.count(mark) > 1 or (is_money and re.fullmatch(rf"\d{{1,3}}{re.escape(mark)}\d{{3}}", number)):
            number = number.replace(mark, "")
        elif re.fullmatch(rf"\d{{1,3}}(?:{re.escape(other)}\d{{3}})+", number):
            number = number.replace(other, "")
        whole, _, rest = number.replace(",", ".").partition(".")
        return whole.lstrip("0") or "0", rest

    def digits(self, number: str) -> str:
        return " ".join(self._t.digits[int(digit)] for digit in number)

    def whole(self, digits: str, gender: Gender | None = None) -> str:
        return self._t.cardinal(int(digits), gender) if len(digits) <= LONGEST_NAMED else self.digits(digits)

    def decimal(self, number: str, gender: Gender | None = None) -> str:
        whole, rest = self.parts(number)
        if not rest:
            return self.whole(whole, gender)
        return f"{self.whole(whole)} {self._t.words.comma} {self._t.fraction(rest)}"

    def count(self, number: str, noun: Noun) -> str:
        whole, rest = self.parts(number)
        said = self.decimal(number, noun.gender)
        return self._t.of(said, noun.one if whole == "1" and not rest else noun.many)

    def pieces(self, number: str) -> str:
        """Of a code or an address: short numbers by their name, others digit by digit."""
        return self.whole(number) if len(number) <= 2 and number[0] != "0" else self.digits(number)

    # --- money ------------------------------------------------------------------------------------------------------

    def _money(self, found: _Match) -> str:
        coin = self._t.coins[found["sign"]]
        whole, rest = self.parts(found["number"], is_money=True)
        if found["scale"]:
            said = self.count(found["number"], self._t.scales[found["scale"]])
            return self._t.of(said, coin.whole.many)
        amount = self._t.of(self.whole(whole, coin.whole.gender), coin.whole.one if whole == "1" else coin.whole.many)
        if not rest.strip("0"):
            return amount
        if len(rest) != 2 or coin.part is None:
            return f"{self.decimal(found['number'])} {coin.whole.many}"
        if whole == "0":
            return self.count(rest.lstrip("0"), coin.part)
        return self._t.price(amount, int(rest), coin.part)

    # --- telephone numbers ------------------------------------------------------------------------------------------

    def _phone(self, found: _Match) -> str:
        written = found[0].replace("(0)", "")
        groups = re.findall(r"\d+", written)
        if len("".join(groups)) < _FEWEST_PHONE_DIGITS:
            return written
        if len(groups) == 1:
            groups = self._grouped(written) or threes(groups[0])
        if not written.startswith("+"):
            return ", ".join(map(self._t.phone_group, groups))
        country, *rest = groups
        said = self.whole(country) if len(country) <= 2 else self.digits(country)
        return f"{self._t.words.plus} {', '.join([said, *map(self._t.phone_group, rest)])}"

    def _grouped(self, number: str) -> list[str]:
        """A number without spaces as its country writes it; empty where it is none."""
        try:
            parsed = phonenumbers.parse(number, self._t.region)
        except phonenumbers.NumberParseException:
            return []
        kind = phonenumbers.PhoneNumberFormat
        style = kind.INTERNATIONAL if number.startswith("+") else kind.NATIONAL
        return re.findall(r"\d+", phonenumbers.format_number(parsed, style))

    # --- dates and times --------------------------------------------------------------------------------------------

    def _dated(self, found: _Match, day: int, month: int, year: int | None) -> str:
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return found[0]
        return self._t.date(found.string[: found.start()], day, month, year)

    def _iso_date(self, found: _Match) -> str:
        return self._dated(found, int(found[3]), int(found[2]), int(found[1]))

    def _numeric_date(self, found: _Match) -> str:
        day, month, year = int(found["day"]), int(found["month"]), found["year"]
        if month > 12 >= day:
            day, month = month, day
        return self._dated(found, day, month, int(year if len(year) == 4 else "20" + year))

    def _named_date(self, found: _Match) -> str:
        month = self._t.months[found["month"].lower().rstrip(".")]
        said = self._dated(found, int(found["day"]), month, int(found["year"]) if found["year"] else None)
        return said + "." if found[0].endswith(".") and said != found[0] and ends_here(found) else said

    def _clock(self, found: _Match) -> str:
        hour, minute = int(found["hour"]), int(found["minute"]) if found["minute"] else None
        if hour > 24 or (minute or 0) > 59:
            return found[0]
        return self._t.clock(hour, minute, bool(found["mark"]))

    # --- numbers in other clothes -----------------------------------------------------------------------------------

    def _measured(self, found: _Match) -> str:
        said = self.count(found["number"], self._t.units[found["unit"]])
        return said + "." if found["unit"].endswith(".") and ends_here(found) else said

    def _slashed(self, found: _Match) -> str:
        if (found[1], found[2]) == ("1", "2"):
            return self._half(found)
        known = self._t.fractions.get(f"{found[1]}/{found[2]}")
        said = known or f"{self.whole(found[1])} {self._t.words.out_of} {self.whole(found[2])}"
        return f"{said} {found['next'] or ''}".rstrip()

    def _mixed(self, found: _Match) -> str:
        if found[2] in ("½", "1/2"):
            following = found["next"] or ""
            gender = self._t.gender_of(following) if following else None
            return self._t.half(self.whole(found[1], gender), following, gender).rstrip()
        return (
            f"{self.whole(found[1])} {self._t.words.ands} {self._t.fractions[found[2]]} {found['next'] or ''}".rstrip()
        )

    def _half(self, found: _Match) -> str:
        following = found["next"] or ""
        return self._t.half("", following, self._t.gender_of(following) if following else None).rstrip()

    def _code(self, found: _Match) -> str:
        """A booking code, a plate, a model: letter by letter, digit by digit; COVID-19 by its word."""
        parts = re.findall(r"[A-Z]+|\d+", found[0])
        if len(parts) == 2 and len(parts[0]) > 3 and re.search(f"[{VOWELS}]", parts[0]):
            return f"{parts[0]} {self.pieces(parts[1])}"
        return " ".join(spelled(part) if part.isalpha() else self.pieces(part) for part in parts)

    def _long_number(self, found: _Match) -> str:
        return ", ".join(self.digits(group) for group in threes(found[0]))

    def _plain_number(self, found: _Match) -> str:
        following = found["next"]
        gender = self._t.gender_of(following) if following else None
        said = self.decimal(found["number"], gender)
        return self._t.of(said, following).removesuffix(following).rstrip() if gender else said

    # --- letters and addresses --------------------------------------------------------------------------------------

    def _initialism(self, found: _Match) -> str:
        word = found[1]
        return spelled(word) if word in self._t.letters or not re.search(f"[{VOWELS}]", word) else found[0]

    def _address(self, found: _Match) -> str:
        text = re.sub(r"\.([a-z]{2})(?=[/:?#,;!)]|\.?$)", self._ending, re.sub(r"^mailto:", "", found[0]))
        said = spoken_address(text, self._t.address, self.pieces)
        return re.sub(r"(\w)\0(\w)", lambda ending: spelled(ending[0].replace("\0", "").upper()), said)

    def _ending(self, found: _Match) -> str:
        """ "de" of "beispiel.de", marked to be spelled."""
        return found[0] if found[1] in self._t.word_endings else f".{found[1][0]}\0{found[1][1]}"

    # --- the rules, in order ----------------------------------------------------------------------------------------

    def _address_rules(self) -> tuple[Rule, ...]:
        return (
            rule(r"\b(?:https?://|www\.)[^\s]+", self._address, re.IGNORECASE),
            rule(r"\b(?:mailto:)?[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+", self._address),
            rule(rf"(?<![\w.])[\w-]+(?:\.[\w-]+)*\.{_TLDS}\b(?:/[\w./-]*)?", self._address),
        )

    def _day_rules(self) -> tuple[Rule, ...]:
        days = self._t.days
        one = rf"(?:{any_of({*days, *days.values(), *map(str.capitalize, days.values())})})\.?"
        return (
            rule(
                rf"\b({one}){_DASH}({one})(?!\w)",
                lambda found: f"{self._day(found[1])} {self._t.words.to} {self._day(found[2])}",
            ),
            rule(
                rf"\b({one})/({one})(?!\w)",
                lambda found: f"{self._day(found[1])} {self._t.words.ands} {self._day(found[2])}",
            ),
        )

    def _day(self, short: str) -> str:
        return self._t.days.get(short.rstrip("."), short)

    def _digit_rules(self) -> tuple[Rule, ...]:
        t, words = self._t, self._t.words
        month = rf"(?P<month>{any_of(t.months)})(?!\w)\.?"
        signs = any_of(sign for sign in t.coins if not sign[0].islower())
        sign = rf"(?P<sign>(?:{any_of(t.coins)})(?!\w))"
        scale = rf"(?:\s?(?P<scale>(?:{any_of(t.scales)})(?!\w))(?:\s(?:de|di|d'))?)?"
        number = rf"(?P<number>{_NUMBER})"
        capitals = [day for day in t.days if day[0].isupper()] or ["\0"]  # which no text has
        following = r"(?:\s(?P<next>[^\W\d_]{2,30}))?"
        return (
            *t.first,
            rule(rf"\b(?:{any_of(t.days)})(?:\.(?=,?\s\d)|(?=:\s?\d))", lambda found: self._day(found[0])),
            rule(rf"\b(?:{any_of(capitals)})(?=,?\s\d{{1,2}}(?:[.:h/–-]|\sUhr))", lambda found: self._day(found[0])),
            rule(r"\b24\s?/\s?7\b", words.round_the_clock),
            # dates
            rule(r"\b(\d{4}-\d\d-\d\d)T(?=\d\d:\d\d)", r"\1, "),
            rule(r"(?<=\d\d:\d\d):\d\d(?:\.\d+)?(?:Z\b|[+-]\d\d:?\d\d)?", ""),
            rule(r"\b(\d{4})-(\d{2})-(\d{2})\b", self._iso_date),
            rule(rf"{_START}(?P<day>\d{{1,2}})(?P<mark>[./-])\s?(?P<month>\d{{1,2}})(?P=mark)\s?(?P<year>\d{{4}}|\d\d)(?![\d:]|[./-]\d)",
                 self._numeric_date),
            rule(rf"{_START}(\d{{1,2}}){_DASH}(?=\d{{1,2}}\s(?:de\s)?(?:{any_of(t.months)})(?!\w))", rf"\1 {words.to} ", re.IGNORECASE),
            rule(rf"\b({any_of(t.months)}){_DASH}(?=\d{{1,2}}\b)", rf"\1 {words.to} ", re.IGNORECASE),
            rule(rf"{_START}(?P<day>\d{{1,2}})(?:{t.day_mark})?\s?(?:de\s|di\s)?{month}(?:,?\s(?:de\s|del\s|do\s)?{_YEAR})?",
                 self._named_date, re.IGNORECASE),
            rule(rf"(?P<before>\b(?:{t.before_short_date})\s)(?P<day>3[01]|[12]\d|0?[1-9])/(?P<month>1[0-2]|0?[1-9])(?![\d/])",
                 lambda found: found["before"] + self._t.date(found["before"], int(found["day"]), int(found["month"]), None), re.IGNORECASE),
            # telephone numbers
            rule(r"(?<!\w)\+\d[\d\s().\-/]{6,20}\d\b", self._phone),
            rule(r"(?<![\w$])\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b", self._phone),
            *(rule(rf"(?<![\w,$€£-])(?<!\d\.){pattern}(?![\w-]|[.,]\d|\s?[€$£%])", self._phone) for pattern in t.phones),
            rule(rf"(\b(?:{t.emergency})\s)(\d{{3}})\b(?![.,]\d|\s?[€$£%])", lambda found: found[1] + self.digits(found[2]), re.IGNORECASE),
            rule(rf"\b({t.codes})((?:\s(?:ist|lautet|es|est|è|é))?:?\s)(\d{{3,4}})(?![\w.,]\w)(?!\w)",
                 lambda found: found[1] + found[2] + self.digits(found[3]), re.IGNORECASE),
            # money, what it is paid by, and spans
            rule(rf"(?:(?<=[\d€$£])|(?<=uro)|(?<=uros))\s?/\s?({any_of(t.per)})(?!\w)", lambda found: " " + t.per[found[1]]),
            rule(rf"(?P<sign>{signs})\s?(\d[\d.,]*){_DASH}(?:{signs})?\s?(\d[\d.,]*)(?![\d-])", rf"\2 {words.to} \g<sign>\3"),
            rule(rf"(?:(?<=[\d%€$£])|(?<=\dh)|(?<=Uhr)){_DASH}(?=[€$£]?\d)(?!\d+-\d|0\d+(?![\d:.h]))", f" {words.to} "),
            rule(rf"{_START}(?P<minus>-\s?)?{number}{scale}\s?{sign}", self._signed_money),
            rule(rf"(?P<minus>(?<![\w.])-\s?)?(?<!\w)(?P<sign>{signs})\s?{number}{scale}", self._signed_money),
            # times
            rule(rf"{_START}(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?P<mark>\s?(?:{t.time_marks})(?!\w))?(?![\w:])", self._clock),
            rule(rf"{_START}(?P<hour>\d{{1,2}})(?:\s?h\s?|\.)(?P<minute>\d\d)(?P<mark>\s?(?:{t.time_marks}))(?!\w)", self._clock),
            rule(rf"{_START}(?P<hour>\d{{1,2}})\s?(?P<mark>h)\s?(?P<minute>[0-5]\d)(?!\w)", self._clock),
            rule(rf"{_START}(?P<hour>\d{{1,2}})(?P<minute>)\s?(?P<mark>(?:{t.time_marks}))(?!\w)", self._clock),
            rule(r"(?<![\d:])(\d{1,3}):(\d{1,3})(?![\d:])", lambda found: f"{self.whole(found[1])} {words.proportion} {self.whole(found[2])}"),
            # numbers in other clothes
            rule(r"(?<![\w.])(?<!\d\s)-(?=\d)", f"{words.minus} "),
            rule(rf"\b(\d{{1,4}})\s?([½⅓⅔¼¾]){following}", self._mixed),
            rule(rf"(?<![\d/])(\d{{1,4}})\s([123]/[234])(?![\d/]){following}", self._mixed),
            rule(rf"½{following}", self._half),
            rule(r"[⅓⅔¼¾]", lambda found: t.fractions[found[0]]),
            rule(rf"(?<![\d/.,])(\d{{1,4}})/(\d{{1,4}})(?![\d/]){following}", self._slashed),
            rule(rf"{_START}{number}\s?%", lambda found: f"{self.decimal(found['number'])} {words.percent}"),
            *t.ordinals,
            rule(rf"{_START}{number}\s?(?P<unit>{any_of(t.units)})(?![\w²³'])", self._measured),
            rule(rf"{_START}{number}\s(?P<scale>{any_of(t.scales)})(?!\w)", lambda found: self.count(found["number"], t.scales[found["scale"]])),
            rule(rf"{_START}(\d{{1,4}})\s?[x×]\s?(?=\d)", lambda found: f"{found[1]} {words.times} "),
            rule(rf"{_START}{number}x\b", lambda found: self.count(found["number"], t.often)),
            rule(rf"{_START}(\d{{1,4}})([a-f])(?![\w'-])", lambda found: f"{self.whole(found[1])} {found[2].upper()}"),
            rule(rf"{_START}\d+(?:\.\d+){{2,}}(?![\d.]*\d)", self._version),
            rule(r"(?<![\w.-])(?=[A-Z0-9-]{0,30}\d)(?=[A-Z0-9-]{0,30}[A-Z])[A-Z0-9]{1,30}(?:-[A-Z0-9]{1,30}){0,5}(?![\w-])", self._code),
            rule(r"(?<=\d)-(?=\d)", ", "),
            rule(r"(?<!\d[.,])(?<!\w)(?:0\d+|\d{5,})(?<!000)(?!\w|[.,]\d)", self._long_number),
            rule(r"#\s?(?=\d)", f"{words.number} "),
            rule(r"(?<=\d)\s-\s(?=\d)", f" {words.minus} "),
            rule(rf"{_START}{number}(?:(?=\s(?P<next>[^\W\d_]{{2,30}}))|(?!\w|[.,]\d))", self._plain_number),
            rule(r"(?<=\w\sd')\s", ""),
        )  # fmt: skip

    def _version(self, found: _Match) -> str:
        parts = self.parts(found[0])
        grouped = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", found[0])
        return (
            self.whole(parts[0]) if grouped else f" {self._t.words.point} ".join(map(self.pieces, found[0].split(".")))
        )

    def _signed_money(self, found: _Match) -> str:
        return f"{self._t.words.minus} {self._money(found)}" if found["minus"] else self._money(found)

    def _sign_rules(self) -> tuple[Rule, ...]:
        words = self._t.words
        put = partial(str.format, " {} ")
        return (
            rule(r"\s?&\s?", put(words.ands)),
            rule(r"\s?\+\s?(?=\w)", put(words.plus)),
            rule(r"\s=\s", put(words.equals)),
            rule(r"\s?@\s?", self._t.address["@"]),
            rule(r"[~≈]\s?(?=\w)", f"{words.about} "),
            rule(r"(?<=\w)\s?×\s?(?=\w)", put(words.times)),
            rule(r"[©®™]", ""),
            rule(r"\s?²", f" {words.squared}"),
            rule(r"\s?³", f" {words.cubed}"),
            rule(r"≥\s?", f"{words.at_least} "),
            rule(r"≤\s?", f"{words.at_most} "),
            rule(r"§+\s?", f"{words.section} "),
            rule(r"(?<=[^\W\d_])\s?/\s?(?=[^\W\d_])", put(words.ors)),
            *BREATHS,
        )
