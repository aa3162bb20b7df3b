"""Placing a web call: an offer comes in over HTTP, goes to a call worker over the channel layer, and its answer goes back.

Plain async views: the token in the request is the authority, so no session and no CSRF token are asked for, and any page
that was given a token may call. Nothing here carries sound.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import redis
from asgiref.sync import sync_to_async
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts import tenancy
from accounts.problems import Problem
from accounts.ratelimit import TooManyRequests, client_address, hit
from telephony import finish, ice, live_feed, tokens
from telephony.answer import CannotCall, create_web_call
from telephony.audio.digits import checked
from telephony.end_reasons import REASONS
from telephony.finish import end_call, worker_channel
from telephony.models import Call
from telephony.wire import offer as offers

logger = logging.getLogger(__name__)

WORKERS = "callworkers"
ANSWER_SECONDS = 10
MAX_BODY_BYTES = 2 * offers.MAX_SDP_BYTES
"""JSON writes a line's end with four letters."""
UNREACHABLE = (redis.RedisError, ChannelFull)
OFFERS_AN_ADDRESS = "60/minute"
OFFERS_AN_ORGANIZATION = "300/minute"
DIGITS_A_CALL = "200/minute"

View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def _view(method: str) -> Callable[[View], View]:
    """One method, no CSRF, and every refusal as problem details."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise Problem(405, "Method not allowed", f"Use {method}.", headers={"Allow": method})
                return await view(request, *args, **kwargs)
            except Problem as problem:
                pass_on = problem
            except tokens.BadToken as error:
                pass_on = Problem(401, "Not allowed", str(error))
            except offers.BadOffer as error:
                pass_on = Problem(400, "The offer can't be used", str(error))
            except CannotCall as error:
                pass_on = Problem(409, "This agent can't be called", str(error))
            except TooManyRequests as error:
                pass_on = Problem(429, "Too many calls", str(error), headers={"Retry-After": str(error.retry_after)})
            except UNREACHABLE:
                logger.warning("%s: Valkey can't be reached, or takes no more", request.path, exc_info=True)
                pass_on = Problem(
                    503,
                    "Calls can't be steered just now",
                    "It is our fault, not yours. Try again in a moment.",
                    headers={"Retry-After": "5"},
                )
            return JsonResponse(
                pass_on.body(), status=pass_on.status, headers=pass_on.headers, content_type="application/problem+json"
            )

        return guarded

    return decorate


@_view("POST")
async def offer(request: HttpRequest) -> HttpResponse:
    """``{token, sdp, metadata?}`` → ``{call_id, type, sdp, events_token}``."""
    body = _body(request)
    await _in_thread(hit, OFFERS_AN_ADDRESS, "rtc-offer", client_address(request))
    sdp, token = body.get("sdp"), body.get("token")
    if not isinstance(sdp, str) or not isinstance(token, str) or body.get("type", "offer") != "offer":
        raise Problem(400, "The offer can't be used", "Send an object with “token”, “sdp” and the type “offer”.")
    checked = offers.checked(sdp, allow_private=settings.WEBRTC_PRIVATE_CANDIDATES)
    claims = tokens.check(token)
    await _in_thread(hit, OFFERS_AN_ORGANIZATION, "rtc-offer-organization", str(claims.organization))
    call = await _in_thread(_create, claims, _caller(body.get("metadata")))
    for_team = claims.use == "draft"
    reply = await _ask_a_worker(call, checked, for_team)
    return JsonResponse(
        {
            "call_id": str(call.pk),
            "type": "answer",
            "sdp": reply,
            "events_token": tokens.mint_events(organization=call.organization_id, call=call.pk, for_team=for_team),
        },
        status=201,
    )


@_view("GET")
async def ice_servers(request: HttpRequest) -> HttpResponse:
    """The STUN and TURN servers for whoever may call."""
    token = _bearer(request)
    try:
        tokens.check(token)
    except tokens.BadToken:
        tokens.check_events(token)
    return JsonResponse({"iceServers": ice.servers()}, headers={"Cache-Control": "no-store"})


@_view("POST")
async def candidates(request: HttpRequest, call_id: uuid.UUID) -> HttpResponse:
    """``{candidates: [{candidate, sdpMid, sdpMLineIndex}]}``: addresses found after the offer was sent."""
    body = _body(request)
    claims = tokens.check_events(_bearer(request) or str(body.get("events_token", "")), call_id)
    found = body.get("candidates", [body.get("candidate")])
    if not isinstance(found, list) or len(found) > offers.MAX_CANDIDATES:
        raise Problem(400, "Too many addresses", f"At most {offers.MAX_CANDIDATES} candidates can be sent.")
    cleaned = [_candidate(item) for item in found if isinstance(item, dict)]
    call = await _call(claims)
    await _command(call, "candidates", candidates=cleaned)
    return HttpResponse(status=204)


@_view("POST")
async def hang_up(request: HttpRequest, call_id: uuid.UUID) -> HttpResponse:
    """The caller ends it. Fine to say twice."""
    claims = tokens.check_events(_bearer(request) or str(_body(request).get("events_token", "")), call_id)
    call = await _call(claims)
    if call.status != Call.Status.ENDED:
        await _in_thread(finish.hang_up, call, "caller_hung_up")
    return HttpResponse(status=204)


@_view("POST")
async def digits(request: HttpRequest, call_id: uuid.UUID) -> HttpResponse:
    """``{digits: "12#"}``: the caller pressed them, on a page whose microphone can't send them beside its sound."""
    body = _body(request)
    claims = tokens.check_events(_bearer(request) or str(body.get("events_token", "")), call_id)
    try:
        pressed = checked(str(body.get("digits", "")))
    except ValueError as error:
        raise Problem(400, "These are no keys", str(error)) from error
    await _in_thread(hit, DIGITS_A_CALL, "rtc-digits", str(call_id))
    await _command(await _call(claims), "press", digits=pressed)
    return HttpResponse(status=204)


