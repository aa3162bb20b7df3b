"""The WebSocket routes, for ``config.asgi``."""

from __future__ import annotations

from django.urls import path

from telephony.consumers import CallFeed, OrganizationFeed

websocket_urlpatterns = [
    path("ws/calls/<uuid:call_id>/", CallFeed.as_asgi()),
    path("ws/live/", OrganizationFeed.as_asgi()),
]
