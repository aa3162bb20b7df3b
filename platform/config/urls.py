"""Every address. The lower folders own theirs."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from accounts.middleware import REFERENCE
from config.api import api
from frontend.views.reference import reference

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path(REFERENCE.lstrip("/"), reference, {"description": api.get_openapi_schema}, name="api-reference"),
    path("api/v1/", api.urls),
    path("", include("accounts.urls")),
    path("", include("telephony.urls")),
    path("", include("frontend.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.broken"
