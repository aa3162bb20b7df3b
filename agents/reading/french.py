"""French read aloud, in France, Belgium, Switzerland and Canada. Pure."""

from __future__ import annotations

import re
from functools import lru_cache, partial

from num2words import num2words

from agents.reading.roman import roman
from agents.reading.rules import rule, words
from agents.reading.tongue import Coin, Gender, Noun, Tongue, Words, abbreviated, behind_comma, months, nouns, pairs

_Match = re.Match[str]

_DIGITS = words("zéro un deux trois quatre cinq six sept huit neuf")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_OWN_TENS = {"BE": "fr_BE", "CH": "fr_CH"}
"""Where seventy is septante."""


@lru_cache(maxsize=4_096)
def _cardinal(region: str, number: int, gender: Gender | None = None) -> str:
    said = str(num2words(number, lang=_OWN_TENS.get(region, "fr")))
    if region in _OWN_TENS:  # the plurals of these tables are wrong
        said = (
            re.sub(r"cents (?=\w)(?!mill)", "cent ", said)
            .replace("un millions", "un million")
            .replace("un milliards", "un milliard")
        )
        said = re.sub(r"quatre-vingt$", "quatre-vingts", said)
    return re.sub(r"\bun$", "une", said) if gender == "f" else said


@lru_cache(maxsize=512)
def _ordinal_of(region: str, number: int, *, is_feminine: bool) -> str:
    if number == 1:
        return "première" if is_feminine else "premier"
    said = str(num2words(number, lang=_OWN_TENS.get(region, "fr"), to="ordinal"))
    return re.sub(r"(cent|vingt)sième$", r"\1ième", said)


_FEMININE = frozenset(
    words(
        """
        heure minute seconde personne semaine année journée soirée nuit place chambre table fois séance consultation question option
        page étoile pièce tasse cuillère fourchette facture chose équipe langue bouteille boîte carte rue ligne étape copie livre
        tonne part tranche visite commande demande réponse adresse
        """
    )
)


def gender_of(word: str) -> Gender | None:
    word = word.removesuffix("s")
    if not word.islower():
        return None
    return "f" if word in _FEMININE or re.search(r"(?:tion|sion|ette|ité|ance|ence|ure|ée)$", word) else "m"


def _clock(region: str, hour: int, minute: int | None, is_marked: bool) -> str:
    said = f"{_cardinal(region, hour, 'f')} {'heure' if hour < 2 else 'heures'}"
    return f"{said} {_cardinal(region, minute, 'f')}" if minute else said


def _date(region: str, before: str, day: int, month: int, year: int | None) -> str:
    said = f"{'premier' if day == 1 else _cardinal(region, day)} {_MONTHS[month - 1]}"
    return f"{said} {_cardinal(region, year)}" if year else said


def half(whole: str, noun: str, gender: Gender | None) -> str:
    if whole:
        return " ".join(filter(None, (whole, noun, "et", "demie" if gender == "f" else "demi")))
    return f"{'une' if gender == 'f' else 'un'} demi {noun}"


def _phone_group(region: str, group: str) -> str:
    """Two digits as a number: zéro six, douze, trente-quatre."""
    zeros = len(group) - len(group.lstrip("0"))
    if len(group) == 4 and group.startswith("08"):
        return f"{_DIGITS[0]} {_cardinal(region, int(group))}"
    if len(group) > 3:
        odd = len(group) % 2
        groups = [group[:odd], *(group[at : at + 2] for at in range(odd, len(group), 2))]
        return ", ".join(_phone_group(region, one) for one in groups if one)
    rest = [_cardinal(region, int(group))] if zeros < len(group) else []
    return " ".join([_DIGITS[0]] * zeros + rest)


def _ordinal(region: str, found: _Match) -> str:
    return _ordinal_of(region, int(found[1]), is_feminine=found[2] in ("re", "ère", "ere"))


def _century(region: str, found: _Match) -> str:
    return _ordinal_of(region, roman(found[1]), is_feminine=False) + " siècle"


def _price(region: str, amount: str, cents: int, part: Noun) -> str:
    if cents < 10:
        return f"{amount} et {_cardinal(region, cents, part.gender)} {part.one if cents == 1 else part.many}"
    return f"{amount} {_cardinal(region, cents)}"


