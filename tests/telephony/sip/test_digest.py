"""Digest authentication: the vectors of the RFCs, and everything somebody may try."""

from __future__ import annotations

import pytest

from telephony.sip.digest import DigestClient, DigestServer, Login, Verdict, parse, response_of
from telephony.sip.scan import BadMessage

MUFASA = {"username": "Mufasa", "method": "GET", "uri": "/dir/index.html"}
RFC_2617 = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
RFC_7616 = {"realm": "http-auth@example.org", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"}
CNONCE_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("given", "password", "cnonce", "expected"),
    [
        pytest.param(RFC_2617, "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1", id="RFC 2617, 3.5"),
        pytest.param(
            {**RFC_7616, "algorithm": "MD5"},
            "Circle of Life",
            CNONCE_7616,
            "8ca523f5e9506fed4657c9700eebdbec",
            id="RFC 7616, 3.9.1, MD5",
        ),
        pytest.param(
            {**RFC_7616, "algorithm": "SHA-256"},
            "Circle of Life",
            CNONCE_7616,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            id="RFC 7616, 3.9.1, SHA-256",
        ),
    ],
)
def test_the_vectors_of_the_rfcs(given: dict[str, str], password: str, cnonce: str, expected: str) -> None:
    assert response_of(given, password=password, cnonce=cnonce, nc="00000001", **MUFASA) == expected


def test_the_vector_with_sha_512_256() -> None:
    """RFC 7616, 3.9.2, with the response of its erratum 4897: the one in print is not of these inputs."""
    given = {
        "realm": "api@example.org",
        "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "algorithm": "SHA-512-256",
    }
    name, password = "J\u00e4s\u00f8n Doe", "Secret, or not?"
    cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    made = response_of(
        given, username=name, password=password, method="GET", uri="/doe.json", cnonce=cnonce, nc="00000001"
    )
    assert made == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


def test_what_stands_in_a_header_is_read_with_its_commas_and_quotes() -> None:
    text = 'Digest username="a, \\"b\\"", realm="x,y", nonce="n=,", uri="sip:a;b@c", qop=auth , nc=00000001,opaque=""'
    assert parse(text) == {
        "username": 'a, "b"',
        "realm": "x,y",
        "nonce": "n=,",
        "uri": "sip:a;b@c",
        "qop": "auth",
        "nc": "00000001",
        "opaque": "",
    }
    assert parse("NoOneKnowsThisScheme opaque-data=here") == {}


@pytest.mark.parametrize(
    "text",
    [
        'Digest a="b',
        "Digest a",
        "Digest a=",
        "Digest =b",
        'Digest a="b"c',
        'Digest a="b", a="c"',
        "Digest " + "a=b," * 99,
    ],
)
def test_what_is_no_credential_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        parse(text)


ANN = Login("ann", 'se,cr"et')
URI = "sip:100@192.0.2.1"


def client_of(server: DigestServer, now_ms: float = 0.0, login: Login = ANN) -> DigestClient:
    client = DigestClient(login, lambda: "c0ffee")
    assert client.learn(server.challenges(now_ms), is_proxy=False)
    return client


def header_of(client: DigestClient, method: str = "INVITE", uri: str = URI) -> list[str]:
    return [value for _, value in client.authorization(method, uri)]


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256",), ("SHA-512-256", "MD5")])
def test_client_and_server_understand_each_other(algorithms: tuple[str, ...]) -> None:
    server = DigestServer("parley", b"secret", algorithms)
    client = client_of(server)
    for _ in range(3):
        assert server.check(header_of(client), ANN, "INVITE", URI, 1_000) is Verdict.GOOD
    assert f"algorithm={algorithms[0]}" in header_of(client)[0]


def test_credentials_can_not_be_played_again() -> None:
    server = DigestServer("parley", b"secret")
    lines = header_of(client_of(server))
    assert server.check(lines, ANN, "INVITE", URI, 0) is Verdict.GOOD
    assert server.check(lines, ANN, "INVITE", URI, 1) is Verdict.STALE


def test_an_older_count_is_no_better() -> None:
    server = DigestServer("parley", b"secret")
    client = client_of(server)
    first, second = header_of(client), header_of(client)
    assert server.check(second, ANN, "INVITE", URI, 0) is Verdict.GOOD
    assert server.check(first, ANN, "INVITE", URI, 0) is Verdict.STALE


