"""A campaign's calls from one of the organization's numbers on a SIP trunk: ordered of a call worker, and read off their rows.

    enter: the row waits ─▶ place: a worker is told ─▶ the worker claims the row, and only then rings
                                                       the row could be ended first: then it can't be claimed, and nobody rings

So one row decides. Whoever was killed, whatever order was lost or comes late: a row that nobody claimed rang nobody, and is taken
back; one that was claimed may have rung, and is never placed again. What became of it the worker writes, or the reaper for it. Where
the provider refuses us and not the number (our password, our money), that is nobody's try either.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from agents import spec
from agents.models import Agent
from telephony import outbound
from telephony.campaigns.by_phone import call_of, over
from telephony.campaigns.dialler import NotPlaced, Order, Over, Running, Unrung
from telephony.dialing import gate
from telephony.finish import end_call
from telephony.models import Call, PhoneNumber, Trunk
from telephony.trunks import words
from telephony.worker_status import WorkerStatus

CLAIMED_WITHIN = timedelta(seconds=20)
"""A worker takes an order up in a moment. One that is still waiting then is called off."""
NOBODY_RANG = ("busy", "never_placed", "no_worker")
"""Why a row ended that no worker claimed and that is to be tried again. Any other reason (the trunk has no address, somebody called
it off): a failed try."""


class TrunkDialler:
    """Of one campaign, for one look at it."""

    settles_after = timedelta(seconds=5)

    def __init__(self, ours: PhoneNumber, trunk: Trunk, agent: Agent) -> None:
        self._ours, self._trunk, self._agent = ours, trunk, agent
        self._frozen: spec.AgentSpec | None = None
        self._caller, self.why_not, self.longest_minutes = "", "", gate.LONGEST_MINUTES
        self._workers: list[WorkerStatus] = []
        self._ordered: dict[str, int] = {}
        """Worker → how many calls it was told of in this look, which its note doesn't count yet."""
        try:
            self._caller = outbound.caller_over(trunk, ours)
            self._workers = outbound.sip_workers()
            self._frozen = outbound.published(agent)
            self.longest_minutes = outbound.longest_minutes(self._frozen)
        except outbound.MayNotDial as error:
            self.why_not = str(error)

    @property
    def room(self) -> int:
        return sum(self._room_of(worker) for worker in self._workers)

    def _room_of(self, worker: WorkerStatus) -> int:
        free = worker.capacity - worker.calls - self._ordered.get(worker.id, 0)
        return max(0, free) if worker.has_room else 0

    def enter(self, permit: gate.Permit, order: Order) -> UUID | None:
        if self._frozen is None:
            raise RuntimeError(self.why_not)
        call = outbound.enter_over(
            permit, self._trunk, self._ours, self._agent, self._frozen, caller=self._caller,
            machine_message=order.message, variables=order.variables,
        )  # fmt: skip
        return call.pk

    def place(self, permit: gate.Permit, order: Order) -> None:
        call = call_of(permit.key)
        if call is None:
            raise NotPlaced("The call's record was deleted.")
        if call.status == Call.Status.ENDED:
            raise NotPlaced("The call was called off before it was placed.")
        worker = max(self._workers, key=self._room_of)
        self._ordered[worker.id] = self._ordered.get(worker.id, 0) + 1
        outbound.order_over(call, worker, on_machine=order.on_machine)

    def find(self, key: str) -> Running | Over | Unrung | None:
        call = call_of(key)
        if call is None:
            return None
        if call.status == Call.Status.QUEUED and call.created_at + CLAIMED_WITHIN < timezone.now():
            end_call(call, call.organization_id, "never_placed", only_waiting=True)
            call.refresh_from_db()
        if call.status != Call.Status.ENDED:
            return Running(call.pk)
        if not call.worker and call.end_reason in NOBODY_RANG:
            return Unrung()
        if call.end_reason == "carrier_refused" and words.is_of_account(call.end_detail):
            return Unrung(call.end_detail)
        return over(call)
