"""``manage.py callworker``: hold live calls until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from telephony import ending
from telephony.worker import CallWorker, Options, install_signals

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Hold live calls: takes offers from the web processes and talks to callers. SIGTERM: no new calls, live ones finish."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--capacity", type=int, help="how many calls at once (CALL_WORKER_CAPACITY)")
        parser.add_argument(
            "--drain-limit", type=float, help="seconds that live calls may go on after SIGTERM (DRAIN_LIMIT_S)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options()
        if options["capacity"]:
            chosen.capacity = options["capacity"]
        if options["drain_limit"] is not None:
            chosen.drain_limit_s = options["drain_limit"]
        try:
            import uvloop

            make_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        except ImportError:  # Windows
            make_loop = asyncio.new_event_loop
        code = 1
        try:
            with asyncio.Runner(loop_factory=make_loop) as runner:
                runner.run(self._work(chosen))
                ending.leave(0)
        except KeyboardInterrupt:
            code = 130
        except Exception:
            logger.exception("The call worker broke")
        ending.leave(code)

    async def _work(self, options: Options) -> None:
        worker = CallWorker(options, when_over=ending.exit_soon)
        install_signals(worker)
        await worker.run()
