"""A spoken call whose brain hears and speaks itself: a server on this machine that speaks OpenAI's Realtime interface, with a real voice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr
from asgiref.sync import sync_to_async

from accounts import credentials, tenancy
from accounts.models import Organization
from agents import dictation
from agents.publish import save_draft
from agents.spec import AgentSpec
from telephony import phone_script, tokens
from telephony.models import Call
from telephony.phone import TerminalPhone
from telephony.phone_script import Line
from tests.peers.realtime_stand_in import RATE_HZ, Item, RealtimeStandIn, Talks, tone
from tests.spoken import caller_lines, spoken
from tests.telephony.test_phone import a_website
from tests.telephony.test_worker_killed import a_worker, environment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.platform,
    pytest.mark.paced,
    pytest.mark.models,
    pytest.mark.timeout(240),
]
__all__ = ["environment"]

SECRET = "sk-test-1234567890"
GREETING = "Bright Smile Dental, how can I help you?"
CLOSING = (
    "We close at five in the afternoon. On Fridays we close at three already, and on the weekend nobody is here at all."
)
SAVED = "Thank you, Thomas. Anything else?"
BYE = "Goodbye, Thomas!"
TWO_LINES_S = 5.2
"""Of the caller's three: the first two are 4.3 seconds, all of them 6.1."""


def at_its_rate(text: str) -> bytes:
    return bytes(soxr.resample(np.frombuffer(spoken(text), "<i2"), 16_000, RATE_HZ).astype("<i2").tobytes())


def answer(items: list[Item]) -> Talks:
    """By how many answers of its own the conversation has, and how long the caller has spoken: it needs no ears for that."""
    done = [item for item in items if item.role == "assistant" and item.pcm]
    if items[-1].kind == "function_call_output":
        return Talks(SAVED)
    match len(done):
        case 0:
            return Talks(CLOSING)
        case 1:
            return Talks(calls=[("save_details", {"key": "name", "value": "Thomas Anderson", "confirmed": True})])
    heard_s = sum(len(item.pcm) for item in items if item.role == "user") / (RATE_HZ * 2)
    if heard_s < TWO_LINES_S:  # the pause after "Stop" was taken for the end of a turn: the name comes only now
        return Talks(SAVED)
    return Talks(BYE, calls=[("end_call", {})])


async def words_in(pcm: bytes) -> str:
    pcm = soxr.resample(np.frombuffer(pcm, "<i2"), RATE_HZ, 16_000).astype("<i2").tobytes()
    return " ".join(each.text for each in await dictation.transcribe(AgentSpec(), {}, pcm)).lower()


async def test_a_call_with_a_model_that_hears_and_speaks(
    agent: Any, organization: Organization, environment: dict[str, str], settings: Any
) -> None:
    known = {text: at_its_rate(text) for text in (GREETING, CLOSING, SAVED, BYE)}
    async with RealtimeStandIn(answer, lambda text: known.get(text) or tone(text)).serving() as server:

        def with_such_a_model() -> None:
            credentials.store(organization, "Local", "openai", SECRET, None, address=server.url)
            knows = {"model": "openai_realtime", "base_url": server.url, "credential": "Local"}
            collect = [{"key": "name", "type": "person", "question": "What is your name?"}]
            save_draft(
                agent,
                {
                    "knows": knows,
                    "does": {"collect": collect},
                    "sounds": {"voice": "openai_realtime/cedar"},
                    "says": {"first_message": GREETING},
                },
            )

        await sync_to_async(with_such_a_model)()
        said = ("What time do you close?", "Stop, my name is Thomas Anderson.", "No thank you, goodbye.")
        lines = [Line("say", said[0]), Line("interrupt", said[1], 2.0), Line("say", said[2])]
        sounds = caller_lines(*said)

        async def token() -> str:
            return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

        allowed = {**environment, "EGRESS_ALLOW": server.url.removeprefix("http://").removesuffix("/v1")}
        async with a_website(environment, settings) as url, a_worker(allowed):
            async with TerminalPhone(url, token) as phone:
                await phone_script.play(phone, lines, sounds)
            found = phone_script.result(phone)

    replies = [each["reply"] for each in found["exchanges"]]
    assert replies[1] == SAVED, (found, [(item.role, item.kind, item.text, len(item.pcm)) for item in server.now.items])
    assert found["end"]["reason"] in ("agent_goodbye", "caller_goodbye"), str(found)
    session = server.now
    assert len(server.connections) == 1 and session.faults == []
    assert session.headers["authorization"] == f"Bearer {SECRET}"
    assert session.config["audio"]["output"]["voice"] == "cedar"
    # A turn in which the caller hesitated is more than one sound; a word alone is little for Whisper to go by.
    of_callers = [item.pcm for item in session.items if item.role == "user"]
    heard = await words_in(b"".join(of_callers))
    for wanted in ("close", "anderson", "goodbye"):
        assert wanted in heard, (heard, [(item.role, item.kind, item.text, len(item.pcm)) for item in session.items])

    def kept() -> tuple[Call, list[Any]]:
        with tenancy.use(organization):
            call = Call.objects.get(pk=phone.call_id)
            return call, list(call.turns.order_by("index"))

    call, turns = await sync_to_async(kept)()
    assert call.collected == {"name": "Thomas Anderson"}
    greeting, closing, *_ = [turn.text for turn in turns if turn.role == "agent"]
    assert greeting == GREETING
    # Interrupted, it knows what was heard of it: the words here, and as many milliseconds of sound there.
    assert CLOSING.startswith(closing) and 3 <= len(closing.split()) <= 12, closing
    cut = next(item for item in session.items if item.role == "assistant" and item.pcm)
    assert cut.truncated_ms is not None and 1_500 <= cut.truncated_ms <= 4_000, cut.truncated_ms
    share, whole = len(closing) / len(CLOSING), len(known[CLOSING]) / (RATE_HZ * 2)
    assert abs(share * whole - cut.truncated_ms / 1000) < 0.8, (closing, cut.truncated_ms)
    assert SECRET not in str(call.spec)
