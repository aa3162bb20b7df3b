"""What the engine itself costs: real sessions with null transcriber, model and voice, in one process, beside the peers.

    python bench/engine.py                                      # all figures, on one core
    python bench/engine.py --peer-python peers/lk/bin/python --peer-python peers/pc/bin/python --rounds 3
    python bench/engine.py --only frames barge                  # some of them
    python bench/engine.py --one vad 20 8                       # one measurement in this process, for a profiler

A peer's Python is that of an environment with ``livekit-agents`` or ``pipecat-ai`` (and ``psutil``) in it; its program is in
``bench/peers/``. Each measurement is a process of its own, pinned to one core; ours and the peers' take turns, and medians are
printed. Frames are fed by the machine's clock, so figures in milliseconds want an idle machine; CPU figures do not.

| measurement | what is fed | what is counted |
|---|---|---|
| novad, vad | N calls, silence, 20 ms frames, without and with the neural VAD | CPU per frame: feeder, session, VAD's thread, playout |
| capacity | the same with the VAD, more and more calls | lateness of frames at the transcriber, p99 < 20 ms |
| turns | a pause that is long enough, then the final transcript | transcript → the answer's first sound ready, and sent in a 20 ms packet |
| barge | speech, and 250 ms coughs, into the agent's sentence | first sample → first silent packet; coughs after which it went on |
| storm | five calls, then five more | the worst lateness of the old five |
| memory | N calls, idle | resident memory and tasks per call |
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WARM_S = 1.0
LATE_MS = 20.0
SPEECH = "I would like to ask something else."

Figures = dict[str, Any]


async def _running(calls: Sequence[Any], seconds: float) -> Figures:
    """Frames of so many seconds, after the calls have settled."""
    from headless import CPU, percentile

    for call in calls:
        call.start()
    await asyncio.sleep(WARM_S)
    for call in calls:
        call.late.clear()
    cpu = CPU(calls)
    await asyncio.sleep(seconds)
    told = {"cpu_us_per_frame": cpu.us_per_frame(), "core": cpu.share()}
    late = [each for call in calls for each in call.late]
    return told | {"late_ms": {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": percentile(late, 1)}}


async def _stop(calls: Sequence[Any]) -> None:
    await asyncio.gather(*(call.stop() for call in calls))


async def frames(n: int, seconds: float, has_vad: bool) -> Figures:
    from headless import Call

    calls = [Call(phase_s=index % 20 / 1000, has_vad=has_vad) for index in range(n)]
    told = await _running(calls, seconds)
    await _stop(calls)
    return told


async def capacity(n: int, seconds: float) -> Figures:
    """From ``n`` calls up by a tenth, until they are late twice."""
    most, tried = 0, []
    while True:
        told = await frames(n, seconds, True)
        if told["late_ms"]["p99"] >= LATE_MS:
            told = await frames(n, seconds, True)  # the machine may have had something else to do
        tried.append({"calls": n, "p99_ms": told["late_ms"]["p99"], "core": told["core"]})
        if told["late_ms"]["p99"] >= LATE_MS:
            return {"calls": most, "tried": tried}
        most, n = n, n + max(5, n // 10)


async def turns(n: int, seconds: float) -> Figures:
    """The caller is silent for long; then the transcriber tells what they said."""
    from headless import SILENT, Call, frames_of, is_silent, percentile, spoken

    speech = frames_of(await asyncio.to_thread(spoken, SPEECH))
    script = [SILENT] * 25 + speech + [SILENT] * 200
    heard_at = 25 + len(speech) + 60
    ready: list[float] = []
    sent: list[float] = []

    def watched(index: int) -> Call:
        call = Call(phase_s=index % 20 / 1000, has_vad=True, script=script, speech_s=0.6)
        said_at: list[float] = []
        push = call.session.playout.push

        def pushed(generation: int, pcm: bytes) -> bool:
            if said_at and pcm and len(said_at) == 1:
                said_at.append(time.perf_counter())
                ready.append(said_at[1] - said_at[0])
            return push(generation, pcm)

        def on_pull(pcm: bytes) -> None:
            if len(said_at) == 2 and not is_silent(pcm):
                sent.append(time.perf_counter() - said_at[0])
                said_at.append(0.0)

        def say() -> None:
            said_at[:] = [time.perf_counter()]
            call.stt.say("What time do you open tomorrow?", call.session.clock.now_ms)

        def on_frame(at: int) -> None:
            if at == heard_at:  # anywhere between two packets
                asyncio.get_running_loop().call_later((len(ready) * 7 % 20) / 1000, say)

        call.session.playout.push = pushed  # type: ignore[method-assign]
        call.on_pull, call.on_frame = on_pull, on_frame
        return call

    calls = [watched(index) for index in range(n)]
    await _running(calls, seconds)
    await _stop(calls)
    return {
        "turns": len(sent),
        "transcript_to_sound_ms": {"p50": percentile(ready, 0.5), "p99": percentile(ready, 0.99)},
        "transcript_to_packet_ms": {"p50": percentile(sent, 0.5), "p99": percentile(sent, 0.99)},
    }


async def barge(n: int, seconds: float) -> Figures:
    """While the agent says a long sentence: a cough, then words. The transcriber knows which was which."""
    from headless import SILENT, Call, cough, frames_of, is_silent, percentile, spoken

    from telephony.session.events import BargedIn

    speech = frames_of(await asyncio.to_thread(spoken, SPEECH))
    voiced = (await asyncio.to_thread(spoken, "Ah!"))[:8_000]  # noise alone doesn't even make the VAD look up
    asked = [SILENT] * 20 + speech + [SILENT] * 130
    stops: list[float] = []
    resumed: list[bool] = []
    paused: list[float] = []

    def watched(index: int) -> Call:
        noise = frames_of(cough(index) if index % 2 else voiced)
        script = [*asked, *noise, *[SILENT] * 100, *speech, *[SILENT] * 150]
        cough_at, speech_at = len(asked), len(asked) + len(noise) + 100
        call = Call(phase_s=index % 20 / 1000, has_vad=True, script=script, speech_s=30.0, keeps_events=True)
        at = [0, 0.0]

        def on_frame(where: int) -> None:
            at[0] = where
            if where == speech_at:
                was_cut = any(isinstance(each, BargedIn) for each in call.events)
                resumed.append(not was_cut and call.session.playout.is_speaking)
                at[1] = time.perf_counter()
            elif where == cough_at:
                call.events.clear()

        def on_pull(pcm: bytes) -> None:
            if at[1] and is_silent(pcm):
                stops.append(time.perf_counter() - at[1])
                at[1] = 0.0
            if cough_at <= at[0] < speech_at and is_silent(pcm):
                paused.append(0.02)

        def on_flush(at_ms: int) -> None:
            call.stt.say("" if cough_at <= at[0] < speech_at else "I would like to ask something else.", at_ms)

        call.on_frame, call.on_pull, call.on_flush = on_frame, on_pull, on_flush
        return call

    calls = [watched(index) for index in range(n)]
    await _running(calls, seconds)
    await _stop(calls)
    return {
        "barge_ins": len(stops),
        "onset_to_silence_ms": {"p50": percentile(stops, 0.5), "p99": percentile(stops, 0.99)},
        "coughs": len(resumed),
        "coughs_resumed": sum(resumed),
        "hushed_a_cough_ms": round(sum(paused) * 1000 / max(1, len(resumed))),
    }


async def storm(n: int, seconds: float) -> Figures:
    from headless import Call, percentile

    calls = [Call(phase_s=index / 500, has_vad=True) for index in range(2 * n)]
    calls, more = calls[:n], []
    await _running(calls, seconds)
    before = [each for call in calls for each in call.late]
    for call in calls:
        call.late.clear()
    for spaced_s in (0.0, 0.3):  # all at once, and one after the other
        for index in range(n):
            more.append(Call(phase_s=index / 500, has_vad=True))
            more[-1].start()
            await asyncio.sleep(spaced_s)
        await asyncio.sleep(1.5)
    late = [each for call in calls for each in call.late]
    await _stop([*calls, *more])
    return {"before_worst_ms": percentile(before, 1), "worst_ms": percentile(late, 1), "p99_ms": percentile(late, 0.99)}


async def memory(n: int, seconds: float) -> Figures:
    import psutil
    from headless import Call

    first = Call(has_vad=True)
    first.start()
    await asyncio.sleep(WARM_S)
    process = psutil.Process()
    before, tasks = process.memory_info().rss, len(asyncio.all_tasks())
    calls = [Call(phase_s=index % 20 / 1000, has_vad=True) for index in range(n)]
    for call in calls:
        call.is_measured = False
        call.start()
    await asyncio.sleep(seconds)
    told = {
        "mb_per_call": round((process.memory_info().rss - before) / n / 1e6, 3),
        "tasks_per_call": (len(asyncio.all_tasks()) - tasks) / n,
        "threads": process.num_threads(),
    }
    await _stop([first, *calls])
    return told


MODES: dict[str, tuple[Callable[[int, float], Any], int, float]] = {
    "novad": (lambda n, seconds: frames(n, seconds, False), 20, 8),
    "vad": (lambda n, seconds: frames(n, seconds, True), 20, 8),
    "vad60": (lambda n, seconds: frames(n, seconds, True), 60, 8),
    "capacity": (capacity, 60, 4),
    "turns": (turns, 4, 24),
    "barge": (barge, 4, 36),
    "storm": (storm, 5, 4),
    "memory": (memory, 40, 3),
}
PEERS: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "novad": [("novad", "20 8", {})],
    "vad": [("frames", "20 8", {})],
    "vad60": [("frames", "60 8", {})],
    "turns": [("turns", "4 24", {"STOP": "speech", "UST": "0.2"})],
    "barge": [("barge", "4 24", {"TTS": "20"})],
    "storm": [("storm", "5 8", {})],
}
"""What the peers' programs measure as well: mode, calls and seconds, environment."""


