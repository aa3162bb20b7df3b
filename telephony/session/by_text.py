"""One live call whose sound is somebody else's: words of the caller in, words of the agent out, everything told as by ``Session``.

    line.messages ─▶ TextSession ─▶ mind ─▶ line.say ─▶ what was heard of it, as the line tells

The other side hears and speaks: it says when the caller has finished, when they interrupt and what they had heard by then. Here the
turns, the digits, the silence, the limits and the end are decided. The clock is the wall's: there is no sound to count.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from agents import keypad
from agents.mind import Utterance
from agents.pronunciation import Speaker as Reader
from agents.spec import FirstSpeaker
from telephony.audio.digits import NO_PAUSES, checked
from telephony.audio.playout import Playout
from telephony.session import readiness
from telephony.session.clock import CallClock
from telephony.session.events import (
    BargedIn,
    Ended,
    FieldCollected,
    Latency,
    State,
    StateChanged,
)
from telephony.session.floor import ASIDES
from telephony.session.keypad import Keypad
from telephony.session.knobs import TurnSettings
from telephony.session.life import Life
from telephony.session.limit import LimitWarning
from telephony.session.lines import lines_for
from telephony.session.log import TurnLog
from telephony.session.ports import Listener
from telephony.session.prefix import letters, prefix_of
from telephony.session.reply import Deadlines, Parts, Reply, Speaker
from telephony.session.resumed import NOTHING_BEFORE, Resumed
from telephony.session.signals import BeingPutThrough, CameBack, Line, NotPutThrough, Signal
from telephony.session.streams import close_all, closing
from telephony.session.transferring import Nobody, PutsThrough, Transferring
from telephony.wire import relay

if TYPE_CHECKING:
    from agents.live import LiveAgent

logger = logging.getLogger(__name__)

TICK_MS = 40
LETTER_MS = 70
"""How long a letter takes to say, where nobody tells what was played."""
SURPLUS_MS = 4_000
"""Words that nobody told to have been played are taken for heard so long after they should have been."""
AFTER_LIMIT_MS = 15_000
"""For the last words, once the longest call is over."""


@runtime_checkable
class TextLine(Protocol):
    """A caller's line that carries words. It is not closed here."""

    def messages(self) -> AsyncIterator[relay.Message]:
        """As they come. It ends when the caller is gone."""

    async def say(self, words: str, *, is_last: bool) -> None:
        """Spoken in order, as they come; ``is_last``: the reply is whole."""

    async def press(self, digits: str) -> None:
        """Tones to the other side."""


