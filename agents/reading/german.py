"""German read aloud. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

from agents.reading.rules import ends_here, rule, words
from agents.reading.tongue import Coin, Gender, Noun, Tongue, Words, abbreviated, months, nouns, pairs

_Match = re.Match[str]

_DIGITS = words("null eins zwei drei vier fünf sechs sieben acht neun")
_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
_DAYS = pairs("Mo=Montag; Di=Dienstag; Mi=Mittwoch; Do=Donnerstag; Fr=Freitag; Sa=Samstag; So=Sonntag")
_ONE = {"m": "ein", "n": "ein", "f": "eine"}


@lru_cache(maxsize=4_096)
def cardinal(number: int, gender: Gender | None = None) -> str:
    if number == 1 and gender is not None:
        return _ONE[gender]
    return str(num2words(number, lang="de"))


@lru_cache(maxsize=512)
def ordinal(number: int, ending: str) -> str:
    """ "dritt" and its ending."""
    return str(num2words(number, lang="de", to="ordinal")).removesuffix("e") + ending


def year(number: int) -> str:
    """1998 by its hundreds."""
    if 1100 <= number <= 1999:
        hundreds, rest = divmod(number, 100)
        return f"{cardinal(hundreds)}hundert{cardinal(rest) if rest else ''}"
    return cardinal(number)


_NEUTRAL = frozenset(words("Name Kunde Ende Kollege Junge Auge Interesse Gebäude Gedanke Buchstabe Ei Gate Kilo Euro"))


def half(whole: str, noun: str, gender: Gender | None) -> str:
    if whole:
        return f"{'ein' if whole in ('eins', 'eine') else whole}einhalb {noun}"
    return f"{'eine halbe' if gender == 'f' else 'ein halbes' if gender else 'einhalb'} {noun}"


def gender_of(word: str) -> Gender | None:
    if word[0].isupper():
        if word in _NEUTRAL:
            return "n"
        return "f" if re.search(r"(?:e|ung|heit|keit|schaft|ion|tät|ik|ei|[dgrt]in|Uhr|Nacht|Person)$", word) else "n"
    if word in ("oder", "aber", "unter", "über", "hinter", "immer", "wieder", "weiter", "bis", "als", "des", "es"):
        return None
    return "n" if re.search(r"..(?:er|es)$", word) else None


def clock(hour: int, minute: int | None, is_marked: bool) -> str:
    said = f"{cardinal(hour, 'n')} Uhr"
    return f"{said} {cardinal(minute)}" if minute else said


_DECLINED = re.compile(
    r"\b(?:am|im|vom|zum|beim|zur|ab|bis|seit|den|dem|des|einem|jedem|jeden|diesem|diesen|nächsten|letzten|kommenden|ihrem|ihren|"
    r"meinem|meinen|unserem|unseren)\s(?:(?:\w+tag|Mittwoch|\w+abend|\w+morgen|[MDFS][oira])\.?,?\s(?:den\s)?)?$"
    r"|\b(?:am|vom|zum|den)\s\d{1,2}\.(?:\d{1,2}\.)?\s(?:\w+\s)?(?:und|oder|bis)\s$",
    re.IGNORECASE,
)
_WITH_ARTICLE = re.compile(
    r"\b(?:der|die|das|dieser|diese|dieses|jede|jedes|jeder|eine|meine|unsere|ihre)\s$", re.IGNORECASE
)


def _ending(before: str, bare: str) -> str:
    """The ending of an ordinal behind these words."""
    before = before[-40:]
    if spanned := re.search(r"t(er|e|en) bis $", before):
        return spanned[1]
    if _DECLINED.search(before):
        return "en"
    return "e" if _WITH_ARTICLE.search(before) else bare


def date(before: str, day: int, month: int, year_number: int | None) -> str:
    said = f"{ordinal(day, _ending(before, 'er'))} {_MONTHS[month - 1]}"
    return f"{said} {year(year_number)}" if year_number else said


def phone_group(group: str) -> str:
    """Digit by digit, long groups in twos."""
    if len(group) > 4:
        odd = len(group) % 2
        groups = [group[: 2 + odd], *(group[at : at + 2] for at in range(2 + odd, len(group), 2))]
        return ", ".join(map(phone_group, groups))
    return " ".join(_DIGITS[int(digit)] for digit in group)


def _short_dotted(found: _Match) -> str:
    day, month = int(found[1]), int(found[2])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return found[0]
    said = date(found.string[: found.start()], day, month, None)
    return said + "." if ends_here(found) else said


def _ordinal(found: _Match) -> str:
    return ordinal(int(found[1]), _ending(found.string[: found.start()], "e"))


def _ordinal_at_end(found: _Match) -> str:
    return ordinal(int(found[1]), "en") + ("." if not found.string[found.end() :].strip() else "")


def _first_of_span(found: _Match) -> str:
    return f"{ordinal(int(found[1]), _ending(found.string[: found.start()], 'er'))} bis "


def _street(found: _Match) -> str:
    end = "" if found.string[found.end() :].strip() else "."
    return ("straße" if found[0][0] == "s" else "Straße") + end


def price(amount: str, cents: int, part: Noun) -> str:
    if cents < 10:
        return f"{amount} und {cardinal(cents, part.gender)} {part.one if cents == 1 else part.many}"
    return f"{amount} {cardinal(cents)}"


_EURO = Coin(Noun("Euro", "Euro", "m"), Noun("Cent", "Cent", "m"))
_DOLLAR = Coin(Noun("Dollar", "Dollar", "m"), Noun("Cent", "Cent", "m"))
_POUND = Coin(Noun("Pfund", "Pfund", "n"), Noun("Penny", "Pence", "m"))
_FRANC = Coin(Noun("Franken", "Franken", "m"), Noun("Rappen", "Rappen", "m"))
_COINS = {
    "€": _EURO, "EUR": _EURO, "Euro": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "Dollar": _DOLLAR,
    "US-Dollar": Coin(Noun("US-Dollar", "US-Dollar", "m"), _DOLLAR.part), "£": _POUND, "GBP": _POUND, "Pfund": _POUND,
    "CHF": _FRANC, "Fr.": _FRANC, "Franken": _FRANC, "¥": Coin(Noun("Yen", "Yen", "m")), "JPY": Coin(Noun("Yen", "Yen", "m")),
    "ct": Coin(Noun("Cent", "Cent", "m")), "Cent": Coin(Noun("Cent", "Cent", "m")),
}  # fmt: skip
_UNITS = nouns(
    """
    km=Kilometer, Kilometer, m; m=Meter, Meter, m; cm=Zentimeter, Zentimeter, m; mm=Millimeter, Millimeter, m;
    kg=Kilogramm, Kilogramm, n; g=Gramm, Gramm, n; mg=Milligramm, Milligramm, n; t=Tonne, Tonnen, f;
    l|L=Liter, Liter, m; ml=Milliliter, Milliliter, m; km/h=Kilometer pro Stunde, Kilometer pro Stunde, m;
    m²|qm=Quadratmeter, Quadratmeter, m; km²=Quadratkilometer, Quadratkilometer, m; m³=Kubikmeter, Kubikmeter, m;
    °C=Grad Celsius, Grad Celsius, n; °F=Grad Fahrenheit, Grad Fahrenheit, n; °=Grad, Grad, n;
    h|Std.|Std=Stunde, Stunden, f; min|Min.|Min=Minute, Minuten, f; s|Sek.|sek|Sek=Sekunde, Sekunden, f;
    kWh=Kilowattstunde, Kilowattstunden, f; kW=Kilowatt, Kilowatt, n; W=Watt, Watt, n; PS=PS, PS, n; V=Volt, Volt, n;
    TB=Terabyte, Terabyte, n; GB=Gigabyte, Gigabyte, n; MB=Megabyte, Megabyte, n; kB|KB=Kilobyte, Kilobyte, n;
    MBit/s|Mbit/s=Megabit pro Sekunde, Megabit pro Sekunde, n;
    GHz=Gigahertz, Gigahertz, n; MHz=Megahertz, Megahertz, n; kHz=Kilohertz, Kilohertz, n; Hz=Hertz, Hertz, n
    """
)
_NO_YEAR = rf"(?![.,]\d|\s?(?:[€$£%°]|Euro|{'|'.join(map(re.escape, _UNITS))})(?!\w))"
"""Behind a number that is no year."""
_COUNTED = (
    "Stock|Etage|Obergeschoss|OG|Untergeschoss|UG|Klasse|Mal|Platz|Quartal|Halbjahr|Jahrhundert|Geburtstag|Termin|Woche|Tag|Versuch|"
    "Rate|Gang|Semester|Bezirk|Kapitel|Person|Reihe|Schritt|Auflage"
)


def german(region: str) -> Tongue:
    return Tongue(
        region=region or "DE",
        has_decimal_point=region in ("CH", "LI"),
        digits=_DIGITS,
        words=Words(
            comma="Komma", point="Punkt", minus="minus", plus="plus", percent="Prozent", to="bis", out_of="von", proportion="zu",
            number="Nummer", times="mal", equals="gleich", about="etwa", ands="und", ors="oder", at_least="mindestens",
            at_most="höchstens", squared="Quadrat", cubed="hoch drei", section="Paragraf", round_the_clock="rund um die Uhr",
        ),
        cardinal=cardinal,
        fraction=lambda fraction: " ".join(_DIGITS[int(digit)] for digit in fraction),
        gender_of=gender_of,
        year=year,
        clock=clock,
        time_marks="Uhr",
        date=date,
        months=months(
            "Januar Jan Jänner Jän", "Februar Feb Febr Feber", "März Mär Mrz", "April Apr", "Mai", "Juni Jun", "Juli Jul",
            "August Aug", "September Sep Sept", "Oktober Okt", "November Nov", "Dezember Dez",
        ),
        day_mark=r"\.",
        before_short_date=r"am|vom|zum|bis|ab|seit",
        phone_group=phone_group,
        phones=(
            r"\(0\d{1,5}\)[\s/-]{0,3}\d{2,}(?:[\s-]\d{1,}){0,5}", r"0\d{1,5}\s?[\s/-]\s?\d{2,}(?:[\s-]\d{1,}){0,5}", r"0[1-9]\d{6,11}",
        ),
        emergency=r"Notruf|Notrufnummer|(?:rufen|wählen)(?: Sie)?(?: die| bitte die)?|unter(?: der)?|ruf die|wähle die|die(?=\s11\d)",
        coins=_COINS,
        price=price,
        scales=nouns(
            "Mio.|Mio|Million|Millionen=Million, Millionen, f; Mrd.|Mrd|Milliarde|Milliarden=Milliarde, Milliarden, f;"
            "Tsd.|Tsd|tausend|Tausend=tausend, tausend, n"
        ),
        of=lambda amount, noun: f"{amount} {noun}",
        units=_UNITS,
        per=pairs(
            "Monat|Mon.=pro Monat; Jahr=pro Jahr; Woche=pro Woche; Tag=pro Tag; Stunde|Std.|Std|h=pro Stunde; Person=pro Person;"
            "Nacht=pro Nacht; Stück|St.=pro Stück; kg=pro Kilogramm; Minute|Min.|min=pro Minute; Sitzung=pro Sitzung; m²|qm=pro Quadratmeter;"
            "kWh=pro Kilowattstunde"
        ),
        address={
            ".": " Punkt ", "/": " Schrägstrich ", "-": " Bindestrich ", "_": " Unterstrich ", "@": " at ", "+": " plus ", ":": " Doppelpunkt ",
        },
        word_endings=frozenset(),
        often=Noun("Mal", "Mal", "n"),
        half=half,
        codes="PIN|TAN|Code|Kundennummer|Bestellnummer|Rechnungsnummer|Passwort",
        fractions=pairs(
            "1/3|⅓=ein Drittel; 2/3|⅔=zwei Drittel; 1/4|¼=ein Viertel; 3/4|¾=drei Viertel"
        ),
        letters=frozenset(words("EU USA UK EKG AOK ADAC UKW AGB EDV IT ICE IC EC AG SUV HNO OP ARD IHK KI ÖBB OGH AHV")),
        days=_DAYS,
        first=(
            rule(r"(?<!\w)(\d{1,2})\.(\d\d)(?=\s?(?:[–-]|bis|und)\s?\d{1,2}[.:]\d\d\s?Uhr)", r"\1:\2"),
            rule(r"(?<![\w/])(?:1/4|¼)\sStunde\b", "eine Viertelstunde"),
            rule(r"(?<![\w/])(?:3/4|¾)\sStunde\b", "eine Dreiviertelstunde"),
            rule(r"(?<!\w)(\d{1,3})\s?%-?(ig\w*)", lambda found: f"{cardinal(int(found[1]))}prozent{found[2]}"),
            rule(r"(?<=\d:\d\d)\s?h\b", " Uhr"),
            rule(r"(?<=\d),(?:-{1,2}|–|—)(?!\w)", ""),
            rule(r"(?<!\w)(\d{1,2})\.\s?(?:[–—-]|bis)\s?(?=\d{1,2}\.)", _first_of_span),
            rule(r"(?<![\w.,])(\d{1,2})\.\s?(\d{1,2})\.(?!\s?\d{4}|\d|\s?[/-]\s?\d)(?!\s(?:Uhr)\b)", _short_dotted),
        ),
        ordinals=(
            rule(rf"(?<![\w.,])(\d{{1,3}})\.(?=\s(?:\w+\s)?(?:{_COUNTED})\b)", _ordinal),
            rule(r"(?:(?<=\b[ai]m\s)|(?<=\b[vz][ou]m\s))(\d{1,2})\.(?![\d.])", _ordinal_at_end),
            rule(r"(?<=\b(?:den|dem|der|die|das)\s)(\d{1,2})\.(?=\s[a-zäöüA-ZÄÖÜ])", _ordinal),
            rule(rf"\b(seit|im Jahr|im Jahre|von|bis|um|vor|nach|ab|Jahrgang|geboren|Baujahr)\s(1[1-9]\d\d)\b{_NO_YEAR}",
                 lambda found: f"{found[1]} {year(int(found[2]))}", re.IGNORECASE),
            rule(rf"(?<![\w.,:/€$£-])(19\d\d)\b{_NO_YEAR}", lambda found: year(int(found[1]))),
            rule(r"\b(\d0)er(?=\b)(?:-Jahre)?", lambda found: f"{cardinal(int(found[1]))}er" + ("-Jahre" if "Jahre" in found[0] else "")),
            rule(r"(?<!\w)(\d{1,3})-?(mal|fach|jährig(?:e[rsnm]?)?|stündig(?:e[rsnm]?)?|tägig(?:e[rsnm]?)?|minütig(?:e[rsnm]?)?|er)\b",
                 lambda found: ("ein" if found[1] == "1" else cardinal(int(found[1]))) + found[2]),
            rule(r"(?<!\w)1\s(?=Mal\b)", "ein "),
        ),
        abbreviations=(
            abbreviated(
                """
                z.B.=zum Beispiel; d.h.=das heißt; u.a.=unter anderem; o.ä.=oder Ähnliches; i.d.R.=in der Regel;
                u.U.=unter Umständen;
                z.T.=zum Teil; v.a.=vor allem; o.g.=oben genannt; s.o.=siehe oben; s.u.=siehe unten;
                z.Zt.|z.Z.=zurzeit; i.A.=im Auftrag;
                usw.=und so weiter; etc.=et cetera; bzw.=beziehungsweise; zw.=zwischen; ca.=circa; ggf.|ggfs.=gegebenenfalls;
                evtl.|evt.=eventuell;
                inkl.=inklusive; exkl.=exklusive; zzgl.=zuzüglich; abzgl.=abzüglich; vgl.=vergleiche;
                bspw.=beispielsweise; sog.=sogenannt;
                mind.=mindestens; Nr.=Nummer; Tel.=Telefon; tgl.=täglich; mtl.=monatlich; jährl.=jährlich;
                geb.=geboren; gem.=gemäß; lt.=laut;
                Hr.|Hrn.=Herr; Dr.=Doktor; Dr.med.=Doktor; Pers.=Personen; Prof.=Professor;
                Dipl.-Ing.=Diplom-Ingenieur; Ing.=Ingenieur; Mag.=Magister; St.=Sankt; Abt.=Abteilung;
                Mio.=Millionen;
                Mrd.=Milliarden; Std.=Stunden; Min.=Minuten; Sek.=Sekunden; MwSt.=Mehrwertsteuer; USt.=Umsatzsteuer;
                GmbH=G.m.b.H;
                MwSt=Mehrwertsteuer; e.V.=e.V; Hbf.|Hbf=Hauptbahnhof; Pl.=Platz
                """,
                may_end="usw. etc. MwSt. e.V. o.ä. USt. Hbf.",
            ),
            rule(r"\bFr\.(?=\s(?:Dr\.|Doktor|Prof|[A-ZÄÖÜ\ue000-\uf8fe]))", "Frau"),
            rule(r"(?<=\w)[sS]tr\.(?=\s?(?:\d|[a-zäöü,;]|$))", _street),
            rule(r"(?<=[\s-])Str\.", "Straße"),
            rule(r"\b(Mo|Di|Mi|Do|Fr|Sa):", lambda found: _DAYS[found[1]] + ":"),
            rule(r"(?<=[a-zäöüß])nr\.", "nummer"),
            rule(r"\bmax\.(?=\s[a-zäöüß])", "maximal"),
            rule(r"\bmin\.(?=\s[a-zäöüß])", "mindestens"),
            rule(r"\bund/oder\b", "und oder"),
            rule(r"(?<=[a-zäöüß])(?:[:*_]|/-?)(?=in(?:nen)?\b)", ""),
        ),
    )  # fmt: skip