def _of(amount: str, noun: str) -> str:
    """ "deux millions d'euros"."""
    if not re.search(r"(?:million|milliard)s?$", amount):
        return f"{amount} {noun}"
    return f"{amount} d'{noun}" if noun[0] in "aeéiouh" else f"{amount} de {noun}"


_CENT = Noun("centime", "centimes", "m")
_EURO, _FRANC = Coin(Noun("euro", "euros", "m"), _CENT), Coin(Noun("franc", "francs", "m"), _CENT)
_DOLLAR = Coin(Noun("dollar", "dollars", "m"), Noun("cent", "cents", "m"))
_POUND, _YEN = Coin(Noun("livre", "livres", "f"), Noun("penny", "pence", "m")), Coin(Noun("yen", "yens", "m"))
_COINS = {
    "€": _EURO, "EUR": _EURO, "euro": _EURO, "euros": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "CAD": _DOLLAR, "dollar": _DOLLAR,
    "dollars": _DOLLAR, "£": _POUND, "GBP": _POUND, "CHF": _FRANC, "francs": _FRANC, "franc": _FRANC, "¥": _YEN, "JPY": _YEN,
    "k€": Coin(Noun("mille euros", "mille euros", "m")), "M€": Coin(Noun("million d'euros", "millions d'euros", "m")),
}  # fmt: skip
_UNITS = nouns(
    """
    km=kilomètre, kilomètres, m; m=mètre, mètres, m; cm=centimètre, centimètres, m; mm=millimètre, millimètres, m;
    kg=kilogramme, kilogrammes, m; g=gramme, grammes, m; mg=milligramme, milligrammes, m; t=tonne, tonnes, f;
    l|L=litre, litres, m; ml|mL=millilitre, millilitres, m; cl|cL=centilitre, centilitres, m;
    km/h=kilomètre par heure, kilomètres par heure, m;
    m²|m2=mètre carré, mètres carrés, m; km²=kilomètre carré, kilomètres carrés, m; m³=mètre cube, mètres cubes, m;
    °C=degré Celsius, degrés Celsius, m; °F=degré Fahrenheit, degrés Fahrenheit, m; °=degré, degrés, m;
    min|min.|mn=minute, minutes, f; s|sec|sec.=seconde, secondes, f; j=jour, jours, m;
    kWh=kilowattheure, kilowattheures, m;
    kW=kilowatt, kilowatts, m; W=watt, watts, m; V=volt, volts, m; To=téraoctet, téraoctets, m;
    Go=gigaoctet, gigaoctets, m; Mo=mégaoctet, mégaoctets, m;
    Ko|ko=kilooctet, kilooctets, m; Mbit/s=mégabit par seconde, mégabits par seconde, m; GHz=gigahertz, gigahertz, m;
    MHz=mégahertz, mégahertz, m; kHz=kilohertz, kilohertz, m; Hz=hertz, hertz, m
    """
)


