"""Messages that callers left with the carrier: fetched, kept as the call's recording, and written down."""

from __future__ import annotations

import io
import logging
import wave
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
        _write_down(call, [], str(error))
        return True
    if call.spec.get("privacy", {}).get("record", True):
        _keep(call, sound)
    said, problem = _words(call, sound)
    _write_down(call, said, problem)
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


def _keep(call: Call, sound: bytes) -> None:
    """The caller's side of a recording. Fetched again it is written again."""
    path = recordings.path_for(call.organization_id, call.pk)
    full = recordings.absolute(path)
    full.parent.mkdir(parents=True, exist_ok=True)
    data = wav.stereo(sound, b"")
    half = full.with_suffix(".part")
    half.write_bytes(recordings.header(len(data)) + data)
    half.replace(full)
    with tenancy.use(call.organization_id):
        Recording.objects.update_or_create(
            call=call,
            defaults={
                "organization_id": call.organization_id, "path": path, "duration_ms": _ms(sound),
                "size_bytes": full.stat().st_size, "is_complete": True,
            },
        )  # fmt: skip


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


def _write_down(call: Call, said: list[dictation.Passage], problem: str) -> None:
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
        if row.recording_at_carrier == "":  # another was quicker
            return
        first = row.turns.count()
        of = {"organization_id": row.organization_id, "call": row}
        greeting = str(row.instead.get("greeting", ""))
        Turn.objects.create(**of, index=first, role="agent", text=greeting, started_ms=0, ended_ms=0)
        for index, passage in enumerate(said, first + 1):
            Turn.objects.create(
                **of, index=index, role="caller", text=storable(passage.text), started_ms=passage.start_ms,
                ended_ms=passage.end_ms, confidence=passage.confidence,
            )  # fmt: skip
        row.recording_at_carrier = ""
        row.save(update_fields=["recording_at_carrier"])
    if problem:
        carrier_answers.note(call, "message_not_written", {"why": problem[:300]})


def _ms(sound: bytes) -> int:
    return len(sound) // (recordings.RATE_HZ // 1000 * 2)
