"""Text messages: who wrote to whom, one conversation, and a text of ours in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.auth import require
from accounts.models import Role
from accounts.paging import BadCursor, page
from frontend.views.shared import may, number_words
from telephony import text_conversations, texts
from telephony.carriers import CarrierError
from telephony.dialing.models import DoNotCall
from telephony.models import PhoneNumber, TextMessage
from telephony.outbound import MayNotDial
from telephony.phone_numbers import CannotDo

PAGE_SIZE = 30
REFUSALS = (MayNotDial, CannotDo, CarrierError)


class ReplyForm(forms.Form):
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=texts.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class TextForm(ReplyForm):
    to = forms.CharField(
        label=gettext_lazy("To"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off", "placeholder": "+14155550177"}),
    )
    number = forms.ModelChoiceField(
        label=gettext_lazy("From"), queryset=PhoneNumber._base_manager.none(), empty_label=None
    )
    field_order = ("number", "to", "body")

    def __init__(self, organization: Any, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["number"].queryset = _senders(organization)  # type: ignore[attr-defined]
        self.fields["number"].label_from_instance = number_words  # type: ignore[attr-defined]


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def text_list(request: Any) -> HttpResponse:
    """The newest of each conversation. POST: a text to somebody."""
    can_send = may(request, Role.EDITOR)
    if request.method == "POST" and not can_send:
        return render(request, "403.html", {"needed": Role.EDITOR, "role": Role(request.membership.role)}, status=403)
    form = TextForm(request.organization, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if (sent := _sent(form, given["number"], given["to"])) is not None:
            return redirect("frontend:text", sent.pk)
    query = request.GET.get("q", "").strip()[:60]
    try:
        rows, following = page(
            text_conversations.newest(request.organization, query), request.GET.get("cursor", ""), PAGE_SIZE
        )
    except BadCursor:
        return redirect("frontend:texts")
    context = {
        "rows": rows,
        "following": following,
        "q": query,
        "form": form,
        "can_send": can_send,
        "has_numbers": _senders(request.organization).exists(),
    }
    return render(request, "frontend/texts/list.html", context, status=422 if form.errors else 200)


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def conversation(request: Any, pk: UUID) -> HttpResponse:
    """All texts between the two of this one; htmx asks for them alone, again and again. POST: an answer."""
    text: TextMessage = get_object_or_404(TextMessage.objects.owned_by(request.organization), pk=pk)
    can_send = may(request, Role.EDITOR)
    if request.method == "POST" and not can_send:
        return render(request, "403.html", {"needed": Role.EDITOR, "role": Role(request.membership.role)}, status=403)
    ours = _senders(request.organization).filter(number=text.ours).first()
    form = ReplyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if ours is None:
            form.add_error(None, _("%s is not here any more, so nothing can be sent from it.") % text.ours)
        elif _sent(form, ours, text.theirs) is not None:
            return redirect("frontend:text", pk)
    try:
        rows, following = page(text_conversations.of(text), request.GET.get("cursor", ""), PAGE_SIZE)
    except BadCursor:
        return redirect("frontend:text", pk)
    context = {
        "text": text,
        "texts": rows[::-1],
        "following": following,
        "is_older": bool(request.GET.get("cursor")),
        "form": form,
        "can_answer": can_send and ours is not None,
        "listed": DoNotCall.objects.owned_by(request.organization).filter(number=text.theirs).first(),
    }
    is_part = request.htmx and not request.htmx.boosted
    template = "frontend/texts/_texts.html" if is_part else "frontend/texts/conversation.html"
    return render(request, template, context, status=422 if form.errors else 200)


def _senders(organization: Any) -> Any:
    """Our numbers that texts can be sent from."""
    numbers = PhoneNumber.objects.owned_by(organization).exclude(account=None)
    return numbers.select_related("account__organization", "organization", "trunk")


def _sent(form: forms.Form, ours: PhoneNumber, to: str) -> TextMessage | None:
    """``None``: it was refused, and the form says why."""
    try:
        return texts.send(ours, to, form.cleaned_data["body"])
    except REFUSALS as error:
        form.add_error(None, str(error))
        return None
