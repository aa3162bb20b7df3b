"""A person lets an agent call somebody: whom, from which number, and a last look at what that comes to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.auth import require
from accounts.models import Role
from agents import variables
from agents.models import Agent
from frontend.queries.outgoing import Offer, offer
from frontend.views.shared import go, number_words
from telephony import outbound
from telephony.carriers import CarrierError
from telephony.dialing import gate, policies
from telephony.dialing.policy import Refused
from telephony.models import PhoneNumber
from telephony.phone_numbers import CannotDo

REFUSALS = (outbound.MayNotDial, CannotDo, CarrierError)


class DialForm(forms.Form):
    to = forms.CharField(
        label=gettext_lazy("Number to call"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"inputmode": "tel", "autocomplete": "off", "placeholder": "+14155550177", "autofocus": True}
        ),
    )
    agent = forms.ModelChoiceField(
        label=gettext_lazy("Agent"),
        queryset=Agent._base_manager.none(),
        empty_label=None,
        help_text=gettext_lazy("It talks with what is published of it."),
    )
    number = forms.ModelChoiceField(
        label=gettext_lazy("Call from"),
        queryset=PhoneNumber._base_manager.none(),
        empty_label=None,
        help_text=gettext_lazy("The number that the other side sees."),
    )
    on_machine = forms.ChoiceField(
        label=gettext_lazy("If an answering machine picks up"),
        choices=[
            ("talk", gettext_lazy("Talk")),
            ("hang_up", gettext_lazy("Hang up (it is listened for some seconds)")),
            ("leave_message", gettext_lazy("Leave a message (it is listened for some seconds)")),
        ],
        required=False,
    )
    machine_message = forms.CharField(
        label=gettext_lazy("Message for the machine"),
        max_length=outbound.LONGEST_MESSAGE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Only where a message is left. It is said after the tone."),
    )

    def __init__(self, organization: Any, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        agents = Agent.objects.owned_by(organization).filter(archived_at=None, published__isnull=False)
        self.fields["agent"].queryset = agents.select_related("published").order_by("name")  # type: ignore[attr-defined]
        numbers = PhoneNumber.objects.owned_by(organization).select_related(
            "account__organization", "organization", "trunk"
        )
        self.fields["number"].queryset = numbers  # type: ignore[attr-defined]
        self.fields["number"].label_from_instance = number_words  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("on_machine") == "leave_message" and not given.get("machine_message"):
            self.add_error("machine_message", gettext_lazy("Write the message that is left on an answering machine."))
        return given

    @property
    def is_possible(self) -> bool:
        return all(self.fields[name].queryset.exists() for name in ("agent", "number"))  # type: ignore[attr-defined]


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def new_call(request: Any) -> HttpResponse:
    """First whom; then, on what the limits say to that, the same form again with one button more."""
    form = DialForm(
        request.organization,
        request.POST if request.method == "POST" else None,
        initial={
            "agent": request.GET.get("agent", ""),
            "number": request.GET.get("number", ""),
            "on_machine": "talk",
        },
    )
    context: dict[str, Any] = {"form": form, "is_possible": form.is_possible}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            found = _looked_at(request, form)
            context["offer"] = found
            if found is not None and request.POST.get("sure") == found.number:
                try:
                    call = outbound.ring(
                        form.cleaned_data["number"],
                        form.cleaned_data["agent"],
                        form.cleaned_data["to"],
                        path="dashboard",
                        on_machine=form.cleaned_data["on_machine"] or "talk",
                        machine_message=form.cleaned_data["machine_message"],
                        member=request.user,
                        variables=_told(found),
                    )
                except REFUSALS as error:
                    form.add_error(None, str(error))
                else:
                    return go(request, reverse("frontend:call", args=[call.pk]))
    return render(request, "frontend/calls/_dial.html", context, status=status)


def _looked_at(request: Any, form: DialForm) -> Offer | None:
    """What the limits say; a refusal is the number's error."""
    agent, to = form.cleaned_data["agent"], form.cleaned_data["to"].strip()
    try:
        outbound.check_line(form.cleaned_data["number"])
        frozen = outbound.published(agent)
    except outbound.MayNotDial as error:
        form.add_error(None, str(error))
        return None
    longest = outbound.longest_minutes(frozen)
    answer = gate.check(request.organization, to, "dashboard", longest_minutes=longest)
    if isinstance(answer, Refused):
        form.add_error("to", answer.words)
        return None
    return offer(answer, policies.policy_of(request.organization), longest, variables.wanted(frozen), request.POST)


def _told(found: Offer) -> dict[str, str]:
    return {each.name: each.value for each in found.asks if each.value}
