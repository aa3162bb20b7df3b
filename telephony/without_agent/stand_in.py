"""A call that a worker holds and no agent talks in: a message is said or taken, or the caller is put through.

What was decided is the row's (``Call.instead``, of ``telephony.answering``). What a carrier does itself is its own (``carrier_answers``).

    stand_in = StandIn(…)
    reason = await stand_in.run()          a key of the end reasons; the line is the maker's to close
    await stand_in.write_down()            after that: what was said to us, in words
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agents import dictation, keys
from agents.spec import AgentSpec
from agents.speech import AudioFrame, ProviderError
from telephony import carrier_answers, ending
from telephony.call_transport import CallTransport, CannotRefer, CanRefer
from telephony.dialing import gate
from telephony.journal import Database
from telephony.models import Call
from telephony.recordings import Recorder
from telephony.session.transferring import NotReached
from telephony.transfers import by_sip, warm
from telephony.transfers.joined_call import JoinedCall, Plan
from telephony.transfers.second_line import OWN_PHONE, AtTwilio, CallsSecond, second_line, telephone_at
from telephony.without_agent import voice
from telephony.without_agent.line import BareLine
from telephony.without_agent.message_end import MessageEnd

logger = logging.getLogger(__name__)

WRITE_SECONDS = 120.0
"""For the words of a message, once its caller is gone."""
TELL_SECONDS = 3.0
CLOSE_SECONDS = 3.0
"""For the other side's line, where this is cancelled."""
GONE = "The caller hung up while they were put through."

Tell = Callable[[str, dict[str, Any]], None]


