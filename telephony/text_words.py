"""What a text that comes in asks for, where it asks not to be called or written to, or to be again. Pure.

The law of the United States names words that are an opt-out however a sender would like it (47 CFR 64.1200(a)(10): stop, quit, end, revoke,
opt out, cancel, unsubscribe), and asks to take any other plain wish as one, too; carriers add STOPALL, and START, UNSTOP and HELP (CTIA). "Yes"
is an answer to many questions and no such wish here, though Twilio takes it for START.
"""

from __future__ import annotations

import re
from typing import Literal

Means = Literal["", "stop", "start", "help"]

_STOP = frozenset((
    "stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe", "arret",
))  # fmt: skip
_START = frozenset(("start", "unstop", "subscribe", "resubscribe", "opt in", "optin"))
_HELP = frozenset(("help", "info"))
_POLITE = re.compile(r"\b(?:please|pls|thanks|thank you|now|ok)\b")
_GOES_ON = (
    "all|it|this|that|texting|messaging|calling|contacting|bothering|spamming|sending|writing|texts?|messages?|calls?|sms|"
    "me|us|these|those|your|my|any|more|to|and|or|from|number|phone|anymore|again"
)
_PLAIN = re.compile(
    rf"(?:stop|quit|cease)(?: (?:{_GOES_ON}))+"
    rf"|(?:do not|don t|dont|never) (?:text|call|message|contact|write)(?: (?:{_GOES_ON}))*"
    rf"|no more (?:texts?|messages?|calls?|sms)(?: (?:{_GOES_ON}))*"
    r"|(?:remove|delete) (?:me|my number)(?: from (?:your|the|this) list)?"
    r"|take (?:me|my number) off(?: (?:your|the|this) list)?"
    r"|(?:unsubscribe|opt) (?:me|out)(?: (?:out|me|from this|from these|please))?"
)
"""Wishes in other words: the whole message, never a part of one (“Can you stop by?” is none)."""


def meaning(text: str) -> Means:
    words = " ".join(re.sub(r"[^\w\s]|_", " ", text.casefold()).split())
    words = " ".join(_POLITE.sub(" ", words).split())
    if words in _STOP or _PLAIN.fullmatch(words):
        return "stop"
    if words in _START:
        return "start"
    return "help" if words in _HELP else ""
