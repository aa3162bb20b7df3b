"""What a call says by itself, and what is spoken before it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from agents import disclosure
from agents.mind import Mind, ReplyPart, Say, Transfer
from agents.spec import AgentSpec
from telephony.session.lines import Lines
from telephony.session.ports import Prepares, TellsAhead
from telephony.session.reply import Parts
from telephony.session.resumed import Resumed
from telephony.session.signals import Line

if TYPE_CHECKING:
    from agents.live import LiveAgent

_LIKELY_LINES = 40
"""So many of a mind's lines are spoken in advance, while the voice has nothing else to do."""


def speak_ahead(agent: LiveAgent, lines: Lines) -> None:
    """Ask a voice that can to make the lines of every call, then those the mind is likely to say. Returns at once."""
    if not isinstance(agent.tts, Prepares):
        return
    likely = list(agent.mind.likely_lines())[:_LIKELY_LINES] if isinstance(agent.mind, TellsAhead) else []
    said = (*agent.spec.says.fillers, *lines.all(), *likely)
    agent.tts.prepare([agent.speak_text(line) for line in said], speed=agent.spec.sounds.voice_speed)


def parts_of(line: Line, text: str, hang_up: str, agent: LiveAgent, lines: Lines, before: Resumed) -> Parts:
    """What is said for ``line``; ``text`` and ``hang_up`` as the turn-taker gave them."""
    spec = agent.spec
    match line:
        case Line.CONSENT:
            return saying(*disclosure.opening(spec))
        case Line.GREETING:
            return greeting(agent.mind)
        case Line.BACK:
            return saying(before.back or lines.back, before.unfinished)
        case Line.TRANSFER:
            return putting_through(spec, text)
        case Line.APOLOGY:
            return saying(lines.apology)
        case Line.GOODBYE:
            return saying(lines.breakdown if hang_up.endswith("_failed") else spec.says.goodbye)
    return saying(text)


def saying(*phrases: str) -> Parts:
    """A reply of these words; of none where there are none."""

    async def parts() -> AsyncIterator[ReplyPart]:
        for phrase in phrases:
            if phrase.strip():
                yield Say(phrase)

    return parts


def putting_through(spec: AgentSpec, target: str) -> Parts:
    """The words before, and then the transfer to the one of this name."""

    async def parts() -> AsyncIterator[ReplyPart]:
        words = next((each.words for each in spec.does.transfers if each.name == target), "")
        if words.strip():
            yield Say(words)
        yield Transfer(target)

    return parts


def greeting(mind: Mind) -> Parts:
    async def parts() -> AsyncIterator[ReplyPart]:
        for part in mind.greet():
            yield part

    return parts