def french(region: str) -> Tongue:
    region = region or "FR"
    cardinal = partial(_cardinal, region)
    return Tongue(
        region=region,
        has_decimal_point=region == "CH",
        digits=_DIGITS,
        words=Words(
            comma="virgule", point="point", minus="moins", plus="plus", percent="pour cent", to="à", out_of="sur", proportion="à",
            number="numéro", times="fois", equals="égale", about="environ", ands="et", ors="ou", at_least="au moins",
            at_most="au plus", squared="au carré", cubed="au cube", section="paragraphe",
            round_the_clock="vingt-quatre heures sur vingt-quatre, sept jours sur sept",
        ),
        cardinal=cardinal,
        fraction=behind_comma(cardinal, _DIGITS, 3),
        gender_of=gender_of,
        year=cardinal,
        clock=partial(_clock, region),
        time_marks="heures?|h",
        date=partial(_date, region),
        months=months(
            "janvier janv jan", "février fevrier févr fév fevr", "mars", "avril avr", "mai", "juin", "juillet juil", "août aout",
            "septembre sept", "octobre oct", "novembre nov", "décembre decembre déc",
        ),
        day_mark="er",
        before_short_date="le|du|au|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
        phone_group=partial(_phone_group, region),
        phones=(r"0[1-9](?:[\s.-]?\d{2}){4}", r"0\s?8\d\d(?:[\s.]\d{3}){2}", r"0\s?8\d\d(?:[\s.]\d{2}){3}", r"0\d{2,3}(?:[\s./]\d{2,3}){2,3}"),
        emergency="(?!)",  # "le cent douze"
        coins=_COINS,
        price=partial(_price, region),
        scales=nouns("million|millions|M=million, millions, m; milliard|milliards|Md|Mds=milliard, milliards, m; mille=mille, mille, m"),
        of=_of,
        units=_UNITS,
        per=pairs(
            "mois=par mois; an=par an; semaine|sem.=par semaine; jour|j=par jour; heure|h=de l'heure; personne|pers.|pers=par personne;"
            "nuit=par nuit;"
            "unité=l'unité; kg=le kilo; min|minute=par minute; séance=par séance; m²=le mètre carré; kWh=le kilowattheure"
        ),
        address={
            ".": " point ", "/": " barre oblique ", "-": " tiret ", "_": " tiret bas ", "@": " arobase ", "+": " plus ", ":": " deux points ",
        },
        word_endings=frozenset({"io"}),
        often=Noun("fois", "fois", "f"),
        half=half,
        codes="PIN|code|mot de passe|commande|dossier",
        fractions=pairs("1/3|⅓=un tiers; 2/3|⅔=deux tiers; 1/4|¼=un quart; 3/4|¾=trois quarts"),
        letters=frozenset(words("UE USA IRM IVG IA API URL RER EDF HLM APL ADN UV")),
        days=pairs("lun=lundi; mar=mardi; mer=mercredi; jeu=jeudi; ven=vendredi; sam=samedi; dim=dimanche"),
        first=(
            rule(r"\b24\s?h(?:eures)?(?:\s?/\s?24|\s?sur 24)(?!\w)", "vingt-quatre heures sur vingt-quatre"),
            rule(r"\b7\s?j(?:ours)?(?:\s?/\s?7|\s?sur 7)(?!\w)", "sept jours sur sept"),
        ),
        ordinals=(rule(r"(?<![\w,.])(\d{1,3})(er|re|ère|ere|ème|eme|nd|nde|e)s?(?!\w)", partial(_ordinal, region)),),
        abbreviations=(
            rule(r"\b([IVXLC]{1,6})(?:e|ème)\ssiècle\b", partial(_century, region)),
            rule(r"(?<!\w)[nN]°s?\s?(?=\w)", "numéro "),
            rule(r"\bM\.(?=\s[A-ZÀÉÈ\ue000-\uf8fe])", "Monsieur"),
            rule(r"\bM(?:M|rs)\.(?=\s)", "Messieurs"),
            rule(r"\b(?:Dr|Pr|Me)\b\.?(?=\s[A-ZÀÉÈ\ue000-\uf8fe])",
                 lambda found: {"Dr": "Docteur", "Pr": "Professeur", "Me": "Maître"}[found[0].rstrip(".")]),
            rule(r"\bSt(?=[\s-][A-ZÉÈ])", "Saint"),
            rule(r"\bSte(?=[\s-][A-ZÉÈ])", "Sainte"),
            rule(r"(?<!oblique )\brdv\b", "rendez-vous"),
            rule(r"\bmax\.(?=\s[a-zàéè])", "maximum"),
            rule(r"\bmin\.(?=\s[a-zàéè])", "minimum"),
            rule(r"\bet/ou\b", "et ou"),
            rule(r"(?<=[a-zéè])(?:\((?:e|es|s|ne|le)\)|[·.](?:e|ne|le|rice)(?:[·.]s)?\b)", ""),
            abbreviated(
                """
                Mme=Madame; Mmes=Mesdames; Mlle=Mademoiselle; Mlles=Mesdemoiselles; etc.=et cetera;
                p.ex.=par exemple; ex.=exemple; c.-à-d.|càd=c'est-à-dire;
                env.=environ; av.=avenue; bd|bd.|Bd|Bld|boul.=boulevard; pl.=place; tél.=téléphone;
                RDV=rendez-vous; SVP|svp|s.v.p.=s'il vous plaît;
                TTC=toutes taxes comprises; HT=hors taxes; TVA=T.V.A; apt.|appt.=appartement; bât.=bâtiment;
                réf.=référence; dép.=département; cf.=voir; vs=contre; p.=page;
                qqn=quelqu'un; qqch=quelque chose; janv.=janvier; févr.=février; juil.=juillet; sept.=septembre;
                oct.=octobre; nov.=novembre; déc.=décembre;
                incl.=inclus; hôp.=hôpital; S.A.=S.A; E.U.=États-Unis
                """,
                may_end="etc. s.v.p. S.A.",
            ),
        ),
    )  # fmt: skip
