"""What the caller asks to hear again of what they have said: "what day did I say?" (English)."""

from __future__ import annotations

import re

from agents.collect.words import flat
from agents.scripted.asking import Asker
from agents.scripted.fields import FieldReader, label
from agents.scripted.intents import is_question
from agents.scripted.lines import Lines
from agents.scripted.state import Answer, State

_OF_WHAT_WAS_SAID = re.compile(
    r"\b(?:(?:did|have) i (?:just |already )?(?:say|said|tell|told|give|given|pick|picked|choose|chosen|spell|ask for|asked for|book|order|leave)\b|"
    r"(?:do|did|have) you (?:have|got|get|note|noted|write|written|put)(?: down| noted| written)*"
    r"(?: for (?:me|us|my \w+|the \w+|that))?(?: (?:now|so far|again))?\W*$|"
    r"(?:was|is) (?:that|it) again\b|was that\W*$|you have for me\b|you(?:'ve| have) (?:got )?(?:noted|written)\b)"
)
_ALL = re.compile(
    r"\b(?:(?:read|say) (?:that|it|everything|them|all(?: of)?(?: it| that)?) back|what (?:all )?(?:do|have) you (?:have|got|noted)"
    r"(?: down)?(?: so far| about me| noted)?\W*$)"
)


class Recaller:
    def __init__(self, asker: Asker, reader: FieldReader, lines: Lines) -> None:
        self._asker = asker
        self._reader = reader
        self._lines = lines

    def is_asked(self, state: State, text: str) -> bool:
        """Does the caller ask for what they have told? Nothing was told before the questions began."""
        low = flat(text)
        if not (state.held or state.is_collecting):
            return False
        if _ALL.search(low):
            return True
        return is_question(text) and bool(_OF_WHAT_WAS_SAID.search(low)) and self._reader.mentioned(text) is not None

    def tell(self, answer: Answer, text: str) -> None:
        held = answer.state.held
        named = None if _ALL.search(flat(text)) else self._reader.mentioned(text)
        for key in [named] if named else held:
            if key in held and held[key].spoken:
                answer.say(self._lines.recalled.format(label=label(key), value=held[key].spoken))
            elif named:
                answer.say(self._lines.not_told_yet.format(label=label(key)))
        if not answer.said:
            answer.say(self._lines.not_known[0])
