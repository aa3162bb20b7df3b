"""Names of people, as said and as transcribed: introduced, bare, or spelled letter by letter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from agents.collect.understood import Ask, Understood
from agents.collect.words import FILLERS, Word, flat, word_set, words

_STRONG = re.compile(
    r"\b(?:(?:my|the) (?:full |first |last |own )?name(?:'s| is|s| would be|,)(?: actually| spelled| spelt)?|name is|name's|call me|"
    r"(?:under|for) the name(?: of)?|"
    r"(?:in|under) the name of|(?:you're |you are )(?:speaking|talking) (?:to|with))\s+"
)
_WEAK = re.compile(
    r"\b(?:this is|i'm|i am|it's|it is|that's|that is|that would be|it would be|here is|here's|for|under|with)\s+"
)
_PART = re.compile(r"\b(?:my |the )?(?P<which>first|last|family|sur|second)\s?name(?:'s| is|,|:)?\s+")
_TITLED = re.compile(r"(?:the )?(?:dr|doctor|mr|mrs|ms)\b")
_LABEL = re.compile(r"\b[Nn]ame,? (?=[A-Z][a-z])")
_AFTER = re.compile(r"^(?:\s*(?:is )?(?:speaking|here|calling)\b)")
_TITLES = word_set("mr mrs ms miss dr doctor prof professor sir madam")
_PARTICLES = word_set(
    """
    van von der den de la le da di del dos bin ibn al el st mac mc ten ter san
    """
)
_STOP = word_set(
    """
    a about actually afternoon again ahead all alright also am an and another any anything anyone appointment are as ask at back bad
    be because been before book booking but by bye call called calling can can't cancel canceling cancelling cavity check cleaning
    come coming confused correct could curious currently damn day dentist did didn't do doctor does doesn't doing don't done driving
    early emergency every evening everything exactly experiencing fine for free from getting give glad go going gonna good got great
    guess had happening happy has have haven't having he hello help her here hi his hmm home hoping hour how hurt hurting i i'd i'll
    i'm i've if ill in interested is isn't it it's just kind know last late later let like little long looking lost mad make many
    maybe me mean mine morning most much my name need needing never new next nice night no nobody none nope not nothing now number of
    off oh ok okay on once one only open or order other our out over pain patient phone please pretty question quite rather ready
    really reason right running sad same say sec second see she should sick so some someone something soon sorry speak speaking still
    sure table take talk terrible than thank thanks that that's the them then there these they thing think this thinking three time
    tired to today tomorrow too tooth toothache trying two um uh under up us use very visit wait waiting want wanna wanted wanting was
    way we wednesday well were what what's when where which who why will with won't wondering work working would wrong yeah yep yes
    yesterday yet you you're your zero monday tuesday thursday friday saturday sunday january february march july august september
    october november december four five six seven eight nine ten eleven twelve noon half quarter repeat goodbye stop skip pass mhm huh
    pardon excuse hold moment minute saturday's mom mother father dad son daughter wife husband kid kids child appointment's checkup
    check-up tuesday's nice perfect wonderful awesome cool dumb silly stupid hurry hurts swelling broken tell yourself myself
    spell spelled spelt spelling written someone's forget anonymous private personal secret nevermind
    """
)
BARE = 0.75
"""Confidence of a name that nothing introduced."""
_NOT_NAME_ENDS = ("ing",)
_NATO = dict(
    (word, word[0])
    for word in word_set(
        """
        alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa quebec romeo sierra tango
        uniform victor whiskey xray yankee zulu
        """
    )
)


@dataclass(frozen=True, slots=True)
class Spelled:
    word: str
    start: int
    end: int


def _cased(text: str) -> str:
    """A name's own capitals where the transcript has them, else a capital for each part."""
    if not text:
        return text
    if text != text.lower() and text != text.upper():
        return text[0].upper() + text[1:]
    if text in _PARTICLES:
        return text
    return re.sub(r"(^|[-'’])([^\W\d_])", lambda m: m[1] + m[2].upper(), text.lower())


