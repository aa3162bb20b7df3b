"""What the Realtime server has of a conversation, whatever happens in whatever order: never an event that it must refuse, and each turn of
ours once, in our order."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents.providers.openai_realtime import wire
from agents.providers.openai_realtime.dialogue import ACTIVE, Dialogue, Role

BYTES_A_MS = wire.RATE_HZ * 2 // 1000


class Server:
    """The documented semantics, one event at a time. What it answers waits until it is read."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.buffer = 0
        self.active: dict[str, Any] | None = None
        self.outgoing: deque[wire.ServerEvent] = deque()
        self.faults: list[str] = []
        self.count = 0

    def take(self, event: dict[str, Any]) -> None:
        getattr(self, event["type"].replace(".", "_"))(event)

    def input_audio_buffer_append(self, event: dict[str, Any]) -> None:
        self.buffer += len(event["audio"]) * 3 // 4

    def input_audio_buffer_clear(self, event: dict[str, Any]) -> None:
        self.buffer = 0

    def input_audio_buffer_commit(self, event: dict[str, Any]) -> None:
        if self.buffer < 100 * BYTES_A_MS:
            self.faults.append("commit of too little")
        self.buffer = 0
        self.items.append({"id": self._name(), "who": "user", "is_sound": True})
        self.outgoing.append(wire.Committed(self.items[-1]["id"]))

    def conversation_item_create(self, event: dict[str, Any]) -> None:
        item = event["item"]
        made = {"id": item["id"], "who": item.get("role", item["type"]), "is_sound": False}
        made["text"] = item["content"][0]["text"] if item["type"] == "message" else item["output"]
        if any(each["id"] == made["id"] for each in self.items):
            self.faults.append("an id twice")
        at = len(self.items)
        if (after := event.get("previous_item_id")) is not None:
            places = [index for index, each in enumerate(self.items) if each["id"] == after]
            if not places and after != "root":
                self.faults.append("after an item that is not there")
            at = places[0] + 1 if places else 0
        self.items.insert(at, made)

    def conversation_item_delete(self, event: dict[str, Any]) -> None:
        if not any(each["id"] == event["item_id"] for each in self.items):
            self.faults.append("delete of what is not there")
        self.items = [each for each in self.items if each["id"] != event["item_id"]]

    def conversation_item_truncate(self, event: dict[str, Any]) -> None:
        found = [each for each in self.items if each["id"] == event["item_id"]]
        if not found or event["audio_end_ms"] > found[0].get("bytes", 0) // BYTES_A_MS:
            self.faults.append("truncation of what is not there")

    def response_create(self, event: dict[str, Any]) -> None:
        tag = event["response"]["metadata"]["tag"]
        if self.active is not None:
            self.outgoing.append(wire.Refused(tag, "invalid_request_error", ACTIVE, "one is under way"))
            return
        self.active = {"id": self._name(), "tag": tag, "item": None, "left": 3}
        self.outgoing.append(wire.ResponseCreated(self.active["id"], tag))

    def response_cancel(self, event: dict[str, Any]) -> None:
        wanted = event.get("response_id")
        if self.active is not None and wanted in (None, self.active["id"]):
            self.finish("cancelled")  # else: it came too late, which nobody can know

    def go_on(self) -> None:
        """A little more of the answer that is being made."""
        active = self.active
        if active is None:
            return
        if active["item"] is None:
            active["item"] = {
                "id": self._name(),
                "who": "assistant",
                "is_sound": True,
                "bytes": 0,
                "text": active["tag"],
            }
            self.items.append(active["item"])
            self.outgoing.append(wire.ItemAdded(active["id"], active["item"]["id"], True))
            self.outgoing.append(wire.Words(active["id"], active["tag"], True))
        elif active["left"]:
            active["left"] -= 1
            active["item"]["bytes"] += 500 * BYTES_A_MS
            self.outgoing.append(wire.Spoken(active["id"], active["item"]["id"], 0, bytes(500 * BYTES_A_MS)))
        else:
            self.finish("completed")

    def finish(self, status: str) -> None:
        assert self.active is not None
        done, self.active = self.active, None
        self.outgoing.append(wire.ResponseDone(done["id"], done["tag"], status, "", wire.Usage()))

    def _name(self) -> str:
        self.count += 1
        return f"item_{self.count}"


