"""When a vendor is asked, when it is left alone, and what decides that it is back."""

from __future__ import annotations

import pytest

from agents.providers.breaker import Breaker, Breakers, Trouble, Vendor

Deed = tuple[float, str, object]
"""(second, what is done, what must come of it)"""


@pytest.mark.parametrize(
    "story",
    [
        pytest.param([(0, "state", "closed"), (0, "ask", True), (0, "ask", True)], id="a new one is asked freely"),
        pytest.param(
            [(0, "fail", None), (5, "fail", None), (9, "state", "closed"), (9, "ask", True)],
            id="two failures are not yet a fault",
        ),
        pytest.param(
            [(0, "fail", None), (5, "fail", None), (9, "fail", None), (9, "state", "open"), (18.9, "ask", False)],
            id="three within half a minute are",
        ),
        pytest.param(
            [(0, "fail", None), (20, "fail", None), (40, "fail", None), (40, "state", "closed")],
            id="three over a longer time are not",
        ),
        pytest.param(
            [(0, "fail", None), (1, "fail", None), (2, "answer", None), (3, "fail", None), (3, "state", "closed")],
            id="an answer in between starts the count anew",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (10, "state", "half-open"), (10, "ask", True), (10, "ask", False)],
            id="after ten seconds one question goes through",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (10, "ask", True), (11, "answer", None), (11, "ask", True), (11, "ask", True)],
            id="its answer closes it",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (10, "ask", True), (14, "fail", None), (33, "ask", False), (34, "ask", True)],
            id="its failure opens it for twice as long",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (10, "ask", True), (11, "drop", None), (11, "ask", True)],
            id="a question nobody waited for leaves its place to the next",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (10, "ask", True), (24, "ask", False), (25, "ask", True)],
            id="a question whose end nobody told of does not hold the place for ever",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (8, "fail", None), (10, "ask", True)],
            id="what was asked before it opened and fails later does not lengthen it",
        ),
        pytest.param(
            [*[(0, "fail", None)] * 3, (3, "answer", None), (3, "ask", True)],
            id="what was asked before it opened and is answered later closes it",
        ),
    ],
)
def test_a_story(story: list[Deed]) -> None:
    breaker = Breaker()
    for now_s, deed, expected in story:
        match deed:
            case "fail":
                breaker.failed(now_s, "It hung up.")
            case "answer":
                breaker.answered(now_s)
            case "drop":
                breaker.dropped()
            case "ask":
                assert breaker.ask(now_s) is expected, (now_s, deed)
            case "state":
                assert breaker.state(now_s) == expected, (now_s, deed)


def test_the_rests_grow_to_two_minutes_and_no_longer() -> None:
    breaker, now_s, rests = Breaker(), 0.0, []
    for _ in range(3):
        breaker.failed(now_s, "away")
    for _ in range(7):
        rests.append(breaker.rests_for_s(now_s))
        now_s += rests[-1]
        assert breaker.ask(now_s)
        breaker.failed(now_s, "away")
    assert rests == [10, 20, 40, 80, 120, 120, 120]
    breaker.answered(now_s)
    for _ in range(3):
        breaker.failed(now_s, "away")
    assert breaker.rests_for_s(now_s) == 10


def test_each_address_of_a_vendor_has_its_own_and_all_calls_share_it() -> None:
    breakers = Breakers()
    here, there = Vendor("model", "Language model", "http://a m"), Vendor("model", "Language model", "http://b m")
    for _ in range(3):
        breakers.of(here).failed(0, "away")
    assert not breakers.of(Vendor("model", "Language model", "http://a m")).ask(1)
    assert breakers.of(there).ask(1)
    assert breakers.troubles(1) == [Trouble("model", "Language model", "open", 1)]
    assert breakers.troubles(10) == [Trouble("model", "Language model", "half-open", 1)]
    breakers.of(here).answered(11)
    assert breakers.troubles(11) == []


def test_addresses_that_people_try_out_do_not_pile_up() -> None:
    breakers = Breakers()
    down = Vendor("model", "Language model", "down")
    for _ in range(3):
        breakers.of(down).failed(0, "away")
    for number in range(2_000):
        breakers.of(Vendor("model", "Language model", str(number)))
    assert len(breakers._known) <= 501
    assert not breakers.of(down).ask(1)
