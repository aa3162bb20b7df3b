"""Rows of live calls on their way to the database: written in batches from a thread, so that no call ever waits for it.

The database may be away for a while: the rows wait here, a thousand at most. Past that the oldest events go first, the turns
last. Each row has its key already, so one that was written although the answer got lost is not written twice. A row that the
database refuses for its own sake (its call was deleted) is dropped with an error: kept, it would keep those of all other calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import DataError, IntegrityError, close_old_connections

from accounts import tenancy
from telephony.models import CallEvent, SipMessage, Turn
from telephony.storable import storable

logger = logging.getLogger(__name__)

MAX_ROWS = 1_000
FLUSH_SECONDS = 0.5
RETRY_SECONDS = 1.0
REFUSED = (DataError, IntegrityError, ValueError, TypeError)
"""It is the row's own fault: trying again is no use."""

Row = Turn | CallEvent | SipMessage
P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """The worker's two threads for the ORM."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="database")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def and_give_back() -> T:
            try:
                return work(*args, **kwargs)
            finally:
                close_old_connections()  # to the process's pool: an idle thread holds none

        return await asyncio.get_running_loop().run_in_executor(self._threads, and_give_back)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Journal:
    """Give it rows with ``add``; ``run`` writes them until cancelled; ``settle`` waits until one call's are written."""

    def __init__(self, database: Database, max_rows: int = MAX_ROWS) -> None:
        self._database = database
        self._max_rows = max_rows
        self._rows: deque[Row] = deque()
        self._writing: list[Row] = []
        self._wake = asyncio.Event()
        self._written = asyncio.Condition()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._rows) + len(self._writing)

    def add(self, row: Row) -> None:
        if len(self) >= self._max_rows:
            self._make_room()
        self._rows.append(row)
        self._wake.set()

    def _make_room(self) -> None:
        if not self.dropped:
            logger.error("The database is away and %d rows wait: the oldest events are dropped now", len(self))
        self.dropped += 1
        victim = next((row for row in self._rows if not isinstance(row, Turn)), None)
        if victim is not None:
            self._rows.remove(victim)
        elif self._rows:
            self._rows.popleft()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(FLUSH_SECONDS)
            while self._rows and not await self.flush():  # noqa: ASYNC110
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> bool:
        """Write what waits. False: it did not work, and waits on."""
        if self._writing or not self._rows:
            return True
        self._writing = list(self._rows)
        self._rows.clear()
        try:
            await self._database.run(_write, self._writing)
        except BaseException as error:  # whatever the database has, and when broken off: the rows are kept
            self._rows.extendleft(reversed(self._writing))
            if not isinstance(error, Exception):
                raise
            logger.warning("%d rows could not be written and are kept: %s", len(self._writing), error)
            return False
        finally:
            self._writing = []
            async with self._written:
                self._written.notify_all()
        return True

    async def settle(self, call_id: Any, seconds: float) -> bool:
        """Wait until all rows of this call are in the database. False: they are not yet."""
        return await self._until(lambda: not self._has(call_id), seconds)

    async def settle_all(self, seconds: float) -> bool:
        """The same for the rows of all calls: before a worker leaves."""
        return await self._until(lambda: not len(self), seconds)

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        self._wake.set()
        try:
            async with asyncio.timeout(seconds), self._written:
                await self._written.wait_for(is_so)
        except TimeoutError:
            return False
        return True

    def _has(self, call_id: Any) -> bool:
        return any(row.call_id == call_id for rows in (self._rows, self._writing) for row in rows)


def _write(rows: list[Row]) -> None:
    for organization in {row.organization_id for row in rows}:
        mine = [row for row in rows if row.organization_id == organization]
        with tenancy.use(organization):
            for model in (Turn, CallEvent, SipMessage):
                _insert(model, [row for row in mine if isinstance(row, model)])


def _insert(model: type[Row], rows: Sequence[Row]) -> None:
    try:
        model.objects.bulk_create(rows, ignore_conflicts=True)
    except REFUSED:
        for row in rows:
            _insert_one(model, row)


def _insert_one(model: type[Row], row: Row) -> None:
    for name in ("text", "intended", "thoughts", "data", "start_line", "dialog", "cseq"):
        if hasattr(row, name):
            setattr(row, name, storable(getattr(row, name)))
    try:
        model.objects.bulk_create([row], ignore_conflicts=True)
    except REFUSED as error:
        logger.error("A row of call %s can't be written and is dropped: %s", row.call_id, error)
