"""The server's copy of the conversation, kept equal to ours. No I/O: what is to be sent collects in ``take``.

    start ─▶ hear… ─▶ ask ─▶ (answer) ─┬▶ settle ─▶ was_heard      it was the caller's turn, and so much of the answer reached them
                       ▲               └▶ ask      they went on: the answer is deleted, their sound is one more item of theirs
                       └── forget: it was nothing

Ours is what counts: ``ask`` is given the whole history as it was heard, and whatever the server has otherwise is deleted or said
in text. So a new connection needs no more than the next question.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agents.providers.openai_realtime import wire
from agents.providers.openai_realtime.wire import ClientEvent, ServerEvent

Role = Literal["user", "assistant"]
MOST_KEPT_MS = 20_000
"""So much of what the caller says is kept, for a connection that breaks meanwhile."""
PIECE_MS = 60
"""Sound is sent in pieces of this length."""
ACTIVE = "conversation_already_has_active_response"
_NOTHING = "[nothing was said or pressed]"
_KEYS = re.compile(r"\[pressed [^\]]*\]")
_BYTES_A_MS = wire.RATE_HZ * 2 // 1000


@dataclass(eq=False, slots=True)
class _Item:
    """Of the server's conversation. The id of sound is told only after it was committed."""

    id: str = ""
    text: str = ""
    """Where it is words."""
    is_deleted: bool = False


@dataclass(eq=False, slots=True)
class _Piece:
    """Sound of an answer."""

    item: _Item
    content_index: int
    heard_bytes: int = 0

    @property
    def ms(self) -> int:
        return self.heard_bytes // _BYTES_A_MS


@dataclass(eq=False, slots=True)
class _Answer:
    items: list[_Item] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    text: str = ""


@dataclass(eq=False, slots=True)
class _Entry:
    """A turn that is certain. ``text`` as our history has it; empty: it isn't there."""

    role: Role
    text: str
    items: list[_Item]


