"""What `make` runs before there is an environment."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from embedded import bootstrap


@pytest.mark.parametrize("task", ["lint", "test"])
def test_while_tests_and_linters_run_another_make_may_start(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take long. Only what installs and builds has to be alone in the folder."""
    (tmp_path / "Makefile").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for step in ("ensure_environment", "build_frontend", "weights", "find_chromium"):
        monkeypatch.setattr(bootstrap, step, lambda *_: "")
    ran: list[str] = []

    def checks(command: list[str], env: dict[str, str]) -> int:
        with (tmp_path / "Makefile").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ran.append(command[2])
        return 0

    monkeypatch.setattr(bootstrap, "run", checks)
    assert bootstrap.main(task) == 0
    assert ("pytest" in ran) == (task == "test")
    assert "mypy" in ran


def test_a_check_that_fails_is_told_to_the_tests_and_fails_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it printed stands far above the tests' own output by then."""
    (tmp_path / "Makefile").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for step in ("ensure_environment", "build_frontend", "weights", "find_chromium"):
        monkeypatch.setattr(bootstrap, step, lambda *_: "")
    told: list[str | None] = []

    def checks(command: list[str], env: dict[str, str]) -> int:
        told.append(env.get("PARLEY_CHECKS_FAILED"))
        return int(command[2] == "mypy")

    monkeypatch.setattr(bootstrap, "run", checks)
    assert bootstrap.main("test") == 1
    assert told[-1] == "mypy"
    assert bootstrap.main("lint") == 1


@pytest.mark.parametrize("is_up", [True, False])
def test_what_callers_wait_for_is_measured_while_the_platform_runs(
    is_up: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Makefile").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SITE_URL", raising=False)
    monkeypatch.setenv("PEERS", "lk/python pc/python")
    (tmp_path / "embedded.json").write_text('{"web_port": 8123}')
    asked: list[str] = []

    def answers(url: str) -> bool:
        asked.append(url)
        return is_up

    monkeypatch.setattr(bootstrap, "is_up", answers)
    monkeypatch.setattr(bootstrap, "weights", lambda: 0)
    ran: list[list[str]] = []

    def run(command: list[str], env: dict[str, str]) -> int:
        ran.append(command)
        return 0

    monkeypatch.setattr(bootstrap, "run", run)
    assert bootstrap.main("bench") == 0
    assert [Path(command[1]).name for command in ran] == ["engine.py", "ear_to_ear.py"][: 1 + is_up]
    assert ran[0][-4:] == ["--peer-python", "lk/python", "--peer-python", "pc/python"]
    assert asked[0] == "http://127.0.0.1:8123"


def test_nothing_that_does_not_answer_is_up() -> None:
    assert not bootstrap.is_up("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("configured", "is_optimized"),
    [
        ("'--enable-shared' '--prefix=/usr' '--enable-optimizations' '--with-lto'", True),  # Debian's
        ("'--enable-shared' '--prefix=/usr' '--with-computed-gotos'", True),  # and since an update, which says less
        ("'--prefix=/home/me/.pyenv/versions/3.11.7' '--enable-shared'", False),
        (None, True),
    ],
)
def test_a_slow_build_of_python_is_known_by_how_it_was_configured(configured: str | None, is_optimized: bool) -> None:
    assert bootstrap.is_optimized(configured) == is_optimized
