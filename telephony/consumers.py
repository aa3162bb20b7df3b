"""The live feed's sockets. They carry words about calls, never a call's sound: losing one loses nothing of the call."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import HASH_SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts import tenancy
from accounts.models import Membership
from monitoring import health
from telephony import live_feed, tokens
from telephony.finish import worker_channel
from telephony.models import Call

NOT_ALLOWED, NOT_FOUND = 4403, 4404
RESTARTING = 1012
"""Of RFC 6455's registry: come again, to another process."""
FOR_VISITORS = ("digits", "backchannel", "filler", "said_again")
"""What of all that happens in a call its caller is told when they are no member: what they did or heard themselves. Anything else may
carry the words of a vendor, a server or a trunk."""
SNAPSHOT_SECONDS = 2
ASK_AGAIN_SECONDS = 20


class _Feed(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    group = ""
    for_team = True
    """Watched by a member, who may read what went wrong inside; by a visitor of a web page otherwise."""

    async def feed_messages(self, event: dict[str, Any]) -> None:
        if not await self._still_allowed():
            await self.close(code=NOT_ALLOWED)
            return
        for message in event["messages"]:
            await self._tell(message)

    async def _tell(self, message: dict[str, Any]) -> None:
        told = message if self.for_team else without_details(message)
        if told is not None:
            await self.send_json(told)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Nothing is asked of us here, so nothing that is sent is even read."""

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        self._stay = health.when_draining(lambda: loop.call_soon_threadsafe(self._move_on))
        await super().websocket_connect(message)
        if health.is_draining():
            self._move_on()

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        self._stay()
        await super().websocket_disconnect(message)

    def _move_on(self) -> None:
        self._stay()
        self._closing = asyncio.create_task(self.close(code=RESTARTING))

    member_of: uuid.UUID | None = None
    """The organization that a member watches by their session; ``None``: a token allows it."""
    _asked_at = 0.0

    async def _still_allowed(self) -> bool:
        """Who was taken out or has signed out hears no more, although the socket is open."""
        if self.member_of is None or time.monotonic() - self._asked_at < ASK_AGAIN_SECONDS:
            return True
        self._asked_at = time.monotonic()
        is_member: bool = await database_sync_to_async(_is_member)(self.scope, self.member_of)
        return is_member

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def _refuse(self, code: int) -> None:
        """Accepted first: a refused handshake tells a browser nothing, a closed socket tells it not to try again."""
        await self.accept()
        await self.close(code=code)


def without_details(message: dict[str, Any]) -> dict[str, Any] | None:
    """For a caller who is no member: how the call ended, and not which of our servers said what. ``None``: nothing of it."""
    if message.get("type") == "ended":
        return {**message, "detail": "", "advice": ""}
    if message.get("type") == "happened":
        return message if message.get("kind") in FOR_VISITORS else None
    if isinstance(message.get("ended"), dict):
        return {**message, "ended": without_details(message["ended"])}
    return message


class CallFeed(_Feed):
    """One call, for its caller (``?token=``) and for the members of its organization. A picture of everything comes first."""

    async def connect(self) -> None:
        call_id: uuid.UUID = self.scope["url_route"]["kwargs"]["call_id"]
        found = await self._find(call_id)
        if found is None:
            await self._refuse(NOT_ALLOWED)
            return
        call, organization = found
        self.group = live_feed.call_group(call_id)
        self._asked_at = time.monotonic()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        snapshot = await self._snapshot(call) if call.status == Call.Status.IN_PROGRESS and call.worker else None
        if snapshot is None:
            snapshot = await database_sync_to_async(live_feed.snapshot_of_rows)(call_id, organization)
        if snapshot is None:  # deleted just now
            await self.close(code=NOT_ALLOWED)
            return
        await self._tell(snapshot)

    async def _find(self, call_id: uuid.UUID) -> tuple[Call, uuid.UUID] | None:
        token = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if token:
            try:
                claims = tokens.check_events(token, call_id)
                organizations, self.for_team = [claims.organization], claims.for_team
            except tokens.BadToken:
                return None
        else:
            organizations = await database_sync_to_async(_organizations)(self.scope.get("user"))

        def find() -> tuple[Call, uuid.UUID] | None:
            for organization in organizations:
                with tenancy.use(organization):
                    call = Call.objects.filter(pk=call_id).first()
                    if call is not None:
                        self.member_of = None if token else organization
                        return call, organization
            return None

        found: tuple[Call, uuid.UUID] | None = await database_sync_to_async(find)()
        return found

    async def _snapshot(self, call: Call) -> dict[str, Any] | None:
        """From the worker's memory, where there is more than in the database."""
        reply = await self.channel_layer.new_channel()
        await self.channel_layer.send(
            worker_channel(call.worker),
            {"type": "call.command", "call_id": str(call.pk), "command": "snapshot", "reply": reply},
        )
        try:
            async with asyncio.timeout(SNAPSHOT_SECONDS):
                answer: dict[str, Any] = await self.channel_layer.receive(reply)
        except TimeoutError:
            return None
        return answer.get("snapshot")


class OrganizationFeed(_Feed):
    """Calls that start and end in the organization the member works in, so that lists update themselves."""

    async def connect(self) -> None:
        organizations = await database_sync_to_async(_organizations)(self.scope.get("user"))
        if not organizations:
            await self._refuse(NOT_ALLOWED)
            return
        session = self.scope.get("session")
        chosen = str(await database_sync_to_async(session.get)("organization")) if session is not None else ""
        organization = next((pk for pk in organizations if str(pk) == chosen), organizations[0])
        self.group = live_feed.organization_group(organization)
        self.member_of, self._asked_at = organization, time.monotonic()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()


def _organizations(user: Any) -> list[uuid.UUID]:
    """Where this person is a member, the first joined first."""
    if user is None or not user.is_authenticated:
        return []
    with tenancy.system("a person's organizations, before one is chosen"):
        return list(
            Membership.objects.filter(user=user).order_by("created_at").values_list("organization_id", flat=True)
        )


def _is_member(scope: dict[str, Any], organization: uuid.UUID) -> bool:
    session, user = scope.get("session"), scope.get("user")
    if session is None or user is None or not session.session_key or not session.exists(session.session_key):
        return False
    with tenancy.use(organization):
        now = Membership.objects.filter(user_id=user.pk, user__is_active=True).select_related("user").first()
    # A new password signs out every browser that knew the old one.
    return now is not None and constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), now.user.get_session_auth_hash()
    )
