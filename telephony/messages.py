"""Messages that callers left with the carrier: fetched, kept as the call's recording or behind what there is of it, and written down."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import wave
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

import egress
from accounts import tenancy
from agents import dictation, keys, live, spec
from agents.speech import ProviderError
from telephony import carrier_answers, phone_numbers, recordings
from telephony.audio import wav
from telephony.audio.resample import Resampler
from telephony.carriers import CarrierError
from telephony.models import Call, Recording, Turn
from telephony.storable import storable

logger = logging.getLogger(__name__)

LONGEST_BYTES = 60 * 1024 * 1024


class NotSound(Exception):
    """What the carrier sent is no WAV that can be read."""


def fetch(call_id: Any, organization: Any) -> bool:
    """The message of this call, if one waits at the carrier. False: none does. Raises ``CarrierError`` where it can't be had now."""
    with tenancy.use(organization):
        rows = Call.objects.select_related("carrier_account__organization", "organization")
        call = rows.filter(pk=call_id).exclude(recording_at_carrier="").first()
    if call is None or call.carrier_account is None:
        return False
    sid = call.recording_at_carrier
    carrier = phone_numbers.carrier(call.carrier_account)
    content = async_to_sync(carrier.recording)(sid, LONGEST_BYTES)
    try:
        sound = read_wav(content)
    except NotSound as error:  # asked again it would be the same
        _write_down(call, sid, [], str(error))
        return True
    at_ms = 0
    if call.spec.get("privacy", {}).get("record", True):
        at_ms = _behind(call)
        _keep(call, sound, at_ms)
    said, problem = _words(call, sound)
    _write_down(call, sid, said, problem, at_ms)
    try:
        async_to_sync(carrier.forget_recording)(sid)
    except CarrierError as error:
        logger.warning("The message of call %s could not be deleted at its carrier: %s", call.pk, error)
    return True


def read_wav(content: bytes) -> bytes:
    """Mono PCM at 16,000 Hz. Raises :class:`NotSound`."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            pcm: bytes = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise NotSound(f"The carrier's recording can't be read: {error}") from error
    if width != 2 or channels not in (1, 2) or not 4_000 <= rate <= 96_000:
        raise NotSound(f"The carrier's recording has {channels} channels of {8 * width} bits at {rate} Hz.")
    if channels == 2:
        pcm = wav.mono(pcm)
    if rate == recordings.RATE_HZ:
        return pcm
    resampler = Resampler(rate, recordings.RATE_HZ)
    resampled: bytes = resampler.push(pcm) + resampler.flush()
    return resampled


def _behind(call: Call) -> int:
    """Where in the call's recording the message begins, in milliseconds: behind what was recorded before the agent failed or its
    worker was lost. Decided once, so that a message that is fetched again takes the same place."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
        if "message_at_ms" not in row.instead:
            before = Recording.objects.filter(call=call).first()
            written = recordings.repair(recordings.absolute(before.path)) if before is not None else None
            row.instead = {**row.instead, "message_at_ms": written.duration_ms if written is not None else 0}
            row.save(update_fields=["instead"])
        return int(row.instead["message_at_ms"])


def _keep(call: Call, sound: bytes, at_ms: int) -> None:
    """The caller's side of a recording, from this moment of it on. Fetched again it is written again."""
    path = recordings.path_for(call.organization_id, call.pk)
    full = recordings.absolute(path)
    full.parent.mkdir(parents=True, exist_ok=True)
    with tenancy.use(call.organization_id), transaction.atomic():
        Call.objects.select_for_update(of=("self",)).get(pk=call.pk)  # its end may put the same file in order just now
        written = _write(full, wav.stereo(sound, b""), at_ms)
        Recording.objects.update_or_create(
            call=call,
            defaults={
                "organization_id": call.organization_id, "path": path, "duration_ms": written.duration_ms,
                "size_bytes": written.size_bytes, "is_complete": True,
            },
        )  # fmt: skip


def _write(full: Path, message: bytes, at_ms: int) -> recordings.Written:
    """The recording up to this moment, with the message behind it."""
    before = wav.HEADER_BYTES + at_ms * recordings.BYTES_A_MS * 2
    half = full.with_suffix(".part")
    with open(half, "wb") as file:
        if at_ms:
            with contextlib.suppress(FileNotFoundError), open(full, "rb") as so_far:
                shutil.copyfileobj(so_far, file)
        file.truncate(before)
        file.seek(before)
        file.write(message)
    written = recordings.repair(half)  # and its header says how much there is
    if written is None:
        raise OSError(f"The message could not be written to {half}")
    half.replace(full)
    return written


def _words(call: Call, sound: bytes) -> tuple[list[dictation.Passage], str]:
    """What was said, or why that is not known."""
    live.configure(settings.WEIGHTS_DIR, http_client=egress.client2, websocket=egress.websocket)
    try:
        agent_spec = spec.load(call.spec)
        secrets = keys.secrets(call.organization, agent_spec)
        return async_to_sync(dictation.transcribe)(agent_spec, secrets, sound), ""
    except (ProviderError, keys.NoKey, ValidationError) as error:
        logger.warning("The message of call %s could not be written down: %s", call.pk, error)
        return [], str(getattr(error, "message", error))


def _write_down(call: Call, sid: str, said: list[dictation.Passage], problem: str, at_ms: int = 0) -> None:
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
        if row.recording_at_carrier == "":  # another was quicker
            return
        last = row.turns.order_by("-index").first()
        first = 0 if last is None else last.index + 1
        of = {"organization_id": row.organization_id, "call": row}
        greeting = str(row.instead.get("greeting", ""))
        Turn.objects.create(**of, index=first, role="agent", text=greeting, started_ms=at_ms, ended_ms=at_ms)
        for index, passage in enumerate(said, first + 1):
            Turn.objects.create(
                **of, index=index, role="caller", text=storable(passage.text), started_ms=at_ms + passage.start_ms,
                ended_ms=at_ms + passage.end_ms, confidence=passage.confidence,
            )  # fmt: skip
        row.recording_at_carrier = ""
        row.instead = {**row.instead, "fetched": sid}
        row.save(update_fields=["recording_at_carrier", "instead"])
    if problem:
        carrier_answers.note(call, "message_not_written", {"why": problem[:300]})
