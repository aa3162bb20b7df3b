"""PostgreSQL refuses to run as root: whom it runs as instead, and what that account has to be allowed."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded.environment import CannotStart

SETTING = "PARLEY_SYSTEM_USER"


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def account() -> Account | None:
    """The account that PostgreSQL runs under where we are root; None where we are an ordinary user already.

    The one somebody names, the one behind `sudo`, else one that systems bring along.
    """
    if os.geteuid() != 0:
        return None
    named = os.environ.get(SETTING)
    for name in [named] if named else [os.environ.get("SUDO_USER"), "postgres", "nobody"]:
        if not name:
            continue
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    if named:
        raise CannotStart(
            f"{SETTING}={named}: there is no such account, or it is root, which PostgreSQL refuses to run as."
        )
    raise CannotStart(
        "PostgreSQL refuses to run as root, and this system has no account `postgres` or `nobody`.\n"
        f"Make one, name it in {SETTING}, and start again; or start as an ordinary user."
    )


def let_in(runner: Account, folders: list[Path]) -> list[Path]:
    """Let the account pass to the folders: the right to search (x), not to read, on each folder on the way that lacks it.

    Returns the folders that were changed, so that the person hears of it.
    """
    changed = []
    for folder in folders:
        for step in reversed(folder.resolve().parents):
            if not _may_search(step, runner):
                step.chmod(stat.S_IMODE(step.stat().st_mode) | stat.S_IXOTH)
                changed.append(step)
    return changed


def let_read(runner: Account, folder: Path) -> None:
    """Make our own installed programs readable (an install under umask 077 leaves them to root alone)."""
    for place in _walk(folder):
        found = place.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid == runner.uid:
            continue
        mode = stat.S_IMODE(found.st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            place.chmod(wanted)


def hand_over(runner: Account, folder: Path) -> None:
    """Give the data to the account, also data of an earlier start as another one."""
    if folder.stat().st_uid != runner.uid:
        for place in _walk(folder):
            shutil.chown(place, runner.uid, runner.gid) if not place.is_symlink() else None
    folder.chmod(0o700)


def _may_search(folder: Path, runner: Account) -> bool:
    found = folder.stat()
    if found.st_uid == runner.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == runner.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _walk(folder: Path) -> Iterator[Path]:
    yield folder
    for at, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(at) / name
