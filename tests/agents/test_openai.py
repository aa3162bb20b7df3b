"""The OpenAI-compatible client against a real server on a real socket: what comes, and what goes wrong."""

from __future__ import annotations

import time
from asyncio import timeout as asyncio_timeout
from dataclasses import replace

import httpx2
import pytest

from agents.llm import Finished, LLMEvent, Message, Text, Tool, ToolCall
from agents.providers.openai import Endpoint, OpenAILLM
from agents.speech import ProviderError
from egress import EgressRefused
from tests.agents.llm_server import Answer, Server, calls, chunk, ends, refuses, says, serving

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]
TOOL = Tool("save_details", "Notes it down.", {"type": "object", "properties": {}})


def llm_at(server: Server, **changes: object) -> OpenAILLM:
    endpoint = Endpoint("test-model", server.url, "sk-test", first_token_s=0.5, next_token_s=0.5)
    return OpenAILLM(replace(endpoint, **changes))  # type: ignore[arg-type]


async def answer_of(llm: OpenAILLM, tools: list[Tool] | None = None) -> list[LLMEvent]:
    try:
        return [event async for event in llm.stream(QUESTION, tools or [])]
    finally:
        await llm.close()


def text_of(events: list[LLMEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


async def test_words_come_as_a_stream_and_are_counted() -> None:
    async with serving(Answer(says("Hello there."))) as server:
        events = await answer_of(llm_at(server))
    assert text_of(events) == "Hello there."
    assert len([event for event in events if isinstance(event, Text)]) == 3
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.prompt_tokens, last.reply_tokens) == ("stop", 50, 7)
    assert server.headers[0]["authorization"] == "Bearer sk-test"
    asked = server.asked[0]
    assert (asked["model"], asked["stream"], asked["max_tokens"]) == ("test-model", True, 250)
    assert asked["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


async def test_a_tool_call_is_put_together_from_its_parts() -> None:
    events = [
        *calls("save_details", '{"key": "name", "value": "Ann"}'),
        *calls("end_call", "{}", call_id="call_2", index=1),
        *ends("tool_calls"),
    ]
    async with serving(Answer(events)) as server:
        got = await answer_of(llm_at(server), [TOOL])
    assert [event for event in got if isinstance(event, ToolCall)] == [
        ToolCall("call_abc", "save_details", '{"key": "name", "value": "Ann"}'),
        ToolCall("call_2", "end_call", "{}"),
    ]
    assert server.asked[0]["tools"][0]["function"]["name"] == "save_details"


async def test_the_results_of_tools_go_back_in_the_documented_shape() -> None:
    async with serving(Answer(says("Done."))) as server:
        llm = llm_at(server)
        call = ToolCall("call_1", "save_details", "{}")
        messages = [*QUESTION, Message("assistant", "", (call,)), Message("tool", "Saved.", answers="call_1")]
        assert [event async for event in llm.stream(messages, [TOOL])]
        await llm.close()
    assert server.asked[0]["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "save_details", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "Saved.", "tool_call_id": "call_1"},
    ]


@pytest.mark.parametrize(
    ("answer", "words", "is_permanent"),
    [
        (refuses(401, "Incorrect API key provided", "invalid_api_key"), "refused the key", True),
        (refuses(403, "no access"), "may not use the model “test-model”", True),
        (refuses(404, "The model does not exist", "model_not_found"), "no model called “test-model”", True),
        (refuses(429, "You exceeded your quota", "insufficient_quota"), "no credit left", True),
        (refuses(400, "something odd"), "refused the question", True),
    ],
)
async def test_what_is_refused_is_said_in_plain_words_at_once(answer: Answer, words: str, is_permanent: bool) -> None:
    async with serving(answer, Answer(says("never asked"))) as server:
        with pytest.raises(ProviderError, match=words) as caught:
            await answer_of(llm_at(server))
    assert caught.value.permanent is is_permanent
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(refuses(429, "Rate limit reached", "rate_limit_exceeded", retry_after="0.1"), id="rate limit"),
        pytest.param(refuses(500, "oops"), id="server error"),
        pytest.param(refuses(503, "overloaded"), id="overloaded"),
        pytest.param(Answer(delay_s=2.0), id="silence before the headers"),
        pytest.param(Answer([2.0]), id="silence after the headers"),
        pytest.param(Answer([chunk({"role": "assistant", "content": ""}), 2.0]), id="silence after the role"),
        pytest.param(Answer(hangs_up=True), id="hung up at once"),
        pytest.param(Answer(["data: {not json}\n\n"]), id="garbage at once"),
    ],
)
async def test_trouble_before_the_first_word_is_tried_again_once(trouble: Answer) -> None:
    async with serving(trouble, Answer(says("Here I am."))) as server:
        assert text_of(await answer_of(llm_at(server))) == "Here I am."
        assert len(server.asked) == 2
    async with serving(trouble, trouble, Answer(says("too late"))) as server:
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            await answer_of(llm_at(server))
        assert time.monotonic() - began < 3
    assert not caught.value.permanent
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("rest", "hangs_up", "words"),
    [
        pytest.param([], True, "hung up", id="cut"),
        pytest.param([], False, "broke off", id="ended without a reason"),
        pytest.param([2.0], False, "stopped in the middle", id="silence"),
        pytest.param(["data: {garbage\n\n"], False, "not an answer of a model", id="garbage"),
        pytest.param(
            ['data: {"error": {"message": "overloaded"}}\n\n'], False, "overloaded", id="an error in the stream"
        ),
        pytest.param(["data: [1, 2]\n\n"], False, "not an answer of a model", id="another shape"),
    ],
)
async def test_trouble_in_the_middle_is_an_error_after_the_words_that_came(
    rest: list[str | float], hangs_up: bool, words: str
) -> None:
    events = [chunk({"role": "assistant", "content": ""}), chunk({"content": "I think"}), *rest]
    async with serving(Answer(events, hangs_up=hangs_up), Answer(says("no second question"))) as server:
        llm, got = llm_at(server), []
        with pytest.raises(ProviderError, match=words):
            async for event in llm.stream(QUESTION, []):
                got.append(event)  # noqa: PERF401
        await llm.close()
    assert got == [Text("I think")]
    assert len(server.asked) == 1


