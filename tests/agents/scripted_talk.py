"""A typed call to the scripted mind with the real sentence embeddings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agents import keypad
from agents.conversation import Conversation
from agents.demo_spec import DEMO_SPEC
from agents.mind import Collected, EndCall, ReplyPart, Say, Thought, Utterance, Value
from agents.providers.local.embeddings import shared
from agents.providers.local.scripted import ScriptedMind
from agents.spec import AgentSpec

NOW = datetime(2026, 11, 22, 15, 30)
"""A Sunday."""
WEIGHTS = Path(os.environ.get("WEIGHTS_DIR", "var/weights")) / "minilm-l6-v2-int8"


def words_of(parts: list[ReplyPart]) -> str:
    return " ".join(part.text for part in parts if isinstance(part, Say))


@dataclass
class Talk:
    """A call in progress: ``say`` returns what the agent answered."""

    mind: ScriptedMind
    replies: list[list[ReplyPart]] = field(default_factory=list)
    greeting: str = ""

    @classmethod
    async def start(cls, spec: AgentSpec = DEMO_SPEC, *, greets: bool = True) -> Talk:
        mind = ScriptedMind(spec, shared(WEIGHTS), lambda: NOW, "US")
        await mind.prepare()
        return cls(mind, greeting=words_of(mind.greet()) if greets else "")

    async def say(self, text: str, digits: str = "") -> str:
        revision = len(self.replies)
        utterance = Utterance(keypad.shown(text, digits), revision, digits=digits)
        parts = [part async for part in self.mind.reply(utterance, Conversation())]
        self.mind.commit(revision)
        self.replies.append(parts)
        return words_of(parts)

    async def press(self, digits: str) -> str:
        return await self.say("", digits)

    async def all(self, *texts: str) -> str:
        """Say one after the other; the last answer."""
        answer = ""
        for text in texts:
            answer = await self.say(text)
        return answer

    @property
    def has_ended(self) -> bool:
        return any(isinstance(part, EndCall) for part in self.replies[-1])

    @property
    def values(self) -> dict[str, Value]:
        return self.mind.collected()

    def confirmed(self) -> set[str]:
        return {p.key for parts in self.replies for p in parts if isinstance(p, Collected) and p.is_confirmed}

    def thoughts(self) -> list[Thought]:
        return [part for part in self.replies[-1] if isinstance(part, Thought)]
