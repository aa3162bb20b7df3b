"""Portuguese read aloud, in Brazil and in Portugal. Pure."""

from __future__ import annotations

import re
from functools import lru_cache, partial

from num2words import num2words

from agents.reading.roman import roman
from agents.reading.rules import rule, words
from agents.reading.tongue import Coin, Gender, Noun, Tongue, Words, abbreviated, behind_comma, months, nouns, pairs

_Match = re.Match[str]

_DIGITS = words("zero um dois três quatro cinco seis sete oito nove")
_MONTHS = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro",
)  # fmt: skip


@lru_cache(maxsize=4_096)
def _cardinal(region: str, number: int, gender: Gender | None = None) -> str:
    said = str(num2words(number, lang="pt_BR" if region == "BR" else "pt")).replace(",", "")
    if gender != "f":
        return said
    said = re.sub(r"\bum$", "uma", said)
    return re.sub(
        r"\b(dois|\w+entos)\b(?!.*lh[õã])", lambda found: "duas" if found[0] == "dois" else found[0][:-2] + "as", said
    )


@lru_cache(maxsize=512)
def ordinal(number: int, *, is_feminine: bool) -> str:
    said = str(num2words(number, lang="pt", to="ordinal"))
    return re.sub(r"o\b", "a", said) if is_feminine else said


_FUNCTION_WORDS = frozenset(words("de do da dos das e ou a à às o os as em no na para por com que até são"))


def gender_of(word: str) -> Gender | None:
    if word in _FUNCTION_WORDS or not word.islower() or word in _MONTHS:
        return None
    if re.fullmatch(r"(?:dia|programa|problema|sistema|idioma|mapa)s?", word):
        return "m"
    return "f" if re.search(r"(?:as?|ção|ções|são|sões|dades?|gens?|noites?|vez|vezes|tardes?)$", word) else "m"


def _clock(region: str, hour: int, minute: int | None, is_marked: bool) -> str:
    said = _cardinal(region, hour, "f")
    if minute:
        return f"{said} e {'meia' if minute == 30 and 0 < hour <= 12 else _cardinal(region, minute)}"
    return f"{said} {'hora' if hour < 2 else 'horas'}" if is_marked or hour > 12 or hour == 0 else said


def _date(region: str, before: str, day: int, month: int, year: int | None) -> str:
    first = "primeiro" if region == "BR" else "um"
    said = f"{first if day == 1 else _cardinal(region, day)} de {_MONTHS[month - 1]}"
    return f"{said} de {_cardinal(region, year)}" if year else said


def half(whole: str, noun: str, gender: Gender | None) -> str:
    said = "meia" if gender == "f" else "meio"
    return " ".join(filter(None, (whole, noun, "e", said))) if whole else f"{said} {noun}"


def _phone_group(region: str, group: str) -> str:
    """Digit by digit, long groups in threes; a Brazilian six is half a dozen."""
    if len(group) > 5:
        groups = [group[at : at + 3] for at in range(0, len(group), 3)]
        if len(groups[-1]) == 1:
            groups[-2:] = [groups[-2] + groups[-1]]
        return ", ".join(_phone_group(region, one) for one in groups)
    if region == "BR" and len(group) == 2 and group[0] != "0":
        return _cardinal(region, int(group))
    return " ".join("meia" if region == "BR" and digit == "6" else _DIGITS[int(digit)] for digit in group)


def _ordinal(found: _Match) -> str:
    return ordinal(int(found[1]), is_feminine=found[2] in ("ª", "a"))


_CENT, _CENTAVO = Noun("cêntimo", "cêntimos", "m"), Noun("centavo", "centavos", "m")
_REAL, _DOLLAR = Coin(Noun("real", "reais", "m"), _CENTAVO), Coin(Noun("dólar", "dólares", "m"), _CENTAVO)
_POUND, _YEN = Coin(Noun("libra", "libras", "f"), Noun("penny", "pence", "m")), Coin(Noun("iene", "ienes", "m"))


def _coins(region: str) -> dict[str, Coin]:
    euro = Coin(Noun("euro", "euros", "m"), _CENTAVO if region == "BR" else _CENT)
    return {
        "€": euro, "EUR": euro, "euro": euro, "euros": euro, "R$": _REAL, "BRL": _REAL, "real": _REAL, "reais": _REAL, "$": _DOLLAR,
        "US$": _DOLLAR, "USD": _DOLLAR, "dólar": _DOLLAR, "dólares": _DOLLAR, "£": _POUND, "GBP": _POUND, "libras": _POUND, "¥": _YEN, "JPY": _YEN,
    }  # fmt: skip


