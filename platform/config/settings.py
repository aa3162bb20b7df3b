"""Every setting, read from the environment once. ``docs/operating.md`` lists them for operators."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import env_bool, env_int, env_list, env_secret, env_str

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env_str("PARLEY_DATA_DIR", str(BASE_DIR / ".local"))).resolve()
VERSION = "0.1.0"

DEBUG = env_bool("DEBUG", False)
TESTING = "pytest" in sys.modules


def _local_secret(name: str, make: Any) -> str:
    """A secret of this machine, made at first use and kept in the data folder, where nobody gave one."""
    path = DATA_DIR / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text().strip()


# True where `make up` or the tests run: secrets that nobody gave are made and kept in the data folder.
EMBEDDED = env_bool("PARLEY_EMBEDDED", False)

if EMBEDDED:
    SECRET_KEY = env_secret("SECRET_KEY", "") or _local_secret("secret_key", lambda: secrets.token_urlsafe(50))
    VAULT_KEY = env_secret("VAULT_KEY", "") or _local_secret("vault_key", lambda: base64.b64encode(secrets.token_bytes(32)).decode())
else:
    SECRET_KEY = env_secret("SECRET_KEY")
    VAULT_KEY = env_secret("VAULT_KEY")

SITE_URL = env_str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
_site = urlsplit(SITE_URL)
if _site.scheme not in ("http", "https") or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL={SITE_URL}: use the address people open, such as https://voice.example.com.")
IS_HTTPS = _site.scheme == "https"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or sorted({_site.hostname, "localhost", "127.0.0.1", "[::1]"} if not IS_HTTPS else {_site.hostname})
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]


def _database(url: str) -> dict[str, Any]:
    """``postgresql://user:password@host:port/name`` as Django wants it; a socket folder goes into ``?host=``."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://")
    query = dict(item.split("=", 1) for item in parts.query.split("&") if "=" in item)
    return {
        "ENGINE": "accounts.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.pop("host", parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 2, **{key: unquote(value) for key, value in query.items()}},
    }


# The application's role does not own the tables, so row-level security holds for it. The owner's role migrates:
# `manage.py migrate --database owner`.
DATABASES = {
    "default": _database(env_secret("DATABASE_URL")),
    "owner": _database(env_secret("DATABASE_OWNER_URL", "") or env_secret("DATABASE_URL")),
}
DATABASE_ROUTERS: list[str] = []
VALKEY_URL = env_secret("VALKEY_URL")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "csp",
    "django_htmx",
    "django_vite",
    "monitoring",
    "accounts",
    "agents",
    "telephony",
    "frontend",
    "embedded",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.OrganizationMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "frontend.context.site",
            ]
        },
    }
]

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL], "capacity": 1000, "expiry": 20, "prefix": "parley"},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": VALKEY_URL, "KEY_PREFIX": "parley"}}

AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "static"]

RECORDINGS_DIR = Path(env_str("RECORDINGS_DIR", str(DATA_DIR / "recordings")))
WEIGHTS_DIR = Path(env_str("WEIGHTS_DIR", str(DATA_DIR / "weights")))

# Calls. docs/operating.md says when which of these is needed.
CALL_WORKER_CAPACITY = env_int("CALL_WORKER_CAPACITY", 2 * (os.cpu_count() or 1))
CALL_WORKER_MAX_LAG_MS = env_int("CALL_WORKER_MAX_LAG_MS", 100)
DRAIN_LIMIT_S = env_int("DRAIN_LIMIT_S", 60 if EMBEDDED else 3600)
WEBRTC_PRIVATE_CANDIDATES = env_bool("WEBRTC_PRIVATE_CANDIDATES", EMBEDDED)
WEBRTC_LOOPBACK = env_bool("WEBRTC_LOOPBACK", EMBEDDED)
TURN_URLS = env_list("TURN_URL")
TURN_SECRET = env_secret("TURN_SECRET", "")
TURN_TTL_S = env_int("TURN_TTL_S", 3600)
if TURN_URLS and not TURN_SECRET:
    raise ImproperlyConfigured("TURN_URL is set without TURN_SECRET, the secret shared with the TURN server.")
try:
    ICE_SERVERS = [{"urls": server["urls"], **server} for server in json.loads(env_str("ICE_SERVERS", "") or "[]")]
except (ValueError, TypeError, KeyError) as error:
    raise ImproperlyConfigured(
        'ICE_SERVERS must be a JSON list such as [{"urls": "stun:stun.example.com:3478"}].'
    ) from error
