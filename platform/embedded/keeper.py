"""Stops what a supervisor started, if the supervisor itself is killed before it could.

A small process of its own, standard library only: it is told on its standard input what to look after
(``watch PID SIGNAL``, ``forget PID``, ``remove FOLDER``) and notices when its parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

LOOK_EVERY_S = 0.3
PATIENCE_S = 8.0


class Keeper:
    """The supervisor's side. Nothing happens while the supervisor lives, or after `close`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", str(Path(__file__).resolve()), str(os.getpid())],
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )

    def watch(self, pid: int, number: signal.Signals = signal.SIGTERM) -> None:
        self._tell(f"watch {pid} {int(number)}")

    def forget(self, pid: int) -> None:
        self._tell(f"forget {pid}")

    def remove_at_end(self, folder: Path) -> None:
        self._tell(f"remove {folder}")

    def close(self) -> None:
        """The supervisor has stopped everything itself."""
        self._tell("close")
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def main(parent: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    folders: list[str] = []
    heard = b""
    is_open = True
    while os.getppid() == parent:
        if not is_open or not select.select([0], [], [], LOOK_EVERY_S)[0]:
            time.sleep(0 if is_open else LOOK_EVERY_S)
            continue
        said = os.read(0, 65536)
        is_open = bool(said)
        *lines, heard = (heard + said).split(b"\n")
        for line in lines:
            verb, _, rest = line.decode().partition(" ")
            if verb == "watch":
                pid, ending = map(int, rest.split())
                watched[pid] = ending
            elif verb == "forget":
                watched.pop(int(rest), None)
            elif verb == "remove":
                folders.append(rest)
            elif verb == "close":
                return
    # Last started, first stopped: the databases come last.
    for pid, ending in reversed(watched.items()):
        _stop(pid, ending)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(pid: int, number: int) -> None:
    """Each watched process leads a group of its own; what is left of the group goes with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