def _units(region: str) -> dict[str, Noun]:
    metre = "ômetro" if region == "BR" else "ómetro"
    return nouns(
        f"""
        km=quil{metre}, quil{metre}s, m; m=metro, metros, m; cm=centímetro, centímetros, m;
        mm=milímetro, milímetros, m;
        kg=quilograma, quilogramas, m; g|gr=grama, gramas, m; mg=miligrama, miligramas, m; t=tonelada, toneladas, f;
        l|L=litro, litros, m; ml|mL=mililitro, mililitros, m; km/h=quil{metre} por hora, quil{metre}s por hora, m;
        m²|m2=metro quadrado, metros quadrados, m; km²=quil{metre} quadrado, quil{metre}s quadrados, m;
        m³=metro cúbico, metros cúbicos, m;
        °C|ºC=grau Celsius, graus Celsius, m; °F|ºF=grau Fahrenheit, graus Fahrenheit, m; °=grau, graus, m;
        min|min.|mins=minuto, minutos, m; s|seg|seg.=segundo, segundos, m; kWh=quilowatt-hora, quilowatts-hora, m;
        kW=quilowatt, quilowatts, m; W=watt, watts, m; V=volt, volts, m; TB=terabyte, terabytes, m;
        GB=gigabyte, gigabytes, m; MB=megabyte, megabytes, m; KB|kB=kilobyte, kilobytes, m;
        Mbps=megabit por segundo, megabits por segundo, m; GHz=giga-hertz, giga-hertz, m;
        MHz=mega-hertz, mega-hertz, m; kHz=quilo-hertz, quilo-hertz, m; Hz=hertz, hertz, m
        """
    )


