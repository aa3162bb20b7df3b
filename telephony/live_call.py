"""One call from its offer to its last row, inside a call worker: transport, session, recording, live feed and journal together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from agents import disclosure, keys, live, spec
from agents.mind import Collected
from agents.speech import ProviderError
from agents.transfers import How
from agents.variables import fill
from telephony import answer, ending, live_feed, recordings, warmup
from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE
from telephony.call_transport import MakeTransport, Reported, SaysMore, TakesCandidates
from telephony.end_reasons import REASONS
from telephony.finish import Outcome, end_call
from telephony.journal import Database, Journal
from telephony.models import Call, CallEvent, Turn
from telephony.session.by_text import TextLine, TextSession
from telephony.session.events import (
    BargedIn,
    Ended,
    Event,
    FieldCollected,
    Happened,
    Levels,
    TranscriptChanged,
    TurnEnded,
)
from telephony.session.ports import Listener
from telephony.session.resumed import Resumed
from telephony.session.session import Session
from telephony.session.transferring import HANDED_OVER, NotReached
from telephony.transfers.kept_line import KeptLine
from telephony.transfers.live import LiveTransfers
from telephony.transfers.second_line import CallsSecond
from telephony.wire.offer import BadOffer
from telephony.without_agent import failed
from telephony.without_agent.in_call import FAILED, SETTLE_SECONDS, WITHOUT_AGENT, Refused, Reply, WithoutAgent

logger = logging.getLogger(__name__)

FEED_SECONDS = 0.05
MAX_FEED = 400
END_RETRY_SECONDS = 600
CLOSE_SECONDS = 3
WRITE_SECONDS = 10
ENTER_SECONDS = 3
SESSION_SECONDS = 8
"""For a session that has decided to end, until it has put everything away."""
FAREWELL_SECONDS = 6
"""For the agent's last words, where somebody else than the two of them ends the call."""
HELD_SECONDS = 25
"""A call that should be over for longer is nobody's any more, unless its end can't be written."""


@dataclass(frozen=True, slots=True)
class Offer:
    call_id: uuid.UUID
    organization: uuid.UUID
    sdp: str = ""
    stream: int = 0
    """Of a telephone call: see ``Call.streams``."""
    is_words: bool = False
    """The carrier hears and speaks: its transport is a ``telephony.session.by_text.TextLine``."""
    on_machine: str = "talk"
    """Of a call of ours that a worker listens to itself: what happens where a machine picks up."""


