"""Every setting, read from the environment once. ``docs/operating.md`` lists them for operators."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.env import env_bool, env_int, env_limit, env_list, env_secret, env_str, port_of
from config.mail import email_settings
from config.social import openid_apps
from egress.policy import BadRule, Policy
from monitoring import logs

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
    VAULT_KEY = env_secret("VAULT_KEY", "") or _local_secret(
        "vault_key", lambda: base64.b64encode(secrets.token_bytes(32)).decode()
    )
else:
    SECRET_KEY = env_secret("SECRET_KEY")
    VAULT_KEY = env_secret("VAULT_KEY")

SITE_URL = env_str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
_site = urlsplit(SITE_URL)
if _site.scheme not in ("http", "https") or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL={SITE_URL}: use the address people open, such as https://voice.example.com.")
IS_HTTPS = _site.scheme == "https"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or sorted(
    {_site.hostname, "localhost", "127.0.0.1", "[::1]"} if not IS_HTTPS else {_site.hostname}
)
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]


def _database(setting: str, url: str) -> dict[str, Any]:
    """``postgresql://user:password@host:port/name`` as Django wants it; a socket folder goes into ``?host=``."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"{setting} must start with postgresql://")
    query = dict(item.split("=", 1) for item in parts.query.split("&") if "=" in item)
    return {
        "ENGINE": "accounts.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.pop("host", parts.hostname or "")),
        "PORT": str(port_of(setting, parts) or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 2, **{key: unquote(value) for key, value in query.items()}},
    }


# Requests run in a thread each, so connections are kept by a pool of the process, not by the thread.
_pool = {"pool": {"min_size": 1, "max_size": env_int("DATABASE_POOL_SIZE", 20), "timeout": 5}}


# The application's role does not own the tables, so row-level security holds for it. The owner's role migrates:
# `manage.py migrate --database owner`.
DATABASES = {
    "default": _database("DATABASE_URL", env_secret("DATABASE_URL")),
    "owner": _database("DATABASE_OWNER_URL", env_secret("DATABASE_OWNER_URL", "") or env_secret("DATABASE_URL")),
}
DATABASES["default"]["OPTIONS"].update(_pool)
VALKEY_URL = env_secret("VALKEY_URL")
if not VALKEY_URL.startswith(("redis://", "rediss://")):
    raise ImproperlyConfigured("VALKEY_URL must start with redis:// (or rediss:// for TLS)")
port_of("VALKEY_URL", urlsplit(VALKEY_URL))

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
    "django_structlog",
    "django_vite",
    "monitoring",
    "accounts",
    "agents",
    "telephony",
    "frontend",
    "embedded",
]

MIDDLEWARE = [
    "monitoring.middleware.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.errors.ApiErrorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.errors.UnstorableMiddleware",
    "accounts.ratelimit.SignInLimitMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.OrganizationMiddleware",
    "accounts.idempotency.IdempotencyMiddleware",
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
        "CONFIG": {
            # Longer than the five seconds for which a channel is listened to at a time; redis-py's own limit is as short.
            "hosts": [{"address": VALKEY_URL, "socket_timeout": 15, "socket_connect_timeout": 2}],
            "capacity": 1000,
            "expiry": 20,
            "prefix": "parley",
        },
    }
}
_cache = {
    "LOCATION": VALKEY_URL,
    "KEY_PREFIX": "parley",
    "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 1)},
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", **_cache},
    "forgiving": {"BACKEND": "accounts.outage.ForgivingCache", **_cache},
}

AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# An image has its files collected; `make up` serves them from where they are.
WHITENOISE_USE_FINDERS = EMBEDDED
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/dist/assets/.+-[\w-]{8,}\.\w+$"  # Vite puts a hash into these names
if EMBEDDED:
    STATIC_ROOT = DATA_DIR / "static"
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
DJANGO_VITE = {
    "default": {
        "dev_mode": env_bool("VITE_DEV", False),
        "manifest_path": BASE_DIR / "frontend" / "static" / "dist" / "manifest.json",
        "static_url_prefix": "dist",
    }
}

RECORDINGS_DIR = Path(env_str("RECORDINGS_DIR", str(DATA_DIR / "recordings")))
WEIGHTS_DIR = Path(env_str("WEIGHTS_DIR", str(DATA_DIR / "weights")))

