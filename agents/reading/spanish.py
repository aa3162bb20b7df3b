"""Spanish read aloud, in Spain and in America. Pure."""

from __future__ import annotations

import re
from functools import lru_cache, partial

from num2words import num2words

from agents.reading.roman import roman
from agents.reading.rules import rule, words
from agents.reading.tongue import Coin, Gender, Noun, Tongue, Words, abbreviated, behind_comma, months, nouns, pairs

_Match = re.Match[str]

_DIGITS = words("cero uno dos tres cuatro cinco seis siete ocho nueve")
_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip
_POINT_COUNTRIES = frozenset(words("MX US PR GT SV HN NI PA DO PE 419"))
"""Where decimals have a point: 1,250.50."""
_PESO_COUNTRIES = frozenset(words("MX AR CL CO UY DO CU"))
"""Where $ is a peso."""
_ODD_ORDINALS = {11: "undécimo", 12: "duodécimo"}


@lru_cache(maxsize=4_096)
def cardinal(number: int, gender: Gender | None = None) -> str:
    said = str(num2words(number, lang="es"))
    said = re.sub(r"veintiuno (?=mil)", "veintiún ", said)
    said = re.sub(r"uno (?=mil)", "un ", said)
    if gender == "f":
        said = re.sub(r"uno$", "una", said)
        return re.sub(r"(cient|quinient)os\b(?!.*mill)", r"\1as", said)
    if gender is not None:
        said = re.sub(r"veintiuno$", "veintiún", said)
        return re.sub(r"uno$", "un", said)
    return said


@lru_cache(maxsize=512)
def ordinal(number: int, *, is_feminine: bool, is_short: bool = False) -> str:
    said = _ODD_ORDINALS.get(number) or str(num2words(number, lang="es", to="ordinal"))
    if is_feminine:
        return re.sub(r"o\b", "a", said)
    return re.sub(r"(primer|tercer)o$", r"\1", said) if is_short else said


_FUNCTION_WORDS = frozenset(
    words(
        "de del que con por para una unas uno unos como entre hasta desde está están son era fue cada al y o a en el la los las es"
    )
)


def gender_of(word: str) -> Gender | None:
    if word in _FUNCTION_WORDS or not word.islower() or word in _MONTHS:
        return None
    if word in ("día", "días", "problema", "problemas", "programa", "programas", "idioma", "idiomas", "mapa", "mapas"):
        return "m"
    return (
        "f"
        if re.search(r"(?:a|as|ción|ciones|sión|siones|dad|dades|noches?|veces|vez|clases?|calles?|tardes?)$", word)
        else "m"
    )


def clock(hour: int, minute: int | None, is_marked: bool) -> str:
    said = cardinal(hour, "f")
    if not minute:
        return f"{said} {'hora' if hour == 1 else 'horas'}" if is_marked or hour > 12 or hour == 0 else said
    if hour > 12 or hour == 0:
        return f"{said} {'y ' if minute < 10 else ''}{cardinal(minute)}"
    if minute in (15, 30):
        return f"{said} y {'cuarto' if minute == 15 else 'media'}"
    return f"{said} {'y ' if minute < 30 else ''}{cardinal(minute)}"


def _half_day(found: _Match) -> str:
    """ "8:30 p. m." by the part of the day."""
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        return found[0]
    if found["half"][0].lower() == "a":
        part = "de la noche" if hour == 12 else "de la mañana"
    else:
        part = "del mediodía" if hour == 12 else "de la tarde" if hour < 8 else "de la noche"
    end = "." if found[0].endswith(".") and not found.string[found.end() :].strip() else ""
    return f"{clock(hour, minute, False)} {part}{end}"


def _date(region: str, before: str, day: int, month: int, year: int | None) -> str:
    first = "uno" if region == "ES" else "primero"
    said = f"{first if day == 1 else cardinal(day)} de {_MONTHS[month - 1]}"
    return f"{said} de {cardinal(year)}" if year else said


def half(whole: str, noun: str, gender: Gender | None) -> str:
    said = "media" if gender == "f" else "medio"
    return " ".join(filter(None, (whole, noun, "y", said))) if whole else f"{said} {noun}"


def phone_group(group: str) -> str:
    """Two digits as a number, three one by one."""
    if len(group) == 2:
        return cardinal(int(group)) if group[0] != "0" else f"cero {_DIGITS[int(group[1])]}"
    if len(group) > 3 and len(group) % 2 == 0:
        return ", ".join(phone_group(group[at : at + 2]) for at in range(0, len(group), 2))
    return " ".join(_DIGITS[int(digit)] for digit in group)


def _ordinal(found: _Match) -> str:
    mark = found[2].lower()
    return ordinal(int(found[1]), is_feminine=mark in ("ª", "a", "as"), is_short=mark in ("er", "ᵉʳ"))


