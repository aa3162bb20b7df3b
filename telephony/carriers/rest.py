"""One question to a carrier's REST API, and what can go wrong before it says anything of its own. Through ``egress``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

import egress
from telephony.carriers import CarrierError


async def ask(
    title: str, client: httpx.AsyncClient, method: str, path: str, **sent: Any
) -> tuple[httpx.Response, dict[str, Any]]:
    """The answer, also where it is a refusal, and its JSON object; ``{}`` where it has none. ``title``: the carrier's, for people;
    ``sent``: as ``httpx`` takes it; ``client`` is closed. Raises :class:`CarrierError`."""
    with told(title):
        async with client:
            answer = await client.request(method, path, **sent)
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        if answer.status_code not in (401, 402, 403):  # some say in plain words that a login is wrong
            raise CarrierError(f"{title} answered with something that is no JSON (status {answer.status_code}).")
        found = {}
    return answer, found


@contextmanager
def told(title: str) -> Iterator[None]:
    """What keeps a request from coming about, as :class:`CarrierError`."""
    try:
        yield
    except egress.EgressRefused as error:
        raise CarrierError(f"{title} can't be reached from here: {error}") from error
    except httpx.HTTPError as error:
        raise CarrierError(f"{title} can't be reached just now. Try again in a moment.") from error
