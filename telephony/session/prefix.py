"""How much of what the agent set out to say was heard, where only words tell. Pure."""

from __future__ import annotations


def letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def prefix_of(text: str, heard: str) -> str:
    """As much of ``text``, in whole words, as has the letters of ``heard``."""
    wanted = len(letters(heard))
    words: list[str] = []
    count = 0
    for word in text.split():
        count += len(letters(word))
        if count > wanted:
            break
        words.append(word)
    return " ".join(words)
