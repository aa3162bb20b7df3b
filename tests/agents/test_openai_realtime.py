"""A model that hears and speaks, against a server that speaks OpenAI's Realtime interface: what it has of the conversation, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

import egress
from agents.llm import Finished, LLMEvent, Message, Sound, Text, Tool, ToolCall
from agents.providers.openai_realtime import model as model_module
from agents.providers.openai_realtime import voice
from agents.providers.openai_realtime.model import Endpoint, OpenAIRealtime
from agents.providers.openai_realtime.voice import RealtimeVoice
from agents.speech import AudioFrame, ProviderError
from egress import Policy
from tests.peers.realtime_stand_in import Item, RealtimeStandIn, Talks, tone

SYSTEM = Message("system", "You are a dentist's front desk.")
END = Tool("end_call", "Hang up.", {"type": "object", "properties": {}})
LOUD = AudioFrame(b"\x00\x20\x00\xe0" * 160, 16_000)


def echo(items: list[Item]) -> Talks:
    return Talks("We open at eight. And we close at five.")


async def through_the_door(url: str, headers: Mapping[str, str]) -> ClientConnection:
    return await egress.websocket(url, headers, rules=Policy(allow_private=True))


@asynccontextmanager
async def a_model(
    answer: Callable[[list[Item]], Talks] = echo, *, is_aloud: bool = True, **endpoint: Any
) -> AsyncIterator[tuple[OpenAIRealtime, RealtimeStandIn]]:
    async with RealtimeStandIn(answer).serving() as server:
        given = {"model": "gpt-realtime-2.1", "base_url": server.url, "api_key": "sk-secret", **endpoint}
        model = OpenAIRealtime(Endpoint(**given), through_the_door)
        if is_aloud:
            model.listen()
        try:
            yield model, server
        finally:
            await model.close()
        for session in server.connections:
            await asyncio.wait_for(session.is_over.wait(), 2)


class Caller:
    """Says so many milliseconds."""

    def __init__(self, model: OpenAIRealtime) -> None:
        self.model = model
        self.at_ms = 1_000

    def says(self, ms: int, *, goes_on: bool = False) -> None:
        if not goes_on:
            self.model.start(self.at_ms)
        for _ in range(ms // 20):
            self.model.push(LOUD, self.at_ms)
            self.at_ms += 20


async def ask(model: OpenAIRealtime, *said: str, tools: list[Tool] | None = None) -> list[LLMEvent]:
    """``said``: the turns in order, the caller's last."""
    return [event async for event in model.stream(told(*said), tools or [])]


def told(*said: str) -> list[Message]:
    last = len(said) - 1
    return [
        SYSTEM,
        *(Message("user" if (last - index) % 2 == 0 else "assistant", each) for index, each in enumerate(said)),
    ]


