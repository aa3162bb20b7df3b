"""The supervisor in a process of its own, with small programs that write down what happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.test_services import is_alive, wait_until

pytestmark = pytest.mark.paced

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, signal, subprocess, sys, time
name, diary, stops_after = sys.argv[1], sys.argv[2], float(sys.argv[3])
def write(what):
    with open(diary, "a") as file: file.write(f"{name} {what} {os.getpid()}\\n")
def end(*_):
    write("asked"); time.sleep(stops_after); write("ended"); os._exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, lambda *_: write("interrupted"))
child = subprocess.Popen(["sleep", "300"])
write("started"); write(f"child {child.pid}")
while True: time.sleep(1)
"""

SUPERVISOR = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from embedded.keeper import Keeper
from embedded.supervisor import Program, Supervisor
program, diary = sys.argv[2], sys.argv[3]
keeper = Keeper()
supervisor = Supervisor(keeper, Path(diary).parent)
for name, stage, stops_after, patience in eval(sys.argv[4]):
    command = [sys.executable, program, name, diary, str(stops_after)]
    if name == "broken": command = [sys.executable, "-c", "raise SystemExit(3)"]
    supervisor.add(Program(name, command, stage, patience))
supervisor.loop()
keeper.close()
sys.exit(supervisor.returncode)
"""


class Run:
    def __init__(self, folder: Path, programs: list[tuple[str, int, float, float]]) -> None:
        self.diary = folder / "diary"
        program = folder / "a program.py"
        program.write_text(PROGRAM)
        command = [
            sys.executable,
            "-c",
            SUPERVISOR,
            str(ROOT / "platform"),
            str(program),
            str(self.diary),
            repr(programs),
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def events(self, *kinds: str) -> list[str]:
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [" ".join(line.split()[:2]) for line in lines if line.split()[1] in kinds]

    def pids(self) -> list[int]:
        """The programs' and their children's."""
        lines = [line.split() for line in self.diary.read_text().splitlines()]
        return [int(words[2]) for words in lines if words[1] in ("started", "child")]

    def pid(self, name: str) -> int:
        lines = [line.split() for line in self.diary.read_text().splitlines()]
        return [int(words[2]) for words in lines if words[:2] == [name, "started"]][-1]

    def await_started(self, count: int) -> None:
        wait_until(lambda: len(self.events("child")) >= count)

    def end(self, seconds: float = 15) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=seconds)
        wait_until(lambda: not any(map(is_alive, self.pids())) if self.diary.exists() else True, 20)
        return self.process.returncode, output


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Run]]:
    made: list[Run] = []
    yield made
    for run in made:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_calls_end_before_the_pages_and_no_process_is_left(
    tmp_path: Path, runs: list[Run], number: signal.Signals
) -> None:
    run = Run(tmp_path, [("web", 1, 0, 5), ("callworker", 0, 0.5, 5)])
    runs.append(run)
    run.await_started(2)
    run.process.send_signal(number)
    code, output = run.end()
    assert code == 0, output
    assert run.events("asked", "ended") == ["callworker asked", "callworker ended", "web asked", "web ended"]
    assert run.events("interrupted") == []


def test_what_dies_is_started_again(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, [("web", 1, 0, 5), ("callworker", 0, 0, 5)])
    runs.append(run)
    run.await_started(2)
    os.kill(run.pid("callworker"), signal.SIGKILL)
    run.await_started(3)
    run.process.send_signal(signal.SIGTERM)
    code, output = run.end()
    assert code == 0
    assert run.events("started").count("callworker started") == 2
    assert "callworker was killed by signal 9" in output


def test_a_program_that_never_gets_going_ends_the_start_with_a_failure(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, [("web", 1, 0, 5), ("broken", 1, 0, 5)])
    runs.append(run)
    code, output = run.end(30)
    assert code == 1
    assert "broken ended 3 times right after its start" in output


def test_one_that_takes_too_long_is_killed(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, [("web", 1, 60, 0.5)])
    runs.append(run)
    run.await_started(1)
    run.process.send_signal(signal.SIGTERM)
    code, output = run.end(10)
    assert code == 0
    assert "web took too long" in output


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, [("web", 1, 60, 60), ("callworker", 0, 60, 60)])
    runs.append(run)
    run.await_started(2)
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGTERM)  # what make passes on is no second wish
    wait_until(lambda: run.events("asked") == ["callworker asked"])
    time.sleep(1.1)
    assert run.process.poll() is None
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    _code, output = run.end()
    assert time.monotonic() - began < 5
    assert "stopping at once" in output


def test_after_kill_9_the_keeper_stops_the_programs(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, [("web", 1, 0, 5), ("callworker", 0, 0, 5)])
    runs.append(run)
    run.await_started(2)
    run.process.kill()
    run.process.wait()
    wait_until(lambda: not any(map(is_alive, run.pids())))
    assert run.events("ended") != []
