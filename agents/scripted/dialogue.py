"""The scripted conversation: a state and what was heard make a new state and what is said. No clock, no chance, no I/O."""

from __future__ import annotations

from datetime import datetime

from agents.collect import Understood
from agents.collect.simple import yes_or_no
from agents.collect.words import blank, is_correction
from agents.keypad import spoken
from agents.mind import Collected, Thought, Transfer, Utterance
from agents.scripted import pressed
from agents.scripted.asking import Asker
from agents.scripted.checking import Checker
from agents.scripted.destinations import Destinations
from agents.scripted.facts import split
from agents.scripted.fields import FieldReader
from agents.scripted.hours import open_hours
from agents.scripted.intents import (
    Intent,
    Recognised,
    announces,
    is_question,
    recognise,
    wants,
    ways_to_say,
    wishes,
)
from agents.scripted.lines import lines_for
from agents.scripted.matching import FactIndex, Vectors
from agents.scripted.open_question import OpenQuestion
from agents.scripted.recalling import Recaller
from agents.scripted.state import Answer, Phase, State
from agents.scripted.stems import stems
from agents.scripted.telling import Heard, Teller
from agents.spec import AgentSpec, FieldType
from agents.transfers import TransferTarget


class Script:
    """One agent's facts and ways to ask, made ready once."""

    def __init__(self, spec: AgentSpec, vectors: Vectors) -> None:
        """``vectors``: those of ``texts(spec)``."""
        facts = split(spec.says.prompt)
        self.spec = spec
        self.index = FactIndex(facts, vectors[: 2 * len(facts)])
        ways = 2 * len(facts) + len(ways_to_say(spec.does.collect_intent))
        self.ways_to_collect = vectors[2 * len(facts) : ways]
        self.destinations = Destinations(spec.does.transfers, vectors[ways:])

    @staticmethod
    def texts(spec: AgentSpec) -> list[str]:
        does = spec.does
        return [
            *FactIndex.texts(split(spec.says.prompt)),
            *ways_to_say(does.collect_intent),
            *Destinations.texts(does.transfers),
        ]


