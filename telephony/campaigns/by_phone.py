"""A campaign's calls over one of the organization's numbers: placed as any other, and read off their rows.

A call's row is there before the carrier is asked, and the carrier is told its address: whatever it asks or tells names the row,
also where Parley was killed before it heard the carrier's answer. Where the carrier has said nothing, it is asked what it placed.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts import tenancy
from agents import spec
from agents.models import Agent
from telephony import outbound, phone_calls, phone_numbers
from telephony.campaigns.dialler import AccountTrouble, Dialler, NotPlaced, Order, Over, Running
from telephony.campaigns.models import Campaign
from telephony.campaigns.rules import Outcome
from telephony.carriers import CarrierCall, CarrierError
from telephony.carriers.carrier import AtCarrier
from telephony.carriers.twilio import SECONDS
from telephony.dialing import gate
from telephony.end_reasons import REASONS
from telephony.finish import end_call
from telephony.models import Call, DialReservation, PhoneNumber

BY_MACHINE: dict[str, Outcome] = {"machine_answered": "voicemail", "machine_message": "message_left"}
"""Whatever was talked in them, it was to no person."""
ENDED_AS: dict[str, Outcome] = {"line_busy": "busy", "no_answer": "no_answer", "declined": "declined"}
"""Of calls that nobody talked in. Any other reason: failed."""
CLOCKS_DIFFER = timedelta(seconds=30)
"""The carrier's and ours."""
TOO_MANY = 429


class PhoneDialler:
    """Of one campaign, for one look at it: what was published may change before the next."""

    settles_after = timedelta(seconds=3 * SECONDS)

    def __init__(self, ours: PhoneNumber | None, agent: Agent) -> None:
        self._ours, self._agent = ours, agent
        self._frozen: spec.AgentSpec | None = None
        self.why_not, self.longest_minutes = "", gate.LONGEST_MINUTES
        if ours is None:
            self.why_not = "Choose which of your numbers it calls from."
            return
        assert ours.account is not None  # those on a trunk: by_trunk
        try:
            phone_numbers.token_of(ours.account)
            outbound.check_line(ours)
            self._frozen = outbound.published(agent)
            self.longest_minutes = outbound.longest_minutes(self._frozen)
        except (outbound.MayNotDial, phone_numbers.CannotDo) as error:
            self.why_not = str(error)

    @property
    def room(self) -> int | None:
        return None

    def enter(self, permit: gate.Permit, order: Order) -> UUID | None:
        if self._ours is None or self._frozen is None:
            raise RuntimeError(self.why_not)
        call = outbound.enter(
            permit, self._ours, self._agent, self._frozen, variables=order.variables, machine_message=order.message
        )
        return call.pk

    def place(self, permit: gate.Permit, order: Order) -> None:
        call = call_of(permit.key)
        if call is None:
            raise NotPlaced("The call's record was deleted.")
        if call.status == Call.Status.ENDED:
            raise NotPlaced("The call was called off before it was placed.")
        try:
            outbound.place(permit, _carrier_of(call), call, on_machine=order.on_machine)
        except phone_numbers.CannotDo as error:
            end_call(call, call.organization_id, "carrier_refused", str(error))
            raise AccountTrouble(str(error)) from error
        except CarrierError as error:
            if not 400 <= error.status < 500 or error.status == TOO_MANY:
                raise  # it may ring all the same, or may be placed in a while
            end_call(call, call.organization_id, "carrier_refused", error.message)
            raise (AccountTrouble if error.is_of_account else NotPlaced)(error.message) from error

    def find(self, key: str) -> Running | Over | None:
        call = call_of(key)
        if call is None:
            return None
        if not call.carrier_call_id and call.answered_at is None and call.end_reason in ("", "no_worker"):
            found = self._found(call)
            if found is None:
                end_call(call, call.organization_id, "never_placed")
                return None
            outbound.is_called(call, found.sid)
            self._hear(call, found)
        elif self._is_overdue(call):
            self._hear(call, async_to_sync(_carrier_of(call).look_up)(call.carrier_call_id))
        call.refresh_from_db()
        return over(call) if call.status == Call.Status.ENDED else Running(call.pk)

    def _found(self, call: Call) -> CarrierCall | None:
        """Among the carrier's calls between the two: one from that moment on that is none of our other calls."""
        with tenancy.use(call.organization_id):
            known = set(
                Call.objects.filter(carrier_account_id=call.carrier_account_id, to_number=call.to_number)
                .exclude(carrier_call_id="")
                .values_list("carrier_call_id", flat=True)
            )
        placed = async_to_sync(_carrier_of(call).placed)(call.to_number, call.from_number)
        since = call.created_at - CLOCKS_DIFFER
        ours = (each for each in placed if each.sid not in known and (each.made_at is None or each.made_at >= since))
        return next(ours, None)

    @staticmethod
    def _is_overdue(call: Call) -> bool:
        """It rings for longer than it may: what the carrier told of its end was lost."""
        is_ringing = call.status == Call.Status.QUEUED and call.streams == 0
        return is_ringing and call.created_at + timedelta(seconds=outbound.RING_SECONDS + 2 * SECONDS) < timezone.now()

    @staticmethod
    def _hear(call: Call, told: CarrierCall) -> None:
        if told.status in phone_calls.ENDED:
            phone_calls.over(call, {"CallStatus": told.status})


def call_of(key: str) -> Call | None:
    """In the organization that is looked at."""
    held = DialReservation.objects.filter(key=key).select_related("call__carrier_account__organization").first()
    call: Call | None = None if held is None else held.call
    return call


def _carrier_of(call: Call) -> AtCarrier:
    """Raises ``phone_numbers.CannotDo``."""
    if call.carrier_account is None:
        raise phone_numbers.CannotDo("The account that this call was placed with is not connected any more.")
    return phone_numbers.carrier(call.carrier_account)


def over(call: Call) -> Over:
    """What became of a call that has ended."""
    reason = REASONS.get(call.end_reason)
    words = " ".join(filter(None, [f"{reason.words}." if reason else "", call.end_detail]))
    if (by_machine := BY_MACHINE.get(call.end_reason)) is not None:
        return Over(by_machine, round(call.duration_ms / 1000), detail=words, call=call.pk)
    # They picked up, and hung up while it was still listened for a machine.
    is_before_a_word = call.end_reason == "caller_hung_up" and call.duration_ms > 0
    if call.answered_at is not None or is_before_a_word:
        return Over("answered", round(call.duration_ms / 1000), detail=words, call=call.pk)
    return Over(ENDED_AS.get(call.end_reason, "failed"), detail=words, call=call.pk)


def dialler_of(campaign: Campaign) -> Dialler:
    from telephony.campaigns.by_trunk import TrunkDialler

    with tenancy.use(campaign.organization_id):
        numbers = PhoneNumber.objects.select_related("account__organization", "trunk__organization", "organization")
        agent = Agent.objects.select_related("published").get(pk=campaign.agent_id)
        ours = numbers.filter(pk=campaign.phone_number_id).first()
        if ours is not None and ours.trunk is not None:
            return TrunkDialler(ours, ours.trunk, agent)
        return PhoneDialler(ours, agent)
