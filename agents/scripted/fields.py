"""The fields of one agent as a caller speaks of them: their values in a sentence, and their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from agents.collect import Understood, understand, understand_all
from agents.collect.names import BARE
from agents.collect.words import flat
from agents.mind import Value
from agents.scripted.state import State
from agents.spec import CollectField, FieldType

_ALSO_CALLED: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.PERSON: ("name", "surname"),
    FieldType.PHONE: ("number", "phone", "telephone"),
    FieldType.EMAIL: ("email", "e-mail", "mail"),
    FieldType.DATETIME: ("day", "date", "time", "hour"),
}
_COUNTED = re.compile(r"\bhow many ([a-z]+)")
_LACKS = re.compile(
    r"\b(?:don't|do not|didn't|can't|cannot|can not|couldn't|haven't|never)(?: even| really| actually)? "
    r"(?:have|find|know|remember|recall|see|own|use|got|get|got)\b"
)


_IS_WRONG = (
    r"(?:[\s,.;]*\b(?:is|was|are|should|must|be|to|not|isn't|wasn't|wrong|incorrect|right|correct|has|needs|changed?|"
    r"different|no)\b)*"
)


def label(key: str) -> str:
    return key.replace("_", " ")


class FieldReader:
    """Looks for values and names of fields, in the circumstances of this agent."""

    def __init__(self, fields: tuple[CollectField, ...], region: str, open_hours: frozenset[int]) -> None:
        self.fields: Mapping[str, CollectField] = {f.key: f for f in fields}
        self._region = region
        self._open_hours = open_hours
        self._counts = any(f.type is FieldType.NUMBER for f in fields)

    def values(self, state: State, text: str, now: datetime, *, asked: str | None) -> dict[str, Understood]:
        """Everything the text says of the fields."""
        return understand_all(
            self.fields.values(),
            text,
            now=now,
            region=self._region,
            asked=asked,
            known=state.known(),
            open_hours=self._open_hours,
        )

    def value(self, key: str, text: str, now: datetime, *, previous: Value) -> Understood | None:
        """What the text says of this field, as if it had just been asked for."""
        return understand(
            self.fields[key],
            text,
            now=now,
            region=self._region,
            asked=True,
            previous=previous,
            open_hours=self._open_hours,
            has_rival=self._counts,
        )

    def is_loose(self, key: str, found: Understood) -> bool:
        """Anything could be this: a free text, or a name only because a name was asked for."""
        kind = self.fields[key].type
        return kind is FieldType.TEXT or (kind is FieldType.PERSON and found.confidence <= BARE)

    def mentioned(self, text: str) -> str | None:
        """The field a sentence names: "the phone number is wrong"."""
        low = flat(text)
        for key in self.fields:
            if any(re.search(rf"\b{re.escape(name)}\b(?! of\b)", low) for name in self._names(key)):
                return key
        return None

    def after_name(self, key: str, text: str) -> str:
        """What follows a field's name and the words that say it is wrong."""
        low = flat(text)
        for name in self._names(key):
            found = re.search(rf"\b{re.escape(name)}\b{_IS_WRONG}", low)
            if found:
                return text[found.end() :]
        return ""

    def lacks(self, key: str, text: str) -> bool:
        """ "I can't find the tracking number": the caller has none to give."""
        low = flat(text)
        lack = _LACKS.search(low)
        return bool(lack and any(re.search(rf"\b{re.escape(name)}\b", low[lack.end() :]) for name in self._names(key)))

    def _names(self, key: str) -> tuple[str, ...]:
        field = self.fields[key]
        counted = _COUNTED.findall(field.question.lower()) if field.type is FieldType.NUMBER else []
        return (label(key), *_ALSO_CALLED.get(field.type, ()), *counted)
