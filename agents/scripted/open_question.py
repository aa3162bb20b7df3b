"""While a question is open: its answer, other answers, corrections, a question in between, or a refusal."""

from __future__ import annotations

from datetime import datetime

from agents.collect import Understood, names
from agents.collect.words import CORRECTION, FILLERS, flat, is_correction, words
from agents.mind import Value
from agents.scripted.asking import GIVE_UP_AFTER, Asker
from agents.scripted.checking import Checker
from agents.scripted.fields import FieldReader
from agents.scripted.intents import Intent, Recognised, is_wrong, proposes, wants
from agents.scripted.state import Answer, State
from agents.scripted.stems import stems
from agents.scripted.telling import Heard, Teller, Told
from agents.spec import CollectField, FieldType

_MOST_BESIDE = 2
"""Words of meaning beside a value in a question that still puts the value forward: "is Tuesday at ten possible?"."""


class OpenQuestion:
    def __init__(self, asker: Asker, teller: Teller, checker: Checker, reader: FieldReader) -> None:
        self._asker = asker
        self._teller = teller
        self._checker = checker
        self._reader = reader

    def reply(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        field = self._reader.fields[state.asked or ""]
        told, unknown, rest = self._teller.find(heard, needs_question=True)
        found, told = self._found(state, field, heard, (told, unknown, rest), now)
        wrong = self._taken_back(state, heard, intents, found)
        will_not_say = self._will_not_say(field, heard, intents, found)
        if will_not_say and field.key in found and self._reader.is_loose(field.key, found[field.key]):
            del found[field.key]
        if wrong:
            self._asker.ask_anew(answer, wrong)
        elif found:
            state.failures = 0
            self._teller.tell(answer, told, unknown if told else ())
            self._asker.adopt(answer, found)
            self._asker.ask_next(answer, is_back=bool(told) or field.key not in found)
        elif told:
            self._teller.tell(answer, told, unknown)
            self._asker.ask_next(answer, is_back=True)
        elif will_not_say:
            self._asker.refuse(answer)
        elif state.tries == 0 and self._says_again(state, rest, now):
            state.tries += 1
            self._asker.ask_next(answer, is_back=True)
        elif unknown and state.failures < GIVE_UP_AFTER:
            self._teller.not_known(answer, heard.text)
            self._asker.ask_next(answer, is_back=True)
        elif state.tries == 0 and {Intent.YES, Intent.GREETING} & intents.intents and Intent.NO not in intents:
            self._asker.encourage(answer)
        else:
            self._asker.ask_again(answer)

    def _found(
        self,
        state: State,
        field: CollectField,
        heard: Heard,
        parts: tuple[list[Told], list[str], str],
        now: datetime,
    ) -> tuple[dict[str, Understood], list[Told]]:
        """The values in a turn, and the facts that are still to be told beside them."""
        told, unknown, rest = parts
        found = self._reader.values(state, rest, now, asked=field.key)
        if not found and not told and unknown:  # "Is Tuesday at ten possible?", "Can you make it four people?"
            found = self._proposed(state, field, heard.text, now)
        elif told and field.type is FieldType.DATETIME and (wants(heard.text) or proposes(heard.text)):
            found = self._reader.values(state, heard.text, now, asked=field.key) or found
            told = [] if found else told
        own = found.get(field.key)
        if (
            own
            and len(found) > 1
            and field.type is FieldType.TEXT
            and not stems(CORRECTION.sub(" ", flat(str(own.value))))
        ):
            del found[field.key]  # of "actually we will be three" nothing is left to be a text
        if is_correction(rest):
            found = self._set_right(state, field, rest, found, now)
        if not (found or told):  # "Thank you, Anna." "No, Hannah." or "It's Anna Kowalski."
            found = {
                k: u
                for k, u in self._checker.corrections(state, rest, now).items()
                if k in state.echoed
                or (
                    self._reader.fields[k].type is FieldType.PERSON
                    and k in state.held
                    and _completes(u.value, state.held[k].value)
                )
            }
        return found, told

    def _proposed(self, state: State, field: CollectField, text: str, now: datetime) -> dict[str, Understood]:
        """Values in a question that no fact answers. "Does Dr. Romero work on Friday?" asks for more than a Friday."""
        found = self._reader.values(state, text, now, asked=None if field.type is FieldType.TEXT else field.key)
        found = {k: u for k, u in found.items() if self._reader.fields[k].type is not FieldType.TEXT}
        for understood in found.values():
            start, end = understood.span
            text = text[:start] + " " * (end - start) + text[end:]
        return found if len(stems(CORRECTION.sub(" ", flat(text)))) <= _MOST_BESIDE else {}

    def _set_right(
        self, state: State, field: CollectField, text: str, found: dict[str, Understood], now: datetime
    ) -> dict[str, Understood]:
        """ "No, six" means the number just given, and its "no" does not answer the next question too."""
        changed = {k: u for k, u in found.items() if k != field.key and k in state.held}
        if changed and field.type is FieldType.YES_NO:
            return {k: u for k, u in found.items() if k != field.key}
        own = found.get(field.key)
        if own and own.is_complete and field.type is not FieldType.NUMBER:
            return found
        for key in state.answered:
            if self._reader.fields[key].type not in (FieldType.NUMBER, FieldType.CHOICE) or key == field.key:
                continue
            new = self._reader.value(key, text, now, previous=state.held[key].value if key in state.held else None)
            beside = [w for w in words(text) if new and not new.span[0] <= w.start < new.span[1]]
            if new and len(beside) <= 4 and key in state.held and new.value != state.held[key].value:
                return {key: new}
        return found

    def _says_again(self, state: State, text: str, now: datetime) -> bool:
        """What is known already was said or spelled once more: nothing new, and nothing that wasn't understood."""
        fields = self._reader.fields
        if names.spelled(text) and any(fields[key].type is FieldType.PERSON for key in state.held):
            return True
        said = {w.text for w in words(text)}
        if any(held.spoken and {w.text for w in words(held.spoken)} <= said for held in state.held.values()):
            return True
        again = self._reader.values(State(), text, now, asked=None)
        return any(key in state.held and state.held[key].value == found.value for key, found in again.items())

    def _will_not_say(
        self, field: CollectField, heard: Heard, intents: Recognised, found: dict[str, Understood]
    ) -> bool:
        if self._reader.lacks(field.key, heard.text) and field.type is not FieldType.YES_NO:
            return True
        refuses = Intent.REFUSE in intents and not (field.type is FieldType.YES_NO and field.key in found)
        return refuses or Intent.UNSURE in intents

    def _taken_back(self, state: State, heard: Heard, intents: Recognised, found: dict[str, Understood]) -> str | None:
        """The field a caller calls wrong: by its name, or with a "no" to what was just heard back."""
        named = self._reader.mentioned(heard.text)
        is_held = named in state.held and named != state.asked
        others = {k for k, u in found.items() if k != state.asked or not self._answers_anything(k, u)}
        if named and is_held and not others and is_wrong(heard.text):
            return named
        said = [w for w in words(heard.text) if w.text not in FILLERS]
        declines = Intent.UNSURE in intents or (Intent.REFUSE in intents and len(said) > 1)
        if (
            state.echoed
            and not declines
            and (not found or is_wrong(heard.text))
            and Intent.NO in intents
            and (is_wrong(heard.text) or not stems(heard.text))
        ):
            return None if found else state.echoed[0]
        return None

    def _answers_anything(self, key: str, found: Understood) -> bool:
        """ "The e-mail is wrong" is no "no" to a question, nor the text asked for."""
        return self._reader.fields[key].type is FieldType.YES_NO or self._reader.is_loose(key, found)


def _completes(name: Value, known: Value) -> bool:
    """The same name with more of it."""
    return str(known).lower() in str(name).lower().split()
