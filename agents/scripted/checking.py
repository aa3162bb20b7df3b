"""After the summary: yes, no, or what was wrong."""

from __future__ import annotations

import re
from datetime import datetime

from rapidfuzz import fuzz

from agents.collect import Understood
from agents.collect.simple import yes_or_no
from agents.collect.words import blank, flat, joined, words
from agents.scripted.asking import GIVE_UP_AFTER, Asker
from agents.scripted.fields import FieldReader
from agents.scripted.intents import Intent, Recognised, is_question, proposes, wants
from agents.scripted.lines import Lines
from agents.scripted.state import Answer, Phase, State
from agents.scripted.stems import stems
from agents.scripted.telling import Heard, Teller
from agents.spec import FieldType

_LEAD = re.compile(
    r"^\W*(?:(?:no|nope|sorry|wait|actually|not quite|almost|wrong|and|i said|i meant|it's|it is|that's wrong|"
    r"that's not right|change|make|please)\b[\s,.!]*)+"
)
_ALONE = (FieldType.PERSON, FieldType.CHOICE, FieldType.DATETIME, FieldType.PHONE)
"""Types whose value a bare "no, …" may correct."""


def _sounds_like(text: str, name: str) -> bool:
    """A word of the text is near to a word of the name."""
    return any(fuzz.ratio(w.text, part.lower()) >= 50 for w in words(text) for part in name.split())


def _is_written_as_name(text: str) -> bool:
    """Every word with a capital: "No, Peter Smith", but not "No, Root canal" nor a number of a parcel."""
    return all(piece[0].isupper() and piece[1:].islower() for piece in re.findall(r"[\w'’-]+", text) if len(piece) > 1)


class Checker:
    def __init__(self, asker: Asker, teller: Teller, reader: FieldReader, lines: Lines) -> None:
        self._asker = asker
        self._teller = teller
        self._reader = reader
        self._lines = lines

    def reply(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        told, unknown, rest = self._teller.find(heard, needs_question=True)
        found = self.corrections(answer.state, rest, now)
        if not found and (told or unknown):
            found = self.requests(state, heard.text, now)
            if found:  # "Can we make it Thursday instead?" is no question for a fact about Thursdays
                told, unknown = [], []
        mentioned = self._reader.mentioned(rest)
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
            if not answer.said:
                answer.say(self._lines.not_understood[0])
            answer.say(self._lines.is_it_right)

    def requests(self, state: State, text: str, now: datetime) -> dict[str, Understood]:
        """Values in what is worded as a question and asks for a change: "Can we do Thursday?"."""
        if not (wants(text) or proposes(text)):
            return {}
        found = self._reader.values(state, text, now, asked=None)
        return {k: u for k, u in found.items() if u.is_complete and not self._reader.is_loose(k, u)}

    def corrections(self, state: State, text: str, now: datetime) -> dict[str, Understood]:
        """What sets something right: a value that is plain by itself, or one given with its field's name."""
        known = state.known()
        mentioned = self._reader.mentioned(text)
        verdict = yes_or_no(text)
        if mentioned and self._reader.fields[mentioned].type is FieldType.TEXT:
            found = self._text_for(mentioned, state, text, now)
        else:
            found = self._reader.values(state, text, now, asked=mentioned)
        if not found:
            found = self._in_place_of(state, text, now)
        if not found and not (verdict and verdict[0]) and not is_question(text):
            lead = _LEAD.match(flat(text))
            bare = " " * lead.end() + text[lead.end() :] if lead else text
            is_meant = bool(lead) or state.phase is Phase.MENDING
            for key, field in sorted(self._reader.fields.items(), key=lambda item: item[1].type is FieldType.TEXT):
                if (mentioned and key != mentioned) or not (
                    field.type in _ALONE or (field.type is FieldType.TEXT and is_meant)
                ):
                    continue
                if field.type is FieldType.PERSON and not (
                    mentioned or _sounds_like(bare, str(known.get(key) or "")) or (lead and _is_written_as_name(bare))
                ):
                    continue  # "no, root canal" is not a name
                new = self._reader.value(key, bare, now, previous=known.get(key))
                if new and field.type is FieldType.TEXT and not stems(str(new.value)):
                    continue  # "no, it's not"
                if new and new.is_complete and new.value != known.get(key):
                    return {key: new}
        return {k: u for k, u in found.items() if u.is_complete}

    def _text_for(self, key: str, state: State, text: str, now: datetime) -> dict[str, Understood]:
        """The text given after its field's name: "the reason should be a filling", but not "the reason is wrong"."""
        after = self._reader.after_name(key, text)
        new = self._reader.value(key, " " * (len(text) - len(after)) + after, now, previous=None)
        known = state.known().get(key)
        return {key: new} if new and new.value != known and stems(str(new.value)) else {}

    def _in_place_of(self, state: State, text: str, now: datetime) -> dict[str, Understood]:
        """ "It's a filling, not a cleaning": what stands beside a free text that was called wrong."""
        low = flat(text)
        for key, held in state.held.items():
            if self._reader.fields[key].type is not FieldType.TEXT or not held.spoken:
                continue
            wrong = re.search(
                rf"\b(?:not|instead of|rather than) (?:for )?(?:an? |the |my )?{re.escape(flat(held.spoken))}\b", low
            )
            if wrong:
                lead = _LEAD.match(low)
                right = blank(text, [wrong.span(), (0, lead.end() if lead else 0)])
                new = self._reader.value(key, right, now, previous=held.value)
                return {key: new} if new and new.value != held.value else {}
        return {}
