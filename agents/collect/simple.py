"""Yes or no, numbers, and one of a list."""

from __future__ import annotations

import re

from rapidfuzz import fuzz, process
from text_to_num import text2num

from agents.collect import people
from agents.collect.digits import TEENS, TENS, UNITS
from agents.collect.understood import Ask, Understood
from agents.collect.words import FILLERS, flat, strip_fillers, words

_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|yah|sure|certainly|absolutely|definitely|of course|correct|exactly|indeed|affirmative|"
    r"that's right|that is right|that's correct|that is correct|that's it|right|sounds good|sounds great|"
    r"looks good|perfect|go ahead|"
    r"fine|okay|ok|all right|alright|uh huh|uh-huh|mhm|mm-hmm|you got it|great|good)\b|"
    r"(?<!do )(?<!should )(?<!can )\b(?:i do|i am|i have|i would|i did|it is|please do)\b"
    r"(?=\s*(?:$|[^\w\s']|please\b|thank|yes\b|indeed\b|actually\b))"
)
"""The last are an answer only where nothing follows: "I have to go" agrees to nothing."""
_NO = re.compile(
    r"\b(?:no|nope|nah|not really|not at all|afraid not|unfortunately not|never|negative|wrong|incorrect|isn't|is not|don't|do not|"
    r"didn't|not (?:right|correct|quite)|"
    r"i'm not|i am not|haven't|that's not|uh-uh|nothing|none)\b"
)


def yes_or_no(text: str) -> tuple[bool, tuple[int, int]] | None:
    """True or false, and where it was said. "No problem", "not a problem" and "why not" agree."""
    low = flat(text)
    agrees = re.search(r"\b(?:no problem|not a problem|no doubt|why not|no worries|don't see why not)\b", low)
    if agrees:
        return True, agrees.span()
    no, yes = _NO.search(low), _YES.search(low)
    if no and (
        not yes or no.start() <= yes.start() or "n't" in no[0] or no[0].startswith(("not", "wrong", "incorrect"))
    ):
        return False, no.span()
    return (True, yes.span()) if yes else None


_ASKS_IF_ONE_HAS = re.compile(r"\b(?:do you have|have you got|have you any|are there)\b")
_HAS = re.compile(
    r"\b(?:i|we)(?: do)?(?: have|'ve got| got) (?!no\b|not\b|a question|to\b)\w+|"
    r"^\W*(?:just |only )?(?:an?|one|two|three|four|some|my|\d+) \w+\W*$"
)
"""What answers "Do you have any pets?" with a dog."""


def understand_yes_no(text: str, ask: Ask) -> Understood | None:
    if not ask.asked:
        return None
    found = yes_or_no(text)
    has = _HAS.search(flat(text)) if _ASKS_IF_ONE_HAS.search(ask.field.question.lower()) else None
    if has and (found is None or found[0]):
        return Understood(True, "yes", 0.8, has.span())
    return Understood(found[0], "yes" if found[0] else "no", 0.9, found[1]) if found else None


_NUMBER_WORDS = frozenset([*UNITS, *TEENS, *TENS, "hundred", "thousand", "million"]) - {"o", "oh"}
_FIXED = (
    (re.compile(r"\bhalf a dozen\b"), 6),
    (re.compile(r"\b(?:a |one )?dozen\b"), 12),
    (re.compile(r"\b(?:a couple|a pair|both of us|twice)\b"), 2),
    (re.compile(r"\b(?:just me|only me|just myself|myself|by myself|once|a single)\b"), 1),
    (re.compile(r"\b(?:none|nobody|no one|not any|nothing)\b"), 0),
)
_WRITTEN = re.compile(r"(?<![\w.])(-?\d{1,3}(?:,\d{3})+|-?\d+)(\.\d+)?(?: ?(hundred|thousand|million|k)\b)?")
_MINUS = re.compile(r"(?:minus|negative)\s+$")
_SCALE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "k": 1_000, None: 1}
_AND_A_HALF = re.compile(r"\s+and a half\b(?:\s+(hundred|thousand|million)\b)?")
_IS_A_TIME = re.compile(r"\s*(?:am|pm|o'?clock)\b|:[0-5]\d")


def _scaled(value: int | float, scale: str | None) -> int | float:
    scaled = value * _SCALE[scale]
    return int(scaled) if scaled == int(scaled) else scaled


def _tells_the_time(low: str, start: int, end: int) -> bool:
    """ "At nine" and "9 am" count nothing."""
    return bool(_IS_A_TIME.match(low, end)) or low[:start].endswith("at ")


