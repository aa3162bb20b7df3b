"""Every address. The lower folders own theirs."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("", include("accounts.urls")),
]
try:  # while the rooms are still being built; goes when they stand
    from config.api import api

    urlpatterns.append(path("api/v1/", api.urls))
except ImportError as error:
    print("config.urls: no API yet:", error)  # noqa: T201
try:
    urlpatterns.append(path("", include("telephony.urls")))
except ImportError as error:
    print("config.urls: no calls yet:", error)  # noqa: T201
try:
    urlpatterns.append(path("", include("frontend.urls")))
except ImportError as error:
    print("config.urls: no dashboard yet:", error)  # noqa: T201

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.broken"
