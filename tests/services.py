"""A pytest plugin (``-p tests.services``): PostgreSQL and Valkey for the run, where the environment names none.

They start before Django reads its settings, on ports and in a folder of their own, and are gone afterwards, also when
pytest is killed.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = "PARLEY_TEST_OURS"
"""The environment's names that one process of a run in parallel (pytest-xdist) was given here, and the next makes anew."""
ONLY_TELLS = {"-h", "--help", "-V", "--version", "--fixtures", "--markers"}
_stops: list[object] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None]:
    """A wrapper, and so before pytest-django, which reads the settings in the same hook."""
    for name in os.environ.pop(OURS, "").split():
        os.environ.pop(name, None)
    before = dict(os.environ)
    os.environ.setdefault("PARLEY_EMBEDDED", "true")
    os.environ.setdefault("WEIGHTS_DIR", str(Path(os.environ.get("PARLEY_DATA_DIR") or ROOT / ".local") / "weights"))
    if not ONLY_TELLS.intersection(args):
        try:
            _start()
        except Exception as error:
            raise pytest.UsageError(f"The databases for the tests did not start. {error}") from error
    os.environ[OURS] = " ".join(name for name, value in os.environ.items() if before.get(name) != value)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What `make test` found before the tests began stands far above by now."""
    if failed := os.environ.get("PARLEY_CHECKS_FAILED"):
        terminalreporter.section(f"not only the tests: {failed} failed, see the beginning of the output", red=True)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _stop()


def _start() -> None:
    # Short: also the tests' own paths grow from here.
    folder = Path(tempfile.mkdtemp(prefix="parley-test-"))
    os.environ.setdefault("PARLEY_DATA_DIR", str(folder))
    sys.path.insert(0, str(ROOT / "platform"))
    from embedded import environment, services
    from embedded.environment import Plan, free_port
    from embedded.keeper import Keeper

    wants_database, wants_valkey = not environment.given("DATABASE_URL"), not environment.given("VALKEY_URL")
    keeper = Keeper()
    keeper.remove_at_end(folder)
    plan = Plan(postgres_port=free_port(), valkey_port=free_port())
    running: list[services.Service] = []

    def stop() -> None:
        for service in reversed(running):
            service.stop(5)
            keeper.forget(service.process.pid)
        keeper.close()
        shutil.rmtree(folder, ignore_errors=True)

    _stops.append(stop)
    atexit.register(_stop)
    environment.apply(plan)
    if wants_database:
        running.append(services.PostgreSQL(folder, plan, services.FORGETFUL).start())
        keeper.watch(running[-1].process.pid, running[-1].gentle)
    if wants_valkey:
        running.append(services.Valkey(folder, plan).start())
        keeper.watch(running[-1].process.pid, running[-1].gentle)


def _stop() -> None:
    while _stops:
        stop = _stops.pop()
        assert callable(stop)
        stop()
