"""The dashboard's addresses. One line each."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

app_name = "frontend"

urlpatterns: list[URLPattern | URLResolver] = []
