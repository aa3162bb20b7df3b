"""Somebody called for the caller, and joined with them: the wishes of the machine (``warm``) on two real lines. Warm, or cold where nobody
else could be asked to: then nobody is told anything, and the caller hears it ring.

    the caller's line (``KeptLine``)  ─ frames ─▶ this clock, Pipe ─▶ the other side
    the other side's (``KeptLine``)   ─ frames ─▶ Pipe ─▶ the caller, beside what else their line plays

Whoever has the caller's line goes on taking its frames meanwhile: an agent's session, which lets only time pass, or
``without_agent.line.BareLine``. A session's recording has the music, and then the other side's voice, where the agent's was. What the agent
and the other side say to each other is not recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.speech import AudioFrame
from agents.transfers import HoldMusic
from telephony import ending
from telephony.audio import hold_music, ringing
from telephony.audio.level import rms
from telephony.audio.playout import Playout
from telephony.call_transport import CallTransport, HasEarlySound, SaysMore
from telephony.session.clock import CallClock
from telephony.session.readiness import saying
from telephony.session.reply import Deadlines, Reply, Speaker
from telephony.session.streams import closing
from telephony.session.transferring import NotReached, Why
from telephony.transfers import warm
from telephony.transfers.bridge import Clip, Mix, Pipe
from telephony.transfers.consultation import Consultation
from telephony.transfers.kept_line import KeptLine
from telephony.transports.inbound import FRAME_MS
from telephony.wire.dtmf import DigitEvent, Pressed

if TYPE_CHECKING:
    from agents.live import LiveAgent

logger = logging.getLogger(__name__)

WORDS_MS = 8_000
"""On the caller's clock, for the words for the other side to be there once they have picked up. They are prepared while it rings."""
CLOSE_SECONDS = 3.0
SCRATCH_MS = 60_000
_WHYS: dict[str, Why] = {"line_busy": "busy", "no_answer": "no_answer", "declined": "declined"}
"""Why a line was never up → what callers are told."""

Dialling = Callable[[], Awaitable[CallTransport]]
"""Makes the second line; nothing rings before its ``connected``. Raises ``NotReached``."""
TellStep = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Briefing:
    """What the agent says to the other side before they are connected, and then to both."""

    agent: LiveAgent
    words: Callable[[], Awaitable[str]]
    """What they are told first; asked for as soon as it rings."""
    asks_first: bool = False
    introduction: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen, as the target's settings have it."""

    terms: warm.Terms
    music: HoldMusic = HoldMusic.QUIET
    briefing: Briefing | None = None
    """Where the terms say that they are told something."""
    rings_as: str | None = None
    """The caller hears it ring, as callers of this number know it, in place of music: the other side's network may make that sound."""
    when_up: Callable[[], None] = lambda: None
    """Called as soon as the two hear each other."""


