"""A mind that is a language model: what it is told, what it may do, and its words as phrases to speak.

A reply may be asked for before it is sure that the caller has finished. So nothing that a tool finds out lasts until
``commit``: each revision works on its own copy.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from agents import endings, keypad, summary
from agents.collect import understand
from agents.conversation import Conversation, Said
from agents.llm import LLM, Finished, LLMEvent, Message, Sound, Text, Tool, ToolCall
from agents.mind import (
    Collected,
    EndCall,
    PressKeys,
    ReplyPart,
    Say,
    Spent,
    Spoken,
    Thought,
    Transfer,
    Utterance,
    Value,
)
from agents.phrases import PhraseSplitter
from agents.spec import AgentSpec, CollectField, FieldType
from agents.speech import ProviderError
from agents.tools import keys
from agents.tools.keys import Again, Collecting

MAX_STEPS = 4
"""Questions to the model in one turn: each round of tools is one."""
MAX_HISTORY_CHARS = 24_000
MAX_REVISIONS = 16
_PRESSES_TOLD = 10
LETTERS_A_TOKEN = 4
"""Of English, about; where a model hasn't told what an answer cost."""

RULES = """\
You are talking on the phone. Your words are read aloud by a voice, and the caller's words come from a transcriber that may mishear.
- Answer in one or two short sentences. Ask one thing at a time.
- Plain spoken words only: no markdown, no lists, no emoji, no stage directions, no links.
- Use only what you are told below and what the caller says. If you don't know something, say so; never make up facts, prices or times.
- “[pressed 1 2 #]” in what the caller says: they pressed these keys on the phone's keypad. Where you asked yes or no, 1 is yes and 2 is no; a \
choice is pressed by its place in the list.
- If words make no sense, they were misheard: ask again.
- When an earlier answer of yours ends with "—", the caller interrupted you there and did not hear the rest."""


@dataclass(slots=True)
class _Draft:
    """What one revision would know if it were the turn."""

    values: dict[str, Value]
    confirmed: set[str] = field(default_factory=set)
    asking: Collecting | None = None
    """The number that the caller was asked to press."""
    pressed: tuple[str, ...] = ()
    """Keys that were pressed on the line, in order."""
    turn: _Turn | None = None
    """What its reply has done so far."""

    def copy(self) -> _Draft:
        return _Draft(dict(self.values), set(self.confirmed), self.asking, self.pressed)


