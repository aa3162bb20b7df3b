"""What a live call does where its agent doesn't talk: the row says so, a machine has picked up, or the agent fails before its first word.

A part of ``telephony.live_call.LiveCall``, which has the line and the rows.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agents import disclosure, live, spec
from telephony import answer, phone_calls, reception, recordings
from telephony.answering import Refuse, Say, Talk
from telephony.call_transport import CallTransport, LedByCarrier, MayComeBack, TellsNews, newcomer
from telephony.journal import Database, Journal
from telephony.models import Call
from telephony.session.by_text import TextSession
from telephony.session.ports import Listener
from telephony.session.session import Session
from telephony.transfers.kept_line import KeptLine
from telephony.transfers.second_line import CallsSecond
from telephony.without_agent import failed, machine
from telephony.without_agent.line import BareLine
from telephony.without_agent.stand_in import StandIn

logger = logging.getLogger(__name__)

WITHOUT_AGENT = ("voicemail", "forward", "message")
SETTLE_SECONDS = 5
FAILED = {"transcriber": "stt_failed", "voice": "tts_failed", "model": "model_failed"}

Reply = Callable[[dict[str, Any]], Awaitable[None]]


class Refused(Exception):
    """The call can't be taken. ``reason`` is a key of the end reasons; ``detail`` may be shown."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}")
        self.reason, self.detail = reason, detail