class StandIn:
    def __init__(
        self,
        call: Call,
        spec: AgentSpec,
        transport: CallTransport,
        line: BareLine,
        database: Database,
        tell: Tell,
        recorder: Recorder | None,
        second: CallsSecond | None = None,
    ) -> None:
        """``tell``: an event of the call. ``second``: who can call somebody while the caller waits."""
        self._call, self._spec, self._transport = call, spec, transport
        self.line = line
        self._database, self._tell, self._recorder = database, tell, recorder
        self._second = second
        self._message = bytearray()
        self._began_ms = 0
        self._message_s = 0
        """How long it is; 0: nothing was said."""

    async def run(self) -> str:
        decided: Mapping[str, Any] = self._call.instead
        match decided["how"]:
            case "voicemail":
                return await self._take_message(str(decided["greeting"]), float(decided["longest_s"]))
            case "forward":
                return await self._put_through(str(decided["to"]), str(decided["message"]))
        was_heard = await self._say(str(decided["text"]))
        if decided.get("why") == "machine":
            return "machine_message" if was_heard else "machine_answered"
        return "message_said" if was_heard else "caller_hung_up"

    async def _say(self, text: str) -> bool:
        """False: they hung up. Where nothing here can speak, nothing is said."""
        try:
            secrets = await self._secrets()
            making = asyncio.create_task(voice.spoken(self._spec, secrets, text))
            try:
                if not await self.line.hear(lambda frame: making.done()):  # their sound is taken meanwhile
                    return False
                sound = await making
            finally:
                making.cancel()
        except ProviderError as error:
            self._tell("stage_failed", {"stage": "tts", "error": error.message})
            return True
        return await self.line.play(sound, text)

    async def _secrets(self) -> Mapping[str, str]:
        try:
            return await self._database.run(keys.secrets, self._call.organization, self._spec)
        except keys.NoKey:
            return {}  # a voice of this machine needs none

    # ---- a message

    async def _take_message(self, greeting: str, longest_s: float) -> str:
        if not await self._say(greeting):
            return "no_message_left"
        if self._spec.privacy.record and self._recorder is not None:
            self._recorder.start(self.line.now_ms)
        if not await self.line.play(voice.tone()):
            return "no_message_left"
        end = MessageEnd(longest_s)
        self.line.on_digit = end.press
        self._began_ms = self.line.now_ms

        def take(frame: AudioFrame) -> bool:
            self._message.extend(frame.pcm)
            return end.push(frame.pcm) != ""

        await self.line.hear(take)
        if not end.has_words:
            return "no_message_left"
        self._message_s = max(1, round(end.spoken_ms / 1000))
        return "message_left"

    async def write_down(self) -> None:
        """What was said, by the agent's transcriber. Never raises but for being cancelled."""
        if not self._message_s:
            return
        await self._add(recording_s=self._message_s)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                secrets = await self._database.run(keys.secrets, self._call.organization, self._spec)
                said = await dictation.transcribe(self._spec, secrets, bytes(self._message))
        except (ProviderError, keys.NoKey, TimeoutError) as error:
            why = str(getattr(error, "message", error)) or "It took too long."
            self._tell("message_not_written", {"why": why[:300]})
            return
        except Exception as error:
            logger.exception("The message of call %s could not be written down", self._call.pk)
            self._tell("message_not_written", {"why": f"Something broke: {type(error).__name__}."})
            return
        for each in said:
            start_ms, end_ms = self._began_ms + each.start_ms, self._began_ms + each.end_ms
            self.line.turn("caller", each.text, start_ms, end_ms, confidence=each.confidence)

    # ---- put through

    async def _put_through(self, to: str, message: str) -> str:
        try:
            permit = await self._database.run(partial(carrier_answers.forward_permit, self._call))
            try:
                if await self._database.run(telephone_at, self._call, to) is not None:
                    raise CannotRefer("not_allowed", OWN_PHONE)
                await self._by_trunk(permit)
                self._tell("put_through", {"to": to})
            except CannotRefer as error:
                await self._by_us(permit, to, error.words)
        except gate.MayNotDial as error:
            return await self._not_put_through(to, str(error), message)
        except NotReached as error:
            with contextlib.suppress(Exception):
                await self._database.run(partial(carrier_answers.forward_over, self._call, seconds=0))
            return await self._not_put_through(to, error.words, message)
        await self._add(reached=True)
        return "forwarded"

    async def _not_put_through(self, to: str, why: str, message: str) -> str:
        self._tell("not_put_through", {"to": to, "why": why})
        await self._add(reached=False)
        await self._say(message)
        return "not_forwarded"

    async def _by_trunk(self, permit: gate.Permit) -> None:
        """It calls them itself, and we leave. Raises ``NotReached``; of it ``CannotRefer`` where it doesn't do that."""
        if not isinstance(self._transport, CanRefer):
            raise CannotRefer("not_from_here", "This line can't be put through.")
        if not await self._database.run(by_sip.may_ask, self._call):
            raise CannotRefer("not_allowed", "The trunk's settings say so.")
        referring = asyncio.create_task(self._transport.refer(permit))
        try:
            is_there = await self.line.hear(lambda frame: referring.done())
            await asyncio.wait({referring}, timeout=TELL_SECONDS)
            if not is_there and not referring.done():
                raise NotReached("not_reached", GONE)
            await referring
        finally:
            referring.cancel()

    async def _by_us(self, permit: gate.Permit, to: str, why: str) -> None:
        """We call them, and stay in the middle until one of the two hangs up. Raises ``NotReached``."""
        if self._transport.end_reason is not None:
            raise NotReached("not_reached", GONE)
        calls_second = self._second
        if calls_second is None:
            raise NotReached("not_allowed", why)
        ring_s = float(self._call.instead["ring_s"])
        second = await self._database.run(
            partial(second_line, self._call, ring_s, serves_sip=calls_second.serves_sip, to=to)
        )
        self._tell("forwarding", {"to": to, "why": why, **({"at": "twilio"} if isinstance(second, AtTwilio) else {})})

        def tell(kind: str, data: dict[str, Any]) -> None:
            if kind == "put_through":
                self._tell(kind, {"to": to})

        terms = warm.Terms(round(ring_s * 1000), permit.longest_minutes * 60_000, tells=False)
        plan = Plan(terms, rings_as=self._call.to_number, when_up=self._leave_off)
        joined = JoinedCall(self.line.kept, plan, lambda: calls_second(permit, second), tell)
        joining = asyncio.create_task(joined.run())
        try:
            if not await self.line.hear(lambda frame: joining.done()):
                joined.caller_left()
            await asyncio.wait({joining})
            joining.result()
        finally:
            await ending.end({joining}, CLOSE_SECONDS)
            outcome = joined.outcome or warm.Outcome()
            if outcome.was_reached:
                self._tell("forward_over", {"seconds": round(outcome.talked_ms / 1000), "who": outcome.by})
                with contextlib.suppress(Exception):
                    seconds = outcome.talked_ms / 1000
                    await self._database.run(partial(carrier_answers.forward_over, self._call, seconds=seconds))
        if outcome.why is not None:
            raise NotReached(outcome.why, outcome.words)

    def _leave_off(self) -> None:
        """What the two say to each other is theirs."""
        if self._recorder is not None:
            self._recorder.leave_off()

    async def _add(self, **known: Any) -> None:
        """To what the row knows of it. A database that is away just then costs only that."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(TELL_SECONDS):
                await self._database.run(partial(carrier_answers.add, self._call, **known))
