"""Who has the floor: one machine, told what happens, asking for what to do. It reads no clock and starts nothing by itself.

``telephony.session.floor`` has the picture.

A turn is never committed without the final transcript of its last sound, but for a bounded wait.
"""

from __future__ import annotations

from agents import keypad
from agents.mind import Utterance
from agents.turn_taking import AcousticEndOfTurn
from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session import signals
from telephony.session.floor import ASIDES, Agent, Caller
from telephony.session.keypad import Keypad
from telephony.session.knobs import TurnSettings
from telephony.session.limit import LimitWarning
from telephony.session.pause import Pause
from telephony.session.pauses import Patience
from telephony.session.signals import Action, Line, Signal, Stage, Ticked
from telephony.session.words import Kind, cleaned, kind_of, may_be_nod, normalised
from telephony.wire.dtmf import Pressed, Released

_SILENT, _PREPARING = Agent.SILENT, Agent.PREPARING
_QUIET, _SPEAKING, _PAUSED = Caller.QUIET, Caller.SPEAKING, Caller.PAUSED
"""For what is asked fifty times a second: Python 3.11 finds a name in a sixth of the time it takes to find a member in its enumeration."""


class TurnTaker:
    """See above. ``receive`` every signal, in order; carry out the actions, in order."""

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self.caller = Caller.QUIET
        self.agent = Agent.SILENT
        self.is_hushed = False
        self.has_ended = False
        self.now_ms = 0
        # the caller's utterance
        self.utterance = 0
        self.revision = 0
        self._text = ""
        self._guess = ""
        self._covered_ms = -1
        self._onset_ms = 0
        self._stopped_ms = 0
        self._stop_known_ms = 0
        self._voiced_ms = 0
        self._flushed_ms: int | None = None
        self._guess_asked_ms: int | None = None
        """When it was asked how this pause sounds."""
        self._speculated: Utterance | None = None
        self._utterance_ms = 0
        """When the utterance began."""
        self._nod_ms: tuple[int, int] | None = None
        """The last nod that was passed over, from when to when: it may turn out to have been the beginning of something."""
        self._patience = Patience(settings)
        self._keypad = Keypad(settings.digit_timeout_ms, settings.ending_digit)
        self._warning = LimitWarning(settings.warning, settings.warning_before_ms, settings.max_duration_ms)
        # the agent's
        self.line: Line | None = None
        """What it prepares or says; None: an answer."""
        self._prepared_at_ms = 0
        self._started_at_ms = self._backs_off_until_ms = 0
        self._hushed_at_ms = 0
        self._is_question = False
        self._has_asked = False
        """Its last answer ended with a question."""
        self._is_ending = False
        self._owes_greeting = False
        """The consent line is over, and the caller was speaking: it follows where they turn out to have said nothing."""
        self._filled = False
        self._hang_up = ""
        """Why the call ends once the goodbye was heard."""
        # the silence of both
        self._quiet_since_ms = 0
        self._alone_since_ms = 0
        """As above, but reminders don't count as company."""
        self._reminded = 0
        self._failures = 0
        self._is_away = False
        """The caller is being put through to somebody else."""
        self._owes_opening = False
        """Meanwhile somebody else has come on the line."""
        self._transfer_to = ""
        """Whom somebody outside wants them put through to, as soon as what is said to the end is over."""
        self._is_deaf = False
        """The transcriber is gone for good: what may not be cut is said to the end, then goodbye."""
        self._actions: list[Action] = []

    def receive(self, signal: Signal) -> list[Action]:
        """What to do now. After ``HangUp`` nothing any more."""
        if isinstance(signal, Ticked):
            return self.pass_time(signal.at_ms)
        if self.has_ended:
            return []
        if self._is_away and not isinstance(signal, signals.NotPutThrough | signals.Dismissed):
            self._owes_opening = self._owes_opening or isinstance(signal, signals.SomebodyElse)
            return []
        self._is_away = False
        match signal:
            case signals.Answered():
                self._open_call()
            case signals.CameBack(at_ms) | signals.TookOver(at_ms):
                self.now_ms = self._quiet_since_ms = self._alone_since_ms = at_ms
                self._say(Line.BACK) if isinstance(signal, signals.CameBack) else self._open_call()
            case signals.SomebodyElse():
                self._meet()
            case signals.TransferAsked(target):
                self._transfer_to = target
            case signals.BeingPutThrough():
                self._go_away()
            case signals.NotPutThrough(text):
                self._quiet_since_ms = self._alone_since_ms = self.now_ms
                self._meet() if self._owes_opening and self._first_line else self._say(Line.NOT_THROUGH, text)
            case SpeechStarted(at_ms):
                self._on_speech(at_ms)
            case SpeechStopped(at_ms):
                self._on_stop(at_ms)
            case Pressed(digit, before) if self.settings.takes_digits or self._keypad.wanted is not None:
                self._on_digit(digit, before)
            case Released():
                self._keypad.release(self.now_ms)
            case signals.Transcribed():
                self._on_transcript(signal)
            case signals.TurnEndGuessed():
                self._on_guess(signal)
            case signals.AgentStarted(since_ms):
                self._on_agent_started(self.now_ms if since_ms is None else since_ms)
            case signals.AgentAsked(expects, is_question, text, digits, keys):
                self._is_question = self._has_asked = is_question
                self._keypad.ask(keys, digits, is_for_others=bool(expects))
                self._patience.hear_agent(text, expects, since_ms=self._started_at_ms)
            case signals.AgentEnding():
                self._is_ending = True
            case signals.AgentFinished(hang_up):
                self._on_agent_finished(hang_up)
            case signals.Dismissed(reason):
                self._on_dismissed(reason)
            case signals.ReplyFailed(stage):
                self._on_failure(stage)
            case signals.EarLost():
                self._is_deaf = True
        if not (self.has_ended or self._is_away):
            self._decide()
        return self._taken()

    def pass_time(self, at_ms: int) -> list[Action]:
        """``receive`` of ``Ticked``, without the ticket: fifty times a second."""
        if self.has_ended:
            return []
        if at_ms > self.now_ms:
            self.now_ms = at_ms
        if not self._is_away:
            self._decide()
        return self._taken() if self._actions else []

    def _taken(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    @property
    def is_protected(self) -> bool:
        """What the agent says now is said to the end."""
        return self.line is Line.CONSENT or (self._hang_up not in ("", "silence"))

    @property
    def waits_for_answer(self) -> bool:
        return self.agent is Agent.PREPARING and self.line is None

    @property
    def digits(self) -> str:
        """Pressed in the caller's turn so far."""
        return self._keypad.digits

    @property
    def shown_digits(self) -> str:
        """As people may see them."""
        return self._keypad.shown

    # ---- what is told

    @property
    def _first_line(self) -> Line | None:
        if self.settings.has_consent_line:
            return Line.CONSENT
        return Line.GREETING if self.settings.agent_speaks_first else None

    def _open_call(self) -> None:
        if self._first_line is not None:
            self._say(self._first_line)

    def _meet(self) -> None:
        """A goodbye is said to its end, whoever hears it."""
        self._owes_opening = False
        if self._first_line is not None and not self._hang_up:
            self._reminded = 0
            self._interject(self._first_line)

    def _go_away(self) -> None:
        if self.caller is not Caller.QUIET:
            self._drop(is_kept=True)
        if self.agent is not Agent.SILENT:
            self._resume()
            self._end_agent()
        self._hang_up, self._is_away = "", True

    def _on_speech(self, at_ms: int) -> None:
        if self.caller is Caller.SPEAKING:
            return
        went_on = self.caller is Caller.ANSWERED or (self.caller is Caller.PAUSED and self.agent is Agent.SILENT)
        if went_on and not self.digits:
            self._patience.went_on(at_ms - self._stopped_ms, self._text, is_known=self._covered_ms >= self._stopped_ms)
        if self.caller is Caller.ANSWERED:
            self._do(signals.Reopen())
            self.agent = Agent.SILENT
        elif self.caller is Caller.QUIET:
            self._begin_utterance(at_ms)
        self.caller = Caller.SPEAKING
        self._onset_ms = at_ms
        self._flushed_ms = None
        if self._withdraw_aside():
            return
        if self.agent is not Agent.SILENT and self._may_interrupt and not self.is_hushed:
            self._hush()

    def _on_digit(self, digit: str, before: int) -> None:
        """It is the caller's turn, with the words they say around it; but a digit is no cough: nothing has to be decided first."""
        if self.caller is Caller.ANSWERED:
            self._do(signals.Reopen())
            self.agent, self.caller = Agent.SILENT, Caller.PAUSED
        elif self.caller is Caller.QUIET:
            self._begin_utterance(self.now_ms)
            self.caller = Caller.PAUSED
            self._onset_ms = self._stopped_ms = self._stop_known_ms = self._covered_ms = self.now_ms
        self._keypad.press(digit, self.now_ms, before=before)
        if not self._withdraw_aside() and self.agent is not Agent.SILENT and self._may_interrupt:
            self._yield(self.now_ms)

    def _begin_utterance(self, at_ms: int) -> None:
        self.utterance += 1
        self._text = self._guess = ""
        self._covered_ms, self._voiced_ms = -1, 0
        self._speculated = None
        self._patience.begin(at_ms)
        self._do(signals.StartUtterance(self.utterance, self._began_ms(at_ms)))

    def _withdraw_aside(self) -> bool:
        """Nobody needs a reminder any more, and a warning can wait."""
        is_prepared = self.agent is Agent.PREPARING and self.line in ASIDES
        if is_prepared:
            if self.line is Line.WARNING:
                self._warning.withdrawn()
            self._do(signals.Withdraw())
            self._end_agent()
        return is_prepared

    def _began_ms(self, onset_ms: int) -> int:
        """When what the caller begins to say now began: "Thank you," passed over as a nod, belongs to the "goodbye" that follows."""
        nod_ms, self._nod_ms = self._nod_ms, None
        is_one = nod_ms is not None and onset_ms - nod_ms[1] <= self.settings.nod_joins_ms
        self._utterance_ms = nod_ms[0] if nod_ms is not None and is_one else onset_ms
        return self._utterance_ms

    def _on_stop(self, at_ms: int) -> None:
        if self.caller is not Caller.SPEAKING:
            return
        self.caller = Caller.PAUSED
        self._stopped_ms = max(at_ms, self._onset_ms)
        self._stop_known_ms = self.now_ms
        self._guess_asked_ms = None
        self._patience.finishing.silence(self._stopped_ms, self.now_ms)
        self._voiced_ms += self._stopped_ms - self._onset_ms
        if self.agent is not Agent.SILENT:
            self._flush()

    def _on_transcript(self, transcript: signals.Transcribed) -> None:
        if transcript.utterance != self.utterance or self.caller is Caller.QUIET:
            return
        text = cleaned(transcript.text)
        if not transcript.is_final:
            self._guess = text
        elif transcript.until_ms >= self._covered_ms:
            self._text = self._guess = text
            self._covered_ms = transcript.until_ms
            self._patience.hear(text)
            if transcript.ends_turn is not None and self.caller is not Caller.ANSWERED:
                self._patience.finishing.tell(transcript.ends_turn, transcript.until_ms, self.now_ms)

    def _on_guess(self, guess: signals.TurnEndGuessed) -> None:
        """One that is of another pause, or late, is of no use."""
        if (guess.utterance, guess.stopped_ms) != (self.utterance, self._stopped_ms) or self._guess_asked_ms is None:
            return
        if self.caller is Caller.PAUSED and self.now_ms - self._guess_asked_ms <= self.settings.guess_wait_ms:
            self._patience.finishing.hear(guess.probability, self.now_ms)

    def _on_agent_started(self, since_ms: int) -> None:
        if self.agent is not Agent.PREPARING:
            return
        self.agent = Agent.SPEAKING
        self._started_at_ms = since_ms
        if self.line not in ASIDES:
            self._has_asked = False
            self._keypad.leave(was_pressed=bool(self.digits), is_repeated=self.line is Line.APOLOGY)
        if self.line is None:
            if self._text and not self.digits:
                self._patience.end(self._text, self._stopped_ms, since_ms)
            self._close_utterance()

    def _on_agent_finished(self, hang_up: str) -> None:
        if self.agent is Agent.SILENT:
            return
        line, was_protected = self.line, self.is_protected
        if line is None and self.caller is Caller.ANSWERED:
            self._close_utterance()  # an answer without a sound
        self._end_agent()
        if line not in ASIDES:
            self._alone_since_ms = self.now_ms
        if line is None:
            self._failures = 0
        self._hang_up = self._hang_up or hang_up
        if self._hang_up and (was_protected or self.caller is Caller.QUIET):
            self._end(self._hang_up)
        elif line is Line.CONSENT and self.settings.agent_speaks_first and not self._is_deaf:
            self._owes_greeting = True

    def _on_dismissed(self, reason: str) -> None:
        if self._hang_up and self.agent is not Agent.SILENT:
            return  # a goodbye is being said already
        self._interject(Line.GOODBYE, hang_up=reason)

    def _on_failure(self, stage: Stage) -> None:
        if self._hang_up:
            self._end(self._hang_up)  # the goodbye itself failed
            return
        if self.caller is Caller.ANSWERED:
            self._close_utterance()
        line = self.line
        self._end_agent()
        self._fail(stage, line)

    # ---- what follows from it, now

    def _decide(self) -> None:
        if self.now_ms >= self.settings.max_duration_ms and self._hit_limit():
            return
        if self._transfer_to and not self.is_protected:
            target, self._transfer_to = self._transfer_to, ""
            if not self._hang_up:
                self._interject(Line.TRANSFER, target)
        if self._is_deaf and not self._hang_up and not self.is_protected:
            self._interject(Line.GOODBYE, hang_up="stt_failed")
        if self.agent is _SILENT:
            if self.caller is _PAUSED:
                self._endpoint()
            elif self.caller is _QUIET and self._owes_greeting:
                self._say(Line.GREETING)
            elif self.caller is _QUIET:
                self._keep_company()
        else:
            if self.caller is _SPEAKING or self.caller is _PAUSED:
                self._decide_floor()
            if self.agent is _PREPARING:
                self._wait_for_agent()

    def _endpoint(self) -> None:
        silence_ms = self.now_ms - self._stopped_ms
        self._ask_how_it_sounds(silence_ms)
        if self._covered_ms < self._stopped_ms:
            if self._flushed_ms is None:
                if silence_ms >= self.settings.speculate_after_ms:
                    self._flush()
                return
            if self.now_ms - self._flushed_ms < self.settings.transcript_wait_ms:
                return
            if not self._guess and not self.digits:
                self._drop()
                self._fail("stt")
                return
            self._text, self._covered_ms = self._guess, self._stopped_ms  # better than nothing
        kind = kind_of(self._text, self.settings.language, in_farewell=bool(self._hang_up))
        if self.digits:
            self._endpoint_digits("" if kind in (Kind.NOTHING, Kind.BACKCHANNEL) else self._text)
            return
        if kind is Kind.NOTHING or (self._hang_up and kind is Kind.BACKCHANNEL):
            self._drop()
            return
        if self._speculated is None or normalised(self._speculated.text) != normalised(self._text):
            self._speculate(self._text, self._stopped_ms)
        pause = self._patience.needed(self._text)
        over_ms = max(self._stopped_ms + pause.ms, self._backs_off_until_ms)
        if self.now_ms >= over_ms:
            self._end_turn(self._stopped_ms, over_ms, pause.until(over_ms - self._stopped_ms))

    def _endpoint_digits(self, words: str) -> None:
        """Digits, and the words beside them: the turn is over when both are."""
        stopped_ms = max(self._stopped_ms, self._keypad.last_ms)
        said_ms = self._stopped_ms + self._patience.needed(words).ms if words else 0
        over_ms = max(self._keypad.over_ms, said_ms, self._backs_off_until_ms)
        if self.now_ms < over_ms:
            return  # nobody can guess at a number that is being pressed
        text = keypad.shown(words, self._keypad.shown)
        if self._speculated is None or self._speculated.text != text:
            self._speculate(text, stopped_ms)
        pause_ms = over_ms - stopped_ms
        self._end_turn(stopped_ms, over_ms, Pause(pause_ms, pause_ms, "digits"))

    def _speculate(self, text: str, stopped_ms: int) -> None:
        self.revision += 1
        self._speculated = Utterance(text, self.revision, stopped_ms, self.digits, self._keypad.is_secret)
        self._do(signals.Speculate(self._speculated))

    def _end_turn(self, stopped_ms: int, over_ms: int, pause: Pause) -> None:
        assert self._speculated is not None
        self.caller = Caller.ANSWERED
        self._prepare(None)
        self._filled, self._reminded, self._hang_up = False, 0, ""
        self._do(signals.EndTurn(self._speculated, stopped_ms, over_ms, pause))

    def _ask_how_it_sounds(self, silence_ms: int) -> None:
        is_wanted = self.settings.acoustic_end_of_turn is not AcousticEndOfTurn.OFF
        if is_wanted and self._guess_asked_ms is None and silence_ms >= self.settings.speculate_after_ms:
            self._guess_asked_ms = self.now_ms
            self._do(signals.GuessTurnEnd(self.utterance, self._stopped_ms))

    def _decide_floor(self) -> None:
        """The caller makes sounds while the agent has the floor."""
        if self.digits:  # no doubt about it: they wait only where nothing may interrupt
            if self._may_interrupt:
                self._yield()
            return
        is_known, settings = self.caller is Caller.PAUSED and self._covered_ms >= self._stopped_ms, self.settings
        kind = kind_of(
            self._text if is_known else self._guess,
            settings.language,
            in_greeting=self.line is Line.GREETING,
            in_farewell=self._is_ending or self.line is Line.GOODBYE,
            own=settings.own_words,
            fewest_words=settings.fewest_words,
        )
        if kind is Kind.WORDS and not is_known and may_be_nod(self._guess, settings.language, settings.own_words):
            kind = Kind.BACKCHANNEL
        if is_known and kind in (Kind.NOTHING, Kind.BACKCHANNEL):
            if not (kind is Kind.BACKCHANNEL and self._is_question):
                if kind is Kind.BACKCHANNEL and self._stopped_ms - self._utterance_ms <= self.settings.longest_nod_ms:
                    self._nod_ms = self._utterance_ms, self._stopped_ms
                self._drop()
            self._resume()
            return
        if not self._may_interrupt:
            return  # kept, and answered when the agent is done
        voiced_ms = self._voiced_ms + (self.now_ms - self._onset_ms if self.caller is Caller.SPEAKING else 0)
        is_long = voiced_ms >= self.settings.yield_ms
        if kind is Kind.STOP or (kind is Kind.WORDS and (is_long or is_known)):
            self._yield()
        elif self.caller is Caller.SPEAKING:
            waited_ms = self.now_ms - self._hushed_at_ms
            if self.is_hushed and (
                waited_ms >= self.settings.max_pause_ms
                or (kind is Kind.NOTHING and voiced_ms >= self.settings.yield_ms + self.settings.sure_ms)
            ):
                self._yield()
        elif self.is_hushed:
            if self.now_ms - self._hushed_at_ms >= self.settings.max_pause_ms:
                if is_long:
                    self._yield()
                else:
                    self._resume()
            elif not is_long and self.now_ms - self._stop_known_ms >= self.settings.cough_wait_ms:
                self._resume()  # real words may still come, and then take the floor
        elif self.now_ms - self._stop_known_ms >= self.settings.transcript_wait_ms and not self._guess:
            self._drop()

    def _wait_for_agent(self) -> None:
        waited_ms = self.now_ms - self._prepared_at_ms
        if waited_ms >= self.settings.preparing_limit_ms:
            self._end(self._hang_up or "internal_error")
        elif self.line is None and not self._filled:
            silent_ms = max(self._stopped_ms, self._keypad.last_ms, self._quiet_since_ms)  # the last sound of either
            after_ms = max(silent_ms + self.settings.fill_after_ms, self._prepared_at_ms + 1_200)
            by_ms = max(silent_ms + self.settings.fill_by_ms, self._prepared_at_ms + 300)
            if self.now_ms >= min(after_ms, by_ms):
                self._filled = True
                self._do(signals.Fill())

    def _keep_company(self) -> None:
        if self.now_ms - self._alone_since_ms >= self.settings.hang_up_after_silence_ms:
            self._say(Line.GOODBYE, hang_up="silence")
        elif self._keypad.silence_ms:
            if self.now_ms - self._quiet_since_ms >= self._keypad.silence_ms:
                self._answer_with_nothing()
        elif self._warning.is_due(self.now_ms, self._quiet_since_ms, has_asked=self._has_asked):
            self._warning.said()
            self._say(Line.WARNING, self._warning.text)
        elif self.settings.reminders and self.now_ms - self._quiet_since_ms >= self.settings.reminder_after_ms:
            text = self.settings.reminders[self._reminded % len(self.settings.reminders)]
            self._reminded += 1
            self._say(Line.REMINDER, text)

    def _answer_with_nothing(self) -> None:
        """No key came, and no word: whoever asked for keys is told."""
        self._begin_utterance(self.now_ms)
        self.caller = Caller.PAUSED
        self._onset_ms = self._stopped_ms = self._stop_known_ms = self._covered_ms = self.now_ms
        waited_ms = self._keypad.silence_ms
        self._keypad.stop_waiting()
        self._speculate("", self.now_ms)
        self._end_turn(self.now_ms, self.now_ms, Pause(waited_ms, waited_ms, "no_keys"))

    def _hit_limit(self) -> bool:
        over_ms = self.now_ms - self.settings.max_duration_ms
        if over_ms >= 15_000:
            self._end("max_duration")
            return True
        is_mid_sentence = self.agent is Agent.SPEAKING and not self.is_hushed and over_ms < 5_000
        if self._hang_up or is_mid_sentence:
            return False
        self._interject(Line.GOODBYE, hang_up="max_duration")
        return True

    def _interject(self, line: Line, text: str = "", *, hang_up: str = "") -> None:
        """Say this instead of whatever is going on. What the caller was saying stays said."""
        if self.caller is not Caller.QUIET:
            self._drop(is_kept=True)
        if self.is_hushed:
            self._resume()
        self._say(line, text, hang_up=hang_up)

    # ---- moves

    @property
    def _may_interrupt(self) -> bool:
        return self.settings.barge_in and not self.is_protected

    def _do(self, action: Action) -> None:
        if not self.has_ended:
            self._actions.append(action)

    def _flush(self) -> None:
        self._flushed_ms = self.now_ms
        self._do(signals.FlushTranscript(self.now_ms))

    def _hush(self) -> None:
        self.is_hushed, self._hushed_at_ms = True, self.now_ms
        self._do(signals.PausePlayout())

    def _resume(self) -> None:
        if self.is_hushed:
            self.is_hushed = False
            self._do(signals.ResumePlayout())

    def _yield(self, onset_ms: int | None = None) -> None:
        self._hang_up, self._failures = "", self._failures if self.line or self.agent is _PREPARING else 0
        self._backs_off_until_ms = self.now_ms + self.settings.backoff_ms if self.settings.backoff_ms else 0
        self._do(signals.BargeIn(self._onset_ms if onset_ms is None else onset_ms))
        self._end_agent()

    def _drop(self, *, is_kept: bool = False) -> None:
        text = keypad.shown(self._text or self._guess, self._keypad.shown) if is_kept else self._text
        self._do(signals.DropUtterance(text, is_kept, self._keypad.shown))
        self._close_utterance()
        if self._hang_up and self.agent is Agent.SILENT:
            self._end(self._hang_up)  # the goodbye was heard, and this was nothing

    def _close_utterance(self) -> None:
        self.caller = Caller.QUIET
        self._speculated = None
        self._text = self._guess = ""
        self._keypad.clear()
        self._quiet_since_ms = self.now_ms

    def _prepare(self, line: Line | None) -> None:
        self.agent, self.line, self._prepared_at_ms = Agent.PREPARING, line, self.now_ms
        self._is_question = self._is_ending = self._owes_greeting = False

    def _end_agent(self) -> None:
        self.agent, self.line, self.is_hushed = Agent.SILENT, None, False
        self._is_ending = self._is_question = False
        self._quiet_since_ms = self.now_ms

    def _say(self, line: Line, text: str = "", *, hang_up: str = "") -> None:
        self._hang_up = hang_up
        self._prepare(line)
        self.is_hushed = False
        self._do(signals.SayLine(line, text, hang_up))

    def _fail(self, stage: Stage, line: Line | None = None) -> None:
        """``line``: what could not be said. The consent line is said again, before anything else is."""
        self._failures += 1
        if self._failures < 2:
            self._say(Line.CONSENT if line is Line.CONSENT else Line.APOLOGY)
        elif line is not Line.APOLOGY:
            self._say(Line.GOODBYE, hang_up=f"{stage}_failed")
        else:
            self._end(f"{stage}_failed")

    def _end(self, reason: str) -> None:
        self._do(signals.HangUp(reason))
        self.has_ended = True
