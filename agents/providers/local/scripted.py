"""The brain on board that needs no language model: a script over the agent's facts and questions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.conversation import Conversation
from agents.mind import Collected, ReplyPart, Utterance, Value
from agents.scripted.dialogue import Dialogue, Script
from agents.scripted.state import State
from agents.scripted.taking_over import taken_over
from agents.scripted.telling import Heard
from agents.spec import AgentSpec

_MOST_REVISIONS = 64
_LONGEST_UTTERANCE = 800
"""Characters, about a minute of speech. Understanding works on the call worker's loop, so what is handed to it is bounded."""


class Embed(Protocol):
    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One L2-normalised row a text."""


class ScriptedMind:
    """One call's script. ``prepare`` first: it reads the spec's facts into the embedder's space, once a call."""

    def __init__(self, spec: AgentSpec, embedder: Embed, now: Callable[[], datetime], region: str = "US") -> None:
        self._spec = spec
        self._embedder = embedder
        self._now = now
        self._region = region
        self._state = State()
        self._pending: dict[int, State] = {}
        self._dialogue: Dialogue | None = None

    async def prepare(self) -> None:
        """Embed what doesn't change. Safe to call again."""
        if self._dialogue is None:
            vectors = await self._embedder.embed(Script.texts(self._spec))
            self._dialogue = Dialogue(Script(self._spec, vectors), self._region)

    def _prepared(self) -> Dialogue:
        if self._dialogue is None:
            raise RuntimeError("ScriptedMind.prepare() must be awaited before the call begins.")
        return self._dialogue

    def likely_lines(self) -> list[str]:
        """Its facts, and what it says where it knows none: word for word, for a voice that can speak them in advance."""
        return self._prepared().likely_lines()

    def greet(self) -> list[ReplyPart]:
        answer = self._prepared().greet(self._state)
        self._state = answer.state
        return answer.parts

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        dialogue = self._prepared()
        text = dialogue.words_of(self._state, utterance)[-_LONGEST_UTTERANCE:]
        if text or not utterance.digits:
            heard = Heard.of(text, await self._embedder.embed(Heard.texts(text)))
            answer = dialogue.reply(self._state, heard, self._now())
        else:
            answer = dialogue.not_by_keys(self._state)
        self._pending[utterance.revision] = answer.state
        if len(self._pending) > _MOST_REVISIONS:
            del self._pending[min(self._pending)]
        for part in answer.parts:
            yield part

    def commit(self, revision: int) -> None:
        state = self._pending.get(revision)
        self._pending.clear()
        if state is not None:
            self._state = state

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        """Go on where another mind was: with what it found out, and the question it put last."""
        last = conversation.last_agent
        self._state = taken_over(self._spec.does, self._state, known, last.text if last else "")

    def collected(self) -> dict[str, Value]:
        held = self._state.held
        return {
            f.key: held[f.key].value if f.key in held and held[f.key].is_complete else None
            for f in self._spec.does.collect
        }

    async def close(self) -> None:
        self._pending.clear()
