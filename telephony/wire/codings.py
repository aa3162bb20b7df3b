"""The codings of sound that telephones and we have in common, and their numbers in offers and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from telephony.wire.sdp import BadDescription, Format

Coding = Literal["opus", "g722", "pcmu", "pcma"]
CLOCK_HZ: Mapping[Coding, int] = {"opus": 48_000, "g722": 8_000, "pcmu": 8_000, "pcma": 8_000}
"""Of RTP. G.722 has 16,000 samples a second, and 8,000 here by an old mistake (RFC 3551, 4.5.2)."""
EVENTS = "telephone-event"
"""Digits, see ``dtmf``."""
_OFFERED_AS: Mapping[Coding, tuple[int, str]] = {
    "opus": (96, "opus/48000/2"),
    "g722": (9, "G722/8000"),
    "pcmu": (0, "PCMU/8000"),
    "pcma": (8, "PCMA/8000"),
}
_EVENTS_AS: Mapping[int, int] = {8_000: 101, 48_000: 102}
_PARAMETERS = {"opus": "useinbandfec=1", EVENTS: "0-15"}


class Numbers:
    """Payload types as a session has used them: a number never changes its meaning, unless the other side says so."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    def offered(self, codings: Sequence[Coding]) -> list[Format]:
        """All of these, and digits on their clocks."""
        formats = [self._format(coding, CLOCK_HZ[coding], _OFFERED_AS[coding][0]) for coding in codings]
        clocks = sorted({CLOCK_HZ[coding] for coding in codings})
        return formats + [self._format(EVENTS, rate_hz, _EVENTS_AS[rate_hz]) for rate_hz in clocks]

    def remember(self, formats: Sequence[Format]) -> None:
        for each in formats:
            self._known = {name: number for name, number in self._known.items() if number != each.payload_type}
            self._known[each.name, each.rate_hz] = each.payload_type

    def _format(self, name: str, rate_hz: int, usual: int) -> Format:
        taken = set(self._known.values())
        free = (number for number in (usual, *range(103, 128), *range(97, 101)) if number not in taken)
        number = self._known.setdefault((name, rate_hz), next(free))
        return Format(number, name, rate_hz, _PARAMETERS.get(name, ""))


def attributes(formats: Sequence[Format]) -> Sequence[tuple[str, str]]:
    """Their ``a=rtpmap`` and ``a=fmtp``."""
    return _attributes(tuple(formats))


@lru_cache(maxsize=64)
def _attributes(formats: tuple[Format, ...]) -> tuple[tuple[str, str], ...]:
    written: list[tuple[str, str]] = []
    for each in formats:
        spelled = f"{EVENTS}/{each.rate_hz}" if each.name == EVENTS else _OFFERED_AS[_coding(each.name)][1]
        written.append(("rtpmap", f"{each.payload_type} {spelled}"))
        if parameters := _PARAMETERS.get(each.name):
            written.append(("fmtp", f"{each.payload_type} {parameters}"))
    return tuple(written)


def first_of(listed: Sequence[Format], wanted: Sequence[Coding]) -> tuple[Coding, Format]:
    """What they list that we want most. Raises :class:`BadDescription` where there is nothing."""
    for coding in wanted:
        for each in listed:
            if _is(each, coding):
                return coding, Format(each.payload_type, coding, CLOCK_HZ[coding], each.parameters)
    theirs = ", ".join(dict.fromkeys(each.name for each in listed)) or "none that is known"
    raise BadDescription(f"There is no common audio coding. Theirs: {theirs[:200]}. Ours: {', '.join(wanted)}.")


def events_of(listed: Sequence[Format], coding: Coding) -> Format | None:
    """Their digits, on the sound's own clock or on the usual one."""
    known = [each for each in listed if each.name == EVENTS and each.rate_hz in _EVENTS_AS]
    return min(known, key=lambda each: (each.rate_hz != CLOCK_HZ[coding], each.rate_hz), default=None)


def receivable(offered: Sequence[Format], answered: Sequence[Format]) -> dict[int, Coding]:
    """By our numbers, which they are to use, and by their own where we gave those no meaning: some mix the two up."""
    numbers = {each.payload_type: _coding(each.name) for each in offered if each.name != EVENTS}
    codings, taken = set(numbers.values()), {each.payload_type for each in offered}
    theirs = {
        each.payload_type: coding
        for each in answered
        for coding in codings
        if each.payload_type not in taken and _is(each, coding)
    }
    return {**theirs, **numbers}


def receivable_events(offered: Sequence[Format], answered: Sequence[Format]) -> dict[int, int]:
    """The same for digits: their numbers, and the clock of their durations."""
    taken = {each.payload_type for each in offered}
    theirs = {
        each.payload_type: each.rate_hz for each in answered if each.name == EVENTS and each.payload_type not in taken
    }
    return {**theirs, **{each.payload_type: each.rate_hz for each in offered if each.name == EVENTS}}


def takes_fec(each: Format) -> bool:
    """Opus: the coarse copy of the packet before is of use to them."""
    return each.name == "opus" and "useinbandfec=1" in each.parameters.replace(" ", "").lower()


def _coding(name: str) -> Coding:
    return next(coding for coding in CLOCK_HZ if coding == name)


def _is(each: Format, coding: Coding) -> bool:
    """Some write G.722's clock as what it should have been."""
    return each.name == coding and (each.rate_hz == CLOCK_HZ[coding] or (coding == "g722" and each.rate_hz == 16_000))
