"""`make up`: everything on one machine. The databases first, then the platform's processes, until Ctrl-C.

`manage.py up` comes here before Django is loaded, because Django's settings need to know where the databases are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from embedded import environment, services
from embedded.environment import DEMO_EMAIL, HOST, ROOT, CannotStart, Plan, given
from embedded.keeper import Keeper
from embedded.services import Service

if TYPE_CHECKING:
    from embedded.supervisor import Program, Supervisor

# A person who presses Ctrl-C waits for it: calls get a moment to say goodbye, not the hour of a deployment.
DRAIN_LIMIT_S = 5


def say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, flush=True)  # noqa: T201


def main() -> int:
    began = time.monotonic()
    folder = environment.data_dir()
    try:
        with only_one(folder):
            return _run(folder, began)
    except CannotStart as error:
        print(f"\nParley can't start.\n{error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """One Parley per data folder: two would write into the same database files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "up.lock").open("a+")
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} can't be written ({error.strerror}). Choose another with PARLEY_DATA_DIR."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise CannotStart(
                f"Parley is running already with the data in {folder}{_holder(lock.read())}.\n"
                "Stop it with Ctrl-C where it runs, or give this one another folder: "
                "PARLEY_DATA_DIR=… PARLEY_WEB_PORT=… make up"
            ) from error
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid()}))
        lock.flush()
        yield
        lock.truncate(0)


def _holder(note: str) -> str:
    with contextlib.suppress(ValueError, KeyError):
        return f" (process {json.loads(note)['pid']})"
    return ""


class House:
    """One start of everything: the services that run, and what keeps and announces them."""

    def __init__(self, folder: Path, began: float) -> None:
        self.folder = folder
        self.began = began
        # Asked before `_decide` tells the environment of our own ones.
        self._owns_database, self._owns_valkey = not given("DATABASE_URL"), not given("VALKEY_URL")
        self.plan = _decide(folder)
        self.keeper = Keeper()
        self.services: list[tuple[Callable[[], Service], Service]] = []
        self._link: str | None = None
        self._is_announced = False
        self._next_look = 0.0
        self._failures = 0

    def start_services(self) -> None:
        if self._owns_database:
            self._start(lambda: services.PostgreSQL(self.folder, self.plan).start(say))
        if self._owns_valkey:
            self._start(lambda: services.Valkey(self.folder, self.plan).start())

    def _start(self, start: Callable[[], Service]) -> None:
        service = start()
        self.keeper.watch(service.process.pid, service.gentle)
        self.services.append((start, service))

    def stop_services(self, seconds: float = services.STOP_S) -> None:
        for _, service in reversed(self.services):
            service.stop(seconds)
            self.keeper.forget(service.process.pid)
        self.services.clear()

    def supervise(self) -> int:
        from embedded.supervisor import Supervisor

        supervisor = Supervisor(self.keeper, ROOT)
        for program in _programs(self.folder, self.plan):
            supervisor.add(program)
        supervisor.each_tick = lambda: self._tick(supervisor)
        supervisor.loop()
        say("stopping the databases" if self.services else "stopped")
        self.stop_services(2 if supervisor.is_forced else services.STOP_S)
        return int(supervisor.returncode or 0)

    def prepare(self) -> None:
        """Bring the tables up to date, make the demo once, and the link that signs its person in."""
        self._link = _prepare_database(migrate=not self.is_prepared_before())
        if self._owns_database:
            self._migrated.write_text(_migrations())

    def is_prepared_before(self) -> bool:
        """Whether the tables are as this code wants them: then the programs may start while we get ready ourselves."""
        return self._owns_database and self._migrated.exists() and self._migrated.read_text() == _migrations()

    @property
    def _migrated(self) -> Path:
        """With the data, so that whoever deletes those deletes it too."""
        return self.folder / "postgres" / "parley.migrated"

    def _tick(self, supervisor: Supervisor) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + 0.25
        self._revive(supervisor)
        if self._is_announced:
            return
        status = page_status(_web_host(), self.plan.web_port)
        if status and self._link is None:  # not before: it would keep the pages from the processor
            self.prepare()
        if status and status < 500 and self._link:
            self._is_announced = True
            supervisor.launch_rest()
            say(welcome_text(self._link, time.monotonic() - self.began, self.plan, self.folder))
        elif status:
            self._next_look = now + 5  # it answers, with an error that its log tells of

    def _revive(self, supervisor: Supervisor) -> None:
        for start, service in list(self.services):
            if service.process.poll() is None:
                continue
            self._failures += 1
            if self._failures > 5:
                supervisor.stop(f"{service.name} keeps ending: stopping everything. Its log: {service.log}")
                return
            say(f"{service.name} ended by itself; starting it again. Its log: {service.log}")
            self.services.remove((start, service))
            self.keeper.forget(service.process.pid)
            try:
                self._start(start)
            except CannotStart as error:
                supervisor.stop(str(error))


def _run(folder: Path, began: float) -> int:
    house = House(folder, began)
    try:
        _fetch_weights()
        house.start_services()
        if not house.is_prepared_before():
            house.prepare()
        say("Starting the pages, the call worker, the background worker and the clock …")
        return house.supervise()
    finally:
        house.stop_services()
        house.keeper.close()


