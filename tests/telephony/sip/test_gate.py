"""Who may talk to us, how much, and what they can make us do."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from telephony.sip import agent as agent_module
from telephony.sip.commands import Answer, Dial, Drain, HangUp
from telephony.sip.digest import DigestClient, Login
from telephony.sip.events import CallReceived
from telephony.sip.gate import Gate, Pass, Trunk
from telephony.sip.message import Response
from telephony.sip.peer import Peer
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, OFFER, STRANGER, THEM, Far, a_trunk

FROM_STRANGER = Peer("udp", STRANGER, 5060)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "NONSENSE"])
def test_a_stranger_gets_no_answer_and_is_not_even_read(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    far = Far()

    def read(data: bytes) -> Any:
        raise AssertionError("a stranger's packet was parsed")

    monkeypatch.setattr(agent_module, "parse", read)
    for data in (far.request(method), b"garbage", b"", b"\r\n\r\n", b"\0" * 70_000):
        assert far.says(data, FROM_STRANGER) == []
    assert far.agent.gate.counts.strangers == 5


def test_the_narrowest_network_has_the_trunk() -> None:
    wide = a_trunk(id="wide", networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    gate = Gate([wide, a_trunk(id="narrow")])
    found = {
        host: getattr(gate.trunk_at(host), "id", None) for host in (THEM, "192.0.2.9", "2001:db8::5", STRANGER, "name")
    }
    assert found == {THEM: "narrow", "192.0.2.9": "wide", "2001:db8::5": "wide", STRANGER: None, "name": None}
    assert getattr(gate.trunk_at(f"::ffff:{THEM}"), "id", None) == "narrow"
    gate.remove("narrow")
    assert getattr(gate.trunk_at(THEM), "id", None) == "wide"


def test_too_much_from_one_source_is_dropped_and_another_is_not_touched() -> None:
    gate = Gate([a_trunk(networks=(ip_network("192.0.2.0/24"),))], Pass(rate_per_s=10, burst=5))
    source, other = Peer("udp", THEM, 5060), Peer("udp", "192.0.2.9", 5060)
    assert [gate.admit(source, 0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert gate.admit(other, 0)
    assert [gate.admit(source, 200) for _ in range(3)] == [True, True, False]
    assert gate.counts.over_rate == 3
    assert [gate.admit(source, 100), gate.admit(source, 10_000)] == [
        False,
        True,
    ]  # a clock that goes back earns nothing


def test_a_trunk_that_must_prove_itself_is_challenged_without_being_remembered() -> None:
    ann = Login("ann", "secret")
    far = Far(a_trunk(expects=ann))
    [challenge] = far.says(far.invite())
    assert challenge.status == 401
    assert [line.split("algorithm=")[1].split(",")[0] for line in challenge.headers.lines("www-authenticate")] == [
        "SHA-256",
        "MD5",
    ]
    assert far.agent.transactions == 0
    again = far.says(far.invite())[0]
    assert again.headers.to.tag == challenge.headers.to.tag
    client = DigestClient(ann, lambda: "c")
    client.learn(challenge.headers.lines("www-authenticate"), is_proxy=False)
    [(_, value)] = client.authorization("INVITE", "sip:100@192.0.2.1")
    credentials = {"Authorization": value}
    assert [type(each) for each in far.says(far.invite(cseq=2, headers=credentials))] == [Response, CallReceived]
    assert far.says(far.invite(cseq=3, call_id="played-again", headers=credentials))[0].status == 401
    assert far.says(far.request("OPTIONS"))[0].status == 401


@pytest.mark.parametrize(
    "wrong", ["Digest x", "Basic abc", 'Digest realm="parley", nonce="1.1.x", response="0"', "Digest"]
)
def test_bad_credentials_get_another_challenge_and_no_call(wrong: str) -> None:
    far = Far(a_trunk(expects=Login("ann", "secret")))
    assert [each.status for each in far.says(far.invite(headers={"Authorization": wrong}))] == [401]


SAID = {"X-Src-IP": "198.51.100.77", "X-RURI-User": "4711"}


def test_what_anybody_says_of_their_own_source_is_not_believed() -> None:
    far = Far(a_trunk(), a_trunk(id="other", networks=(ip_network("198.51.100.77/32"),)))
    [_, call] = far.says(far.invite(headers=SAID))
    assert (call.trunk, call.source, call.called) == ("trunk", THEM, "100")
    assert not {"x-src-ip", "x-ruri-user"} & {name.lower() for name, _ in call.headers}


def test_what_our_own_proxy_says_is() -> None:
    far = Far(a_trunk(is_proxy=True), a_trunk(id="other", networks=(ip_network("198.51.100.77/32"),)))
    [_, call] = far.says(far.invite(headers=SAID))
    assert (call.trunk, call.source, call.called) == ("other", "198.51.100.77", "4711")


@pytest.mark.parametrize("said", [{}, {"X-Src-IP": STRANGER}, {"X-Src-IP": THEM}, {"X-Src-IP": "nonsense"}])
def test_a_proxy_that_speaks_for_nobody_we_know_gets_403(said: dict[str, str]) -> None:
    far = Far(a_trunk(is_proxy=True))
    assert [each.status for each in far.says(far.invite(headers=said))] == [403]


def test_a_proxy_asks_for_itself_how_we_are_and_is_told_when_we_leave() -> None:
    far = Far(a_trunk(is_proxy=True))
    assert [each.status for each in far.says(far.request("OPTIONS"))] == [200]
    assert [each.status for each in far.says(far.request("OPTIONS", headers={"X-Src-IP": STRANGER}))] == [403]
    far.agent.do(Drain(), far.now_ms)
    [leaving] = far.says(far.request("OPTIONS"))
    assert (leaving.status, leaving.headers.first("retry-after")) == (503, "5")


def test_what_comes_from_our_proxy_is_the_proxys_also_where_a_trunk_goes_out_by_it() -> None:
    behind = a_trunk(id="behind", networks=(ip_network("198.51.100.77/32"), ip_network(f"{THEM}/32")))
    far = Far(a_trunk(id="edge", networks=(ip_network("192.0.2.0/24"),), is_proxy=True), behind)
    [_, call] = far.says(far.invite(headers=SAID))
    assert (call.trunk, call.source, call.called) == ("behind", "198.51.100.77", "4711")


def test_nothing_that_comes_in_is_sent_on() -> None:
    far = Far()
    headers = {"Route": f"<sip:{STRANGER};lr>", "To": f"<sip:1@{STRANGER}>"}
    for method in ("INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"):
        far.says(far.request(method, uri=f"sip:00411234567@{STRANGER}", headers=headers))
    assert {target.host for target in far.targets} == {THEM}


def test_a_host_that_only_a_dialog_named_may_speak_in_it_and_nowhere_else() -> None:
    """A trunk's answer may come from a gateway of its own (Contact): for the time of the call, and for that call."""
    far = Far()
    invite = far.is_called()
    gateway = Peer("udp", "203.0.113.5", 5060)
    far.says(far.response(invite, 200, body=ANSWER).replace(f"@{THEM}:5070".encode(), b"@203.0.113.5:5060"))
    assert far.targets[-1] == gateway
    assert far.says(far.invite(), gateway) == far.says(far.request("OPTIONS"), gateway)
    assert far.told(CallReceived) == []
    bye = far.do(HangUp("ours"))[-1]
    far.says(far.response(bye, 200), gateway)
    assert not far.agent.calls
    assert not far.agent.gate.admit(gateway, far.now_ms)


