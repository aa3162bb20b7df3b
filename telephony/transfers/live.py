"""Putting through, in a live call: decides by whom a target is reached on this line, and has it done.

another agent            ``handing_over``: the call's session ends, and the next one begins on the same line
a number, a SIP address  cold: by the carrier (``by_carrier``), by the SIP telephone itself (REFER); where neither does it, from here
                         warm: from here, after the agent has spoken to the other side
from here                over a trunk or at Twilio, on whatever line the caller is (``joined_call``)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents import disclosure
from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import Collected
from agents.spec import AgentSpec
from agents.summary import Summarises
from agents.transfers import How, TransferTarget, Way
from agents.variables import fill, say
from telephony.call_transport import CallTransport, CannotRefer, CanRefer, LedByCarrier
from telephony.dialing import gate
from telephony.journal import Database, Journal
from telephony.models import Call
from telephony.session.session import Session
from telephony.session.transferring import HANDED_OVER, LONGEST_MS, NotReached
from telephony.transfers import by_carrier, by_sip, handing_over, warm, warm_words
from telephony.transfers.handing_over import Successor
from telephony.transfers.joined_call import Briefing, JoinedCall, Plan
from telephony.transfers.kept_line import KeptLine
from telephony.transfers.second_line import (
    NO_SECOND,
    ONLY_WORDS,
    OWN_PHONE,
    WEB,
    AtTwilio,
    CallsSecond,
    second_line,
    telephone_at,
)

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
MAKE_SECONDS = 20.0
TELL_SECONDS = 7.0
"""For the carrier to take an order, where nobody waits for it any more: less than a session that ends is waited for."""
SUMMARY_SECONDS = 6.0
"""For a model to sum the call up, while it rings. Then it is done without."""
TRUNK = "The trunk's settings say that Parley calls them."

MakeAgent = Callable[[Call, AgentSpec], Awaitable[LiveAgent]]


@dataclass(frozen=True, slots=True)
class Next:
    """Who goes on, ready to talk."""

    agent: LiveAgent
    successor: Successor
    plain: AgentSpec
    """Its spec with the ``{{names}}`` not filled in."""


class LiveTransfers:
    """``telephony.session.transferring.PutsThrough`` of one call."""

    def __init__(
        self,
        call: Call,
        spec: AgentSpec,
        line: CallTransport,
        database: Database,
        journal: Journal,
        make: MakeAgent,
        tell: Callable[[str, dict[str, Any]], None],
        *,
        plain: AgentSpec | None = None,
        known: Callable[[], Sequence[Collected]] = tuple,
        second: CallsSecond | None = None,
        leave_off: Callable[[], None] = lambda: None,
    ) -> None:
        """``plain``: the spec with its ``{{names}}`` not filled in yet. ``second``: who can call somebody while the caller waits.
        ``leave_off``: nothing of the call is recorded any more."""
        self.next: Next | None = None
        """Who goes on, from when ``put_through`` has returned ``HANDED_OVER``; taken with ``take_next``."""
        self.spec = spec
        """Of the agent that has the call now."""
        self._call, self._line = call, line
        self._database, self._journal = database, journal
        self._make, self._tell = make, tell
        self._plain, self._known, self._second, self._leave_off = plain or spec, known, second, leave_off
        self._session: Session | None = None
        self._kept: KeptLine | None = None
        self._asked: dict[str, How] = {}
        self._other_call: JoinedCall | None = None
        self.has_talked = False
        """The caller and somebody that the agent called for them have talked."""

    def serve(self, session: Session, line: KeptLine) -> None:
        """The session that has the call now, and its line. Not told of a call of words only: there is nothing to join."""
        self._session, self._kept = session, line

    def ask(self, target: str, how: How | None) -> None:
        """The next time it is put through to this one, in this way; ``None``: as its settings say."""
        self._asked.pop(target, None)
        if how is not None:
            self._asked[target] = how

    @property
    def is_busy(self) -> bool:
        """The caller is on hold, or talks to somebody else."""
        return self._other_call is not None

    @property
    def is_talking(self) -> bool:
        """The caller is talking to somebody else, through here."""
        return self._other_call is not None and self._other_call.is_connected

    def longest_ms(self, target: str) -> int:
        wanted = self._wanted(target)
        if wanted is None or wanted.to is Way.AGENT or (self._second is None and self._way_of(wanted) is How.COLD):
            return LONGEST_MS
        return LONGEST_MS + _terms(wanted).longest_ms

    def _way_of(self, wanted: TransferTarget) -> How:
        return self._asked.get(wanted.name, wanted.how)

    def _wanted(self, target: str) -> TransferTarget | None:
        return next((each for each in self.spec.does.transfers if each.name == target), None)

    async def put_through(self, target: str) -> str:
        wanted = self._wanted(target)
        if wanted is None:
            raise NotReached("not_reached", "Nobody of this name is among whom the agent may put callers through to.")
        if wanted.to is Way.AGENT:
            return await self._hand_over(wanted)
        how = self._way_of(wanted)
        self._asked.pop(target, None)
        if how is How.WARM:
            await self._from_here(wanted)
        else:
            await self._coldly(wanted)
        return "transferred"

    async def _coldly(self, wanted: TransferTarget) -> None:
        """By whoever brought the caller; by us where they don't do that. Raises ``NotReached``."""
        if await self._database.run(telephone_at, self._call, wanted.address) is not None:
            await self._from_here(wanted, CannotRefer("not_allowed", OWN_PHONE))
            return
        if isinstance(self._line, LedByCarrier):
            await self._by_carrier(wanted, self._line)
            return
        refused = CannotRefer("not_from_here", WEB)
        permit = None
        if isinstance(self._line, CanRefer):
            refused = CannotRefer("not_allowed", TRUNK)
            if await self._database.run(by_sip.may_ask, self._call):
                permit = await self._permit(wanted)
                try:
                    await self._by_sip(wanted, self._line, permit)
                    return
                except CannotRefer as error:
                    refused = error
        await self._from_here(wanted, refused, permit)

    async def _permit(self, wanted: TransferTarget) -> gate.Permit:
        return await self._database.run(
            partial(by_sip.permitted, self._call, wanted, key=f"transfer-{uuid.uuid4().hex}")
        )

    async def _free(self, permit: gate.Permit, talked_ms: int = 0) -> None:
        """Its place in the limits. A database that is away leaves that to the end of the call."""
        try:
            await self._database.run(partial(gate.release, permit.organization, permit.key, seconds=talked_ms / 1000))
        except Exception:
            logger.warning("The place of a transfer in the limits is not free yet.", exc_info=True)

    def take_next(self) -> Next | None:
        found, self.next = self.next, None
        if found is not None:
            self.spec, self._plain = found.successor.spec, found.plain
        return found

    async def _hand_over(self, wanted: TransferTarget) -> str:
        found = await self._database.run(handing_over.successor, self._call, wanted.agent, self.spec)
        plain = found.spec
        found = Successor(found.agent, found.name, found.version, fill(disclosure.said(plain), self._call.variables))
        try:
            async with asyncio.timeout(MAKE_SECONDS):
                agent = await self._make(self._call, found.spec)
        except TimeoutError:
            raise NotReached("not_reached", f"{found.name} was not ready in time.") from None
        with contextlib.suppress(Exception):  # only of use should this worker be lost
            await self._database.run(handing_over.keep, self._call, plain)
        self.next = Next(agent, found, plain)
        self._tell(
            "put_through", {"to": wanted.name, "agent": str(found.agent), "by": found.name, "version": found.version}
        )
        return HANDED_OVER

    async def _by_carrier(self, wanted: TransferTarget, line: LedByCarrier) -> None:
        """From here on the carrier says how it went, to our pages."""
        await self._journal.settle(self._call.pk, SETTLE_SECONDS)  # whoever goes on with the call reads them
        line.leave(True)
        telling = asyncio.ensure_future(self._database.run(by_carrier.put_through, self._call, wanted))
        try:
            await asyncio.shield(telling)
        except (
            asyncio.CancelledError
        ):  # they hung up meanwhile: first the row must say again whose the end of the call is
            await asyncio.wait({telling}, timeout=TELL_SECONDS)
            raise
        finally:
            if telling.done() and telling.exception() is not None:
                line.leave(False)

    async def _by_sip(self, wanted: TransferTarget, line: CanRefer, permit: gate.Permit) -> None:
        """Raises ``NotReached``; of it ``CannotRefer``, after which the permit is still good."""
        try:
            await line.refer(permit)
        except CannotRefer:
            raise
        except BaseException:
            await self._free(permit)
            raise
        self._tell("put_through", {"to": wanted.name, "by": permit.number})

    async def _from_here(
        self, wanted: TransferTarget, refused: CannotRefer | None = None, permit: gate.Permit | None = None
    ) -> None:
        """We call them, and stay in the middle: warm, or cold where whoever brought the caller has ``refused`` to. Returns when they
        have talked. Raises ``NotReached``: then the caller is as before."""
        session, kept, calls_second = self._session, self._kept, self._second
        try:
            if session is None or kept is None:
                raise NotReached("not_allowed", ONLY_WORDS)
            if calls_second is None:
                raise NotReached("not_allowed", NO_SECOND)
            second = await self._database.run(
                partial(
                    second_line, self._call, float(wanted.ring_s), serves_sip=calls_second.serves_sip, to=wanted.address
                )
            )
        except NotReached as error:
            if permit is not None:
                await self._free(permit)
            if refused is not None:
                raise NotReached(refused.why, f"{refused.words} {error.words}") from error
            raise
        permit = permit or await self._permit(wanted)

        def tell(kind: str, data: dict[str, Any]) -> None:
            is_said = kind in ("put_through", "forwarding") or data.get("step") == "ringing"
            at = {"at": "twilio"} if isinstance(second, AtTwilio) else {}
            by = {"by": permit.number, **at} if is_said else {}
            self._tell(kind, {"to": wanted.name, **by, **data})

        if refused is not None:
            tell("forwarding", {"to": permit.number, "why": refused.words})
            plan = Plan(_cold_terms(wanted), rings_as=self._call.to_number, when_up=self._leave_off)
        else:
            words = partial(self._words_for, wanted, session)
            briefing = Briefing(session.agent, words, wanted.asks_first, wanted.introduction)
            plan = Plan(_terms(wanted), self.spec.does.hold_music, briefing)
        joined = self._other_call = JoinedCall(kept, plan, lambda: calls_second(permit, second), tell)
        try:
            await joined.run()
        finally:
            self._other_call = None
            outcome = joined.outcome or warm.Outcome()
            if outcome.was_reached:
                self.has_talked = True
                tell("transfer_step", {"step": "over", "seconds": round(outcome.talked_ms / 1000), "who": outcome.by})
            await self._free(permit, outcome.talked_ms)
        if outcome.why is not None:
            raise NotReached(outcome.why, outcome.words)

    async def _words_for(self, wanted: TransferTarget, session: Session) -> str:
        """What the other side hears first."""
        known = [each for each in self._known() if each.value not in (None, "")]
        values = {**self._call.variables, **{each.key: each.spoken or str(each.value) for each in known}}
        plain = next((each for each in self._plain.does.transfers if each.name == wanted.name), wanted)
        words = say(plain.briefing_words, values)
        if wanted.briefing == "summary":
            words = f"{words} {await self._summary(known, session.agent, session.conversation)}".strip()
        return words

    async def _summary(self, known: Sequence[Collected], agent: LiveAgent, conversation: Conversation) -> str:
        if isinstance(agent.mind, Summarises):
            try:
                async with asyncio.timeout(SUMMARY_SECONDS):
                    if text := await agent.mind.summary(conversation):
                        return text
            except Exception as error:  # whatever a vendor raises: there is another way
                logger.info("A call is summed up without its model: %s: %s", type(error).__name__, error)
        return warm_words.summary(known, conversation, agent.spec.sounds.language)


def _cold_terms(wanted: TransferTarget) -> warm.Terms:
    """They are connected as soon as somebody picks up."""
    return warm.Terms(wanted.ring_s * 1000, by_sip.LONGEST_MINUTES * 60_000, tells=False)


def _terms(wanted: TransferTarget) -> warm.Terms:
    return warm.Terms(
        ring_ms=wanted.ring_s * 1000,
        talk_ms=by_sip.LONGEST_MINUTES * 60_000,
        tells=wanted.asks_first or wanted.briefing == "summary" or bool(wanted.briefing_words.strip()),
        introduces=bool(wanted.introduction.strip()),
    )
