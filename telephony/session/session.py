"""One live call: frames in, the turn-taker's wishes carried out, everything told.

    transport.frames ─▶ clock, tape, ear, VAD ─▶ TurnTaker ─▶ actions ─▶ Reply (mind ─▶ voice) ─▶ Playout ─▶ transport
                                   ear's transcripts ─▶ ┘ ▲─────────── what was heard ────────────┘

Everything here runs on one event loop and returns at once; what takes time is a task of this call's task group. The loop below
and ``_tell`` are the only places where something is decided: by ``turns.TurnTaker``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from agents.mind import Utterance
from agents.spec import BackgroundSound
from agents.speech import AudioFrame, Transcript
from agents.standby import ears_of, hearing_of
from telephony.audio import ambience
from telephony.audio.digits import NO_PAUSES, checked
from telephony.audio.level import level
from telephony.audio.playout import Finished, Heard, PhraseStarted, Playout, PlayoutEvent
from telephony.audio.vad import VADEdge
from telephony.session import readiness, signals
from telephony.session.clock import CallClock
from telephony.session.ear import Ear, EarBroken
from telephony.session.echo_words import SpokenWords
from telephony.session.events import BargedIn, Ended, FieldCollected, Levels, State, StateChanged
from telephony.session.floor import Agent, Caller
from telephony.session.guesses import FRAME_MS, Guesser
from telephony.session.inlet import Inlet
from telephony.session.knobs import TurnSettings
from telephony.session.latency import breakdown
from telephony.session.life import Life
from telephony.session.lines import lines_for
from telephony.session.log import TurnLog
from telephony.session.ports import VAD, HasKeypad, HearsLater, Listener, Tap, Transport
from telephony.session.reply import Deadlines, Parts, Reply, Speaker, wasted
from telephony.session.resumed import NOTHING_BEFORE, Resumed
from telephony.session.signals import Action, Line, Signal
from telephony.session.streams import close_all, closing, feed
from telephony.session.transferring import Nobody, PutsThrough, Transferring
from telephony.session.turns import TurnTaker
from telephony.session.watchdog import Watchdog
from telephony.session.words import AskedFor, cleaned
from telephony.wire.dtmf import DigitEvent, Pressed, Released

if TYPE_CHECKING:
    from agents.live import LiveAgent

logger = logging.getLogger(__name__)


class Session(Life):
    """Make one for a call, ``run`` it once. ``playout`` is what the transport pulls from."""

    def __init__(
        self,
        *,
        transport: Transport,
        agent: LiveAgent,
        vad: VAD,
        listener: Listener,
        tap: Tap | None = None,
        deadlines: Deadlines | None = None,
        resumed: Resumed | None = None,
        transfers: PutsThrough | None = None,
    ) -> None:
        super().__init__(listener)
        spec = agent.spec
        self.agent = agent
        self._before = resumed or NOTHING_BEFORE
        self.conversation = self._before.conversation(agent.mind)
        self.clock = CallClock(self._before.at_ms)
        self.playout = Playout(delay_ms=transport.outbound_delay_ms, on_pull=None if tap is None else tap.agent)
        self._transport = transport
        self._vad = vad
        self._later = vad if isinstance(vad, HearsLater) else None
        if self._later is not None:
            self._later.listen(self._on_edge)
        if isinstance(transport, HasKeypad):
            transport.listen_for_digits(self._on_digit)
        self._inlet = Inlet(spec.listens, self.playout, self._on_echo)
        self._spoken = SpokenWords()
        self._tap = tap
        self._lines = lines_for(spec.sounds.language)
        self._turns = TurnTaker(TurnSettings.of(spec))
        self._speaker = Speaker(agent, self.playout, self.clock, deadlines or Deadlines(), self._lines.no_answer)
        self._speaker.tell = lambda kind, data: self._happened(kind, **data)
        self._speaker.grew = self._on_more_words
        self._hearing = hearing_of(agent.mind)
        self._ear = Ear(ears_of(agent), self.clock, language=spec.sounds.language, keywords=spec.listens.keywords)
        self._ear.tell = self._speaker.tell
        self._guesser = Guesser(agent.end_of_turn, self._spawn, self._tell)
        self._guesser.tell_lost = lambda why: self._happened("end_of_turn_lost", words=why)
        self._log = TurnLog(self._say_so, self._before.next_turn)
        self._asked_for = AskedFor(spec.does.collect)
        self._transfer = Transferring(
            transfers or Nobody(), self.clock, spec.sounds.language, self._happened, self._tell
        )
        self._generation = self._fills = 0
        self._reply: Reply | None = None
        self._utterance_ms = 0
        """When what the caller says now began."""
        self._transcript_ms = 0
        """When the last final transcript came."""
        self._transcript: Transcript | None = None
        """That one."""
        self._signals: deque[Signal] = deque()
        self._is_telling = False
        self._state: State = "listening"
        self._paused_at_ms = 0
        self._taken_back = 0
        """The last utterance whose answer had begun and was taken back."""
        self._watchdog = Watchdog(self.clock, self.playout, lambda: self._end("connection_lost"))

    async def run(self) -> str:
        """The whole call. Returns why it ended, a key of ``telephony.end_reasons.REASONS``; leaves nothing running."""
        self._over = asyncio.get_running_loop().create_future()
        if self._end_reason:
            self._over.set_result(self._end_reason)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._spawn(self._listen())
                self._spawn(self._transcribe())
                self._spawn(self._watchdog.watch())
                self._prepare()
                try:
                    self._tell(self._before.opening)
                    await self._over
                finally:
                    for child in self._children:
                        child.cancel()
        except* Exception:
            logger.exception("The call broke.")
            self._end("internal_error")
        finally:
            self._end(self._end_reason or "worker_stopped")  # cancelled from outside
            self._close_turns()
            await self._close()
            if self._inlet.echoes:
                self._happened("echoes", times=self._inlet.echoes)
            self._say_so(Ended(self.clock.now_ms, self._end_reason))
        return self._end_reason

    def say_goodbye(self, reason: str) -> None:
        """End it from outside after the agent's last words. Who calls this sets a limit to them, and hangs up then."""
        if self._tasks is None or self._end_reason:
            self._end(reason)
        else:
            self._tell(signals.Dismissed(reason))

    def press(self, digits: str) -> None:
        """The caller pressed these, told on another way than their line. Raises ``ValueError`` in plain words."""
        for digit in checked(digits).translate(NO_PAUSES):
            self._on_digit(Pressed(digit))
            self._on_digit(Released(digit))

    def press_out(self, digits: str) -> None:
        """The agent presses these, when it has said what it has begun to say. Raises ``ValueError`` in plain words."""
        pressed = checked(digits)
        if not self._end_reason:
            self.playout.digits.press(pressed)
            self._happened("digits_sent", digits=pressed)

    async def send_digits(self, digits: str) -> None:
        """``agents.tools.call_control.CallControl``: the same, and wait until it is done."""
        self.press_out(digits)
        while self.playout.digits.is_waiting and not self._end_reason:
            await self.clock.next_tick()

    def put_through(self, target: str) -> None:
        """Somebody outside asks for it: the agent says its words for the one of this name, and puts the caller through."""
        if self._tasks is not None and not self._end_reason:
            self._tell(signals.TransferAsked(target))

    def meet(self, other: str) -> None:
        """Somebody else is on the line, in the place of whoever was: they hear what is said at the beginning of a call."""
        self.conversation.others.append(other)
        if self._tasks is not None and not self._end_reason:
            self._tell(signals.SomebodyElse())

    @property
    def sent_ms(self) -> int | None:
        """How much of the agent's sound, silence as well, was sent so far."""
        return self.playout.pulls * FRAME_MS

    # ---- in

    async def _listen(self) -> None:
        self._transport.attach(self.playout)
        await feed(self._transport, self._on_frame)
        self._end("caller_hung_up")

    def _on_frame(self, frame: AudioFrame) -> bool:
        """Whether the call goes on."""
        begin_ms = self.clock.now_ms
        now_ms = begin_ms + FRAME_MS
        self.clock.tick(now_ms)
        if self._transfer.leaves_for:
            self._end(self._transfer.leaves_for)
            return False
        if self._tap is not None:
            self._tap.caller(frame, begin_ms)
        heard, clean, late_edges = self._inlet.hear(frame)
        self._ear.push(clean, begin_ms)
        if self._hearing is not None:
            self._hearing.push(clean, begin_ms)
        self._guesser.push(heard, begin_ms)
        for happening in self.playout.events():
            self._on_playout(happening)
        if actions := self._turns.pass_time(now_ms if self._later is None else self._later.settled_ms(now_ms)):
            self._work_off(actions)
        for edge in late_edges:
            self._tell(edge)
        for edge in self._vad.push(heard):
            self._on_edge(edge)
        reply = self._reply
        if reply is not None and reply.is_committed:
            if reply.waiting:
                self._tell_collected(reply)
        elif reply is not None and now_ms - (reply.began_ms or now_ms) >= self._turns.settings.open_start_ms:
            self._settle(reply)
        if begin_ms % 100 == 0:
            self._say_so(Levels(now_ms, level(frame.pcm), level(self.playout.last)))
        if begin_ms % 1000 == 0:
            self.playout.delay_ms = self._transport.outbound_delay_ms
            self._watchdog.check_pulls()
        return not self._end_reason

    def _on_edge(self, edge: VADEdge) -> None:
        """Also between two frames, from a VAD that takes its time."""
        for told in self._inlet.edge(edge):
            if self._tasks is not None and not self._end_reason:
                self._tell(told)

    def _on_echo(self, kind: str, data: dict[str, int]) -> None:
        """The line has one. What was heard in it before that was known may have been the agent."""
        self._happened(kind, **data)
        self._spoken.known_since_ms = self.clock.now_ms
        if self._transcript is not None:
            self._on_transcript(self._transcript)

    def _on_digit(self, event: DigitEvent) -> None:
        if self._tasks is None or self._end_reason:
            return
        self._tell(event)
        if isinstance(event, Pressed) and self._turns.digits:
            self._log.caller_presses(self.clock.now_ms, self._turns.shown_digits)

    async def _transcribe(self) -> None:
        try:
            async with closing(self._ear.transcripts()) as transcripts:
                async for transcript in transcripts:
                    self._on_transcript(transcript)
        except EarBroken as error:
            self._happened("stage_failed", stage="stt", error=str(error))
            self._tell(signals.EarLost())

    def _on_transcript(self, transcript: Transcript) -> None:
        if transcript.utterance != self._turns.utterance or self._turns.caller is Caller.QUIET:
            return
        if transcript.is_final:
            self._transcript_ms, self._transcript = self.clock.now_ms, transcript
        text = self._without_echo(transcript)
        self._log.caller_says(self.clock.now_ms, cleaned(text), transcript.confidence)
        self._tell(
            signals.Transcribed(
                text, transcript.utterance, transcript.until_ms, transcript.is_final, transcript.ends_turn
            )
        )

    def _without_echo(self, transcript: Transcript) -> str:
        """Without the agent's own words, come back."""
        if not self._inlet.has_guard:
            return transcript.text
        began_ms, now_ms = self._utterance_ms, self.clock.now_ms
        ended_ms = self._inlet.stopped_ms if self._inlet.stopped_ms > began_ms else now_ms
        language, delay_ms = self.agent.spec.sounds.language, self._inlet.echo_delay_ms
        text = self._spoken.without_echo(transcript.text, language, began_ms, ended_ms, delay_ms)
        if text != transcript.text and transcript.is_final:
            self._happened("echo_words", text=transcript.text, **({"caller": text} if text else {}))
        return text

    def _prepare(self) -> None:
        sounds = self.agent.spec.sounds
        if self._hearing is not None:
            self._hearing.listen()
        readiness.speak_ahead(self.agent, self._lines)
        if sounds.background_sound is not BackgroundSound.NONE:
            self._spawn(self._furnish(sounds.background_sound, sounds.background_volume))

    async def _furnish(self, room: BackgroundSound, volume: float) -> None:
        self.playout.background = await asyncio.to_thread(ambience.loop, room.value, volume)

    # ---- the turn-taker

    def _tell(self, signal: Signal) -> None:
        """One signal at a time, in order, however they come about."""
        self._signals.append(signal)
        if not self._is_telling:
            self._work_off([])

    def _work_off(self, actions: list[Action]) -> None:
        """Carry them out, and what is told meanwhile."""
        self._is_telling = True
        try:
            for action in actions:
                self._carry_out(action)
            while self._signals:
                for action in self._turns.receive(self._signals.popleft()):
                    self._carry_out(action)
        finally:
            self._is_telling = False
        self._tell_state()

    def _carry_out(self, action: Action) -> None:
        match action:
            case signals.StartUtterance(utterance, at_ms):
                self._utterance_ms = at_ms
                self._ear.start(utterance, at_ms)
                if self._hearing is not None:
                    self._hearing.start(at_ms)
                self._guesser.start(at_ms)
                self._log.caller_began(at_ms)
            case signals.FlushTranscript(at_ms):
                self._ear.flush(at_ms)
            case signals.GuessTurnEnd():
                self._guesser.ask(action)
            case signals.Speculate(utterance):
                self._speculate(utterance)
            case signals.EndTurn():
                self._end_turn(action)
            case signals.Reopen():
                self._take_back()
            case signals.DropUtterance(text, is_kept, digits):
                self._drop_utterance(text, is_kept, digits)
            case signals.PausePlayout():
                self._paused_at_ms = self.clock.now_ms
                self.playout.pause()
            case signals.ResumePlayout():
                self.playout.resume()
            case signals.BargeIn(onset_ms):
                self._barge_in(onset_ms)
            case signals.Withdraw():
                self._stop_reply()
            case signals.SayLine(line, text, hang_up):
                self._say_line(line, text, hang_up)
            case signals.Fill():
                self._fill()
            case signals.HangUp(reason):
                self._end(reason)

    def _speculate(self, utterance: Utterance) -> None:
        self._stop_reply()
        mind, conversation = self.agent.mind, self.conversation
        self._start_reply(lambda: mind.reply(utterance, conversation), utterance=utterance)

    def _end_turn(self, turn: signals.EndTurn) -> None:
        reply = self._reply
        if reply is None or reply.utterance is None or reply.utterance.revision != turn.utterance.revision:
            self._speculate(turn.utterance)  # cannot be: the turn-taker speculates first. Answer all the same.
            reply = self._reply
        if reply is not None:
            marks = reply.marks
            marks.stopped_ms, marks.pause_over_ms = turn.stopped_ms, turn.pause_over_ms
            reply.pause = turn.pause
            marks.transcript_ms, marks.committed_ms = self._transcript_ms, self.clock.now_ms
            self._release(reply)

    def _drop_utterance(self, text: str, is_kept: bool, digits: str) -> None:
        if is_kept and self._reply is not None and self._reply.is_beginning:
            self._settle(self._reply, is_told=False)
            return
        self._ear.end()
        if self._hearing is not None:
            self._hearing.forget()
        if is_kept and text:
            self._caller_said(text, digits, self.clock.now_ms)
        else:
            self._log.caller_dropped(self.clock.now_ms)
        if self._reply is not None and not self._reply.is_released:
            self._stop_reply()
        if text and not is_kept:
            self._happened("backchannel", text=text)

    def _barge_in(self, onset_ms: int) -> None:
        reply = self._reply
        if reply is not None and reply.has_started:
            turn = self._log.agent_turn
            heard = self.playout.heard(reply.generation).text
            self._stop_reply()
            silent_ms = min(self._paused_at_ms, self.clock.now_ms) or self.clock.now_ms
            self._say_so(BargedIn(self.clock.now_ms, turn or 0, heard, max(0, silent_ms - onset_ms)))
        else:
            self._stop_reply()

    def _say_line(self, line: Line, text: str, hang_up: str) -> None:
        self._stop_reply()
        if line in (Line.REMINDER, Line.WARNING):
            self._happened(line.value, text=text)
        parts = readiness.parts_of(line, text, hang_up, self.agent, self._lines, self._before)
        self._release(self._start_reply(parts, line=line))

    # ---- replies

    def _start_reply(self, parts: Parts, *, line: Line | None = None, utterance: Utterance | None = None) -> Reply:
        self._generation += 1
        reply = Reply(self._generation, parts, line=line, utterance=utterance, is_committed=utterance is None)
        self._reply = reply
        self.playout.begin(reply.generation)
        reply.task = self._spawn(self._run_reply(reply))
        return reply

    async def _run_reply(self, reply: Reply) -> None:
        await self._speaker.run(reply)
        if reply.failed is not None and reply is self._reply:
            self._happened("stage_failed", stage=reply.failed, error=reply.failure)

    def _fill(self) -> None:
        reply = self._reply
        if reply is not None and not reply.has_sound and reply.filling is None:
            fillers = self._lines.fillers(self.agent.spec.says.fillers, self._fills)
            self._fills += 1
            reply.filling = self._spawn(self._speaker.fill(reply, fillers))
            self._happened("filler")

    def _release(self, reply: Reply) -> None:
        reply.is_released = True
        self.playout.release(reply.generation)

    def _stop_reply(self) -> None:
        """Whatever is being said or prepared ends here; what was heard of it is kept."""
        reply, self._reply = self._reply, None
        if reply is None:
            self.playout.resume()
            return
        for task in (reply.task, reply.filling):
            if task is not None:
                task.cancel()
        self._count_waste(reply)
        heard = self.playout.cut(reply.generation)
        self.playout.resume()
        if reply.has_started:
            self._end_agent_turn(reply, heard)

    def _count_waste(self, reply: Reply | None) -> None:
        if reply is not None and reply.utterance is not None and not reply.is_committed:  # nobody heard anything of it
            self._happened("speculation_dropped", text=reply.utterance.text, **wasted(reply, self.agent.mind))

    def _on_playout(self, happening: PlayoutEvent) -> None:
        reply = self._reply
        if reply is None or happening.generation != reply.generation:
            return
        match happening:
            case PhraseStarted(_, index):
                self._on_phrase(reply, index)
            case Finished(_, heard):
                self._settle(reply)
                self._reply = None
                if reply.has_started:
                    self._end_agent_turn(reply, heard)
                self._commit(reply)
                if reply.failed is not None:
                    self._tell(signals.ReplyFailed(reply.failed))
                else:
                    self._tell(signals.AgentFinished(reply.hang_up))
                    if reply.presses:
                        self.press_out(reply.presses)
                    if reply.transfer and not self._end_reason:
                        self._spawn(self._transfer.begin(reply.transfer))

    def _on_phrase(self, reply: Reply, index: int) -> None:
        now_ms = self.clock.now_ms
        self._spoken.begins(reply.phrases[index], now_ms)
        if reply.began_ms is None:
            reply.began_ms = now_ms
            self._tell_state()
        if reply.utterance is not None and index not in reply.fillers and reply.latency is None:
            reply.latency = breakdown(reply.marks, now_ms, self.playout.delay_ms)
        if index or reply.utterance is None or self._taken_back == self._turns.utterance:
            self._settle(reply)
        if index:
            self.conversation.agent_goes_on(reply.phrases[index])
            self._tell_phrase(reply, index)

    def _settle(self, reply: Reply, *, is_told: bool = True) -> None:
        """What has begun won't be taken back. ``is_told``: the turn-taker waits for it."""
        if reply.began_ms is None or reply.has_started:
            return
        reply.has_started = True
        self._commit(reply)
        self._log.agent_began(reply.began_ms)
        self.conversation.agent_said(reply.phrases[0])
        if is_told and not self._end_reason:
            self._tell(signals.AgentStarted(reply.began_ms))
            self._tell_phrase(reply, 0)

    def _take_back(self) -> None:
        """The caller goes on. An answer that has begun is taken back once a turn: what then sounds like more may be its echo."""
        reply = self._reply
        if reply is not None and reply.began_ms is not None:
            self._spoken.stops(self.clock.now_ms)
            self._taken_back, reply.began_ms, reply.latency = self._turns.utterance, None, None
        if reply is not None and self.playout.hold(reply.generation):
            reply.is_released = False
        else:
            self._stop_reply()  # the line pulled on, and no frame came: there will be another

    def _tell_phrase(self, reply: Reply, index: int) -> None:
        self._log.agent_says(self.clock.now_ms, " ".join(reply.phrases[: index + 1]))
        text = reply.phrases[index]
        if reply.utterance is not None or reply.line is Line.GREETING:
            asked_for = self._asked_for.kind(text)
            if asked_for is not None or index == 0:
                self._ear.expect(asked_for)
            digits = reply.digits.get(text, 0)
            # Who knows the menu presses before its words have begun.
            keys = reply.keys.get(text) or next(iter(reply.keys.values()), None)
            self._tell(signals.AgentAsked(asked_for, text.rstrip().endswith("?"), text, digits, keys))
        if reply.hang_up:
            self._tell(signals.AgentEnding())

    def _on_more_words(self, reply: Reply, index: int) -> None:
        """Of the last phrase that is being said: a mind's own voice is sometimes ahead of its words."""
        if reply is self._reply and reply.has_started:
            self.conversation.agent_says(" ".join(reply.phrases[: index + 1]))
            self._tell_phrase(reply, index)

    def _commit(self, reply: Reply) -> None:
        """The caller's turn is certain: they heard the beginning of its answer, or there was nothing to hear."""
        utterance = reply.utterance
        if utterance is None or reply.is_committed:
            self._tell_collected(reply)
            return
        reply.is_committed = True
        self._ear.end()
        self._caller_said(utterance.text, utterance.shown_digits, utterance.ended_ms)
        if reply.failed is None or reply.has_started:
            self.agent.mind.commit(utterance.revision)
            self._tell_collected(reply)

    def _caller_said(self, text: str, digits: str, ended_ms: int) -> None:
        if not text:  # they neither pressed nor said anything, which was an answer
            self._log.caller_dropped(self.clock.now_ms)
            return
        self.conversation.caller_said(text, digits)
        self._log.caller_ended(self.clock.now_ms, text, ended_ms)
        if digits:
            self._happened("digits", digits=digits)

    def _end_agent_turn(self, reply: Reply, heard: Heard) -> None:
        self._spoken.stops(self.clock.now_ms - (self.playout.delay_ms if heard.was_whole else 0))
        was_cut = not heard.was_whole or heard.text != reply.intended
        if was_cut:
            self.conversation.cut_agent(heard.text, intended=reply.intended)
        said = self.conversation.last_agent
        if self._hearing is not None and reply.utterance is not None and reply.own.spans and said is not None:
            self._hearing.was_heard(reply.utterance.revision, reply.own.heard_ms(heard), said)
        self._tell_collected(reply)
        self._log.agent_ended(
            self.clock.now_ms, heard.text, reply.intended,
            was_cut=was_cut, line=reply.line, latency=reply.latency, thoughts=reply.why,
        )  # fmt: skip

    def _tell_collected(self, reply: Reply) -> None:
        found, reply.waiting = reply.waiting, []
        for each in found:
            self._say_so(FieldCollected(self.clock.now_ms, each.key, each.value, each.spoken, each.is_confirmed))

    # ---- out

    def _tell_state(self) -> None:
        turns = self._turns
        state: State = "listening"
        if turns.agent is Agent.SPEAKING and not turns.is_hushed:
            state = "speaking"
        elif turns.waits_for_answer:
            state = "speaking" if self._reply is not None and self._reply.is_beginning else "thinking"
        if state != self._state:
            self._state = state
            self._say_so(StateChanged(self.clock.now_ms, state))

    # ---- the end

    def _close_turns(self) -> None:
        reply, self._reply = self._reply, None
        if reply is not None and reply.began_ms is not None:
            self._settle(reply)
            self._end_agent_turn(reply, self.playout.cut(reply.generation))
        self._count_waste(reply)
        if digits := self._log.close_caller(self.clock.now_ms):
            self._happened("digits", digits=digits)

    async def _close(self) -> None:
        await close_all(transcriber=self._ear.close(), mind=self.agent.mind.close(), transport=self._transport.close())
