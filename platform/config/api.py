"""The REST API: one address for all of it, and one shape for everything that goes wrong."""

from __future__ import annotations

import pydantic
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import AuthenticationError, HttpError, ValidationError

import agents.api
import telephony.api
import telephony.campaigns.api
import telephony.dialing.api
import telephony.numbers_api
import telephony.texts_api
import telephony.trunks.api
from accounts.auth import allowed
from accounts.paging import BadCursor
from accounts.problems import Problem, plain
from accounts.ratelimit import TooManyRequests
from agents.validation import plain as in_plain_words
from agents.validation import problems_of
from config.errors import UNSTORABLE
from config.openapi import TAGS, ParleyAPI

log = structlog.get_logger(__name__)

api = ParleyAPI(
    title="Parley",
    version=settings.VERSION,
    urls_namespace="api-1",
    description="Agents, calls and what was said in them. Send an API key of your organization: `Authorization: Bearer parley_live_…`."
    " Errors are problem details (RFC 9457). A POST with an `Idempotency-Key` header is done once, however often it is sent.",
    auth=allowed(),
    docs_url=None,  # our own page describes it: config.urls
    openapi_extra={"tags": TAGS},
)
api.add_router("", agents.api.router)
api.add_router("", telephony.api.router)
api.add_router("", telephony.numbers_api.router)
api.add_router("", telephony.trunks.api.router)
api.add_router("", telephony.texts_api.router)
api.add_router("", telephony.campaigns.api.router)
api.add_router("", telephony.dialing.api.router)


def _invalid(errors: list[dict[str, str]]) -> HttpResponse:
    first = errors[0]
    detail = f"{first['path']}: {first['message']}" if first["path"] else first["message"]
    return Problem(422, "Not valid", detail, errors=errors).response()


@api.exception_handler(Problem)
def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
    return error.response()


@api.exception_handler(ValidationError)
def _bad_request(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Without what was sent, which may be a secret, and without what the parameter is called in our code."""
    return _invalid([{"path": ".".join(_path(item["loc"])), "message": in_plain_words(item)} for item in error.errors])


def _path(loc: tuple[str | int, ...]) -> list[str]:
    """ninja puts where it looked first (body, query, …), and for a body then the parameter's name."""
    return [str(step) for step in loc[2 if loc[:1] == ("body",) else 1 :]]


@api.exception_handler(pydantic.ValidationError)
def _bad_spec(request: HttpRequest, error: pydantic.ValidationError) -> HttpResponse:
    if error.title == "NinjaResponseSchema":  # our answer doesn't fit its schema: our fault
        return _broken(request, error)
    return _invalid(problems_of(error))


@api.exception_handler(AuthenticationError)
def _no_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    detail = "Send an API key that is still good: Authorization: Bearer parley_live_…"
    return plain(401, detail, headers={"WWW-Authenticate": 'Bearer realm="Parley"'}).response()


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return plain(error.status_code, str(error)).response()


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return plain(403, str(error) or "You may not do that.").response()


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return plain(404, "There is nothing of this id in your organization.").response()


@api.exception_handler(BadCursor)
def _bad_cursor(request: HttpRequest, error: BadCursor) -> HttpResponse:
    return plain(400, str(error)).response()


@api.exception_handler(TooManyRequests)
def _too_many(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    return plain(429, str(error), headers={"Retry-After": str(error.retry_after)}).response()


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return plain(413, f"A request may be {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes at most.").response()


@api.exception_handler(DataError)
def _not_storable(request: HttpRequest, error: DataError) -> HttpResponse:
    log.warning("not_storable", path=request.path, error=str(error).splitlines()[0])
    return plain(400, UNSTORABLE).response()


@api.exception_handler(Exception)
def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("api_failed", path=request.path, exc_info=error)
    return plain(500, "Something went wrong on our side. It was logged.").response()