class Conversation(RuleBasedStateMachine):
    """Our side does what a session does: a turn is asked about, perhaps again, and then counts or doesn't."""

    @initialize()
    def begin(self) -> None:
        self.dialogue, self.server = Dialogue(), Server()
        self.history: list[tuple[Role, str]] = []
        self.on_its_way: deque[dict[str, Any]] = deque()
        self.turn = self.revision = 0
        self.tag = ""
        self.state = "quiet"
        self.spoken_bytes = 0
        self.given = 0
        """Of the answer to the last question: what reached us."""

    # ---- the line between the two

    def send(self) -> None:
        self.on_its_way.extend(self.dialogue.take())

    def arrive(self) -> None:
        event = self.server.outgoing.popleft()
        tag = self.dialogue.receive(event)
        if isinstance(event, wire.Spoken) and tag == self.tag:
            self.given += len(event.pcm)
        self.send()

    @rule()
    def server_hears(self) -> None:
        if self.on_its_way:
            self.server.take(self.on_its_way.popleft())

    @rule(times=st.integers(1, 4))
    def server_speaks(self, times: int) -> None:
        for _ in range(times):
            self.server.go_on()

    @rule()
    def server_is_heard(self) -> None:
        if self.server.outgoing:
            self.arrive()

    @rule()
    def all_arrives(self) -> None:
        for _ in range(200):
            if self.on_its_way:
                self.server.take(self.on_its_way.popleft())
            elif self.server.outgoing:
                self.arrive()
            else:
                return

    @rule()
    def the_connection_breaks(self) -> None:
        self.server, self.tag = Server(), ""
        self.on_its_way.clear()
        self.dialogue.reset()
        self.send()

    # ---- a call

    @rule(ms=st.integers(0, 1_500))
    def caller_speaks(self, ms: int) -> None:
        if self.state in ("quiet", "answered"):
            self.turn += 1
            self.state = "speaking"
            self.dialogue.start()
        if self.state == "withdrawn":
            self.state = "speaking"
        if self.state in ("speaking", "asked"):
            for _ in range(ms // 20):
                self.dialogue.hear(bytes(20 * BYTES_A_MS))
        self.send()

    @rule(keys=st.sampled_from(["", " [pressed 1]", " [pressed 1 2]"]))
    def ask(self, keys: str) -> None:
        if self.state not in ("speaking", "withdrawn"):
            return
        self.revision += 1
        self.tag, self.given = f"answer {self.revision}", 0
        self.told = f"turn {self.turn}{keys}"
        self.dialogue.ask(list(self.history), self.told, self.tag)
        self.state = "asked"
        self.send()

    @rule()
    def caller_goes_on(self) -> None:
        if self.state == "asked":
            self.dialogue.stop(self.tag)
            self.state = "withdrawn"
            self.send()

    @rule()
    def it_was_nothing(self) -> None:
        if self.state in ("speaking", "asked", "withdrawn"):
            if self.state == "asked":
                self.dialogue.stop(self.tag)
            self.dialogue.forget()
            self.state = "quiet"
            self.send()

    @rule(share=st.floats(0, 1))
    def the_answer_is_heard(self, share: float) -> None:
        """As far as it is there; and the caller cuts it, or hears all."""
        if self.state != "asked" or not self.given:
            return
        self.dialogue.settle()
        self.history.append(("user", self.told))
        heard_ms = round(share * self.given / BYTES_A_MS)
        text = f"{self.tag} —" if share < 1 else self.tag
        self.history.append(("assistant", text))
        self.dialogue.was_heard(heard_ms if share < 1 else 10**9, text)
        self.dialogue.stop(self.tag)
        self.state = "answered"
        self.send()

    @rule()
    def another_answers(self) -> None:
        if self.state in ("asked", "withdrawn"):
            self.dialogue.stop(self.tag)
            self.dialogue.forget()
            self.history += [("user", self.told), ("assistant", f"another's {self.turn}")]
            self.state = "answered"
            self.send()

    # ---- what is always so

    @invariant()
    def nothing_is_refused(self) -> None:
        if hasattr(self, "server"):
            assert self.server.faults == []

    def teardown(self) -> None:
        """Whatever happened: the next turn finds the whole conversation there, and is answered."""
        if not hasattr(self, "server"):
            return
        if self.state == "asked":
            self.dialogue.stop(self.tag)
        self.dialogue.start()
        self.dialogue.hear(bytes(500 * BYTES_A_MS))
        self.tag, self.given = "the last", 0
        self.dialogue.ask(list(self.history), "the last turn", self.tag)
        self.send()
        for _ in range(100):
            self.all_arrives()
            self.server.go_on()
        assert self.server.faults == []
        there = [
            (item["who"], item.get("text", "")) for item in self.server.items if item["who"] != "function_call_output"
        ]
        shown = list(there)
        wanted: list[tuple[str, str]] = [*self.history, ("user", ""), ("assistant", "the last")]
        for who, text in wanted:
            # A turn of the caller is sound, or words, or sound and the keys in words.
            assert shown and shown[0][0] == who, (there, wanted)
            if who == "assistant":
                said = shown.pop(0)[1]
                assert said.removesuffix(" —") == text.removesuffix(" —"), (there, wanted)
            else:
                while shown and shown[0][0] == "user":
                    shown.pop(0)
        assert not shown, (there, wanted)
        assert self.given


Conversation.TestCase.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase


def test_what_comes_late_of_an_answer_that_was_withdrawn_is_deleted() -> None:
    """Found at random."""
    dialogue = Dialogue()
    dialogue.ask([], "turn 1", "answer 1")
    dialogue.stop("answer 1")
    dialogue.forget()
    dialogue.take()
    dialogue.receive(wire.ResponseCreated("resp_1", "answer 1"))
    dialogue.receive(wire.ItemAdded("resp_1", "item_1", True))
    assert wire.delete("item_1") in dialogue.take()
