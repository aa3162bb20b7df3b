"""A keypad menu before any brain: keys of the menu are answered here, all else by the brain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from agents.conversation import Conversation
from agents.menus import Menu, Standing, Step
from agents.mind import Collected, CountsTokens, Hearing, Mind, ReplyPart, Spent, Utterance, Value
from agents.spec import AgentSpec
from agents.standby import Adopts, hearing_of

MOST_REVISIONS = 64


class WithMenu:
    """``agents.mind.Mind``. A key is the menu's where its words were the last, or where nothing else was asked."""

    def __init__(self, mind: Mind, spec: AgentSpec) -> None:
        self._mind = mind
        self._menu = Menu(spec)
        self._kept = Standing()
        self._drafts: dict[int, Standing] = {}
        self._asked: set[int] = set()
        """Revisions that the brain answered."""

    def greet(self) -> list[ReplyPart]:
        step = self._menu.announce()
        self._kept = step.standing
        return [*self._mind.greet(), *step.parts]

    @property
    def hearing(self) -> Hearing | None:
        return hearing_of(self._mind)

    def likely_lines(self) -> list[str]:
        lines = getattr(self._mind, "likely_lines", None)
        return [*self._menu.lines, *(lines() if lines is not None else ())]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        step = self._step(utterance, conversation)
        self._drafts[utterance.revision] = step.standing if step is not None else Standing()
        while len(self._drafts) > MOST_REVISIONS:
            del self._drafts[min(self._drafts)]
        if step is not None:
            for part in step.parts:
                yield part
            if not step.ask:
                return
            utterance = replace(utterance, text=step.ask, digits="")
        self._asked.add(utterance.revision)
        parts = self._mind.reply(utterance, conversation)
        try:
            async for part in parts:
                yield part
        finally:
            if (close := getattr(parts, "aclose", None)) is not None:
                await close()

    def _step(self, utterance: Utterance, conversation: Conversation) -> Step | None:
        """``None``: it is not the menu's."""
        standing = self._kept
        if utterance.is_silence:
            return self._menu.nothing(standing) if standing.is_open else None
        key = utterance.digits if len(utterance.digits) == 1 else utterance.digits.removesuffix("#")
        if standing.is_open and key:
            return self._menu.press(key, standing)
        last = conversation.last_agent
        is_asked = last is not None and (last.intended or last.text).rstrip().endswith("?")
        if self._menu.knows(key) and not is_asked:
            return self._menu.press(key, standing)
        return None

    def commit(self, revision: int) -> None:
        if revision in self._drafts:
            self._kept = self._drafts[revision]
        self._drafts.clear()
        if revision in self._asked:
            self._mind.commit(revision)
        self._asked.clear()

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        """Go on where another mind was: the menu was said long ago."""
        self._kept = Standing()
        if isinstance(self._mind, Adopts):
            self._mind.adopt(known, conversation)

    def collected(self) -> dict[str, Value]:
        return self._mind.collected()

    def spent(self, revision: int) -> Spent | None:
        return self._mind.spent(revision) if isinstance(self._mind, CountsTokens) else None

    async def close(self) -> None:
        await self._mind.close()
