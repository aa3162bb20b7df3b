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
