"""E-mail addresses, written or dictated: "anna dot k at gmail dot com", "j as in John underscore 5 at example dot org"."""

from __future__ import annotations

import re

from agents.collect.digits import NAMES, TEENS, TENS, UNITS
from agents.collect.understood import Ask, Understood
from agents.collect.words import Word, flat, word_set, words

_WRITTEN = re.compile(r"[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
_SIGNS = {
    "dot": ".",
    "point": ".",
    "period": ".",
    "underscore": "_",
    "dash": "-",
    "hyphen": "-",
    "minus": "-",
    "plus": "+",
}
_NOT_LOCAL = word_set(
    """
    is it's its that's my email mail e-mail address to me be the a and um uh er so yes sure okay ok it use would no sorry actually
    meant send reach contact mean i'm i you can at on write well here's this
    """
)
_DOMAINS = word_set(
    """
    com org net edu gov io co uk de fr pl eu us ca au info biz dev app me nl es it ch at be ie in
    """
)
_SOUND = {
    "gee": "g",
    "jay": "j",
    "kay": "k",
    "em": "m",
    "en": "n",
    "pee": "p",
    "cue": "q",
    "tee": "t",
    "vee": "v",
    "ex": "x",
    "zed": "z",
}


def spoken(value: str) -> str:
    """As one would dictate it: "anna dot k at gmail dot com"."""
    for sign, word in ((".", " dot "), ("@", " at "), ("_", " underscore "), ("-", " dash "), ("+", " plus ")):
        value = value.replace(sign, word)
    return re.sub(r"\d", lambda m: f" {NAMES[int(m[0])]} ", value).replace("  ", " ").strip()


def _piece(word: str) -> str:
    """What a dictated word writes."""
    if word in _SIGNS:
        return _SIGNS[word]
    for table in (UNITS, TEENS, TENS):
        if word in table and word != "o":
            return str(table[word])
    return _SOUND.get(word, word)


def _domain(found: list[Word], text: str, i: int) -> tuple[str, int]:
    """The domain whose first word is ``i`` and the index of its last word; ("", i) if it is none."""
    name, last, has_dot = "", i, False
    while last < len(found) and last - i < 10:
        between = text[found[last - 1].end : found[last].start] if last > i else ""
        word = found[last].text
        if between.strip() in (".", "-") and between == between.strip() and name:
            name += between + word
            has_dot |= between == "."
        elif any(c in between for c in ",;?!") or (". " in between):
            break
        elif word in _SIGNS:
            name += _SIGNS[word]
            has_dot |= _SIGNS[word] == "."
        elif has_dot and not name.endswith((".", "-")):
            break
        else:
            name += _piece(word)
        last += 1
    name = name.rstrip(".-")
    is_one = re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", name) and name.rsplit(".", 1)[1] in _DOMAINS
    return (name, last - 1) if is_one else ("", i)


def _local(found: list[Word], text: str, i: int) -> tuple[str, int]:
    """The part before the ``@`` that ends with word ``i`` and the index of its first word."""
    pieces: list[str] = []
    first = i + 1
    j = i
    while j >= 0:
        word = found[j].text
        between = text[found[j].end : found[j + 1].start] if j < i else ""
        after = found[j + 1].text if j < i else ""
        is_letter = len(word) == 1 and (
            len(after) == 1 or after in _SIGNS
        )  # "a n n" and "a dot smith", but not "a mail"
        if (
            (word in _NOT_LOCAL and not is_letter)
            or any(c in between for c in ";?!:")
            or (". " in between and len(word) > 1)
        ):
            break
        if (
            j >= 2 and found[j - 1].text in ("in", "for") and len(found[j - 2 - (found[j - 2].text == "as")].text) == 1
        ):  # k as in kilo
            j -= 2 if found[j - 2].text == "as" else 1
            first = j
            j -= 1
            continue
        sign = between.strip()
        if sign in (".", "_", "-", "+") and between == sign and len(sign) == 1 and not (sign == "-" and len(word) == 1):
            pieces.append(sign)
        piece = _piece(word)
        if j >= 1 and found[j - 1].text == "double" and len(piece) == 1:
            piece, j = piece * 2, j - 1
        pieces.append(piece)
        first = j
        j -= 1
    return "".join(reversed(pieces)).strip("."), first


def understand(text: str, ask: Ask) -> Understood | None:
    low = flat(text)
    written = _WRITTEN.search(low)
    if written:
        return Understood(written[0], spoken(written[0]), 0.95, written.span())
    found = words(text)
    for i, word in enumerate(found):
        is_sign = i + 1 < len(found) and "@" in text[word.end : found[i + 1].start]
        if word.text != "at" and not is_sign:
            continue
        before, after = (i, i + 1) if is_sign else (i - 1, i + 1)
        if before < 0 or after >= len(found):
            continue
        domain, last = _domain(found, low, after)
        local, first = _local(found, low, before)
        if domain and re.fullmatch(r"[a-z0-9](?:[a-z0-9._+-]*[a-z0-9])?", local) and ".." not in local:
            value = f"{local}@{domain}"
            return Understood(value, spoken(value), 0.85, (found[first].start, found[last].end))
    return None