def text_of(events: list[LLMEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


def sound_of(events: list[LLMEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Sound))


def shown(items: list[Item]) -> list[str]:
    """The conversation as the server has it."""
    return [
        f"{item.role or item.kind}: " + (f"sound {round(len(item.pcm) / 480) * 10}" if item.pcm and item.role == "user" else item.text)
        for item in items
    ]  # fmt: skip


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not met():
            await asyncio.sleep(0.005)


async def test_the_callers_sound_is_answered_with_sound_and_its_words() -> None:
    async with a_model() as (model, server):
        Caller(model).says(800)
        events = await ask(model, "When do you open?", tools=[END])
        assert text_of(events) == "We open at eight. And we close at five."
        assert all(event.is_spoken for event in events if isinstance(event, Text))
        assert sound_of(events) == tone("We open at eight. And we close at five.")
        (finished,) = [event for event in events if isinstance(event, Finished)]
        assert finished.reason == "stop" and finished.prompt_tokens == 150
        assert finished.reply_audio_tokens and finished.prompt_audio_tokens == 50 and finished.cached_tokens == 20
        session = server.now
        assert shown(session.items)[0] == "user: sound 800"
        assert session.faults == []
        assert session.headers["authorization"] == "Bearer sk-secret" and session.model == "gpt-realtime-2.1"
        assert session.config["instructions"] == SYSTEM.text
        assert session.config["audio"]["input"]["turn_detection"] is None
        assert session.config["audio"]["output"]["voice"] == "marin"
        assert [tool["name"] for tool in session.config["tools"]] == ["end_call"]


async def test_the_beginning_of_a_word_before_it_was_known_is_heard() -> None:
    async with a_model() as (model, server):
        for index in range(30):
            model.push(LOUD, index * 20)
        model.start(500)  # known at 600
        for index in range(30, 40):
            model.push(LOUD, index * 20)
        await ask(model, "Hi.")
        assert shown(server.now.items)[0] == "user: sound 500"  # 300 before it began, 200 after


async def test_a_caller_who_goes_on_is_one_turn_of_two_sounds_and_the_answer_is_withdrawn() -> None:
    async with a_model(lambda items: Talks("It is a hundred dollars.", delay_s=0.2)) as (model, server):
        caller = Caller(model)
        caller.says(600)
        guess = asyncio.create_task(ask(model, "How much is"))
        await until(lambda: bool(server.connections) and bool(server.now.active))
        guess.cancel()
        await asyncio.gather(guess, return_exceptions=True)
        caller.says(400, goes_on=True)
        assert text_of(await ask(model, "How much is a cleaning?")) == "It is a hundred dollars."
        model.commit()
        await until(lambda: not server.now.active)
        assert shown(server.now.items) == ["user: sound 600", "user: sound 400", "assistant: It is a hundred dollars."]
        assert server.now.faults == []


async def test_an_answer_that_was_whole_and_is_withdrawn_is_forgotten() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(600)
        await ask(model, "When do you")
        caller.says(40, goes_on=True)  # not enough to be sound of its own
        await ask(model, "When do you open")
        model.commit()
        await asyncio.sleep(0.05)
        assert shown(server.now.items) == ["user: sound 600", "assistant: We open at eight. And we close at five."]
        assert server.now.faults == []


async def test_what_was_nothing_leaves_nothing() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(300)
        model.forget()
        caller.says(600)
        await ask(model, "Hello?")
        model.forget()  # it was a television
        caller.says(700)
        await ask(model, "Hello, are you there?")
        assert [line for line in shown(server.now.items) if line.startswith("user")] == ["user: sound 700"]
        assert server.now.faults == []


async def test_of_an_answer_that_was_cut_only_what_was_heard_is_kept() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(600)
        await ask(model, "When do you open?")
        model.commit()
        model.was_heard(530, "We open at —")
        caller.says(500)
        await ask(model, "When do you open?", "We open at —", "And on Sunday?")
        first = server.now.items[1]
        assert first.truncated_ms == 530
        assert server.now.kinds("conversation.item.delete") == []
        assert server.now.faults == []


async def test_a_cut_in_the_middle_of_its_making_cancels_it_first() -> None:
    async with a_model() as (model, server):
        server.pace = 1.0
        Caller(model).says(600)
        heard = 0
        stream = model.stream(told("When do you open?"), [])
        async for event in stream:
            heard += len(event.pcm) if isinstance(event, Sound) else 0
            if heard >= 24_000:
                break
        model.commit()
        model.was_heard(250, "We —")
        await stream.aclose()  # type: ignore[attr-defined]
        await until(lambda: not server.now.active and server.now.items[1].truncated_ms is not None)
        kinds = [event["type"] for event in server.now.received]
        assert kinds.index("response.cancel") < kinds.index("conversation.item.truncate")
        assert server.now.items[1].truncated_ms == 250
        assert server.now.faults == []


async def test_a_question_while_an_answer_is_being_stopped_waits_for_its_end() -> None:
    async with a_model() as (model, server):
        server.pace = 1.0
        caller = Caller(model)
        caller.says(600)
        stream = model.stream(told("When do you open?"), [])
        async for event in stream:
            if isinstance(event, Sound):
                break
        model.commit()
        caller.says(500)
        model.was_heard(100, "We —")
        closing = asyncio.create_task(stream.aclose())  # type: ignore[attr-defined]
        server.pace = 0.1
        assert text_of(await ask(model, "When do you open?", "We —", "Stop."))
        await closing
        assert server.now.faults == []


async def test_what_the_agent_said_by_itself_is_told_in_words() -> None:
    async with a_model() as (model, server):
        Caller(model).says(600)
        await ask(model, "Hello, this is Bright Smile.", "When do you open?")
        assert shown(server.now.items)[0] == "assistant: Hello, this is Bright Smile."
        model.commit()
        model.was_heard(10**9, "We open at eight. And we close at five.")
        caller = Caller(model)
        caller.says(300)
        said = "We open at eight. And we close at five."
        await ask(model, "Hello, this is Bright Smile.", "When do you open?", said, "Thanks.")
        assert shown(server.now.items)[:4] == [
            "assistant: Hello, this is Bright Smile.",
            "user: sound 600",
            f"assistant: {said}",
            "user: sound 300",
        ]
        assert server.now.faults == []


async def test_keys_are_told_in_words_beside_what_was_spoken() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(600)
        await ask(model, "My number is [pressed 5 5]")
        await ask(model, "My number is [pressed 5 5 5 #]")
        assert shown(server.now.items)[:2] == ["user: sound 600", "user: [pressed 5 5 5 #]"]
        model.commit()
        model.was_heard(10**9, "So.")
        await ask(model, "My number is [pressed 5 5 5 #]", "So.", "[pressed 1]")
        assert "user: [pressed 1]" in shown(server.now.items)
        assert server.now.faults == []


async def test_a_tool_is_called_and_told_what_came_of_it() -> None:
    def answer(items: list[Item]) -> Talks:
        done = [item for item in items if item.kind == "function_call_output"]
        return Talks(f"Noted: {done[-1].text}") if done else Talks(calls=[("save_details", {"key": "name"})])

    async with a_model(answer) as (model, server):
        Caller(model).says(600)
        events = await ask(model, "I'm Ann.")
        (call,) = [event for event in events if isinstance(event, ToolCall)]
        assert (call.name, call.arguments) == ("save_details", '{"key": "name"}')
        model.tools_done([call], ["Saved: Ann."])
        messages = [
            *told("I'm Ann."),
            Message("assistant", "", (call,)),
            Message("tool", "Saved: Ann.", answers=call.id),
        ]
        again = [event async for event in model.stream(messages, [])]
        assert text_of(again) == "Noted: Saved: Ann."
        assert [item.kind for item in server.now.items] == [
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]
        # Withdrawn, all of it goes.
        model.forget()
        await until(lambda: not server.now.items)
        assert server.now.faults == []


async def test_without_a_line_it_reads_and_writes() -> None:
    async with a_model(is_aloud=False) as (model, server):
        events = await ask(model, "When do you open?")
        assert text_of(events) == "We open at eight. And we close at five." and not sound_of(events)
        assert shown(server.now.items)[0] == "user: When do you open?"


async def test_a_connection_that_breaks_is_replaced_and_told_all_that_was_said() -> None:
    fates = iter(["", "drops", ""])

    def answer(items: list[Item]) -> Talks:
        return Talks("We open at eight. And we close at five.", fails=next(fates))

    async with a_model(answer) as (model, server):
        caller = Caller(model)
        caller.says(600)
        await ask(model, "When do you open?")
        model.commit()
        model.was_heard(10**9, "We open at eight.")
        caller.says(500)
        with pytest.raises(ProviderError, match="broke off"):
            await ask(model, "When do you open?", "We open at eight.", "And on Sunday?")
        assert text_of(await ask(model, "When do you open?", "We open at eight.", "And on Sunday?"))
        assert len(server.connections) == 2
        # The caller's last sound was kept, and sent again.
        assert shown(server.now.items)[:3] == [
            "user: When do you open?", "assistant: We open at eight.", "user: sound 500",
        ]  # fmt: skip
        assert server.now.faults == []


async def test_a_caller_in_the_middle_of_a_sentence_does_not_notice_that_it_broke() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(400)
        await until(lambda: bool(server.connections) and len(server.now.buffer) > 0)
        server.now.connection.transport.abort()
        await until(lambda: len(server.connections) == 2)
        caller.says(400, goes_on=True)
        await ask(model, "When do you open on Monday?")
        assert shown(server.now.items)[0] == "user: sound 800"


async def test_where_not_all_of_a_long_turn_is_kept_the_new_connection_is_told_its_words() -> None:
    async with a_model() as (model, server):
        caller = Caller(model)
        await until(lambda: bool(server.connections and server.now.config))  # open at both ends
        caller.says(25_000)
        await until(lambda: len(server.now.buffer) > 1_000_000)
        server.now.connection.transport.abort()
        await until(lambda: len(server.connections) == 2)
        caller.says(500, goes_on=True)
        await ask(model, "A very long story.")
        assert shown(server.now.items)[0] == "user: A very long story."


async def test_a_session_that_ends_soon_is_replaced_while_nobody_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "LOOK_S", 0.02)
    monkeypatch.setattr(model_module, "RENEW_AFTER_S", 0.1)
    async with a_model() as (model, server):
        caller = Caller(model)
        caller.says(600)
        await ask(model, "When do you open?")
        await asyncio.sleep(0.3)
        assert len(server.connections) == 1  # the turn is open
        model.commit()
        model.was_heard(10**9, "We open at eight.")
        await until(lambda: server.connections[0].is_over.is_set())  # the new one has taken its place
        caller.says(300)
        assert text_of(await ask(model, "When do you open?", "We open at eight.", "Thanks."))
        # One more may have been opened, and given up because the caller spoke.
        told_all = ["user: When do you open?", "assistant: We open at eight."]
        assert any(shown(each.items)[:2] == told_all for each in server.connections[1:])


async def test_a_question_while_it_is_being_replaced_is_answered_by_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_module, "LOOK_S", 0.02)
    monkeypatch.setattr(model_module, "RENEW_AFTER_S", 0.1)
    may_open, opens = asyncio.Event(), 0

    async def slowly(url: str, headers: Mapping[str, str]) -> ClientConnection:
        nonlocal opens
        opens += 1
        if opens > 1:
            await may_open.wait()
        return await through_the_door(url, headers)

    async with RealtimeStandIn(lambda items: Talks("We open at eight.", delay_s=0.2)).serving() as server:
        model = OpenAIRealtime(Endpoint("m", server.url), slowly)
        model.listen()
        await until(lambda: opens == 2)
        Caller(model).says(600)
        asked = asyncio.create_task(ask(model, "When do you open?"))
        await until(lambda: bool(server.now.active))
        may_open.set()
        assert text_of(await asked) == "We open at eight."
        assert server.connections[0].items and server.connections[0].faults == []
        await model.close()


