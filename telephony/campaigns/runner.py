"""Runs campaigns. It may be killed at any moment, and there may be several of it: PostgreSQL is the record, and no one is called twice.

A call is committed as "placing", under a key of its own, before the carrier is asked. Whoever finds such a row later asks the
carrier about the key. It was never placed: the row is taken back, and the person waits on. It was: the row goes on with what the
carrier says. The row stays locked while the carrier is asked, so that two never ask for the same one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns.dialler import AccountTrouble, Dialler, NotPlaced, Order, Over, Running, Unrung
from telephony.campaigns.models import (
    NOT_AGAIN,
    NOT_CALLED,
    Campaign,
    CampaignAttempt,
    CampaignContact,
    ContactList,
)
from telephony.campaigns.postponed import DUE, hours_of, look_again, make_wait
from telephony.campaigns.rules import Rules
from telephony.campaigns.schedule import (
    MINUTE,
    Dial,
    Due,
    GaveUp,
    Reached,
    State,
    after,
    next_actions,
)
from telephony.dialing import gate
from telephony.dialing.gate import GRACE, MayNotDial, Permit
from telephony.dialing.hours import Hours
from telephony.storable import storable

logger = logging.getLogger(__name__)

LOOKED_AT = 100
"""So many of those who are due are looked at in one go."""
AT_A_TIME = 5
"""So many calls are committed before the carrier is asked for them: few, as asking takes a while and each must be asked in time."""
FULL = "The call workers have no room for another call just now. It goes on by itself."
ACCOUNT_AGAIN = timedelta(minutes=5)
"""An account that can't be used is tried again after so long, with one call."""
NOT_TOLD = "The telephone company could not be asked what became of it."
COLUMNS = "A list waits for its columns. Say what they are and its people are called, or remove it."

Clock = Callable[[], datetime]


def advance(campaign: Any, organization: Organization, dialler: Dialler, clock: Clock = timezone.now) -> int:
    """See what became of its calls, then start those whose time has come. Returns how many were started.

    For a campaign that runs, and for one that was paused or cancelled while it still has calls.
    """
    pk = getattr(campaign, "pk", campaign)
    with tenancy.use(organization):
        look_after(pk, organization, dialler, clock)
        started = 0
        while placing := _start(pk, organization, dialler, clock()):
            placed = [_place(permit, order, dialler, clock) for permit, order in placing]
            started += sum(placed)
            if not all(placed):
                break
        if not started:
            _finish(pk, clock())
    return started


# --- calls that are under way


def look_after(campaign: uuid.UUID, organization: Organization, dialler: Dialler, clock: Clock) -> None:
    """Ask about each call that isn't over."""
    rows = CampaignAttempt.objects.filter(campaign_id=campaign).exclude(state=CampaignAttempt.State.DONE)
    for attempt in list(rows):
        try:
            if _is_news(attempt, dialler, clock()):
                _look_after_one(attempt.pk, organization, dialler, clock)
        except Exception:  # one that can't be asked about must not keep the others
            logger.exception("What became of the campaign call %s is not known yet", attempt.key)
            _ask_no_longer(attempt.pk, organization, dialler, clock())


def _is_news(attempt: CampaignAttempt, dialler: Dialler, now: datetime) -> bool:
    """Most calls run on: those are asked about without a lock."""
    if attempt.state == CampaignAttempt.State.PLACING:
        return attempt.placed_at + dialler.settles_after <= now
    return dialler.find(attempt.key) != Running(attempt.call_id)


def _look_after_one(pk: uuid.UUID, organization: Organization, dialler: Dialler, clock: Clock) -> None:
    with transaction.atomic():
        attempt = CampaignAttempt.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if attempt is None or attempt.state == CampaignAttempt.State.DONE:
            return
        is_placing = attempt.state == CampaignAttempt.State.PLACING
        match dialler.find(attempt.key):
            case Over() as over:
                record(attempt, organization, over, clock())
            case Running(call):
                attempt.state, attempt.call_id = CampaignAttempt.State.CALLING, call
                attempt.save(update_fields=["state", "call"])
            case Unrung(trouble) if trouble:
                _hold_for_account(attempt, organization, trouble, clock())
            case Unrung():
                _take_back(attempt, organization, clock())
            case None if is_placing:
                _take_back(attempt, organization, clock())
            case None if attempt.placed_at + dialler.longest_minutes * MINUTE + GRACE < clock():
                record(attempt, organization, Over("failed", detail="The carrier knows nothing of it."), clock())


