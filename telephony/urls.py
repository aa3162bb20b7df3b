"""The routes of calls, for ``config.urls``: signalling and recordings. No trailing slash where a browser's script posts."""

from __future__ import annotations

from django.urls import path

from telephony import listen, signalling, twilio_webhooks

urlpatterns = [
    path("rtc/offer", signalling.offer, name="rtc-offer"),
    path("rtc/ice-servers", signalling.ice_servers, name="rtc-ice-servers"),
    path("rtc/calls/<uuid:call_id>/candidates", signalling.candidates, name="rtc-candidates"),
    path("rtc/calls/<uuid:call_id>/hangup", signalling.hang_up, name="rtc-hangup"),
    path("phone/twilio/<uuid:account_id>/voice", twilio_webhooks.voice, name="twilio-voice"),
    path("phone/twilio/<uuid:account_id>/status", twilio_webhooks.status, name="twilio-status"),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/answered", twilio_webhooks.answered, name="twilio-answered"
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/status",
        twilio_webhooks.call_status,
        name="twilio-call-status",
    ),
    path("phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/next", twilio_webhooks.after, name="twilio-next"),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/forwarded",
        twilio_webhooks.forwarded,
        name="twilio-forwarded",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/transferred",
        twilio_webhooks.transferred,
        name="twilio-transferred",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/second/<uuid:key>",
        twilio_webhooks.second_status,
        name="twilio-second",
    ),
    path(
        "phone/twilio/<uuid:account_id>/calls/<uuid:call_id>/message", twilio_webhooks.recorded, name="twilio-message"
    ),
    path("phone/twilio/<uuid:account_id>/texts", twilio_webhooks.text, name="twilio-text-in"),
    path("phone/twilio/<uuid:account_id>/texts/<uuid:text_id>", twilio_webhooks.text_status, name="twilio-text"),
    path("rtc/calls/<uuid:call_id>/digits", signalling.digits, name="rtc-digits"),
    path("recordings/<str:signed>/", listen.recording_by_signature, name="recording"),
]