class LLMMind:
    """``agents.mind.Mind`` on any ``LLM``."""

    rules = RULES

    def __init__(self, spec: AgentSpec, llm: LLM, *, now: Callable[[], datetime]) -> None:
        self._spec = spec
        self._llm = llm
        self._now = now
        self._region = spec.sounds.language.partition("-")[2] or "US"
        self._fields = {one.key: one for one in spec.does.collect}
        self._targets = {one.name: one for one in spec.does.transfers}
        self._kept = _Draft(dict.fromkeys(self._fields))
        self._drafts: dict[int, _Draft] = {}

    def greet(self) -> list[ReplyPart]:
        first = self._spec.says.first_message.strip()
        return [Say(first)] if first else []

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        draft = self._kept.copy()
        self._drafts[utterance.revision] = draft
        while len(self._drafts) > MAX_REVISIONS:
            del self._drafts[min(self._drafts)]
        turn = draft.turn = _Turn()
        told = keypad.bracketed(utterance.text, utterance.shown_digits)
        asking, draft.asking = draft.asking, None
        if asking is not None:
            heard = asking.heard(utterance)
            if isinstance(heard, Again):
                draft.asking = heard.asking
                yield heard.asking.ask(self._spec.sounds.language, was_short=heard.was_short)
                return
            told = heard.told
            if heard.digits and asking.key:
                yield self._keep_keys(asking, heard.digits, draft)
        messages = [
            Message("system", self._instructions(draft, conversation.others)),
            *_history(conversation, utterance, told),
        ]
        for step in range(MAX_STEPS):
            calls: list[ToolCall] = []
            tools = self._tools() if step < MAX_STEPS - 1 else []
            async with aclosing(self._listen(messages, tools, turn, calls)) as parts:
                async for part in parts:
                    yield part
            if not calls:
                break
            results = [self._do(call, draft, turn) for call in calls]
            self._were_done(calls, results)
            for part in turn.take_found():
                yield part
            if (
                turn.wants_to_end
                or turn.transfer
                or draft.asking is not None
                or turn.presses
                or (turn.has_spoken and not any(result.startswith("Not saved") for result in results))
            ):
                break  # it has said what it wanted to: asking once more would only make it repeat itself
            messages.append(Message("assistant", turn.step_text, tuple(calls)))
            messages += [Message("tool", result, answers=call.id) for call, result in zip(calls, results, strict=True)]
        if turn.wants_to_end and not turn.has_spoken:
            yield Say(self._spec.says.goodbye)
            turn.has_spoken = True
        if turn.transfer and not turn.has_spoken:
            yield Say(self._targets[turn.transfer].words)
            turn.has_spoken = True
        if draft.asking is not None:
            yield draft.asking.ask()
            turn.has_spoken = True
        if not (turn.has_spoken or turn.presses):
            raise ProviderError(f"The model “{self._llm.name}” answered with nothing.")
        yield turn.thought(self._llm.name)
        if turn.presses:
            yield PressKeys(turn.presses)
        if turn.transfer:
            yield Transfer(turn.transfer)
        elif turn.wants_to_end:
            yield EndCall("agent_goodbye")
        elif draft.asking is None and not turn.presses and self._was_goodbye(utterance, turn):
            yield EndCall("caller_goodbye")

    def commit(self, revision: int) -> None:
        if revision in self._drafts:
            self._kept = self._drafts[revision]
        self._drafts.clear()

    def collected(self) -> dict[str, Value]:
        return dict(self._kept.values)

    def spent(self, revision: int) -> Spent | None:
        """``agents.mind.CountsTokens``."""
        draft = self._drafts.get(revision)
        return draft.turn.spent if draft is not None and draft.turn is not None else None

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        """Go on where another mind was: the conversation comes with each question, what it found out comes here."""
        values, confirmed = dict(self._kept.values), set(self._kept.confirmed)
        for each in known:
            if each.key in self._fields:
                values[each.key] = each.value
                (confirmed.add if each.is_confirmed else confirmed.discard)(each.key)
        self._kept = _Draft(values, confirmed, pressed=self._kept.pressed)

    async def summary(self, conversation: Conversation) -> str:
        """``agents.summary.Summarises``."""
        language = f"Speak the language of the code {self._spec.sounds.language}."
        unthought, said = _WithoutThinking(), ""
        answer = self._aside(f"{summary.RULES}\n{language}", summary.told(conversation))
        try:
            async for event in answer:
                if isinstance(event, Text):
                    said += unthought.push(event.delta)
        finally:
            if isinstance(answer, AsyncGenerator):
                await answer.aclose()
        return summary.plain(said + unthought.flush())

    async def close(self) -> None:
        await self._llm.close()

    def _aside(self, instructions: str, told: str) -> AsyncIterator[LLMEvent]:
        """A question beside the conversation."""
        return self._llm.stream([Message("system", instructions), Message("user", told)], [])

    def _were_done(self, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        """For a model that keeps the conversation itself."""

    def _pronounced(self) -> str:
        """For a model that speaks itself: how words are said."""
        return ""

    def _was_goodbye(self, utterance: Utterance, turn: _Turn) -> bool:
        """The caller said one of the ending phrases, and the answer leaves nothing open: many a model forgets to hang up then."""
        if utterance.text.rstrip().endswith("?") or turn.last_phrase.endswith("?"):
            return False
        return endings.is_ending(utterance.text, self._spec.says.ending_phrases)

    async def _listen(
        self, messages: list[Message], tools: list[Tool], turn: _Turn, calls: list[ToolCall]
    ) -> AsyncGenerator[ReplyPart]:
        """One question to the model: its words as phrases, its tool calls into ``calls``."""
        splitter, unthought = PhraseSplitter(self._spec.sounds.language), _WithoutThinking()
        turn.step_text = ""
        turn.asks(messages, tools)
        answer = self._llm.stream(messages, tools)
        try:
            async for event in answer:
                match event:
                    case Text(delta, True):
                        turn.speaks(delta)
                        yield Spoken(delta)
                    case Sound(pcm, rate_hz):
                        turn.has_spoken = True
                        yield Spoken("", pcm, rate_hz)
                    case Text(delta):
                        turn.letters += len(delta)
                        said = unthought.push(delta)
                        turn.step_text += said
                        for phrase in splitter.push(said):
                            yield turn.say(phrase)
                    case ToolCall():
                        calls.append(event)
                    case Finished():
                        turn.finished(event)
        except ProviderError:
            # Half an answer is better than none; but a fault before the first word is for the session to hear of.
            if not turn.has_spoken:
                raise
            turn.was_cut_off = True
        finally:
            if isinstance(answer, AsyncGenerator):
                await answer.aclose()
        for phrase in splitter.push(unthought.flush()) + splitter.flush():
            yield turn.say(phrase)

    def _tools(self) -> list[Tool]:
        tools = [Tool("end_call", "Hang up. Only after the caller has said goodbye or wants nothing more, and after you have said goodbye.",
                      {"type": "object", "properties": {}})]  # fmt: skip
        if self._fields:
            tools.insert(0, Tool(
                "save_details", "Note down something the caller told you, as soon as they say it, and again when they correct it.",
                {
                    "type": "object",
                    "properties": {
                        "key": {"type": "string", "enum": list(self._fields)},
                        "value": {"type": "string", "description": "In the caller's words, e.g. “next Wednesday at 3 pm”."},
                        "confirmed": {"type": "boolean", "description": "true once the caller has confirmed what you read back"},
                    },
                    "required": ["key", "value"],
                },
            ))  # fmt: skip
        if self._targets:
            reasons = "\n".join(
                f"- {one.name}: {one.when or 'the caller asks for it'}" for one in self._targets.values()
            )
            tools.append(Tool(
                "transfer_call",
                "Put the caller through to somebody else. Only when the caller asks for it, or when one of these is so:\n"
                f"{reasons}\nSay nothing yourself: the caller is told before it happens.",
                {
                    "type": "object",
                    "properties": {"to": {"type": "string", "enum": list(self._targets)}},
                    "required": ["to"],
                },
            ))  # fmt: skip
        does = self._spec.does
        return [*tools, *keys.tools(list(self._fields), asks=does.asks_for_keys, presses=does.presses_keys)]

    def _by_keys(self, name: str, given: dict[str, object], draft: _Draft, turn: _Turn) -> str:
        try:
            if name == "collect_digits":
                draft.asking = keys.collecting(given, list(self._fields))
                return "The caller is asked."
            digits = keys.pressed(given)
        except ValueError as error:
            return f"Not saved: {error}."
        turn.presses += digits
        draft.pressed = (*draft.pressed, digits)[-_PRESSES_TOLD:]
        return "They are pressed."

    def _keep_keys(self, asking: Collecting, digits: str, draft: _Draft) -> Collected:
        found = None if asking.is_secret else self._understood(self._fields[asking.key], digits)
        value, words = found or (keys.saved(asking, digits), keys.saved(asking, digits))
        draft.values[asking.key] = value
        draft.confirmed.add(asking.key)
        return Collected(asking.key, value, words, True)

    def _do(self, call: ToolCall, draft: _Draft, turn: _Turn) -> str:
        """Carry out a tool on this revision's draft; what the model is told of it."""
        try:
            given = json.loads(call.arguments or "{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            return "Not saved: the arguments were not a JSON object."
        if call.name == "end_call":
            turn.wants_to_end = True
            return "The call ends."
        if call.name == "transfer_call" and self._targets:
            wanted = str(given.get("to", "")).strip().casefold()
            named = next((name for name in self._targets if name.casefold() == wanted), "")
            if not named:
                return f"Not saved: the caller can be put through to {', '.join(self._targets)} only."
            turn.transfer = named
            return "The caller is put through."
        does = self._spec.does
        if (call.name == "collect_digits" and does.asks_for_keys) or (call.name == "press_keys" and does.presses_keys):
            return self._by_keys(call.name, given, draft, turn)
        if call.name != "save_details":
            return f"Not saved: there is no tool called {call.name}."
        asked = self._fields.get(str(given.get("key", "")))
        if asked is None:
            return f"Not saved: the keys are {', '.join(self._fields)}."
        text = _as_words(given.get("value"), asked.type)
        found = self._understood(asked, text)
        if found is None:
            return f"Not saved: “{text[:80]}” is not {_KINDS[asked.type]}{_of(asked)}. Ask the caller again."
        value, spoken = found
        is_confirmed = not asked.read_back or given.get("confirmed") in (True, "true")
        draft.values[asked.key] = value
        (draft.confirmed.add if is_confirmed else draft.confirmed.discard)(asked.key)
        turn.found.append(Collected(asked.key, value, spoken, is_confirmed))
        return f"Saved: {spoken}." + ("" if is_confirmed else " Read it back and ask if that is right.")

    def _understood(self, asked: CollectField, text: str) -> tuple[Value, str] | None:
        if not text:
            return None
        found = understand(asked, text, now=self._now(), region=self._region, asked=True)
        if found is not None and found.is_complete:
            return found.value, found.spoken
        return (text[:500], text[:500]) if asked.type in (FieldType.TEXT, FieldType.PERSON) else None

    def _instructions(self, draft: _Draft, others: Sequence[str]) -> str:
        now = self._now()
        parts = [
            self.rules,
            f"Speak the language of the code {self._spec.sounds.language}.",
            f"It is {now:%A}, {now.day} {now:%B %Y}, {now:%H:%M}.",
            self._spec.says.prompt.strip(),
            self._pronounced(),
        ]
        if self._fields:
            when = (
                "Right from the start" if self._spec.does.when_to_collect == "always"
                else f"When the caller wants to {self._spec.does.collect_intent.strip().rstrip('.')}"
            )  # fmt: skip
            lines = [
                f"- {one.key}: {_KINDS[one.type]}{_of(one)}. {one.question}{_manner(one)}{_known(one, draft)}"
                for one in self._fields.values()
            ]
            parts.append(
                f"{when}, find out the following, one question at a time, skipping what the caller has said already. "
                "Call save_details for each as soon as you know it:\n" + "\n".join(lines)
                + f"\nWhen all of it is known, say: {self._spec.does.done_message}"
            )  # fmt: skip
        if draft.pressed:
            parts.append(f"Keys you have pressed on the line so far: {' then '.join(draft.pressed)}.")
        if others:
            # A name is what its bearer likes it to be: no words of theirs among ours.
            number = f", {others[-1]}" if re.fullmatch(r"\+?\d{2,15}", others[-1]) else ""
            parts.append(
                f"In the middle of this call the line was put through to somebody else{number}: the caller is not who they were. "
                "They have heard nothing of what was said before. Greet them unless you have, and ask anew what only they can know."
            )
        endings = ", ".join(f"“{phrase}”" for phrase in self._spec.says.ending_phrases)
        parts.append(
            f"When the caller is done (for example says {endings or '“goodbye”'}), say “{self._spec.says.goodbye}” and call end_call."
        )
        return "\n\n".join(part for part in parts if part)


@dataclass(slots=True)
class _Turn:
    """What has happened in this turn so far."""

    began_s: float = field(default_factory=time.monotonic)
    has_spoken: bool = False
    wants_to_end: bool = False
    transfer: str = ""
    """The name of whom the caller shall be put through to."""
    presses: str = ""
    """Keys to press when all was heard."""
    was_cut_off: bool = False
    step_text: str = ""
    found: list[Collected] = field(default_factory=list)
    steps: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    first_token_ms: int = 0
    letters: int = 0
    """Of the question the model is at, and of its answer so far: what it costs isn't told yet."""
    untold_letters: int = 0
    """Of questions before, whose cost was never told."""

    last_phrase: str = ""
    was_asked: bool = False
    """The model was."""
    prompt_audio_tokens: int = 0
    reply_audio_tokens: int = 0
    cached_tokens: int = 0

    def speaks(self, delta: str) -> None:
        """The model itself, in its own voice."""
        self.letters += len(delta)
        self.step_text += delta
        self.last_phrase = self.step_text.rstrip(" \"'”’)*_")

    def say(self, phrase: str) -> Say:
        self.has_spoken = True
        self.last_phrase = phrase.rstrip(" \"'”’)*_")
        return Say(phrase)

    def take_found(self) -> list[Collected]:
        found, self.found = self.found, []
        return found

    def asks(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """One more question: until it is told what it cost, that is reckoned."""
        told = sum(len(message.text) + sum(len(call.arguments) for call in message.tool_calls) for message in messages)
        self.was_asked = True
        self.untold_letters += self.letters
        self.letters = told + sum(len(tool.description) + len(str(tool.parameters)) for tool in tools)

    @property
    def spent(self) -> Spent | None:
        letters = self.untold_letters + self.letters
        tokens = self.prompt_tokens + self.reply_tokens + -(-letters // LETTERS_A_TOKEN)
        return Spent(tokens, is_estimate=letters > 0) if tokens else None

    def finished(self, event: Finished) -> None:
        if event.prompt_tokens:
            self.letters = 0
        self.steps += 1
        self.prompt_tokens += event.prompt_tokens
        self.reply_tokens += event.reply_tokens
        self.prompt_audio_tokens += event.prompt_audio_tokens
        self.reply_audio_tokens += event.reply_audio_tokens
        self.cached_tokens += event.cached_tokens
        self.first_token_ms = self.first_token_ms or event.first_token_ms

    def thought(self, model: str) -> Thought:
        return Thought("model", {
            "model": model, "questions": self.steps, "prompt_tokens": self.prompt_tokens, "reply_tokens": self.reply_tokens,
            "first_token_ms": self.first_token_ms, "took_ms": round((time.monotonic() - self.began_s) * 1000), "was_cut_off": self.was_cut_off,
            **({"prompt_audio_tokens": self.prompt_audio_tokens, "reply_audio_tokens": self.reply_audio_tokens} if self.reply_audio_tokens else {}),
            **({"cached_tokens": self.cached_tokens} if self.cached_tokens else {}),
        })  # fmt: skip


class _WithoutThinking:
    """Drops ``<think>…</think>``, which reasoning models on local servers write before they answer."""

    def __init__(self) -> None:
        self._held = ""
        self._is_thinking = False

    def push(self, delta: str) -> str:
        self._held += delta
        said = ""
        while True:
            tag = "</think>" if self._is_thinking else "<think>"
            before, found, after = self._held.partition(tag)
            if not found:
                break
            said += "" if self._is_thinking else before
            self._held, self._is_thinking = after, not self._is_thinking
        # The beginning of a tag may be at the end.
        kept = next((size for size in range(len(tag) - 1, 0, -1) if self._held.endswith(tag[:size])), 0)
        out, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return said + ("" if self._is_thinking else out)

    def flush(self) -> str:
        rest, self._held = self._held, ""
        return "" if self._is_thinking else rest


def as_heard(said: Said) -> str:
    """A turn of the agent, with a dash where it was cut."""
    return said.text + (" —" if said.was_cut else "")


def _history(conversation: Conversation, utterance: Utterance, told: str) -> list[Message]:
    """As it was heard: where the caller barged in, the agent's words end with a dash. ``told``: the caller's turn now."""
    turns = list(conversation.turns)
    if turns and turns[-1].role == "caller" and turns[-1].text == utterance.text:
        turns.pop()
    messages = [
        Message("user", keypad.bracketed(turn.text, turn.digits))
        if turn.role == "caller"
        else Message("assistant", as_heard(turn))
        for turn in turns
        if turn.text.strip() or turn.was_cut
    ]
    size = len(utterance.text)
    for index in range(len(messages) - 1, -1, -1):
        size += len(messages[index].text)
        if size > MAX_HISTORY_CHARS:
            messages = messages[index + 1 :]
            break
    return [*messages, Message("user", told)]


_KINDS = {
    FieldType.PERSON: "a person's name", FieldType.PHONE: "a phone number", FieldType.EMAIL: "an e-mail address",
    FieldType.DATETIME: "a day and time", FieldType.NUMBER: "a number", FieldType.YES_NO: "a yes or no",
    FieldType.CHOICE: "one of the choices", FieldType.TEXT: "words",
}  # fmt: skip


_ISO_TIME = re.compile(r"(?<=\d\d-\d\d)T(?=\d\d:\d\d)")


def _as_words(value: object, kind: FieldType) -> str:
    """A value as a caller would have said it: models write true, 4 and 2026-11-24T15:00 of their own accord."""
    if isinstance(value, bool) or (kind is FieldType.YES_NO and value in ("true", "false", "True", "False")):
        return "yes" if value in (True, "true", "True") else "no"
    if not isinstance(value, str | int | float):
        return ""
    return _ISO_TIME.sub(" ", str(value)).strip() if kind is FieldType.DATETIME else str(value).strip()


def _of(one: CollectField) -> str:
    return f" ({', '.join(one.choices)})" if one.choices else ""


def _manner(one: CollectField) -> str:
    return (" Read the answer back and ask if it is right." if one.read_back else "") + (
        "" if one.is_required else " Ask once; it may stay open."
    )


def _known(one: CollectField, draft: _Draft) -> str:
    value = draft.values.get(one.key)
    if value is None:
        return ""
    return f" Known: {value}{'' if one.key in draft.confirmed or not one.read_back else ', not confirmed yet'}."