def _ask_no_longer(pk: uuid.UUID, organization: Organization, dialler: Dialler, now: datetime) -> None:
    """Where what became of it can't be asked for: it can't run any more after so long."""
    with transaction.atomic():
        attempt = CampaignAttempt.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if attempt is None or attempt.state == CampaignAttempt.State.DONE:
            return
        if attempt.placed_at + dialler.longest_minutes * MINUTE + GRACE < now:
            record(attempt, organization, Over("failed", detail=NOT_TOLD), now)


def record(attempt: CampaignAttempt, organization: Organization, over: Over, now: datetime) -> None:
    """The call is over: the place is free, and its person is reached, called again, or given up. In the caller's transaction."""
    attempt.state, attempt.outcome = CampaignAttempt.State.DONE, over.outcome
    attempt.detail, attempt.seconds, attempt.ended_at = storable(over.detail)[:300], over.seconds, now
    attempt.call_id = over.call or attempt.call_id
    attempt.save()
    gate.release(organization, attempt.key, seconds=over.seconds, cost=over.cost, now=now)
    campaign, contact = _both(attempt)
    contact.outcome, contact.why, contact.next_at = over.outcome, "", None
    match after(over.outcome, contact.attempts, Rules.model_validate(campaign.rules), now):
        case Reached():
            contact.state = CampaignContact.State.DONE
        case GaveUp(why):
            contact.state, contact.why = CampaignContact.State.GAVE_UP, why
        case retry:
            contact.state, contact.next_at = CampaignContact.State.RETRY, retry.at
    _call_off(campaign, contact)
    contact.save()


def _both(attempt: CampaignAttempt) -> tuple[Campaign, CampaignContact]:
    """Locked, the campaign first: nobody cancels it until what becomes of the person is written."""
    campaign = Campaign.objects.select_for_update().get(pk=attempt.campaign_id)
    return campaign, CampaignContact.objects.select_for_update().get(pk=attempt.contact_id)


def _call_off(campaign: Campaign, contact: CampaignContact) -> None:
    """Whoever would be called once more, and isn't, as the campaign was cancelled while their call ran."""
    if campaign.status != Campaign.Status.CANCELLED:
        return
    if contact.state == CampaignContact.State.RETRY:
        contact.state, contact.next_at, contact.why = CampaignContact.State.GAVE_UP, None, NOT_AGAIN
    elif contact.state == CampaignContact.State.WAITING:
        contact.state, contact.next_at, contact.why = CampaignContact.State.SKIPPED, None, NOT_CALLED


def _take_back(attempt: CampaignAttempt, organization: Organization, again_at: datetime) -> Campaign:
    """Nobody was called: as if it had not been tried, and no limit counts it. All rules are asked again before the next try."""
    campaign, contact = _both(attempt)
    gate.take_back(organization, attempt.key)
    attempt.delete()
    contact.attempts -= 1
    contact.state = CampaignContact.State.RETRY if contact.attempts else CampaignContact.State.WAITING
    contact.next_at = again_at
    _call_off(campaign, contact)
    contact.save()
    return campaign


# --- calls that begin