@dataclass(eq=False, slots=True)
class _Saying:
    """What the agent says now: from the first word that is thought of until the caller has heard the last, or interrupts."""

    reply: Reply
    asked_ms: int
    sent: list[str] = field(default_factory=list)
    played: str = ""
    """As the line told."""
    ends_ms: int = 0
    """When it should have been heard, by its length."""
    is_whole: bool = False
    fillers: Iterator[str] | None = None
    """What is said because the answer is late."""
    filled_until_ms: int = 0
    is_over: bool = False
    """The line says that nothing is spoken any more, since the last words were sent."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    latency: Latency | None = None

    @property
    def text(self) -> str:
        return " ".join(self.sent)

    def is_heard(self, now_ms: int) -> bool:
        if not self.is_whole:
            return False
        if now_ms >= self.ends_ms + SURPLUS_MS or not self.sent:
            return True
        if self.played:
            return len(letters(self.played)) >= len(letters(self.text)) and self.is_over
        return self.is_over and now_ms >= self.ends_ms - (self.ends_ms - self.asked_ms) // 2


class TextSession(Life):
    """``telephony.session.session.Session`` over a :class:`TextLine`. Make one for a call, ``run`` it once."""

    def __init__(
        self,
        *,
        line: TextLine,
        agent: LiveAgent,
        listener: Listener,
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
        self._line = line
        self._settings = TurnSettings.of(spec)
        self._lines = lines_for(spec.sounds.language)
        self._deadlines = deadlines or Deadlines()
        self._thinker = Speaker(agent, Playout(), self.clock, self._deadlines, self._lines.no_answer)
        self._thinker.tell = lambda kind, data: self._happened(kind, **data)
        self._reader = Reader(spec.sounds.pronunciations, language=spec.sounds.language, can_ipa=False)
        self._log = TurnLog(self._listener.receive, self._before.next_turn)
        self._keypad = Keypad(self._settings.digit_timeout_ms, self._settings.ending_digit)
        self._warning = LimitWarning(
            self._settings.warning, self._settings.warning_before_ms, self._settings.max_duration_ms
        )
        self._transfer = Transferring(
            transfers or Nobody(), self.clock, spec.sounds.language, self._happened, self._on_signal
        )
        self._saying: _Saying | None = None
        self._revision = 0
        self._generation = self._fills = 0
        self._is_caller_speaking = False
        self._caller_began_ms: int | None = None
        self._is_caller_told = False
        """Of what they say now."""
        self._kept = ""
        """Said into what may not be interrupted."""
        self._quiet_since_ms = self._alone_since_ms = self._before.at_ms
        self._reminded = self._failures = 0
        self._has_asked = self._is_away = False
        self._state: State = "listening"

    async def run(self) -> str:
        """The whole call. Returns why it ended, a key of ``telephony.end_reasons.REASONS``; leaves nothing running."""
        self._over = asyncio.get_running_loop().create_future()
        if self._end_reason:
            self._over.set_result(self._end_reason)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._spawn(self._listen())
                self._spawn(self._tick())
                try:
                    self._open()
                    await self._over
                finally:
                    for child in self._children:
                        child.cancel()
        except* Exception:
            logger.exception("The call broke.")
            self._end("internal_error")
        finally:
            self._end(self._end_reason or "worker_stopped")  # cancelled from outside
            self._stop()
            if digits := self._log.close_caller(self.clock.now_ms):
                self._happened("digits", digits=digits)
            await close_all(mind=self.agent.mind.close())
            self._say_so(Ended(self.clock.now_ms, self._end_reason))
        return self._end_reason

    # ---- from outside

    def say_goodbye(self, reason: str) -> None:
        """End it after the agent's last words. Who calls this sets a limit to them, and hangs up then."""
        if self._tasks is None or self._end_reason:
            self._end(reason)
        else:
            self._say(Line.GOODBYE, hang_up=reason)

    def press(self, digits: str) -> None:
        """The caller pressed these. Raises ``ValueError`` in plain words."""
        for digit in checked(digits).translate(NO_PAUSES):
            self._on_digit(digit)

    def press_out(self, digits: str) -> None:
        """The agent's side presses these. Raises ``ValueError`` in plain words."""
        pressed = checked(digits)
        if self._tasks is not None and not self._end_reason:
            self._spawn(self._line.press(pressed))
            self._happened("digits_sent", digits=pressed)

    async def send_digits(self, digits: str) -> None:
        """``agents.tools.call_control.CallControl``."""
        self.press_out(digits)

    def put_through(self, target: str) -> None:
        """Somebody outside asks for it: the agent says its words for the one of this name, and puts the caller through."""
        if self._tasks is not None and not self._end_reason:
            self._say(Line.TRANSFER, target)

    @property
    def sent_ms(self) -> int | None:
        """No sound is sent here."""
        return None

    # ---- in

    async def _listen(self) -> None:
        async with closing(self._line.messages()) as messages:
            async for message in messages:
                if self._end_reason:
                    return
                if not self._is_away:
                    self._on_message(message)
                self._tell_state()
        self._end("caller_hung_up")

    def _on_message(self, message: relay.Message) -> None:
        match message:
            case relay.Prompt(text, is_last):
                self._on_words(text.strip(), is_last=is_last)
            case relay.DigitPressed(digit):
                self._on_digit(digit)
            case relay.Interrupted(heard):
                self._on_interrupted(heard)
            case relay.Speaking("caller", is_on):
                self._is_caller_speaking = is_on
                self._quiet_since_ms = self._alone_since_ms = self.clock.now_ms
                if is_on and self._caller_began_ms is None:
                    self._caller_began_ms = self.clock.now_ms
            case relay.Speaking(_, is_on):
                if self._saying is not None:
                    self._saying.is_over = not is_on
            case relay.Played(text):
                if self._saying is not None:
                    self._saying.played = f"{self._saying.played} {text}".strip()
            case relay.Complaint(description):
                self._happened("line_complained", words=description)
            case _:
                pass

    def _on_words(self, text: str, *, is_last: bool) -> None:
        now_ms = self.clock.now_ms
        self._quiet_since_ms = self._alone_since_ms = now_ms
        if not text:
            return
        if self._caller_began_ms is None:
            self._caller_began_ms = now_ms
        if not is_last:
            self._begin_caller()
            self._log.caller_says(now_ms, text)
            return
        if self._saying is not None and not self._may_interrupt:  # answered when the agent is done
            self._kept = f"{self._kept} {text}".strip()
            self._begin_caller()
            self._log.caller_says(now_ms, self._kept)
        else:
            self._reply_to(text, "")

    def _begin_caller(self) -> None:
        if not self._is_caller_told:
            self._is_caller_told = True
            self._log.caller_began(self._caller_began_ms if self._caller_began_ms is not None else self.clock.now_ms)

    def _on_digit(self, digit: str) -> None:
        is_taken = self._settings.takes_digits or self._keypad.wanted is not None
        if not is_taken or self._end_reason or self._tasks is None:
            return
        now_ms = self.clock.now_ms
        self._quiet_since_ms = self._alone_since_ms = now_ms
        self._keypad.press(digit, now_ms)
        self._keypad.release(now_ms)
        if self._caller_began_ms is None:
            self._caller_began_ms = now_ms
        self._begin_caller()
        self._log.caller_presses(now_ms, self._keypad.shown)
        if self._may_interrupt:
            self._cut("")

    def _on_interrupted(self, heard: str) -> None:
        """Twilio has stopped speaking already. What has to be heard is said again."""
        saying = self._saying
        if saying is None:
            return
        if not self._may_interrupt:
            self._happened("said_again")
            self._say_again(saying)
        else:
            self._cut(heard)

    def _say_again(self, saying: _Saying) -> None:
        rest, saying.played, saying.is_over = saying.text, "", False
        saying.ends_ms = self.clock.now_ms + len(rest) * LETTER_MS
        self._spawn(self._line.say(self._reader.speak(rest), is_last=saying.is_whole))

    @property
    def _may_interrupt(self) -> bool:
        saying = self._saying
        is_protected = saying is not None and saying.reply.hang_up not in ("", "silence")
        return self._settings.barge_in and not is_protected

    # ---- turns

    def _reply_to(self, words: str, digits: str) -> None:
        """The caller has finished."""
        now_ms = self.clock.now_ms
        utterance = Utterance("", self._revision + 1, now_ms, digits, bool(digits) and self._keypad.is_secret)
        utterance = replace(utterance, text=keypad.shown(words, utterance.shown_digits))
        self._begin_caller()
        self._cut("")  # whatever was being said: they have spoken
        if utterance.is_silence:
            self._log.caller_dropped(now_ms)
        else:
            self._log.caller_ended(now_ms, utterance.text, now_ms)
        self._caller_began_ms, self._is_caller_told = None, False
        self._keypad.clear()
        if digits:
            self._happened("digits", digits=utterance.shown_digits)
        self._revision += 1
        self._reminded = 0
        self._start(lambda: self.agent.mind.reply(utterance, self.conversation), utterance=utterance)

    def _start(self, parts: Parts, *, line: Line | None = None, utterance: Utterance | None = None) -> _Saying:
        self._generation += 1
        reply = Reply(self._generation, parts, line=line, utterance=utterance, is_committed=utterance is None)
        saying = self._saying = _Saying(reply, self.clock.now_ms)
        saying.tasks = [self._spawn(self._think(saying)), self._spawn(self._send(saying))]
        return saying

    async def _think(self, saying: _Saying) -> None:
        await self._thinker.think(saying.reply)

    async def _send(self, saying: _Saying) -> None:
        """Its words, as they are thought of. The line keeps their order."""
        reply = saying.reply
        while (text := await reply.queue.get()) is not None:
            if not isinstance(text, str):  # sound: nobody listens to it here, and a mind that knows gives words
                continue
            self._commit(saying)
            if not saying.sent:
                self._on_first(saying)
            saying.sent.append(text)
            saying.is_over = False
            now_ms = self.clock.now_ms
            saying.ends_ms = max(now_ms, saying.ends_ms) + len(text) * LETTER_MS
            if len(saying.sent) == 1:
                self.conversation.agent_said(text)
            else:
                self.conversation.agent_goes_on(text)
            self._log.agent_says(now_ms, saying.text)
            self._has_asked = text.rstrip().endswith("?")
            if count := reply.digits.get(text, 0):
                self._keypad.expects = count
            self._keypad.ask(reply.keys.get(text), 0)
            await self._line.say(self._reader.speak(text) + " ", is_last=False)
        if saying.sent:
            await self._line.say("", is_last=True)
        saying.is_whole = True
        self._commit(saying)
        if reply.failed is not None:
            self._happened("stage_failed", stage=reply.failed, error=reply.failure)

    def _on_first(self, saying: _Saying) -> None:
        """The caller is about to hear its first word."""
        now_ms = self.clock.now_ms
        self._log.agent_began(now_ms)
        if saying.reply.line not in ASIDES:
            utterance = saying.reply.utterance
            was_pressed = utterance is not None and bool(utterance.digits)
            self._keypad.leave(was_pressed=was_pressed, is_repeated=saying.reply.line is Line.APOLOGY)
        if saying.reply.utterance is not None:
            saying.latency = Latency(model_ms=max(0, now_ms - saying.asked_ms))

    def _commit(self, saying: _Saying) -> None:
        """What was said is entered when its answer begins: until then the mind is told of it apart from what was before."""
        reply = saying.reply
        if reply.utterance is not None and not reply.is_committed:
            reply.is_committed = True
            self._caller_said(reply.utterance)
            if reply.failed is None:
                self.agent.mind.commit(reply.utterance.revision)
        if reply.is_committed and reply.failed is None:
            for each in reply.waiting:
                self._say_so(FieldCollected(self.clock.now_ms, each.key, each.value, each.spoken, each.is_confirmed))
            reply.waiting.clear()

    def _caller_said(self, utterance: Utterance) -> None:
        if not utterance.is_silence:
            self.conversation.caller_said(utterance.text, utterance.shown_digits)

    def _cut(self, heard: str) -> None:
        """The agent stops here."""
        saying = self._saying
        if saying is None:
            return
        known = prefix_of(saying.text, saying.played or heard)
        if saying.sent:
            self._say_so(BargedIn(self.clock.now_ms, self._log.agent_turn or 0, known, 0))
        self._stop(known)

    def _stop(self, heard: str = "") -> None:
        saying, self._saying = self._saying, None
        if saying is None:
            return
        for task in saying.tasks:
            task.cancel()
        utterance = saying.reply.utterance
        if utterance is not None and not saying.reply.is_committed:  # said, and never answered
            self._caller_said(utterance)
        self._end_turn_of(saying, heard, was_cut=True)

    def _end_turn_of(self, saying: _Saying, heard: str, *, was_cut: bool) -> None:
        self._quiet_since_ms = self.clock.now_ms
        if saying.reply.line is not Line.REMINDER:  # reminders are no company
            self._alone_since_ms = self.clock.now_ms
        if not saying.sent:
            return
        if saying.reply.utterance is not None and saying.reply.failed is None:
            self._failures = 0
        intended = " ".join(saying.reply.texts) or saying.text
        if was_cut:
            self.conversation.cut_agent(heard, intended=intended)
        self._log.agent_ended(
            self.clock.now_ms,
            heard,
            intended,
            was_cut=was_cut,
            latency=saying.latency,
            thoughts=tuple(saying.reply.thoughts),
        )

    def _finish(self, saying: _Saying) -> None:
        """The caller has heard all of it."""
        self._saying = None
        self._end_turn_of(saying, saying.text, was_cut=False)
        reply = saying.reply
        if reply.presses:
            self.press_out(reply.presses)
        if reply.failed is not None:
            self._failures += 1
            if self._failures < 2:
                self._say(Line.APOLOGY)
            else:
                self._say(Line.GOODBYE, hang_up=f"{reply.failed}_failed")
            return
        if reply.hang_up:
            self._end(reply.hang_up)
        elif reply.transfer and not self._end_reason:
            self._spawn(self._transfer.begin(reply.transfer))
        elif self._kept:
            kept, self._kept = self._kept, ""
            self._reply_to(kept, "")

    # ---- what it says by itself

    def _open(self) -> None:
        if isinstance(self._before.opening, CameBack):
            self._say(Line.BACK)
        elif self.agent.spec.says.first_speaker is FirstSpeaker.AGENT:
            self._say(Line.GREETING)

    def _say(self, line: Line, text: str = "", *, hang_up: str = "") -> None:
        if self._saying is not None:
            self._cut(self._saying.played)
        if line in (Line.REMINDER, Line.WARNING):
            self._happened(line.value, text=text)
        parts = readiness.parts_of(line, text, hang_up, self.agent, self._lines, self._before)
        self._start(parts, line=line).reply.hang_up = hang_up

    def _on_signal(self, signal: Signal) -> None:
        match signal:
            case BeingPutThrough():
                self._is_away = True
            case NotPutThrough(text):
                self._is_away = False
                self._say(Line.NOT_THROUGH, text)
            case _:
                pass

    # ---- time

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        began_s, began_ms = loop.time(), self.clock.now_ms
        while not self._end_reason:
            await asyncio.sleep(TICK_MS / 1000)
            self.clock.tick(began_ms + round((loop.time() - began_s) * 1000))
            if self._transfer.leaves_for:
                self._end(self._transfer.leaves_for)
            elif not self._is_away:
                self._look_at_the_clock()
            self._tell_state()

    def _look_at_the_clock(self) -> None:
        now_ms, saying = self.clock.now_ms, self._saying
        if saying is not None and saying.is_heard(now_ms):
            self._finish(saying)
        elif saying is not None and not saying.sent and self._is_late(saying):
            self._fill(saying)
        elif self._hit_limit(now_ms):
            return
        elif self._keypad.digits and now_ms >= self._keypad.over_ms:
            self._reply_to("", self._keypad.digits)
        elif saying is None and not self._is_caller_speaking and not self._keypad.digits:
            self._keep_company(now_ms)

    def _is_late(self, saying: _Saying) -> bool:
        if saying.reply.utterance is None:
            return False
        if saying.fillers is None:
            return self.clock.now_ms - saying.asked_ms >= self._settings.fill_after_ms
        return self.clock.now_ms - saying.filled_until_ms >= self._deadlines.fill_again_ms

    def _fill(self, saying: _Saying) -> None:
        if saying.fillers is None:
            saying.fillers = self._lines.fillers(self.agent.spec.says.fillers, self._fills)
            self._fills += 1
            self._happened("filler")
        words = next(saying.fillers)
        saying.filled_until_ms = self.clock.now_ms + len(words) * LETTER_MS
        self._spawn(self._line.say(f"{words} ", is_last=False))

    def _hit_limit(self, now_ms: int) -> bool:
        over_ms = now_ms - self._settings.max_duration_ms
        if over_ms >= AFTER_LIMIT_MS:
            self._end("max_duration")
        elif over_ms >= 0 and (self._saying is None or not self._saying.reply.hang_up):
            self._say(Line.GOODBYE, hang_up="max_duration")
        return over_ms >= 0

    def _keep_company(self, now_ms: int) -> None:
        settings = self._settings
        if now_ms - self._alone_since_ms >= settings.hang_up_after_silence_ms:
            self._say(Line.GOODBYE, hang_up="silence")
        elif self._keypad.silence_ms:
            if now_ms - self._quiet_since_ms >= self._keypad.silence_ms:  # no key, and no word
                self._keypad.stop_waiting()
                self._reply_to("", "")
        elif self._warning.is_due(now_ms, self._quiet_since_ms, has_asked=self._has_asked):
            self._warning.said()
            self._say(Line.WARNING, self._warning.text)
        elif settings.reminders and now_ms - self._quiet_since_ms >= settings.reminder_after_ms:
            self._say(Line.REMINDER, settings.reminders[self._reminded % len(settings.reminders)])
            self._reminded += 1

    # ---- out

    def _tell_state(self) -> None:
        saying = self._saying
        state: State = "listening" if saying is None else "speaking" if saying.sent else "thinking"
        if state != self._state:
            self._state = state
            self._say_so(StateChanged(self.clock.now_ms, state))
