"""How log lines look: one JSON object a line, or for people's eyes, and never with a secret in them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

Event = MutableMapping[str, Any]

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|api[-_]?key|authorization|cookie|credential|private|vault|session_?key|otp|recovery|\bsdp\b|_url$",
    re.IGNORECASE,
)
_SECRET_VALUES = (
    (re.compile(r"parley_live_[0-9A-Za-z]{6,}"), f"parley_live_{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(sk|pk|rk|xi|gsk|key)[-_][\w-]{16,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), HIDDEN),
    (re.compile(r"([?&](?:token|key|signature|code|secret)=)[^&\s\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(/(?:sign-in|invitations|recordings)/)[\w:.=-]{16,}"), rf"\1{HIDDEN}"),
)
_DEEPEST = 6


def redact(value: Any, depth: int = 0) -> Any:
    """The same value without what looks like a secret, by its name in a mapping or by its own look."""
    if isinstance(value, str):
        for pattern, instead in _SECRET_VALUES:
            value = pattern.sub(instead, value)
        return value
    if depth >= _DEEPEST:
        return value if isinstance(value, int | float | bool | None) else HIDDEN
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET_NAMES.search(str(key)) and item else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, int | float | bool | None):
        return value
    return redact(str(value), depth + 1)


def _redact_event(_logger: Any, _method: str, event: Event) -> Event:
    kept = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    clean: Event = redact(event)
    clean.update(kept)
    return clean


def configure(style: str, level: str) -> dict[str, Any]:
    """Set structlog up and return Django's ``LOGGING``: the standard library's lines pass through the same steps."""
    if style not in ("json", "console"):
        raise ValueError(f"LOG_FORMAT={style}: use json or console.")
    if level.upper() not in logging.getLevelNamesMapping():
        raise ValueError(f"LOG_LEVEL={level}: use DEBUG, INFO, WARNING or ERROR.")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=()),
    ]
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        last = [
            structlog.processors.format_exc_info,
            _redact_event,
            *last,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        last = [structlog.processors.format_exc_info, _redact_event, *last, structlog.dev.ConsoleRenderer()]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": structlog.stdlib.ProcessorFormatter, "processors": last, "foreign_pre_chain": shared}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True, "level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "aioice": {"level": "WARNING"},
            "aiortc": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
