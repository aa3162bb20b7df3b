"""What an agent may do to the call it is in; ``telephony`` does it."""

from __future__ import annotations

from typing import Protocol


class CallControl(Protocol):
    """One live call."""

    async def send_digits(self, digits: str) -> None:
        """Press these on the line's keypad, after what the agent has begun to say and before what it says next. A comma waits two
        seconds. Returns when the last was let go. Raises ``ValueError``, in plain words, where some are no DTMF digits."""