@pytest.mark.parametrize(
    ("status", "words", "is_permanent"),
    [
        (401, "refused the key", True),
        (404, "no such speech-to-speech model", True),
        (429, "rate limit", False),
        (503, "HTTP 503", False),
        (302, "HTTP 302", False),
    ],
)
async def test_what_is_refused_is_said_in_plain_words(status: int, words: str, is_permanent: bool) -> None:
    async with a_model(is_aloud=False) as (model, server):
        server.refusals = [status]
        with pytest.raises(ProviderError, match=words) as raised:
            await ask(model, "Hello?")
        assert raised.value.permanent is is_permanent and "sk-secret" not in raised.value.message
        assert text_of(await ask(model, "Hello?"))  # the next question tries again


async def test_a_server_that_is_gone_is_said() -> None:
    endpoint = Endpoint("m", "http://127.0.0.1:9/v1")
    model = OpenAIRealtime(endpoint, through_the_door)
    with pytest.raises(ProviderError, match="can't be reached"):
        await ask(model, "Hello?")
    await model.close()


async def test_the_door_is_not_gone_around() -> None:
    async with RealtimeStandIn(echo).serving() as server:

        async def strict(url: str, headers: Mapping[str, str]) -> ClientConnection:
            return await egress.websocket(url, headers, rules=Policy())

        model = OpenAIRealtime(Endpoint("m", server.url), strict)
        with pytest.raises(ProviderError, match="may not be reached") as raised:
            await ask(model, "Hello?")
        assert raised.value.permanent and server.connections == []
        await model.close()


