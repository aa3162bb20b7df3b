"""What the processes of one machine are told through the environment, decided once and remembered in the data folder.

Standard library only: it runs before Django, and before there is a virtual environment.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
WEB_PORT = 8000
DEMO_EMAIL = "demo@parley.example"
"""Whom the printed link signs in."""


class CannotStart(Exception):
    """Something the person at the keyboard has to change, said in words that tell them what."""


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Plan:
    """The ports and passwords of the embedded services. The file is only for the account that runs them."""

    web_port: int = WEB_PORT
    postgres_port: int = 0
    valkey_port: int = 0
    superuser_password: str = field(default_factory=_password)
    owner_password: str = field(default_factory=_password)
    app_password: str = field(default_factory=_password)
    valkey_password: str = field(default_factory=_password)

    def database_url(self, role: str) -> str:
        password = self.owner_password if role == "parley_owner" else self.app_password
        return f"postgresql://{role}:{quote(password)}@{HOST}:{self.postgres_port}/parley"

    def valkey_url(self) -> str:
        return f"redis://:{quote(self.valkey_password)}@{HOST}:{self.valkey_port}/0"


def data_dir() -> Path:
    return Path(os.environ.get("PARLEY_DATA_DIR") or ROOT / ".local").resolve()


def given(name: str) -> bool:
    """Whether somebody said it, itself or as a file. Empty is not said: an ``.env`` file has lines to fill in."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def read(folder: Path) -> Plan | None:
    path = folder / "embedded.json"
    try:
        return Plan(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CannotStart(f"{path} is damaged ({error}). It holds the databases' passwords: restore it.") from error


def write(folder: Path, plan: Plan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "embedded.json"
    written = path.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(json.dumps(asdict(plan), indent=1) + "\n")
    written.replace(path)


def find() -> None:
    """For `manage.py`: where nobody named a database, take the one that `make up` keeps in this checkout.

    Does nothing in an image or on a machine that has never run `make up`.
    """
    if given("DATABASE_URL"):
        return
    try:
        plan = read(data_dir())
    except CannotStart as error:
        raise SystemExit(str(error)) from error
    if plan is not None:
        apply(plan)
    elif os.environ.get("PARLEY_EMBEDDED", "").lower() in ("true", "1"):
        # Before the first `make up`: enough for the commands that need no database, such as `weights`.
        apply(Plan(postgres_port=1, valkey_port=1))


def apply(plan: Plan) -> None:
    """Tell this process, and the ones it starts, what the plan says wherever the environment says nothing."""
    os.environ.setdefault("PARLEY_EMBEDDED", "true")
    if not given("DATABASE_URL"):
        os.environ["DATABASE_URL"] = plan.database_url("parley")
        os.environ["DATABASE_OWNER_URL"] = plan.database_url("parley_owner")
    if not given("VALKEY_URL"):
        os.environ["VALKEY_URL"] = plan.valkey_url()
    os.environ["SITE_URL"] = os.environ.get("SITE_URL") or f"http://{HOST}:{plan.web_port}"
    if not given("PHONE_MEDIA_PORT") and plan.web_port + 90 <= 65_535:
        # One of its own: call workers share a port, and those of another installation must not get our calls.
        os.environ["PHONE_MEDIA_PORT"] = str(plan.web_port + 90)


def decide(folder: Path, environment: Mapping[str, str]) -> Plan:
    """The plan for a start: the last one, with what the environment asks for, and ports that are free now.

    A port somebody asked for must be free; one that was only picked may change.
    """
    plan = read(folder) or Plan()
    web_port = _port(environment, "PARLEY_WEB_PORT") or WEB_PORT
    require_free(web_port, "PARLEY_WEB_PORT", "the pages", environment.get("PARLEY_WEB_HOST") or HOST)
    plan = replace(
        plan,
        web_port=web_port,
        postgres_port=_pick(environment, "PARLEY_POSTGRES_PORT", "PostgreSQL", plan.postgres_port),
    )
    plan = replace(
        plan, valkey_port=_pick(environment, "PARLEY_VALKEY_PORT", "Valkey", plan.valkey_port, {plan.postgres_port})
    )
    write(folder, plan)
    return plan


def _pick(environment: Mapping[str, str], setting: str, purpose: str, last: int, taken: set[int] | None = None) -> int:
    asked = _port(environment, setting)
    if asked:
        require_free(asked, setting, purpose)
        return asked
    if last and is_free(last):
        return last
    while (port := free_port()) in (taken or ()):
        pass
    return port


def _port(environment: Mapping[str, str], setting: str) -> int | None:
    value = environment.get(setting)
    if not value:
        return None
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise CannotStart(f"{setting}={value}: use a port number between 1 and 65535.")
    return int(value)


def free_port(host: str = HOST) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = HOST) -> bool:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError as error:
        raise CannotStart(f"This account may not listen on port {port}: choose one above 1023.") from error
    except OSError:
        return False
    return True


def require_free(port: int, setting: str, purpose: str, host: str = HOST) -> None:
    if not is_free(port, host):
        holder = holder_of(port)
        raise CannotStart(
            f"Port {port}, wanted for {purpose}, is taken{f' by {holder}' if holder else ''}.\n"
            f"Stop that program, or choose another port: {setting}={free_port(host)} make up"
        )


def holder_of(port: int) -> str | None:
    """Which process listens on a port, as far as this account may see it."""
    return _holder_by_proc(port) if Path("/proc/net/tcp").exists() else _holder_by_lsof(port)


def _holder_by_proc(port: int) -> str | None:
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if int(columns[1].rsplit(":", 1)[1], 16) == port and columns[3] == "0A":
                sockets.add(f"socket:[{columns[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(handle) in sockets for handle in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {process.name} ({words[:120]})"
        except OSError:
            continue
    return None


def _holder_by_lsof(port: int) -> str | None:
    lsof = shutil.which("lsof")
    if lsof is None:
        return None
    listed = subprocess.run([lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN"], capture_output=True, text=True, check=False)  # noqa: S603
    lines = listed.stdout.splitlines()[1:]
    if not lines:
        return None
    name, pid, *_ = lines[0].split()
    return f"process {pid} ({name})"