def spelled(text: str) -> list[Spelled]:
    """Words given letter by letter: "K O W", "K-O-W", "k as in kilo, o…", "double l"."""
    found = words(text)
    result: list[Spelled] = []
    letters, start, end, count, i = "", 0, 0, 0, 0

    def close() -> None:
        if count >= 3 or (count == 2 and "as in" in flat(text)[start:end]):
            result.append(Spelled(_cased(letters.lower()), start, end))

    while i < len(found):
        word, used = found[i].text, 1
        letter = ""
        if len(word) == 1 and word.isalpha():
            letter = word
            if i + 3 < len(found) and (found[i + 1].text, found[i + 2].text) in (("as", "in"), ("like", "in")):
                used = 4
            elif (
                i + 2 < len(found)
                and found[i + 1].text in ("for", "like")
                and found[i + 2].text.startswith(word)
                and len(found[i + 2].text) > 1
            ):
                used = 3
        elif word == "double" and i + 1 < len(found) and (len(found[i + 1].text) == 1 or found[i + 1].text == "u"):
            letter, used = (found[i + 1].text * 2 if found[i + 1].text != "u" else "w"), 2
        elif word in _NATO and (letters or (i + 1 < len(found) and found[i + 1].text in _NATO)):
            letter = _NATO[word]
        broken = letters and i and any(c in text[end : found[i].start] for c in ";!?")
        if letter and not broken:
            if not letters:
                start = found[i].start
            letters, end, count = letters + letter, found[i + used - 1].end, count + 1
        elif letters:
            close()
            letters, count = "", 0
            if letter:
                start, letters, end, count = found[i].start, letter, found[i + used - 1].end, 1
        i += used
    if letters:
        close()
    return result


def _name_from(text: str, start: int, *, is_sure: bool) -> tuple[str, int] | None:
    """The name that begins at ``start`` and where it ends. Unsure: only what looks like one (a capital, no common word)."""
    found = [w for w in words(text) if w.start >= start]
    has_capitals = text != text.lower()
    taken: list[Word] = []
    for word in found:
        between = text[(taken[-1].end if taken else start) : word.start]
        is_broken = any(c in between for c in ",;:!?—") or (". " in between and not _is_initial(taken))
        if is_broken and (taken or between.strip() not in (",", "")):
            break
        original = text[word.start : word.end]
        if not taken and (word.text in FILLERS or word.text in _TITLES):
            start = word.end + (text[word.end : word.end + 1] == ".")
            continue
        if len(taken) == 4 or word.text in _STOP or not word.text.replace("'", "").isalpha():
            break
        if not taken and word.text.endswith(_NOT_NAME_ENDS) and not (is_sure and original[0].isupper()):
            break
        if has_capitals and not is_sure and not original[0].isupper() and word.text not in _PARTICLES:
            break
        if (
            has_capitals
            and taken
            and text[taken[0].start].isupper()
            and not original[0].isupper()
            and word.text not in _PARTICLES
        ):
            break
        taken.append(word)
    while taken and taken[-1].text in _PARTICLES and len(taken) > 1:
        taken.pop()
    if not taken or (len(taken) == 1 and len(taken[0].text) == 1):
        return None
    pieces = []
    for i, word in enumerate(taken):
        between = text[taken[i - 1].end : word.start] if i else ""
        pieces.append(
            ("-" if between == "-" else " " if i else "") + _cased(text[word.start : word.end].replace("’", "'"))
        )
    return "".join(pieces), taken[-1].end


def _is_initial(taken: list[Word]) -> bool:
    return bool(taken) and len(taken[-1].text) <= 2


def _is_like(word: str, part: str) -> bool:
    return fuzz.ratio(word.lower(), part.lower()) >= 50


