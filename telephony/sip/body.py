"""The session description in a body: alone, or as one part of several (RFC 5621)."""

from __future__ import annotations

from telephony.sip.message import Headers
from telephony.sip.scan import BadMessage, params, unquoted

SDP = "application/sdp"
MAX_PARTS = 16


def session_of(headers: Headers, body: bytes) -> bytes | None:
    """The SDP; b"" where there is no body at all, None where there is one without SDP (415)."""
    if not body:
        return b""
    encoding = headers.first("content-encoding").strip(" \t").lower()
    kind, _, tail = headers.first("content-type").partition(";")
    kind = kind.strip(" \t").lower()
    if encoding not in ("", "identity"):
        return None
    if kind == SDP:
        return body
    if not kind.startswith("multipart/"):
        return None
    try:
        boundary = unquoted(params(tail).get("boundary", ""))
    except BadMessage:
        return None
    return _part_of(body, boundary) if boundary and len(boundary) <= 70 else None


def _part_of(body: bytes, boundary: str) -> bytes | None:
    mark = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
    for part in (b"\r\n" + body).split(mark, MAX_PARTS)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if blank and _kind_of_part(head) == SDP:
            return content if content.endswith(b"\r\n") else content + b"\r\n"
    return None


def _kind_of_part(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"content-type", b"c"):
            return value.partition(b";")[0].strip().lower().decode("latin-1")
    return ""
