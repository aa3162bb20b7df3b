"""What people do with a campaign: make it, start it, hold it, end it, look how it goes, take its results."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from pydantic import ValidationError

from accounts import tenancy
from accounts.models import Organization, User
from agents import spec, variables
from agents.models import Agent
from telephony.campaigns.dialler import dialler_of
from telephony.campaigns.models import (
    NOT_AGAIN,
    NOT_CALLED,
    Campaign,
    CampaignAttempt,
    CampaignContact,
    ContactList,
)
from telephony.campaigns.postponed import goes_on, hours_of
from telephony.campaigns.rules import OUTCOMES, Rules
from telephony.campaigns.sheet import row_of
from telephony.models import PhoneNumber


class CannotDo(Exception):
    """The campaign isn't in a state for that; the message says why and what to do."""


def create(
    organization: Organization, name: str, agent: Agent, member: User | None = None, ours: PhoneNumber | None = None
) -> Campaign:
    """``ours``: the number it calls from; it can be chosen later, too."""
    with tenancy.use(organization):
        campaign: Campaign = Campaign.objects.create(
            organization=organization, name=name[:120], agent=agent, created_by=member, phone_number=ours
        )
    return campaign


def call_from(campaign: Campaign, ours: PhoneNumber | None) -> None:
    """Also while it runs: from the next call on."""
    with tenancy.use(campaign.organization_id):
        Campaign.objects.filter(pk=campaign.pk).update(phone_number=ours, held_until=None)
        campaign.phone_number, campaign.held_until = ours, None


def lacks(campaign: Campaign) -> list[str]:
    """What the agent's texts ask for and no contact has: nothing stands there in a call."""
    published = campaign.agent.published
    if published is None:
        return []
    try:
        wanted = variables.wanted(spec.load(published.spec))
    except ValidationError:
        return []
    with tenancy.use(campaign.organization_id):
        people = CampaignContact.objects.filter(campaign=campaign).exclude(number="")
        if not wanted or not people.exists():
            return []
        return [name for name in wanted if not people.filter(variables__has_key=name).exists()]


def change_rules(campaign: Campaign, changes: dict[str, Any]) -> Rules:
    """Also while it runs: from the next call on. ``None`` sets one back to its default. One that has finished goes on where somebody was
    skipped as the hours were never open, and the hours are others now. Raises ``pydantic.ValidationError`` and keeps none where one
    is wrong."""
    with tenancy.use(campaign.organization_id), transaction.atomic():
        row = Campaign.objects.select_for_update().get(pk=campaign.pk)
        wanted = {name: value for name, value in {**row.rules, **changes}.items() if value is not None}
        rules = Rules.model_validate(wanted)
        campaign.rules = rules.model_dump(mode="json", exclude_defaults=True)
        Campaign.objects.filter(pk=campaign.pk).update(rules=campaign.rules)
        if goes_on(row, hours_of(rules, Organization.objects.get(pk=campaign.organization_id))):
            Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.RUNNING, ended_at=None)
            campaign.status, campaign.ended_at = Campaign.Status.RUNNING, None
    return rules


def start(campaign: Campaign) -> None:
    """Raises :class:`CannotDo`."""
    with tenancy.use(campaign.organization_id):
        agent = Agent.objects.get(pk=campaign.agent_id)
        if agent.archived_at or agent.published_id is None:
            raise CannotDo(f"{agent.name} is not published, so it can't call anyone. Publish it first.")
        if ContactList.objects.filter(campaign=campaign).exclude(status=ContactList.Status.DONE).exists():
            raise CannotDo("A list is still being read. Start the campaign once it is.")
        if not CampaignContact.objects.filter(campaign=campaign, state=CampaignContact.State.WAITING).exists():
            raise CannotDo("There is nobody to call. Upload a list of people first.")
        if words := dialler_of(campaign).why_not:
            raise CannotDo(words)
        _become(campaign, Campaign.Status.RUNNING, ("draft",), "It was started already.", started_at=timezone.now())


def pause(campaign: Campaign) -> None:
    """Nobody new is called; calls that run go on to their end. Raises :class:`CannotDo`."""
    words = "Only a running campaign can be paused."
    _become(campaign, Campaign.Status.PAUSED, ("running",), words, held="", held_until=None)


def resume(campaign: Campaign) -> None:
    """An account that couldn't be used is tried at once. Raises :class:`CannotDo`."""
    if words := dialler_of(campaign).why_not:
        raise CannotDo(words)
    _become(campaign, Campaign.Status.RUNNING, ("paused",), "Only a paused campaign can go on.")