def _decide(folder: Path) -> Plan:
    """The plan, told to this process's environment: before Django reads it."""
    previous = environment.read(folder)
    if previous and not given("VALKEY_URL"):
        services.stop_leftovers(previous)
    if previous and not given("DATABASE_URL"):
        services.PostgreSQL(folder, previous).stop_leftover()
    plan = environment.decide(folder, os.environ)
    environment.apply(plan)
    os.environ.setdefault("PARLEY_DATA_DIR", str(folder))
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("DRAIN_LIMIT_S", str(DRAIN_LIMIT_S))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    os.environ["PYTHONUNBUFFERED"] = "1"
    (ROOT / "staticfiles").mkdir(exist_ok=True)  # empty here: the pages take the files from where they are
    return plan


def _fetch_weights() -> None:
    from agents.providers.local import weights

    wanted = weights.missing(again=False)
    if not wanted:
        return
    say(f"Fetching the models' weights (once, about {weights.megabytes(weights.size_of(wanted))}):")
    try:
        weights.fetch(lambda line: say(f"  {line}"), again=False)
    except (weights.WrongWeights, weights.NoWeights) as error:
        raise CannotStart(f"{error}\nStart again to go on where it stopped.") from error


def _migrations() -> str:
    """Changes where a migration may have: one of ours, or a package's."""
    files = sorted(ROOT.glob("*/migrations/*.py")) + sorted(ROOT.glob("platform/*/migrations/*.py"))
    total = hashlib.sha256()
    for file in [*files, ROOT / "requirements" / "run.txt", ROOT / "platform" / "accounts" / "grants.py"]:
        total.update(file.name.encode() + file.read_bytes())
    return total.hexdigest()


def _prepare_database(*, migrate: bool) -> str:
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command
    from django.db import OperationalError, connections

    try:
        django.setup()
        if migrate:
            call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from error
    except OperationalError as error:
        raise CannotStart(f"The database can't be reached: {error}") from error

    from embedded import welcome

    welcome.ensure_welcome()
    link = welcome.sign_in_link()
    # The supervisor's children are forks: none may share a connection.
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
    return link


def _programs(folder: Path, plan: Plan) -> list[Program]:
    """Lower stages stop first: the calls end while the pages can still show it."""
    from embedded.supervisor import Program

    python = sys.executable
    host = _web_host()
    drain_s = float(os.environ["DRAIN_LIMIT_S"]) + 5
    # Its access log would hold the secrets in addresses; ours leaves them out.
    daphne = [python, "-m", "daphne", "-b", host, "-p", str(plan.web_port), "--no-server-name", "-v", "0"]
    # Root was the person's choice, and messages are JSON.
    celery = [python, "-W", "ignore:You're running the worker", "-m", "celery", "--app", "config", "--quiet"]
    worker = ["worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    beat = ["beat", "--schedule", str(folder / "celerybeat-schedule")]
    programs = [
        Program("web", [*daphne, "config.asgi:application"], stage=1, patience_s=10),
        Program("callworker", [python, str(ROOT / "manage.py"), "callworker"], stage=0, patience_s=drain_s),
        Program("worker", [*celery, *worker, "--loglevel", "WARNING"], stage=1, patience_s=10, is_late=True),
        Program("beat", [*celery, *beat, "--loglevel", "WARNING"], stage=1, patience_s=10, is_late=True),
    ]
    node = os.environ.get("PARLEY_WATCH_FRONTEND")  # of `make dev`
    if node:
        vite = str(ROOT / "frontend" / "node_modules" / "vite" / "bin" / "vite.js")
        watch = [node, vite, "build", "--watch", str(ROOT / "frontend")]
        programs.append(Program("frontend", watch, stage=1, patience_s=5))
    return programs


def _web_host() -> str:
    return os.environ.get("PARLEY_WEB_HOST") or HOST


def page_status(host: str, port: int) -> int | None:
    """What a browser would get now from the start page, or from where that sends a stranger; None: nobody answers."""
    where = "/"
    host = HOST if host in ("0.0.0.0", "::") else host  # noqa: S104
    for _ in range(3):
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", where, headers={"Host": f"{HOST}:{port}", "Accept": "text/html"})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        target = urlsplit(answer.headers.get("Location", ""))
        if not target.path or target.netloc not in ("", f"{HOST}:{port}"):
            return answer.status
        where = target.path + (f"?{target.query}" if target.query else "")
    return None


def welcome_text(link: str, seconds: float, plan: Plan, folder: Path) -> str:
    site = os.environ.get("SITE_URL", f"http://{HOST}:{plan.web_port}")
    rule = "─" * 78
    return f"""
{rule}
  Parley is up ({seconds:.1f} s).

  Open    {site}
  Sign in {link}
          (works once, within 24 hours; another: .venv/bin/python manage.py signin_link {DEMO_EMAIL})

  To try: open the demo agent of a dental practice, press Talk, allow the microphone and ask
          "When are you open on Friday?" or "How much is a cleaning?", then say
          "I'd like to book an appointment" and give it your name, number and a day.
          Change your mind, interrupt it, say goodbye; then look at the call under Calls.

  Data    {folder}
  Stop    Ctrl-C
{rule}
"""
