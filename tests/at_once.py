"""A pytest plugin (``-p tests.at_once``): which tests run beside which, where several processes run them (``-n 2 --dist loadfile``).

Calls keep the pace of their sound, and want a processor when they want it: files with ``paced`` tests, or with the platform that such
tests share, come last, one after the other, in one process, with the machine to themselves. What comes before runs file by file in all
processes.
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
PACED = "paced"
_SAYS_SO = re.compile(r"\bmark\.paced\b|\bparley: Platform\b")


@functools.cache
def is_paced(file: str) -> bool:
    """By its text: the process that hands out tests imports none."""
    return _SAYS_SO.search((ROOT / file).read_text()) is not None


def _file_of(nodeid: str) -> str:
    return nodeid.split("::")[0]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """After the others' orders: what takes longest is begun first, so that all processes are done at about the same time."""
    yield
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: 2 if is_paced(_file_of(item.nodeid)) else 0 if _takes_long(item.path) else 1)


def _takes_long(path: Path) -> bool:
    return not {"browser", "embedded"}.isdisjoint(path.parts)


class PacedAlone(LoadScopeScheduling):  # type: ignore[misc,unused-ignore]
    """One heap for each file, and one for all paced files, which is the last. Nobody takes it until all others have gone home."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file_of(nodeid)
        return PACED if is_paced(file) else file

    def _only_paced_are_left(self) -> bool:
        return [*self.workqueue] == [PACED]

    def _must_wait(self) -> bool:
        return self._only_paced_are_left() and len(self.nodes) > 1

    def _assign_work_unit(self, node: Any) -> None:
        if not self._must_wait():
            super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        if not self._must_wait():
            super()._reschedule(node)
        elif not all(each.shutting_down for each in self.nodes if each is not node):
            node.shutdown()  # once it has done what it was given

    def remove_node(self, node: Any) -> str | None:
        crashed: str | None = super().remove_node(node)
        if self._only_paced_are_left():
            for each in self.nodes:
                self._reschedule(each)
        return crashed


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return PacedAlone(config, log)