class JoinedCall:
    """One. ``run`` it once; cancelled, it hangs up the other side's line before it goes."""

    def __init__(self, caller: KeptLine, plan: Plan, dial: Dialling, tell: TellStep) -> None:
        self._caller, self._plan, self._dial, self._tell = caller, plan, dial, tell
        self._machine = warm.WarmTransfer(plan.terms)
        self._clock = CallClock()
        self._events: asyncio.Queue[warm.Event] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._music: hold_music.Player | None = None
        self._for_caller, self._for_target = Mix(), Mix()
        self._from_caller, self._from_target = Pipe(), Pipe()
        self._line: CallTransport | None = None
        self._target: KeptLine | None = None
        self._target_playout: Playout | None = None
        self._saying: asyncio.Task[str] | None = None
        self._introducing: asyncio.Task[bytes] | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """The two hear each other."""
        return self._machine.is_connected

    async def run(self) -> warm.Outcome:
        """Until it is over, however it went."""
        self._caller.hears, self._caller.presses = self._hear_caller, self._caller_presses
        try:
            self._receive(warm.Began())
            while self._machine.outcome is None:
                self._receive(await self._events.get())
            return self._machine.outcome
        finally:
            self._receive(warm.CallerLeft())  # passed over where it is over already
            await self._put_away()

    def caller_left(self) -> None:
        """Whoever takes the caller's frames gets no more."""
        self._events.put_nowait(warm.CallerLeft())

    @property
    def outcome(self) -> warm.Outcome | None:
        return self._machine.outcome

    # ---- what happens

    def _hear_caller(self, frame: AudioFrame) -> None:
        self._clock.tick(self._clock.now_ms + FRAME_MS)
        if self._machine.is_connected:
            self._from_caller.push(frame)
        elif self._plan.rings_as is not None and self._machine.phase is warm.Phase.DIALLING:
            self._let_early_sound_in()
        if self._clock.now_ms % 100 == 0:
            self._events.put_nowait(warm.Ticked())

    def _caller_presses(self, event: DigitEvent) -> None:
        if self._machine.is_connected and isinstance(event, Pressed) and self._target_playout is not None:
            self._target_playout.digits.press(event.digit)

    def _target_presses(self, event: DigitEvent) -> None:
        if self._machine.is_connected and isinstance(event, Pressed) and self._caller.playout is not None:
            self._caller.playout.digits.press(event.digit)

    def _receive(self, event: warm.Event) -> None:
        for action in self._machine.receive(event, self._clock.now_ms):
            self._carry_out(action)

    def _carry_out(self, action: warm.Action) -> None:
        match action:
            case warm.Hold():
                self._hold()
            case warm.Dial():
                self._spawn(self._ring())
            case warm.Tell():
                self._spawn(self._consult())
            case warm.Connect(introduces):
                self._connect(introduces=introduces)
            case warm.HangUp():
                self._hang_up()

    def _step(self, step: str, **data: Any) -> None:
        self._tell("transfer_step", {"step": step, **data})

    # ---- one phase after the other

    def _hold(self) -> None:
        rings_as = self._plan.rings_as
        if rings_as is not None:
            self._spawn(self._play(lambda: ringing.loop(rings_as)))
        else:
            self._step("held", music=self._plan.music.value)
            self._spawn(self._play(lambda: hold_music.loop(self._plan.music.value)))

    async def _play(self, made: Callable[[], hold_music.Samples | None]) -> None:
        sound = await asyncio.to_thread(made)
        if sound is not None and self._machine.outcome is None and not self._machine.is_connected:
            self._music = hold_music.Player(sound)
            self._for_caller.add(self._music.pull)
            self._heard_by_caller()

    def _let_early_sound_in(self) -> None:
        """What the other side's network lets be heard before anybody has picked up: its own ringing, or why nobody does."""
        line = self._line
        if self._listening is None and isinstance(line, HasEarlySound) and line.has_early_sound:
            self._for_caller.add(self._from_target.pull)
            self._heard_by_caller()
            self._listening = self._spawn(self._listen_to_target(line))

    async def _ring(self) -> None:
        briefing = self._plan.briefing
        if briefing is not None:
            self._saying = self._spawn(self._words_in_time(briefing))
            if briefing.introduction.strip():
                self._introducing = self._spawn(spoken(briefing.agent, self._clock, briefing.introduction))
        try:
            line = self._line = await self._dial()
            self._step("ringing")
            is_up = await line.connected()
        except NotReached as error:
            self._events.put_nowait(warm.Failed(error.why, error.words))
            return
        except Exception as error:
            logger.exception("The other side of a transfer could not be called.")
            self._events.put_nowait(warm.Failed("not_reached", f"{type(error).__name__}: {error}"))
            return
        if not is_up:
            self._events.put_nowait(_why_never_up(line))
            return
        self._target = KeptLine(line)
        self._target.presses = self._target_presses
        self._step("picked_up")
        self._events.put_nowait(warm.PickedUp())

    async def _words_in_time(self, briefing: Briefing) -> str:
        try:
            return await briefing.words()
        except Exception:
            logger.exception("The words for the other side of a transfer could not be made.")
            return ""

    async def _consult(self) -> None:
        briefing = self._plan.briefing
        assert self._target is not None and self._saying is not None and briefing is not None, "they have picked up"
        words = ""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(WORDS_MS):
                words = await asyncio.shield(self._saying)
        consultation = Consultation(
            self._target,
            briefing.agent,
            words,
            asks=briefing.asks_first,
            tell=lambda step, text: self._step(step, text=text),
        )
        try:
            result: warm.Event = await consultation.run()
        except Exception as error:
            logger.exception("The other side of a transfer could not be spoken to.")
            result = warm.Failed("not_reached", f"{type(error).__name__}: {error}")
        if isinstance(result, warm.Accepted):
            self._step("accepted", asked=briefing.asks_first)
        self._events.put_nowait(result)

    def _connect(self, *, introduces: bool) -> None:
        assert self._target is not None, "they have picked up"
        self._end_music()
        playout = self._target_playout = Playout(delay_ms=self._target.outbound_delay_ms)
        self._for_target.add(self._from_caller.pull)
        if self._listening is None:
            self._for_caller.add(self._from_target.pull)
        playout.instead = self._for_target.pull
        self._heard_by_caller()
        self._target.listen_for_digits(lambda event: None)
        self._target.attach(playout)
        self._tell("put_through", {})
        self._plan.when_up()
        if self._listening is None:
            self._listening = self._spawn(self._listen_to_target(self._target))
        self._listening.add_done_callback(lambda done: self._events.put_nowait(warm.TargetLeft()))
        if introduces:
            self._spawn(self._introduce())

    async def _listen_to_target(self, target: KeptLine | CallTransport) -> None:
        async with closing(target.frames()) as frames:
            async for frame in frames:
                if self._music is not None and rms(frame.pcm) > ringing.HEARD_RMS:
                    self._end_music()
                self._from_target.push(frame)

    async def _introduce(self) -> None:
        pcm, briefing = b"", self._plan.briefing
        if self._introducing is not None:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(WORDS_MS):
                    pcm = await asyncio.shield(self._introducing)
        if not pcm or briefing is None:
            self._events.put_nowait(warm.Introduced())
            return
        self._for_target.add(Clip(pcm).pull)
        self._for_caller.add(Clip(pcm, lambda: self._events.put_nowait(warm.Introduced())).pull)
        self._step("introduced", text=briefing.introduction)

    # ---- the end of it

    def _heard_by_caller(self) -> None:
        if self._caller.playout is not None:
            self._caller.playout.instead = self._for_caller.pull

    def _end_music(self) -> None:
        if self._music is not None:
            self._music.stop()
            self._music = None

    def _hang_up(self) -> None:
        self._end_music()
        self._from_caller.close()
        self._from_target.close()
        if self._line is not None:
            self._line.hang_up()

    async def _put_away(self) -> None:
        self._caller.hears = self._caller.presses = None
        if self._line is not None:  # first of all: it may ring, and nobody waits for it any more
            closing_line = asyncio.ensure_future(self._line.close())
            await asyncio.wait({closing_line}, timeout=CLOSE_SECONDS)
        await ending.end(self._tasks, CLOSE_SECONDS)
        if self._target is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._target.release()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _why_never_up(line: CallTransport) -> warm.Failed:
    """In plain words, of a line whose ``connected`` said no."""
    reason = line.end_reason or "not_reachable"
    words, detail = _WORDS.get(reason, ""), line.end_detail if isinstance(line, SaysMore) else ""
    if words and detail:
        words = f"{words} ({detail})"
    return warm.Failed(_WHYS.get(reason, "not_reached"), words or detail or "The other side could not be reached.")


_WORDS = {"line_busy": "The line was busy.", "no_answer": warm.NOBODY, "declined": "Who was called declined."}


async def spoken(agent: LiveAgent, clock: CallClock, text: str) -> bytes:
    """The words in the agent's voice, or in that of whoever speaks for it, at the playout's rate; empty where nobody can."""
    playout = Playout()
    reply = Reply(1, saying(text), is_committed=True)
    playout.begin(1)
    deadlines = Deadlines(held_ahead_ms=SCRATCH_MS, ahead_ms=SCRATCH_MS)
    await Speaker(agent, playout, clock, deadlines).run(reply)
    if reply.failed is not None:
        return b""
    frames = -(-playout.ahead_ms(1) // 20)
    playout.release(1)
    return b"".join(playout.pull() for _ in range(frames))
