"""Several answers in one sentence: each field looks at what the surer ones have left."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agents.collect import emails, names, phone, phrase, simple, when
from agents.collect.clock_words import DAYTIME
from agents.collect.understood import Ask, Understood
from agents.collect.words import FILLERS, blank, is_correction, tails, word_set, words
from agents.mind import Value
from agents.spec import CollectField, FieldType

_READERS = {
    FieldType.EMAIL: emails.understand,
    FieldType.PHONE: phone.understand,
    FieldType.DATETIME: when.understand,
    FieldType.CHOICE: simple.understand_choice,
    FieldType.PERSON: names.understand,
    FieldType.NUMBER: simple.understand_number,
    FieldType.YES_NO: simple.understand_yes_no,
    FieldType.TEXT: phrase.understand,
}
_ORDER = tuple(_READERS)
"""The surest to recognise first: digits of a phone number must not become a time, nor a name a reason."""
_AROUND = word_set("at on and for it's is then")
LONGEST = 2_000
"""Characters looked at: two minutes of speech."""
_SELF_CORRECTING = {
    FieldType.PERSON,
    FieldType.PHONE,
    FieldType.EMAIL,
    FieldType.DATETIME,
    FieldType.NUMBER,
    FieldType.CHOICE,
}


def understand(
    field: CollectField,
    text: str,
    *,
    now: datetime,
    region: str,
    asked: bool,
    previous: Value = None,
    open_hours: frozenset[int] = DAYTIME,
    has_rival: bool = False,
) -> Understood | None:
    """What the text says of this field, or ``None``.

    ``asked``: its question has just been put, so a bare answer counts. ``previous``: what is known, to be completed or corrected.
    Of a thing said wrong and set right in one breath ("Tuesday, no, Wednesday") the right one is taken.
    """
    text = text[:LONGEST]
    ask = Ask(field, now, region, asked, previous, open_hours, has_rival)
    read = _READERS[field.type]
    if field.type in _SELF_CORRECTING:
        for place in tails(text):
            tail = " " * place + text[place:]
            found, start = read(tail, ask), read(text[:place], ask)
            if start and start.is_complete and not (found and found.is_complete):
                found = read(tail, replace(ask, previous=start.value, asked=True))  # "… 0139, no, 0193"
                if found and found.value == start.value:
                    found = None
            if found and found.is_complete:
                return _merged_with_start(found, start, ask)
    return read(text, ask)


def _merged_with_start(found: Understood, start: Understood | None, ask: Ask) -> Understood:
    """ "Tuesday at ten, no, Wednesday" keeps the ten."""
    if not start or not start.is_complete:
        return found
    if ask.field.type is FieldType.DATETIME and ask.previous is None:
        before, after = when.read(start.value), when.read(found.value)
        both = when.When(after.day or before.day, after.clock or before.clock)
        found = replace(found, value=when.iso(both), spoken=when.spoken(both, ask.now))
    return replace(found, span=(start.span[0], found.span[1]), spots=())


def understand_all(
    fields: Collection[CollectField],
    text: str,
    *,
    now: datetime,
    region: str,
    asked: str | None,
    known: Mapping[str, Value],
    open_hours: frozenset[int] = DAYTIME,
) -> dict[str, Understood]:
    """Everything the text says of these fields, by key. What is known is touched only by a correction or by its own question."""
    circumstances = _Turn(text, is_correction(text), next((f.type for f in fields if f.key == asked), None))
    result: dict[str, Understood] = {}
    left = text
    for field in sorted(fields, key=lambda f: (_ORDER.index(f.type), f.key != asked)):
        is_asked = field.key == asked
        previous = known.get(field.key)
        rival = any(other.type is FieldType.NUMBER for other in fields)
        found = understand(
            field,
            left,
            now=now,
            region=region,
            asked=is_asked,
            previous=previous,
            open_hours=open_hours,
            has_rival=rival,
        )
        if found is None or (not is_asked and not circumstances.counts(field, found, previous)):
            continue
        if field.type is FieldType.PHONE and not found.is_complete and _is_a_time(fields, left, known, now, region):
            continue
        left = blank(left, list(found.spots or (found.span,)))
        if found.value != previous:
            result[field.key] = found
    return result


def _is_a_time(
    fields: Collection[CollectField], text: str, known: Mapping[str, Value], now: datetime, region: str
) -> bool:
    """ "Ten fifteen" is the time that a day still lacks rather than the beginning of a telephone number."""
    for field in fields:
        day = when.read(known.get(field.key)) if field.type is FieldType.DATETIME else when.When()
        if day.day and not day.clock:
            found = understand(field, text, now=now, region=region, asked=True, previous=known.get(field.key))
            return bool(found and found.is_complete and not re.search(r"\d{3}", text))
    return False


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn is, for judging values nobody asked for."""

    text: str
    corrects: bool
    asked_type: FieldType | None

    def counts(self, field: CollectField, found: Understood, previous: Value) -> bool:
        if not found.is_complete and field.type is not FieldType.DATETIME:
            return False
        is_all = not [
            w
            for w in words(blank(self.text, [found.span]))
            if w.text not in FILLERS and w.text not in ("at", "on", "and", "for", "it's", "is", "then")
        ]
        if self.asked_type is FieldType.TEXT and field.type is FieldType.DATETIME:
            return is_all or (
                self.corrects and previous is not None
            )  # "my tooth has hurt since Tuesday" is no appointment
        if previous is None:
            return True
        if field.type in (FieldType.TEXT, FieldType.YES_NO):
            return False
        if field.type is FieldType.PERSON and names.spelled(self.text):
            return True  # spelled is what was heard wrong
        if field.type is FieldType.NUMBER:
            return self.corrects
        return self.corrects or field.type is FieldType.DATETIME or (is_all and field.type is not FieldType.PERSON)
