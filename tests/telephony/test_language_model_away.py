"""A spoken call whose language model's server takes the question and never answers: the script answers, and the page says so."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from accounts.models import Organization
from agents.publish import save_draft
from frontend.queries.why import event_words
from telephony import phone_script, tokens
from telephony.models import Call
from telephony.phone import TerminalPhone
from telephony.phone_script import Line
from tests.agents.llm_server import Answer, Server, says, serving
from tests.spoken import caller_lines
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


class Hanging:
    def __init__(self, server: Server) -> None:
        self._server = server

    def pop(self, index: int) -> Answer:
        return Answer(says("Too late."), delay_s=60)


async def test_the_script_answers_for_a_model_that_hangs(
    agent: Any, organization: Organization, environment: dict[str, str], settings: Any
) -> None:
    async with serving() as server:
        server.answers = Hanging(server)  # type: ignore[assignment]
        knows = {
            "model": "openai",
            "model_name": "test-model",
            "base_url": server.url,
            "model_fallbacks": ["scripted"],
            "fallback_after_s": 1.5,
        }
        prompt = "A cleaning is eighty dollars.\nParking is free."
        await sync_to_async(save_draft)(agent, {"knows": knows, "says": {"prompt": prompt}})
        words = ("How much is a cleaning?", "Thank you and goodbye.")
        lines, sounds = [Line("say", text) for text in words], caller_lines(*words)

        async def token() -> str:
            return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

        allowed = {**environment, "EGRESS_ALLOW": server.url.removeprefix("http://").removesuffix("/v1")}
        async with a_website(environment, settings) as url, a_worker(allowed):
            async with TerminalPhone(url, token) as phone:
                await phone_script.play(phone, lines, sounds)
            found = phone_script.result(phone)
        assert server.asked

    assert "eighty dollars" in found["exchanges"][0]["reply"], str(found)
    assert found["end"]["reason"] == "caller_goodbye", str(found)

    def told() -> list[str]:
        with tenancy.use(organization):
            call = Call.objects.get(pk=phone.call_id)
            return [event_words(event.kind, event.data) for event in call.events.filter(kind="fallback")]

    where = f"The model at {server.url}"
    assert f"{where} didn't answer within 1.5 s; the answer came from Scripted." in await sync_to_async(told)()
