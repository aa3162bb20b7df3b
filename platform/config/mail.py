"""``EMAIL_URL`` as Django's settings: ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://…:465``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import port_of


@dataclass(frozen=True, slots=True)
class EmailSettings:
    backend: str
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False
    folder: str | None = None
    is_delivered: bool = False


def email_settings(url: str, folder: Path | None) -> EmailSettings:
    if not url and folder:
        return EmailSettings("django.core.mail.backends.filebased.EmailBackend", folder=str(folder))
    if not url:
        return EmailSettings("django.core.mail.backends.console.EmailBackend")
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL: use smtp://user:password@host:587, or smtps:// for TLS from the start.")
    is_ssl, port = parts.scheme == "smtps", port_of("EMAIL_URL", parts)
    return EmailSettings(
        "django.core.mail.backends.smtp.EmailBackend",
        host=parts.hostname,
        port=port or (465 if is_ssl else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        # A relay on this machine speaks plain; everywhere else the password must not.
        use_tls=not is_ssl and port != 25,
        use_ssl=is_ssl,
        is_delivered=True,
    )
