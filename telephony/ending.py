"""Ends for certain: tasks that must go, and the process itself.

redis-py writes through ``asyncio.wait_for``, which on Python 3.11 loses a cancellation that arrives in the moment the write is
done. A task that reads from Valkey in a loop then lives on, and whoever waits for it waits for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 0.2
EXIT_SECONDS = 2.8


async def end(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> set[asyncio.Task[Any]]:
    """Cancel these, again and again where it was lost, for so long at most. Returns those that go on all the same."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + seconds
    pending = {task for task in tasks if not task.done()}
    while pending and (left := give_up - loop.time()) > 0:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=min(AGAIN_SECONDS, left))
    for task in pending:
        logger.error("%s can't be ended", task.get_name())
    return pending


def exit_soon() -> None:
    """Whatever happens from now on, this process is gone in three seconds; where it isn't by itself, all stacks go to the log."""
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)


def leave(code: int) -> NoReturn:
    """End the process now, with what was logged. Not the interpreter's way: it waits for every thread that may be stuck in a
    dead connection, and the models' libraries abort where their threads are still at work."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the terminal is gone
            stream.flush()
    os._exit(code)
