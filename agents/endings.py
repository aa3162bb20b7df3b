"""Does the caller end the call with these words? The same for every brain. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.collect.words import FILLERS, flat, word_set, words

_AFTER = word_set("you thank so for now then bye goodbye today very much i need have a nice day good one and")
_ALL_RIGHT = re.compile(r"\s*(?:right|fine|correct|good)\b")
_UNDONE = re.compile(
    r"(?:\bsay|\bnot|n't|\bnever|\bbefore we|\bif)(?: (?:just|please|you|ever|even|yet|want to|wanna|go and|say|saying))*$"
)
"""Before the phrase, what makes it none: "don't hang up"."""


def is_ending(text: str, phrases: Sequence[str]) -> bool:
    """One of the ending phrases is the sentence's end or nearly all of it: "that's all I know about it" is not an end."""
    low = flat(text)
    for phrase in phrases:
        for match in re.finditer(rf"(?<!\w){re.escape(flat(phrase).strip(' .!?'))}(?!\w)", low):
            if phrase.startswith("that") and _ALL_RIGHT.match(low, match.end()):
                continue
            rest = [w for w in words(low[match.end() :]) if w.text not in FILLERS and w.text not in _AFTER]
            if not rest and not _UNDONE.search(low[: match.start()].rstrip()):
                return True
    return False
