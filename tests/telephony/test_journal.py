"""Rows of live calls while the database comes and goes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from accounts import tenancy
from telephony import journal as module
from telephony.journal import Database, Journal
from telephony.models import Call, CallEvent, Turn

ORGANIZATION, CALL = uuid.uuid4(), uuid.uuid4()


class UnsteadyDatabase:
    """Fails so many times, then keeps what it is given."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.kept: list[Any] = []

    async def run(self, work: Callable[..., Any], rows: list[Any]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise OperationalError("the server closed the connection unexpectedly")
        self.kept += rows

    def close(self) -> None: ...


def event(n: int) -> CallEvent:
    return CallEvent(organization_id=ORGANIZATION, call_id=CALL, at_ms=n, kind="line")


def turn(n: int) -> Turn:
    return Turn(organization_id=ORGANIZATION, call_id=CALL, index=n, role="agent", started_ms=n)


async def test_an_outage_delays_rows_and_loses_none(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    database = UnsteadyDatabase(failures=5)
    journal = Journal(database)  # type: ignore[arg-type]
    running = asyncio.create_task(journal.run())
    for n in range(20):
        journal.add(turn(n) if n % 2 else event(n))
        await asyncio.sleep(0.005)
    assert await journal.settle(CALL, 2)
    running.cancel()
    assert len(database.kept) == 20 and len(journal) == 0 and journal.dropped == 0


async def test_settling_gives_up_in_time() -> None:
    journal = Journal(UnsteadyDatabase(failures=10**6))  # type: ignore[arg-type]
    journal.add(turn(1))
    assert not await journal.settle(CALL, 0.05)
    assert await journal.settle(uuid.uuid4(), 0.05)


async def test_when_too_much_waits_the_oldest_events_go_first_and_turns_last() -> None:
    journal = Journal(UnsteadyDatabase(failures=10**6), max_rows=10)  # type: ignore[arg-type]
    for n in range(5):
        journal.add(event(n))
        journal.add(turn(n))
    for n in range(5, 8):
        journal.add(turn(n))
    assert len(journal) == 10 and journal.dropped == 3
    assert [row.at_ms for row in journal._rows if isinstance(row, CallEvent)] == [3, 4]
    for n in range(8, 14):
        journal.add(turn(n))
    assert [row.index for row in journal._rows if isinstance(row, Turn)] == list(range(4, 14))


async def test_rows_whose_writing_was_broken_off_are_kept() -> None:
    class Slow(UnsteadyDatabase):
        async def run(self, work: Callable[..., Any], rows: list[Any]) -> None:
            await asyncio.sleep(0.05)
            await super().run(work, rows)

    database = Slow(failures=0)
    journal = Journal(database)  # type: ignore[arg-type]
    journal.add(turn(1))
    writing = asyncio.create_task(journal.flush())
    await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.wait({writing})
    assert len(journal) == 1
    assert await journal.flush() and len(database.kept) == 1


async def test_all_that_waits_can_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    database = UnsteadyDatabase(failures=3)
    journal = Journal(database)  # type: ignore[arg-type]
    running = asyncio.create_task(journal.run())
    journal.add(turn(1))
    assert not await journal.settle_all(0.01)
    assert await journal.settle_all(2) and len(database.kept) == 1
    running.cancel()


@pytest.fixture
def calls(agent: Any) -> list[Call]:
    with tenancy.use(agent.organization_id):
        return [
            Call.objects.create(organization_id=agent.organization_id, agent=agent, spec=agent.draft) for _ in range(2)
        ]


@pytest.mark.django_db(transaction=True)
async def test_a_row_that_can_never_be_written_does_not_keep_the_others(calls: list[Call]) -> None:
    """Its call was deleted: a journal that tries it for ever writes nothing more, of any call."""
    organization = calls[0].organization_id
    deleted, kept = calls
    database = Database()
    journal = Journal(database)
    for number in range(3):
        for call_id in (deleted.pk, kept.pk):
            journal.add(
                Turn(organization_id=organization, call_id=call_id, index=number, role="agent", started_ms=number)
            )
    journal.add(CallEvent(organization_id=organization, call_id=kept.pk, at_ms=1, kind="tool", data={"said": "a\0b"}))

    def delete() -> None:
        with tenancy.use(organization):
            Call.objects.filter(pk=deleted.pk).delete()

    def rows() -> tuple[list[int], list[Any]]:
        with tenancy.use(organization):
            turns = list(Turn.objects.values_list("index", flat=True))
            return turns, list(CallEvent.objects.values_list("data", flat=True))

    await sync_to_async(delete)()
    assert await journal.flush() and len(journal) == 0
    assert await sync_to_async(rows)() == ([0, 1, 2], [{"said": "ab"}])
    database.close()


@pytest.mark.django_db(transaction=True)
async def test_a_thread_that_rests_holds_no_connection() -> None:
    def ask() -> None:
        time.sleep(0.1)  # so that both threads are at work
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    database = Database()
    await asyncio.gather(database.run(ask), database.run(ask))

    def is_held() -> bool:
        time.sleep(0.1)
        return connection.connection is not None

    assert [held.result() for held in [database._threads.submit(is_held) for _ in range(2)]] == [False, False]
    database.close()