def test_a_cancel_from_elsewhere_cancels_nothing() -> None:
    far = Far(a_trunk(networks=(ip_network("192.0.2.0/24"),)))
    far.calls()
    cancel = far.request("CANCEL", branch="z9hG4bKINVITE1")
    assert far.says(cancel, Peer("udp", "192.0.2.9", 5060))[0].status == 481
    assert far.ended == []


# ---- limits and ends


def test_when_all_places_are_taken_callers_are_told_so() -> None:
    far = Far(limits=Limits(max_calls=2))
    for number in range(4):
        far.says(far.invite(call_id=f"c{number}", branch=f"z9hG4bK{number}x"))
    refused = [each for each in far.told(Response) if each.status == 503]
    assert len(refused) == 2 and all("retry-after" in each.headers for each in refused)
    assert len(far.agent.calls) == 2
    with pytest.raises(ValueError, match="no more calls"):
        far.do(Dial("x", "trunk", "200", "100", OFFER))


def test_transactions_are_bounded_as_well() -> None:
    far = Far(limits=Limits(max_transactions=3))
    for number in range(6):
        far.says(far.invite(call_id=f"c{number}", branch=f"z9hG4bK{number}x"))
    assert far.agent.transactions == 3
    assert far.statuses()[-1] == 503


def test_draining_refuses_new_calls_and_lets_the_others_end() -> None:
    far = Far()
    call = far.is_answered()
    far.do(Drain())
    assert far.says(far.invite(call_id="new", branch="z9hG4bKnew"))[0].status == 503
    assert far.says(far.request("OPTIONS"))[0].status == 503
    with pytest.raises(ValueError, match="no more calls"):
        far.do(Dial("x", "trunk", "200", "100", OFFER))
    assert far.do(HangUp(call))[-1].method == "BYE"
    far.do(Drain(False))
    assert far.says(far.request("OPTIONS"))[0].status == 200


