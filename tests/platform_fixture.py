"""The whole platform for tests that need it whole: what `make up` starts, with a data folder, ports and databases of its own.

``parley`` is one for the whole run (starting it takes a while): tests share it and must not stop its parts. A test that kills
a process starts one of its own with :func:`running`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 240
STOP_SECONDS = 60
FROM_OUTSIDE = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "SITE_URL", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE", "PYTHONPATH",
    "RECORDINGS_DIR",
)  # fmt: skip
"""What the tests' own run was given and the platform shall make for itself."""


class Platform:
    """A running `manage.py up`."""

    def __init__(self, folder: Path, port: int) -> None:
        from embedded.environment import free_port

        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.link = ""
        self.env = {name: value for name, value in os.environ.items() if name not in FROM_OUTSIDE}
        self.env |= {"PARLEY_DATA_DIR": str(folder / "data"), "PARLEY_WEB_PORT": str(port), "PARLEY_EMBEDDED": "true"}
        self.sip_port = free_port()
        self.env["SIP_PORT"] = str(self.sip_port)
        self.env.setdefault("WEIGHTS_DIR", str(_weights()))
        self.log = folder / "up.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "up"], cwd=ROOT, env=self.env, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def await_start(self) -> str:
        """Until the pages answer and a call worker takes calls. Returns the printed sign-in link, which works once."""
        give_up = time.monotonic() + START_SECONDS
        self._await(lambda: "Ctrl-C" in self.said(), "the pages", give_up)
        self._await(lambda: bool(self.call_workers()), "a call worker", give_up)
        found = re.search(r"Sign in\s+(\S+)", self.said())
        assert found, self.said()
        return found[1]

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def call_workers(self) -> list[dict[str, Any]]:
        """The notes that the call workers keep in Valkey: id, pid, calls, models …"""
        from embedded import environment

        plan = environment.read(Path(self.env["PARLEY_DATA_DIR"]))
        assert plan is not None
        with redis.Redis.from_url(plan.valkey_url()) as valkey:
            notes = valkey.mget(list(valkey.scan_iter("parley:worker:*")) or ["none"])
        return [json.loads(note) for note in notes if note]

    def _await(self, is_there: Callable[[], bool], what: str, give_up: float) -> None:
        while not is_there():
            if self.process.poll() is not None:
                raise AssertionError(f"The platform ended while it started.\n{self.said()[-4_000:]}")
            if time.monotonic() > give_up:
                raise AssertionError(f"There was no sign of {what} within {START_SECONDS} s.\n{self.said()[-4_000:]}")
            time.sleep(0.2)

    def manage(self, *words: str, seconds: float = 120) -> str:
        """Run a management command against it; returns what it printed. Raises where it fails."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        done = subprocess.run(
            command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def sign_in_link(self) -> str:
        """Another one-time link for the demo organization's owner."""
        from embedded.environment import DEMO_EMAIL

        found = re.search(r"http\S+/sign-in/\S+", self.manage("signin_link", DEMO_EMAIL))
        assert found
        return found[0]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def _weights() -> Path:
    from django.conf import settings

    return Path(settings.WEIGHTS_DIR)


@contextmanager
def running() -> Iterator[Platform]:
    """A platform of one's own, up and taking calls. Its printed sign-in link is still unused: ``platform.link``."""
    from embedded.environment import free_port

    if not (ROOT / "frontend" / "static" / "dist" / "manifest.json").exists():
        raise AssertionError("The front end is not built: npm run build in frontend/, or make test.")
    folder = Path(tempfile.mkdtemp(prefix="parley-platform-"))
    platform = Platform(folder, free_port())
    try:
        platform.link = platform.await_start()
        yield platform
    finally:
        platform.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def parley() -> Iterator[Platform]:
    """The run's platform."""
    with running() as platform:
        yield platform
