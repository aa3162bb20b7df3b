"""The keypad as a language model's tools: have the caller press a number and wait for it, and press keys on the line. Pure.

collect_digits ─▶ ``Collecting``: its words are said ─▶ each utterance is ``heard`` ─┬▶ ``Again``: too few, or nothing; said once more
                                                                                     └▶ ``Heard``: the model is told
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.keypad import masked, spoken
from agents.llm import Tool
from agents.mind import Keys, Say, Utterance

PRESSABLE = re.compile(r"[0-9*#A-Da-d,wW\s-]{1,64}")
MOST_DIGITS = 32
_TOO_FEW = {
    "en": "That was too short.",
    "de": "Das war zu kurz.",
    "es": "Era demasiado corto.",
    "fr": "C'était trop court.",
    "it": "Era troppo corto.",
    "nl": "Dat was te kort.",
    "pt": "Foi curto demais.",
}


@dataclass(frozen=True, slots=True)
class Collecting:
    """A number that the caller is asked to press."""

    prompt: str
    least: int = 1
    most: int = MOST_DIGITS
    timeout_s: float = 6.0
    between_ms: int = 2_500
    ends_with: str = "#"
    tries: int = 2
    key: str = ""
    """The field it is saved as."""
    is_secret: bool = False
    tried: int = 1

    def ask(self, language: str = "en", *, was_short: bool = False) -> Say:
        first = f"{_TOO_FEW.get(language.partition('-')[0], _TOO_FEW['en'])} " if was_short else ""
        keys = Keys(self.most, self.ends_with, self.between_ms, round(self.timeout_s * 1000), self.is_secret)
        return Say(first + self.prompt, keys=keys)

    def heard(self, utterance: Utterance) -> Heard | Again:
        """What an answer comes to."""
        ends = (self.ends_with,) if self.ends_with else ()
        digits = utterance.digits[:-1] if utterance.digits.endswith(ends) and ends else utterance.digits
        words = spoken(utterance.text, utterance.shown_digits)
        if digits and self.least <= len(digits) <= self.most:
            shown = f"{len(digits)} secret keys" if self.is_secret else digits
            return Heard(digits, f"{words} [pressed {shown}, as asked]".strip())
        if words:  # they would rather speak
            return Heard("", f"{words} [pressed {utterance.shown_digits}]".strip() if utterance.digits else words)
        if self.tried < self.tries:
            return Again(replace(self, tried=self.tried + 1), was_short=bool(utterance.digits))
        what = f"only {len(digits)} of at least {self.least} keys" if digits else "nothing"
        return Heard("", f"[pressed {what}, asked {self.tried} times]")


@dataclass(frozen=True, slots=True)
class Heard:
    """``digits``: the number, "" where it wasn't one. ``told``: the caller's turn as the model sees it."""

    digits: str
    told: str


@dataclass(frozen=True, slots=True)
class Again:
    """Asked once more."""

    asking: Collecting
    was_short: bool


def tools(fields: Sequence[str], *, asks: bool, presses: bool) -> list[Tool]:
    """``fields``: the names a number can be saved as."""
    found: list[Tool] = []
    if asks:
        key = (
            {"key": {"type": "string", "enum": list(fields), "description": "save it under this name"}}
            if fields
            else {}
        )
        found.append(Tool(
            "collect_digits",
            "Ask the caller to press a number on the keypad, and wait for it. Say nothing yourself: the prompt is said. You are told what came.",
            {
                "type": "object",
                "properties": {
                    "prompt": {"type": "string", "description": "what the caller hears, such as “Please enter your customer number.”"},
                    "least": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS, "description": "fewest keys; 1 if not given"},
                    "most": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS, "description": "after so many it is complete"},
                    "timeout_s": {"type": "number", "minimum": 1, "maximum": 60, "description": "seconds to wait for the first key; 6"},
                    "between_ms": {"type": "integer", "minimum": 500, "maximum": 10_000, "description": "wait for the next key; 2500"},
                    "ends_with": {"type": "string", "enum": ["#", "*", ""], "description": "the key that ends it; #"},
                    "tries": {"type": "integer", "minimum": 1, "maximum": 5, "description": "how often it is asked for; 2"},
                    "secret": {"type": "boolean", "description": "true for a PIN or a card number: not shown or kept; you are told how many"},
                    **key,
                },
                "required": ["prompt"],
            },
        ))  # fmt: skip
    if presses:
        found.append(Tool(
            "press_keys",
            "Press keys on the line when you talk to another side's phone menu, after what you have said. “,” waits two seconds, “w” half a second.",
            {
                "type": "object",
                "properties": {"digits": {"type": "string", "description": "such as 1 or 2,42#"}},
                "required": ["digits"],
            },
        ))  # fmt: skip
    return found


def collecting(given: Mapping[str, object], fields: Sequence[str]) -> Collecting:
    """What a model asks for. Raises ``ValueError``, in words for the model."""
    prompt = str(given.get("prompt", "")).strip()[:500]
    if not prompt:
        raise ValueError("say in “prompt” what the caller shall press")
    least = _whole(given, "least", 1, 1, MOST_DIGITS)
    most = _whole(given, "most", max(least, MOST_DIGITS), 1, MOST_DIGITS)
    if most < least:
        raise ValueError("“most” is less than “least”")
    ends_with = str(given.get("ends_with", "#"))
    if ends_with not in ("#", "*", ""):
        raise ValueError("“ends_with” is #, * or empty")
    key = str(given.get("key", ""))
    if key and key not in fields:
        raise ValueError(f"the keys are {', '.join(fields)}" if fields else "there is nothing to save it as")
    return Collecting(
        prompt, least, most, float(_whole(given, "timeout_s", 6, 1, 60)), _whole(given, "between_ms", 2_500, 500, 10_000),
        ends_with, _whole(given, "tries", 2, 1, 5), key, given.get("secret") in (True, "true"),
    )  # fmt: skip


def pressed(given: Mapping[str, object]) -> str:
    """Raises ``ValueError``, in words for the model."""
    digits = str(given.get("digits", "")).strip()
    if not PRESSABLE.fullmatch(digits) or not re.search(r"[0-9*#A-Da-d]", digits):
        raise ValueError("“digits” are 0 to 9, * and #, at most 64; “,” waits two seconds, “w” half a second")
    return digits


def saved(asking: Collecting, digits: str) -> str:
    """As it is kept."""
    return masked(digits) if asking.is_secret else digits


def _whole(given: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"“{name}” is a number from {least} to {most}")
    return int(value)