def one(mode: str, n: int, seconds: float) -> Figures:
    """In this process, with the event loop and the collector as a call worker sets them (``LOOP=asyncio``: Python's loop)."""
    sys.path.insert(0, str(HERE))
    import headless  # the paths, and the imports before the clock starts
    import uvloop

    from telephony.warmup import settle_memory

    headless.ear()
    settle_memory()
    factory = None if os.environ.get("LOOP") == "asyncio" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return dict(runner.run(MODES[mode][0](n, seconds)))


def versions() -> Figures:
    names = ("onnxruntime", "numpy", "uvloop")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def _measured(command: list[str], core: int, env: dict[str, str]) -> Figures:
    def pin() -> None:
        os.sched_setaffinity(0, {core})

    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=900, check=False, preexec_fn=pin
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {"failed": done.stderr.strip()[-300:]}


def _peer(python: str) -> Path | None:
    """Its program: the environment says which peer it is."""
    for module, program in (("livekit.agents", "livekit_headless.py"), ("pipecat", "pipecat_headless.py")):
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            return HERE / "peers" / program
    return None


def _median(found: list[Any]) -> Any:
    """Of figures in the same places; lists and words as they came last."""
    last = found[-1]
    if isinstance(last, dict):
        return {key: _median([each[key] for each in found if key in each]) for key in last}
    if isinstance(last, bool) or not isinstance(last, (int, float)):
        return last
    return round(statistics.median(found), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--one", nargs=3, metavar=("MODE", "CALLS", "SECONDS"))
    parser.add_argument("--only", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--peer-python", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if options.one:
        mode, n, seconds = options.one
        print(json.dumps({"mode": mode, "n": int(n), **one(mode, int(n), float(seconds))}), flush=True)
        os._exit(0)  # as the peers' programs: nothing of the way out is measured
    with tempfile.TemporaryDirectory() as folder:
        _run(options, _speech_file(Path(folder)) if options.peer_python else "")


def _speech_file(folder: Path) -> str:
    sys.path.insert(0, str(HERE))
    from headless import spoken

    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(spoken(SPEECH))
    return str(folder / "speech.wav")


def _run(options: argparse.Namespace, speech: str) -> None:
    peers = {path.stem.partition("_")[0]: (python, path) for python in options.peer_python if (path := _peer(python))}
    print(json.dumps({"parley": versions(), "core": options.core, "rounds": options.rounds}), flush=True)
    for mode in options.only:
        _, n, seconds = MODES[mode]
        found: dict[str, list[Figures]] = {}
        for _ in range(options.rounds):
            ours = [sys.executable, str(Path(__file__)), "--one", mode, str(n), str(seconds)]
            found.setdefault("parley", []).append(_measured(ours, options.core, {}))
            for name, (python, program) in peers.items():
                for theirs, size, env in PEERS.get(mode, []):
                    command = [python, str(program), theirs, *size.split()]
                    found.setdefault(name, []).append(_measured(command, options.core, {**env, "SPEECH": speech}))
        for name, figures in found.items():
            print(f"{mode:<9}{name:<9}{json.dumps(_median(figures))}", flush=True)


if __name__ == "__main__":
    main()
