"""Spelling → sound: the words as the voice is given them. The transcript keeps the spelling. Pure.

A builder's own pronunciations come first and are left alone by everything after; then what is written in signs and digits is
written out (``agents.reading``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents import reading
from agents.spec import Pronunciation

_MARK = 0xE000
"""Private-use letters stand for the builder's pronunciations while the rest is rewritten."""
_MARKS = 0x18FF
_ENDING = r"(?P<ending>(?:['’]s|s['’]?|es)?)"
_SIBILANTS = tuple("szʃʒ")
_VOICELESS = tuple("ptkfθ")


class Speaker:
    """One spec's pronunciations, ready to use."""

    def __init__(self, pronunciations: Sequence[Pronunciation], *, language: str, can_ipa: bool) -> None:
        self._language = language
        self._can_ipa = can_ipa
        self._sounds = {entry.word.casefold(): entry for entry in pronunciations}
        words = sorted(self._sounds, key=len, reverse=True)  # "New York Times" before "New York"
        self._words = (
            re.compile(rf"(?<!\w)(?P<word>{'|'.join(map(re.escape, words))}){_ENDING}(?!\w)", re.IGNORECASE)
            if words
            else None
        )

    def speak(self, text: str) -> str:
        """Plain text → what the TTS is given."""
        text = "".join(letter for letter in text if not _MARK <= ord(letter) < _MARK + _MARKS)
        spoken: list[str] = []

        def mark(found: re.Match[str]) -> str:
            entry = self._sounds.get(found["word"].casefold())
            if entry is None or len(spoken) >= _MARKS:
                return found[0]
            spoken.append(self._sound(entry, found["ending"]))
            return chr(_MARK + len(spoken) - 1)

        text = reading.plain(text)
        if self._words is not None:
            text = self._words.sub(mark, text)
        text = reading.aloud(text, self._language)
        return re.sub(r"[\ue000-\uf8fe]", lambda found: spoken[ord(found[0]) - _MARK], text)

    def _sound(self, entry: Pronunciation, ending: str) -> str:
        ipa = entry.ipa.strip().strip("/[]").strip()
        if ipa and self._can_ipa:
            return f"[[{ipa}{_plural(ipa) if ending else ''}]]"
        said = entry.sounds_like.strip() or entry.word
        return said + ("" if not ending else "'s" if said[-1:].isupper() else ending.replace("’", "'"))


def _plural(ipa: str) -> str:
    last = ipa.rstrip("ˈˌː ")
    if last.endswith(_SIBILANTS):
        return "ɪz"
    return "s" if last.endswith(_VOICELESS) else "z"
