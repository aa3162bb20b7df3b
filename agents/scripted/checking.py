"""After the summary: yes, no, or what was wrong."""

from __future__ import annotations

import re
from datetime import datetime

from rapidfuzz import fuzz

from agents.collect import Understood, understand, understand_all
from agents.collect.simple import yes_or_no
from agents.collect.words import flat, joined, words
from agents.scripted.asking import GIVE_UP_AFTER, Asker
from agents.scripted.intents import Intent, Recognised, is_question
from agents.scripted.lines import Lines
from agents.scripted.state import Answer, Phase
from agents.scripted.telling import Heard, Teller
from agents.spec import FieldType

_ALSO_CALLED = {
    FieldType.PERSON: ("name", "surname"),
    FieldType.PHONE: ("number", "phone", "telephone"),
    FieldType.EMAIL: ("email", "e-mail", "mail"),
    FieldType.DATETIME: ("day", "date", "time", "hour"),
}
_LEAD = re.compile(
    r"^\W*(?:(?:no|nope|sorry|wait|actually|not quite|almost|wrong|i said|i meant|it's|it is|that's wrong|"
    r"that's not right|change|make|please)\b[\s,.!]*)+"
)
_ALONE = (FieldType.PERSON, FieldType.CHOICE, FieldType.DATETIME, FieldType.PHONE)
"""Types whose value a bare "no, …" may correct."""


def _sounds_like(text: str, name: str) -> bool:
    """A word of the text is near to a word of the name."""
    return any(fuzz.ratio(w.text, part.lower()) >= 50 for w in words(text) for part in name.split())


class Checker:
    def __init__(self, asker: Asker, teller: Teller, lines: Lines, region: str) -> None:
        self._asker = asker
        self._teller = teller
        self._lines = lines
        self._region = region

    def reply(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        told, unknown, rest = self._teller.find(heard, needs_question=True)
        found = self.corrections(answer, rest, now)
        mentioned = self.mentioned(rest)
        verdict = yes_or_no(rest)
        says_yes, says_no = verdict is not None and verdict[0], verdict is not None and not verdict[0]
        self._teller.tell(answer, told, unknown)
        if found:
            state.tries = 0
            self._asker.adopt(answer, found)
            self._asker.read_back(answer)
        elif mentioned and not says_yes:
            self._asker.ask_anew(answer, mentioned)
        elif says_yes and state.phase is Phase.CHECKING:
            self._asker.confirm(answer)
        elif told:
            self._teller.go_on(answer)
        elif says_no and state.phase is Phase.MENDING and Intent.NO in intents:
            self._asker.confirm(answer)  # "What should I change?" "Nothing."
        elif unknown:
            answer.say(self._lines.not_known[0])
            self._wrong(answer, is_no=False)
        else:
            self._wrong(answer, is_no=says_no)

    def _wrong(self, answer: Answer, *, is_no: bool) -> None:
        """Ask what is wrong; after some turns that led nowhere keep what there is and say so."""
        state = answer.state
        state.tries += 1
        if state.tries > GIVE_UP_AFTER:
            answer.say(self._lines.kept_as_is)
            self._asker.finish(answer)
        elif is_no or state.phase is Phase.MENDING:
            state.phase = Phase.MENDING
            questions = self._lines.what_to_change
            labels = joined([f"the {self._asker.label(k)}" for k in state.held], self._lines.word_or)
            answer.say(questions[min(state.tries, len(questions)) - 1].format(labels=labels))
        else:
            answer.say(self._lines.is_it_right)

    def corrections(self, answer: Answer, text: str, now: datetime) -> dict[str, Understood]:
        """What sets something right: a value that is plain by itself, or one given with its field's name."""
        known = answer.state.known()
        mentioned = self.mentioned(text)
        verdict = yes_or_no(text)
        fields = self._asker.fields
        found = understand_all(fields.values(), text, now=now, region=self._region, asked=mentioned, known=known)
        if not found and not (verdict and verdict[0]) and not is_question(text):
            lead = _LEAD.match(flat(text))
            bare = " " * lead.end() + text[lead.end() :] if lead else text
            is_meant = bool(lead) or answer.state.phase is Phase.MENDING
            for key, field in sorted(fields.items(), key=lambda item: item[1].type is FieldType.TEXT):
                if (mentioned and key != mentioned) or not (
                    field.type in _ALONE or (field.type is FieldType.TEXT and is_meant)
                ):
                    continue
                if field.type is FieldType.PERSON and not (
                    mentioned or _sounds_like(bare, str(known.get(key) or "")) or bare != bare.lower()
                ):
                    continue  # "no, root canal" is not a name
                new = understand(field, bare, now=now, region=self._region, asked=True, previous=known.get(key))
                if new and new.is_complete and new.value != known.get(key):
                    return {key: new}
        return {k: u for k, u in found.items() if u.is_complete}

    def mentioned(self, text: str) -> str | None:
        """The field a sentence names: "the phone number is wrong"."""
        low = flat(text)
        for key, field in self._asker.fields.items():
            names = [self._asker.label(key), *_ALSO_CALLED.get(field.type, ())]
            if any(re.search(rf"\b{re.escape(n)}\b", low) for n in names):
                return key
        return None
