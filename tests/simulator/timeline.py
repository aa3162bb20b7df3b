"""A simulated call as a person reads it: who did what when, line by line."""

from __future__ import annotations

from dataclasses import asdict

from agents.mind import Say
from telephony.audio.vad import SpeechStarted
from telephony.session.events import (
    BargedIn,
    Ended,
    FieldCollected,
    Happened,
    StateChanged,
    TranscriptChanged,
    TurnEnded,
)
from tests.simulator.checks import check
from tests.simulator.played import played
from tests.simulator.run import Record
from tests.simulator.world import FRAME_MS


def timeline(record: Record) -> str:
    """The scenario, what happened, and what is wrong with it."""
    plan = record.scenario
    lines = [f"Call {plan.seed}"]
    for name in ("spec", "line", "vad", "ear", "voice", "mind", "end_of_turn", "outside"):
        value = getattr(plan, name)
        lines.append(f"  {name:<11} {value if isinstance(value, dict | tuple | None) else _differences(value)}")
    lines.append("")
    rows = sorted(_rows(record), key=lambda row: row[0])
    lines += [f"{at_ms / 1000:8.2f}  {who:<8} {what}" for at_ms, who, what in rows]
    lines += ["", *(f"WRONG  {each}" for each in check(record)), *record.logged.splitlines()]
    return "\n".join(lines)


def _differences(plan: object) -> str:
    usual = asdict(type(plan)())  # type: ignore[call-overload]
    return ", ".join(f"{key}={value}" for key, value in asdict(plan).items() if value != usual[key]) or "as usual"  # type: ignore[call-overload]


def _rows(record: Record) -> list[tuple[int, str, str]]:
    rows: list[tuple[int, str, str]] = []
    for begin, end, sound in record.line.sounds:
        rows.append((begin, "CALLER", f"{sound.kind}: {' '.join(sound.words) or '—'}  ({end - begin} ms)"))
        rows.append((end, "CALLER", "… is silent"))
    rows += [(at_ms, "CALLER", f"presses {digit}") for at_ms, digit in record.line.pressed]
    for at_ms, edge in record.hearing.edges:
        rows.append((at_ms, "vad", f"{'onset' if isinstance(edge, SpeechStarted) else 'stop'} at {edge.at_ms}"))
    for at_ms, until_ms in record.ears.flushes:
        rows.append((at_ms, "ear", f"flushed at {until_ms}"))
    for at_ms, told in record.ears.told:
        kind = "final" if told.is_final else "interim"
        ends = {None: "", True: ", which ends the turn", False: ", which doesn't end the turn"}[told.ends_turn]
        rows.append((at_ms, "ear", f"{kind} of utterance {told.utterance} until {told.until_ms}: {told.text!r}{ends}"))
    if record.judge is not None:
        rows += [(at_ms, "judge", f"it sounds finished: {likely}") for at_ms, likely in record.judge.judged]
    for asked in record.mind.asked:
        parts = " | ".join(part.text if isinstance(part, Say) else str(part) for part in asked.parts)
        about = f"revision {asked.utterance.revision} {asked.utterance.text!r}"
        rows.append((asked.at_ms, "mind", f"asked for reply {asked.serial} to {about}: {parts or 'nothing'}"))
    for at_ms, revision in record.mind.commits:
        rows.append((at_ms, "mind", f"revision {revision} committed"))
    rows += [(speech.asked_ms, "voice", f"asked for “{speech.text}”") for speech in record.voice.speeches]
    for heard in played(record).heard:
        run = heard.frames[0][0]
        shift_ms = heard.shift_ms
        for (one, count), (two, _) in zip(heard.frames, [*heard.frames[1:], (-1, 0)], strict=True):
            if two != one + 1:
                share = f"to sample {count} of {heard.speech.made}"
                rows.append(
                    (
                        run * FRAME_MS + shift_ms,
                        "AGENT",
                        f"“{heard.speech.text}” until {(one + 1) * FRAME_MS + shift_ms} ms, {share}",
                    )
                )
                run = two
    for event in record.events:
        match event:
            case StateChanged(at_ms, state):
                rows.append((at_ms, "state", state))
            case TranscriptChanged(at_ms, turn, role, text, is_final):
                rows.append((at_ms, "told", f"turn {turn} {role}{' final' if is_final else ''}: {text!r}"))
            case TurnEnded():
                cut = f" cut, of {event.intended!r}" if event.was_cut else ""
                rows.append((event.at_ms, "told", f"turn {event.turn} {event.role} ended: {event.text!r}{cut}"))
            case BargedIn(at_ms, turn, words, after_ms):
                rows.append((at_ms, "told", f"BARGE-IN into turn {turn}, heard {words!r}, silent after {after_ms} ms"))
            case FieldCollected() | Happened() | Ended():
                rows.append((event.at_ms, "told", str(event)))
    return rows
