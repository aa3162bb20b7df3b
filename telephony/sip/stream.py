"""Messages out of a TCP or TLS stream (RFC 3261, 18.3; RFC 5626, 3.5.1): whatever the pieces the network cut it into."""

from __future__ import annotations

from telephony.sip.message import MAX_BODY_BYTES, MAX_HEAD_BYTES

PING = b"\r\n\r\n"
PONG = b"\r\n"


class BadStream(ValueError):
    """Nobody can say where the next message begins: close the connection."""


class StreamReader:
    """``feed`` what arrives; out come whole messages, each of at most 16 kB of head and 64 kB of body, and ``PING``.

    A reader holds at most one incomplete message. How long it may stay incomplete is the shell's to say.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        """No end of a head begins before here."""
        self._needed = 0
        """Bytes of the whole message, once its head is known."""

    @property
    def is_unfinished(self) -> bool:
        """Whether a message has begun. An empty line is none: it may be the first half of a ping, and is ignored before a message
        (RFC 3261, 7.5)."""
        return len(self._buffer) > 3 or bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found: list[bytes] = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._needed:
            if buffer.startswith(PING):
                del buffer[:4]
                return PING
            if buffer.startswith(PONG) and len(buffer) > 2 and buffer[2:3] != b"\r":
                del buffer[:2]  # a pong, or an empty line before a message
            end = buffer.find(b"\r\n\r\n", self._searched)
            if end < 0:
                if len(buffer) > MAX_HEAD_BYTES:
                    raise BadStream("a head is too long")
                self._searched = max(0, len(buffer) - 3)
                return None
            if end > MAX_HEAD_BYTES:
                raise BadStream("a head is too long")
            self._needed = end + 4 + self._body_bytes(bytes(buffer[:end]))
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._searched = self._needed = 0
        return message

    @staticmethod
    def _body_bytes(head: bytes) -> int:
        """Content-Length must be there on a stream, once (RFC 3261, 18.3), and may be folded or short."""
        found: list[bytes] = []
        for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"content-length", b"l"):
                found.append(value.strip())
        if len(found) != 1 or not found[0].isdigit() or len(found[0]) > 12:
            raise BadStream("a message doesn't tell its length")
        length = int(found[0])
        if length > MAX_BODY_BYTES:
            raise BadStream("a body is too long")
        return length