def cancel(campaign: Campaign) -> None:
    """Whoever was not called is not called any more; calls that run go on to their end. Raises :class:`CannotDo`."""
    words = "It is over already."
    with tenancy.use(campaign.organization_id), transaction.atomic():
        _become(
            campaign, Campaign.Status.CANCELLED, ("draft", "running", "paused"), words, ended_at=timezone.now(), held=""
        )
        waiting = CampaignContact.objects.filter(campaign=campaign)
        waiting.filter(state="waiting").update(state=CampaignContact.State.SKIPPED, next_at=None, why=NOT_CALLED)
        waiting.filter(state="retry").update(state=CampaignContact.State.GAVE_UP, next_at=None, why=NOT_AGAIN)


def _become(campaign: Campaign, status: str, before: tuple[str, ...], words: str, **more: Any) -> None:
    with tenancy.use(campaign.organization_id), transaction.atomic():
        changed = Campaign.objects.select_for_update().filter(pk=campaign.pk, status__in=before)
        if not changed.exists():
            raise CannotDo(words)
        Campaign.objects.filter(pk=campaign.pk).update(status=status, **more)
        campaign.refresh_from_db()


@dataclass(frozen=True, slots=True)
class Progress:
    """``people``: rows that can be called or were; ``skipped`` ones are told apart. ``settled``: nothing more will happen to them."""

    people: int
    waiting: int
    calling: int
    retry: int
    done: int
    gave_up: int
    skipped: int
    calls: int
    outcomes: dict[str, int]
    """Of the people's last calls."""

    @property
    def settled(self) -> int:
        return self.done + self.gave_up

    @property
    def percent(self) -> int:
        """Whole, and 100 only when everyone is settled."""
        return 100 * self.settled // self.people if self.people else 0


def progress(campaign: Campaign) -> Progress:
    with tenancy.use(campaign.organization_id):
        people = CampaignContact.objects.filter(campaign=campaign)
        states = dict(people.order_by().values_list("state").annotate(Count("pk")))
        outcomes = dict(people.order_by().exclude(outcome="").values_list("outcome").annotate(Count("pk")))
        calls = CampaignAttempt.objects.filter(campaign=campaign).count()
    return Progress(
        people=sum(states.values()) - states.get("skipped", 0),
        calls=calls,
        outcomes={outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES},
        **{state: states.get(state, 0) for state in CampaignContact.State.values},
    )


RESULT_COLUMNS = ("row", "number", "as_written", "state", "outcome", "calls", "last_call_at", "seconds", "why")


def results_csv(campaign: Campaign) -> str:
    """Every row of every list, in order: a header first, then who, what became of them, and their own columns."""
    written = io.StringIO()
    with tenancy.use(campaign.organization_id):
        csv.writer(written).writerows(_results(campaign))
    return written.getvalue()


def _results(campaign: Campaign) -> Iterator[list[str]]:
    people = CampaignContact.objects.filter(campaign=campaign).order_by("row", "created_at", "id")
    keys = sorted({key for variables in people.values_list("variables", flat=True).iterator() for key in variables})
    columns = (*RESULT_COLUMNS, *[key if key not in RESULT_COLUMNS else f"{key}_2" for key in keys])
    yield list(columns)
    last = {
        attempt["contact_id"]: attempt
        for attempt in CampaignAttempt.objects.filter(campaign=campaign)
        .order_by("placed_at")
        .values("contact_id", "placed_at", "seconds")
    }
    for person in people.iterator(chunk_size=1000):
        call = last.get(person.pk, {})
        at = call.get("placed_at")
        known = {
            "row": person.row,
            "number": person.number,
            "as_written": person.given,
            "state": person.get_state_display(),
            "outcome": OUTCOMES.get(person.outcome, ""),
            "calls": person.attempts,
            "last_call_at": at.isoformat(timespec="seconds") if at else "",
            "seconds": call.get("seconds", ""),
            "why": person.why,
        }
        theirs = {(key if key not in RESULT_COLUMNS else f"{key}_2"): value for key, value in person.variables.items()}
        yield row_of({**theirs, **known}, columns)


def campaigns_of(organization: Organization) -> Any:
    return Campaign.objects.owned_by(organization).select_related("agent__published", "phone_number")


def problems(campaign: Campaign) -> Any:
    """Rows that are not called, with why."""
    return CampaignContact.objects.filter(~Q(why=""), campaign=campaign, state="skipped").order_by("row")
