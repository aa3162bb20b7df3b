"""Honcho's manager with three habits more: what dies is started again, the calls end before the pages do, and the
databases go last."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shlex
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Popen

from embedded.keeper import Keeper

QUICK_DEATH_S = 10.0
GIVE_UP_AFTER = 3
SLOWEST_RESTART_S = 30.0
ONE_WISH_S = 1.0
"""Who ends a process group sends us a signal, and `make` passes on the one it got: that is one wish, not two."""


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: Sequence[str]
    stage: int
    """Programs of a lower stage have stopped before those of a higher one are asked to."""
    patience_s: float
    is_late: bool = False
    """Starts when the page answers: until then the processors belong to what the person waits for."""


@dataclass(slots=True)
class Running:
    program: Program
    pid: int | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    start_again_at: float | None = None
    is_gone: bool = False


def _open(command: str, **options: object) -> Popen:
    child = Popen(command, **options)
    threading.Thread(target=_end_with, args=(child,), daemon=True).start()
    return child


def _end_with(child: Popen) -> None:
    """What a program leaves behind when it ends would hold its output open, and honcho waits for that to close."""
    child.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


class Supervisor(Manager):  # type: ignore[misc]
    """Runs the programs until Ctrl-C, SIGTERM or SIGHUP; a second one stops everything at once."""

    def __init__(self, keeper: Keeper, folder: Path, printer: Printer | None = None) -> None:
        super().__init__(printer)
        self._keeper = keeper
        self._folder = folder
        self._running: dict[str, Running] = {}
        self._asked = 0
        self._asked_at = float("-inf")
        self._stage: int | None = None
        self._stage_deadline = 0.0
        self.is_forced = False
        self.each_tick: Callable[[], None] = lambda: None

    def add(self, program: Program) -> None:
        process = self.add_process(program.name, "exec " + shlex.join(program.command), cwd=str(self._folder))
        process._child_ctor = _open
        self._running[program.name] = Running(program)

    def launch_rest(self) -> None:
        for running in self._running.values():
            if not running.started_at:
                self._launch(running)

    def stop(self, because: str) -> None:
        """Ask for the end from within, with a failure as the result."""
        self._say(because)
        self.returncode = 1
        self._asked += 1

    def loop(self) -> None:
        previous = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            for running in self._running.values():
                if not running.program.is_late:
                    self._launch(running)
            while not self._is_over():
                self._hear(0.1)
                self._keep_up()
                if self._stage is None and self._asked == 0:
                    self.each_tick()
        finally:
            for running in self._running.values():
                self._kill_group(running)
            self._hear(0)
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        now = time.monotonic()
        if now - self._asked_at < ONE_WISH_S:
            return
        self._asked_at = now
        self._asked += 1
        if self.returncode is None:
            self.returncode = 0

    def _launch(self, running: Running) -> None:
        entry = self._processes[running.program.name]
        entry["process"] = multiprocessing.Process(target=entry["obj"].run, args=(self.events, True), daemon=False)
        entry["process"].start()
        running.started_at = time.monotonic()
        running.start_again_at = None
        running.is_gone = False

    def _hear(self, seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            message = self.events.get(timeout=seconds) if seconds else self.events.get_nowait()
            while True:
                self._take(message)
                message = self.events.get_nowait()

    def _take(self, message: Message) -> None:
        running = self._running[message.name]
        if message.type == "line":
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._printer.write(message)
        elif message.type == "start":
            running.pid = int(message.data["pid"])
            self._keeper.watch(running.pid)
            if self._stage is not None and running.program.stage <= self._stage:
                self._signal(running, signal.SIGTERM)
        elif message.type == "stop":
            self._kill_group(running)
            if running.pid is not None:
                self._keeper.forget(running.pid)
            running.pid = None
            running.is_gone = True
            if self._stage is None and self._asked == 0:
                self._plan_restart(running, int(message.data["returncode"]))

    def _plan_restart(self, running: Running, code: int) -> None:
        name = running.program.name
        lived = time.monotonic() - running.started_at
        running.quick_deaths = running.quick_deaths + 1 if lived < QUICK_DEATH_S else 1
        if lived < QUICK_DEATH_S and running.quick_deaths >= GIVE_UP_AFTER:
            self.stop(
                f"{name} ended {running.quick_deaths} times right after its start: stopping everything. See its last lines above."
            )
            return
        wait = min(2.0 ** (running.quick_deaths - 1), SLOWEST_RESTART_S)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        self._say(f"{name} {how}; starting it again in {wait:.0f} s")
        running.start_again_at = time.monotonic() + wait

    def _keep_up(self) -> None:
        now = time.monotonic()
        if self._asked == 0:
            for running in self._running.values():
                if running.start_again_at is not None and now >= running.start_again_at:
                    self._launch(running)
            return
        if self._asked > 1 and not self.is_forced:
            self.is_forced = True
            self._say("stopping at once")
            for running in self._running.values():
                self._kill_group(running)
        if self._stage is None:
            self._say("stopping: the calls first, the databases last (Ctrl-C again to stop at once)")
            self._enter(min(running.program.stage for running in self._running.values()))
        elif all(self._has_stopped(running) for running in self._of_stage(self._stage)):
            later = sorted(r.program.stage for r in self._running.values() if r.program.stage > self._stage)
            if later:
                self._enter(later[0])
        elif now > self._stage_deadline:
            for running in self._of_stage(self._stage):
                if not self._has_stopped(running):
                    self._say(f"{running.program.name} took too long: killed")
                    self._kill_group(running)
            self._stage_deadline = now + 5

    def _enter(self, stage: int) -> None:
        self._stage = stage
        members = self._of_stage(stage)
        self._stage_deadline = time.monotonic() + max(running.program.patience_s for running in members)
        for running in members:
            # To the program alone: what it started itself is for it to stop.
            self._signal(running, signal.SIGTERM)

    def _of_stage(self, stage: int) -> list[Running]:
        return [running for running in self._running.values() if running.program.stage == stage]

    def _is_over(self) -> bool:
        return self._asked > 0 and all(self._has_stopped(running) for running in self._running.values())

    @staticmethod
    def _has_stopped(running: Running) -> bool:
        return running.is_gone or running.start_again_at is not None or not running.started_at

    @staticmethod
    def _signal(running: Running, number: signal.Signals) -> None:
        if running.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, number)

    @staticmethod
    def _kill_group(running: Running) -> None:
        if running.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGKILL)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._system_print(f"{line}\n")