async def test_an_answer_that_fails_there_is_an_error_here() -> None:
    fates = iter(["server_error", ""])
    async with a_model(lambda items: Talks("Yes.", fails=next(fates))) as (model, _):
        Caller(model).says(600)
        with pytest.raises(ProviderError, match="server_error"):
            await ask(model, "Hello?")
        assert text_of(await ask(model, "Hello?")) == "Yes."


async def test_a_model_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "FIRST_S", 0.2)
    fates = iter(["hangs", ""])
    async with a_model(lambda items: Talks("Yes.", fails=next(fates))) as (model, server):
        Caller(model).says(600)
        with pytest.raises(ProviderError, match="did not answer"):
            await ask(model, "Hello?")
        assert text_of(await ask(model, "Hello?")) == "Yes."
        assert server.now.faults == []


# ---- lines of the agent's own


Make = Callable[[], Awaitable[tuple[Any, Callable[[], Awaitable[None]]]]]


async def spoken(given: RealtimeVoice, text: str) -> bytes:
    return b"".join([pcm async for pcm in given.speak(text, speed=1.0)])


async def nobody() -> tuple[Any, Callable[[], Awaitable[None]]]:
    raise AssertionError("there is one already")


async def test_a_line_is_read_out_beside_the_conversation_and_kept() -> None:
    async with a_model() as (model, server):
        tts = RealtimeVoice("test_a_line", lambda: model, nobody)
        assert await spoken(tts, "Welcome to Bright Smile.") == tone("Welcome to Bright Smile.")
        assert await spoken(tts, "Welcome to Bright Smile.") == tone("Welcome to Bright Smile.")
        assert len(server.now.kinds("response.create")) == 1 and server.now.items == []