def _number(text: str) -> tuple[int | float, tuple[int, int]] | None:
    low = flat(text)
    found = words(text)
    i = 0
    while i < len(found):
        if found[i].text not in _NUMBER_WORDS:
            i += 1
            continue
        j = i
        while j + 1 < len(found) and (
            found[j + 1].text in _NUMBER_WORDS
            or (found[j + 1].text == "and" and j + 2 < len(found) and found[j + 2].text in _NUMBER_WORDS)
        ):
            j += 1
        start, end = found[i].start, found[j].end
        try:
            value: int | float = int(text2num(re.sub(r"[^a-z ]", " ", low[start:end]), "en"))
        except ValueError:
            i = j + 1
            continue
        half = _AND_A_HALF.match(low, end)
        rest = re.match(r"\s+point((?:\s+[a-z]+)+)", low[end:])
        if half:
            value, end = _scaled(value + 0.5, half[1]), half.end()
        elif rest:
            decimals = [str(UNITS[w]) for w in rest[1].split() if w in UNITS]
            if decimals:
                value, end = float(f"{value}.{''.join(decimals)}"), end + rest.end()
        if _tells_the_time(low, start, end):
            i = j + 1
            continue
        if _MINUS.search(low[:start]):
            value = -value
        return value, (start, end)
    written = next((m for m in _WRITTEN.finditer(low) if not _tells_the_time(low, *m.span())), None)
    if written:
        plain = written[1].replace(",", "")
        number = float(plain + written[2]) if written[2] else int(plain)
        half = _AND_A_HALF.match(low, written.end())
        if half:
            return _scaled(number + 0.5, half[1] or written[3]), (written.start(), half.end())
        return number * _SCALE[written[3]], written.span()
    for pattern, fixed in _FIXED:
        match = pattern.search(low)
        if match:
            return fixed, match.span()
    return None


def understand_number(text: str, ask: Ask) -> Understood | None:
    counted = people.count(text, is_asked=ask.asked) if people.counts_people(ask.field) else None
    found = counted or _number(text)
    if found is None:
        return None
    value, span = found
    if not ask.asked and not counted:
        after = words(text[span[1] :])
        question = {w.text.rstrip("s") for w in words(ask.field.question) if len(w.text) > 3}
        if not after or after[0].text.rstrip("s") not in question:
            return None
    return Understood(value, f"{value:,}" if isinstance(value, int) else f"{value:g}", 0.9 if ask.asked else 0.7, span)


_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def understand_choice(text: str, ask: Ask) -> Understood | None:
    """The choice that was named: word for word, nearly, or by its place ("the second one")."""
    low = flat(text)
    choices = ask.field.choices
    named = []
    for choice in choices:
        at = re.search(rf"(?<!\w){re.escape(flat(choice))}(?!\w)", low)
        if at and not re.search(
            r"\b(?:not|no|except|don't want|rather than|instead of)(?: the| a)?[\s,]*$", low[: at.start()].rstrip(",")
        ):
            named.append((at.start(), len(choice), choice, at.span()))
    if named:
        longest = [n for n in named if not any(o is not n and n[2] in o[2] and o[1] > n[1] for o in named)]
        _, _, choice, span = min(longest)
        return Understood(choice, choice, 0.95, span)
    if not ask.asked:
        return None
    place = re.search(rf"\b(?:the )?({'|'.join(_PLACES)}|last)(?: one| option| choice)?\b", low) or re.search(
        r"\b(?:number|option) (\w+)", low
    )
    if place:
        index = (
            len(choices) - 1
            if place[1] == "last"
            else _PLACES.index(place[1])
            if place[1] in _PLACES
            else UNITS.get(place[1], 0) - 1
        )
        if place[1].isdecimal():
            index = int(place[1]) - 1
        if 0 <= index < len(choices):
            return Understood(choices[index], choices[index], 0.85, place.span())
    start, end = strip_fillers(text)
    answer = " ".join(
        w.text
        for w in words(text[start:end])
        if w.text not in FILLERS and w.text not in ("the", "a", "an", "i", "i'd", "want")
    )
    if not answer:
        return None
    best = process.extractOne(answer, [flat(c) for c in choices], scorer=fuzz.WRatio)
    partial = process.extractOne(answer, [flat(c) for c in choices], scorer=fuzz.token_set_ratio)
    if partial and partial[1] >= 88:
        best = partial
    if best and best[1] >= 78:
        choice = choices[best[2]]
        return Understood(choice, choice, best[1] / 110, (start, end))
    return None