def _with_spelling(name: str, letters: list[Spelled], previous: str) -> str:
    """The name with what was spelled put where it sounds alike, or added as the family name."""
    parts = (name or previous).split()
    for spelling in letters:
        likeness = [fuzz.ratio(spelling.word.lower(), part.lower()) for part in parts]
        if likeness and max(likeness) >= 50:
            parts[likeness.index(max(likeness))] = spelling.word
        elif len(parts) <= 1:
            parts.append(spelling.word)
        else:
            parts[-1] = spelling.word
    return " ".join(parts)


def _corrected(name: str, previous: str, which: str) -> str:
    """One word said anew takes the place of the word it corrects."""
    known, new = previous.split(), name.split()
    if which in ("last", "family", "sur", "second"):
        return " ".join([known[0], *new]) if known else name
    if which == "first":
        return " ".join([*new, *known[1:]])
    if len(new) > 1 or len(known) < 2:
        return name
    likeness = [fuzz.ratio(name.lower(), part.lower()) for part in known]
    if max(likeness) >= 50:
        known[likeness.index(max(likeness))] = name
        return " ".join(known)
    return name


def understand(text: str, ask: Ask) -> Understood | None:
    low = flat(text)
    previous = str(ask.previous or "")
    letters = spelled(text)
    free = text
    for spelling in letters:
        free = free[: spelling.start] + ";" * (spelling.end - spelling.start) + free[spelling.end :]
    name, span, confidence, which = "", (0, 0), 0.0, ""
    parts = list(_PART.finditer(low))
    if len(parts) >= 2 or (parts and (previous or ask.asked)):
        given = {m["which"]: _name_from(free, m.end(), is_sure=True) for m in parts}
        first = given.get("first")
        last = next((v for k, v in given.items() if k != "first" and v), None)
        if first and last:
            name, span, confidence = f"{first[0]} {last[0]}", (parts[0].start(), max(first[1], last[1])), 0.95
        elif first or last:
            one = first or last
            assert one is not None
            which = "first" if first else "last"
            name, span, confidence = one[0], (parts[0].start(), one[1]), 0.85
    for pattern, sure in ((_STRONG, True), (_WEAK, ask.asked)):
        for match in pattern.finditer(low):
            is_other = not sure and match[0].strip() in ("for", "with") and bool(_TITLED.match(low, match.end()))
            found = None if name or is_other else _name_from(free, match.end(), is_sure=sure)
            if found and (sure or len(found[0]) > 2):
                name, span, confidence = found[0], (match.start(), found[1]), 0.95 if pattern is _STRONG else 0.8
    for match in () if name else _LABEL.finditer(free):
        found = _name_from(free, match.end(), is_sure=False)
        if found:
            name, span, confidence = found[0], (match.start(), found[1]), 0.85
    if not name:
        for start in (0, *(m.end() for m in re.finditer(r"[.,;!?]\s+", free))):
            found = _name_from(free, start, is_sure=ask.asked)
            if found and (ask.asked or _AFTER.match(low[found[1] :])):
                rest = [w for w in words(free[found[1] :]) if w.text not in FILLERS]
                if (
                    ask.asked
                    and len(rest) > 6
                    and not _AFTER.match(low[found[1] :])
                    and free[found[1] : found[1] + 1] != ","
                ):
                    continue
                name, span, confidence = found[0], (start, found[1]), BARE
                break
    is_respelled = any(_is_like(spelling.word, part) for spelling in letters for part in previous.split()) or (
        bool(letters) and len(previous.split()) == 1
    )
    if letters and (ask.asked or name or is_respelled):
        confidence = 0.95
        span = (min(span[0], letters[0].start) if name else letters[0].start, max(span[1], letters[-1].end))
        name = _with_spelling(name, letters, previous)
    if not name:
        return None
    if previous and not letters:
        name = _corrected(name, previous, which)
    return Understood(name, name, confidence, span)