# Calls. docs/operating.md says when which of these is needed.
CALL_WORKER_CAPACITY = env_int("CALL_WORKER_CAPACITY", 2 * (os.cpu_count() or 1))
CALL_WORKER_MAX_LAG_MS = env_int("CALL_WORKER_MAX_LAG_MS", 100)
DRAIN_LIMIT_S = env_int("DRAIN_LIMIT_S", 60 if EMBEDDED else 3600)
WEBRTC_PRIVATE_CANDIDATES = env_bool("WEBRTC_PRIVATE_CANDIDATES", EMBEDDED)
WEBRTC_LOOPBACK = env_bool("WEBRTC_LOOPBACK", EMBEDDED)
# Telephones: where carriers send a call's sound (a call worker listens there, behind the proxy), and carriers' own addresses.
PHONE_MEDIA_HOST = env_str("PHONE_MEDIA_HOST", "127.0.0.1" if EMBEDDED else "0.0.0.0")  # noqa: S104 - a container's own network
PHONE_MEDIA_PORT = env_int("PHONE_MEDIA_PORT", 8090)
PHONE_MEDIA_URL = (
    env_str("PHONE_MEDIA_URL", "")
    or (f"wss://{_site.netloc}/media" if IS_HTTPS else f"ws://{_site.hostname}:{PHONE_MEDIA_PORT}/media")
).rstrip("/")
if urlsplit(PHONE_MEDIA_URL).scheme not in ("ws", "wss") or not urlsplit(PHONE_MEDIA_URL).hostname:
    raise ImproperlyConfigured(
        f"PHONE_MEDIA_URL={PHONE_MEDIA_URL}: use an address such as wss://voice.example.com/media."
    )
TWILIO_API_URL = env_str("TWILIO_API_URL", "https://api.twilio.com").rstrip("/")
TELNYX_API_URL = env_str("TELNYX_API_URL", "https://api.telnyx.com").rstrip("/")
PLIVO_API_URL = env_str("PLIVO_API_URL", "https://api.plivo.com").rstrip("/")
# SIP: which of this machine's addresses a call worker listens on (none: SIP is off), and as whom others reach it.
SIP_HOST = env_list("SIP_HOST", "127.0.0.1" if EMBEDDED else "")
SIP_PORT = env_int("SIP_PORT", 5060)
SIP_TLS_PORT = env_int("SIP_TLS_PORT", 5061)
SIP_TLS_CERT = env_str("SIP_TLS_CERT", "")
SIP_TLS_KEY = env_str("SIP_TLS_KEY", "")
SIP_TLS_CA = env_str("SIP_TLS_CA", "")
SIP_ADVERTISED = env_str("SIP_ADVERTISED", "")
SIP_DIRECT_FROM = env_list("SIP_DIRECT_FROM", "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1/128,fc00::/7")
SIP_PROXY_FROM = env_list("SIP_PROXY_FROM")
if SIP_DIRECT_FROM == ["none"]:
    SIP_DIRECT_FROM = []
try:
    for _address in [*SIP_HOST, *([SIP_ADVERTISED] if SIP_ADVERTISED else [])]:
        ip_address(_address)
    for _network in [*SIP_DIRECT_FROM, *SIP_PROXY_FROM]:
        ip_network(_network)
    _first, _last = env_str("RTP_PORTS", "10000-19999").split("-")
    RTP_PORTS = (int(_first), int(_last))
    if not 1024 <= RTP_PORTS[0] < RTP_PORTS[1] < 65536:
        raise ValueError(f"RTP_PORTS={_first}-{_last}: use a range such as 10000-19999")
except ValueError as error:
    raise ImproperlyConfigured(
        f"SIP_HOST, SIP_ADVERTISED (addresses), SIP_DIRECT_FROM, SIP_PROXY_FROM (networks) or RTP_PORTS (10000-19999) can't be read: {error}."
    ) from error
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

# --- Signing in: by e-mail address, with a password, a second factor if the person wants one, or an OpenID provider.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.signup.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.signup.SocialAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignUpForm"
ACCOUNT_FORMS = {
    "login": "accounts.plain_forms.LoginForm",
    "signup": "accounts.plain_forms.NewAccountForm",
    "add_email": "accounts.plain_forms.AddEmailForm",
    "change_password": "accounts.plain_forms.ChangePasswordForm",
    "set_password": "accounts.plain_forms.SetPasswordForm",
    "reset_password": "accounts.plain_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.plain_forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.plain_forms.ReauthenticateForm",
}
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Parley: "
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_TOTP_ISSUER = "Parley"
MFA_ADAPTER = "accounts.signup.SecondFactorAdapter"
SIGN_UP = env_str("SIGN_UP", "open")
"""``open``: anyone may sign up. ``invited``: only who was invited."""
if SIGN_UP not in ("open", "invited"):
    raise ImproperlyConfigured(f"SIGN_UP={SIGN_UP}: use open or invited.")
