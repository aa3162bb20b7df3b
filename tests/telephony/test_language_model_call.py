"""A spoken call whose brain is a language model: a server on this machine that speaks OpenAI's documented protocol."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import credentials, tenancy
from accounts.models import Organization
from agents.publish import save_draft
from telephony import phone_script, tokens
from telephony.models import Call
from telephony.phone import TerminalPhone
from telephony.phone_script import Line
from tests.agents.llm_server import Answer, Server, calls, ends, says, serving
from tests.spoken import caller_lines
from tests.telephony.test_phone import VOICE, a_website
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
LAST_STEP = [*calls("end_call", "{}", call_id="call_end"), *ends("tool_calls")]


class ByWords:
    """Answers by what was asked, as often as it is asked: a turn may be thought about twice before it is sure."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def pop(self, index: int) -> Answer:
        messages = self._server.asked[-1]["messages"]
        words = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "").lower()
        if messages[-1]["role"] == "tool":
            return Answer(says("Thank you, Thomas. Anything else?"))
        if "name" in words:
            saved = calls("save_details", '{"key": "name", "value": "Thomas Anderson", "confirmed": true}')
            return Answer([*saved, *ends("tool_calls")])
        if "bye" in words:
            return Answer([*says("Goodbye, Thomas!", finish="tool_calls")[:-3], *LAST_STEP])
        return Answer(says("We close at five in the afternoon."))


async def test_one_key_and_an_address_make_the_same_agent_converse(
    agent: Any, organization: Organization, environment: dict[str, str], settings: Any
) -> None:
    async with serving() as server:
        server.answers = ByWords(server)  # type: ignore[assignment]

        def with_a_model() -> None:
            credentials.store(organization, "Local", "openai", SECRET, None, address=server.url)
            knows = {"model": "openai", "model_name": "test-model", "base_url": server.url, "credential": "Local"}
            collect = [{"key": "name", "type": "person", "question": "What is your name?"}]
            save_draft(agent, {"knows": knows, "does": {"collect": collect}})

        await sync_to_async(with_a_model)()
        words = ("What time do you close?", "My name is Thomas Anderson.", "Thank you and goodbye.")
        lines = [Line("say", text) for text in words]
        sounds = caller_lines(*words)

        async def token() -> str:
            return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

        allowed = {**environment, "EGRESS_ALLOW": server.url.removeprefix("http://").removesuffix("/v1")}
        async with a_website(environment, settings) as url, a_worker(allowed):
            async with TerminalPhone(url, token) as phone:
                await phone_script.play(phone, lines, sounds)
            found = phone_script.result(phone)

    reply = found["exchanges"][0]["reply"].removeprefix("One moment. ")  # said where the machine is slow
    assert reply == "We close at five in the afternoon.", str(found)
    assert "Thomas" in found["exchanges"][1]["reply"], str(found)
    assert found["end"]["reason"] in ("agent_goodbye", "caller_goodbye"), str(found)
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {SECRET}"}

    def kept() -> Call:
        with tenancy.use(organization):
            return Call.objects.get(pk=phone.call_id)

    call = await sync_to_async(kept)()
    assert call.collected == {"name": "Thomas Anderson"}
    assert SECRET not in str(call.spec)


async def test_a_server_nobody_allowed_is_not_asked_and_the_call_says_why(
    agent: Any, organization: Organization, environment: dict[str, str], settings: Any
) -> None:
    async with serving() as server:
        server.answers = ByWords(server)  # type: ignore[assignment]
        knows = {"model": "openai", "model_name": "test-model", "base_url": server.url}
        await sync_to_async(save_draft)(agent, {"knows": knows})
        lines = [Line("say", "What time do you close?")]
        sounds = await phone_script.prepare(lines, VOICE)

        async def token() -> str:
            return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

        async with a_website(environment, settings) as url, a_worker(environment):
            async with TerminalPhone(url, token) as phone:
                await phone_script.play(phone, lines, sounds)
            found = phone_script.result(phone)
        assert server.asked == []

    def happened() -> str:
        with tenancy.use(organization):
            call = Call.objects.get(pk=phone.call_id)
            return f"{call.end_reason} {call.end_detail} {[(e.kind, e.data) for e in call.events.all()]}"

    told = await sync_to_async(happened)()
    assert "model" in told, told
    assert found["exchanges"][0]["reply"], "the caller hears that something is wrong, not silence"
