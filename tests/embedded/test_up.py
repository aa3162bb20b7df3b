"""`manage.py up`, the whole of it: what `make up` runs once everything is installed and built."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from django.conf import settings

from embedded.environment import free_port
from tests.embedded.test_services import is_alive, wait_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.platform, pytest.mark.paced, pytest.mark.models, pytest.mark.timeout(900)]


class Up:
    def __init__(self, folder: Path, port: int, **more: str) -> None:
        left_out = {
            "DATABASE_URL",
            "DATABASE_OWNER_URL",
            "VALKEY_URL",
            "SITE_URL",
            "DJANGO_SETTINGS_MODULE",
            "PYTHONPATH",
        }
        self.env = {name: value for name, value in os.environ.items() if name not in left_out}
        self.env |= {
            "PARLEY_DATA_DIR": str(folder),
            "PARLEY_WEB_PORT": str(port),
            "WEIGHTS_DIR": str(settings.WEIGHTS_DIR),
            "PARLEY_EMBEDDED": "true",
            **more,
        }
        self.output = folder.parent / f"output of {time.monotonic()}"
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "up"],
                cwd="/",
                env=self.env,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def await_page(self) -> str:
        """The sign-in link, once the page answers."""

        def is_up_or_over() -> bool:
            return "Ctrl-C" in self.said() or self.process.poll() is not None

        wait_until(is_up_or_over, 240)
        found = re.search(r"Sign in (\S+)", self.said())
        assert found, self.said()
        return found[1]

    def pids(self) -> list[int]:
        """Everything that descends from it, whatever session it is in."""
        parents: dict[int, list[int]] = {}
        rows = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        for pid, parent in (map(int, row.split()) for row in rows if row.strip()):
            parents.setdefault(parent, []).append(pid)
        found, waiting = [], [self.process.pid]
        while waiting:
            waiting += parents.get(waiting[0], [])
            found.append(waiting.pop(0))
        return found

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words], env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="parley up "))
    yield top / "data folder"
    shutil.rmtree(top)


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    made: list[Up] = []
    yield made
    for up in made:
        if up.process.poll() is None:
            pids = up.pids()
            up.process.kill()
            up.process.wait()
            wait_until(lambda pids=pids: not any(map(is_alive, pids)), 30)


def opened(link: str) -> tuple[int, str]:
    """The page behind the link's button."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with opener.open(link, timeout=20) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    with opener.open(link, f"csrfmiddlewaretoken={token[1]}".encode(), timeout=20) as page:
        assert "/sign-in/" not in page.url
        return page.status, page.read().decode()


def test_it_starts_signs_in_refuses_a_second_and_stops_without_a_trace(folder: Path, ups: list[Up]) -> None:
    port = free_port()
    up = Up(folder, port)
    ups.append(up)
    link = up.await_page()
    assert link.startswith(f"http://127.0.0.1:{port}/sign-in/")
    status, page = opened(link)
    assert status == 200
    assert "demo@parley.example" in page or "Demo" in page

    second = Up(folder, free_port())
    ups.append(second)
    assert second.process.wait(60) == 1
    assert f"running already with the data in {folder}" in second.said()
    assert f"process {up.process.pid}" in second.said()

    third = Up(folder.parent / "another folder", port)
    ups.append(third)
    assert third.process.wait(60) == 1
    assert f"Port {port}" in third.said()
    assert "PARLEY_WEB_PORT=" in third.said()

    assert f"http://127.0.0.1:{port}/sign-in/" in up.manage("signin_link", "demo@parley.example")
    pids = up.pids()
    assert len(pids) > 6
    os.kill(up.process.pid, signal.SIGINT)
    assert up.process.wait(90) == 0, up.said()
    wait_until(lambda: not any(map(is_alive, pids)), 20)

    began = time.monotonic()
    again = Up(folder, port)
    ups.append(again)
    assert opened(again.await_page())[0] == 200
    assert time.monotonic() - began < 30  # seconds on an idle machine; this one runs tests
    count = "from agents.models import Agent; from accounts import tenancy\nwith tenancy.system('test'): print('agents:', Agent.objects.count())"
    assert "agents: 1\n" in again.manage("shell", "-v", "0", "-c", count)
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(90) == 0


def test_given_databases_are_used_and_none_is_started(folder: Path, ups: list[Up]) -> None:
    """The ones of this test run stand in for the operator's; the tables are made in a database of their own."""
    import psycopg

    owner = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    name = f"test_up_{os.getpid()}"
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        given = {
            "DATABASE_URL": re.sub(r"/\w+$", f"/{name}", os.environ["DATABASE_URL"]),
            "DATABASE_OWNER_URL": re.sub(r"/\w+$", f"/{name}", owner),
            "VALKEY_URL": re.sub(r"/\d+$", "/9", os.environ["VALKEY_URL"]),
        }
        up = Up(folder, free_port(), **given)
        ups.append(up)
        assert opened(up.await_page())[0] == 200
        assert not (folder / "postgres").exists()
        assert not (folder / "valkey").exists()
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(90) == 0
    finally:
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
