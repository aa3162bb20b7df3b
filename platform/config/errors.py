"""Errors outside of an operation: the API's in its own shape, everyone else's as a page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template import loader
from django.views import defaults
from psycopg_pool import PoolTimeout

from accounts.middleware import API
from accounts.problems import CONTENT_TYPE, plain

log = structlog.get_logger(__name__)

UNSTORABLE = "It holds something that can't be stored, such as a null character or a number beyond all bounds."


class UnstorableMiddleware:
    """Text with a null in it and numbers past every column's end are the sender's mistake, whichever form let them through."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DataError):
            return None
        log.warning("not_storable", path=request.path, error=str(error).splitlines()[0])
        return bad_request(request, error)


class ApiErrorsMiddleware:
    """What is refused before an operation runs (a method, a host name) still reaches a program as problem details."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path.startswith(API) or response["Content-Type"] == CONTENT_TYPE:
            return response
        detail = WORDS.get(response.status_code, "The request was refused.")
        kept = {
            name: response[name] for name in ("Allow", "Retry-After", "WWW-Authenticate") if name in response.headers
        }
        return plain(response.status_code, detail, headers=kept).response()


SOON = {"Retry-After": "30"}
WORDS = {
    405: "This address is for another method: see the Allow header.",
    413: "The request is too large.",
}


def bad_request(request: HttpRequest, exception: Exception | None = None, **_: Any) -> HttpResponse:
    if request.path.startswith(API):
        return plain(400, "This request can't be read.").response()
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None, **_: Any) -> HttpResponse:
    if request.path.startswith(API):
        return plain(403, str(exception) or "You may not do that.").response()
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None, **_: Any) -> HttpResponse:
    if request.path.startswith(API):
        return plain(404, "There is nothing at this address. The API is described at /api/v1/docs.").response()
    return render(request, "404.html", status=404)


def broken(request: HttpRequest, **_: Any) -> HttpResponse:
    """The pages need nothing that may be what broke: no context processor, no query."""
    if _is_database_away(sys.exc_info()[1]):
        return _without_database(request)
    if request.path.startswith(API):
        return plain(500, "Something went wrong on our side. It was logged.").response()
    return defaults.server_error(request)


def _is_database_away(error: BaseException | None) -> bool:
    """Rather than a query that failed: that one has a state of its own (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "53", "57P"))


def _why_without_database(error: BaseException | None) -> str:
    if isinstance(error.__cause__ if error is not None else None, PoolTimeout):
        return "So much is asked at once that no connection to the database was free in time. Try again in a minute."
    return "The database can't be reached. Try again in a minute."


def _without_database(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API):
        return plain(503, _why_without_database(sys.exc_info()[1]), headers=SOON).response()
    return HttpResponse(loader.get_template("503.html").render(), status=503, headers=SOON)