def test_options_tell_what_we_can() -> None:
    [ok] = (far := Far()).says(far.request("OPTIONS"))
    assert (ok.status, ok.headers.first("accept")) == (200, "application/sdp")
    assert {"invite", "ack", "bye", "cancel", "prack", "update", "refer"} <= ok.headers.tokens("allow")
    assert ok.headers.tokens("supported") == {"100rel", "norefersub", "replaces", "timer"}
    assert far.agent.transactions == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"headers": {"Require": "100rel, timer"}}, 100),
        ({"headers": {"Require": "path, 100rel"}}, 420),
        ({"uri": "http://example.com"}, 416),
        ({"uri": "sip:a@b?x=y"}, 400),
        ({"uri": "tel:+4312345"}, 100),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"headers": {"Content-Encoding": "gzip"}}, 415),
        ({"headers": {"Accept": "text/html"}}, 406),
        ({"headers": {"Accept": "application/sdp;q=0.5, text/html"}}, 100),
        ({"headers": {"Max-Forwards": "x"}}, 400),
        ({"headers": {"Max-Forwards": "0"}}, 100),
        ({"headers": {"Call-ID": "a b"}}, 400),
        ({"headers": {"CSeq": "2147483648 INVITE"}}, 400),
        ({"headers": {"Contact": "<mailto:a@b>"}}, 100),
        ({"fields": ["To: <sip:two@example.com>"]}, 400),
        ({"tag": "unknown"}, 481),
    ],
)
def test_each_request_gets_the_status_it_deserves(change: dict[str, Any], status: int) -> None:
    far = Far()
    first = far.says(far.invite(**change))[0]
    assert first.status == status
    if status == 420:
        assert first.headers.first("unsupported") == "path"


def test_a_session_description_is_found_among_other_parts() -> None:
    far = Far()
    body = (
        b"--x y\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x y\r\nc: application/sdp\r\n\r\n"
        + OFFER
        + b"\r\n--x y--\r\n"
    )
    headers = {"Content-Type": 'multipart/mixed; boundary="x y"'}
    assert far.says(far.invite(body=body, headers=headers))[-1].offer == OFFER


def test_three_thousand_calls_leave_nothing_behind() -> None:
    far = Far(limits=Limits(max_calls=50))
    for number in range(3_000):
        call = far.calls(call_id=f"c{number}", branch=f"z9hG4bKi{number}")
        far.do(Answer(call, ANSWER))
        far.says(far.request("ACK", tag=far.our_tag, call_id=f"c{number}", branch=f"z9hG4bKa{number}"))
        far.says(far.request("BYE", tag=far.our_tag, cseq=2, call_id=f"c{number}", branch=f"z9hG4bKb{number}"))
        far.now_ms += 10
        far.log = far.log[-10:]
    assert not far.agent.calls and not far.agent.dialogs
    assert far.agent.transactions > 0
    far.waits(33_000)
    assert far.agent.transactions == 0
    assert far.agent.next_deadline_ms is None
    stack = far.agent._stack
    assert not any((stack._initial, stack._pinned, stack.gate._pins, stack.schedule._heap))


def test_a_server_has_the_name_that_all_trunks_know_it_by() -> None:
    at = Peer("tls", THEM, 5061)
    gate = Gate(
        [Trunk("a", (), at._replace(name="a.example")), Trunk("b", (), at._replace(port=5071, name="b.example"))]
    )
    assert (gate.name_of(THEM, 5061), gate.name_of(THEM, 5071), gate.name_of(THEM, 5060)) == (
        "a.example",
        "b.example",
        "",
    )
    assert gate.is_server(THEM, 5061) and not gate.is_server(THEM, 5060)
    gate.add(Trunk("c", (), at._replace(name="c.example")))
    assert gate.name_of(THEM, 5061) == ""
    gate.remove("a")
    assert gate.name_of(THEM, 5061) == "c.example"


def test_whose_a_source_is_is_the_same_as_when_each_network_is_looked_at() -> None:
    seed = random.Random(4)

    def address() -> Any:
        return ip_address(seed.choice([0x0A000000, 0xC0A80000]) | seed.getrandbits(4)) if seed.random() < 0.7 else (
            ip_address((0x20010DB8 << 96) | seed.getrandbits(3))
        )  # fmt: skip

    for _ in range(60):
        gate = Gate()
        for number in range(12):
            some = [ip_network((at := address(), at.max_prefixlen - seed.randrange(5)), strict=False) for _ in "123"]
            gate.add(Trunk(str(seed.randrange(9)), tuple(some), is_proxy=number % 5 == 0))
        gate.remove("3")
        pairs = [(network, trunk) for trunk in gate._trunks.values() for network in trunk.networks]
        pairs.sort(key=lambda pair: (pair[1].is_proxy, pair[0].prefixlen), reverse=True)
        for host in (address() for _ in range(30)):
            slowly = [trunk for network, trunk in pairs if network.version == host.version and host in network]
            assert [each.id for each in gate.trunks_at(str(host))] == list(dict.fromkeys(each.id for each in slowly))


def test_many_trunks_make_no_packet_dearer() -> None:
    gate = Gate(Trunk(str(number), (ip_network((0x0A000000 + (number << 8), 24)),)) for number in range(2_000))
    gate.trunks_at("192.0.2.1")
    assert len(gate._networks) == 1, "one look for each length that there is"
    assert [each.id for each in gate.trunks_at("10.0.7.9")] == ["7"]