def _create(claims: tokens.Claims, caller: str) -> Call:
    tokens.use_up(claims)
    return create_web_call(claims, caller)


async def _ask_a_worker(call: Call, sdp: str, for_team: bool) -> str:
    """The answer of whichever worker takes the call. Raises :class:`Problem`; the call is ended then.

    What is wrong inside (a server's address, a vendor's complaint) is for the team that tries its draft, and on the call's
    page. A visitor of a web page is told that it is not their fault.
    """
    layer = get_channel_layer()
    reply: dict[str, Any] = {"type": "call.refused", "reason": "no_worker"}
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            channel = await layer.new_channel()
            await layer.send(
                WORKERS,
                {
                    "type": "call.offer", "call_id": str(call.pk), "organization": str(call.organization_id), "sdp": sdp,
                    "reply": channel, "hops": 0,
                },
            )  # fmt: skip
            await _tell_started(call)
            reply = await layer.receive(channel)
            while reply.get("reason") == "busy" and not await _in_thread(_end_waiting, call, "busy"):
                reply = await layer.receive(channel)  # the offer was delivered twice, and another has taken the call
    except TimeoutError:
        pass
    except UNREACHABLE:
        logger.warning("The offer of call %s can't be passed on", call.pk, exc_info=True)
    if reply["type"] == "call.answer":
        return str(reply["sdp"])
    reason = str(reply.get("reason", "internal_error"))
    await _in_thread(end_call, call, call.organization_id, reason, str(reply.get("detail", "")))
    known = REASONS.get(reason, REASONS["internal_error"])
    status = 400 if reason == "bad_offer" else 503
    told = reply.get("detail") if for_team or reason == "bad_offer" else ""
    detail = str(told or (known.advice if for_team else "") or "Try again in a moment.")
    raise Problem(
        status,
        known.words,
        detail,
        headers={"Retry-After": "5"} if status == 503 else {},
        reason=reason,
        call_id=str(call.pk),
    )


def _end_waiting(call: Call, reason: str) -> bool:
    return end_call(call, call.organization_id, reason, only_waiting=True)


async def _tell_started(call: Call) -> None:
    try:
        await live_feed.tell_started(call)
    except Exception:  # watchers will see it when they look
        logger.warning("The start of call %s could not be told", call.pk, exc_info=True)


async def _command(call: Call, name: str, **more: Any) -> None:
    if call.worker:
        message = {"type": "call.command", "call_id": str(call.pk), "command": name, **more}
        await get_channel_layer().send(worker_channel(call.worker), message)


async def _call(claims: tokens.EventsClaims) -> Call:
    def find() -> Call | None:
        with tenancy.use(claims.organization):
            return Call.objects.filter(pk=claims.call).first()

    call: Call | None = await _in_thread(find)
    if call is None:
        raise Problem(404, "Not found", "There is no such call.")
    return call


async def _in_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await sync_to_async(work, thread_sensitive=True)(*args)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = MAX_BODY_BYTES + 1
    if length > MAX_BODY_BYTES or len(request.body) > MAX_BODY_BYTES:
        raise Problem(413, "Too large", "An offer may be 64 KiB at most.")
    try:
        body = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Problem(400, "Not understood", "Send a JSON object.")
    return body


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _caller(metadata: Any) -> str:
    caller = metadata.get("caller") if isinstance(metadata, dict) else None
    return caller[:120] if isinstance(caller, str) else ""


def _candidate(item: dict[str, Any]) -> dict[str, Any]:
    text, mid, index = item.get("candidate"), item.get("sdpMid"), item.get("sdpMLineIndex")
    return {
        "candidate": text[:500] if isinstance(text, str) else "",
        "mid": mid[:40] if isinstance(mid, str) else None,
        "index": index if isinstance(index, int) else None,
    }
