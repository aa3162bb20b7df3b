"""Twilio's ConversationRelay without Twilio: it speaks the words it is sent at a pace of its own, tells what was played, and
sends what the person says as words. What it does is what Twilio documents."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

LETTER_S = 0.004


@dataclass
class Relay:
    """One session, as the person at the other end of the call has it."""

    terms: dict[str, str]
    """The attributes of ``<ConversationRelay>``."""
    socket: Any = None
    heard: str = ""
    """All that was spoken to them."""
    digits: list[str] = field(default_factory=list)
    is_ended: bool = False
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    first_word_s: float | None = None
    _waiting: list[str] = field(default_factory=list)
    _utterance: str = ""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _is_speaking: bool = False

    async def say(self, text: str, *, is_last: bool = True) -> None:
        """The person says this."""
        await self._tell(type="info", name="clientSpeaking", value="on")
        if self._is_speaking and self.terms["interruptible"] in ("any", "speech"):
            self._waiting.clear()
            self._is_speaking = False
            await self._tell(
                type="interrupt", utteranceUntilInterrupt=self._utterance.strip(), durationUntilInterruptMs="460"
            )
            await self._tell(type="info", name="agentSpeaking", value="off")
        first, _, _ = text.partition(" ")
        await self._tell(type="prompt", voicePrompt=first, lang="en-US", last=False)
        await self._tell(type="info", name="clientSpeaking", value="off")
        if is_last:
            await self._tell(type="prompt", voicePrompt=text, lang="en-US", last=True)

    async def press(self, digit: str) -> None:
        await self._tell(type="dtmf", digit=digit)

    async def listen(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            match message["type"]:
                case "text":
                    assert set(message) <= {"type", "token", "last", "lang", "interruptible", "preemptible"}
                    self._waiting += message["token"].split()
                    self._wake.set()
                case "sendDigits":
                    self.digits.append(message["digits"])
                case "end":
                    self.is_ended = True
                    return
                case kind:
                    raise AssertionError(f"Twilio knows no {kind}")

    async def speak(self) -> None:
        """In real time, a word at a time."""
        while True:
            while not self._waiting:
                if self._is_speaking:
                    self._is_speaking = False
                    await self._tell(type="info", name="agentSpeaking", value="off")
                self._wake.clear()
                await self._wake.wait()
            if not self._is_speaking:
                self._is_speaking, self._utterance = True, ""
                await self._tell(type="info", name="agentSpeaking", value="on")
            word = self._waiting.pop(0)
            self.first_word_s = self.first_word_s or time.monotonic()
            await asyncio.sleep(len(word) * LETTER_S)
            if self._is_speaking:
                self.heard += f"{word} "
                self._utterance += f"{word} "
                await self._tell(type="info", name="tokensPlayed", value=word)

    async def _tell(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))
