"""Playing a recording in the browser: by range, and by an address that is good for five minutes."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.core import signing
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import tenancy
from telephony.models import Recording
from telephony.recordings import absolute

SIGNED_SECONDS = 300
SALT = "telephony.recording"
PIECE_BYTES = 1 << 16


def signed_url(recording: Recording) -> str:
    """An address that plays the recording for five minutes, for whoever has it."""
    text = signing.dumps([str(recording.organization_id), str(recording.pk)], salt=SALT)
    return reverse("recording", args=[text])


@require_safe
def recording_by_signature(request: HttpRequest, signed: str) -> HttpResponseBase:
    try:
        organization, pk = signing.loads(signed, salt=SALT, max_age=SIGNED_SECONDS)
        with tenancy.use(uuid.UUID(organization)):
            found = Recording.objects.get(pk=uuid.UUID(pk))
    except signing.SignatureExpired:
        return HttpResponse(
            "This address was good for five minutes. Ask for a new one.", status=410, content_type="text/plain"
        )
    except (signing.BadSignature, ValueError, TypeError, Recording.DoesNotExist):
        raise Http404("No such recording") from None
    return serve(request, found)


def serve(request: HttpRequest, recording: Recording) -> HttpResponseBase:
    """The sound, or the range of it that the player asks for (RFC 9110, one range)."""
    path = absolute(recording.path)
    try:
        size = path.stat().st_size
    except OSError:
        raise Http404("The recording's file is gone") from None
    first, last = 0, size - 1
    status = 200
    asked = request.headers.get("Range", "")
    if asked:
        span = _range(asked, size)
        if span is None:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        first, last = span
        status = 206
    pieces: Any = _pieces_async if isinstance(request, ASGIRequest) else _pieces
    body = pieces(path, first, last - first + 1) if request.method == "GET" else iter(())
    response = StreamingHttpResponse(body, status=status, content_type="audio/wav")
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(last - first + 1)
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = f'inline; filename="call-{recording.call_id}.wav"'
    response["X-Content-Type-Options"] = "nosniff"
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _range(text: str, size: int) -> tuple[int, int] | None:
    match = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", text.strip())
    if match is None or not any(match.groups()) or size == 0:
        return None
    if not match[1]:
        return (max(0, size - int(match[2])), size - 1) if int(match[2]) else None
    first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    return (first, last) if first <= last else None


def _pieces(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        file.seek(offset)
        while length > 0 and (piece := file.read(min(PIECE_BYTES, length))):
            length -= len(piece)
            yield piece


async def _pieces_async(path: Path, offset: int, length: int) -> AsyncIterator[bytes]:
    pieces = _pieces(path, offset, length)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
