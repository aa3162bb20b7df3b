"""Where a call worker is reached by the others."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.handed_on import own_host


@pytest.mark.parametrize(
    ("listens", "valkey", "own"),
    [
        pytest.param("192.0.2.7", "redis://127.0.0.1:6379/0", "192.0.2.7", id="on the address that it listens on"),
        pytest.param("0.0.0.0", "redis://127.0.0.1:6379/0", "127.0.0.1", id="on the one towards Valkey"),
        pytest.param("", "redis://127.0.0.9/0", "127.0.0.1", id="which is this machine's, not Valkey's"),
        pytest.param("0.0.0.0", "unix:///run/valkey.sock", "127.0.0.1", id="on this machine, where all are here"),
        pytest.param("0.0.0.0", "redis://no.such.host.invalid/0", "127.0.0.1", id="where nobody knows"),
    ],
)  # fmt: skip
def test_others_reach_it(settings: Any, listens: str, valkey: str, own: str) -> None:
    settings.PHONE_MEDIA_HOST, settings.VALKEY_URL = listens, valkey
    assert own_host() == own
