"""What Telnyx tells of text messages, in Twilio's names. Pure.

https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks: each is an event in JSON, where those of calls are forms.
"""

from __future__ import annotations

import json
from typing import Any

_STATUS = {
    "sent": "sent", "delivery_unconfirmed": "sent", "delivered": "delivered", "sending_failed": "failed",
    "delivery_failed": "undelivered", "expired": "undelivered", "cancelled": "failed",
}  # fmt: skip
"""Of whom it was sent to → Twilio's MessageStatus; the others say that nothing has become of it yet."""


def form(body: bytes) -> dict[str, str]:
    """``{}``: it is no event of a text. Of one that we sent there is no ``From``: nobody takes it for one that came in."""
    try:
        event = _object(_object(json.loads(body)).get("data"))
    except (ValueError, RecursionError):
        return {}
    kind, message = event.get("event_type"), _object(event.get("payload"))
    if kind == "message.received":
        return {
            "MessageSid": _text(message.get("id")),
            "From": _text(_object(message.get("from")).get("phone_number")),
            "To": _text(_first(message.get("to")).get("phone_number")),
            "Body": _text(message.get("text")),
            "NumMedia": str(len(_list(message.get("media")))),
        }
    if not isinstance(kind, str) or not kind.startswith("message."):
        return {}
    wrong = _first(message.get("errors"))
    return {
        "MessageSid": _text(message.get("id")),
        "MessageStatus": _STATUS.get(_text(_first(message.get("to")).get("status")), ""),
        "ErrorCode": _text(wrong.get("code")),
        "ErrorMessage": _text(wrong.get("detail")) or _text(wrong.get("title")),
    }


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _first(found: Any) -> dict[str, Any]:
    return _object(next(iter(_list(found)), None))


def _text(found: Any) -> str:
    return found if isinstance(found, str) else str(found) if isinstance(found, int) else ""