class Dialogue:
    def __init__(self) -> None:
        self.is_hearing = False
        """The caller is speaking, or has spoken and was not answered for certain."""
        self._out: list[ClientEvent] = []
        self._names = itertools.count(1)
        self._entries: list[_Entry] = []
        self._own: list[_Item] = []
        """What the caller said and pressed in this turn, as far as the server has it."""
        self._told = ""
        self._answer = _Answer()
        self._is_settled = True
        self._spoken: tuple[_Answer, _Entry] | None = None
        """The last answer that counts: it may have to be cut."""
        self._unnamed: deque[_Item] = deque()
        self._kept = bytearray()
        self._sent_bytes = 0
        """Of the sound kept."""
        self._committed_bytes = 0
        self._has_lost_sound = self._needs_words = False
        """Not all of it is kept; and so, on another connection, it can't be sent again."""
        self._is_cancelling = False
        self._active = self._wanted = ""
        """Tags: the answer that is being made, and the one that is asked for when that is over."""
        self._ids: dict[str, str] = {}
        """Response → tag, of answers that count."""
        self._answers: dict[str, _Answer] = {}

    def take(self) -> list[ClientEvent]:
        """What is to be sent, in order."""
        out, self._out = self._out, []
        return out

    # ---- the caller

    def start(self) -> None:
        """The caller begins to speak."""
        self.forget()
        self.is_hearing = True

    def hear(self, pcm: bytes) -> None:
        if not self.is_hearing:
            return
        self._kept += pcm
        if len(self._kept) - self._sent_bytes >= PIECE_MS * _BYTES_A_MS:
            self._send_sound()
        if len(self._kept) > MOST_KEPT_MS * _BYTES_A_MS:
            gone = self._sent_bytes
            del self._kept[:gone]
            self._sent_bytes -= gone
            self._committed_bytes -= gone
            self._has_lost_sound = True

    def forget(self) -> None:
        """It was nothing, or it is settled: what was heard and not asked about is thrown away."""
        if self._sent_bytes > self._committed_bytes:
            self._out.append(wire.clear())
        if not self._is_settled:
            self._delete([*self._answer.items, *self._own])
            self._answer = _Answer()  # what still comes of it is another's
        self._close_turn()

    # ---- asking

    def ask(self, history: Sequence[tuple[Role, str]], told: str, tag: str) -> None:
        """``history`` without the caller's turn, which is ``told`` in words, for where its sound is not known."""
        if not self._is_settled:
            self._delete(self._answer.items)
        elif self._own:  # another turn, and nobody said that it began: keys
            self._close_turn()
        self._is_settled = False
        self._answer = _Answer()
        self._sync(history)
        self._tell(told)
        self._told = told
        self._respond(tag)

    def tools_done(self, results: Sequence[tuple[str, str]]) -> None:
        """(call, what came of it) of the last answer."""
        for call_id, output in results:
            item = _Item(self._name(), output)
            self._answer.items.append(item)
            self._out.append(wire.tool_output(item.id, call_id, output))

    def go_on(self, tag: str) -> None:
        """Ask once more, now that the tools are done."""
        self._respond(tag)

    def stop(self, tag: str) -> None:
        """Nobody waits for this answer any more."""
        if tag == self._wanted:
            self._wanted = ""
        elif tag == self._active:
            self._cancel()

    def settle(self) -> None:
        """It was the caller's turn, and this is the answer."""
        if self._is_settled:
            return
        self._is_settled = True
        mine = _Entry("assistant", self._answer.text.strip(), self._answer.items)
        if self._told:
            self._entries.append(_Entry("user", self._told, self._own))
        self._entries.append(mine)
        self._spoken = self._answer, mine
        if self._sent_bytes > self._committed_bytes:
            self._out.append(wire.clear())
        self._own, self._told = [], ""
        self._close_turn()

    def was_heard(self, heard_ms: int, text: str) -> None:
        """So much of the last answer reached the caller, which is ``text`` in our history."""
        if self._spoken is None:
            return
        answer, entry = self._spoken
        entry.text = text
        left_ms = heard_ms
        for index, piece in enumerate(answer.pieces):
            if left_ms < piece.ms:
                if self._active and self._answers.get(self._active) is answer:
                    self._cancel()
                self._out.append(wire.truncate(piece.item.id, piece.content_index, max(0, left_ms)))
                later = [each.item for each in answer.pieces[index + 1 :] if each.item is not piece.item]
                self._delete(later)
                answer.items = [item for item in answer.items if not item.is_deleted]
                entry.items = answer.items
                return
            left_ms -= piece.ms

    # ---- the server

    def receive(self, event: ServerEvent) -> str:
        """The tag of the answer that it belongs to; "": none of ours."""
        match event:
            case wire.Committed(item_id):
                if self._unnamed:
                    item = self._unnamed.popleft()
                    item.id = item_id
                    if item.is_deleted:
                        self._out.append(wire.delete(item_id))
            case wire.ResponseCreated(response_id, tag):
                if tag in self._answers:
                    self._ids[response_id] = tag
                    if tag != self._active or self._is_cancelling:
                        self._out.append(wire.cancel(response_id))
                return tag
            case wire.ItemAdded(response_id, item_id):
                tag = self._ids.get(response_id, "")
                if tag:
                    self._item_of(self._answers[tag], item_id)
                return tag
            case wire.Words(response_id, delta):
                tag = self._ids.get(response_id, "")
                if tag:
                    self._answers[tag].text += delta
                return tag
            case wire.Spoken(response_id, item_id, content_index, pcm):
                tag = self._ids.get(response_id, "")
                if tag:
                    self._count(self._answers[tag], item_id, content_index, len(pcm))
                return tag
            case wire.Called(response_id, item_id):
                tag = self._ids.get(response_id, "")
                if tag:
                    self._item_of(self._answers[tag], item_id)
                return tag
            case wire.ResponseDone(response_id, tag):
                self._ids.pop(response_id, None)
                self._over(tag)
                return tag
            case wire.Refused(about, _, code):
                if about in (self._active, self._wanted) and about:
                    self._active, self._is_cancelling = "", False
                    if code == ACTIVE:  # one that is being cancelled isn't over there
                        self._wanted = about
                        return ""
                    self._over(about)
                return about
            case _:
                pass
        return ""

    def reset(self) -> None:
        """The server knows nothing any more: another connection. What the caller is saying is sent again, as far as it is kept."""
        self._out.clear()
        self._entries.clear()
        self._unnamed.clear()
        self._ids.clear()
        self._answers.clear()
        self._active = self._wanted = ""
        self._own, self._answer, self._spoken, self._is_settled = [], _Answer(), None, True
        self._sent_bytes = self._committed_bytes = 0
        self._is_cancelling = False
        if self._has_lost_sound:
            self._kept.clear()
            self._needs_words = True
        if self.is_hearing:
            self._send_sound()

    @property
    def is_idle(self) -> bool:
        return not (self._active or self._wanted or self.is_hearing)

    # ---- inside

    def _sync(self, history: Sequence[tuple[Role, str]]) -> None:
        """The server's turns are made what ours are."""
        shown = [entry for entry in self._entries if entry.text]
        same = _overlap([(entry.role, entry.text) for entry in shown], history)
        if same is None:
            kept, rest = shown, history
            for entry in kept:
                self._delete(entry.items)
            self._entries = []
        else:
            at, count = same
            for entry in shown[at + count :]:
                self._delete(entry.items)
            gone = {id(entry) for entry in shown[at + count :]}
            self._entries = [entry for entry in self._entries if id(entry) not in gone]
            rest = history[count:]
        for role, text in rest:
            item = _Item(self._name(), text)
            self._out.append(self._placed(wire.message(item.id, role, text)))
            self._entries.append(_Entry(role, text, [item]))

    def _placed(self, event: ClientEvent) -> ClientEvent:
        """Before what the caller has said in this turn, where some of that is there already."""
        if any(not item.is_deleted for item in self._own):
            before = [item.id for entry in self._entries for item in entry.items if item.id and not item.is_deleted]
            event["previous_item_id"] = before[-1] if before else "root"
        return event

    def _tell(self, told: str) -> None:
        """The caller's turn: its sound, and in words what has none."""
        is_enough = len(self._kept) - self._committed_bytes >= wire.LEAST_MS * _BYTES_A_MS
        if is_enough and not self._needs_words:
            self._send_sound()
            self._out.append(wire.commit())
            item = _Item()
            self._unnamed.append(item)
            self._own.append(item)
            self._committed_bytes = self._sent_bytes
        has_sound = any(not item.text and not item.is_deleted for item in self._own)
        words = " ".join(_KEYS.findall(told)) if has_sound else told.strip() or _NOTHING
        old = [item for item in self._own if item.text]
        if [item.text for item in old] == [words]:
            return
        self._delete(old)
        self._own = [item for item in self._own if not item.is_deleted]
        if words:
            item = _Item(self._name(), words)
            self._out.append(wire.message(item.id, "user", words))
            self._own.append(item)

    def _respond(self, tag: str) -> None:
        self._answers[tag] = self._answer
        while len(self._answers) > 8:
            del self._answers[next(iter(self._answers))]
        if self._active:
            self._cancel()
            self._wanted = tag
        else:
            self._active = tag
            self._out.append(wire.respond(tag))

    def _cancel(self) -> None:
        if not self._is_cancelling:
            self._is_cancelling = True
            self._out.append(wire.cancel(next((each for each, tag in self._ids.items() if tag == self._active), "")))

    def _over(self, tag: str) -> None:
        if tag == self._active:
            self._active, self._is_cancelling = "", False
        if not self._active and self._wanted:
            self._active, self._wanted = self._wanted, ""
            self._out.append(wire.respond(self._active))

    def _item_of(self, answer: _Answer, item_id: str) -> _Item:
        item = next((each for each in answer.items if each.id == item_id), None)
        if item is None:
            item = _Item(item_id)
            answer.items.append(item)
            if answer is not self._answer and not (self._spoken and self._spoken[0] is answer):
                self._delete([item])  # it came after it was withdrawn
        return item

    def _count(self, answer: _Answer, item_id: str, content_index: int, size: int) -> None:
        last = answer.pieces[-1] if answer.pieces else None
        if last is None or last.item.id != item_id or last.content_index != content_index:
            last = _Piece(self._item_of(answer, item_id), content_index)
            answer.pieces.append(last)
        last.heard_bytes += size

    def _delete(self, items: Sequence[_Item]) -> None:
        for item in items:
            if not item.is_deleted:
                item.is_deleted = True
                if item.id:
                    self._out.append(wire.delete(item.id))

    def _send_sound(self) -> None:
        if sound := bytes(self._kept[self._sent_bytes :]):
            self._out.append(wire.append(sound))
            self._sent_bytes = len(self._kept)

    def _close_turn(self) -> None:
        self.is_hearing = self._has_lost_sound = self._needs_words = False
        self._is_settled = True
        self._own, self._told = [], ""
        self._kept.clear()
        self._sent_bytes = self._committed_bytes = 0

    def _name(self) -> str:
        return f"item_parley_{next(self._names)}"


def _overlap(ours: Sequence[tuple[Role, str]], theirs: Sequence[tuple[Role, str]]) -> tuple[int, int] | None:
    """Where in ``ours`` the history begins, and how many turns are the same from there. A history may have lost its beginning."""
    for at in range(len(ours)):
        count = 0
        while at + count < len(ours) and count < len(theirs) and ours[at + count] == theirs[count]:
            count += 1
        if count:
            return at, count
    return None
