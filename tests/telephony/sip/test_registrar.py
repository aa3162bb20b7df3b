"""Telephones that register with us: who may, for how long, and where they are called then."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from telephony.sip.commands import Dial, KeepAlive
from telephony.sip.digest import DigestClient, Login
from telephony.sip.events import PhoneLeft, PhoneRegistered
from telephony.sip.message import Response
from telephony.sip.peer import Peer
from tests.telephony.sip.far import OFFER, THEM, US, Far, a_trunk

HERE = (ip_network(f"{THEM}/32"),)
BEHIND_NAT = Peer("udp", THEM, 41_234)
AT_HOME = "sip:desk@192.168.1.7:5062"


def proof_of(asked: Response, login: Login, method: str, uri: str) -> str:
    client = DigestClient(login, lambda: "c")
    assert client.learn(asked.headers.lines("www-authenticate"), is_proxy=False)
    [(_, proof)] = client.authorization(method, uri)
    return proof


def telephone(user: str = "desk", password: str = "secret") -> Any:
    return a_trunk(id=user, networks=HERE, peer=None, expects=Login(user, password), is_registrar=True)


def register(far: Far, cseq: int = 1, **more: Any) -> bytes:
    user = more.pop("user", "desk")
    headers = {
        "From": f"<sip:{user}@{US}>;tag=far",
        "To": f"<sip:{more.pop('to', user)}@{US}>",
        "Contact": f"<{AT_HOME}>",
        **more.pop("headers", {}),
    }
    return far.request(
        "REGISTER", cseq=cseq, branch=f"z9hG4bKreg{cseq}{user}", call_id="reg", uri=f"sip:{US}", headers=headers, **more
    )


def signed(far: Far, cseq: int = 1, *, password: str = "secret", signs_as: str = "", **more: Any) -> Response:
    """Our answer to a REGISTER that was asked for its password and gave it."""
    [asked] = far.says(register(far, cseq, **dict(more)), BEHIND_NAT)
    assert asked.status == 401
    user = signs_as or more.get("user", "desk")
    proof = proof_of(asked, Login(user, password), "REGISTER", f"sip:{US}")
    headers = {**more.pop("headers", {}), "Authorization": proof}
    sent = far.says(register(far, cseq + 1, headers=headers, **more), BEHIND_NAT)
    return next(each for each in sent if isinstance(each, Response))


def test_a_telephone_registers_with_its_password_and_is_called_where_it_came_from() -> None:
    far = Far(telephone())
    answer = signed(far)
    assert (answer.status, answer.headers.first("contact")) == (200, f"<{AT_HOME}>;expires=300")
    assert far.told(PhoneRegistered) == [PhoneRegistered("desk", BEHIND_NAT, 300)]
    far.do(Dial("ours", "desk", "sip:desk@parley.example", "+14155550177", OFFER))
    invite = far.requests("INVITE")[-1]
    assert invite.uri == AT_HOME and far.targets[-1] == BEHIND_NAT, "its own name for itself, at the address we know"
    far.do(KeepAlive("desk", 30_000))
    assert far.requests("OPTIONS") and far.targets[-1] == BEHIND_NAT


EDGE = Peer("udp", "192.0.2.77", 5060)
PATH = f"<sip:{EDGE.host};lr;received=sip:{THEM}:41234>"


def by_proxy(**headers: str) -> tuple[Far, Response]:
    """Our answer to a telephone whose registration our own proxy has brought."""
    proxy = a_trunk(id="proxy", networks=(ip_network(f"{EDGE.host}/32"),), peer=None, is_proxy=True)
    far = Far(telephone(), proxy)
    given = {"X-Src-IP": THEM, **headers}
    [asked] = far.says(register(far, headers=given), EDGE)
    assert asked.status == 401
    proof = proof_of(asked, Login("desk", "secret"), "REGISTER", f"sip:{US}")
    sent = far.says(register(far, 2, headers={**given, "Authorization": proof}), EDGE)
    return far, next(each for each in sent if isinstance(each, Response))


def test_by_our_proxy_it_is_called_through_that_by_its_path() -> None:
    far, answer = by_proxy(Path=PATH, Require="path")
    assert (answer.status, answer.headers.first("path"), answer.headers.first("supported")) == (200, PATH, "path")
    assert far.told(PhoneRegistered) == [PhoneRegistered("desk", EDGE, 300, THEM)]
    far.do(Dial("ours", "desk", "sip:desk@parley.example", "+14155550177", OFFER))
    invite = far.requests("INVITE")[-1]
    assert (invite.uri, invite.headers.lines("route"), far.targets[-1]) == (AT_HOME, [PATH], EDGE)
    far.do(KeepAlive("desk", 30_000))
    assert (far.requests("OPTIONS")[-1].headers.lines("route"), far.targets[-1]) == ([PATH], EDGE)


def test_by_our_proxy_without_a_path_nobody_could_call_it() -> None:
    far, answer = by_proxy()
    assert (answer.status, answer.headers.first("require")) == (421, "path") and far.told(PhoneRegistered) == []


def test_a_path_of_a_telephone_itself_is_not_looked_at() -> None:
    far = Far(telephone())
    answer = signed(far, headers={"Path": "<sip:evil.example;lr>"})
    assert answer.status == 200 and answer.headers.lines("path") == []
    far.do(Dial("ours", "desk", "sip:desk@parley.example", "+14155550177", OFFER))
    assert far.requests("INVITE")[-1].headers.lines("route") == [] and far.targets[-1] == BEHIND_NAT


def test_the_answer_to_one_workers_challenge_is_good_for_another() -> None:
    """Where they share what signs it, behind one proxy; their clocks begin when they do."""
    first, second = Far(telephone(), nonces=(b"k" * 32, 5_000.0)), Far(telephone(), seed=8, nonces=(b"k" * 32, 9_000.0))
    [asked] = first.says(register(first), BEHIND_NAT)
    proof = proof_of(asked, Login("desk", "secret"), "REGISTER", f"sip:{US}")
    data = register(second, 2, headers={"Authorization": proof})
    assert [each.status for each in second.says(data, BEHIND_NAT) if isinstance(each, Response)] == [200]


def test_before_it_registers_and_after_its_time_nobody_is_called() -> None:
    far = Far(telephone())
    dial = Dial("ours", "desk", "desk", "100", OFFER)
    with pytest.raises(ValueError, match="no address"):
        far.do(dial)
    assert signed(far, headers={"Expires": "120"}).headers.first("contact").endswith(";expires=120")
    far.waits(60_000)
    assert signed(far, 11, headers={"Expires": "120"}).status == 200, "it comes again in time"
    far.waits(119_000)
    assert not far.told(PhoneLeft)
    far.waits(2_000)
    assert far.told(PhoneLeft) == [PhoneLeft("desk")]
    with pytest.raises(ValueError, match="no address"):
        far.do(dial)


@pytest.mark.parametrize("headers", [{"Contact": f"<{AT_HOME}>;expires=0"}, {"Contact": "*", "Expires": "0"}])
def test_it_takes_it_back(headers: dict[str, str]) -> None:
    far = Far(telephone())
    signed(far)
    answer = signed(far, 21, headers=headers)
    assert (answer.status, answer.headers.lines("contact")) == (200, [])
    assert far.told(PhoneLeft) == [PhoneLeft("desk")]


def test_it_asks_where_it_is_without_changing_anything() -> None:
    far = Far(telephone())
    signed(far)
    far.waits(100_000)
    answer = signed(far, 21, leave=("Contact",))
    assert answer.headers.first("contact") == f"<{AT_HOME}>;expires=200" and len(far.told(PhoneRegistered)) == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"password": "guessed"}, 401),
        ({"to": "boss"}, 404),
        ({"headers": {"Contact": f"<{AT_HOME}>;expires=10"}}, 423),
        ({"headers": {"Contact": f"<{AT_HOME}>;expires=soon"}}, 400),
        ({"headers": {"Contact": "*"}}, 400),
        ({"headers": {"Contact": "<tel:+14155550177>"}}, 400),
        ({"headers": {"Contact": f"<sip:desk@{THEM}?Route=%3Csip:x%3E>"}}, 400),
    ],
)
def test_who_cant_is_told_so(given: dict[str, Any], status: int) -> None:
    far = Far(telephone())
    answer = signed(far, **given)
    assert answer.status == status and not far.told(PhoneRegistered)
    assert (answer.headers.first("min-expires") == "60") is (status == 423)


def test_a_trunk_that_is_no_telephone_takes_none() -> None:
    far = Far(a_trunk())
    [answer] = far.says(register(far))
    assert answer.status == 405


def test_of_several_telephones_behind_one_address_each_is_asked_for_its_own_password() -> None:
    far = Far(telephone(), telephone("bar", "another"))
    assert signed(far).status == 200
    assert signed(far, 11, user="bar", password="another").status == 200
    assert signed(far, 21, user="bar", signs_as="desk").status == 401, "nobody registers in another's name"
    assert [each.trunk for each in far.told(PhoneRegistered)] == ["desk", "bar"]
    # A call, too, is from the one that it says it is from, if it can prove it.
    [asked] = far.says(far.invite(headers={"From": f"<sip:bar@{US}>;tag=far"}))
    proof = proof_of(asked, Login("bar", "another"), "INVITE", f"sip:100@{US}")
    headers = {"From": f"<sip:bar@{US}>;tag=far", "Authorization": proof}
    sent = far.says(far.invite(cseq=2, branch="z9hG4bKagain", headers=headers))
    assert [getattr(each, "trunk", "") for each in sent][-1] == "bar"
