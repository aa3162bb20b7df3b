"""A pytest plugin (``-p tests.at_once``): which tests run beside which, where several processes run them (``-n 2 --dist loadgroup``).

Calls keep the pace of their sound, and want a processor when they want it: ``paced`` tests run one after the other, all in one
process, from the beginning. The other processes run everything else meanwhile, file by file, and step back where both want
the same processor.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

STEP_BACK = 10
"""Added to the niceness of a process once it has no paced tests."""
PACED = "paced"
_has_stepped_back = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """pytest-xdist adds the group's name to the tests' own meanwhile, for the scheduler to see."""
    for item in items:
        if is_paced(item):
            item.add_marker(pytest.mark.xdist_group(PACED))
    yield
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: not is_paced(item))


class PacedFirst(LoadScopeScheduling):  # type: ignore[misc,unused-ignore]
    """One heap for all paced tests, which comes first, and one for each file of the others."""

    def _split_scope(self, nodeid: str) -> str:
        return PACED if nodeid.endswith(f"@{PACED}") else nodeid.split("::")[0]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return PacedFirst(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    global _has_stepped_back
    if os.environ.get("PYTEST_XDIST_WORKER") and not _has_stepped_back and not is_paced(item):
        _has_stepped_back = True
        os.nice(STEP_BACK)


def is_paced(item: pytest.Item) -> bool:
    """It says so, or calls are held with a platform that all such tests share."""
    return item.get_closest_marker(PACED) is not None or "parley" in getattr(item, "fixturenames", ())
