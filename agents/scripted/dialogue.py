"""The scripted conversation: a state and what was heard make a new state and what is said. No clock, no chance, no I/O."""

from __future__ import annotations

from datetime import datetime

from agents.collect import Understood, understand_all
from agents.collect.names import BARE
from agents.collect.words import is_correction
from agents.mind import Thought, Value
from agents.scripted.asking import GIVE_UP_AFTER, Asker
from agents.scripted.checking import Checker
from agents.scripted.facts import split
from agents.scripted.intents import (
    Intent,
    Recognised,
    announces,
    is_question,
    is_wrong,
    proposes,
    recognise,
    wants,
    ways_to_say,
)
from agents.scripted.lines import lines_for
from agents.scripted.matching import FactIndex, Vectors
from agents.scripted.state import Answer, Phase, State
from agents.scripted.telling import Heard, Teller
from agents.spec import AgentSpec, CollectField, FieldType


class Script:
    """One agent's facts and ways to ask, made ready once."""

    def __init__(self, spec: AgentSpec, vectors: Vectors) -> None:
        """``vectors``: those of ``texts(spec)``."""
        facts = split(spec.says.prompt)
        self.spec = spec
        self.index = FactIndex(facts, vectors[: 2 * len(facts)])
        self.ways_to_collect = vectors[2 * len(facts) :]

    @staticmethod
    def texts(spec: AgentSpec) -> list[str]:
        return [*FactIndex.texts(split(spec.says.prompt)), *ways_to_say(spec.does.collect_intent)]


