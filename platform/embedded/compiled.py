"""The pure modules of telephones, compiled by mypyc: for machines that carry many calls at once. Nothing needs it.

    python platform/embedded/compiled.py [FOLDER]    compile those of a checkout (this one), beside their sources; `make compile` does

What is compiled has types throughout, and no socket, task or Django: what SIP and RTP mean, and what becomes of each packet. Python
takes a compiled module before its source, so one that is older than its source has to go: see `drop_compiled` in bootstrap.py.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

SOURCES = (
    "telephony/sip/[!_]*.py",
    *(
        f"telephony/wire/{name}.py"
        for name in (
            "codings", "dtmf", "latch", "offer", "offer_answer", "reception", "rtcp", "rtp", "sdes", "sdp", "srtp",
        )
    ),
    *(f"telephony/audio/{name}.py" for name in ("conceal", "fir", "g711", "jitter", "level")),
    *(f"telephony/transports/{name}.py" for name in ("inbound", "phone_codecs", "rtp_sending", "rtp_session")),
)  # fmt: skip
GROUP = "parley"
"""Of the library that holds the code of all of them; the modules themselves are doors to it."""
MADE = (f"{GROUP}__mypyc.*.so", *(pattern.removesuffix(".py") + ".*.so" for pattern in SOURCES))
_MYPY = "[mypy]\nignore_missing_imports = True\nfollow_imports = silent\n"
"""`make lint` judges the types; here they are only read."""


def sources(root: Path) -> list[Path]:
    return sorted(path for pattern in SOURCES for path in root.glob(pattern))


def made(root: Path) -> list[Path]:
    return sorted(path for pattern in MADE for path in root.glob(pattern))


def build(root: Path, *, level: str = "3") -> list[Path]:
    """What was made. ``level``: the C compiler's, "0" is quick to make. Raises ``SystemExit`` with what mypy or the compiler said."""
    from mypyc.build import mypycify
    from setuptools import setup

    root = root.resolve()
    with tempfile.TemporaryDirectory(prefix="parley-compiled-") as folder:
        place = Path(folder)
        shutil.copytree(root / "telephony", place / "telephony", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        (place / "mypy.ini").write_text(_MYPY)
        before = Path.cwd()
        os.chdir(place)  # modules get their names from where they are
        try:
            names = [str(path.relative_to(place)) for path in sources(place)]
            modules = mypycify(
                ["--config-file", "mypy.ini", *names], opt_level=level, debug_level="0", group_name=GROUP
            )
            setup(
                name=GROUP, packages=[], ext_modules=modules, script_args=["--quiet", "build_ext", "--build-lib", "out"]
            )
        finally:
            os.chdir(before)
        for path in made(root):
            path.unlink()
        for path in made(place / "out"):
            shutil.move(path, root / path.relative_to(place / "out"))
    return made(root)


def is_missing_compiler() -> bool:
    """Or Python's headers."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is None or not Path(sysconfig.get_path("include"), "Python.h").exists()


def main(root: Path) -> int:
    if is_missing_compiler():
        sys.stderr.write(
            "There is no C compiler, or Python's headers are missing. Install both (Debian and Ubuntu: apt-get install gcc python3-dev; "
            "macOS: xcode-select --install), then try again. Parley runs without.\n"
        )
        return 1
    began = time.monotonic()
    sys.stdout.write(f"Compiling {len(sources(root))} modules: two to four minutes …\n")
    sys.stdout.flush()
    count = len(build(root))
    sys.stdout.write(f"{count} libraries made in {time.monotonic() - began:.0f} s; `make up` takes them from now on.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parents[2]))
