"""The dialler that speaks with the tests' carrier, and the clock that runs faster than the wall's."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from telephony.campaigns.dialler import NotPlaced, Order, Over, Running
from telephony.dialing.gate import Permit


class FastClock:
    """``speed`` seconds a second, from ``base``."""

    def __init__(self, base: datetime, began: float, speed: float) -> None:
        self._base, self._began, self._speed = base, began, speed

    def __call__(self) -> datetime:
        return self.at(time.time())

    def at(self, wall: float) -> datetime:
        return self._base + timedelta(seconds=(wall - self._began) * self._speed)


BASE = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


class CarrierLine:
    longest_minutes = 5
    why_not = ""
    room: int | None = None

    def __init__(self, path: str, settles_after: timedelta) -> None:
        self._path, self.settles_after = path, settles_after

    def enter(self, permit: Permit, order: Order) -> None:
        return None

    def place(self, permit: Permit, order: Order) -> None:
        if self._ask({"ask": "place", "key": permit.key, "number": permit.number})["state"] == "refused":
            raise NotPlaced("The carrier refused the call.")

    def find(self, key: str) -> Running | Over | None:
        answer = self._ask({"ask": "find", "key": key})
        match answer["state"]:
            case "unknown":
                return None
            case "running":
                return Running()
        return Over(answer["outcome"], answer["seconds"])

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            line.connect(self._path)
            line.sendall(json.dumps(what).encode() + b"\n")
            answer = line.makefile().readline()
        if not answer:
            raise ConnectionError("The carrier hung up without an answer.")
        found: dict[str, Any] = json.loads(answer)
        return found