def test_nonces_get_old_and_the_client_is_told_so() -> None:
    server = DigestServer("parley", b"secret")
    client = client_of(server)
    assert server.check(header_of(client), ANN, "INVITE", URI, 300_001) is Verdict.STALE
    assert client.learn(server.challenges(300_001, is_stale=True), is_proxy=False) and client.is_stale
    assert server.check(header_of(client), ANN, "INVITE", URI, 300_002) is Verdict.GOOD


def test_memory_is_bounded_and_what_is_forgotten_counts_as_used() -> None:
    server = DigestServer("parley", b"secret")
    old = client_of(server, 0)
    lines = header_of(old)
    assert server.check(lines, ANN, "INVITE", URI, 0) is Verdict.GOOD
    for now_ms in range(1, 4_200):
        server.check(header_of(client_of(server, now_ms)), ANN, "INVITE", URI, now_ms)
    assert len(server._counts) == 4_096
    assert server.check(lines, ANN, "INVITE", URI, 4_200) is Verdict.STALE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('username="ann"', 'username="bob"'),
        ("nc=00000001", "nc=00000002"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("qop=auth", "qop=auth-int"),
        ("qop=auth, ", ""),
        (f'uri="{URI}"', 'uri="sip:other"'),
        ("algorithm=SHA-256", "algorithm=MD5"),
        ("algorithm=SHA-256", "algorithm=SHA-1"),
        ('cnonce="c0ffee"', 'cnonce=""'),
        ('nonce="0.1.', 'nonce="1.1.'),
        ('nonce="0.1.', 'nonce="\u0660.'),
    ],
)
def test_credentials_that_were_touched_are_bad(old: str, new: str) -> None:
    server = DigestServer("parley", b"secret")
    [line] = header_of(client_of(server))
    assert old in line
    assert server.check([line.replace(old, new, 1)], ANN, "INVITE", URI, 0) is Verdict.BAD


def test_another_password_method_realm_or_server_is_bad_or_absent() -> None:
    server = DigestServer("parley", b"secret")
    wrong = client_of(server, login=Login("ann", "guess"))
    assert server.check(header_of(wrong), ANN, "INVITE", URI, 0) is Verdict.BAD
    assert server.check(header_of(client_of(server)), ANN, "BYE", URI, 0) is Verdict.BAD
    assert server.check(header_of(client_of(DigestServer("parley", b"other"))), ANN, "INVITE", URI, 0) is Verdict.BAD
    assert server.check(header_of(client_of(DigestServer("else", b"secret"))), ANN, "INVITE", URI, 0) is Verdict.ABSENT
    assert server.check([], ANN, "INVITE", URI, 0) is Verdict.ABSENT


@pytest.mark.parametrize(
    "challenge",
    [
        "Basic realm=x",
        'Digest realm="x"',
        'Digest realm="x", nonce="n", algorithm=SHA-1',
        'Digest realm="x", nonce="n", qop="auth-int"',
        'Digest realm="x", nonce="n',
    ],
)
def test_a_challenge_that_can_not_be_answered_is_passed_over(challenge: str) -> None:
    client = DigestClient(ANN, lambda: "c")
    assert not client.learn([challenge], is_proxy=False)
    assert client.authorization("INVITE", URI) == []
    assert client.learn([challenge, 'Digest realm="x", nonce="n"'], is_proxy=False)


def test_a_server_of_the_old_kind_is_answered_without_qop() -> None:
    client = DigestClient(Login("Mufasa", "Circle Of Life"), lambda: "c")
    client.learn([f'Digest realm="{RFC_2617["realm"]}", nonce="{RFC_2617["nonce"]}", opaque="o"'], is_proxy=True)
    [(name, value)] = client.authorization("GET", "/dir/index.html")
    assert name == "Proxy-Authorization"
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in value
    assert 'opaque="o"' in value and "nc=" not in value


def test_a_proxy_and_a_server_each_get_their_own() -> None:
    client = DigestClient(ANN, lambda: "c")
    client.learn(['Digest realm="proxy", nonce="p"'], is_proxy=True)
    client.learn(['Digest realm="server", nonce="s"'], is_proxy=False)
    assert [name for name, _ in client.authorization("INVITE", URI)] == ["Proxy-Authorization", "Authorization"]
