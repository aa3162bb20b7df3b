"""Digits as people say them: "four one five", "double five", "fifty-five oh one", "415-555", all mixed."""

from __future__ import annotations

from dataclasses import dataclass

from agents.collect.words import Word, words

UNITS = {
    "zero": 0,
    "oh": 0,
    "o": 0,
    "nought": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fourty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_HOMOPHONES = {"to": "2", "too": "2", "for": "4", "ate": "8", "won": "1"}
_BETWEEN = frozenset(
    {"uh", "um", "er", "and", "then", "dash", "hyphen", "minus", "space", "dot", "point", "area", "code", "extension"}
)
_REPEAT = {"double": 2, "triple": 3, "treble": 3}
_CLOCK = frozenset({"am", "pm", "o'clock", "oclock"})


@dataclass(frozen=True, slots=True)
class Segment:
    """Digits said in one breath: no full stop and no comma inside."""

    digits: str
    start: int
    end: int


def spoken_digits(digits: str) -> str:
    return " ".join(NAMES[int(d)] for d in digits)


def _one(text: str, found: list[Word], i: int) -> tuple[str, int]:
    """The digits that begin at word ``i`` and how many words they took; ("", 0) for none."""
    word = found[i].text
    after = found[i + 1].text if i + 1 < len(found) else ""
    if after and text[found[i].end : found[i + 1].start].strip(" -"):
        after = ""  # "six fifty, five …": what a comma parts is not fifty-five
    if word.isdecimal():
        if after == "hundred":
            return word + "00", 2
        return word, 1
    if word in _REPEAT and (after in UNITS or (after.isdecimal() and len(after) == 1)):
        return (after if after.isdecimal() else str(UNITS[after])) * _REPEAT[word], 2
    if word in UNITS:
        if after in ("hundred", "thousand"):
            return str(UNITS[word]) + ("00" if after == "hundred" else "000"), 2
        return str(UNITS[word]), 1
    if word in TEENS:
        return str(TEENS[word]), 1
    if word in TENS:
        if after in UNITS and UNITS[after] > 0:
            return str(TENS[word] + UNITS[after]), 2
        return str(TENS[word]), 1
    return "", 0


def runs(text: str) -> list[list[Segment]]:
    """All runs of digits in the text, each as its segments; words like "dash" may stand between them."""
    found = words(text)
    result: list[list[Segment]] = []
    i, last_end, open_run = 0, 0, False
    while i < len(found):
        digits, used = _one(text, found, i)
        if (
            not used
            and open_run
            and found[i].text in _HOMOPHONES
            and i + 1 < len(found)
            and _one(text, found, i + 1)[1]
        ):
            digits, used = _HOMOPHONES[found[i].text], 1
        if used and i + used < len(found) and found[i + used].text in _CLOCK:
            digits, used, open_run = "", 0, False
        if not used:
            if not (open_run and found[i].text in _BETWEEN):
                open_run = False
            i += 1
            continue
        start, end = found[i].start, found[i + used - 1].end
        between = text[last_end:start]
        if open_run and not any(c in between for c in ",.;:?!"):
            last = result[-1][-1]
            result[-1][-1] = Segment(last.digits + digits, last.start, end)
        elif open_run and ";" not in between:
            result[-1].append(Segment(digits, start, end))
        else:
            result.append([Segment(digits, start, end)])
        open_run, last_end = True, end
        i += used
    return result
