"""Who is asked if a vendor fails: the vendors of one stage in their order, for one call, each with its breaker.

    round = Round(chain, …) ──▶ next() ──▶ answered()
                                  ▲ nothing came: failed() ─┘ the same once more if there is time, else the next in order

One that failed in a call rests in it for a while, as long as there is another: a caller doesn't wait for it in every turn.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar, runtime_checkable

from agents.conversation import Conversation
from agents.mind import Collected, CountsTokens, Hearing, HearsItself, Mind, ReplyPart, Spent, Utterance, Value
from agents.providers.breaker import Breaker
from agents.speech import STT, TTS, ProviderError
from agents.summary import Summarises

if TYPE_CHECKING:
    from agents.live import LiveAgent

T = TypeVar("T")
Stage = Literal["stt", "model", "tts"]

REST_S = 15.0
QUICK_MS = 500
"""One that failed this soon is asked once more, although there is another."""
_MOST_REVISIONS = 64


@dataclass(eq=False, slots=True)
class Member(Generic[T]):
    """A vendor in a chain. ``title``: what it is called in a sentence, "The model at api.openai.com"; empty: it has no name."""

    thing: T
    title: str = ""
    breaker: Breaker = field(default_factory=Breaker)
    rests_until_s: float = 0.0


class Chain(Generic[T]):
    def __init__(
        self,
        members: Sequence[Member[T]],
        *,
        now_s: Callable[[], float] = time.monotonic,
        rest_s: float = REST_S,
        absent: str = "",
    ) -> None:
        """``rest_s``: ``math.inf`` for a voice that must not change back. ``absent``: why the first choice is not among them."""
        self.members = tuple(members)
        self.is_fallen_back = False
        """Another than the first choice answered last."""
        self.absent = absent
        self._now_s = now_s
        self._rest_s = rest_s

    @classmethod
    def of_one(cls, thing: T) -> Chain[T]:
        return cls([Member(thing, breaker=Breaker.that_never_opens())])

    def candidates(self) -> list[Member[T]]:
        """Whom to ask now, one after the other. Empty: all are left alone for now (``why_nobody``)."""
        now_s = self._now_s()
        worth = [member for member in self.members if member.breaker.allows(now_s)]
        return [member for member in worth if member.rests_until_s <= now_s] or worth[:1]

    def begin(self, member: Member[T]) -> bool:
        """Before it is asked. False: another call asks it just now, and that will show."""
        return member.breaker.ask(self._now_s())

    def answered(self, member: Member[T]) -> None:
        member.rests_until_s = 0.0
        member.breaker.answered(self._now_s())

    def failed(self, member: Member[T], why: str, *, is_permanent: bool = False) -> None:
        """``is_permanent``: it said no, and would again. Then it is up, and only of no use to this call."""
        now_s = self._now_s()
        member.rests_until_s = math.inf if is_permanent else now_s + self._rest_s
        if is_permanent:
            member.breaker.dropped()
            member.breaker.why = why
        else:
            member.breaker.failed(now_s, why)

    def stumbled(self, member: Member[T], why: str) -> None:
        """It failed and is asked again all the same."""
        member.breaker.failed(self._now_s(), why)

    def dropped(self, member: Member[T]) -> None:
        """Its answer is not wanted any more."""
        member.breaker.dropped()

    def left_alone(self) -> str:
        """Why the first choice is not asked just now. Empty: it is."""
        if self.absent or self.members[0] in self.candidates():
            return self.absent
        return f"{self.members[0].breaker.why} It is not asked again for a while.".lstrip()

    def why_nobody(self) -> str:
        return self.members[0].breaker.why or "It does not answer just now."


Tell = Callable[[str, Mapping[str, Value]], None]
"""An event of the call: its kind and its data."""


_INSTEAD: dict[Stage, str] = {
    "model": "the answer came from {}",
    "tts": "{} spoke instead",
    "stt": "{} listens instead",
}


def announce(chain: Chain[T], member: Member[T], stage: Stage, why: str, tell: Tell) -> None:
    """For the call's page: that another than the first choice works now, or the first again, or that a second try helped.
    ``why``: what went wrong before; empty: nothing did, or it is known of old."""
    if member is not chain.members[0] or chain.absent:
        why = why or chain.left_alone() or f"{chain.members[0].title} is not asked just now."
        words = f"{why.rstrip('.')}; {_INSTEAD[stage].format(member.title)}."
        tell("fallback", {"stage": stage, "error": why, "used": member.title, "words": words})
        chain.is_fallen_back = True
    elif chain.is_fallen_back:
        tell("fallback_over", {"stage": stage, "used": member.title, "words": f"{member.title} answers again."})
        chain.is_fallen_back = False
    elif why:
        tell("stage_retried", {"stage": stage, "error": why, "words": f"{why.rstrip('.')}; the next try worked."})


class Round(Generic[T]):
    """One question, put to the vendors of a chain until one answers. Milliseconds are the call's clock.

    ``while (member := round.next(now_ms)) is not None: …``; when it is left, ``close``.
    """

    def __init__(self, chain: Chain[T], stage: Stage, tell: Tell) -> None:
        self.is_last = False
        """Nobody comes after the one that is asked."""
        self.why = ""
        """What went wrong first."""
        self._chain = chain
        self._stage = stage
        self._tell = tell
        self._left = chain.candidates()
        self._asked: Member[T] | None = None
        self._again: Member[T] | None = None
        self._tries = 0
        self._began_ms = 0
        self._has_told = False

    def next(self, now_ms: int) -> Member[T] | None:
        self.close()
        while self._again is not None or self._left:
            member = self._again or self._left.pop(0)
            self._tries = self._tries + 1 if member is self._again else 1
            self._again = None
            if self._chain.begin(member):
                self._asked, self._began_ms, self.is_last = member, now_ms, not self._left
                return member
        self.why = self.why or self._chain.why_nobody()
        return None

    def answered(self) -> None:
        """Its first word, or sound, is there."""
        member, chain = self._asked, self._chain
        if member is None:
            return
        if not self._has_told:
            self._has_told = True
            announce(chain, member, self._stage, self.why, self._tell)
        chain.answered(member)

    def failed(self, why: str, now_ms: int, *, is_permanent: bool = False) -> None:
        member, self._asked = self._asked, None
        if member is None:
            return
        self.why = self.why or why
        self._chain.failed(member, why, is_permanent=is_permanent)
        is_quick = now_ms - self._began_ms < QUICK_MS
        if self._tries == 1 and not is_permanent and (is_quick or not self._left):
            self._again = member

    def close(self) -> None:
        """Nobody waits for it any more."""
        if self._asked is not None:
            self._chain.dropped(self._asked)
            self._asked = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and its way of reading: what it can pronounce differs from vendor to vendor."""

    tts: TTS
    speak_text: Callable[[str], str]


