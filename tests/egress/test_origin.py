"""Whose server an address stands for, and addresses that leave it open."""

from __future__ import annotations

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.origin import NoOrigin, origin


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com:443"),
        ("HTTPS://API.OpenAI.com", "https://api.openai.com:443"),
        ("https://api.openai.com.:443/", "https://api.openai.com:443"),
        ("http://llm.internal:11434/v1/", "http://llm.internal:11434"),
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("http://[FD00::0005]:8080/v1", "http://[fd00::5]:8080"),
        ("https://a.example/v1/x@y", "https://a.example:443"),
    ],
)
def test_scheme_host_and_port(address: str, expected: str) -> None:
    assert origin(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "api.openai.com", "ftp://a.example", "file:///etc/passwd", "//a.example", "https://", "https:///v1",
        "https://api.openai.com@evil.example/v1", "https://user:pass@a.example", "https://api.openai.com:443@evil.example",
        "https://api.openai.com\\@evil.example", "https://evil.example\\.api.openai.com", "https:\\\\a.example",
        "https://a.example?x=https://b.example", "https://a.example#@b.example", "https://a.example/v1?key=1",
        "https://a.example/\nHost: b.example", "https://a.example/v1\n", "https://a.exam\tple", "https://a.example /", "https://a.example:0",
        "https://a.example:99999", "https://a.example:٤٤٣", "https://аpi.openai.com", "https://api。openai.com", "https://[::1", "https://[x]",
        "https://[1:2]", "https://a..\u200b.example", "https://-a.example", "https://%61.example",
    ],
)  # fmt: skip
def test_what_two_readers_could_read_differently_has_none(address: str) -> None:
    with pytest.raises(NoOrigin):
        origin(address)


@given(st.text(alphabet="ab.:/@\\#?[]0%9é \t-_", max_size=30))
def test_what_has_an_origin_is_where_the_clients_connect(rest: str) -> None:
    """The two libraries that will open the connection read the same host and port as we did."""
    address = f"https://{rest}"
    try:
        found = origin(address)
    except NoOrigin:
        return
    for library in (httpx, httpx2):
        try:
            url = library.URL(address)
        except library.InvalidURL:  # then nothing is sent
            continue
        host = url.host.rstrip(".").lower()
        assert f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{url.port or 443}" == found
