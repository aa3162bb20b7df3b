"""A mind that hears and speaks itself in a call: its words are laid beside its sound, and it is told what was heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.conversation import Conversation, Said
from agents.mind import EndCall, Hearing, ReplyPart, Say, Spoken, Utterance
from agents.spec import AgentSpec
from agents.speech import AudioFrame, ProviderError
from agents.standby import Chain, Member, Minds
from telephony.audio.playout import PLAYOUT_RATE_HZ, Heard
from telephony.session.events import BargedIn, Happened, TranscriptChanged, TurnEnded
from telephony.session.own_voice import Alignment, Begun, Grown, OwnSpans
from telephony.session.session import Session
from tests.fakes import (
    Agent,
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Listening,
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    UntilAgentSpeaks,
    VirtualTime,
)

RATE_HZ = 24_000
WORD_MS = 200
OPEN = "We are open from eight to five. On Sundays we are closed."


def spoken(text: str, rate_hz: int = RATE_HZ) -> bytes:
    """A tone for each word, and as long a pause after a sentence."""
    word = (np.sin(np.arange(rate_hz * WORD_MS // 1000) / 9 + 1.5) * 9_000).astype("<i2").tobytes()
    return b"".join(word + (bytes(len(word)) if each[-1] in ".?!" else b"") for each in text.split())


class SpeakingMind(FakeMind):
    """``FakeMind`` that speaks itself: its sound comes in pieces of 100 ms, ``ms_a_piece`` after each other, its words one a piece."""

    def __init__(self, time: VirtualTime, answers: dict[str, str] | None = None, *, ms_a_piece: int = 20) -> None:
        super().__init__(time, {})
        self.said = answers or {}
        self.ms_a_piece = ms_a_piece
        self.is_listening = False
        self.heard: list[tuple[int, int, str]] = []
        self.starts: list[int] = []
        self.frames = self.forgotten = 0
        self.error: ProviderError | None = None

    @property
    def hearing(self) -> Hearing:
        return self

    def listen(self) -> None:
        self.is_listening = True

    def start(self, at_ms: int) -> None:
        self.starts.append(at_ms)

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        self.frames += 1

    def forget(self) -> None:
        self.forgotten += 1

    def was_heard(self, revision: int, heard_ms: int, said: Said) -> None:
        self.heard.append((revision, heard_ms, said.text))

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        self.asked.append(utterance)
        self._texts[utterance.revision] = utterance.text
        await self.time.sleep(60)
        if self.error is not None:
            raise self.error
        text, _, line = self.said.get(utterance.text, OPEN).partition(" | ")
        sound, words = spoken(text), [f"{word} " for word in text.split()]
        size = RATE_HZ // 10 * 2
        for at in range(0, len(sound), size):
            if words:
                yield Spoken(words.pop(0))
            yield Spoken("", sound[at : at + size], RATE_HZ)
            await self.time.sleep(self.ms_a_piece)
        if line:
            yield Say(line)
        if "bye" in utterance.text:
            yield EndCall("caller_goodbye")


@dataclass
class Told:
    reason: str
    heard: Listening
    line: FakeTransport
    mind: SpeakingMind
    session: Session
    tts: FakeTTS = field(default_factory=lambda: FakeTTS(VirtualTime()))

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.text) for turn in self.heard.of(TurnEnded)]


async def call(
    script: Sequence[Step], answers: dict[str, str] | None = None, *, ms_a_piece: int = 20, is_broken: bool = False
) -> Told:
    time = VirtualTime()
    line = FakeTransport(time, script)
    mind = SpeakingMind(time, answers, ms_a_piece=ms_a_piece)
    tts = FakeTTS(time)
    agent = Agent(AgentSpec(), FakeSTT(line), tts, mind)
    if is_broken:
        mind.error = ProviderError("It is away.")
        other = FakeMind(time, lambda text: "I am another.")
        agent.brains = Chain([Member(mind, "It"), Member(other, "Another")])
        agent.mind = Minds(agent.brains, [])  # type: ignore[assignment]
    heard = Listening()
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=heard)  # type: ignore[arg-type]
    reason = await asyncio.wait_for(session.run(), 20)
    return Told(reason, heard, line, mind, session, tts)


async def test_it_hears_every_frame_and_what_it_says_is_the_turn() -> None:
    told = await call([UntilAgentQuiet(600), Speech("When are you open?", 1_000), UntilAgentQuiet(800)])
    assert told.turns == [
        ("agent", "Hello, how can I help you?"),
        ("caller", "When are you open?"),
        ("agent", OPEN),
    ]
    mind = told.mind
    assert mind.is_listening and mind.frames == told.session.clock.now_ms // 20
    assert len(mind.starts) == 1 and mind.committed == ["When are you open?"]
    assert told.tts.spoken == ["Hello, how can I help you?"]  # nobody read its answer out for it
    (revision, ms, text) = mind.heard[0]
    assert (revision, text) == (mind.asked[-1].revision, OPEN) and ms > 10_000_000  # all of it
    (turn,) = [turn for turn in told.heard.of(TurnEnded) if turn.text == OPEN]
    assert turn.latency is not None and turn.latency.tts_ms == 0 and turn.intended == OPEN


async def test_of_an_interrupted_answer_the_words_that_were_heard_are_kept_and_it_is_told_how_long() -> None:
    script = [
        UntilAgentQuiet(600),
        Speech("When are you open?", 1_000),
        UntilAgentSpeaks(1_000),
        Speech("Stop, wait a moment please", 1_400),
        UntilAgentQuiet(800),
    ]
    told = await call(script, {"Stop, wait a moment please": "I am listening."})
    (cut,) = told.heard.of(BargedIn)
    assert OPEN.startswith(cut.heard) and 2 <= len(cut.heard.split()) <= 7
    (_, ms, text), *_ = told.mind.heard
    spoken_ms = len(cut.heard.split()) * WORD_MS
    assert text == cut.heard and abs(ms - spoken_ms) <= WORD_MS, (ms, cut.heard)
    assert ("agent", cut.heard) in told.turns and told.turns[-1] == ("agent", "I am listening.")


async def test_the_second_sentence_begins_at_its_pause() -> None:
    told = await call([UntilAgentQuiet(600), Speech("When are you open?", 1_000), UntilAgentQuiet(800)])
    (turn,) = [turn for turn in told.heard.of(TurnEnded) if turn.text == OPEN]
    shown = [
        (each.at_ms - turn.started_ms, each.text)
        for each in told.heard.of(TranscriptChanged)
        if each.turn == turn.turn and not each.is_final
    ]
    first = next(at for at, text in shown if text.endswith("Sundays we are closed."))
    assert abs(first - 8 * WORD_MS) <= 60, shown  # seven words and the pause


async def test_words_that_come_late_are_still_said() -> None:
    """A server slower than speech: the sound is played as it comes, its words grow."""
    told = await call(
        [UntilAgentQuiet(600), Speech("When are you open?", 1_000), UntilAgentQuiet(1_200)], ms_a_piece=100
    )
    assert told.turns[-1] == ("agent", OPEN)
    assert told.session.conversation.turns[-1].text == OPEN
    told_so_far = [each.text for each in told.heard.of(TranscriptChanged) if each.role == "agent" and not each.is_final]
    answer = told_so_far[1:]
    assert all(later.startswith(earlier) for earlier, later in pairwise(answer)) and answer[-1] == OPEN


async def test_a_cough_is_forgotten_and_the_answer_goes_on() -> None:
    script = [
        UntilAgentQuiet(600),
        Speech("When are you open?", 1_000),
        UntilAgentSpeaks(800),
        Speech("", 200),
        UntilAgentQuiet(1_500),
    ]
    told = await call(script)
    assert told.turns[-1] == ("agent", OPEN)
    assert told.mind.forgotten == 1 and len(told.mind.starts) == 2


async def test_a_line_of_the_house_behind_its_own_words_is_the_same_turn() -> None:
    told = await call(
        [UntilAgentQuiet(600), Speech("Put me through", 800), UntilAgentQuiet(1_500)],
        {"Put me through": "Gladly. | Please hold the line."},
    )
    assert told.turns[-1] == ("agent", "Gladly. Please hold the line.")
    assert told.tts.spoken[-1] == "Please hold the line."
    (_, ms, text) = told.mind.heard[0]
    assert text == "Gladly. Please hold the line." and ms > 10_000


async def test_a_goodbye_is_heard_to_its_end() -> None:
    told = await call(
        [UntilAgentQuiet(600), Speech("Thank you, bye", 800), Silence(20_000)], {"Thank you, bye": "Bye."}
    )
    assert told.reason == "caller_goodbye" and told.turns[-1] == ("agent", "Bye.")


async def test_where_it_is_away_another_answers_in_words() -> None:
    told = await call(
        [UntilAgentQuiet(600), Speech("When are you open?", 1_000), UntilAgentQuiet(1_500)], is_broken=True
    )
    assert told.turns[-1] == ("agent", "I am another.")
    assert "fallback" in [event.kind for event in told.heard.of(Happened)]
    assert told.mind.frames > 100 and told.mind.heard == []


# ---- the alignment alone


def aligned(text: str, sound: bytes, *, words_first: bool = True, letters: float | None = None) -> list[Begun | Grown]:
    alignment = Alignment("en-US", *([] if letters is None else [letters]))
    found: list[Begun | Grown] = []
    if words_first:
        alignment.words(text)
    size = PLAYOUT_RATE_HZ // 10 * 2
    for at in range(0, len(sound), size):
        alignment.sound(sound[at : at + size])
        found += alignment.settle(0)
    if not words_first:
        alignment.words(text)
    alignment.end()
    return found + alignment.settle(0)


def voiced(text: str) -> bytes:
    """70 ms a letter, and a pause of 300 ms after a sentence."""
    letter = (np.sin(np.arange(PLAYOUT_RATE_HZ * 70 // 1000) / 9 + 1.5) * 9_000).astype("<i2").tobytes()
    pause = bytes(PLAYOUT_RATE_HZ * 3 // 10 * 2)
    return b"".join(letter * len(each) + (pause if each[-1] in ".?!" else b"") for each in text.split())


@pytest.mark.parametrize("letters", [None, PLAYOUT_RATE_HZ / 9, PLAYOUT_RATE_HZ / 22])
@pytest.mark.parametrize("words_first", [True, False])
def test_each_phrase_begins_at_a_pause_whatever_the_pace(letters: float | None, words_first: bool) -> None:
    """Also with a wrong idea of how fast the voice speaks: all of it is there before it is played."""
    sentences = ["Yes we do.", "You can come tomorrow at ten.", "Shall I book that for you?"]
    text = " ".join(sentences)
    found = aligned(text, voiced(text), words_first=words_first, letters=letters)
    texts = {each.index: each.text for each in found}
    assert " ".join(texts.values()) == text
    wanted = [0, len(voiced(sentences[0])) // 2, len(voiced(" ".join(sentences[:2]))) // 2]
    begins = [each.at for each in found if isinstance(each, Begun)]
    for each, at in zip(begins, wanted, strict=True):
        assert abs(each - at) <= PLAYOUT_RATE_HZ // 20, (letters, begins, wanted)


def test_a_phrase_is_placed_by_a_guess_where_its_turn_may_come() -> None:
    alignment = Alignment("en-US", PLAYOUT_RATE_HZ * 80 / 1000)
    alignment.words("Yes we do. You can come tomorrow.")
    sound = voiced("Yes we do. You can come")
    alignment.sound(sound)
    assert [each.index for each in alignment.settle(0)] == [0]
    (second,) = alignment.settle(PLAYOUT_RATE_HZ * 7 // 10)
    assert isinstance(second, Begun) and abs(second.at - len(voiced("Yes we do.")) // 2) <= PLAYOUT_RATE_HZ // 20


def test_sound_without_words_is_not_kept_back_for_ever() -> None:
    alignment = Alignment("en-US")
    alignment.sound(spoken("one", PLAYOUT_RATE_HZ))
    assert alignment.settle(0) == [] and not alignment.is_ready
    alignment.sound(spoken("two", PLAYOUT_RATE_HZ))
    assert alignment.settle(0) == [Begun(0, "", 0)]
    alignment.words("One two")
    assert alignment.settle(0) == [Grown(0, "One two")]


@given(
    pieces=st.lists(
        st.tuples(st.sampled_from(["", "a ", "Yes. ", "No, ", "really? ", "z.B. ", "3.5 "]), st.integers(0, 9_000)), max_size=30
    ),
    played=st.integers(0, 60_000),
)  # fmt: skip
def test_phrases_keep_their_order_and_say_all_the_words(pieces: list[tuple[str, int]], played: int) -> None:
    alignment = Alignment("en-US")
    begins: dict[int, Begun] = {}
    texts: dict[int, str] = {}

    def take() -> None:
        for each in alignment.settle(min(played, alignment.samples)):
            texts[each.index] = each.text
            if isinstance(each, Begun):
                assert each.index == len(begins)
                begins[each.index] = each

    for text, samples in pieces:
        alignment.words(text)
        alignment.sound(bytes(samples * 2))
        take()
    alignment.end()
    take()
    assert " ".join(" ".join(texts.values()).split()) == " ".join("".join(text for text, _ in pieces).split())
    places = [begins[index].at for index in range(len(begins))]
    assert places == sorted(places) and all(0 <= at <= alignment.samples for at in places)


def test_what_was_heard_of_its_own_sound_leaves_out_fillers_and_counts_what_was_skipped() -> None:
    own = OwnSpans(skipped=PLAYOUT_RATE_HZ // 10)
    second = PLAYOUT_RATE_HZ
    own.add(second, second)  # a filler of a second is before it
    own.add(2 * second, second)
    own.add(4 * second, second)  # and a line of a second in it
    assert own.spans == [(second, 3 * second), (4 * second, 5 * second)]
    assert own.heard_ms(Heard("", 900, False)) == 0
    assert own.heard_ms(Heard("", 1_500, False)) == 600
    assert own.heard_ms(Heard("", 3_500, False)) == 2_100
    assert own.heard_ms(Heard("", 4_250, False)) == 2_350