class LiveCall(WithoutAgent):
    """``run`` is the whole life of it and never raises but for being cancelled. It is its session's listener, too."""

    def __init__(
        self,
        offer: Offer,
        worker: str,
        transport: MakeTransport,
        database: Database,
        journal: Journal,
        second: CallsSecond | None = None,
    ) -> None:
        """``second``: who can call somebody while the caller waits."""
        self.id = offer.call_id
        self._offer = offer
        self._worker = worker
        self._database = database
        self._journal = journal
        self._second = second
        self._transfers: LiveTransfers | None = None
        self._transport = transport(self._line_reported)
        self._session: Session | TextSession | None = None
        self._recorder: recordings.Recorder | None = None
        self._picture = live_feed.Picture()
        self._feed: list[live_feed.Message] = []
        self._feed_wake = asyncio.Event()
        self._is_over = False
        self._at_ms = 0
        self._reason: str | None = None
        """Why it ends, where somebody else than the session decided."""
        self._collected: dict[str, Any] = {}
        self._known: dict[str, Collected] = {}
        """The same with how it was understood, for another agent that goes on."""
        self._pulled_before_ms = 0
        """By the sessions before this one."""
        self._waits_for_consent = self._needs_consent = False
        self._is_leaving = False
        self._is_answered = False
        self._held_until: float | None = 0.0
        """Before it is claimed, and once its end should have been written, its lease is not this worker's to renew; ``None``: it goes on."""
        super().__init__(self._transport, offer.on_machine, offer.stream)
        self._sdp: str | None = None
        self._is_connected = False
        self._failures: dict[str, str] = {}
        """What failed, as an end reason, with the vendor's words."""

    @property
    def _listener(self) -> Listener:
        return self

    # -- what others do with it

    def snapshot(self) -> live_feed.Message:
        return self._picture.snapshot()

    def hang_up(self, reason: str) -> None:
        """End it from outside: the caller by signalling, a member, the reaper, or the worker that is stopped. Where somebody
        is there to hear it, the agent says goodbye first."""
        self._reason = self._reason or (reason if reason in REASONS else "member_hung_up")
        if self._session is None or self._stand_in is not None or reason == "caller_hung_up":
            self._transport.hang_up()
        elif reason == "worker_lost" or (self._transfers is not None and self._transfers.is_talking):
            self._session.hang_up(self._reason)
        elif not self._is_leaving:
            self._is_leaving = True
            self._session.say_goodbye(self._reason)
            asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._session.hang_up, self._reason)

    def press(self, digits: str) -> None:
        """The caller pressed these, told by signalling. Where nobody talks yet, they go nowhere."""
        if self._session is not None:
            self._session.press(digits)

    def send_digits(self, digits: str) -> None:
        """The agent's side presses these, as soon as it has said what it is saying."""
        if self._session is not None:
            self._session.press_out(digits)

    def transfer(self, target: str, how: str = "") -> None:
        """Somebody outside asks for it: the agent says its words for this one, and puts the caller through. ``how``: "": as the
        agent's settings say."""
        if self._session is not None and self._transfers is not None:
            if self._transfers.is_busy:
                self._add_event("not_put_through", {"to": target, "why": "The caller is being put through already."})
                return
            self._transfers.ask(target, How(how) if how else None)
            self._session.put_through(target)

    @property
    def pulled_ms(self) -> int | None:
        """How much of the agent's sound was sent so far; ``None``: it is not talking yet, or over."""
        if self._session is None or self._session.end_reason:
            return None
        sent_ms = self._session.sent_ms
        return None if sent_ms is None else self._pulled_before_ms + sent_ms

    @property
    def is_held(self) -> bool:
        """Whether it is still this worker's: it goes on, or is being ended as it should."""
        return self._held_until is None or asyncio.get_running_loop().time() < self._held_until

    @property
    def _has_sound(self) -> bool:
        """Here: otherwise it is the carrier's, and can't be recorded."""
        return not self._offer.is_words

    def _note_end(self) -> None:
        """From the moment it is over, and again for as long as the database refuses its end."""
        self._held_until = asyncio.get_running_loop().time() + HELD_SECONDS

    async def add_candidate(self, candidate: str, mid: str | None, index: int | None) -> None:
        if isinstance(self._transport, TakesCandidates):
            await self._transport.add_candidate(candidate, mid, index)

    # -- its life

    async def run(self, reply: Reply) -> None:
        call: Call | None = None
        reason, detail = "internal_error", ""
        feeding = asyncio.create_task(self._feed_out())
        try:
            call = await self._database.run(
                answer.claim, self._offer.call_id, self._offer.organization, self._worker, self._offer.stream
            )
            if call is None:
                # An offer may be delivered twice, and another worker talks already: the caller must not be told otherwise.
                logger.info("Call %s is somebody else's, or over", self.id)
                return
            self._held_until = None
            try:
                reason = await self._talk(call, reply)
                detail = self._failures.get(reason, "") or self._word_of_line(reason)
            except Refused as error:
                reason, detail = error.reason, error.detail
            if self._has_failed_at_once(reason):
                reason, detail = await self._go_another_way(call, reason, detail, reply)
        except asyncio.CancelledError:
            reason = self._reason or "worker_stopped"
            raise
        except Exception as error:
            logger.exception("Call %s broke", self.id)
            reason, detail = "internal_error", f"{type(error).__name__}: {error}"
        finally:
            self._note_end()
            await asyncio.shield(self._wind_up(call, reason, detail, feeding, reply))

    async def _refuse(self, reply: Reply, reason: str, detail: str) -> None:
        """The caller still waits for an answer. Where nobody can be told, they are when they have waited long enough."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await reply({"type": "call.refused", "reason": reason, "detail": detail})
        except Exception as error:
            logger.warning("The caller of call %s could not be told why it ends: %s", self.id, error)

    async def _talk(self, call: Call, reply: Reply) -> str:
        loaded = spec.load(call.spec)
        plain = loaded if self._has_sound else disclosure.by_words(loaded)
        agent_spec = fill(plain, call.variables)
        if call.instead.get("how") in WITHOUT_AGENT and self._has_sound:
            return await self._without_agent(call, agent_spec, reply)
        self._collected = {field.key: None for field in agent_spec.does.collect}
        self._has_another_way = await self._database.run(failed.has_another_way, call)
        making = asyncio.create_task(self._make(call, agent_spec))
        before = self._session
        self._session = None
        try:
            await self._take_offer()
            await asyncio.wait({making}, timeout=1.0)
            if making.done():
                making.result()
            if not await self._come_up(reply):
                return self._reason or self._transport.end_reason or "never_connected"
            agent = await making
            if (reason := await self._heard_a_machine(call, agent_spec, agent)) is not None:
                return reason
            resumed = await self._database.run(answer.resumed, call) if self._offer.stream > 1 else None
            if before is not None:  # the agent before has failed at once, and this one takes its place
                resumed = Resumed(before.clock.now_ms, before.next_turn, is_handed_over=True)
            elif resumed is None:
                await self._enter(call, agent_spec)
            else:
                await self._enter_again(call, agent_spec, resumed)
            if self._reason is not None:
                return self._reason
            transfers = self._transfers = LiveTransfers(
                call, agent_spec, self._transport, self._database, self._journal, self._make_successor, self._add_event,
                plain=plain, known=lambda: tuple(self._known.values()), second=self._second,
                leave_off=self._leave_off,
            )  # fmt: skip
            line = self._kept
            self._session = self._new_session(line, agent, transfers, resumed)
        finally:
            if self._session is None:
                await self._unmake(making)
        reason = self._why(await self._until_settled(self._session, line, transfers))
        # Whoever hung up first when two people had talked: the agent had put them through.
        return "transferred" if reason == "caller_hung_up" and transfers.has_talked else reason

    async def _take_offer(self) -> None:
        """Once. Raises :class:`Refused`."""
        if self._sdp is None:
            try:
                self._sdp = await self._transport.answer(self._offer.sdp)
            except BadOffer as error:
                raise Refused("bad_offer", str(error)) from error

    async def _come_up(self, reply: Reply) -> bool:
        """Once: the caller has our answer, and sound can flow. False: it never will."""
        if not self._is_answered:
            await reply({"type": "call.answer", "sdp": self._sdp})
            self._is_answered = True
        if not self._is_connected:
            self._is_connected = await self._transport.connected()
            was_never_up = self._transport.end_reason in (None, "never_connected")
            if not self._is_connected and self._reason is None and was_never_up:
                self._add_event("never_connected", self._transport.progress)
        return self._is_connected

    def _new_session(
        self, line: KeptLine, agent: live.LiveAgent, transfers: LiveTransfers, resumed: Resumed | None
    ) -> Session | TextSession:
        if isinstance(self._transport, TextLine):
            return TextSession(line=self._transport, agent=agent, listener=self, resumed=resumed, transfers=transfers)
        session = Session(
            transport=line,
            agent=agent,
            vad=warmup.new_vad() if resumed is None else warmup.new_vad(resumed.at_ms),
            listener=self,
            tap=self._recorder if agent.spec.privacy.record else None,
            resumed=resumed,
            transfers=transfers,
        )
        transfers.serve(session, line)
        return session

    async def _until_settled(self, session: Session | TextSession, line: KeptLine, transfers: LiveTransfers) -> str:
        """One agent after the other, until one of them has not handed the call over."""
        while True:
            reason = await self._until_over(session)
            successor = transfers.take_next() if reason == HANDED_OVER else None
            if successor is None or self._reason is not None:
                if successor is not None:
                    await successor.agent.mind.close()
                return "internal_error" if reason == HANDED_OVER else reason
            self._held_until = None
            self._pulled_before_ms += session.sent_ms or 0
            resumed = Resumed(
                session.clock.now_ms,
                session.next_turn,
                tuple(session.conversation.turns),
                tuple(self._known.values()),
                tuple(session.conversation.others),
                is_handed_over=True,
            )
            collects = {field.key: None for field in successor.successor.spec.does.collect}
            self._collected = {**collects, **self._collected}
            session = self._session = self._new_session(line, successor.agent, transfers, resumed)

    async def _unmake(self, making: asyncio.Task[live.LiveAgent]) -> None:
        """Nobody will talk to this agent; a session would have closed it."""
        await ending.end({making}, CLOSE_SECONDS)
        if making.done() and not making.cancelled() and making.exception() is None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await making.result().mind.close()
            except Exception:
                logger.warning("The mind of call %s did not close well", self.id, exc_info=True)

    async def _enter(self, call: Call, agent_spec: spec.AgentSpec) -> None:
        """It is answered. A database that is away just then costs the recording, not the call."""
        call.answered_at = timezone.now()
        if agent_spec.privacy.record and not self._has_sound:
            self._add_event("not_recorded", {})
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await self._database.run(answer.connected, call)
                if agent_spec.privacy.record and self._has_sound:
                    await self._record(call, agent_spec)
        except Exception as error:
            logger.error("That call %s was answered could not be entered: %r", self.id, error)

    async def _enter_again(self, call: Call, agent_spec: spec.AgentSpec, resumed: Resumed) -> None:
        """Another worker had it before, and was lost."""
        self._at_ms = resumed.at_ms
        self._collected |= {each.key: each.value for each in resumed.known if each.key in self._collected}
        self._add_event("resumed", {"stream": self._offer.stream})
        if agent_spec.privacy.record and self._has_sound:
            try:
                async with asyncio.timeout(ENTER_SECONDS):
                    await self._record_on(call, resumed.at_ms)
            except Exception as error:
                logger.error("The recording of call %s does not go on: %r", self.id, error)

    async def _until_over(self, session: Session | TextSession) -> str:
        """Its reason to end. A part of it that doesn't let go is left behind: the call is over for all others."""
        running = asyncio.create_task(session.run(), name=f"session of call {self.id}")
        try:
            deadline: float | None = None
            while not running.done():
                await asyncio.wait({running}, timeout=1)
                if session.end_reason and deadline is None:
                    self._note_end()
                    deadline = asyncio.get_running_loop().time() + SESSION_SECONDS
                if deadline is not None and asyncio.get_running_loop().time() > deadline:
                    break
        finally:
            left = await ending.end({running}, 0 if running.done() else CLOSE_SECONDS)
        if left or running.cancelled():
            self._add_event("session_stuck", {})
            return session.end_reason or "internal_error"
        return running.result()

    def _why(self, reason: str) -> str:
        """The session knows only that the frames ended; the transport and whoever hung up know why."""
        if self._reason is not None and reason in ("caller_hung_up", self._reason):
            return self._reason
        if reason == "caller_hung_up" and self._transport.end_reason is not None:
            return self._transport.end_reason
        return reason

    def _word_of_line(self, reason: str) -> str:
        """What the transport has to say of it, where it was its doing."""
        if isinstance(self._transport, SaysMore) and reason == self._transport.end_reason:
            return self._transport.end_detail
        return ""

    async def _make(self, call: Call, agent_spec: spec.AgentSpec) -> live.LiveAgent:
        try:
            secrets = await self._database.run(keys.secrets, call.organization, agent_spec)
            return await live.make(agent_spec, secrets)
        except keys.NoKey as error:
            raise Refused("model_failed", str(error)) from error
        except live.CannotTalk as error:
            raise Refused(FAILED.get(error.part, "internal_error"), error.message) from error
        except ProviderError as error:
            raise Refused("model_failed", error.message) from error

    async def _make_successor(self, call: Call, agent_spec: spec.AgentSpec) -> live.LiveAgent:
        try:
            return await self._make(call, agent_spec)
        except Refused as error:
            raise NotReached("not_reached", f"{agent_spec.name} can't talk now. {error.detail}") from error

    async def _record(self, call: Call, agent_spec: spec.AgentSpec) -> None:
        recorder = await self._tape(call)
        self._needs_consent = bool(agent_spec.privacy.consent_line.strip())
        self._waits_for_consent = bool(disclosure.opening(agent_spec))
        if not self._waits_for_consent:
            recorder.start(0)

    async def _tape(self, call: Call) -> recordings.Recorder:
        path = recordings.path_for(call.organization_id, call.pk)
        recorder = self._new_recorder(path)
        await self._database.run(answer.create_recording, call, path)  # no row, no recording
        self._recorder = recorder
        return recorder

    async def _record_on(self, call: Call, at_ms: int) -> None:
        """Where the worker before had begun to: not before the caller knows of it. Its file must be on this machine, or shared."""
        path = await self._database.run(answer.recording_of, call)
        if path is None:
            return
        full = recordings.absolute(path)
        written = await asyncio.to_thread(recordings.repair, full)
        if written is None:
            self._add_event("recording_stopped", {"why": "The recording so far is not on this call worker's disk."})
            return
        self._recorder = self._new_recorder(path)
        self._recorder.go_on(written, at_ms)

    def _new_recorder(self, path: str) -> recordings.Recorder:
        loop = asyncio.get_running_loop()

        def failed(why: str) -> None:
            loop.call_soon_threadsafe(self._add_event, "recording_stopped", {"why": why})

        return recordings.Recorder(recordings.absolute(path), PLAYOUT_RATE_HZ, failed)

    async def _wind_up(
        self, call: Call | None, reason: str, detail: str, feeding: asyncio.Task[None], reply: Reply
    ) -> None:
        if call is not None and not self._is_answered:
            await self._refuse(reply, reason, detail)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._kept.release()
                await self._transport.close()
        except Exception:
            logger.warning("The connection of call %s did not close well", self.id, exc_info=True)
        written = None
        if self._recorder is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    written = await self._recorder.close()
        if call is not None and not await self._goes_on_elsewhere(call, reason):
            await self._write_message_down()
        # It ends by itself: cancelled in the middle of a command, the Valkey client may swallow that and go on.
        self._is_over = True
        self._feed_wake.set()
        await asyncio.wait({feeding}, timeout=CLOSE_SECONDS)
        await ending.end({feeding}, 1)
        if call is None:
            return
        outcome = Outcome(self._at_ms, self._collected, written, call.answered_at, self._at_ms + self._listened_ms)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + END_RETRY_SECONDS
        while True:
            await self._journal.settle(self.id, SETTLE_SECONDS)  # the end comes after all it counts
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._database.run(
                        end_call, call, call.organization_id, reason, detail, outcome, stream=self._offer.stream
                    )
                return
            except Exception as error:
                if loop.time() > give_up:
                    logger.error("The end of call %s could not be written: %s", self.id, error)
                    return
                self._note_end()
                await asyncio.sleep(1)

    # -- what the session tells

    def receive(self, event: Event) -> None:
        """Called on the loop for each event: into the journal, the picture and the feed, all without waiting."""
        self._at_ms = max(self._at_ms, event.at_ms)
        match event:
            case Ended(reason=reason) if reason == HANDED_OVER:
                return  # the call goes on
            case Levels() if isinstance(self._session, Session) and not self._has_spoken:
                self._has_spoken = self._session.playout.voice != SILENCE
            case TranscriptChanged(role="agent") if isinstance(self._session, TextSession):
                self._has_spoken = True
            case TurnEnded():
                self._journal.add(self._turn(event))
                if event.role == "agent":
                    self._said(event)
            case FieldCollected():
                self._collected[event.key] = event.value
                self._known[event.key] = Collected(event.key, event.value, event.spoken, event.is_confirmed)
                self._add_event(
                    "collected",
                    {
                        "key": event.key,
                        "value": event.value,
                        "spoken": event.spoken,
                        "is_confirmed": event.is_confirmed,
                    },
                )
            case BargedIn():
                self._add_event("barge_in", {"turn": event.turn, "heard": event.heard, "after_ms": event.after_ms})
            case Happened():
                if event.kind == "stage_failed":
                    why = f"{event.data.get('stage')}_failed"
                    self._failures[why] = str(event.data.get("error", ""))
                    if self._has_another_way and not self._has_spoken and self._session is not None:
                        self._session.hang_up(why)
                self._add_event(event.kind, dict(event.data))
            case Ended():
                self._add_event("ended", {"reason": event.reason})
            case _:
                pass
        for message in live_feed.messages(event):
            self._picture.add(message)
            self._tell(message)

    def _said(self, turn: TurnEnded) -> None:
        """Where there is a consent line, recording begins when the caller has heard all of it, and not before."""
        if self._waits_for_consent and self._recorder is not None and turn.is_consent and not turn.was_cut:
            self._waits_for_consent = False
            self._recorder.start(turn.at_ms)
            self._add_event("recording_started", {})

    def _tell(self, message: live_feed.Message) -> None:
        if len(self._feed) >= MAX_FEED:  # nobody takes it: the picture has it all
            self._feed.clear()
        self._feed.append(message)
        self._feed_wake.set()

    def _turn(self, event: TurnEnded) -> Turn:
        return Turn(
            organization_id=self._offer.organization,
            call_id=self.id,
            index=event.turn,
            role=event.role,
            text=event.text,
            intended=event.intended,
            started_ms=max(0, event.started_ms),
            ended_ms=max(0, event.ended_ms),
            was_cut=event.was_cut,
            confidence=event.confidence,
            latency=event.latency.as_dict() if event.latency is not None else {},
            thoughts=[{"kind": thought.kind, "data": dict(thought.data)} for thought in event.thoughts],
        )

    def _add_event(self, kind: str, data: dict[str, Any]) -> None:
        self._journal.add(
            CallEvent(
                organization_id=self._offer.organization, call_id=self.id, at_ms=self._at_ms, kind=kind[:40], data=data
            )
        )

    def _line_reported(self, report: Reported) -> None:
        self.receive(Happened(self._at_ms, "line", dict(report)))

    async def _feed_out(self) -> None:
        while not self._is_over:
            await self._feed_wake.wait()
            await self._send_feed()
            await asyncio.sleep(FEED_SECONDS)
        await self._send_feed()

    async def _send_feed(self) -> None:
        self._feed_wake.clear()
        told, self._feed = self._feed, []
        if told:
            try:
                async with asyncio.timeout(2):
                    await live_feed.publish(self.id, told)
            except Exception as error:  # Valkey is away: watchers ask for the picture when it is back
                logger.debug("The feed of call %s could not be sent: %s", self.id, error)
