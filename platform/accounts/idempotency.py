"""``Idempotency-Key``: a POST sent twice is done once.

The answer is kept in the transaction of what it answers, so either both are there or neither. The same key with the same
request gets the same answer again, for 24 hours; with another request it is refused (422), and while the first one still
runs, too (409). What failed is not kept: it may be put right and sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from accounts import ratelimit, tenancy, vault
from accounts.middleware import API
from accounts.models import ApiKey, IdempotentReply
from accounts.problems import Problem, plain

KEPT_FOR = timedelta(hours=24)
LONGEST = 255


class IdempotencyMiddleware:
    """For every POST of the API. Keys are an API key's own: another's would open answers that it may not see."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or not request.path.startswith(API) or request.api_key is None:
            return self.get_response(request)
        if not 0 < len(key) <= LONGEST or not key.isprintable():
            return Problem(400, "Bad Idempotency-Key", f"It must be 1 to {LONGEST} printable characters.").response()
        with transaction.atomic():
            return self._answer_once(request, request.api_key, key)

    def _answer_once(self, request: Any, api_key: ApiKey, key: str) -> HttpResponseBase:
        if not _claim(api_key, key):
            return Problem(
                409, "Still at work", "A request with this Idempotency-Key is still being worked on. Try again shortly."
            ).response()
        fingerprint = _fingerprint(request)
        earlier = IdempotentReply.objects.filter(api_key=api_key, key=key).first()
        if earlier and earlier.created_at < timezone.now() - KEPT_FOR:
            earlier.delete()
            earlier = None
        if earlier:
            # No operation runs that would count it.
            try:
                ratelimit.hit(settings.API_LIMIT, "api", str(api_key.pk))
            except ratelimit.TooManyRequests as error:
                return plain(429, str(error), headers={"Retry-After": str(error.retry_after)}).response()
            if earlier.fingerprint != fingerprint:
                return Problem(
                    422, "Idempotency-Key used", "It was used for another request. Use a new one."
                ).response()
            return _replay(earlier)
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and 200 <= response.status_code < 300:
            _keep(api_key, key, fingerprint, response)
        elif response.status_code >= 500:
            transaction.set_rollback(True)
        return response


def _claim(api_key: ApiKey, key: str) -> bool:
    """Until this transaction ends, nobody else works on the key."""
    number = int.from_bytes(hashlib.sha256(f"idempotency|{api_key.pk}|{key}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _fingerprint(request: HttpRequest) -> str:
    return hashlib.sha256(b"\0".join((request.get_full_path().encode(), request.body))).hexdigest()


def _place(reply: IdempotentReply) -> vault.Place:
    return vault.Place(reply.organization_id, IdempotentReply._meta.db_table, "body", reply.pk)


def _keep(api_key: ApiKey, key: str, fingerprint: str, response: HttpResponse) -> None:
    reply = IdempotentReply(
        organization_id=api_key.organization_id,
        api_key=api_key,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
    )
    reply.body = vault.seal(_place(reply), response.content.decode())
    reply.save(force_insert=True)


def _opened(reply: IdempotentReply) -> str | None:
    try:
        return vault.open_(_place(reply), reply.body)
    except vault.CannotOpen:  # its key is gone: VAULT_KEYS_OLD was emptied within the day
        return None


def _replay(reply: IdempotentReply) -> HttpResponse:
    body = _opened(reply)
    if body is None:
        detail = "What this Idempotency-Key was answered can't be read any more. Look whether the request was done."
        return Problem(409, "Answer lost", detail).response()
    return HttpResponse(
        body, status=reply.status, content_type=reply.content_type or None, headers={"Idempotency-Replayed": "true"}
    )


def forget_old() -> int:
    with tenancy.system("old keys are everyone's"):
        count, _ = IdempotentReply.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return count