class Dialogue:
    """Decides a reply. Keeps nothing between calls but the script."""

    def __init__(self, script: Script, region: str) -> None:
        self._spec = script.spec
        self._facts = script.index.facts
        self._ways = script.ways_to_collect
        self._destinations = script.destinations
        self._lines = lines_for(script.spec.sounds.language)
        self._asker = Asker(script.spec.does, self._lines)
        self._teller = Teller(script.spec, script.index, self._lines, self._asker)
        self._reader = FieldReader(script.spec.does.collect, region, open_hours(script.index.facts))
        self._checker = Checker(self._asker, self._teller, self._reader, self._lines)
        self._open_question = OpenQuestion(self._asker, self._teller, self._checker, self._reader)
        self._recaller = Recaller(self._asker, self._reader, self._lines)

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

    def words_of(self, state: State, utterance: Utterance) -> str:
        """What was said, with the digits in words; empty where nothing was but digits that mean nothing here."""
        words = spoken(utterance.text, utterance.digits)
        return f"{words} {pressed.in_words(state, self._asker.fields, utterance.digits)}".strip()

    def not_by_keys(self, state: State) -> Answer:
        """To digits that mean nothing here."""
        answer = Answer(state.copy())
        answer.say(self._lines.not_by_keys)
        self._teller.go_on(answer)
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
        state.echoed, state.answered = answer.echoed, answer.answered
        if answer.said and not (is_repeat and state.last):
            state.last = answer.said
        answer.expect_digits(pressed.whole_answer(state, self._asker.fields))
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
        target = None if Intent.NOTHING in intents else self._wanted(heard, intents, brings_value)
        if target is not None:
            self._put_through(answer, target)
        elif not state.has_greeted and intents.intents <= {Intent.GREETING, Intent.NOTHING}:
            answer.say(self._spec.says.first_message)
        elif Intent.NOTHING in intents:
            self._teller.not_caught(answer)
        elif self._recaller.is_asked(state, heard.text):
            self._recaller.tell(answer, heard.text)
            self._teller.go_on(answer)
        elif Intent.REPEAT in intents and not brings_value:
            for line in state.last or (self._spec.says.first_message,):
                answer.say(line)
        elif state.phase is Phase.STOPPING:
            self._while_stopping(answer, heard, intents, now)
        elif state.phase is Phase.DROPPING:
            self._while_dropping(answer, heard, intents, now)
        elif Intent.GOODBYE in intents and not brings_value:
            self._goodbye(answer, intents)
        elif Intent.WAIT in intents and not brings_value:
            answer.say(self._lines.take_your_time)
        elif all(announces(part) for part in heard.parts):
            answer.say(self._lines.go_ahead)
        elif Intent.HUMAN in intents or Intent.MACHINE in intents:
            answer.say(self._lines.no_transfer if Intent.HUMAN in intents else self._lines.is_machine)
            self._teller.go_on(answer)
        elif Intent.HEARS in intents:
            answer.say(self._lines.i_hear)
            self._teller.go_on(answer)
        elif Intent.HELP in intents:
            self._teller.help(answer)
        else:
            self._by_phase(answer, heard, intents, now)

    def _wanted(self, heard: Heard, intents: Recognised, brings_value: bool) -> TransferTarget | None:
        """Whom the caller asks to be put through to. What the questions are for comes first, and so do a fact that answers and what
        answers a question: then only plain words ask for it."""
        if not self._spec.does.transfers:
            return None
        told, _, _ = self._teller.find(heard, needs_question=False)
        best = max((each.score for each in told), default=0.0)
        return self._destinations.asked_for(
            heard, intents, best_other=1.0 if brings_value else max(best, intents.collect_score)
        )

    def _put_through(self, answer: Answer, target: TransferTarget) -> None:
        answer.say(target.words)
        answer.parts.append(Transfer(target.name))
        answer.has_ended = True

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
            self._open_question.reply(answer, heard, intents, now)
        else:
            self._while_idle(answer, heard, intents, now)

    def _values(self, answer: Answer, text: str, intents: Recognised, now: datetime) -> dict[str, Understood]:
        """What a turn says of the fields while they are collected, beside words that mean something else already:
        "forget it" and "hold on" are neither a name nor a reason."""
        state = answer.state
        if not (state.is_collecting or state.is_done):
            return {}
        found = self._reader.values(state, text, now, asked=state.asked)
        return {
            k: u
            for k, u in found.items()
            if not (self._reader.is_loose(k, u) and intents.intents - {Intent.YES, Intent.GREETING})
        }

    def _while_idle(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        state = answer.state
        told, unknown, _ = self._teller.find(heard, needs_question=False)
        found = self._reader.values(state, heard.text, now, asked=None)
        if found and not stems(blank(heard.text, [u.span for u in found.values()])):
            told = []  # nothing was said but values: a phone number asks for no fact with digits in it
        if state.is_done and found and is_correction(heard.text):
            state.phase = Phase.MENDING
            self._asker.adopt(answer, found)
            self._asker.read_back(answer)
        elif Intent.EXISTING in intents and not state.is_done:
            self._teller.tell(answer, told)
            answer.say(self._lines.no_look_up)
            state.phase = Phase.IDLE
        elif self._spec.does.collect and self._starts(heard, intents, found, max((t.score for t in told), default=0.0)):
            self._begin(answer, found, heard, now)
        elif told:
            self._teller.tell(answer, told, unknown)
            self._teller.keep_quietly(answer, found)
            self._teller.go_on(answer)
        else:
            self._small_talk(answer, heard, intents, found)

    def _starts(self, heard: Heard, intents: Recognised, found: dict[str, Understood], best_fact: float) -> bool:
        """Does the caller want what the questions are for? A question that a fact answers better is only a question."""
        fields = {f.key: f for f in self._spec.does.collect}
        asks = all(is_question(part) for part in heard.parts)
        requests = [
            k
            for k in found
            if fields[k].type in (FieldType.DATETIME, FieldType.TEXT, FieldType.CHOICE, FieldType.NUMBER)
        ]
        brings_more = len(found) > 1 or any(fields[k].type is not FieldType.TEXT for k in requests)
        is_meant = len(found) > 1 or not best_fact or wishes(heard.text) or intents.names_it
        if requests and not asks and brings_more and is_meant:
            return True
        if Intent.COLLECT in intents:
            return not (asks and best_fact > max(intents.collect_score, 0.7) and not requests)
        if asks and best_fact:  # "Do we pay a deposit for ten people?" asks for no table
            requests = [k for k in requests if fields[k].type in (FieldType.DATETIME, FieldType.TEXT)]
        return bool(requests) and wants(heard.text) and best_fact < 0.7

    def _begin(self, answer: Answer, found: dict[str, Understood], heard: Heard, now: datetime) -> None:
        state = answer.state
        state.failures, state.is_cancelled = 0, False
        if state.is_done:
            answer.say(self._lines.already_done)
            answer.say(self._lines.what_to_change[0])
            state.phase, state.tries = Phase.MENDING, 0
            return
        state.is_collecting = True
        if len(heard.parts) > 1:  # what is asked beside the request, not the request itself
            told, unknown, _ = self._teller.find(heard, needs_question=True)
            told = [t for t in told if t.score > 0.6 or not self._is_request(state, t.question, now)]
            unknown = [part for part in unknown if not self._is_request(state, part, now)]
            self._teller.tell(answer, told)
            if unknown:
                answer.say(self._lines.rest_not_known if told else self._lines.not_known[0])
        self._asker.adopt(answer, found)
        if not answer.said:
            answer.say(self._lines.noted)
        self._asker.ask_next(answer)

    def _small_talk(self, answer: Answer, heard: Heard, intents: Recognised, found: dict[str, Understood]) -> None:
        state = answer.state
        asks = is_question(heard.text)
        verdict = yes_or_no(heard.text)
        beside = blank(heard.text, [verdict[1]]) if verdict else heard.text
        says_nothing_else = not (asks or stems(beside)) or Intent.UNSURE in intents
        if Intent.NO in intents and state.phase is Phase.CLOSING and not asks:
            self._teller.end(answer)
        elif Intent.THANKS in intents and not asks:
            answer.say(self._lines.welcome)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        elif Intent.CANCEL in intents and state.is_done and state.held:
            state.phase = Phase.DROPPING
            answer.say(self._lines.drop_it)
        elif Intent.CANCEL in intents:
            answer.say(self._lines.noted)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        elif Intent.GREETING in intents:
            answer.say(self._lines.greeting)
        elif self._teller.keep_quietly(answer, found) or (Intent.YES in intents and says_nothing_else):
            answer.say(self._lines.what_else if state.phase is Phase.CLOSING else self._lines.what_can_i_do)
            state.phase = Phase.IDLE
        elif Intent.NO in intents and says_nothing_else:
            answer.say(self._lines.noted)
            answer.say(self._lines.anything_else)
            state.phase = Phase.CLOSING
        else:
            self._teller.not_known(answer, heard.text)

    def _is_request(self, state: State, part: str, now: datetime) -> bool:
        """This part of a turn wants what the questions are for, or brings one of their values."""
        means = recognise(part, (), self._spec.does.collect_intent)
        return Intent.COLLECT in means or bool(self._reader.values(state, part, now, asked=None))

    def _while_dropping(self, answer: Answer, heard: Heard, intents: Recognised, now: datetime) -> None:
        """Asked whether to drop what was noted: only a yes takes it back."""
        state = answer.state
        state.phase = Phase.CLOSING
        if {Intent.YES, Intent.CANCEL} & intents.intents and Intent.NO not in intents:
            answer.parts.extend(Collected(key, None) for key in state.held)
            state.held, state.is_done, state.is_cancelled = {}, False, True
            answer.say(self._lines.dropped)
            answer.say(self._lines.anything_else)
        elif Intent.NO in intents:
            answer.say(self._lines.kept)
            answer.say(self._lines.anything_else)
        elif Intent.GOODBYE in intents:
            self._goodbye(answer, intents)
        else:
            self._by_phase(answer, heard, intents, now)

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
