"""What ``make compile`` makes does what its sources do, and goes when they change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import bootstrap, compiled

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (".git", ".venv", ".local", ".tools", "node_modules", "__pycache__", "*.so", ".*_cache")
TRIED = (
    "sip", "media/test_codings.py", "media/test_latch.py", "media/test_offer_answer.py", "media/test_packets.py",
    "media/test_rtp_session.py", "test_rtp.py", "test_jitter.py", "test_dtmf.py", "test_inbound.py", "test_sip_sockets.py",
)  # fmt: skip


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(place), str(place / "platform")])
    env = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, *words], cwd=place, env=env, capture_output=True, text=True, check=False)


@pytest.mark.timeout(1_200)
@pytest.mark.skipif(compiled.is_missing_compiler(), reason="there is no C compiler with Python's headers")
def test_compiled_telephones_pass_the_tests_of_their_sources(tmp_path: Path) -> None:
    place = tmp_path / "parley"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*LEFT_OUT))
    builder = "from pathlib import Path; from embedded import compiled; compiled.build(Path(), level='0')"
    made = run(place, "-c", builder)
    assert made.returncode == 0, made.stdout[-3_000:] + made.stderr[-3_000:]
    assert len(compiled.made(place)) == len(compiled.sources(place)) + 1
    told = run(
        place,
        "-c",
        "from telephony.sip import agent; from telephony.transports import rtp_session; print(agent.__file__)",
    )
    assert told.stdout.strip().endswith(".so"), told.stderr
    tests = [f"tests/telephony/{name}" for name in TRIED]
    timed = "no_text_of_8_kb"  # what is quick to compile is slow
    tested = run(place, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", f"not {timed}", *tests)
    assert tested.returncode == 0, tested.stdout[-5_000:] + tested.stderr[-2_000:]


def test_every_module_that_is_named_is_there_and_reaches_for_no_socket_and_no_task() -> None:
    found = compiled.sources(ROOT)
    assert all(list(ROOT.glob(pattern)) for pattern in compiled.SOURCES)
    for path in found:
        text = path.read_text()
        assert "import asyncio" not in text and "import socket" not in text and "django" not in text, path


def test_what_was_compiled_of_other_sources_goes_before_the_platform_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "COMPILED", tmp_path / ".compiled")
    source = tmp_path / "telephony" / "sip" / "agent.py"
    source.parent.mkdir(parents=True)
    source.write_text("one = 1\n")
    libraries = [source.with_name("agent.cpython-311-any.so"), tmp_path / "parley__mypyc.cpython-311-any.so"]

    def compile_them() -> None:
        for path in libraries:
            path.touch()
        (tmp_path / ".compiled").write_text(bootstrap.compiled_from() + "\n")

    for step in ("ensure_environment", "build_frontend"):
        monkeypatch.setattr(bootstrap, step, lambda *_: None)
    compile_them()
    bootstrap.up()
    assert all(path.exists() for path in libraries)
    source.write_text("one = 2\n")
    bootstrap.up()
    assert not any(path.exists() for path in libraries)
    assert "make compile" in capsys.readouterr().out
    compile_them()
    bootstrap.drop_compiled()
    assert not any(path.exists() for path in [*libraries, tmp_path / ".compiled"])
    bootstrap.drop_compiled()
    assert capsys.readouterr().out.count("make compile") == 1
