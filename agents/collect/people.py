"""How many people: "a table for four", "two adults and a child", "there will be six of us", "me and my wife" (English)."""

from __future__ import annotations

import re

from agents.collect.digits import TEENS, TENS, UNITS
from agents.collect.words import flat
from agents.spec import CollectField

_ASKS_FOR_PEOPLE = re.compile(
    r"\bhow many (?:of you|people|persons|guests|diners|adults|visitors|will (?:come|you be))|\b(?:guests?|people|party size)\b"
)
_SMALL = {name: value for name, value in {**UNITS, **TEENS}.items() if value}
_NUMBER = rf"(?P<number>\d{{1,3}}|(?:{'|'.join(TENS)})(?:[ -](?:{'|'.join(_SMALL)}))?|{'|'.join(_SMALL)}|a couple)"
_NO_TIME = (
    r"(?![\w:]|\s*(?:am\b|pm\b|o'?clock|hundred|thousand|\d|(?:fifteen|thirty|forty|nights?|days?|hours?|minutes?|weeks?|"
    r"or|in the|tomorrow|today|tonight)\b))"
)
_CHILD = r"(?:kids?|child(?:ren)?|toddlers?|bab(?:y|ies)|teenagers?)"
_SHARE = re.compile(rf"\b(?:{_NUMBER}|an?) (?:adults?|grown-?ups?|seniors?|{_CHILD})\b")
_TOTALS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_NUMBER} (?:of us|people|persons?|guests|diners)\b",
        rf"\b(?:table|party|group|room|seats|reservation|booking|breakfast|lunch|dinner) (?:for|of) {_NUMBER}{_NO_TIME}",
        rf"\b(?:we(?:'ll| will| would)? be|we(?:'re| are)|there(?:'ll| will) be) (?:(?:only|just|now|actually|about) )?{_NUMBER}{_NO_TIME}",
    )
)
_MEMBER = re.compile(
    r"\b(?:(?:me|myself|i)\b(?!')|(?:my|our|a) (?:wife|husband|spouse|partner|girlfriend|boyfriend|fianc\w+|son|daughter|mother|mom|mum|"
    r"father|dad|brother|sister|friend|roommate|flatmate|colleague|boss|cousin|aunt|uncle|grand\w+)\b)"
)


def counts_people(field: CollectField) -> bool:
    """Is it people that this field's number counts?"""
    return bool(_ASKS_FOR_PEOPLE.search(f"{field.key.replace('_', ' ')} {field.question.lower()}"))


def _value(match: re.Match[str]) -> int:
    said = match["number"]
    if said is None:
        return 1
    if said.isdecimal() or said == "a couple":
        return int(said) if said.isdecimal() else 2
    return sum(_SMALL.get(word) or TENS[word] for word in re.split("[ -]", said))


def count(text: str, *, is_asked: bool) -> tuple[int, tuple[int, int]] | None:
    """The people and where they are named. Asked, a list of them is counted too: "my wife and I and two kids" are four."""
    low = flat(text)
    for pattern in _TOTALS:
        match = pattern.search(low)
        if match and match["number"] != "one" and not _SHARE.match(low, match.start("number")):
            return _value(match), match.span("number")
    shares = list(_SHARE.finditer(low))
    members = list(_MEMBER.finditer(low)) if is_asked else []
    if len(members) < 2 and not (members and shares):
        members = []
    if not shares and not members:
        return None
    spots = [m.span() for m in (*shares, *members)]
    return sum(map(_value, shares)) + len(members), (min(s for s, _ in spots), max(e for _, e in spots))
