from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from django.conf import settings

from embedded import environment
from embedded.environment import CannotStart, Plan


@pytest.fixture
def taken_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def settings_for(**given: object) -> dict[str, str]:
    return {"PARLEY_WEB_PORT": str(environment.free_port()), **{key: str(value) for key, value in given.items()}}


def test_ports_and_passwords_are_remembered_for_the_next_start(tmp_path: Path) -> None:
    first = environment.decide(tmp_path, settings_for(PARLEY_WEB_PORT=environment.free_port()))
    second = environment.decide(tmp_path, settings_for(PARLEY_WEB_PORT=first.web_port))
    assert second == first
    assert stat.S_IMODE((tmp_path / "embedded.json").stat().st_mode) == 0o600


def test_an_internal_port_that_was_only_picked_moves_out_of_the_way(tmp_path: Path, taken_port: int) -> None:
    environment.write(tmp_path, Plan(postgres_port=taken_port, valkey_port=taken_port, app_password="kept"))
    plan = environment.decide(tmp_path, settings_for())
    assert taken_port not in (plan.postgres_port, plan.valkey_port)
    assert plan.postgres_port != plan.valkey_port
    assert plan.app_password == "kept"


@pytest.mark.parametrize("setting", ["PARLEY_WEB_PORT", "PARLEY_POSTGRES_PORT", "PARLEY_VALKEY_PORT"])
def test_a_port_that_was_asked_for_must_be_free_and_the_message_says_who_has_it(
    tmp_path: Path, taken_port: int, setting: str
) -> None:
    with pytest.raises(CannotStart) as refused:
        environment.decide(tmp_path, settings_for(**{setting: taken_port}))
    said = str(refused.value)
    assert str(taken_port) in said
    assert f"{setting}=" in said
    assert f"process {os.getpid()} " in said


@pytest.mark.parametrize("value", ["0", "80000", "http", "-1", "1.5"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(CannotStart, match="between 1 and 65535"):
        environment.decide(tmp_path, {"PARLEY_WEB_PORT": value})


def test_a_damaged_plan_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "embedded.json").write_text('{"web_port": 80')
    with pytest.raises(CannotStart, match="damaged"):
        environment.decide(tmp_path, settings_for())
    assert (tmp_path / "embedded.json").read_text() == '{"web_port": 80'


def test_manage_py_finds_the_databases_of_make_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(web_port=8123, postgres_port=1234, valkey_port=2345)
    environment.write(tmp_path, plan)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "SITE_URL"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path))
    environment.find()
    assert os.environ["DATABASE_URL"] == plan.database_url("parley")
    assert os.environ["DATABASE_OWNER_URL"] == plan.database_url("parley_owner")
    assert os.environ["VALKEY_URL"] == plan.valkey_url()
    assert os.environ["SITE_URL"] == "http://127.0.0.1:8123"


def test_a_database_that_was_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.write(tmp_path, Plan(postgres_port=1234, valkey_port=2345))
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db/mine")
    environment.find()
    assert os.environ["DATABASE_URL"] == "postgresql://me@db/mine"


def test_a_machine_without_make_up_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PARLEY_EMBEDDED", raising=False)
    monkeypatch.delenv("DATABASE_URL")
    environment.find()
    assert "DATABASE_URL" not in os.environ
    assert list(tmp_path.iterdir()) == []


def test_the_weights_are_where_the_settings_say() -> None:
    from agents.providers.local import weights

    assert weights.folder() == settings.WEIGHTS_DIR


def test_an_empty_setting_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an ``.env`` file with lines still to be filled in has them."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "SITE_URL"):
        monkeypatch.setenv(name, "")
    plan = Plan(web_port=8123, postgres_port=1, valkey_port=2)
    environment.apply(plan)
    assert os.environ["DATABASE_URL"] == plan.database_url("parley")
    assert os.environ["VALKEY_URL"] == plan.valkey_url()
    assert os.environ["SITE_URL"] == "http://127.0.0.1:8123"
