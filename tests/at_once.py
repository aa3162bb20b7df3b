"""A pytest plugin (``-p tests.at_once``): which tests run beside which, where several processes run them (``-n 2 --dist loadfile``).

Calls keep the pace of their sound, and want a processor when they want it: files with ``paced`` tests, or with the platform that such
tests share, are run one after the other, all in one process, from the beginning. The other processes run everything else meanwhile,
file by file, and step back where both want the same processor.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
STEP_BACK = 10
"""Added to the niceness of a process once it has no paced tests."""
PACED = "paced"
_SAYS_SO = re.compile(r"\bmark\.paced\b|\bparley: Platform\b")
_has_stepped_back = False


@functools.cache
def is_paced(file: str) -> bool:
    """By its text: the process that hands out tests imports none."""
    return _SAYS_SO.search((ROOT / file).read_text()) is not None


def _file_of(nodeid: str) -> str:
    return nodeid.split("::")[0]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """After the others' orders: what takes longest is begun first."""
    yield
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: 0 if is_paced(_file_of(item.nodeid)) else 1 if "browser" in item.path.parts else 2)


class PacedFirst(LoadScopeScheduling):  # type: ignore[misc,unused-ignore]
    """One heap for all paced files, which comes first, and one for each of the others."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file_of(nodeid)
        return PACED if is_paced(file) else file


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return PacedFirst(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    global _has_stepped_back
    if os.environ.get("PYTEST_XDIST_WORKER") and not _has_stepped_back and not is_paced(_file_of(item.nodeid)):
        _has_stepped_back = True
        os.nice(STEP_BACK)
