"""The digits a caller presses one after another, until they are an answer. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import replace

from agents.keypad import masked
from agents.mind import Keys

MOST_DIGITS = 32
"""Of one turn; what is pressed beyond is left out."""
LONGEST_PRESS_MS = 10_000
"""A digit held for longer than this is stuck."""


class Keypad:
    """``press`` and ``release`` as it happens; they are whole from ``over_ms`` on. ``clear`` it for the next turn."""

    def __init__(self, timeout_ms: int, ends_with: str) -> None:
        """``timeout_ms``: how long the next digit is waited for. ``ends_with``: the one that waits for no other, "" for none."""
        self.digits = ""
        self.expects = 0
        """So many are a whole answer to what the agent has asked; 0: nobody knows."""
        self.wanted: Keys | None = None
        """How they are taken, where the agent asked for keys."""
        self._was_left = False
        """What is wanted is a secret that was asked for before the agent said something else."""
        self._timeout_ms = timeout_ms
        self._ends_with = ends_with
        self._is_down = False
        self._pressed_ms = 0
        self._last_ms = 0

    def press(self, digit: str, now_ms: int, *, before: int = 0) -> None:
        """``before``: see ``wire.dtmf.Pressed``."""
        if len(self.digits) >= MOST_DIGITS:
            return
        at = max(0, len(self.digits) - before)
        self.digits = self.digits[:at] + digit + self.digits[at:]
        self._pressed_ms = self._last_ms = now_ms
        self._is_down = before == 0

    def release(self, now_ms: int) -> None:
        if self._is_down:
            self._is_down, self._last_ms = False, now_ms

    def clear(self) -> None:
        self.digits, self._is_down = "", False

    def ask(self, keys: Keys | None, expects: int, *, is_for_others: bool = False) -> None:
        """The agent asks, for keys or digits. ``is_for_others``: it asks for something that isn't the secret before."""
        if keys is not None:
            self.wanted, self._was_left = keys, False
        elif self._was_left and (expects or is_for_others):
            self.wanted, self._was_left = None, False
        self.expects = expects or self.expects

    def leave(self, *, was_pressed: bool, is_repeated: bool) -> None:
        """The agent says something else, to which no keys belong. A secret that was not pressed yet stays one: "Wait, I have to look
        it up" is no answer to the question for a PIN. ``was_pressed``: keys were in the turn that it answers. ``is_repeated``: it
        only asks to hear it again."""
        self.expects = 0
        if is_repeated and self.is_secret:
            return
        if self.wanted is not None and self.is_secret and not was_pressed:
            self.wanted, self._was_left = replace(self.wanted, most=0, silence_ms=0), True
        else:
            self.wanted, self._was_left = None, False

    def stop_waiting(self) -> None:
        """Silence was an answer once."""
        if self.wanted is not None:
            self.wanted = replace(self.wanted, silence_ms=0)

    @property
    def is_secret(self) -> bool:
        return self.wanted is not None and self.wanted.is_secret

    @property
    def shown(self) -> str:
        """As they are kept."""
        return masked(self.digits) if self.is_secret else self.digits

    @property
    def silence_ms(self) -> int:
        """So long without anything is an answer; 0: it isn't."""
        return self.wanted.silence_ms if self.wanted is not None else 0

    @property
    def last_ms(self) -> int:
        """When the last of them went down."""
        return self._pressed_ms

    @property
    def over_ms(self) -> int:
        """When they are an answer, if nothing more comes."""
        wanted = self.wanted or Keys(self.expects, self._ends_with)
        is_ended = bool(wanted.ends_with) and self.digits.endswith(wanted.ends_with)
        if is_ended or 0 < wanted.most <= len(self.digits):
            return self._pressed_ms
        return self._last_ms + max(wanted.between_ms or self._timeout_ms, LONGEST_PRESS_MS if self._is_down else 0)