async def test_a_line_that_came_out_as_another_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_model() as (model, server):
        monkeypatch.setattr(
            "tests.peers.realtime_stand_in._Session._read_out", lambda self, asked: "Sure! I can say that for you."
        )
        tts = RealtimeVoice("test_another", lambda: model, nobody)
        heard = tts.speak("Welcome to Bright Smile, how can I help?", speed=1.0)
        with pytest.raises(ProviderError, match="something else"):
            await anext(heard)
        await until(lambda: "response.cancel" in [event["type"] for event in server.now.received])


async def test_a_line_without_a_call_has_a_connection_of_its_own() -> None:
    async with a_model(is_aloud=False) as (model, server):

        async def make() -> tuple[Any, Callable[[], Awaitable[None]]]:
            return model, model.close

        tts = RealtimeVoice("test_own", lambda: None, make)
        assert await spoken(tts, "Please leave a message.") == tone("Please leave a message.")
        await asyncio.wait_for(server.now.is_over.wait(), 2)


@pytest.mark.parametrize(
    ("said", "given", "is_same"),
    [
        ("We open at 8.", "We open at eight.", True),
        ("Welcome, to bright-smile dental!", "Welcome to Bright Smile Dental.", True),
        ("Sure, here you go: welcome.", "Welcome to Bright Smile Dental.", False),
        ("Welcome", "Welcome to Bright Smile Dental.", False),
        ("Guten Tag, schön, dass Sie anrufen.", "Guten Tag, schön, dass Sie anrufen.", True),
    ],
)
def test_what_counts_as_the_same_words(said: str, given: str, is_same: bool) -> None:
    assert voice.is_like(said, given, is_whole=True) is is_same