class WithoutAgent(ABC):
    id: uuid.UUID
    _transport: CallTransport
    _database: Database
    _journal: Journal
    _session: Session | TextSession | None
    _recorder: recordings.Recorder | None
    _at_ms: int
    _reason: str | None
    _held_until: float | None
    _failures: dict[str, str]
    _second: CallsSecond | None
    _waits_for_consent: bool
    """Nothing is recorded until it was heard."""
    _needs_consent: bool
    """Whoever is recorded has to hear it first."""

    def __init__(self, transport: CallTransport, on_machine: str, stream: int) -> None:
        self._kept = KeptLine(transport)
        self._on_machine, self._stream = on_machine, stream
        self._has_spoken = self._has_another_way = False
        self._listened_ms = 0
        """For who has picked up, before the call's clock began: the line was up, and its carrier charges it."""
        self._stand_in: StandIn | None = None
        if isinstance(transport, TellsNews):
            transport.tell_news(self._take_news)

    @property
    @abstractmethod
    def _listener(self) -> Listener:
        """Told what is said."""

    @property
    @abstractmethod
    def _has_sound(self) -> bool:
        """Here, and not only at the carrier."""

    @abstractmethod
    async def _take_offer(self) -> None: ...
    @abstractmethod
    async def _come_up(self, reply: Reply) -> bool: ...
    @abstractmethod
    async def _talk(self, call: Call, reply: Reply) -> str: ...
    @abstractmethod
    async def _tape(self, call: Call) -> recordings.Recorder: ...
    @abstractmethod
    async def _record_on(self, call: Call, at_ms: int) -> None: ...
    @abstractmethod
    def _add_event(self, kind: str, data: dict[str, Any]) -> None: ...
    @abstractmethod
    def _word_of_line(self, reason: str) -> str: ...
    @abstractmethod
    def _note_end(self) -> None: ...

    async def _without_agent(self, call: Call, agent_spec: spec.AgentSpec, reply: Reply) -> str:
        """A message is said or taken, or the caller is put through, on this line."""
        await self._take_offer()
        if not await self._come_up(reply):
            return self._reason or self._transport.end_reason or "never_connected"
        next_turn = self._session.next_turn if self._session is not None else 0
        before = await self._database.run(answer.resumed, call) if self._session is None and self._stream > 1 else None
        if before is not None:
            self._at_ms, next_turn = before.at_ms, before.next_turn
            self._add_event("resumed", {"stream": self._stream})
        else:
            self._add_event("instead", {"how": call.instead["how"], "why": call.instead["why"]})
        if call.answered_at is None:
            call.answered_at = timezone.now() - timedelta(milliseconds=self._at_ms)
            await self._database.run(answer.connected, call)
        if agent_spec.privacy.record and call.instead["how"] == "voicemail" and self._recorder is None:
            if before is not None and await self._database.run(answer.recording_of, call) is not None:
                await self._record_on(call, self._at_ms)
            else:
                await self._tape(call)
        line = BareLine(self._kept, self._listener, self._recorder, self._at_ms, next_turn)
        self._stand_in = StandIn(
            call, agent_spec, self._transport, line, self._database, self._add_event, self._recorder, self._second
        )
        try:
            reason = await self._stand_in.run()
        finally:
            self._at_ms = max(self._at_ms, line.now_ms)
        return self._unless_ended(reason)

    def _take_news(self, kind: str, data: dict[str, Any]) -> None:
        """Of the line."""
        self._add_event(kind, data)
        if isinstance(self._session, Session) and (other := newcomer(kind, data)):
            self._session.meet(other)
            self._record_only_who_knows(self._session.agent.spec)

    def _record_only_who_knows(self, agent_spec: spec.AgentSpec) -> None:
        """Somebody else is on the line: where the caller had to be told before the recording began, they have to be, too."""
        if self._recorder is None or not self._recorder.is_on:
            return
        if self._needs_consent and not agent_spec.privacy.consent_line.strip():  # the agent that said it is gone
            self._recorder.leave_off()
            self._add_event("recording_stopped", {"why": "Somebody else is on the line, who hasn't been told of it."})
        elif disclosure.opening(agent_spec):
            self._recorder.pause()
            self._waits_for_consent = True
            self._add_event("recording_paused", {})

    def _unless_ended(self, reason: str) -> str:
        """Whoever hung up first; that they are gone says less than what became of it."""
        return reason if self._reason in (None, "caller_hung_up") else self._reason

    def _leave_off(self) -> None:
        if self._recorder is not None:
            self._recorder.leave_off()

    async def _heard_a_machine(self, call: Call, agent_spec: spec.AgentSpec, agent: live.LiveAgent) -> str | None:
        """Of a call of ours: why it is over, where no person is there. ``None``: the agent may talk."""
        if self._on_machine == "talk":
            return None
        line = BareLine(self._kept, self._listener, None)
        is_late = isinstance(self._transport, LedByCarrier)  # its stream begins when it has asked us what to do
        try:
            detector = await machine.who_is_there(line, agent, is_late=is_late)
        finally:
            self._listened_ms = line.now_ms
        who = detector.verdict
        if who is None:
            return self._reason or self._transport.end_reason or "caller_hung_up"
        by = "machine" if who == "machine_beep" else who
        self._add_event("picked_up", {"by": by, "why": detector.why, "after_ms": line.now_ms})
        await self._database.run(answer.picked_up, call, by)
        message = str(call.instead.get("machine_message", ""))
        if by != "machine":
            return None
        if self._on_machine != "leave_message" or not message:
            return "machine_answered"
        is_its_turn = await machine.until_its_turn(line, has_beeped=who == "machine_beep")
        self._listened_ms = line.now_ms
        if not is_its_turn:
            return self._unless_ended("machine_answered")
        self._at_ms, self._listened_ms = line.now_ms, 0
        await self._database.run(reception.turn_to, call, Say(message, "machine"))
        return await self._without_agent(call, agent_spec, _nobody_waits)

    async def _goes_on_elsewhere(self, call: Call, reason: str) -> bool:
        """Where the line broke and its far end asks for another worker: whether one has the call by now."""
        if not isinstance(self._transport, MayComeBack):
            return False
        is_without_agent = self._session is None or self._stand_in is not None
        is_lost = is_without_agent and self._reason is None and self._transport.end_reason == "connection_lost"
        if not is_lost and reason != "connection_lost":
            return False
        await self._journal.settle(self.id, SETTLE_SECONDS)  # whoever goes on with it reads them
        await asyncio.sleep(self._transport.comes_back_seconds)
        try:
            return not await self._database.run(answer.is_newest, call, self._stream)
        except Exception as error:
            logger.warning("Who has call %s can't be told: %s", self.id, error)
            return False

    async def _write_message_down(self) -> None:
        """What was said to us, if anything."""
        if self._stand_in is not None:
            self._held_until = None
            await self._stand_in.write_down()
            self._note_end()

    def _has_failed_at_once(self, reason: str) -> bool:
        """The agent, before its first word, while the caller is still there."""
        is_agents_fault = reason in FAILED.values() and not self._has_spoken
        return is_agents_fault and self._has_another_way and self._reason is None and self._transport.end_reason is None

    async def _go_another_way(self, call: Call, reason: str, detail: str, reply: Reply) -> tuple[str, str]:
        """What the number says to an agent that can't answer. Returns why the call ends, with a sentence."""
        self._has_another_way = False
        self._held_until = None
        self._add_event("agent_failed", {"reason": reason, "detail": detail or self._failures.get(reason, "")})
        try:
            decided = await self._database.run(failed.turn, call)
        except Exception:
            logger.exception("What the number of call %s says to a failed agent can't be told", self.id)
            return reason, detail
        if isinstance(decided, Refuse):
            return reason, detail
        if isinstance(decided, Talk):
            self._add_event("instead", {"how": "agent", "why": "failed"})
        elif isinstance(self._transport, LedByCarrier) and not (self._has_sound and await self._is_ours(call)):
            document, stream = await self._database.run(failed.leave_to_carrier, call)
            await failed.tell_carrier(call, document)
            logger.info("Call %s goes on at the carrier, beyond stream %d", self.id, stream)
            self._transport.leave(True)
            return reason, detail
        try:
            found = await self._talk(call, reply)
        except Refused as error:
            return error.reason, error.detail
        return found, self._failures.get(found, "") or self._word_of_line(found)

    async def _is_ours(self, call: Call) -> bool:
        """What was decided is done here, and not by the call's carrier."""
        return await self._database.run(phone_calls.is_for_a_worker, call)


async def _nobody_waits(body: dict[str, Any]) -> None:
    """The call stands."""
