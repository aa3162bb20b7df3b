"""A mind that is a model which hears and speaks (speech to speech): all that a language model does here, in its own voice.

Turn-taking, transcripts, limits and tools are the same as with every brain: the caller is transcribed beside it, and it answers when
it is asked to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from agents.conversation import Conversation, Said
from agents.llm import LLMEvent, RealtimeModel, ToolCall
from agents.mind import Collected, Hearing
from agents.reply import LLMMind, as_heard
from agents.spec import AgentSpec
from agents.speech import AudioFrame

RULES = """\
You are talking on the phone: you hear the caller, and the caller hears you.
- Answer in one or two short sentences. Ask one thing at a time.
- Plain spoken words only: no lists, no stage directions, no links.
- Use only what you are told below and what the caller says. If you don't know something, say so; never make up facts, prices or times.
- “[pressed 1 2 #]” in what the caller says: they pressed these keys on the phone's keypad. Where you asked yes or no, 1 is yes and 2 is no; a \
choice is pressed by its place in the list.
- If you didn't understand something, ask again.
- When an earlier answer of yours ends with "—", or in the middle of a word, the caller interrupted you there and did not hear the rest."""


class RealtimeMind(LLMMind):
    """``agents.mind.Mind`` and ``Hearing``, on any ``RealtimeModel``."""

    rules = RULES

    def __init__(self, spec: AgentSpec, model: RealtimeModel, *, now: Callable[[], datetime]) -> None:
        super().__init__(spec, model, now=now)
        self._model = model
        self._answered = 0
        """The last revision that counts, if the model answered it."""

    @property
    def hearing(self) -> Hearing:
        return self

    def listen(self) -> None:
        self._model.listen()

    def start(self, at_ms: int) -> None:
        self._model.start(at_ms)

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        self._model.push(frame, at_ms)

    def forget(self) -> None:
        self._model.forget()

    def was_heard(self, revision: int, heard_ms: int, said: Said) -> None:
        if revision == self._answered:
            self._model.was_heard(heard_ms, as_heard(said))

    def commit(self, revision: int) -> None:
        draft = self._drafts.get(revision)
        was_asked = draft is not None and draft.turn is not None and draft.turn.was_asked
        super().commit(revision)
        self._answered = revision if was_asked else 0
        (self._model.commit if was_asked else self._model.forget)()

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        super().adopt(known, conversation)
        self._model.forget()  # another mind answered: the turn is in the conversation, in words

    def _were_done(self, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        self._model.tools_done(calls, results)

    def _pronounced(self) -> str:
        """What a voice is told by its spelling."""
        said = [
            f"- {one.word}: " + (f"like “{one.sounds_like}”" if one.sounds_like.strip() else f"/{one.ipa}/ (IPA)")
            for one in self._spec.sounds.pronunciations
        ]
        return "How to say these words:\n" + "\n".join(said) if said else ""

    def _aside(self, instructions: str, told: str) -> AsyncIterator[LLMEvent]:
        return self._model.aside(instructions, told)
