"""Asking for fields in order, acknowledging what came, reading back, and knowing when it is done."""

from __future__ import annotations

from collections.abc import Mapping

from agents.collect import Understood
from agents.collect.words import joined
from agents.mind import Collected, Thought
from agents.scripted.fields import label
from agents.scripted.lines import Lines
from agents.scripted.state import Answer, Held, Phase, State
from agents.spec import CollectField, Does, FieldType

GIVE_UP_AFTER = 3
"""Unanswered times until a required question is left open; one that isn't required is asked once more at most."""


class Asker:
    """The questions of one agent. Works on the ``Answer`` it is given and keeps nothing."""

    def __init__(self, does: Does, lines: Lines) -> None:
        self._does = does
        self._lines = lines
        self.fields: Mapping[str, CollectField] = {f.key: f for f in does.collect}

    def label(self, key: str) -> str:
        return label(key)

    def missing(self, state: State) -> list[str]:
        """Keys still to be asked for, in order."""
        return [
            k for k in self.fields if k not in state.skipped and not (k in state.held and state.held[k].is_complete)
        ]

    def is_unfinished(self, state: State) -> bool:
        return state.is_collecting and not state.is_done

    def adopt(self, answer: Answer, found: Mapping[str, Understood], *, is_quiet: bool = False) -> None:
        """Keep what was understood and say what of it needs to be heard back."""
        state = answer.state
        echoes: list[str] = []
        changes: list[str] = []
        echoed: list[str] = []
        name = ""
        for key, understood in found.items():
            field = self.fields[key]
            before = state.held.get(key)
            answer.hold(key, Held(understood.value, understood.spoken, understood.is_complete))
            answer.parts.append(
                Thought("understood", {"field": key, "value": understood.value, "confidence": understood.confidence})
            )
            if not understood.is_complete:
                continue
            if key in state.skipped:
                state.skipped -= {key}
            if before and before.is_complete:
                echoed.append(key)
                changes.append(self._lines.changed.format(label=self.label(key), value=understood.spoken))
            elif field.type is FieldType.PERSON:
                echoed.append(key)
                name = str(understood.value).split()[0]
            elif field.read_back and field.type in (FieldType.PHONE, FieldType.EMAIL, FieldType.DATETIME):
                echoed.append(key)
                echoes.append(understood.spoken)
        answer.answered = tuple(k for k, u in found.items() if u.is_complete)
        if is_quiet:
            return
        answer.echoed = tuple(echoed)
        if name:
            answer.say(self._lines.thanks_name.format(name=name))
        if changes:
            answer.say(" ".join(changes))
        will_be_read_back = not self.missing(state) and any(self.fields[k].read_back for k in found)
        if echoes and not will_be_read_back:
            answer.say(self._lines.got.format(value=joined(echoes, self._lines.word_and)))
        elif found and not (name or changes or will_be_read_back) and any(u.is_complete for u in found.values()):
            answer.say(self._lines.noted)

    def ask_next(self, answer: Answer, *, is_back: bool = False) -> None:
        """Put the next open question; with none left, read back or finish."""
        state = answer.state
        state.is_collecting = True
        missing = self.missing(state)
        if not missing:
            self.read_back(answer)
            return
        key = missing[0]
        field = self.fields[key]
        if state.asked != key:
            state.asked, state.tries, state.refusals = key, 0, 0
        state.phase = Phase.ASKING
        answer.parts.append(Thought("asked", {"field": key, "try": state.tries + 1}))
        partial = state.held.get(key)
        if partial and not partial.is_complete and partial.spoken:
            line = self._lines.which_day if field.type is FieldType.DATETIME else self._lines.part_of_number
            answer.say(
                line.format(value=_upper(partial.spoken) if field.type is FieldType.DATETIME else partial.spoken)
            )
        elif is_back:
            answer.say(self._lines.back_to.format(question=_lower(field.question)))
        else:
            answer.say(field.question)

    def ask_anew(self, answer: Answer, key: str) -> None:
        """Drop a value that was called wrong and ask for it."""
        answer.state.held.pop(key, None)
        answer.parts.append(Collected(key, None))
        answer.say(self._lines.ask_anew.format(label=self.label(key)))
        self.ask_next(answer)

    def encourage(self, answer: Answer) -> None:
        """A "yes" or a "hello" to a question that needs more: put it once more without a word of blame."""
        state = answer.state
        state.tries += 1
        if self.fields[state.asked or ""].type is FieldType.TEXT:
            answer.say(self._lines.go_ahead)
        else:
            answer.say(self.fields[state.asked or ""].question)

    def ask_again(self, answer: Answer) -> None:
        """The open question wasn't answered: put it otherwise, and after some tries leave it open and say so."""
        state = answer.state
        key = state.asked or ""
        field = self.fields[key]
        state.tries += 1
        if state.tries >= (GIVE_UP_AFTER if field.is_required else 2):
            self.skip(answer)
            return
        retries = self._lines.retry[field.type]
        choices = joined(list(field.choices), "or")
        answer.parts.append(Thought("asked", {"field": key, "try": state.tries + 1}))
        answer.say(retries[min(state.tries, len(retries)) - 1].format(choices=choices))
        if field.type is FieldType.TEXT and state.tries == 1:
            answer.say(field.question)

    def refuse(self, answer: Answer) -> None:
        """The caller doesn't want to tell: a required field is asked for once more, then left open."""
        state = answer.state
        key = state.asked or ""
        state.refusals += 1
        if self.fields[key].is_required and state.refusals == 1:
            answer.say(self._lines.please_tell)
            answer.say(self.fields[key].question)
        else:
            self.skip(answer)

    def skip(self, answer: Answer) -> None:
        state = answer.state
        key = state.asked or ""
        state.skipped |= {key}
        state.held.pop(key, None)
        answer.parts.append(Thought("left_open", {"field": key}))
        answer.say(self._lines.left_open.format(label=self.label(key)))
        self.ask_next(answer)

    def read_back(self, answer: Answer) -> None:
        """One summary of all that should be read back, or the end."""
        state = answer.state
        state.asked = None
        to_read = [
            k
            for k, f in self.fields.items()
            if f.read_back and k in state.held and not state.held[k].is_confirmed and state.held[k].is_complete
        ]
        if not to_read:
            self.finish(answer)
            return
        is_first = state.phase not in (Phase.CHECKING, Phase.MENDING) and not state.is_done
        if state.phase is not Phase.CHECKING:
            state.tries = 0
        state.phase = Phase.CHECKING
        if is_first:
            answer.say(self._lines.summary)
            items = (
                self._lines.summary_item.format(label=_upper(self.label(k)), value=state.held[k].spoken)
                for k in to_read
            )
            answer.say(" ".join(items))
            answer.say(self._lines.is_it_right)
        else:
            answer.say(self._lines.right_now)

    def confirm(self, answer: Answer) -> None:
        state = answer.state
        for key, held in state.held.items():
            if self.fields[key].read_back and held.is_complete and not held.is_confirmed:
                state.held[key] = Held(held.value, held.spoken, True, True)
                answer.parts.append(Collected(key, held.value, held.spoken, True))
        self.finish(answer)

    def finish(self, answer: Answer) -> None:
        state = answer.state
        answer.say(self._does.done_message)
        answer.say(self._lines.anything_else)
        state.phase, state.asked, state.tries = Phase.CLOSING, None, 0
        state.is_collecting, state.is_done = False, True


def _lower(question: str) -> str:
    """A question after "So,": its first letter small unless it is a name or "I"."""
    question = question.removeprefix("And ")
    first = question.split(" ", 1)[0]
    is_word = first.lower() in (
        "what",
        "which",
        "when",
        "where",
        "who",
        "how",
        "may",
        "can",
        "could",
        "would",
        "do",
        "does",
        "are",
        "is",
        "and",
        "please",
        "for",
        "at",
        "on",
        "will",
        "any",
        "have",
        "did",
        "should",
        "if",
        "in",
        "to",
        "tell",
        "your",
        "the",
        "our",
        "was",
        "were",
        "whose",
        "give",
    )
    return question[0].lower() + question[1:] if is_word else question


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
