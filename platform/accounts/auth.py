"""Who may do this? ``@require(Role.EDITOR)`` on a view, ``auth=allowed("agents:write")`` on an operation of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from ninja.security import HttpBearer

from accounts import ratelimit
from accounts.models import ApiKey, Role
from accounts.problems import Problem


def require(role: Role | str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Signed out: to the sign-in page and back. A lower role: a page that says which one it takes."""
    needed = Role(role)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                refusal = _refusal(request, needed)
                return refusal if refusal is not None else await view(request, *args, **kwargs)

        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                refusal = _refusal(request, needed)
                return refusal if refusal is not None else view(request, *args, **kwargs)

        return guarded

    return decorate


def _refusal(request: Any, needed: Role) -> HttpResponse | None:
    if request.membership is None:
        if request.headers.get("HX-Request"):
            return _refusal_of_part(request)
        if request.user.is_authenticated:
            return render(request, "accounts/no_organization.html", status=403)
        return redirect_to_login(request.get_full_path())
    role = Role(request.membership.role)
    if role.rank < needed.rank:
        if request.headers.get("HX-Request"):
            words = f"This takes the role “{needed.label}” or above, and yours is “{role.label}”. An owner or admin can change that."
            return HttpResponse(words, status=403, content_type="text/plain; charset=utf-8")
        return render(request, "403.html", {"needed": needed, "role": role}, status=403)
    return None


def _refusal_of_part(request: Any) -> HttpResponse:
    """A part of a page follows no redirect: the browser loads the sign-in page whole, and comes back.

    Not where something was sent: what was typed would leave with the page. The page says that it was signed out and keeps it.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=401)
    asked_by = urlsplit(request.headers.get("HX-Current-URL", ""))
    page = asked_by._replace(scheme="", netloc="", fragment="").geturl()
    if not (page.startswith("/") and url_has_allowed_host_and_scheme(page, None)):
        page = resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponse(status=401, headers={"HX-Redirect": redirect_to_login(page).url})


class ApiKeyAuth(HttpBearer):
    """A bearer key that may do all of ``scopes``; none: any good key. Counts the request against the key's limit.

    The key itself was found by ``OrganizationMiddleware``, which runs the operation in its organization.
    """

    openapi_description = "An API key of your organization: parley_live_…"

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self.scopes = scopes

    def __call__(self, request: Any) -> ApiKey | None:
        key: ApiKey | None = request.api_key
        if key is None:
            # Guessing is limited by address, as nobody else is known.
            ratelimit.hit(settings.SIGN_IN_LIMIT, "api-guess", ratelimit.client_address(request))
            return None
        ratelimit.hit(settings.API_LIMIT, "api", str(key.pk))
        if missing := [scope for scope in self.scopes if scope not in key.scopes]:
            raise Problem(403, "Not allowed", f"This key may not do that: it lacks the scope {missing[0]}.")
        return key

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        raise NotImplementedError("The middleware authenticates.")


def allowed(*scopes: str) -> ApiKeyAuth:
    return ApiKeyAuth(*scopes)
