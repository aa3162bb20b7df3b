"""The form above the list of calls."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from agents.models import Agent
from frontend.queries.calls import SIDES, CallFilter
from telephony.models import Call

# A day near the ends of the calendar has no midnight in some zones.
_WITHIN = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31))]


class CallFilterForm(forms.Form):
    """Read from the address, so that a narrowed list can be kept as a bookmark. A field that makes no sense narrows nothing."""

    q = forms.CharField(label=_("Search"), required=False, max_length=200, strip=True)
    agent: forms.ModelChoiceField[Agent] = forms.ModelChoiceField(
        label=_("Agent"), queryset=None, required=False, empty_label=_("All agents")
    )
    status = forms.ChoiceField(label=_("State"), required=False)
    side = forms.ChoiceField(label=_("Ended by"), required=False)
    since = forms.DateField(label=_("From"), required=False, validators=_WITHIN)
    until = forms.DateField(label=_("To"), required=False, validators=_WITHIN)
    fault = forms.BooleanField(label=_("Only calls that went wrong"), required=False)
    zone = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization
        fields: dict[str, Any] = self.fields
        fields["agent"].queryset = Agent.objects.owned_by(organization)
        fields["status"].choices = [("", _("Any state")), *Call.Status.choices]
        fields["side"].choices = [("", _("Anybody")), *SIDES.items()]
        for name in ("agent", "status", "side"):
            fields[name].widget.attrs["class"] = "form-select"
        fields["q"].widget.attrs.update({
            "class": "form-control", "type": "search", "placeholder": _("Words said, caller, collected values"),
        })  # fmt: skip
        for name in ("since", "until"):
            fields[name].widget.input_type = "date"
            fields[name].widget.format = "%Y-%m-%d"
            fields[name].widget.attrs["class"] = "form-control"
        fields["fault"].widget.attrs["class"] = "form-check-input"
        fields["zone"].widget.attrs["data-island"] = "viewer-zone"
        for name, field in fields.items():
            field.widget.attrs["id"] = f"filter-{name}"

    def wanted(self) -> CallFilter:
        self.is_valid()
        found = self.cleaned_data
        agent = found.get("agent")
        return CallFilter(
            words=found.get("q") or "",
            agent=agent.pk if agent else None,
            status=found.get("status") or "",
            side=found.get("side") or "",
            only_faults=bool(found.get("fault")),
            since=found.get("since"),
            until=found.get("until"),
            zone=zone_of(found.get("zone") or "", self.organization),
        )


def zone_of(name: str, organization: Organization) -> ZoneInfo:
    """The viewer's zone where the browser said one that exists, else the organization's."""
    known = available_timezones()
    return next((ZoneInfo(zone) for zone in (name, organization.timezone) if zone in known), ZoneInfo("UTC"))