_CENT, _CENTAVO = Noun("céntimo", "céntimos", "m"), Noun("centavo", "centavos", "m")
_EURO = Coin(Noun("euro", "euros", "m"), _CENT)
_DOLLAR = Coin(Noun("dólar", "dólares", "m"), Noun("centavo", "centavos", "m"))
_PESO = Coin(Noun("peso", "pesos", "m"), _CENTAVO)
_POUND = Coin(Noun("libra", "libras", "f"), Noun("penique", "peniques", "m"))
_YEN, _SOL = Coin(Noun("yen", "yenes", "m")), Coin(Noun("sol", "soles", "m"), _CENT)


def _coins(region: str) -> dict[str, Coin]:
    return {
        "€": _EURO, "EUR": _EURO, "euro": _EURO, "euros": _EURO, "US$": _DOLLAR, "USD": _DOLLAR, "dólar": _DOLLAR, "dólares": _DOLLAR,
        "$": _PESO if region in _PESO_COUNTRIES else _DOLLAR, "MXN": _PESO, "ARS": _PESO, "CLP": _PESO, "COP": _PESO, "peso": _PESO,
        "pesos": _PESO, "£": _POUND, "GBP": _POUND, "libras": _POUND, "¥": _YEN, "JPY": _YEN, "S/": _SOL, "PEN": _SOL, "soles": _SOL,
    }  # fmt: skip


_UNITS = nouns(
    """
    km|kms=kilómetro, kilómetros, m; m=metro, metros, m; cm=centímetro, centímetros, m; mm=milímetro, milímetros, m;
    kg=kilogramo, kilogramos, m; g|gr=gramo, gramos, m; mg=miligramo, miligramos, m; t=tonelada, toneladas, f;
    lb=libra, libras, f;
    l|L=litro, litros, m; ml=mililitro, mililitros, m; km/h=kilómetro por hora, kilómetros por hora, m;
    m²|m2=metro cuadrado, metros cuadrados, m; km²=kilómetro cuadrado, kilómetros cuadrados, m;
    m³=metro cúbico, metros cúbicos, m;
    °C|ºC=grado Celsius, grados Celsius, m; °F|ºF=grado Fahrenheit, grados Fahrenheit, m; °=grado, grados, m;
    min|min.|mins=minuto, minutos, m; s|seg|seg.=segundo, segundos, m;
    kWh=kilovatio hora, kilovatios hora, m; kW=kilovatio, kilovatios, m; W=vatio, vatios, m; V=voltio, voltios, m;
    TB=terabyte, terabytes, m; GB=gigabyte, gigabytes, m; MB=megabyte, megabytes, m; KB|kB=kilobyte, kilobytes, m;
    Mbps=megabit por segundo, megabits por segundo, m;
    GHz=gigahercio, gigahercios, m; MHz=megahercio, megahercios, m; kHz=kilohercio, kilohercios, m;
    Hz=hercio, hercios, m
    """
)


