"""Which addresses are the public internet: a table, so its tests are one."""

from __future__ import annotations

import pytest

from egress.addresses import is_private, parse, refusal
from egress.policy import BadRule, EgressRefused, Policy, Rule

SPECIAL = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 127.255.255.254
168.63.129.16 169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.0.192
192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1
::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1::8.8.8.8 100::1
100:0:0:1::1 200::1 400::1 1000::1 1fff:ffff::1 2001::1 2001:0:4136:e378::1 2001:2::1 2001:10::1 2001:20::1
2001:1ff:ffff::1 2001:db8::1 2002::1 2002:7f00:1::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1 4000::1
5f00::1 8000::1 a000::1 c000::1 e000::1 f000::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 fe80::1%eth0
fec0::1 feff::1 ff02::1 ffff::1
""".split()  # noqa: SIM905 - a table reads better

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.17
169.253.255.255 172.15.255.255 172.32.0.1 191.255.255.255 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255
198.20.0.1 203.0.112.1 203.0.114.1 223.255.255.255 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1
2606:4700:4700::1111 2a00::1 3ffe::1
""".split()  # noqa: SIM905 - a table reads better


@pytest.mark.parametrize("text", SPECIAL)
def test_a_special_address_is_refused_with_a_reason(text: str) -> None:
    assert refusal(parse(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not(text: str) -> None:
    assert refusal(parse(text)) is None


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("127.0.0.1", True), ("10.0.0.1", True), ("192.168.1.1", True), ("::1", True), ("fd00::1", True), ("100.64.0.1", True),
        ("169.254.169.254", False), ("100.100.100.200", False), ("fd00:ec2::254", False), ("fe80::1", False), ("224.0.0.1", False),
        ("0.0.0.0", False), ("::ffff:127.0.0.1", False), ("64:ff9b::127.0.0.1", False), ("8.8.8.8", False),
    ],
)  # fmt: skip
def test_private_means_this_machine_and_the_network_around_it_and_no_metadata(text: str, private: bool) -> None:
    assert is_private(parse(text)) is private


def test_one_bad_answer_among_good_ones_refuses_them_all() -> None:
    with pytest.raises(EgressRefused, match=r"this machine \(127\.0\.0\.1\)"):
        Policy().check("mixed.example", 443, ["8.8.8.8", "127.0.0.1"])


def test_other_ports_are_refused_and_the_message_says_what_to_do() -> None:
    with pytest.raises(EgressRefused, match="EGRESS_ALLOW"):
        Policy().check("example.com", 22, ["8.8.8.8"])


@pytest.mark.parametrize(
    ("rule", "host", "port", "address", "allowed"),
    [
        ("llm.internal:11434", "llm.internal", 11434, "10.0.0.9", True),
        ("llm.internal:11434", "LLM.internal.", 11434, "10.0.0.9", True),
        ("llm.internal:11434", "llm.internal", 11435, "10.0.0.9", False),
        ("llm.internal:11434", "other.internal", 11434, "10.0.0.9", False),
        ("10.0.0.5:8080", "any.name", 8080, "10.0.0.5", True),
        ("10.0.0.5:8080", "any.name", 8081, "10.0.0.5", False),
        ("192.168.7.0/24", "any.name", 5000, "192.168.7.9", True),
        ("192.168.7.0/24", "any.name", 5000, "192.168.8.9", False),
        ("[fd00::5]:8080", "any.name", 8080, "fd00::5", True),
        ("localhost:8000", "localhost", 8000, "::1", True),
    ],
)
def test_what_the_operator_lists_is_open(rule: str, host: str, port: int, address: str, allowed: bool) -> None:
    policy = Policy((Rule.parse(rule),))
    if allowed:
        assert policy.check(host, port, [address]) == [address]
    else:
        with pytest.raises(EgressRefused):
            policy.check(host, port, [address])


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "host:", ":80", "host:0", "host:99999", "10.0.0.0/99", "http://llm.internal:11434", "a b:80"],
)
def test_a_rule_that_cant_be_read_says_so(text: str) -> None:
    with pytest.raises(BadRule, match="neither host:port nor a block"):
        Rule.parse(text)


def test_private_addresses_on_request_still_without_metadata() -> None:
    policy = Policy(allow_private=True)
    assert policy.check("ollama", 11434, ["127.0.0.1"]) == ["127.0.0.1"]
    with pytest.raises(EgressRefused):
        policy.check("metadata", 80, ["169.254.169.254"])
    with pytest.raises(EgressRefused):
        policy.check("metadata", 80, ["100.100.100.200"])
