"""Italian read aloud. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

from agents.reading.roman import roman
from agents.reading.rules import rule, words
from agents.reading.tongue import Coin, Gender, Noun, Tongue, Words, abbreviated, behind_comma, months, nouns, pairs

_Match = re.Match[str]

_DIGITS = words("zero uno due tre quattro cinque sei sette otto nove")
_MONTHS = (
    "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre",
)  # fmt: skip


@lru_cache(maxsize=4_096)
def cardinal(number: int, gender: Gender | None = None) -> str:
    if number == 1 and gender is not None:
        return "una" if gender == "f" else "un"
    return str(num2words(number, lang="it"))


@lru_cache(maxsize=512)
def ordinal(number: int, *, is_feminine: bool) -> str:
    said = str(num2words(number, lang="it", to="ordinal"))
    return said[:-1] + "a" if is_feminine else said


_FUNCTION_WORDS = frozenset(words("di del della dei e o a da per con su in ed al alle che non sono"))


def gender_of(word: str) -> Gender | None:
    if word in _FUNCTION_WORDS or not word.islower() or word in _MONTHS:
        return None
    return "f" if re.search(r"(?:[^m]a|zione|sione|tà|notte|ore|persone|volte|settimane|notti|stelle)$", word) else "m"


def clock(hour: int, minute: int | None, is_marked: bool) -> str:
    said = "una" if hour == 1 else cardinal(hour)
    return f"{said} e {cardinal(minute)}" if minute else said


def date(before: str, day: int, month: int, year: int | None) -> str:
    said = f"{'primo' if day == 1 else cardinal(day)} {_MONTHS[month - 1]}"
    return f"{said} {cardinal(year)}" if year else said


def half(whole: str, noun: str, gender: Gender | None) -> str:
    said = "mezza" if gender == "f" else "mezzo"
    return " ".join(filter(None, (whole, noun, "e", said))) if whole else f"{said} {noun}"


def phone_group(group: str) -> str:
    """Digit by digit, long groups in threes."""
    if len(group) > 4:
        groups = [group[at : at + 3] for at in range(0, len(group), 3)]
        if len(groups[-1]) == 1:
            groups[-2:] = [groups[-2] + groups[-1]]
        return ", ".join(map(phone_group, groups))
    return " ".join(_DIGITS[int(digit)] for digit in group)


def _ordinal(found: _Match) -> str:
    return ordinal(int(found[1]), is_feminine=found[2] == "ª")


def _century(found: _Match) -> str:
    return f"{ordinal(roman(found[1]), is_feminine=False)} secolo"


def _dotted_clock(found: _Match) -> str:
    """ "alle 17.30"."""
    if int(found[2]) > 24:
        return found[0]
    return found[1] + clock(int(found[2]), int(found[3]), False)


_CENT = Noun("centesimo", "centesimi", "m")
_EURO, _FRANC = Coin(Noun("euro", "euro", "m"), _CENT), Coin(Noun("franco", "franchi", "m"), _CENT)
_DOLLAR = Coin(Noun("dollaro", "dollari", "m"), Noun("centesimo", "centesimi", "m"))
_POUND, _YEN = Coin(Noun("sterlina", "sterline", "f"), Noun("penny", "penny", "m")), Coin(Noun("yen", "yen", "m"))
_COINS = {
    "€": _EURO, "EUR": _EURO, "euro": _EURO, "Euro": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "dollaro": _DOLLAR, "dollari": _DOLLAR,
    "£": _POUND, "GBP": _POUND, "sterline": _POUND, "CHF": _FRANC, "franchi": _FRANC, "¥": _YEN, "JPY": _YEN,
}  # fmt: skip
_UNITS = nouns(
    """
    km|Km=chilometro, chilometri, m; m|mt=metro, metri, m; cm=centimetro, centimetri, m; mm=millimetro, millimetri, m;
    kg|Kg=chilogrammo, chilogrammi, m; g|gr=grammo, grammi, m; hg=etto, etti, m; mg=milligrammo, milligrammi, m;
    t=tonnellata, tonnellate, f;
    l|L|lt=litro, litri, m; ml=millilitro, millilitri, m; km/h=chilometro all'ora, chilometri all'ora, m;
    m²|mq=metro quadrato, metri quadrati, m; km²=chilometro quadrato, chilometri quadrati, m;
    m³|mc=metro cubo, metri cubi, m;
    °C=grado Celsius, gradi Celsius, m; °F=grado Fahrenheit, gradi Fahrenheit, m; °=grado, gradi, m;
    h=ora, ore, f; min|min.=minuto, minuti, m; s|sec|sec.=secondo, secondi, m;
    kWh=chilowattora, chilowattora, m; kW=chilowatt, chilowatt, m; W=watt, watt, m; V=volt, volt, m;
    TB=terabyte, terabyte, m; GB=gigabyte, gigabyte, m; MB=megabyte, megabyte, m; KB|kB=kilobyte, kilobyte, m;
    Mbps|Mbit/s=megabit al secondo, megabit al secondo, m;
    GHz=gigahertz, gigahertz, m; MHz=megahertz, megahertz, m; kHz=chilohertz, chilohertz, m; Hz=hertz, hertz, m
    """
)


def italian(region: str) -> Tongue:
    return Tongue(
        region=region or "IT",
        has_decimal_point=region == "CH",
        digits=_DIGITS,
        words=Words(
            comma="virgola", point="punto", minus="meno", plus="più", percent="per cento", to="a", out_of="su", proportion="a",
            number="numero", times="per", equals="uguale a", about="circa", ands="e", ors="o", at_least="almeno",
            at_most="al massimo", squared="al quadrato", cubed="al cubo", section="paragrafo",
            round_the_clock="ventiquattr'ore su ventiquattro, sette giorni su sette",
        ),
        cardinal=cardinal,
        fraction=behind_comma(cardinal, _DIGITS, 2),
        gender_of=gender_of,
        year=cardinal,
        clock=clock,
        time_marks="(?!)",
        date=date,
        months=months(
            "gennaio gen genn", "febbraio feb febbr", "marzo mar", "aprile apr", "maggio mag magg", "giugno giu", "luglio lug", "agosto ago",
            "settembre set sett", "ottobre ott", "novembre nov", "dicembre dic",
        ),
        day_mark="[º°]",
        before_short_date="il|dal|al|del|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
        phone_group=phone_group,
        phones=(
            r"0\d{1,3}(?:[\s./-]\d{2,4}){2,3}", r"0\d{1,3}[\s./-]{1,3}\d{4,8}", r"0\d{7,10}", r"3\d\d[\s./-]?\d{3}[\s.-]?\d{3,4}",
            r"3\d\d[\s./-]?\d{7}", r"3\d\d(?:\s\d{2}){2}\s\d{3}", r"(?:800|840|199|892)[\s.-]?\d{3}[\s.-]?\d{3}",
        ),
        emergency=r"(?:chiam\w+|componga|compon\w+|digit\w+|numero)(?: il| al)?|(?:il|al)(?=\s11[23458]\b)",
        coins=_COINS,
        price=lambda amount, cents, part: (
            f"{amount} e {cardinal(cents, part.gender)} {part.one if cents == 1 else part.many}" if cents < 10 else f"{amount} e {cardinal(cents)}"
        ),
        scales=nouns(
            "milione|milioni|mln|Mln=milione, milioni, m; miliardo|miliardi|mld|Mld=miliardo, miliardi, m; mila=mila, mila, m"
        ),
        of=lambda amount, noun: f"{amount} {'di ' if re.search(r'(?:milion|miliard)[eio]$', amount) else ''}{noun}",
        units=_UNITS,
        per=pairs(
            "mese=al mese; anno=all'anno; settimana=a settimana; giorno=al giorno; ora|h=all'ora; persona|pers.=a persona; notte=a notte;"
            "pezzo|pz.=al pezzo; kg|Kg=al chilo; min|minuto=al minuto; seduta=a seduta; m²|mq=al metro quadrato; kWh=al chilowattora"
        ),
        address={
            ".": " punto ", "/": " barra ", "-": " trattino ", "_": " trattino basso ", "@": " chiocciola ", "+": " più ", ":": " due punti ",
        },
        word_endings=frozenset({"it", "eu", "io", "es", "de"}),
        often=Noun("volta", "volte", "f"),
        half=half,
        codes="PIN|codice|password|ordine",
        fractions=pairs("1/3|⅓=un terzo; 2/3|⅔=due terzi; 1/4|¼=un quarto; 3/4|¾=tre quarti"),
        letters=frozenset(words("UE USA IA API URL ATM EKG ECG")),
        days=pairs("lun|Lun=lunedì; mar|Mar=martedì; mer|Mer=mercoledì; gio|Gio=giovedì; ven|Ven=venerdì; sab|Sab=sabato; dom|Dom=domenica"),
        first=(
            rule(r"(?<![\w.,])(\d{1,2})\.([0-5]\d)\s?[–-]\s?(\d{1,2})\.([0-5]\d)(?![\d.,]|\s?(?:€|euro|%))", r"\1:\2-\3:\4"),
            rule(r"(?<!\w)[nN]\.\s?(?=\d)", "numero "),
            rule(r"\b(?:h24|H24|24h)\b|\b24\s?(?:ore\s)?su\s24\b", "ventiquattr'ore su ventiquattro"),
            rule(r"\b(?:h|H)\.?\s?(?=\d{1,2}(?:[.:]\d\d)?(?!\w))", "ore "),
            rule(r"\b((?:alle|dalle|ore|le|all'|dall'|fino alle)\s?)(\d{1,2})\.([0-5]\d)(?![\d.,]|\s?(?:€|euro|%))", _dotted_clock, re.IGNORECASE),
            rule(r"(?<!\w)(\d{1,2})[º°](?=\s?(?:gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre))",
                 lambda found: "1" if found[1] == "1" else ordinal(int(found[1]), is_feminine=False)),
        ),
        ordinals=(rule(r"(?<![\w,])(\d{1,3})\.?(º|ª|°(?=\s[a-zàèéìòù]))(?!\w)", _ordinal),),
        abbreviations=(
            rule(r"(?<!\w)[nN]\.?[º°]\s?(?=\w)", "numero "),
            rule(r"\b([IVXLC]{1,6})\ssecolo\b", _century),
            rule(r"\bmax\.(?=\s[a-zàèéìòù])", "massimo"),
            rule(r"\bmin\.(?=\s[a-zàèéìòù])", "minimo"),
            rule(r"\be/o\b", "e o"),
            rule(r"(?<=\w)(?:/[aeio]|\([aeio]\))(?!\w)", ""),
            abbreviated(
                """
                Sig.=signor; Sig.ra=signora; Sig.na=signorina; Sigg.=signori; Dott.=dottor; Dott.ssa=dottoressa;
                Dr.=dottor; Dr.ssa=dottoressa; Prof.=professor; Prof.ssa=professoressa;
                Avv.=avvocato; Ing.=ingegner; Arch.=architetto; Geom.=geometra; Rag.=ragionier; Spett.le=spettabile;
                Gent.=gentile; Gent.mo=gentilissimo; Egr.=egregio;
                ecc.|etc.=eccetera; p.es.|per es.=per esempio; ad es.=ad esempio; es.=esempio; pag.=pagina;
                pagg.=pagine; tel.=telefono; cell.=cellulare; nr.|num.=numero;
                P.zza=piazza; p.zza=piazza; P.za=piazza; V.le|v.le=viale; C.so|c.so=corso; L.go=largo; ca.=circa;
                S.p.A.|SpA=S.P.A; S.r.l.|Srl|SRL=S.R.L;
                c.d.=cosiddetto; int.=interno; p.iva=partita iva; P.IVA=partita iva; c.f.|C.F.=codice fiscale;
                c.a.=corrente anno; rif.=riferimento; incl.=incluso; c.m.=corrente mese
                """,
                may_end="ecc. etc. S.p.A. S.r.l. c.a. c.m.",
            ),
        ),
    )  # fmt: skip
