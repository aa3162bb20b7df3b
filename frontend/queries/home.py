"""What the first page tells: what is still to do, how today goes, what went wrong, how long callers wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Organization
from agents.models import Agent
from frontend.queries.calls import FAULTS, Ending, ending, midnight
from frontend.queries.plots import Plot, Values, in_order
from telephony.models import Call

WAITS_SHOWN = 60
FAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do before the first real call."""

    title: str
    help: str
    is_done: bool
    url: str
    action: str
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Today:
    calls: int
    running: int
    talked_ms: int
    faults: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One way calls went wrong lately, how often, and the last call it happened to."""

    ending: Ending
    count: int
    last: Call


def steps(organization: Organization) -> list[Step]:
    """Empty once a published agent has taken a call: then the page is about calls, not about beginning."""
    calls = Call.objects.owned_by(organization)
    if calls.filter(version__isnull=False, answered_at__isnull=False).exists():
        return []
    agents = Agent.objects.owned_by(organization).filter(archived_at=None)
    newest = agents.order_by("-draft_saved_at", "-id").first()
    published = agents.exclude(published=None).order_by("-draft_saved_at").first()
    has_talked = calls.filter(answered_at__isnull=False).exists()
    all_agents = reverse("frontend:agents")
    editor = reverse("frontend:agent", args=[newest.pk]) if newest else all_agents
    found = [
        Step(
            _("Make an agent"),
            _("Say in plain sentences what it should do and what it knows."),
            newest is not None, all_agents, _("Make an agent"),
        ),
        Step(
            _("Talk to it"),
            _("Press Talk beside its settings and speak. Nobody else hears it."),
            has_talked, editor, _("Talk to it"),
        ),
        Step(
            _("Publish it"),
            _("Callers meet the published version; you go on working on the draft."),
            published is not None, editor, _("Open the agent"),
        ),
        Step(
            _("Take the first real call"),
            _("Let a web page or a program call the published version, with a key from Developers → API keys."),
            False, reverse("api-reference"), _("See how"),
        ),
    ]  # fmt: skip
    following = next(step for step in found if not step.is_done)
    return [replace(step, is_next=step is following) for step in found]


def today(organization: Organization, zone: ZoneInfo) -> Today:
    now = timezone.now().astimezone(zone)
    calls = Call.objects.owned_by(organization)
    found = calls.filter(created_at__gte=midnight(now.date(), zone)).aggregate(
        calls=Count("pk"), talked_ms=Sum("duration_ms"), faults=Count("pk", filter=Q(end_reason__in=FAULTS))
    )
    running = calls.filter(status=Call.Status.IN_PROGRESS).count()
    return Today(found["calls"], running, found["talked_ms"] or 0, found["faults"])


def faults(organization: Organization, since: datetime | None = None) -> list[Fault]:
    """What went wrong in the last days, the most frequent first."""
    calls = Call.objects.owned_by(organization)
    since = since or timezone.now() - timedelta(days=FAULT_DAYS)
    groups = (
        calls.filter(created_at__gte=since, end_reason__in=FAULTS)
        .values("end_reason")
        .annotate(count=Count("pk"), latest=Max("created_at"))
        .order_by("-count", "-latest")
    )
    found = []
    for group in groups:
        last = (
            calls.filter(end_reason=group["end_reason"]).select_related("agent").order_by("-created_at", "-id").first()
        )
        if last is not None:
            found.append(Fault(ending(last), group["count"], last))
    return found


@dataclass(frozen=True, slots=True)
class RecentWaits:
    """The typical and the slow wait of each of the last calls, the oldest first."""

    calls: Sequence[Call]

    @property
    def plot(self) -> Plot:
        words = [str(call.agent) for call in self.calls]
        typical = Values(_("Typical wait of the call"), "is-typical", self._seconds("p50_ms"), is_line=True)
        return in_order([typical, Values(_("Slow end (95 %)"), "is-slow", self._seconds("p95_ms"))], words)

    @property
    def ends(self) -> list[datetime]:
        """When the oldest and the newest of them came in."""
        return [call.created_at for call in (*self.calls[:1], *self.calls[1:][-1:])]

    def _seconds(self, key: str) -> list[float | None]:
        return [round(ms / 1000, 3) if (ms := call.latency.get(key)) is not None else None for call in self.calls]


def recent_waits(organization: Organization) -> RecentWaits:
    calls = Call.objects.owned_by(organization).filter(latency__has_key="p50_ms").select_related("agent")
    newest = calls.defer("spec").order_by("-created_at", "-id")[:WAITS_SHOWN]
    return RecentWaits(list(reversed(newest)))
