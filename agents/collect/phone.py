"""Telephone numbers as they are spoken and transcribed. Values are E.164, or the local form where no area code was given."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

from agents.collect.digits import Segment, runs, spoken_digits
from agents.collect.understood import Ask, Understood
from agents.collect.words import FILLERS, flat, words

_END = re.compile(
    r"\b(?:at the end|in the end|ends? (?:in|with)|ending (?:in|with)|last (?:\w+ )?(?:digits?|numbers?|"
    r"four|three|two|one))\b"
)
_COUNT = re.compile(r"\b((?:last|first|final) )(\w+)( (?:digits|numbers|ones)\b)", re.IGNORECASE)
_MOST_SEGMENTS = 24
_ABOUT_A_NUMBER = re.compile(r"\b(?:numbers?|digits?|phone)\b")
_CLOCK = re.compile(r"\b(?:at|around|o'clock|am|pm|oclock) ")
_AREA_CODE = re.compile(r"\barea code\b")


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: phonenumbers.PhoneNumber
    is_local: bool
    start: int
    end: int


def _number(digits: str, region: str, *, has_plus: bool) -> tuple[phonenumbers.PhoneNumber, bool] | None:
    if not 6 <= len(digits) <= 15:
        return None
    try:
        number = phonenumbers.parse("+" + digits if has_plus else digits, None if has_plus else region)
    except phonenumbers.NumberParseException:
        return None
    match phonenumbers.is_possible_number_with_reason(number):
        case ValidationResult.IS_POSSIBLE:
            return number, False
        case ValidationResult.IS_POSSIBLE_LOCAL_ONLY if len(digits) >= 7:
            return number, True
    return None


def _candidates(run: list[Segment], text: str, region: str) -> list[_Candidate]:
    result = []
    run = run[:_MOST_SEGMENTS]
    for first in range(len(run)):
        for last in range(first, len(run)):
            digits = "".join(segment.digits for segment in run[first : last + 1])
            if len(digits) > 15:  # E.164's longest
                break
            start, end = run[first].start, run[last].end
            before = flat(text[max(0, start - 6) : start]).rstrip()
            found = _number(digits, region, has_plus=before.endswith(("+", "plus")))
            if found:
                result.append(_Candidate(found[0], found[1], start, end))
    return result


def value_of(number: phonenumbers.PhoneNumber, *, is_local: bool) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL if is_local else PhoneNumberFormat.E164))


def spoken(value: str, region: str) -> str:
    """Digit by digit in the groups the number is written in: "four one five, five five five, zero one two three"."""
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return spoken_digits(re.sub(r"\D", "", value))
    is_foreign = value.startswith("+") and number.country_code != phonenumbers.country_code_for_region(region)
    style = PhoneNumberFormat.INTERNATIONAL if is_foreign else PhoneNumberFormat.NATIONAL
    groups = re.findall(r"\d+", phonenumbers.format_number(number, style))
    return ("plus " if is_foreign else "") + ", ".join(spoken_digits(group) for group in groups)


def _is_bare(low: str, digits: str) -> bool:
    """Three or four digits that are corrected with and nothing else: "no, 0124", but not "no, at ten thirty"."""
    return (
        3 <= len(digits) <= 4 and bool(_ABOUT_A_NUMBER.search(low) or digits.startswith("0")) and not _CLOCK.search(low)
    )


def _is_all(text: str, span: tuple[int, int]) -> bool:
    return all(span[0] <= w.start < span[1] for w in words(text) if w.text not in FILLERS)


def _understood(value: str, ask: Ask, confidence: float, span: tuple[int, int]) -> Understood:
    return Understood(value, spoken(value, ask.region), confidence, span)


def _patched(text: str, ask: Ask, digits: str, span: tuple[int, int]) -> Understood | None:
    """The number known so far with a part of it said anew: its end, its area code, or the group that was wrong."""
    previous = str(ask.previous or "")
    known = re.sub(r"\D", "", previous)
    low = flat(text)
    if len(known) < 7 or not digits:
        return None
    wrong = re.search(r"\bnot\b(.*)$", low)
    negated = "".join(s.digits for run in runs(wrong[1]) for s in run) if wrong else ""
    if wrong and negated:
        right = "".join(s.digits for run in runs(text[: wrong.start()]) for s in run)
        if not right and digits.startswith(negated):  # "not 0123, 0124"
            segments = [s for run in runs(wrong[1]) for s in run]
            right = "".join(s.digits for s in segments[1:])
            negated = segments[0].digits
        place = known.rfind(negated)
        if not right or place < 0:
            return None
        changed = known[:place] + right + known[place + len(negated) :]
    elif _AREA_CODE.search(low) or (len(known) == 7 and not previous.startswith("+") and _is_all(text, span)):
        changed = digits + known[-7:]
    elif len(digits) <= 7 and (_END.search(low) or ask.asked or _is_bare(low, digits)):
        changed = known[: -len(digits)] + digits
    else:
        return None
    if changed == known:
        return None
    found = _number(changed, ask.region, has_plus=previous.startswith("+") and len(changed) == len(known))
    return _understood(value_of(found[0], is_local=found[1]), ask, 0.8, span) if found else None


def _continued(previous: str, found: list[list[Segment]], ask: Ask) -> Understood | None:
    """The digits said before with those said now."""
    segments = [segment for run in found for segment in run]
    digits = previous + "".join(segment.digits for segment in segments)
    if not segments:
        return None
    span = (segments[0].start, segments[-1].end)
    whole = _number(digits, ask.region, has_plus=False)
    if whole and not (whole[1] and len(digits) == 7 and len(digits) - len(previous) == 7):
        return _understood(value_of(whole[0], is_local=whole[1]), ask, 0.9, span)
    if ask.asked and len(digits) < 10 and len(digits) != 7:
        return Understood(digits, spoken_digits(digits), 0.5, span, is_complete=False)
    return None


def understand(text: str, ask: Ask) -> Understood | None:
    text = _COUNT.sub(lambda m: m[1] + ";" * len(m[2]) + m[3], text)
    found = runs(text)
    candidates = [c for run in found for c in _candidates(run, text, ask.region)]
    previous = str(ask.previous or "")
    is_begun = previous.isdecimal() and len(previous) < 7
    if is_begun and all(c.is_local for c in candidates):  # the beginning was said in the turn before
        whole = _continued(previous, found, ask)
        if whole:
            return whole
    if candidates:
        best = max(candidates, key=lambda c: (not c.is_local, c.end - c.start))
        return _understood(
            value_of(best.number, is_local=best.is_local), ask, 0.7 if best.is_local else 0.95, (best.start, best.end)
        )
    segments = [segment for run in found for segment in run]
    digits = "".join(segment.digits for segment in segments)
    if not digits:
        return None
    span = (segments[0].start, segments[-1].end)
    if previous and not previous.isdecimal():
        patched = _patched(text, ask, digits, span)
        if patched:
            return patched
    said = [w for w in words(text) if not span[0] <= w.start < span[1]]
    if ask.asked and not previous and 3 <= len(digits) <= 6 and len(said) <= 6:
        return Understood(digits, spoken_digits(digits), 0.5, span, is_complete=False)
    return None