class Dialogue:
    """Decides a reply. Keeps nothing between calls but the script."""

    def __init__(self, script: Script, region: str) -> None:
        self._spec = script.spec
        self._facts = script.index.facts
        self._ways = script.ways_to_collect
        self._region = region
        self._lines = lines_for(script.spec.sounds.language)
        self._asker = Asker(script.spec.does, self._lines)
        self._teller = Teller(script.spec, script.index, self._lines, self._asker)
        self._checker = Checker(self._asker, self._teller, self._lines, region)

    def likely_lines(self) -> list[str]:
        """Whole lines it will say sooner or later, the likeliest first."""
        lines = self._lines
        often = [lines.not_known[0], lines.anything_else, lines.not_caught[0], lines.not_understood[0]]
        if self._spec.does.collect:
            often.append(lines.is_it_right)
        facts = [fact.text for fact in self._facts]
        return list(dict.fromkeys([*often, *facts, *lines.not_known[1:], lines.welcome, lines.what_else]))

    def greet(self, state: State) -> Answer:
        answer = Answer(state.copy())
        answer.say(self._spec.says.first_message)
        return self._finished(answer)

    def reply(self, state: State, heard: Heard, now: datetime) -> Answer:
        answer = Answer(state.copy())
        intents = self._recognise(heard)
        names = ", ".join(sorted(intents.intents)) or "none"
        answer.parts.append(Thought("intent", {"intent": names, "collect_score": intents.collect_score}))
        self._route(answer, heard, intents, now)
        return self._finished(answer, is_repeat=bool({Intent.REPEAT, Intent.WAIT} & intents.intents))

    def _finished(self, answer: Answer, *, is_repeat: bool = False) -> Answer:
        state = answer.state
        does = self._spec.does
        is_free = not (state.is_collecting or state.is_done or state.is_cancelled or answer.has_ended)
        if is_free and does.collect and does.when_to_collect == "always":
            self._asker.ask_next(answer)
        state.has_greeted = True
        state.echoed = answer.echoed
        if answer.said and not (is_repeat and state.last):
            state.last = answer.said
        return answer

    def _recognise(self, heard: Heard) -> Recognised:
        intent = self._spec.does.collect_intent if self._spec.does.collect else ""
        return recognise(
            heard.text, self._spec.says.ending_phrases, intent, self._ways @ heard.vectors[0] if intent else None
        )

    def _route(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        """Which kind of turn it is. What can be said at any time comes first, then what the phase expects."""
        state = answer.state
        brings_value = bool(self._values(answer, heard.text, intents, now))
        if not state.has_greeted and intents.intents <= {Intent.GREETING, Intent.NOTHING}:
            answer.say(self._spec.says.first_message)
        elif Intent.NOTHING in intents:
            self._teller.not_caught(answer)
        elif Intent.REPEAT in intents and not brings_value:
            for line in state.last or (self._spec.says.first_message,):
                answer.say(line)
        elif state.phase is Phase.STOPPING:
            self._while_stopping(answer, heard, intents, now)
        elif Intent.GOODBYE in intents and not brings_value:
            self._goodbye(answer, intents)
        elif Intent.WAIT in intents and not brings_value:
            answer.say(self._lines.take_your_time)
        elif all(announces(part) for part in heard.parts):
            answer.say(self._lines.go_ahead)
        elif Intent.HUMAN in intents or Intent.MACHINE in intents:
            answer.say(self._lines.no_transfer if Intent.HUMAN in intents else self._lines.is_machine)
            self._teller.go_on(answer)
        elif Intent.HELP in intents:
            self._teller.help(answer)
        else:
            self._by_phase(answer, heard, intents, now)

    def _by_phase(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        phase = answer.state.phase
        if (
            Intent.CANCEL in intents
            and answer.state.is_collecting
            and not self._values(answer, heard.text, intents, now)
        ):
            self._cancel(answer)
        elif phase in (Phase.CHECKING, Phase.MENDING):
            self._checker.reply(answer, heard, intents, now)
        elif phase is Phase.ASKING:
            self._while_asking(answer, heard, intents, now)
        else:
            self._while_idle(answer, heard, intents, now)

    def _values(self, answer: Answer, text: str, intents: Recognised, now: datetime) -> dict[str, Understood]:
        """What a turn says of the fields while they are collected, beside words that mean something else already:
        "forget it" and "hold on" are neither a name nor a reason."""
        state = answer.state
        if not (state.is_collecting or state.is_done):
            return {}
        found = self._understand(answer, text, now, asked=state.asked)
        return {
            k: u
            for k, u in found.items()
            if not (self._is_loose(k, u) and intents.intents - {Intent.YES, Intent.GREETING})
        }

    def _is_loose(self, key: str, found: Understood) -> bool:
        """Anything could be this: a free text, or a name only because a name was asked for."""
        kind = self._asker.fields[key].type
        return kind is FieldType.TEXT or (kind is FieldType.PERSON and found.confidence <= BARE)

    def _understand(self, answer: Answer, text: str, now: datetime, *, asked: str | None) -> dict[str, Understood]:
        fields = self._spec.does.collect
        return understand_all(fields, text, now=now, region=self._region, asked=asked, known=answer.state.known())

    def _while_idle(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        told, unknown, rest = self._teller.find(heard, needs_question=False)
        found = self._understand(answer, heard.text, now, asked=None)
        if state.is_done and found and is_correction(heard.text):
            state.phase = Phase.MENDING
            self._asker.adopt(answer, found)
            self._asker.read_back(answer)
        elif self._spec.does.collect and self._starts(
            heard, intents, found, max((t.score for t in told), default=0.0), rest
        ):
            self._begin(answer, found, told=bool(told) and rest != heard.text and is_question(heard.text), heard=heard)
        elif told:
            self._teller.tell(answer, told, unknown)
            self._teller.keep_quietly(answer, found)
            self._teller.go_on(answer)
        else:
            self._small_talk(answer, heard, intents, found)

    def _starts(
        self, heard: Heard, intents: Recognised, found: dict[str, Understood], best_fact: float, rest: str
    ) -> bool:
        """Does the caller want what the questions are for? A question that a fact answers better is only a question."""
        fields = {f.key: f for f in self._spec.does.collect}
        requests = [
            k
            for k in found
            if fields[k].type in (FieldType.DATETIME, FieldType.TEXT, FieldType.CHOICE, FieldType.NUMBER)
        ]
        if len(found) > 1 and requests and not is_question(heard.text):
            return True
        if Intent.COLLECT in intents:
            return not (is_question(heard.text) and best_fact > max(intents.collect_score, 0.7) and not requests)
        return bool(requests) and wants(heard.text) and best_fact < 0.7

    def _begin(self, answer: Answer, found: dict[str, Understood], *, told: bool, heard: Heard) -> None:
        state = answer.state
        state.failures, state.is_cancelled = 0, False
        if state.is_done:
            answer.say(self._lines.already_done)
            answer.say(self._lines.what_to_change[0])
            state.phase, state.tries = Phase.MENDING, 0
            return
        state.is_collecting = True
        if told and len(heard.parts) > 1:
            facts, _, _ = self._teller.find(heard, needs_question=True)
            self._teller.tell(answer, [f for f in facts if f.score > 0.6], [])
        self._asker.adopt(answer, found)
        if not answer.said:
            answer.say(self._lines.noted)
        self._asker.ask_next(answer)

    def _small_talk(self, answer: Answer, heard: Heard, intents: Recognised, found: dict[str, Understood]) -> None:
        state = answer.state
        asks = is_question(heard.text)
        if Intent.NO in intents and state.phase is Phase.CLOSING and not asks:
            self._teller.end(answer)
        elif Intent.THANKS in intents and not asks:
            answer.say(self._lines.welcome)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        elif Intent.CANCEL in intents:
            answer.say(self._lines.noted)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        elif Intent.GREETING in intents:
            answer.say(self._lines.greeting)
        elif self._teller.keep_quietly(answer, found) or (Intent.YES in intents and not asks):
            answer.say(self._lines.what_else if state.phase is Phase.CLOSING else self._lines.what_can_i_do)
            state.phase = Phase.IDLE
        elif Intent.NO in intents and not asks:
            answer.say(self._lines.noted)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        else:
            self._teller.not_known(answer, heard.text)

    def _while_asking(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        field = self._asker.fields[state.asked or ""]
        told, unknown, rest = self._teller.find(heard, needs_question=True)
        found = self._understand(answer, rest, now, asked=field.key)
        if not found and not told and unknown and field.type is not FieldType.TEXT:
            found = self._understand(answer, heard.text, now, asked=field.key)  # "Is Tuesday at ten possible?"
        elif told and self._is_request(field, heard.text):
            found = self._understand(answer, heard.text, now, asked=field.key) or found
            told = [] if found else told
        if not (found or told):  # "Thank you, Anna." "No, Hannah." or "It's Anna Kowalski."
            found = {
                k: u
                for k, u in self._checker.corrections(answer, rest, now).items()
                if k in state.echoed
                or (
                    self._asker.fields[k].type is FieldType.PERSON
                    and k in state.held
                    and _completes(u.value, state.held[k].value)
                )
            }
        wrong = self._taken_back(state, heard, intents, found)
        will_not_say = (Intent.REFUSE in intents and field.type is not FieldType.YES_NO) or Intent.UNSURE in intents
        if will_not_say and field.key in found and self._is_loose(field.key, found[field.key]):
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
        elif unknown and state.failures < GIVE_UP_AFTER:
            self._teller.not_known(answer, heard.text)
            self._asker.ask_next(answer, is_back=True)
        else:
            self._asker.ask_again(answer)

    def _taken_back(self, state: State, heard: Heard, intents: Recognised, found: dict[str, Understood]) -> str | None:
        """The field a caller calls wrong: by its name, or with a "no" to what was just heard back."""
        named = self._checker.mentioned(heard.text)
        is_held = named in state.held and named != state.asked
        if named and is_held and not found and is_wrong(heard.text):
            return named
        if (
            state.echoed
            and (not found or is_wrong(heard.text))
            and Intent.NO in intents
            and len(heard.text.split()) <= 5
        ):
            return None if found else state.echoed[0]
        return None

    def _is_request(self, field: CollectField, text: str) -> bool:
        """ "Can I come on Saturday?" answers the question for the day though a fact speaks of Saturdays too."""
        return field.type is FieldType.DATETIME and (wants(text) or proposes(text))

    def _cancel(self, answer: Answer) -> None:
        state = answer.state
        state.phase, state.asked, state.is_collecting, state.is_cancelled = Phase.CLOSING, None, False, True
        answer.say(self._lines.stopped)
        answer.say(self._lines.anything_else)

    def _goodbye(self, answer: Answer, intents: Recognised) -> None:
        state = answer.state
        if state.phase is Phase.CHECKING and Intent.YES in intents and Intent.NO not in intents:
            self._asker.confirm(answer)
            del answer.parts[-1]  # not "anything else?"
            self._teller.end(answer)
        else:
            self._teller.goodbye(answer)

    def _while_stopping(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        """Asked whether to stop with questions open: yes, no, or an answer after all."""
        state = answer.state
        state.phase = state.resume
        found = self._values(answer, heard.text, intents, now)
        if found:
            self._asker.adopt(answer, found)
            self._asker.ask_next(answer)
        elif {Intent.YES, Intent.GOODBYE, Intent.CANCEL} & intents.intents:
            self._teller.end(answer)
        elif Intent.NO in intents:
            answer.say(self._lines.noted)
            self._asker.ask_next(answer)
        else:
            self._by_phase(answer, heard, intents, now)


def _completes(name: Value, known: Value) -> bool:
    """The same name with more of it."""
    return str(known).lower() in str(name).lower().split()
