"""What the script tells: facts that answer, what it can and can't do, and goodbye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.collect import Understood
from agents.collect.words import blank, joined, words
from agents.mind import EndCall, Thought
from agents.scripted.asking import Asker
from agents.scripted.intents import announces, is_question
from agents.scripted.lines import Lines
from agents.scripted.matching import ANSWERS, TOGETHER, FactIndex, Match, Vectors, asks_for_all_hours, parts
from agents.scripted.state import Answer, Phase, State
from agents.spec import AgentSpec, FieldType

_KEPT_UNASKED = (FieldType.PERSON, FieldType.PHONE, FieldType.EMAIL)
_MOST_FACTS = 3
_ASKED, _STATED = 0.17, 0.3
"""A statement must mean what a fact means, not only share a word with it: "I was at work" asks nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A caller's turn with the meaning of its parts (``vectors[0]`` is the whole, then one for each part)."""

    text: str
    parts: tuple[str, ...]
    vectors: Vectors

    @staticmethod
    def texts(text: str) -> list[str]:
        """What to embed for a turn."""
        pieces = parts(text)
        return [text] if pieces == [text] else [text, *pieces]

    @staticmethod
    def of(text: str, vectors: Vectors) -> Heard:
        """``vectors``: those of ``texts(text)``."""
        return Heard(text, tuple(Heard.texts(text)[1:]) or (text,), vectors)

    def pieces(self) -> list[tuple[str, Vectors]]:
        """Each part with its meaning."""
        return list(zip(self.parts, self.vectors[-len(self.parts) :], strict=True))


@dataclass(frozen=True, slots=True)
class Told:
    """A question and the facts that answer it."""

    question: str
    matches: tuple[Match, ...]

    @property
    def score(self) -> float:
        return self.matches[0].score


class Teller:
    def __init__(self, spec: AgentSpec, index: FactIndex, lines: Lines, asker: Asker) -> None:
        self._spec = spec
        self._index = index
        self._lines = lines
        self._asker = asker

    def find(self, heard: Heard, *, needs_question: bool) -> tuple[list[Told], list[str], str]:
        """The parts of a turn that facts answer, the questions that none does, and the text without either.

        ``needs_question``: while an answer is awaited only what is worded as a question counts.
        """
        told: list[Told] = []
        unknown: list[str] = []
        rest = heard.text
        for part, vector in heard.pieces():
            if announces(part):
                rest = rest.replace(part, ";" * len(part), 1)
                continue
            asks = is_question(part)
            if needs_question and not asks:
                continue
            matches = self._index.matches(part, vector)
            if matches and matches[0].score >= ANSWERS and matches[0].meaning >= (_ASKED if asks else _STATED):
                told.append(Told(part, self._together(part, matches)))
            elif asks:
                unknown.append(part)
            else:
                continue
            at = rest.find(part)
            if at >= 0:
                rest = blank(rest, [(at, at + len(part))])
        return told, unknown, rest

    def _together(self, question: str, matches: Sequence[Match]) -> tuple[Match, ...]:
        """The best fact, and its neighbour in the prompt when that fits just as well or completes the opening hours."""
        best = matches[0]
        if asks_for_all_hours(question) and self._index.speaks_of_days(best.fact):
            days = [m for m in matches if abs(m.fact - best.fact) <= 1 and self._index.speaks_of_days(m.fact)]
            return tuple(sorted(days, key=lambda m: m.fact))
        near = [
            m
            for m in matches[1:2]
            if best.score - m.score <= TOGETHER and abs(m.fact - best.fact) == 1 and m.score > ANSWERS + 0.1
        ]
        return tuple(sorted([best, *near], key=lambda m: m.fact))

    def tell(self, answer: Answer, told: Sequence[Told], unknown: Sequence[str] = ()) -> None:
        said: list[int] = []
        for one in told:
            for match in one.matches:
                answer.parts.append(
                    Thought(
                        "fact",
                        {"question": one.question, "fact": self._index.facts[match.fact].text, "score": match.score},
                    )
                )
                if match.fact not in said and len(said) < _MOST_FACTS:
                    said.append(match.fact)
                    answer.say(self._index.facts[match.fact].text)
        if told:
            answer.state.failures = 0
        if told and unknown:
            answer.say(self._lines.rest_not_known)

    def go_on(self, answer: Answer) -> None:
        """Back to the open question, if there is one."""
        state = answer.state
        if state.phase is Phase.ASKING:
            self._asker.ask_next(answer, is_back=True)
        elif state.phase is Phase.CHECKING:
            answer.say(self._lines.is_it_right)
        elif state.phase is Phase.MENDING:
            answer.say(self._lines.what_to_change[0])
        elif state.phase is Phase.CLOSING:
            state.phase = Phase.IDLE

    def keep_quietly(self, answer: Answer, found: Mapping[str, Understood]) -> bool:
        """Who is calling is worth keeping even before it is asked for."""
        kept = {k: u for k, u in found.items() if self._asker.fields[k].type in _KEPT_UNASKED and u.is_complete}
        self._asker.adopt(answer, kept, is_quiet=not (kept and not answer.said))
        return bool(kept)

    def not_known(self, answer: Answer, text: str) -> None:
        """An honest no, and now and then what it can do instead."""
        state = answer.state
        table = self._lines.not_known if is_question(text) or len(words(text)) > 6 else self._lines.not_understood
        answer.say(table[state.failures % len(table)])
        if state.phase is Phase.CLOSING:
            state.phase = Phase.IDLE
        state.failures += 1
        if state.phase is Phase.IDLE and state.failures % 2 == 1:
            answer.say(self._can_do() if state.failures > 1 else self._offer(state))

    def not_caught(self, answer: Answer) -> None:
        """Nothing that could be understood was said."""
        state = answer.state
        table = self._lines.not_caught
        answer.say(table[state.failures % len(table)])
        state.failures += 1
        if state.phase is Phase.ASKING and state.failures > len(table):
            self._asker.ask_again(answer)
        elif state.phase is Phase.ASKING:
            self._asker.ask_next(answer)
        else:
            self.go_on(answer)

    def help(self, answer: Answer) -> None:
        answer.say(self._can_do())
        self.go_on(answer)

    def _can_do(self) -> str:
        if self._spec.does.collect:
            return self._lines.can_do.format(intent=self._spec.does.collect_intent)
        return self._lines.can_tell

    def _offer(self, state: State) -> str:
        if self._spec.does.collect and not state.is_done:
            return self._lines.offer.format(intent=self._spec.does.collect_intent)
        return ""

    def goodbye(self, answer: Answer) -> None:
        """Leave; with questions still open ask once whether to stop."""
        state = answer.state
        missing = [k for k in self._asker.missing(state) if self._asker.fields[k].is_required]
        if self._asker.is_unfinished(state) and missing and state.phase is not Phase.STOPPING:
            state.resume, state.phase = state.phase, Phase.STOPPING
            answer.say(
                self._lines.stop_early.format(
                    missing=joined([self._asker.label(k) for k in missing], self._lines.word_and)
                )
            )
        else:
            self.end(answer)

    def end(self, answer: Answer) -> None:
        answer.say(self._spec.says.goodbye)
        answer.parts.append(EndCall("caller_goodbye"))
        answer.has_ended = True