async def test_comments_empty_lines_and_odd_chunks_are_no_trouble() -> None:
    events = [
        ": keep-alive\n\n",
        chunk({}, empty=True),
        *says("Fine."),
    ]
    async with serving(Answer(events)) as server:
        assert text_of(await answer_of(llm_at(server))) == "Fine."


async def test_a_server_that_is_gone_is_said() -> None:
    async with serving() as server:
        pass
    with pytest.raises(ProviderError, match="can't be reached") as caught:
        await answer_of(llm_at(server))
    assert not caught.value.permanent


async def test_an_option_the_server_does_not_know_is_left_out() -> None:
    unknown = [
        refuses(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
        refuses(400, "Unsupported value: 'temperature' does not support 0.3 with this model."),
        refuses(400, "Unknown parameter: stream_options"),
    ]
    async with serving(*unknown, Answer(says("Now.")), Answer(says("Again."))) as server:
        llm = llm_at(server)
        assert text_of([event async for event in llm.stream(QUESTION, [])]) == "Now."
        assert text_of([event async for event in llm.stream(QUESTION, [])]) == "Again."
        await llm.close()
    assert len(server.asked) == 5  # learned once
    last = server.asked[-1]
    assert "max_completion_tokens" in last and not {"max_tokens", "temperature", "stream_options"} & last.keys()


async def test_closing_the_iterator_hangs_up() -> None:
    endless = [chunk({"content": "word "}), 0.05] * 200
    async with serving(Answer(endless)) as server:
        llm = llm_at(server)
        stream = llm.stream(QUESTION, [])
        assert await anext(stream) == Text("word ")
        await stream.aclose()
        await llm.close()
        async with asyncio_timeout(3):
            await server.gone.wait()


async def test_the_client_of_the_house_is_used() -> None:
    class Guarded(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise EgressRefused(f"{request.url.host} is a private address.")

    llm = OpenAILLM(Endpoint("m", "http://10.0.0.1/v1"), lambda: httpx2.AsyncClient(transport=Guarded()))
    with pytest.raises(ProviderError, match="private address") as caught:
        await answer_of(llm)
    assert caught.value.permanent


async def test_a_server_that_complains_of_every_way_to_ask_is_given_up() -> None:
    complaints = [
        refuses(400, f"{option} is not to my liking")
        for _ in range(10)
        for option in ("max_tokens", "max_completion_tokens")
    ]
    async with serving(*complaints) as server:
        with pytest.raises(ProviderError) as caught:
            async with asyncio_timeout(5):
                await answer_of(llm_at(server))
        assert caught.value.permanent
        assert "HTTP 400" in caught.value.message
        assert len(server.asked) <= 5


async def test_a_model_that_thinks_forever_without_a_word_is_not_waited_for() -> None:
    thinking = [event for _ in range(60) for event in (chunk({"content": ""}), 0.05)]
    async with serving(Answer(thinking), Answer(says("At last."))) as server:
        began = time.monotonic()
        events = await answer_of(llm_at(server, no_words_s=0.6))
        assert text_of(events) == "At last."
        assert time.monotonic() - began < 2