def portuguese(region: str) -> Tongue:
    region = region or "BR"
    cardinal = partial(_cardinal, region)
    brazilian = (
        r"\(\d{2}\)\s?9?\s?\d{4}[\s-]?\d{4}",
        r"\d{2}\s9?\d{4}-\d{4}",
        r"9\d{4}-\d{4}",
        r"(?!20\d\d-20)[2-8]\d{3}-\d{4}",
        r"\d{2}9\d{8}",
    )
    european = (
        r"[29]\d{2}(?:[\s-]?\d{3}){2}",
        r"[29]\d(?:[\s-]\d{3}){2}\s\d",
        r"[789]\d{2}\s\d{3}\s\d{3}",
        r"[29]\d\s\d{3}\s\d{2}\s\d{2}",
    )
    return Tongue(
        region=region,
        digits=_DIGITS,
        words=Words(
            comma="vírgula", point="ponto", minus="menos", plus="mais", percent="por cento", to="a", out_of="de", proportion="a",
            number="número", times="por", equals="igual a", about="cerca de", ands="e", ors="ou", at_least="no mínimo",
            at_most="no máximo", squared="ao quadrado", cubed="ao cubo", section="parágrafo",
            round_the_clock="vinte e quatro horas por dia, sete dias por semana",
        ),
        cardinal=cardinal,
        fraction=behind_comma(cardinal, _DIGITS, 2),
        gender_of=gender_of,
        year=cardinal,
        clock=partial(_clock, region),
        time_marks=r"hrs\.?|hs\.?|horas?|h",
        date=partial(_date, region),
        months=months(
            "janeiro jan", "fevereiro fev", "março mar", "abril abr", "maio mai", "junho jun", "julho jul", "agosto ago",
            "setembro set", "outubro out", "novembro nov", "dezembro dez",
        ),
        day_mark="[.]?[º°]",
        before_short_date="dias?|em|até|(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?|sábado|domingo",
        phone_group=partial(_phone_group, region),
        phones=(r"0[3589]00[\s-]?\d{3}[\s-]?\d{3,4}", *(brazilian if region == "BR" else european)),
        emergency=r"(?:lig\w+|cham\w+|disqu\w+)(?: para)?(?: o| ao)?|(?:o|ao)(?=\s(?:112|19[0-3])\b)",
        coins=_coins(region),
        price=lambda amount, cents, part: f"{amount} e {cardinal(cents, part.gender)} {part.one if cents == 1 else part.many}",
        scales=nouns("milhão|milhões|mi|M=milhão, milhões, m; bilhão|bilhões|bi=bilhão, bilhões, m; mil=mil, mil, m"),
        of=lambda amount, noun: f"{amount} {'de ' if re.search(r'lh(?:ão|ões)$', amount) else ''}{noun}",
        units=_units(region),
        per=pairs(
            "mês=por mês; ano=por ano; semana|sem.=por semana; dia=por dia; hora|h=por hora; pessoa|pess.=por pessoa; noite=por noite;"
            "unidade|un.=por unidade; kg=o quilo; min|minuto=por minuto; sessão=por sessão; m²=o metro quadrado; kWh=por quilowatt-hora"
        ),
        address={
            ".": " ponto ", "/": " barra ", "-": " hífen ", "_": " underline " if region == "BR" else " traço inferior ", "@": " arroba ",
            "+": " mais ", ":": " dois pontos ",
        },
        word_endings=frozenset({"io", "eu"}),
        often=Noun("vez", "vezes", "f"),
        half=half,
        codes="PIN|código|senha|pedido|protocolo",
        fractions=pairs("1/3|⅓=um terço; 2/3|⅔=dois terços; 1/4|¼=um quarto; 3/4|¾=três quartos"),
        letters=frozenset(words("UE EUA IA API URL UTI OAB IRS NIB")),
        days=pairs(
            "seg|Seg=segunda; ter|Ter=terça; qua|Qua=quarta; qui|Qui=quinta; sex|Sex=sexta; sáb|sab|Sáb=sábado; dom|Dom=domingo;"
            "2ª=segunda; 3ª=terça; 4ª=quarta; 5ª=quinta; 6ª=sexta"
        ),
        first=(
            rule(r"(?<!\w)1\.?[º°](?=\s?de\s)", "primeiro"),
            rule(r"\b([2-6])ª[-\s]feira", lambda found: f"{('segunda', 'terça', 'quarta', 'quinta', 'sexta')[int(found[1]) - 2]}-feira"),
            rule(r"(?<!\w)([2-6])ª\s?(?:a|à|[–-])\s?([3-6])ª(?!\w)", lambda found: " a ".join(
                ("segunda", "terça", "quarta", "quinta", "sexta")[int(day) - 2] for day in found.groups())),
            rule(r"(?<![\w-])(\d{5}|\d{4})-(\d{3})(?![\w-])", lambda found: ", ".join(
                " ".join("meia" if region == "BR" and digit == "6" else _DIGITS[int(digit)] for digit in part) for part in found.groups())),
        ),
        ordinals=(
            rule(r"(?<![\w,])(\d{1,3})\.?(º|ª|°(?=\s[a-zàáâãéêíóôõú]))(?!\w)", _ordinal),
            rule(r"(?<![\w,])(\d{1,2})\.?(o|a)\.(?=\s[a-z])", _ordinal),
        ),
        abbreviations=(
            rule(r"(?<!\w)[nN]\.?[º°]s?\s?(?=\w)", "número "),
            rule(r"(?<!\w)[cC]/\s?(?=\w)", "com "), rule(r"(?<!\w)[pP]/\s?(?=\w)", "para "), rule(r"(?<!\w)s/n\b", "sem número"),
            rule(r"\b(séculos?\s)([IVXLC]{1,6})\b", lambda found: found[1] + cardinal(roman(found[2]))),
            rule(r"\be/ou\b", "e ou"),
            rule(r"(?<=\w)(?:/(?:as?|os?)|\((?:as?|os?|es)\))(?!\w)", ""),
            rule(r"\bR\.(?=\s[A-ZÁÉÍÓÚÂÊÔ])", "rua"),
            abbreviated(
                """
                Sr.=senhor; Sra.|Sr.ª=senhora; Srta.|Sta.=senhorita; Srs.=senhores; Sras.=senhoras; Dr.=doutor;
                Dra.|Dr.ª=doutora; D.=dona; Prof.=professor; Profa.|Prof.ª=professora;
                Eng.=engenheiro; Eng.ª|Enga.=engenheira; Arq.=arquiteto; V.Exa.|V. Exa.=vossa excelência;
                etc.=et cetera; p.ex.=por exemplo; ex.=exemplo; i.e.=isto é; pág.=página; págs.=páginas;
                tel.=telefone; cel.=celular; av.|Av.=avenida; pça.|Pça.=praça; trav.=travessa; Al.=alameda;
                rod.|Rod.=rodovia; estr.=estrada; apto.|ap.=apartamento; bl.=bloco; aprox.=aproximadamente;
                máx.=máximo; mín.=mínimo; min.=minutos; Ltda.|LTDA=limitada; Lda.=limitada; S.A.|S/A=S.A;
                Cia.=companhia; a/c=aos cuidados de; hab.=habitantes; obs.=observação; ref.=referência;
                incl.=incluído;
                dto.=direito; esq.=esquerdo; c.c.=com conhecimento; E.U.A.=Estados Unidos; Vc|vc=você
                """,
                may_end="etc. Ltda. Lda. S.A. E.U.A.",
            ),
        ),
    )  # fmt: skip
