"""The agent and the other side of a warm transfer, on a line of their own: it says why it calls, and asks whether they take the call.

A session like any other (``telephony.session.session``): they may interrupt, speak or press keys, and are asked again. Its mind is
small, and ends it with "accepted", "declined" or "unclear"; what else a session ends for means that nobody answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.conversation import Conversation
from agents.mind import EndCall, ReplyPart, Say, Utterance, Value
from agents.spec import AgentSpec, FirstSpeaker
from telephony import warmup
from telephony.session.events import Event, Happened, TurnEnded
from telephony.session.session import Session
from telephony.transfers.kept_line import KeptLine
from telephony.transfers.warm import (
    Accepted,
    Declined,
    Failed,
    Silent,
    TargetLeft,
    Unclear,
)
from telephony.transfers.warm_words import Answer, answer_of, warm_lines

if TYPE_CHECKING:
    from agents.live import LiveAgent

ACCEPTED, DECLINED, UNCLEAR = "accepted", "declined", "unclear"
MOST_UNCLEAR = 3
"""So many answers that are none, and it is a no."""
LONGEST_S = 60
REMIND_AFTER_S, HANG_UP_AFTER_S = 5, 14
_BEGINNING = 12
"""Letters of a question that were heard: then an answer can be one to it."""

Result = Accepted | Declined | Unclear | Silent | TargetLeft | Failed
Tell = Callable[[str, str], None]
"""A step, and its words."""


class Asking:
    """``agents.mind.Mind`` of this conversation. ``words``: why the agent calls."""

    def __init__(self, words: str, language: str, *, asks: bool) -> None:
        self._words, self._language, self._asks = words.strip(), language, asks
        self._lines = warm_lines(language)
        self._unclear = 0
        self._unclear_revisions: set[int] = set()

    def greet(self) -> list[ReplyPart]:
        parts: list[ReplyPart] = [Say(self._words)] if self._words else []
        return [*parts, self._question(self._lines.question)] if self._asks else [*parts, EndCall(ACCEPTED)]

    def likely_lines(self) -> list[str]:
        lines = self._lines
        return [self._words, lines.question, lines.thanks, lines.sorry, lines.again] if self._asks else [self._words]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        if not self._asks:
            yield EndCall(ACCEPTED)
            return
        answer = answer_of(utterance, self._language)
        if not (utterance.digits or self._has_asked(conversation)):
            answer = Answer.UNCLEAR  # "Yes?" is how people pick up
        match answer:
            case Answer.YES:
                yield Say(self._lines.thanks)
                yield EndCall(ACCEPTED)
            case Answer.NO:
                yield Say(self._lines.sorry)
                yield EndCall(DECLINED)
            case _:
                self._unclear_revisions.add(utterance.revision)
                if self._unclear + 1 >= MOST_UNCLEAR:
                    yield Say(self._lines.sorry)
                    yield EndCall(UNCLEAR)
                    return
                if self._unclear == 0 and self._words:
                    yield Say(self._words)
                yield self._question(self._lines.again if self._unclear else self._lines.question)

    def commit(self, revision: int) -> None:
        self._unclear += revision in self._unclear_revisions
        self._unclear_revisions.clear()

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None: ...

    def _has_asked(self, conversation: Conversation) -> bool:
        beginnings = [each[:_BEGINNING] for each in (self._lines.question, self._lines.again)]
        return any(
            beginning in turn.text for turn in conversation.turns if turn.role == "agent" for beginning in beginnings
        )

    @staticmethod
    def _question(text: str) -> Say:
        return Say(text, digits=1)


class Consultation:
    """One: make it when they have picked up, and ``run`` it. The line stays; whoever has it goes on with it."""

    def __init__(self, line: KeptLine, agent: LiveAgent, words: str, *, asks: bool, tell: Tell) -> None:
        spec = agent.spec
        mind = Asking(words, spec.sounds.language, asks=asks)
        its_own = replace(agent, spec=spec_for_asking(spec), mind=mind, brains=None)
        self._tell = tell
        self._session = Session(transport=line, agent=its_own, vad=warmup.new_vad(), listener=self)

    async def run(self) -> Result:
        reason = await self._session.run()
        match reason:
            case "accepted":
                return Accepted()
            case "declined":
                return Declined()
            case "unclear":
                return Unclear()
            case "silence" | "max_duration":
                return Silent()
            case "caller_hung_up" | "connection_lost":
                return TargetLeft()
            case "stt_failed" | "tts_failed" | "internal_error":
                return Failed("not_reached", "The agent could not speak to the other side: its voice or ear failed.")
        return Silent()

    def receive(self, event: Event) -> None:
        """As the session's listener."""
        match event:
            case TurnEnded(role=role, text=text) if text.strip():
                self._tell("told" if role == "agent" else "answered", text)
            case Happened(kind="stage_failed", data=data):
                self._tell("trouble", str(data.get("error", "")))
            case _:
                pass


def spec_for_asking(spec: AgentSpec) -> AgentSpec:
    """The same voice and ear, for a short conversation of which nothing is recorded."""
    lines = warm_lines(spec.sounds.language)
    says = spec.says.model_copy(
        update={"goodbye": lines.sorry, "first_speaker": FirstSpeaker.AGENT, "ending_phrases": ()}
    )
    limits = spec.limits.model_copy(
        update={
            "max_duration_s": LONGEST_S,
            "warning_line": "",
            "reminder_after_s": REMIND_AFTER_S,
            "reminders": (lines.again,),
            "hang_up_after_silence_s": HANG_UP_AFTER_S,
        }
    )
    return spec.model_copy(
        update={
            "says": says,
            "does": type(spec.does)(),
            "limits": limits,
            "listens": spec.listens.model_copy(update={"keypad": True, "keypad_timeout_ms": 500}),
            "privacy": spec.privacy.model_copy(update={"record": False, "consent_line": ""}),
        }
    )
