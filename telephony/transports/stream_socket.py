"""A carrier's WebSocket with a short way for what comes fifty times a second: no queue and no task between the network and whoever
listens, none between them and the network. Written against the internals of websockets 17; ``tests/telephony/test_stream_socket.py``
holds it to them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

logger = logging.getLogger(__name__)


class StreamSocket(ServerConnection):
    """``serve(…, create_connection=StreamSocket)``. ``recv`` and ``send`` do as ever, and ``recv`` must go on: it is given what came
    before ``listen``, messages in several frames, and the end."""

    _tell: Callable[[bytes], None] | None = None

    def listen(self, tell: Callable[[bytes], None] | None) -> None:
        """Who is told each message as it comes, on the loop, as long as nothing that came earlier waits for ``recv``."""
        self._tell = tell

    def process_event(self, event: Frame | Request | Response) -> None:
        tell = self._tell
        if (
            tell is not None
            and isinstance(event, Frame)
            and event.opcode is Opcode.TEXT
            and event.fin
            and not len(self.recv_messages.frames)
        ):
            try:
                tell(bytes(event.data))
            except Exception:  # the connection's own state is no business of ours
                logger.exception("A message could not be taken")
            return
        super().process_event(event)

    def send_at_once(self, text: str) -> None:
        """Without waiting for a network that doesn't take it: whoever sends looks at the transport's buffer. Raises ``ConnectionClosed``."""
        if self.protocol.state is not State.OPEN:
            raise ConnectionClosed(None, None)
        self.protocol.send_text(text.encode())
        try:
            self.send_data()
        except Exception as error:  # as ``send`` does
            self.set_connection_exc(error)
            self.transport.abort()
            raise ConnectionClosed(None, None) from error
