"""What carriers ask and tell over HTTP, in Twilio's way; each by pages of its own address. Each request is signed as its account's
carrier signs, and refused where it isn't.

The address that is signed is the public one, exactly as the carrier was told it: ``SITE_URL`` and the path. What a proxy makes of
the request doesn't matter.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed, HttpResponseNotFound
from django.views.decorators.csrf import csrf_exempt

from accounts import tenancy
from accounts.ratelimit import TooManyRequests, client_address, hit
from telephony import carrier_answers, outbound, phone_calls, phone_numbers, texts, texts_in
from telephony.carriers import CarrierError
from telephony.carriers.carrier import Asked, Carrier
from telephony.finish import command
from telephony.models import Call, CarrierAccount, TextMessage
from telephony.transfers import by_carrier
from telephony.wire import twiml

logger = logging.getLogger(__name__)

REMEMBERED_S = 86_400
"""How long it is known which request came with what only one may come with."""
REFUSED_AN_ADDRESS = "120/minute"
"""Of requests with a wrong signature, before the signature isn't even looked at."""
View = Callable[..., HttpResponse]


def _signed(view: View) -> View:
    """POST, by whoever knows the account's secret. ``view`` is given the account and the form, in Twilio's names, and answers in TwiML;
    the carrier gets that in its own words."""

    @csrf_exempt
    @functools.wraps(view)
    def guarded(request: HttpRequest, account_id: UUID, **more: Any) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        account = phone_numbers.account_of(account_id)
        asked = _asked(request)
        if account is None or not _is_theirs(asked, account):
            try:
                hit(REFUSED_AN_ADDRESS, "twilio-refused", client_address(request))
            except TooManyRequests as error:
                return HttpResponse(status=429, headers={"Retry-After": str(error.retry_after)})
            logger.warning("A request to %s is not signed by its account's carrier and is refused", request.path)
            return HttpResponseForbidden(
                "This request is not signed by the account's auth token.", content_type="text/plain"
            )
        carrier = phone_numbers.carrier_of(account)
        return _in_its_words(view(account, carrier.form(asked), **more), carrier)

    return guarded


def _asked(request: HttpRequest) -> Asked:
    body = request.body  # before the form is: it is gone after that
    form = {name: [str(value) for value in request.POST.getlist(name)] for name in request.POST}
    return Asked(f"{settings.SITE_URL}{request.get_full_path()}", request.headers, form, body)


def _is_theirs(asked: Asked, account: CarrierAccount) -> bool:
    try:
        login = phone_numbers.login_of(account)
    except phone_numbers.CannotDo as error:
        logger.error("A call of %s can't be taken: %s", account, error)
        return False
    carrier = phone_numbers.carrier_of(account)
    if not carrier.is_theirs(asked, login, time.time()):
        return False
    once = carrier.once(asked)
    return not once or _is_said_once(account, once, asked.form)


def _is_said_once(account: CarrierAccount, once: str, form: Mapping[str, Sequence[str]]) -> bool:
    """Whether nothing else came with it before. The same again is the carrier's: it didn't hear our answer."""
    cache, key = caches["forgiving"], f"said-once:{account.pk}:{hashlib.sha256(once.encode()).hexdigest()}"
    said = hashlib.sha256(repr(sorted(form.items())).encode()).hexdigest()
    return cache.add(key, said, REMEMBERED_S) or cache.get(key, said) == said


def _in_its_words(answer: HttpResponse, carrier: Carrier) -> HttpResponse:
    if answer.get("Content-Type") == twiml.CONTENT_TYPE:
        try:
            answer.content = carrier.spoken(answer.content.decode()).encode()
        except CarrierError as error:
            logger.error("%s can't be told what to do with a call: %s", carrier.title, error)
            answer.content = carrier.spoken(phone_calls.GOODBYE).encode()
    return answer


def _told(text: str) -> HttpResponse:
    return HttpResponse(text, content_type=twiml.CONTENT_TYPE)


@_signed
def voice(account: CarrierAccount, form: dict[str, str]) -> HttpResponse:
    """Somebody calls one of our numbers."""
    return _told(phone_calls.ring(account, form))


@_signed
def answered(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """Somebody, or something, has picked up a call that we placed."""
    call = _call(account, call_id)
    return HttpResponseNotFound() if call is None else _told(outbound.picked_up(call, form))


@_signed
def after(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """The stream of a call is over, and the caller may still be there."""
    call = _call(account, call_id)
    if call is None or call.carrier_call_id != form.get("CallSid"):
        return HttpResponseNotFound()
    return _told(phone_calls.next_step(call, form))


@_signed
def forwarded(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """The number that a caller was put through to: over, or nobody was there."""
    call = _call(account, call_id)
    if call is None or call.carrier_call_id != form.get("CallSid"):
        return HttpResponseNotFound()
    return _told(carrier_answers.forwarded(call, form))


@_signed
def transferred(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """Whom an agent put its caller through to: over, or nobody was there."""
    call = _call(account, call_id)
    if call is None or call.carrier_call_id != form.get("CallSid"):
        return HttpResponseNotFound()
    return _told(by_carrier.dialled(call, form))


@_signed
def recorded(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """A message: the tone and the caller's words are over, or the recording of them is there."""
    call = _call(account, call_id)
    if call is None or call.carrier_call_id != form.get("CallSid"):
        return HttpResponseNotFound()
    return _told(carrier_answers.recorded(call, form))


@_signed
def status(account: CarrierAccount, form: dict[str, str]) -> HttpResponse:
    """A call is over."""
    with tenancy.use(account.organization_id):
        call = Call.objects.filter(carrier_account=account, carrier_call_id=form.get("CallSid", "")).first()
    if call is not None:
        phone_calls.over(call, form)
    return HttpResponse(status=204)


@_signed
def call_status(account: CarrierAccount, form: dict[str, str], call_id: UUID) -> HttpResponse:
    """The same of a call that we placed: its address says which, also where the carrier's id of it was never heard."""
    call = _call(account, call_id)
    if call is not None and call.carrier_call_id in ("", form.get("CallSid")):
        outbound.told(call, form)
        phone_calls.over(call, form)
    return HttpResponse(status=204)


@_signed
def second_status(account: CarrierAccount, form: dict[str, str], call_id: UUID, key: UUID) -> HttpResponse:
    """A call that was placed for the caller of another is over. That one may be on a web page or a trunk: it has no account, then."""
    with tenancy.use(account.organization_id):
        call = Call.objects.filter(pk=call_id).exclude(status=Call.Status.ENDED).first()
    if call is not None:
        sip = form.get("SipResponseCode", "")
        command(call, "second_over", key=str(key), status=form.get("CallStatus", ""), sip=sip)
    return HttpResponse(status=204)


@_signed
def text(account: CarrierAccount, form: dict[str, str]) -> HttpResponse:
    """Somebody writes to one of our numbers. Nothing is answered."""
    texts_in.receive(account, form)
    return _told(twiml.document())


@_signed
def text_status(account: CarrierAccount, form: dict[str, str], text_id: UUID) -> HttpResponse:
    """What became of a text that we sent."""
    with tenancy.use(account.organization_id):
        found = TextMessage.objects.filter(pk=text_id, carrier_account=account).first()
    if found is not None:
        texts.became(account, found, form)
    return HttpResponse(status=204)


def _call(account: CarrierAccount, call_id: UUID) -> Call | None:
    with tenancy.use(account.organization_id):
        found: Call | None = Call.objects.filter(pk=call_id, carrier_account=account).first()
        return found
