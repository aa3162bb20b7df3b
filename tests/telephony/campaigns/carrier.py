"""A carrier for tests, in a process of its own: it calls nobody, and writes down whom it was asked to call.

    python carrier.py SOCKET LOG SEED SECONDS

It is no friend: it calls again when it is asked again, under whatever key; some answers never come back, some requests are lost
on their way, some are refused. What becomes of a number's first, second, … call is drawn from the seed, so that whoever reads
the log knows what should have followed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

OUTCOMES = ["answered"] * 5 + ["busy"] * 2 + ["no_answer"] * 2 + ["voicemail"]
TROUBLE = [("refused", 0.03), ("lost", 0.03), ("unanswered", 0.06)]


def outcome_of(seed: str, number: str, nth: int) -> str:
    return random.Random(f"{seed} {number} {nth}").choice(OUTCOMES)


def trouble_of(seed: str, key: str) -> str:
    drawn = random.Random(f"{seed} {key}").random()
    for name, share in TROUBLE:
        if drawn < share:
            return name
        drawn -= share
    return ""


class Carrier:
    def __init__(self, log: TextIO, seed: str, seconds: float) -> None:
        self._log, self._seed, self._seconds = log, seed, seconds
        self._calls: dict[str, dict[str, Any]] = {}
        self._asked: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = self._answer(json.loads(line))
                if answer is None:  # the line breaks instead
                    break
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        if asked["ask"] == "find":
            return self._found(asked["key"])
        trouble = trouble_of(self._seed, asked["key"])
        if trouble == "lost":
            return None
        number = asked["number"]
        self._asked[number] += 1
        outcome = "failed" if trouble == "refused" else outcome_of(self._seed, number, self._asked[number])
        began = time.time()
        lasts = 0.0 if trouble == "refused" else self._seconds * random.Random(asked["key"]).uniform(0.5, 1.5)
        call = {"key": asked["key"], "number": number, "began": began, "ends": began + lasts, "outcome": outcome}
        self._log.write(json.dumps(call) + "\n")
        self._log.flush()
        self._calls[asked["key"]] = call  # a refused one too: its asker may be killed before it hears of it
        if trouble == "refused":
            return {"state": "refused"}
        return None if trouble == "unanswered" else {"state": "running"}

    def _found(self, key: str) -> dict[str, Any]:
        call = self._calls.get(key)
        if call is None:
            return {"state": "unknown"}
        if time.time() < call["ends"]:
            return {"state": "running"}
        return {"state": "over", "outcome": call["outcome"], "seconds": 40 if call["outcome"] == "answered" else 0}


async def main(socket: str, log: str, seed: str, seconds: str) -> None:
    with Path(log).open("a") as file:
        carrier = Carrier(file, seed, float(seconds))
        server = await asyncio.start_unix_server(carrier.serve, socket)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
