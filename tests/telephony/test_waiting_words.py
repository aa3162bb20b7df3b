"""What callers hear while an answer isn't there: soon enough, again, and never the same words twice in a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice, pairwise
from typing import Any

import pytest

from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import ReplyPart, Say, Utterance
from agents.spec import AgentSpec
from telephony.session.by_text import TextSession
from telephony.session.lines import lines_for
from telephony.wire import relay
from tests.fakes import Answer, Listening, Speech, Step, UntilAgentQuiet
from tests.simulator.loop import VirtualLoop
from tests.telephony import stand_ins
from tests.telephony.test_session import GREETED, call

OWN = ("Let me see.", "I'm looking it up.")
SLOW_MS = 3_000


@pytest.mark.parametrize("language", ["en-US", "de-DE", "es-ES", "fr-FR", "it-IT", "nl-NL", "pt-BR", "sv-SE"])
@pytest.mark.parametrize("own", [(), OWN, OWN[:1], (OWN[0], OWN[0])])
def test_never_the_same_words_twice_in_a_row(language: str, own: tuple[str, ...]) -> None:
    lines = lines_for(language)
    for before in range(3):
        said = list(islice(lines.fillers(own, before), 8))
        assert all(one != other for one, other in pairwise(said))
    firsts = [next(lines.fillers(own, before)) for before in range(4)]
    assert len(set(own)) == 1 or all(one != other for one, other in pairwise(firsts))
    assert not own or set(firsts) == set(own)


async def test_a_slow_model_makes_the_agent_no_parrot() -> None:
    script: list[Step] = [*GREETED]
    for question in ("Are you open?", "And on Sunday?", "And on Monday?"):
        script += [Speech(question, 600), UntilAgentQuiet(400)]
    story = await call(script, lambda text: Answer([Say("Yes, we are.")], delay_ms=SLOW_MS))
    said = [text.removesuffix(" Yes, we are.") for role, text in story.turns[1:] if role == "agent"]
    assert said[:3] == ["One moment.", "Just a second, please.", "One moment."]


async def test_it_says_what_the_builder_wrote() -> None:
    script = [
        *GREETED,
        Speech("Are you open?", 600),
        UntilAgentQuiet(2_500),
        Speech("On Sunday?", 600),
        UntilAgentQuiet(2_500),
    ]
    story = await call(script, lambda text: Answer([Say("Yes.")], delay_ms=SLOW_MS), says={"fillers": OWN})
    said = [text for role, text in story.turns[1:] if role == "agent"]
    assert said[:2] == ["Let me see. Yes.", "I'm looking it up. Yes."]


class Sleepy(stand_ins.SimpleMind):
    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        await asyncio.sleep(7.5)
        yield Say("Here I am.")


class Words:
    """A line of words: the caller asks twice."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.said: list[tuple[int, str]] = []

    async def messages(self) -> AsyncIterator[relay.Message]:
        for _ in range(2):
            await asyncio.sleep(6)
            yield relay.Prompt("Are you open?", True)
            await asyncio.sleep(14)

    async def say(self, words: str, *, is_last: bool) -> None:
        if words:
            self.said.append((self._loop.now_ms, words.strip()))

    async def press(self, digits: str) -> None: ...


def test_a_call_of_words_is_not_left_in_silence_either() -> None:
    loop = VirtualLoop()
    line = Words(loop)
    spec = AgentSpec.model_validate({"limits": {"reminder_after_s": 60, "hang_up_after_silence_s": 120}})
    agent: Any = LiveAgent(spec, stand_ins.DeafSTT(), stand_ins.HummingTTS(), Sleepy(spec), lambda text: text)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(TextSession(line=line, agent=agent, listener=Listening()).run())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    first = [words for at_ms, words in line.said if 6_000 <= at_ms < 20_000]
    second = [words for at_ms, words in line.said if at_ms >= 20_000]
    still = "It takes a little longer, please stay on the line."
    assert first == ["One moment.", still, "Here I am."]
    assert second == ["Just a second, please.", still, "Here I am."]
    heard_ms = [(at_ms, at_ms + len(words) * 70) for at_ms, words in line.said if 6_000 <= at_ms < 20_000]
    assert heard_ms[0][0] - 6_000 <= 3_000
    assert all(begin - end <= 3_000 for (_, end), (begin, _) in pairwise(heard_ms))
