"""What is read in one go because nearly everybody writes it so means the same as by the long way; and the schedule stays small."""

from __future__ import annotations

import contextlib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from telephony.sip import headers as values
from telephony.sip import scan
from telephony.sip.headers import NameAddr, Via
from telephony.sip.scan import BadMessage
from telephony.sip.timing import Alarms, Schedule

token = st.text(st.sampled_from(scan.TOKEN), min_size=1, max_size=12)
users = st.text(st.sampled_from("abcXYZ059-_.!~*'()+@:%;? \""), max_size=12)
hosts = st.text(st.sampled_from("abz09.-_[:]"), min_size=1, max_size=14)
ports = st.sampled_from(["", ":5060", ":0", ":05", ":65535", ":65536", ":99999", ":123456", ":", ":x", ":٣"])
displays = st.one_of(
    st.just(""),
    st.text(max_size=12).map(lambda text: f'"{text}"'),
    st.just('""'),
    st.sampled_from(["Ann ", "Ann", "Ann  van X. ", "A:n "]),
)
tails = st.one_of(
    st.just(""), token.map(";tag={}".format), st.sampled_from([";tag=", ";x=1;tag=2", ";tag=a b", ";TAG=a", " "])
)


def name_addr(text: str) -> NameAddr | str:
    try:
        return values.name_addr(text)
    except BadMessage as error:
        return error.reason


def via(text: str) -> tuple[object, ...] | str:
    try:
        return tuple(values.via(text))[:4]  # without its text
    except BadMessage as error:
        return error.reason


@given(displays, st.sampled_from(["sip:", "sips:", "SIP:", "tel:"]), users, hosts, ports, tails)
@example('"Caller 1" ', "sip:", "caller", "192.0.2.2", ":5061", ";tag=1")
@settings(max_examples=500, deadline=None)
def test_an_address_means_the_same_by_the_short_and_the_long_way(
    display: str, scheme: str, user: str, host: str, port: str, tail: str
) -> None:
    address = f"{display}<{scheme}{user}{'@' if user else ''}{host}{port}>{tail}"
    assert name_addr(address) == name_addr(f" {address}")  # a blank before it, and it takes the long way


@given(
    st.sampled_from(["UDP", "TCP", "tls", "X-1"]),
    hosts,
    ports,
    st.sampled_from(["", ";rport"]),
    token,
    st.sampled_from(["", ";rport", ";rport=1", ";received=192.0.2.1", ";maddr"]),
)
@example("UDP", "192.0.2.2", ":5061", "", "z9hG4bK1", ";rport")
@settings(max_examples=500, deadline=None)
def test_a_via_means_the_same_by_the_short_and_the_long_way(
    transport: str, host: str, port: str, before: str, branch: str, behind: str
) -> None:
    rest = f"{transport} {host}{port}{before};branch={branch}{behind}"
    assert via(f"SIP/2.0/{rest}") == via(f"SIP / 2.0 / {rest}")


@given(st.text(st.sampled_from("0123456789 "), max_size=12), st.sampled_from(["INVITE", "invite", "X-Y", "A B", ""]))
@settings(max_examples=300, deadline=None)
def test_a_number_and_a_method_mean_the_same_by_the_short_and_the_long_way(number: str, method: str) -> None:
    found = []
    for text in (f"{number} {method}", f"{number}\t{method}"):
        with contextlib.suppress(BadMessage):
            found.append(values.cseq(text))
    assert len(found) in (0, 2) and found[:1] == found[1:]


def test_the_short_way_is_taken() -> None:
    """Else the tests above compare the long way with itself."""
    assert values._plain_address('"Ann" <sip:ann@example.com:5061>;tag=1') is not None
    assert values._plain_via("SIP/2.0/UDP 192.0.2.2:5061;branch=z9hG4bK1;rport") is not None
    assert values._plain_cseq("1 INVITE") is not None
    assert isinstance(values.via("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1"), Via)


# ---- the schedule


def test_who_moves_its_deadline_is_woken_when_it_is_due_and_not_before() -> None:
    schedule = Schedule()
    alarms, fired = Alarms(schedule), list[float]()
    alarms.set("late", 900, fired.append)
    alarms.set("soon", 100, fired.append)
    assert schedule.next_deadline_ms == 100
    alarms.clear("soon")
    assert schedule.next_deadline_ms == 900
    alarms.set("late", 1_200, fired.append)
    assert schedule.due(1_100) is None and schedule.next_deadline_ms == 1_200
    alarms.set("late", 50, fired.append)
    due = schedule.due(60)
    assert due is alarms
    due.fire(60)
    assert fired == [60] and schedule.next_deadline_ms is None


def test_calls_that_are_over_do_not_stay_on_the_schedule_until_their_timers_would_have_been_due() -> None:
    schedule = Schedule()
    lasting = Alarms(schedule)
    lasting.set("session", 1_000_000, lambda at_ms: None)
    for number in range(20_000):
        call = Alarms(schedule)
        call.set("refresh", 900_000 + number, lambda at_ms: None)
        call.clear()
    assert len(schedule._heap) < 2_000
    assert schedule.next_deadline_ms == 1_000_000
