"""Signing in with the company's own account: one OpenID Connect provider, by configuration."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import env_secret, env_str


def openid_apps() -> list[dict[str, Any]]:
    """``OPENID_URL``, ``OPENID_CLIENT_ID``, ``OPENID_CLIENT_SECRET`` and the ``OPENID_NAME`` on the button; none: no button."""
    url = env_str("OPENID_URL", "")
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ImproperlyConfigured(f"OPENID_URL={url}: use the provider's https:// address.")
    return [
        {
            "provider_id": "openid",
            "name": env_str("OPENID_NAME", parts.hostname),
            "client_id": env_str("OPENID_CLIENT_ID"),
            "secret": env_secret("OPENID_CLIENT_SECRET"),
            "settings": {"server_url": url, "origin": f"https://{parts.netloc}"},
        }
    ]