_openid = openid_apps()
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": _openid, "OAUTH_PKCE_ENABLED": True}}

# --- E-mail: to a server where EMAIL_URL names one, else into files (one machine) or the log.
_email = email_settings(env_secret("EMAIL_URL", ""), DATA_DIR / "mail" if EMBEDDED else None)
EMAIL_BACKEND = _email.backend
EMAIL_HOST, EMAIL_PORT = _email.host, _email.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email.user, _email.password
EMAIL_USE_TLS, EMAIL_USE_SSL, EMAIL_TIMEOUT = _email.use_tls, _email.use_ssl, 10
EMAIL_FILE_PATH = _email.folder
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env_str("EMAIL_FROM", f"Parley <parley@{_site.hostname}>")
MAIL_IS_DELIVERED = _email.is_delivered
# An address can only be proven where mail leaves the machine.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if MAIL_IS_DELIVERED else "none"
MFA_ALLOW_UNVERIFIED_EMAIL = not MAIL_IS_DELIVERED

# --- What browsers are told.
_openid_origins = sorted({app["settings"]["origin"] for app in _openid})
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'", f"{'wss' if IS_HTTPS else 'ws'}://{_site.netloc}"],
        "media-src": ["'self'", "blob:"],
        "worker-src": ["'self'", "blob:"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'", *_openid_origins],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, str | list[str]] = {
    "microphone": "self",
    "autoplay": "self",
    "speaker-selection": "self",
    "clipboard-write": "self",
    **{name: [] for name in ("camera", "display-capture", "geolocation", "payment", "usb", "serial", "midi")},
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = env_int("HSTS_SECONDS", 31_536_000) if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # whether browsers' makers list the site is for its operator to ask

# How many proxies in front of us add to X-Forwarded-For. None: the header is anyone's to write, and is not read.
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0)
NINJA_NUM_PROXIES = TRUSTED_PROXIES
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
if TRUSTED_PROXIES and IS_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Limits. The requests of one API key; sign-in attempts of one address; an organization's invitations.
API_LIMIT = env_limit("API_LIMIT", "600/minute")
SIGN_IN_LIMIT = env_limit("SIGN_IN_LIMIT", "30/minute")
INVITATION_LIMIT = env_limit("INVITATION_LIMIT", "50/day")

# --- Secrets of organizations: VAULT_KEY seals; older keys still open, until `manage.py rotate_vault_key` has run.
VAULT_KEYS_OLD = [key.strip() for key in env_secret("VAULT_KEYS_OLD", "").split(",") if key.strip()]

# --- Connections to addresses that people give us: the public internet on ports 80 and 443, and what is listed here
# ("10.0.0.5:8080", "llm.internal:11434", "192.168.7.0/24").
EGRESS_ALLOW = env_list("EGRESS_ALLOW")
EGRESS_ALLOW_PRIVATE = env_bool("EGRESS_ALLOW_PRIVATE", False)
try:
    Policy.of(EGRESS_ALLOW)
except BadRule as error:
    raise ImproperlyConfigured(str(error)) from None

# --- Background work. Celery is a wake-up, never the record: what must happen is a row in PostgreSQL.
CELERY_BROKER_URL = VALKEY_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "global_keyprefix": "parley-celery:"}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
# What runs on its own: any app adds a line. ``expires`` keeps a pile of wake-ups from forming while no worker runs.
CELERY_BEAT_SCHEDULE = {
    "end the calls of dead workers": {"task": "telephony.tasks.reap", "schedule": 5.0, "options": {"expires": 10}},
    "go on with campaigns": {"task": "telephony.tasks.run_campaigns", "schedule": 2.0, "options": {"expires": 10}},
    "fetch messages": {"task": "telephony.tasks.fetch_messages", "schedule": 60.0, "options": {"expires": 60}},
    "read lists of people": {"task": "telephony.tasks.read_lists", "schedule": 2.0, "options": {"expires": 10}},
    "forget old idempotency keys": {"task": "accounts.tasks.forget", "schedule": 3600.0, "options": {"expires": 3600}},
}

# --- Logs: one JSON object a line, or for people's eyes.
LOG_FORMAT = env_str("LOG_FORMAT", "console" if EMBEDDED else "json")
LOGGING = logs.configure(LOG_FORMAT, env_str("LOG_LEVEL", "INFO"))
METRICS_TOKEN = env_secret("METRICS_TOKEN", "")
"""What a scraper of ``/metrics`` sends as bearer token; without one only this machine may read it."""