def _start(
    campaign_pk: uuid.UUID, organization: Organization, dialler: Dialler, now: datetime
) -> list[tuple[Permit, Order]]:
    """Some more calls, committed as "placing". None: nobody is to be called at this moment, or another runner is at it."""
    placing: list[tuple[Permit, Order]] = []
    with transaction.atomic():
        # Pace and concurrency are counted under this lock, one runner at a time.
        campaign = Campaign.objects.select_for_update(skip_locked=True).filter(pk=campaign_pk).first()
        if campaign is None or campaign.status != Campaign.Status.RUNNING:
            return []
        rules = Rules.model_validate(campaign.rules)
        hours = hours_of(rules, organization)
        look_again(campaign, hours, now)
        if campaign.held_until is not None and campaign.held_until > now:
            return []
        if dialler.why_not:
            _hold(campaign, dialler.why_not)
            return []
        most = AT_A_TIME if campaign.held_until is None else 1  # one is enough to see whether the account works again
        at_a_time = most if dialler.room is None else min(most, dialler.room)
        if at_a_time == 0:
            if not CampaignAttempt.objects.filter(campaign=campaign).exclude(state=CampaignAttempt.State.DONE).exists():
                _hold(campaign, FULL)
            return []
        while not placing:
            actions = next_actions(_state(campaign, rules, hours, now), now)
            dials = [action.contact for action in actions if isinstance(action, Dial)][:at_a_time]
            for action in actions:
                if not isinstance(action, Dial):
                    make_wait(campaign, action, now)
            for pk in dials:
                contact = CampaignContact.objects.select_for_update(skip_locked=True).filter(DUE, pk=pk).first()
                if contact is None:
                    continue
                try:
                    placing.append(_begin(campaign, contact, organization, dialler, now))
                except MayNotDial as error:
                    if _hold_or_skip(campaign, contact, error, now):
                        return placing
            if not dials and not (len(actions) and _anyone_due(campaign, now)):
                break
    return placing


def _state(campaign: Campaign, rules: Rules, hours: tuple[Hours, ...], now: datetime) -> State:
    open_ = CampaignAttempt.objects.filter(campaign=campaign).exclude(state=CampaignAttempt.State.DONE)
    recent = CampaignAttempt.objects.filter(campaign=campaign, placed_at__gt=now - MINUTE)
    due = CampaignContact.objects.filter(DUE, campaign=campaign, next_at__lte=now).order_by(
        "-priority", "next_at", "row"
    )
    return State(
        rules=rules,
        hours=hours,
        live=open_.count(),
        recent=tuple(recent.values_list("placed_at", flat=True)),
        due=tuple(
            Due(pk, tuple(zones.split(",")) if zones else (), at, priority, row)
            for pk, zones, at, priority, row in due.values_list("pk", "zones", "next_at", "priority", "row")[:LOOKED_AT]
        ),
    )


def _anyone_due(campaign: Campaign, now: datetime) -> bool:
    return bool(CampaignContact.objects.filter(DUE, campaign=campaign, next_at__lte=now).exists())


def _begin(
    campaign: Campaign, contact: CampaignContact, organization: Organization, dialler: Dialler, now: datetime
) -> tuple[Permit, Order]:
    """Raises :class:`MayNotDial`; the do-not-call list and every limit are asked here, at the moment of the call."""
    permit = gate.reserve(
        organization,
        contact.number,
        "campaign",
        longest_minutes=dialler.longest_minutes,
        zones=tuple(contact.zones.split(",")) if contact.zones else (),
        now=now,
    )
    contact.attempts += 1
    contact.state, contact.next_at, contact.due_at = CampaignContact.State.CALLING, None, None
    contact.save()
    rules = Rules.model_validate(campaign.rules)
    order = Order(contact.variables, rules.on_machine, rules.machine_message)
    CampaignAttempt.objects.create(
        organization=organization,
        campaign=campaign,
        contact=contact,
        ordinal=contact.attempts,
        key=permit.key,
        call_id=dialler.enter(permit, order),
        placed_at=now,
    )
    if campaign.held and campaign.held_until is None:  # else not before the carrier has taken it
        campaign.held = ""
        campaign.save(update_fields=["held"])
    return permit, order


def _hold(campaign: Campaign, words: str) -> None:
    """Nobody is called for now, and the campaign says why."""
    if campaign.held != words[:300]:
        campaign.held = words[:300]
        campaign.save(update_fields=["held"])


