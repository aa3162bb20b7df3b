"""The readers of the environment. A wrong value stops the start."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import SplitResult

from django.core.exceptions import ImproperlyConfigured
from limits import parse


def env_str(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name} in the environment.")
    return value


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, str(default))
    if value.lower() not in ("true", "false", "1", "0"):
        raise ImproperlyConfigured(f"{name}={value}: use True or False.")
    return value.lower() in ("true", "1")


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value}: use a whole number.") from None


def env_limit(name: str, default: str) -> str:
    value = os.environ.get(name, default)
    try:
        parse(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value}: use a number and a time, such as {default}.") from None
    return value


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def env_secret(name: str, default: str | None = None) -> str:
    """``NAME``, or the contents of the file that ``NAME_FILE`` names (Docker and Kubernetes secrets)."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path}: {error.strerror}.") from error
    return env_str(name, default)


def port_of(name: str, parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name}: the port must be a number between 1 and 65535.") from None
