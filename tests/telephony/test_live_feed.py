"""The picture of a call that late listeners get, made of the messages others heard."""

from __future__ import annotations

from typing import Any

from telephony.live_feed import Picture


def said(turn: int, role: str, text: str, *, is_final: bool = True, was_cut: bool = False) -> dict[str, Any]:
    words = {"text": text, "is_final": is_final, "was_cut": was_cut}
    return {"type": "transcript", "at_ms": turn * 100, "turn": turn, "role": role, **words}


def turns_of(*messages: dict[str, Any]) -> list[tuple[int, str]]:
    picture = Picture()
    for message in messages:
        picture.add(message)
    return [(turn["turn"], turn["text"]) for turn in picture.snapshot()["turns"]]


def test_words_that_were_none_after_all_are_not_in_it() -> None:
    begun = said(1, "caller", "Thank you.", is_final=False)
    assert turns_of(said(0, "agent", "Hello!"), begun) == [(0, "Hello!"), (1, "Thank you.")]
    assert turns_of(said(0, "agent", "Hello!"), begun, said(1, "caller", "")) == [(0, "Hello!")]


def test_an_answer_of_which_nothing_was_heard_is_in_it() -> None:
    assert turns_of(said(0, "agent", "", was_cut=True)) == [(0, "")]