@runtime_checkable
class Adopts(Protocol):
    """A mind that can go on where another was."""

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        """What was found out in this call so far. May be told again and again."""


class Minds:
    """Several minds as one (``agents.mind.Mind``): the conversation is theirs in common, and what one finds out the others know."""

    def __init__(self, chain: Chain[Mind], keys: Sequence[str]) -> None:
        self.chain = chain
        self._current = chain.members[0].thing
        self._kept_by: Mind = self._current
        self._keys = keys
        self._known: dict[str, Collected] = {}
        self._replied: dict[int, tuple[Mind, list[Collected]]] = {}

    def turn_to(self, mind: Mind) -> None:
        """Who makes the next reply."""
        self._current = mind

    def greet(self) -> list[ReplyPart]:
        return self._current.greet()

    @property
    def hearing(self) -> Hearing | None:
        """``agents.mind.HearsItself``: only a first choice can be one that hears."""
        return hearing_of(self.chain.members[0].thing)

    def likely_lines(self) -> list[str]:
        lines = getattr(self.chain.members[0].thing, "likely_lines", None)
        return list(lines()) if lines is not None else []

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        mind = self._current
        found: list[Collected] = []
        self._replied[utterance.revision] = mind, found
        if len(self._replied) > _MOST_REVISIONS:
            del self._replied[min(self._replied)]
        if mind is not self._kept_by and isinstance(mind, Adopts):
            mind.adopt(tuple(self._known.values()), conversation)
        parts = mind.reply(utterance, conversation)
        try:
            async for part in parts:
                if isinstance(part, Collected):
                    found.append(part)
                yield part
        finally:
            if (close := getattr(parts, "aclose", None)) is not None:
                await close()

    def commit(self, revision: int) -> None:
        mind, found = self._replied.get(revision, (self._current, []))
        self._replied.clear()
        self._kept_by = mind
        self._known |= {each.key: each for each in found}
        mind.commit(revision)

    def spent(self, revision: int) -> Spent | None:
        mind, _ = self._replied.get(revision, (self._current, []))
        return mind.spent(revision) if isinstance(mind, CountsTokens) else None

    def collected(self) -> dict[str, Value]:
        return {key: self._known[key].value if key in self._known else None for key in self._keys}

    def adopt(self, known: Sequence[Collected], conversation: Conversation) -> None:
        """What this call found out before any of these was there."""
        self._known |= {each.key: each for each in known}
        if isinstance(self._current, Adopts):
            self._current.adopt(known, conversation)

    async def summary(self, conversation: Conversation) -> str:
        """``agents.summary.Summarises``, by the first of them that can and answers now."""
        for member in self.chain.candidates():
            if isinstance(member.thing, Summarises):
                return await member.thing.summary(conversation)
        raise ProviderError("None of its models can sum up a call.")

    async def close(self) -> None:
        errors = []
        for member in self.chain.members:
            try:
                await member.thing.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]


def hearing_of(mind: Mind) -> Hearing | None:
    """The ear of a mind that hears the caller itself."""
    return mind.hearing if isinstance(mind, HearsItself) else None


def brains_of(agent: LiveAgent) -> Chain[Mind]:
    """Of an agent that names no fallbacks: a chain of one."""
    return agent.brains or Chain.of_one(agent.mind)


def ears_of(agent: LiveAgent) -> Chain[STT]:
    return agent.ears or Chain.of_one(agent.stt)


def voices_of(agent: LiveAgent) -> Chain[Voice]:
    return agent.voices or Chain.of_one(Voice(agent.tts, agent.speak_text))
