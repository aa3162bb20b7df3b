"""The routes of calls, for ``config.urls``: signalling and recordings. No trailing slash where a browser's script posts."""

from __future__ import annotations

from django.urls import path

from telephony import carrier_webhooks, listen, signalling
from telephony.carriers.registry import CARRIERS

urlpatterns = [
    path("rtc/offer", signalling.offer, name="rtc-offer"),
    path("rtc/ice-servers", signalling.ice_servers, name="rtc-ice-servers"),
    path("rtc/calls/<uuid:call_id>/candidates", signalling.candidates, name="rtc-candidates"),
    path("rtc/calls/<uuid:call_id>/hangup", signalling.hang_up, name="rtc-hangup"),
    path("phone/twilio/<uuid:account_id>/voice", carrier_webhooks.voice, name="twilio-voice"),
    path("phone/twilio/<uuid:account_id>/status", carrier_webhooks.status, name="twilio-status"),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/answered",
        carrier_webhooks.answered,
        name="twilio-answered",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/status",
        carrier_webhooks.call_status,
        name="twilio-call-status",
    ),
    path("phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/next", carrier_webhooks.after, name="twilio-next"),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/forwarded",
        carrier_webhooks.forwarded,
        name="twilio-forwarded",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/transferred",
        carrier_webhooks.transferred,
        name="twilio-transferred",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/second/<uuid:key>",
        carrier_webhooks.second_status,
        name="twilio-second",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/message", carrier_webhooks.recorded, name="twilio-message"
    ),
    path("phone/twilio/<uuid:account_id>/texts", carrier_webhooks.text, name="twilio-text-in"),
    path("phone/twilio/<uuid:account_id>/texts/<uuid:text_id>", carrier_webhooks.text_status, name="twilio-text"),
    path("rtc/calls/<uuid:call_id>/digits", signalling.digits, name="rtc-digits"),
    path("recordings/<str:signed>/", listen.recording_by_signature, name="recording"),
]

# Carriers that copy Twilio's ways have the same pages, each under its own name: signalwire-voice, …
_TWILIOS = [page for page in urlpatterns if (page.name or "").startswith("twilio-")]
urlpatterns += [
    path(
        str(page.pattern).replace("phone/twilio/", f"phone/{key}/"),
        page.callback,
        name=(page.name or "").replace("twilio", key, 1),
    )
    for key in CARRIERS
    for page in _TWILIOS
    if key != "twilio"
]
