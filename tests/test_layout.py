"""The shape of the repository: see "The house" in CONTRIBUTING."""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PACKAGES = [Path(folder).name for folder in FOLDERS]
SOURCES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
)


def test_platform_folder_holds_packages_and_is_none() -> None:
    assert not list((ROOT / "platform").glob("*.py"))


def test_import_platform_is_the_standard_library() -> None:
    assert Path(platform.__file__).is_relative_to(sysconfig.get_path("stdlib"))


def test_every_package_on_the_shelves_is_in_the_wheel() -> None:
    on_disk = {path.parent.name for path in [*ROOT.glob("*/__init__.py"), *ROOT.glob("platform/*/__init__.py")]}
    assert on_disk - {"tests"} == set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_package_is_ours(name: str) -> None:
    assert Path(import_module(name).__file__ or "").is_relative_to(ROOT)


def test_no_file_is_named_after_the_standard_library() -> None:
    """``types.py`` inside a package is legal, and the next one to open a shell there can't start Python."""
    named = [path for path in SOURCES if path.stem in sys.stdlib_module_names and path.stem != "__init__"]
    assert [str(path.relative_to(ROOT)) for path in named] == []


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "common", "core", "misc"}
    assert [str(path) for path in SOURCES if drawers & {*path.relative_to(ROOT).parts, path.stem}] == []


def test_folders_of_tests_mirror_packages_and_none_is_called_platform() -> None:
    assert not (ROOT / "tests" / "platform").exists()
    for folder in (path for path in (ROOT / "tests").rglob("*") if path.is_dir() and list(path.glob("*.py"))):
        assert (folder / "__init__.py").exists(), f"{folder} needs an __init__.py"


def test_no_file_grows_past_400_lines_by_much() -> None:
    long = {
        str(path.relative_to(ROOT)): count for path in SOURCES if (count := len(path.read_text().splitlines())) > 600
    }
    assert long == {}, "there are usually two things in it: name them"


def test_folders_import_only_from_the_ones_below() -> None:
    """The import contracts of pyproject.toml: they are the architecture."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
