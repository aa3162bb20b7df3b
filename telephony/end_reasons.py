"""Why a call ended: a short list, each in plain words, with whose side it was on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["caller", "agent", "line", "vendor", "us"]


@dataclass(frozen=True, slots=True)
class EndReason:
    words: str
    side: Side
    is_fault: bool = False
    advice: str = ""


REASONS: dict[str, EndReason] = {
    "caller_goodbye": EndReason("The caller said goodbye", "caller"),
    "caller_hung_up": EndReason("The caller hung up", "caller"),
    "agent_goodbye": EndReason("The agent said goodbye", "agent"),
    "member_hung_up": EndReason("Somebody of your team ended it", "agent"),
    "silence": EndReason("Nobody spoke for too long", "caller", advice="See Limits → Hang up after."),
    "max_duration": EndReason("The longest call length was reached", "agent", advice="See Limits → Longest call."),
    "never_connected": EndReason(
        "The sound connection never came up",
        "line",
        True,
        "The caller's network may block calls. Set up a TURN server for such networks.",
    ),
    "connection_lost": EndReason(
        "The sound connection was lost",
        "line",
        True,
        "The caller's network dropped out. Where it happens to many callers, look at the network of this server.",
    ),
    "busy": EndReason("All call workers were busy", "us", True, "Start another call worker."),
    "no_worker": EndReason("No call worker answered", "us", True, "Check that a call worker runs."),
    "stt_failed": EndReason(
        "The transcriber failed",
        "vendor",
        True,
        "Choose another for this case: Listens → If the transcriber fails, use. One on this machine may be too busy.",
    ),
    "model_failed": EndReason(
        "The language model failed", "vendor", True, "Choose another for this case: Knows → If the model fails, use."
    ),
    "tts_failed": EndReason(
        "The voice failed",
        "vendor",
        True,
        "Choose another for this case: Sounds → If the voice fails, use. One on this machine may be too busy.",
    ),
    "worker_lost": EndReason(
        "The call worker stopped in the middle of the call",
        "us",
        True,
        "The transcript and recording are kept up to that moment.",
    ),
    "worker_stopped": EndReason(
        "The call worker was stopped and the call was still running at its limit",
        "us",
        True,
        "A worker that stops lets its calls finish for so long. The setting is DRAIN_LIMIT_S.",
    ),
    "bad_offer": EndReason(
        "The caller's device sent a connection offer that can't be used",
        "caller",
        True,
        "Let the caller try a current Chrome, Edge, Firefox or Safari.",
    ),
    "line_busy": EndReason("The line was busy", "caller"),
    "no_answer": EndReason("Nobody picked up", "caller"),
    "declined": EndReason("The call was declined", "caller"),
    "not_reachable": EndReason(
        "The number could not be reached", "line", True, "Check the number; the carrier's own words are in the details."
    ),
    "called_off": EndReason("The call was called off before anybody picked up", "agent"),
    "never_placed": EndReason(
        "The telephone company never heard of this call",
        "us",
        advice="Parley was stopped in the moment it asked for it. A campaign tries such a call again.",
    ),
    "machine_answered": EndReason("An answering machine picked up", "caller"),
    "machine_message": EndReason("A message was left on an answering machine", "agent"),
    "after_hours": EndReason("It came after hours and was refused", "agent", advice="See Numbers → After hours."),
    "message_left": EndReason("The caller left a message", "caller"),
    "no_message_left": EndReason("The caller left no message", "caller"),
    "message_said": EndReason("A message was said and it hung up", "agent", advice="See Numbers for what it says."),
    "forwarded": EndReason("The caller was put through to another number", "agent"),
    "not_forwarded": EndReason("The caller should be put through, and nobody was reached", "line"),
    "transferred": EndReason(
        "The agent put the caller through to somebody else", "agent", advice="The call's events say to whom."
    ),
    "carrier_refused": EndReason(
        "The telephone company refused the call", "vendor", True, "The carrier's own words are in the details."
    ),
    "internal_error": EndReason("Something in Parley broke", "us", True, "The details are in the call's events."),
}