def _hold_or_skip(campaign: Campaign, contact: CampaignContact, error: MayNotDial, now: datetime) -> bool:
    """True: the whole campaign waits. False: this person is skipped, and the next one's turn comes."""
    refused = error.refused
    if refused.reason == "calls_per_number":  # theirs alone: the others needn't wait for tomorrow
        contact.next_at, contact.due_at = now + 60 * MINUTE, None
        contact.save(update_fields=["next_at", "due_at"])
        return False
    if refused.is_for_now or refused.reason == "no_country":  # for everybody
        if refused.reason != "too_fast":
            _hold(campaign, refused.words)
        return True
    contact.state, contact.next_at, contact.why = CampaignContact.State.SKIPPED, None, refused.words[:300]
    contact.save()
    return False


def _place(permit: Permit, order: Order, dialler: Dialler, clock: Clock) -> bool:
    """False: the account can't be used as it is, so nobody else is tried now."""
    with transaction.atomic():
        attempt = (
            CampaignAttempt.objects.select_for_update(skip_locked=True)
            .filter(key=permit.key, state=CampaignAttempt.State.PLACING)
            .first()
        )
        # Another runner may have found it here: then it knows more.
        if attempt is None or attempt.placed_at + dialler.settles_after <= clock():
            return True
        try:
            dialler.place(permit, order)
        except AccountTrouble as error:
            _hold_for_account(attempt, Organization.objects.get(pk=permit.organization), str(error), clock())
            return False
        except NotPlaced as error:
            organization = Organization.objects.get(pk=permit.organization)
            record(attempt, organization, Over("failed", detail=str(error)), clock())
            return True
        except Exception:  # it may have been placed all the same: asked about once it has settled
            logger.warning("Whether the campaign call %s was placed is not known yet", permit.key, exc_info=True)
            return True
        attempt.state = CampaignAttempt.State.CALLING
        attempt.save(update_fields=["state"])
        Campaign.objects.filter(pk=attempt.campaign_id).exclude(held_until=None).update(held="", held_until=None)
    return True


def _hold_for_account(attempt: CampaignAttempt, organization: Organization, words: str, now: datetime) -> None:
    """The call was nobody's try. Somebody else is the next to be tried: should it be this one's number after all, it keeps nobody."""
    until = now + ACCOUNT_AGAIN
    campaign = _take_back(attempt, organization, until + MINUTE)
    if campaign.status == Campaign.Status.RUNNING:
        campaign.held, campaign.held_until = words[:300], until
        campaign.save(update_fields=["held", "held_until"])


def _finish(campaign_pk: uuid.UUID, now: datetime) -> None:
    """Nobody is left to be called, and no list is on its way: it is finished."""
    left = (CampaignContact.State.WAITING, CampaignContact.State.RETRY, CampaignContact.State.CALLING)
    with transaction.atomic():
        campaign = (
            Campaign.objects.select_for_update(skip_locked=True)
            .filter(pk=campaign_pk, status=Campaign.Status.RUNNING)
            .first()
        )
        if campaign is None or CampaignContact.objects.filter(campaign=campaign, state__in=left).exists():
            return
        coming = set(ContactList.objects.filter(campaign=campaign).values_list("status", flat=True))
        if coming - {ContactList.Status.DONE}:
            if ContactList.Status.READING not in coming:
                _hold(campaign, COLUMNS)
            return
        campaign.status, campaign.ended_at = Campaign.Status.FINISHED, now
        campaign.held, campaign.held_until = "", None
        campaign.save(update_fields=["status", "ended_at", "held", "held_until"])


def campaigns_at_work() -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Those that run, and those that still have calls: (campaign, organization)."""
    with tenancy.system("campaigns at work, whosever they are"):
        running = Campaign.objects.filter(status=Campaign.Status.RUNNING).values_list("pk", "organization_id")
        calling = CampaignAttempt.objects.exclude(state=CampaignAttempt.State.DONE).values_list(
            "campaign_id", "organization_id"
        )
        return sorted(set(running) | set(calling), key=str)
