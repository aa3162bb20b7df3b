"""The order in which a model's thread works."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agents.providers.local import model_thread
from agents.providers.local.model_thread import ModelThread
from agents.speech import ProviderError


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    made = ModelThread("test")
    yield made
    made.close()


class Busy:
    """Keeps the thread busy until let go."""

    def __init__(self, thread: ModelThread) -> None:
        self.began, self._go = threading.Event(), threading.Event()
        thread.submit(self._run, urgency=-1)
        assert self.began.wait(2)

    def _run(self) -> None:
        self.began.set()
        assert self._go.wait(5)

    def let_go(self) -> None:
        self._go.set()


def run_to_end(thread: ModelThread) -> None:
    done = threading.Event()
    thread.submit(done.set, urgency=1e9)
    assert done.wait(2)


def test_the_most_urgent_goes_first_and_equals_in_order(thread: ModelThread) -> None:
    busy, order = Busy(thread), []
    for urgency, name in ((2, "c"), (1, "a"), (1, "b"), (3, "d")):
        thread.submit(lambda name=name: order.append(name), urgency=urgency)
    assert thread.is_more_urgent_waiting(2)
    assert not thread.is_more_urgent_waiting(1)
    busy.let_go()
    run_to_end(thread)
    assert order == ["a", "b", "c", "d"]
    assert thread.is_idle


def test_only_the_newest_of_a_key_is_done(thread: ModelThread) -> None:
    busy, order = Busy(thread), []
    for number in range(5):
        thread.submit(lambda number=number: order.append(number), urgency=1, key="interim")
    busy.let_go()
    run_to_end(thread)
    assert order == [4]


def test_a_withdrawn_job_is_not_done(thread: ModelThread) -> None:
    busy, order = Busy(thread), []
    thread.submit(lambda: order.append(1), urgency=1).withdraw()
    busy.let_go()
    run_to_end(thread)
    assert order == []


def test_a_job_that_fails_does_not_stop_the_thread(thread: ModelThread) -> None:
    thread.submit(lambda: 1 / 0, urgency=0)
    run_to_end(thread)


def test_too_many_waiting_is_said(thread: ModelThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_thread, "MAX_WAITING", 3)
    busy = Busy(thread)
    for _ in range(3):
        thread.submit(lambda: None, urgency=1)
    with pytest.raises(ProviderError, match="too busy"):
        thread.submit(lambda: None, urgency=1)
    busy.let_go()


@pytest.fixture
def other() -> Iterator[ModelThread]:
    made = ModelThread("other")
    yield made
    made.close()


def test_what_can_wait_waits_for_the_callers_of_another_model(
    thread: ModelThread, other: ModelThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "QUIET_S", 0.05)
    busy, is_done = Busy(other), threading.Event()
    thread.submit(is_done.set, urgency=2e9, can_wait=True)
    run_to_end(thread)  # who can't wait goes past it
    assert not is_done.wait(0.3)
    busy.let_go()
    assert is_done.wait(5)


def test_what_can_wait_does_not_wait_for_ever(
    thread: ModelThread, other: ModelThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PATIENCE_S", 0.1)
    busy, is_done = Busy(other), threading.Event()
    thread.submit(is_done.set, urgency=1, can_wait=True)
    assert is_done.wait(3)
    busy.let_go()


def test_a_closed_thread_takes_no_more(thread: ModelThread) -> None:
    thread.close()
    with pytest.raises(ProviderError, match="shut down"):
        thread.submit(lambda: None, urgency=1)


def test_jobs_that_were_replaced_or_withdrawn_do_not_fill_the_queue(
    thread: ModelThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "MAX_WAITING", 4)
    busy, order = Busy(thread), []
    for number in range(20):
        thread.submit(lambda number=number: order.append(number), urgency=50 - number, key="guess")
        thread.submit(lambda: order.append(-1), urgency=0.5 + number).withdraw()
    thread.submit(lambda: order.append(100), urgency=60)
    busy.let_go()
    run_to_end(thread)
    assert order == [19, 100]