def spanish(region: str) -> Tongue:
    region = region or "ES"
    return Tongue(
        region=region if len(region) == 2 else "MX",
        has_decimal_point=region in _POINT_COUNTRIES,
        digits=_DIGITS,
        words=Words(
            comma="punto" if region in _POINT_COUNTRIES else "coma",
            point="punto", minus="menos", plus="más", percent="por ciento", to="a", out_of="de", proportion="a",
            number="número", times="por", equals="igual a", about="unos", ands="y", ors="o", at_least="al menos",
            at_most="como máximo", squared="al cuadrado", cubed="al cubo", section="sección", round_the_clock="las veinticuatro horas",
        ),
        cardinal=cardinal,
        fraction=behind_comma(cardinal, _DIGITS, 2),
        gender_of=gender_of,
        year=cardinal,
        clock=clock,
        time_marks=r"hrs\.?|hs\.?|horas?|h\.?",
        date=partial(_date, region),
        months=months(
            "enero ene", "febrero feb", "marzo mar", "abril abr", "mayo may", "junio jun", "julio jul", "agosto ago",
            "septiembre setiembre sep sept set", "octubre oct", "noviembre nov", "diciembre dic",
        ),
        day_mark=r"\.?º|°",
        before_short_date="el|del|al|día|hasta|desde|lunes|martes|miércoles|jueves|viernes|sábado|domingo",
        phone_group=phone_group,
        phones=(
            r"[6789]\d{2}(?:[\s-]?\d{3}){2}", r"[6789]\d{2}(?:[\s.-]?\d{2}){3}", r"[89]\d[\s.-]\d{3}(?:[\s.-]\d{2}){2}",
            r"\(?\d{2,3}\)?\s\d{4}[\s-]\d{4}",
            r"0\d{8,10}", r"90\d\s\d{3}\s\d{3}",
        ),
        emergency=r"(?:llam\w+|marc\w+|emergencias)(?: al?| el)?|al(?=\s(?:112|911|091|061|016|080)\b)",
        coins=_coins(region),
        price=lambda amount, cents, part: f"{amount} con {cardinal(cents, part.gender)} {part.one if cents == 1 else part.many}",
        scales=nouns("millón|millones|M=millón, millones, m; mil=mil, mil, m"),
        of=lambda amount, noun: f"{amount} {'de ' if re.search(r'mill(?:ón|ones)$', amount) else ''}{noun}",
        units=_UNITS,
        per=pairs(
            "mes=al mes; año=al año; semana=a la semana; día=al día; hora|h=por hora; persona|pers.=por persona; noche=por noche;"
            "unidad|ud.=por unidad; kg=por kilo; min|minuto=por minuto; sesión=por sesión; m²=por metro cuadrado; kWh=por kilovatio hora"
        ),
        address={
            ".": " punto ", "/": " barra ", "-": " guion ", "_": " guion bajo ", "@": " arroba ", "+": " más ", ":": " dos puntos ",
        },
        word_endings=frozenset({"es", "eu", "it", "io"}),
        often=Noun("vez", "veces", "f"),
        half=half,
        codes="PIN|código|clave|contraseña|pedido|referencia",
        fractions=pairs("1/3|⅓=un tercio; 2/3|⅔=dos tercios; 1/4|¼=un cuarto; 3/4|¾=tres cuartos"),
        letters=frozenset(words("UE DNI NIF NIE ITV ADN IA API URL OMS")),
        days=pairs(
            "lun|Lun=lunes; mar|Mar=martes; mié|mie|Mié=miércoles; jue|Jue=jueves; vie|Vie=viernes; sáb|sab|Sáb=sábado; dom|Dom=domingo"
        ),
        first=(
            rule(r"(?<!\w)(?<!\d[.,])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s?(?P<half>[ap])(?:\.\s?m\.|m\b\.?)", _half_day, re.IGNORECASE),
            rule(r"(?<!\w)1\.?[º°](?=\s?de\s)", "primero"),
        ),
        ordinals=(
            rule(r"(?<![\w,])(\d{1,3})\.?(º|ª|er|ᵉʳ|°(?=\s[a-záéíóú]))(?!\w)", _ordinal),
            rule(r"(?<![\w,])(\d{1,2})\.?(o|a)\.(?=\s[a-z])", _ordinal),
            rule(r"(?<!\w)c/\s?(?=[A-ZÁÉÍÓÚ\d])", "calle "),
        ),
        abbreviations=(
            rule(r"(?<!\w)[cC]/\s?(?=[A-ZÁÉÍÓÚ])", "calle "),
            rule(r"\b(siglos?\s)([IVXLC]{1,6})\b", lambda found: found[1] + cardinal(roman(found[2]))),
            rule(r"\bL\s?(?:[-–]|a)\s?([VSD])\b", lambda found: "lunes a " + {"V": "viernes", "S": "sábado", "D": "domingo"}[found[1]]),
            rule(r"(?<!\w)s/n\b", "sin número"),
            rule(r"\by/o\b", "y o"),
            rule(r"(?<=\w)(?:/(?:as?|os?)|\((?:as?|os?|es)\))(?!\w)", ""),
            rule(r"(?<!\w)n\.?[º°]s?(?!\w)\s?", "número "),
            rule(r"(?<!\w)N\.?[º°]s?(?!\w)\s?", "Número "),
            abbreviated(
                """
                Sr.=señor; Sra.=señora; Srta.=señorita; Sres.=señores; Sras.=señoras; D.=don; Dña.|D.ª=doña;
                Dr.=doctor; Dra.=doctora;
                Drs.|Dres.=doctores; Ud.|Vd.=usted; Uds.|Vds.=ustedes; Lic.=licenciado; Lcda.=licenciada;
                Ing.=ingeniero; Arq.=arquitecto; Prof.=profesor; Profa.=profesora;
                p.ej.|p.e.=por ejemplo; etc.=etcétera; pág.=página; págs.=páginas; tel.|tfno.|teléf.|tlf.=teléfono;
                núm.|nro.=número; Nro.|Núm.=Número;
                avda.|av.|Av.|Avda.=avenida; pza.|plza.|Pza.|Plza.=plaza; ctra.|Ctra.=carretera; dcha.=derecha;
                izda.|izq.=izquierda; dpto.|depto.=departamento; aprox.=aproximadamente;
                máx.=máximo; mín.=mínimo; min.=minutos; EE.UU.=Estados Unidos; EEUU=Estados Unidos;
                C.P.=código postal; apdo.=apartado; Sto.=Santo; Sta.=Santa; S.A.=S.A; S.L.=S.L;
                esq.=esquina; cta.=cuenta; ref.=referencia; dto.=descuento; incl.=incluido
                """,
                may_end="etc. EE.UU. S.A. S.L. Uds. Vds. Ud. Vd.",
            ),
        ),
    )  # fmt: skip
