"""The organization that the code running now works for. ``accounts.tenancy`` is the front of this; the database reads it too."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_current: ContextVar[uuid.UUID | None] = ContextVar("organization", default=None)
_system: ContextVar[str | None] = ContextVar("system_reason", default=None)


@contextmanager
def use(organization: Any) -> Iterator[None]:
    """Everything inside works for this organization (an ``Organization`` or its id), also inside ``system``."""
    pk = getattr(organization, "pk", organization)
    token, system_token = _current.set(uuid.UUID(str(pk))), _system.set(None)
    try:
        yield
    finally:
        _system.reset(system_token)
        _current.reset(token)


@contextmanager
def system(reason: str) -> Iterator[None]:
    """Everything inside may see all organizations. ``reason`` is for the reader."""
    token = _system.set(reason)
    try:
        yield
    finally:
        _system.reset(token)


def current() -> uuid.UUID | None:
    return _current.get()


def is_system() -> bool:
    return _system.get() is not None
