"""Two agents of ours on a network that loses, doubles and reorders, in virtual time. Every call ends the same on both sides."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest

from telephony.sip import events
from telephony.sip.agent import Agent
from telephony.sip.commands import (
    Answer,
    AnswerOffer,
    Dial,
    HangUp,
    Offer,
    Reject,
    ReportTransfer,
    Ring,
    SendDigit,
    Transfer,
)
from telephony.sip.events import Ended, Send
from telephony.sip.gate import Gate, Trunk
from telephony.sip.peer import Address, Endpoint, Peer
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, OFFER

A, B = "192.0.2.1", "192.0.2.2"


@dataclass
class Weather:
    loss: float = 0.0
    doubled: float = 0.0
    delay_ms: tuple[float, float] = (5.0, 60.0)
    """Anything between: what was sent later may come earlier."""
    seed: int = 0


@dataclass
class Network:
    """The network is a list: who gets what, and when."""

    weather: Weather
    react: Callable[[Network, str, Any], None]
    now_ms: float = 0.0
    transport: str = "udp"
    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _serial: int = 0
    told: dict[str, list[Any]] = field(default_factory=lambda: {A: [], B: []})
    last_sent_ms: float = 0.0
    packets: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.weather.seed)
        self.agents = {}
        for host, other in ((A, B), (B, A)):
            trunk = Trunk(
                "t",
                (ip_network(f"{other}/32"),),
                Peer(self.transport, other, 5060),  # type: ignore[arg-type]
                targets=frozenset({A, B}),
                may_refer=True,
            )
            endpoint = Endpoint({self.transport: Address(host, 5060)})  # type: ignore[dict-item]
            seeded = random.Random(f"{host} {self.weather.seed}")
            self.agents[host] = Agent(endpoint, Gate([trunk]), seeded.randbytes, limits=Limits(ring_ms=60_000))

    def later(self, ms: float, action: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._waiting, (self.now_ms + ms, self._serial, action))

    def do(self, host: str, command: Any) -> None:
        self.take(host, self.agents[host].do(command, self.now_ms))

    def take(self, host: str, outputs: list[Any]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.carry(host, output)
            else:
                self.told[host].append(output)
                self.react(self, host, output)

    def carry(self, host: str, sent: Send) -> None:
        self.packets += 1
        self.last_sent_ms = self.now_ms
        to, source = sent.to.host, Peer(self.transport, host, 5060)  # type: ignore[arg-type]
        assert to in self.agents, f"sent to {to}"
        is_reliable = self.transport == "tcp"
        copies = (
            1
            if is_reliable
            else (self.dice.random() >= self.weather.loss) + (self.dice.random() < self.weather.doubled)
        )
        for _ in range(copies):
            delay_ms = 20.0 if is_reliable else self.dice.uniform(*self.weather.delay_ms)
            self.later(delay_ms, lambda: self.take(to, self.agents[to].receive(sent.data, source, self.now_ms)))

    def run(self, until_ms: float) -> None:
        while True:
            times = [(at, host) for host, agent in self.agents.items() if (at := agent.next_deadline_ms) is not None]
            at_ms, host = min(times, default=(float("inf"), ""))
            if self._waiting and self._waiting[0][0] <= at_ms:
                at_ms, host = self._waiting[0][0], ""
            if at_ms > until_ms:
                self.now_ms = until_ms
                return
            self.now_ms = max(self.now_ms, at_ms)
            if host:
                self.take(host, self.agents[host].fire(self.now_ms))
            else:
                heapq.heappop(self._waiting)[2]()

    def reasons(self, host: str) -> list[str]:
        return [each.reason for each in self.told[host] if isinstance(each, Ended)]

    def assert_clean(self) -> None:
        """Nothing is left of anything."""
        for agent in self.agents.values():
            stack = agent._stack
            assert (agent.calls, agent.dialogs, agent.transactions) == ({}, 0, 0)
            assert not any((stack._initial, stack._pinned, stack.gate._pins)), "something is pinned or remembered"
            assert agent.next_deadline_ms is None


def answering(network: Network, host: str, event: Any) -> None:
    """Whoever is called rings, answers, and agrees with everything."""
    match event:
        case events.CallReceived(call):
            network.later(100, lambda: network.do(host, Ring(call)))
            network.later(2_000, lambda: network.do(host, Answer(call, ANSWER)))
        case events.OfferReceived(call, _):
            network.later(50, lambda: network.do(host, AnswerOffer(call, ANSWER)))
        case events.TransferAsked(call):
            network.later(200, lambda: network.do(host, ReportTransfer(call, 180)))
            network.later(900, lambda: network.do(host, ReportTransfer(call, 200)))


def dial(network: Network) -> None:
    network.do(A, Dial("a", "t", "200", "100", OFFER))


WEATHERS = [
    pytest.param(Weather(), id="fine"),
    pytest.param(Weather(doubled=1.0), id="everything comes twice"),
    pytest.param(Weather(delay_ms=(5, 1_500)), id="everything is out of order"),
    *[
        pytest.param(Weather(loss, 0.1, (5, 300), seed), id=f"{loss:.0%} lost, {seed}")
        for loss in (0.1, 0.3)
        for seed in range(15)
    ],
]


@pytest.mark.parametrize("weather", WEATHERS)
def test_a_call_is_set_up_held_and_hung_up(weather: Weather) -> None:
    network = Network(weather, answering)
    dial(network)
    network.later(6_000, lambda: network.do(A, Offer("a", OFFER)))
    network.later(20_000, lambda: network.do(A, SendDigit("a", "5")))
    network.later(40_000, lambda: network.do(A, HangUp("a")))
    network.run(200_000)
    assert len(network.reasons(A)) == 1
    assert (
        len(network.reasons(B)) == len([each for each in network.told[B] if isinstance(each, events.CallReceived)]) == 1
    )
    if weather.loss <= 0.1:
        assert (network.reasons(A), network.reasons(B)) == (["hung_up"], ["remote_hung_up"])
        assert [type(each) for each in network.told[A]].count(events.OfferAnswered) == 1
        assert [type(each) for each in network.told[B]].count(events.DigitReceived) == 1
    network.assert_clean()


@pytest.mark.parametrize("seed", range(20))
def test_a_caller_who_hangs_up_at_any_moment(seed: int) -> None:
    """Before, during and after the answer: CANCEL, the 200 that crosses it, BYE."""
    weather = Weather(loss=0.15, doubled=0.1, delay_ms=(5, 400), seed=seed)
    network = Network(weather, answering)
    dial(network)
    network.later(random.Random(seed).uniform(0, 4_000), lambda: network.do(A, HangUp("a")))
    network.run(200_000)
    assert len(network.reasons(A)) == 1
    received = [each for each in network.told[B] if isinstance(each, events.CallReceived)]
    assert len(network.reasons(B)) == len(received) <= 1
    network.assert_clean()


@pytest.mark.parametrize("seed", range(10))
def test_both_hang_up_at_the_same_moment(seed: int) -> None:
    network = Network(Weather(loss=0.2, seed=seed), answering)
    dial(network)

    def both() -> None:
        network.do(A, HangUp("a"))
        for call in list(network.agents[B].calls):
            network.do(B, HangUp(call))

    network.later(10_000, both)
    network.run(200_000)
    assert len(network.reasons(A)) == len(network.reasons(B)) == 1
    network.assert_clean()


@pytest.mark.parametrize("seed", range(10))
def test_both_hold_at_the_same_moment_and_both_get_their_way(seed: int) -> None:
    network = Network(Weather(loss=0.05, seed=seed), answering)
    dial(network)

    def both() -> None:
        network.do(A, Offer("a", OFFER))
        for call in list(network.agents[B].calls):
            network.do(B, Offer(call, OFFER))

    network.later(10_000, both)
    network.later(60_000, lambda: network.do(A, HangUp("a")))
    network.run(200_000)
    for host in (A, B):
        assert [type(each) for each in network.told[host]].count(events.OfferAnswered) == 1
    assert (network.reasons(A), network.reasons(B)) == (["hung_up"], ["remote_hung_up"])
    network.assert_clean()


@pytest.mark.parametrize("seed", range(10))
def test_a_transfer_through_the_rain(seed: int) -> None:
    network = Network(Weather(loss=0.1, doubled=0.1, seed=seed), answering)
    dial(network)
    network.later(10_000, lambda: network.do(A, Transfer("a", f"sip:300@{B}")))
    network.later(60_000, lambda: network.do(A, HangUp("a")))
    network.run(300_000)
    assert [each.status for each in network.told[A] if isinstance(each, events.TransferDone)] == [200]
    network.assert_clean()


@pytest.mark.parametrize("seed", range(10))
def test_a_refusal_reaches_the_caller(seed: int) -> None:
    def refusing(network: Network, host: str, event: Any) -> None:
        if isinstance(event, events.CallReceived):
            network.later(300, lambda: network.do(host, Reject(event.call, 486)))

    network = Network(Weather(loss=0.3, seed=seed), refusing)
    dial(network)
    network.run(120_000)
    assert [(each.reason, each.status) for each in network.told[A] if isinstance(each, Ended)] == [("refused", 486)]
    assert network.reasons(B) == ["rejected"]
    network.assert_clean()


def test_a_far_end_that_vanishes_in_the_call_is_noticed_by_the_session_timer() -> None:
    network = Network(Weather(), answering)
    dial(network)
    network.run(10_000)
    network.weather.loss = 1.0
    network.run(10_000 + 1_900_000)
    assert len(network.reasons(A)) == len(network.reasons(B)) == 1
    network.assert_clean()


def test_on_a_stream_nothing_is_repeated() -> None:
    network = Network(Weather(), answering, transport="tcp")
    dial(network)
    network.later(10_000, lambda: network.do(A, HangUp("a")))
    network.run(100_000)
    assert (network.reasons(A), network.reasons(B)) == (["hung_up"], ["remote_hung_up"])
    assert network.packets == 7  # INVITE, 100, 180, 200, ACK, BYE, 200
    network.assert_clean()


def test_many_calls_at_once_in_bad_weather_leave_nothing_behind() -> None:
    network = Network(Weather(loss=0.2, doubled=0.2, delay_ms=(5, 700), seed=3), answering)
    for number in range(150):
        name = f"c{number}"
        network.later(number * 40, lambda name=name: network.do(A, Dial(name, "t", "200", "100", OFFER)))
        network.later(number * 40 + 3_000 + number * 97 % 9_000, lambda name=name: network.do(A, HangUp(name)))
    network.run(300_000)
    assert len(network.reasons(A)) == 150
    assert network.last_sent_ms < 150_000
    network.assert_clean()
