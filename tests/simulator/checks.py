"""What must be true of every simulated call, seen from the outside: in sound, events, and what vendors were asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from agents.mind import EndCall
from telephony.audio.playout import words_heard
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge
from telephony.end_reasons import REASONS
from telephony.session.echo_guard import CALM_MS, LONGEST_WAIT_MS, VOICED_MS
from telephony.session.events import (
    BargedIn,
    Ended,
    FieldCollected,
    Happened,
    StateChanged,
    TranscriptChanged,
    TurnEnded,
)
from telephony.session.finishing import TOLD_MS
from telephony.session.knobs import TurnSettings
from telephony.session.limit import GAP_AFTER_QUESTION_MS
from telephony.session.lines import lines_for
from tests.simulator.played import Heard, Played, played
from tests.simulator.run import Record
from tests.simulator.scenario import CONSENT, ENDINGS, GOODBYE, REMINDERS, WARNING
from tests.simulator.world import FRAME_MS, Asked

LINES = lines_for("en-US")
FILLERS = {*LINES.all()} - {LINES.apology, LINES.breakdown, LINES.no_answer}
_REPLY = re.compile(r"Reply (\d+) part")
COUGH_WAIT_MS = TurnSettings().cough_wait_ms
OWED_MS = 3_000
"""No caller waits longer for the first sound of an answer, or of an excuse."""
OPEN_START_MS = TurnSettings().open_start_ms
WAITED_FOR_MS = TurnSettings().digit_timeout_ms
"""Another digit may come for so long."""
YIELD_MS = {"patient": 900, "snappy": 120, "low": 600, "medium": 350, "high": 200}


@dataclass(slots=True)
class Call:
    """A record, and what was heard of it."""

    record: Record
    heard: Played

    @property
    def turns(self) -> list[TurnEnded]:
        return self.record.of(TurnEnded)

    @property
    def end_ms(self) -> int:
        return self.record.line.now_ms

    def reply_of(self, heard: Heard) -> Asked | None:
        """The mind's reply that a phrase is of; lines and fillers are of none."""
        match = _REPLY.match(heard.speech.text)
        return None if match is None else self.record.mind.asked[int(match[1])]

    def is_voiced(self, begin_ms: int, end_ms: int) -> bool:
        begin, end = (max(0, at_ms - self.heard.shift_ms) // FRAME_MS for at_ms in (begin_ms, end_ms))
        return any(self.heard.is_voiced[begin:end])

    def phrases_of(self, turn: TurnEnded) -> list[Heard]:
        """An agent's turn begins a frame after its first sample was pulled."""
        return [each for each in self.heard.heard if turn.started_ms - 2 * FRAME_MS <= each.begin_ms < turn.at_ms]


def check(record: Record) -> list[str]:
    """Every complaint, each with the name of what it broke. None: a good call."""
    problems = [f"broken: {each}" for each in record.broken]
    if record.logged:
        problems.append(f"logged an error: {record.logged.strip().splitlines()[-1]}")
    if record.broken:
        return problems
    call = Call(record, played(record))
    problems += [f"sound: {each}" for each in call.heard.wrong]
    for each in CHECKS:
        problems += [f"{each.__name__.replace('_', ' ')}: {problem}" for problem in each(call)]
    return problems


def ends_once_for_a_known_reason(call: Call) -> Iterator[str]:
    record, plan = call.record, call.record.scenario
    events = record.events
    if not events or not isinstance(events[-1], Ended) or len(record.of(Ended)) != 1:
        yield "Ended is not the last event, or not the only one"
    if [event.at_ms for event in events] != sorted(event.at_ms for event in events):
        yield "events out of order"
    if record.reason not in REASONS or events[-1] != Ended(events[-1].at_ms, record.reason):
        yield f"ended for {record.reason!r}, told {events[-1]}"
    may = {
        "caller_hung_up": record.line.has_hung_up,
        "connection_lost": record.line.has_died,
        "member_hung_up": plan.outside is not None,
        "caller_goodbye": any(isinstance(part, EndCall) for asked in record.mind.asked for part in asked.parts),
        "stt_failed": not plan.ear.is_sound,
        "tts_failed": not plan.voice.is_sound,
        "model_failed": bool(plan.mind.fails or plan.mind.hangs or max(plan.mind.delays_ms) > 5_000),
        "silence": call.end_ms >= plan.spec["limits"]["hang_up_after_silence_s"] * 1000,
        "max_duration": call.end_ms >= 30_000,
    }
    if not may.get(record.reason, False):
        yield f"{record.reason} is not what happened"
    if call.end_ms > 45_000 + FRAME_MS:
        yield f"went on for {call.end_ms} ms"


def leaves_nothing_open(call: Call) -> Iterator[str]:
    record = call.record
    if record.line.closed != 1 or record.mind.closed != 1:
        yield "line or mind not closed once"
    if any(not stream.is_closed for stream in record.ears.streams):
        yield "a transcriber was left open"
    for one, two in pairwise(record.mind.asked):
        if one.closed_ms is not None and one.closed_ms > two.at_ms + FRAME_MS and not record.scenario.line.stalls:
            yield f"the mind still made reply {one.serial} at {one.closed_ms} ms, long after reply {two.serial} was asked for"
    if any(speech.is_open for speech in record.voice.speeches) or any(
        asked.closed_ms is None for asked in record.mind.asked
    ):
        yield "a vendor still works for it"


def waits_for_silence(call: Call) -> Iterator[str]:
    """Whatever somebody says of the caller's turn: no answer begins while they speak, or sooner than the least silence after it.

    Who presses # has finished, whatever can be heard."""
    plan = call.record.scenario
    if plan.line.stalls or plan.vad.misses or not plan.spec["listens"]["barge_in"]:
        return
    for turn in call.turns:
        phrases = call.phrases_of(turn) if turn.role == "agent" else []
        asked = next((reply for each in phrases if (reply := call.reply_of(each)) is not None), None)
        if asked is None or asked.utterance.digits:
            continue
        begin_ms = phrases[0].begin_ms
        edges = _edges_of_caller(call, begin_ms)
        if not edges or not isinstance(edges[-1], SpeechStopped):
            yield f"turn {turn.turn} began at {begin_ms} ms, while the caller spoke"
        elif begin_ms - edges[-1].at_ms < TOLD_MS:
            yield f"turn {turn.turn} began at {begin_ms} ms, {begin_ms - edges[-1].at_ms} ms after their last sound"


def asks_how_it_sounds_where_that_is_wanted(call: Call) -> Iterator[str]:
    judge = call.record.judge
    if judge is None:
        return
    if judge.at_work:
        yield "somebody still listens to how it sounded"
    if judge.heard_ms and call.record.scenario.spec["listens"]["acoustic_end_of_turn"] == "off":
        yield "asked, and nobody wanted to know"
    if any(not 0 < heard_ms <= 8_000 for heard_ms in judge.heard_ms):
        yield f"{judge.heard_ms} ms were to be judged"


def numbers_its_turns(call: Call) -> Iterator[str]:
    begun: list[int] = []
    state: dict[int, str] = {}
    for event in call.record.events:
        if not isinstance(event, TranscriptChanged | TurnEnded):
            continue
        number = event.turn
        if number not in state:
            if begun and number <= begun[-1]:
                yield f"turn {number} began after turn {begun[-1]}"
            begun.append(number)
        elif state[number] in ("ended", "dropped"):
            yield f"turn {number} went on after it had {state[number]}"
        if isinstance(event, TurnEnded):
            if state.get(number) != "final":
                yield f"turn {number} ended without its final transcript"
            state[number] = "ended"
        else:
            state[number] = (
                ("final" if event.text or event.role == "agent" else "dropped") if event.is_final else "open"
            )
    for number, how in state.items():
        if how in ("open", "final") and not _is_wordless(call, number):
            yield f"turn {number} never ended"


def _is_wordless(call: Call, number: int) -> bool:
    """A caller's turn whose last guess was taken back to nothing: there is nothing to end."""
    texts = [event.text for event in call.record.of(TranscriptChanged) if event.turn == number]
    return not texts[-1]


def heard_is_what_was_said(call: Call) -> Iterator[str]:
    delay_ms = call.record.scenario.line.delay_ms
    slack_ms = 160 if call.record.scenario.line.jitters or call.record.scenario.line.stalls else 60
    for turn in call.turns:
        if not turn.intended.startswith(turn.text):
            yield f"heard {turn.text!r} of {turn.intended!r}"
        if not turn.started_ms <= turn.ended_ms <= turn.at_ms:
            yield f"turn {turn.turn} from {turn.started_ms} to {turn.ended_ms}, told at {turn.at_ms}"
        if turn.role != "agent":
            continue
        phrases = call.phrases_of(turn)
        said = " ".join(each.speech.text for each in phrases)
        if not turn.was_cut:
            if turn.text != turn.intended or turn.text != said:
                yield f"turn {turn.turn} is whole, and {turn.text!r} of {turn.intended!r}; played {said!r}"
            for each in phrases:
                if each.samples != each.speech.made or not each.speech.is_whole:
                    yield f"turn {turn.turn} is whole, but {each.samples} of {each.speech.made} samples of {each.speech.text!r} played"
        else:
            surely = _words(phrases, turn.at_ms - delay_ms - slack_ms, surely=True)
            at_most = _words(phrases, turn.at_ms - delay_ms + slack_ms)
            count = len(turn.text.split())
            if not surely - 1 <= count <= at_most + 1:
                yield f"turn {turn.turn}: {turn.text!r} is {count} words; the sound is {surely} to {at_most} of {said!r}"


def _words(phrases: list[Heard], by_ms: int, *, surely: bool = False) -> int:
    """As the samples say. While the end of a phrase isn't known its length is a guess: ``surely`` none of its words were heard."""
    return sum(
        len(words_heard(each.speech.text, each.samples_by(by_ms) / max(1, each.speech.made)).split())
        for each in phrases
        if each.speech.is_whole or not surely
    )


def history_is_what_was_heard(call: Call) -> Iterator[str]:
    committed = {revision for _, revision in call.record.mind.commits}
    for role in ("agent", "caller"):
        told = [turn.text for turn in call.turns if turn.role == role]
        kept = [said.text for said in call.record.history if said.role == role]
        if role == "caller" and len(told) == len(kept) + 1:
            told.pop()  # in the middle of their turn the call was over: told, but never answered
        if told != kept:
            yield f"the {role} said {told}, and the model has {kept}"
    for asked in call.record.mind.asked:
        told = [turn.text for turn in call.turns if turn.role == "agent" and turn.at_ms <= asked.at_ms]
        kept = [said.text for said in asked.history if said.role == "agent"]
        if kept[: len(told)] != told[: len(kept)] or abs(len(kept) - len(told)) > 1:
            yield f"reply {asked.serial} was asked for with {kept}, when {told} had been heard"
    if len(committed) != len(call.record.mind.commits):
        yield "a revision was committed twice"


def answers_the_last_turn_only(call: Call) -> Iterator[str]:
    commits = {revision: at_ms for at_ms, revision in call.record.mind.commits}
    revisions = [revision for _, revision in call.record.mind.commits]
    if revisions != sorted(revisions):
        yield f"committed in the order {revisions}"
    newest = -1
    for heard in call.heard.heard:
        asked = call.reply_of(heard)
        if asked is None:
            continue
        if asked.serial < newest:
            yield f"reply {asked.serial} was heard after reply {newest}, at {heard.begin_ms} ms"
        newest = max(newest, asked.serial)
        revision = asked.utterance.revision
        later = [each for each in call.record.mind.asked if each.utterance.revision > revision]
        if any(each.at_ms + 2 * FRAME_MS < heard.begin_ms and _is_of_same_turn(call, asked, each) for each in later):
            yield f"reply {asked.serial} was heard at {heard.begin_ms} ms, when the caller had said more"
        failed = [event for event in call.record.of(Happened) if event.kind == "stage_failed"]
        was_taken_back = _was_taken_back(call, heard)
        if revision not in commits and not (failed or was_taken_back) and heard.end_ms + 3 * FRAME_MS < call.end_ms:
            yield f"reply {asked.serial} was heard, and revision {revision} never committed"
    for each in call.turns:
        if each.role == "caller" and not each.text:
            yield f"turn {each.turn} of the caller has no words"


def _was_taken_back(call: Call, heard: Heard) -> bool:
    """It had hardly begun when the caller spoke or pressed something, or a sound was taken for it."""
    hardly_ms = OPEN_START_MS + 3 * FRAME_MS
    onsets = [at_ms for at_ms, edge in call.record.hearing.edges if isinstance(edge, SpeechStarted)]
    presses = [at_ms for at_ms, _ in call.record.line.pressed]
    went_on = any(-6 * FRAME_MS <= at_ms - heard.begin_ms <= hardly_ms for at_ms in (*onsets, *presses))
    return went_on and heard.end_ms - heard.begin_ms <= hardly_ms


def _is_of_same_turn(call: Call, one: Asked, other: Asked) -> bool:
    return other.utterance.text.startswith(one.utterance.text) and one.utterance.text != other.utterance.text


def nothing_old_after_a_barge_in(call: Call) -> Iterator[str]:
    delay_ms = 2 * FRAME_MS
    for event in call.record.of(BargedIn):
        for heard in call.heard.heard:
            if heard.begin_ms < event.at_ms - FRAME_MS and heard.end_ms > event.at_ms + delay_ms:
                yield f"“{heard.speech.text}” went on after the barge-in at {event.at_ms} ms, to {heard.end_ms} ms"
            if heard.begin_ms >= event.at_ms and heard.speech.asked_ms < event.at_ms - FRAME_MS:
                asked = call.reply_of(heard)
                if asked is None or asked.at_ms < event.at_ms - FRAME_MS:
                    yield f"“{heard.speech.text}”, made before the barge-in at {event.at_ms} ms, was heard after it"


def keeps_facts_for_the_commit(call: Call) -> Iterator[str]:
    commits = {revision: at_ms for at_ms, revision in call.record.mind.commits}
    told: set[object] = set()
    for event in call.record.of(FieldCollected):
        if not isinstance(event.value, int) or commits.get(event.value, 1 << 60) > event.at_ms:
            yield f"a fact of revision {event.value} was told at {event.at_ms} ms, before its commit"
        if event.value in told:
            yield f"the fact of revision {event.value} was told twice"
        told.add(event.value)


def pauses_at_once(call: Call) -> Iterator[str]:
    """Within two frames of a detected onset, where the caller may interrupt."""
    plan = call.record.scenario
    if not plan.spec["listens"]["barge_in"] or plan.line.stalls:
        return
    for at_ms, edge in call.record.hearing.edges:
        if not isinstance(edge, SpeechStarted):
            continue
        if plan.line.echo_ms is not None and (not _is_callers(call, edge.at_ms, at_ms) or _is_muddle(call, at_ms)):
            continue
        is_unknown_line = sum(call.heard.is_voiced[: at_ms // FRAME_MS]) * FRAME_MS < CALM_MS
        # Is it the agent? That may take a moment.
        longest_ms = LONGEST_WAIT_MS if is_unknown_line else 0
        if plan.line.echo_ms is not None:  # taken for the echo first, it may be, and known for a voice by going on
            longest_ms = max(LONGEST_WAIT_MS, VOICED_MS + FRAME_MS)
        first = at_ms // FRAME_MS
        frame = first + longest_ms // FRAME_MS
        heard = next((each for each in call.heard.heard if any(index == frame + 2 for index, _ in each.frames)), None)
        if heard is None or heard.begin_ms > at_ms or _is_protected(call, heard):
            continue
        if call.heard.is_voiced[first - 1] and all(call.heard.is_voiced[first + 1 : frame + 2]):
            yield f"“{heard.speech.text}” went on {2 * FRAME_MS} ms after the onset detected at {at_ms} ms"


def _edges_of_caller(call: Call, until_ms: int) -> list[VADEdge]:
    """What was noticed of them until then. On a line with an echo, the agent's own voice that came back is not theirs."""
    edges = [edge for at_ms, edge in call.record.hearing.edges if at_ms <= until_ms]
    if call.record.scenario.line.echo_ms is None:
        return edges
    spans = [edges[index : index + 2] for index in range(0, len(edges), 2)]  # a start and its stop, if it has come
    ends = [span[1].at_ms if len(span) == 2 else until_ms for span in spans]
    return [
        edge for span, end in zip(spans, ends, strict=True) if _is_callers(call, span[0].at_ms, end) for edge in span
    ]


def _is_callers(call: Call, begin_ms: int, end_ms: int) -> bool:
    """They made a sound then."""
    return any(begin < end_ms and end > begin_ms for begin, end, _ in call.record.line.sounds)


def _is_muddle(call: Call, at_ms: int) -> bool:
    """The caller made a sound in the very first echo of the line: nobody could tell one from the other yet."""
    if call.record.scenario.line.echo_ms is None:
        return False
    found = [event.at_ms for event in call.record.of(Happened) if event.kind == "echo"]
    return at_ms < min(found, default=1 << 60) and _is_callers(call, at_ms - 3_000, at_ms)


def _is_protected(call: Call, heard: Heard) -> bool:
    """The consent line, last words that aren't for silence's sake."""
    text = heard.speech.text
    outside = call.record.scenario.outside
    leaves_ms = min(30_000, 1 << 60 if outside is None else outside[0])
    return text in (CONSENT, LINES.breakdown) or (text == GOODBYE and heard.speech.asked_ms >= leaves_ms)


def never_cuts_protected_lines(call: Call) -> Iterator[str]:
    for heard in call.heard.heard:
        text = heard.speech.text
        if text not in (CONSENT, LINES.breakdown, GOODBYE) or not _is_protected(call, heard):
            continue
        is_over = not heard.speech.is_whole or call.record.line.has_died or heard.end_ms + 3 * FRAME_MS >= call.end_ms
        is_last = heard is call.heard.heard[-1] and is_over
        outside = call.record.scenario.outside
        is_dismissed = outside is not None and heard.end_ms - 2 * FRAME_MS <= outside[0] <= heard.end_ms
        if heard.samples < heard.speech.made and not (is_last or is_dismissed):
            yield f"“{text}” was cut at {heard.end_ms} ms"
        if text == CONSENT and call.record.scenario.voice.is_sound:
            gaps = [one for (one, _), (two, _) in pairwise(heard.frames) if two != one + 1]
            if gaps:
                yield f"“{text}” was interrupted at {gaps[0] * FRAME_MS} ms"


def coughs_and_nods_change_nothing(call: Call) -> Iterator[str]:
    plan = call.record.scenario
    if not plan.ear.is_sound or plan.line.lost or plan.vad.misses:
        return
    yield_ms = YIELD_MS[plan.spec["listens"]["barge_in_sensitivity"]]
    for event in call.record.of(BargedIn):
        if any(
            event.at_ms - 2 * FRAME_MS <= at_ms <= event.at_ms for at_ms, _ in call.record.line.pressed
        ) or _is_muddle(call, event.at_ms):
            continue
        near = [each for each in call.record.line.sounds if each[0] < event.at_ms and each[1] > event.at_ms - 4_000]
        kinds = {sound.kind for _, _, sound in near}
        lasted_ms = max((end for _, end, _ in near), default=0) - min((begin for begin, _, _ in near), default=0)
        if kinds == {"cough"} and lasted_ms < yield_ms:
            yield f"a cough took the floor at {event.at_ms} ms"
        if kinds == {"nod"} and lasted_ms + 100 < yield_ms and not event.heard.rstrip().endswith("?"):
            yield f"a nod took the floor at {event.at_ms} ms"


def never_stops_itself(call: Call) -> Iterator[str]:
    """On a line with an echo: where the caller makes no sound, nothing interrupts the agent or holds it up."""
    plan = call.record.scenario
    if plan.line.echo_ms is None:
        return
    pressed = [at_ms for at_ms, _ in call.record.line.pressed]
    for event in call.record.of(BargedIn):
        if any(event.at_ms - 3_000 <= at_ms <= event.at_ms for at_ms in pressed):
            continue
        if not _is_callers(call, event.at_ms - 3_000, event.at_ms):
            yield f"interrupted itself at {event.at_ms} ms"
    if not plan.voice.is_sound:
        return
    for heard in call.heard.heard:
        for (one, _), (two, _) in pairwise(heard.frames):
            begin_ms = one * FRAME_MS + heard.shift_ms
            if any(begin_ms - 2_000 <= at_ms <= begin_ms + FRAME_MS for at_ms in pressed):
                continue
            if two != one + 1 and not _is_callers(call, begin_ms - 2_000, begin_ms + FRAME_MS):
                yield f"silent from {begin_ms} to {two * FRAME_MS + heard.shift_ms} ms, for its own voice"


def never_answers_itself(call: Call) -> Iterator[str]:
    said = {word.text for word in call.record.line.words}
    for asked in call.record.mind.asked:
        if (
            not asked.utterance.digits
            and not said & set(asked.utterance.text.split())
            and not _is_muddle(call, asked.at_ms)
        ):
            yield f"answered {asked.utterance.text!r}, which the caller never said"


def goes_on_soon_after_a_cough(call: Call) -> Iterator[str]:
    plan = call.record.scenario
    if not plan.voice.is_sound or plan.line.lost or plan.line.stalls or plan.vad.misses:
        return
    yield_ms = YIELD_MS[plan.spec["listens"]["barge_in_sensitivity"]]
    if plan.line.echo_ms is not None:
        yield_ms -= 2 * FRAME_MS  # so long it takes until the echo at the cough's end is taken out again
    for heard in call.heard.heard:
        for (one, _), (two, _) in pairwise(heard.frames):
            if two == one + 1:
                continue
            begin_ms, end_ms = (frame * FRAME_MS + heard.shift_ms for frame in (one, two))
            near = [each for each in call.record.line.sounds if each[0] <= end_ms and each[1] + 2_000 > begin_ms]
            if _is_muddle(call, begin_ms):
                continue
            if len(near) != 1 or near[0][2].kind != "cough" or near[0][1] - near[0][0] >= yield_ms:
                continue
            if end_ms > near[0][1] + plan.vad.stop_ms + COUGH_WAIT_MS + 3 * FRAME_MS:
                yield f"silent from {begin_ms} to {end_ms} ms for a cough that was over at {near[0][1]} ms"


def answers_or_excuses_itself(call: Call) -> Iterator[str]:
    """No more than 3 s of silence while the agent owes an answer to words it could hear."""
    plan = call.record.scenario
    if (
        not (plan.ear.is_sound and plan.voice.is_sound)
        or plan.line.lost
        or plan.line.stalls
        or plan.line.dies_ms
        or plan.vad.misses
    ):
        return
    voiced = call.heard.is_voiced
    for word_index, word in enumerate(call.record.line.words):
        following = call.record.line.words[word_index + 1 :]
        if (
            word.kind != "words"
            or word.text in _taken_for_nods(call)
            or (following and following[0].begin_ms == word.end_ms)
        ):
            continue
        frame = word.end_ms // FRAME_MS
        while frame < len(voiced) and any(voiced[frame - 2 : frame + 3]):
            frame += 1
        begin_ms = frame * FRAME_MS
        until_ms = begin_ms + OWED_MS + 200
        sounds_ms = [begin for begin, _, _ in call.record.line.sounds if begin >= word.end_ms]
        sounds_ms += [at_ms for at_ms, _ in call.record.line.pressed if at_ms >= word.end_ms - WAITED_FOR_MS]
        if until_ms >= min([*sounds_ms, call.end_ms - FRAME_MS]):
            continue
        if not call.is_voiced(begin_ms, until_ms) and not _was_answered(call, word.text):
            yield f"silence from {begin_ms} to {until_ms} ms, after {word.text!r} at {word.end_ms} ms"


def _was_answered(call: Call, word: str) -> bool:
    """In a turn before, or the agent was speaking its answer when the caller's noise held it up."""
    answered = {asked.utterance.revision for heard in call.heard.heard if (asked := call.reply_of(heard)) is not None}
    return any(
        word in words_of(asked.utterance.text) and asked.utterance.revision in answered
        for asked in call.record.mind.asked
    )


def _taken_for_nods(call: Call) -> set[str]:
    """A patient agent takes a single word for a nod."""
    if call.record.scenario.spec["listens"]["barge_in_sensitivity"] != "patient":
        return set()
    return {sound.words[0] for _, _, sound in call.record.line.sounds if len(sound.words) == 1}


def loses_no_words(call: Call) -> Iterator[str]:
    """Each word of the caller is in one turn at most; in one exactly where the line and the transcriber are good."""
    plan = call.record.scenario
    said = [word for word in call.record.line.words if word.kind == "words" and word.text not in (*ENDINGS, "so")]
    nods = _taken_for_nods(call)
    told = [word for turn in call.turns if turn.role == "caller" for word in words_of(turn.text)]
    order = [word for word in told if any(word == each.text for each in said)]
    if len(order) != len(set(order)):
        yield f"words in two turns: {[word for word in order if order.count(word) > 1]}"
    if order != sorted(order, key=lambda word: next(each.begin_ms for each in said if each.text == word)):
        yield f"words in another order: {order}"
    if not plan.ear.is_sound or plan.line.lost or plan.vad.misses or _had_failures(call):
        return
    for word in said:
        if (
            word.end_ms < call.end_ms - 3_000
            and word.text not in {*order, *nods}
            and call.record.reason == "caller_hung_up"
        ):
            yield f"{word.text!r}, said at {word.begin_ms} ms, is in no turn"


def words_of(text: str) -> list[str]:
    """Of a turn; where digits follow, the words before them end with a full stop."""
    return [word.rstrip(".") for word in text.split()]


def keeps_what_is_pressed(call: Call) -> Iterator[str]:
    """Each digit is in one turn, in its order, and in the turn's words as in its event."""
    told = [
        digit for event in call.record.of(Happened) if event.kind == "digits" for digit in str(event.data["digits"])
    ]
    pressed = [digit for _, digit in call.record.line.pressed]
    if told != pressed[: len(told)]:
        yield f"pressed {pressed}, told {told}"
    shown = [
        digit
        for turn in call.turns
        if turn.role == "caller" and "Pressed " in turn.text
        for digit in turn.text.rpartition("Pressed ")[2].split()
    ]
    if shown[: len(told)] != told:
        yield f"told {told}, and the turns say {shown}"
    is_over = all(at_ms < call.end_ms - WAITED_FOR_MS - 3_000 for at_ms, _ in call.record.line.pressed)
    plan = call.record.scenario
    is_sound = plan.voice.is_sound and plan.ear.is_sound and not _had_failures(call)
    if is_sound and is_over and call.record.reason == "caller_hung_up" and told != pressed:
        yield f"pressed {pressed} in time, told {told}"


def gives_way_to_digits(call: Call) -> Iterator[str]:
    """Within two frames of a press, where the caller may interrupt; and nobody who presses is asked whether they are there."""
    plan = call.record.scenario
    for at_ms, digit in call.record.line.pressed:
        for event in call.record.of(Happened):
            if event.kind == "reminder" and at_ms < event.at_ms < at_ms + WAITED_FOR_MS:
                yield f"reminded at {event.at_ms} ms, when {digit} had just been pressed"
        if not plan.spec["listens"]["barge_in"] or plan.line.stalls:
            continue
        for heard in call.heard.heard:
            if (
                heard.begin_ms < at_ms - FRAME_MS
                and heard.end_ms > at_ms + 3 * FRAME_MS
                and not _is_protected(call, heard)
            ):
                yield f"“{heard.speech.text}” went on to {heard.end_ms} ms, and {digit} was pressed at {at_ms} ms"


def _had_failures(call: Call) -> bool:
    return any(event.kind == "stage_failed" for event in call.record.of(Happened))


def reminds_only_in_silence(call: Call) -> Iterator[str]:
    after_ms = call.record.scenario.spec["limits"]["reminder_after_s"] * 1000
    for event in call.record.of(Happened):
        if event.kind != "reminder":
            continue
        if event.data["text"] not in REMINDERS:
            yield f"an unknown reminder {event.data}"
        if call.is_voiced(max(0, event.at_ms - after_ms + 4 * FRAME_MS), event.at_ms - 2 * FRAME_MS):
            yield f"reminded at {event.at_ms} ms, when the agent had just spoken"
        states = [each.state for each in call.record.of(StateChanged) if each.at_ms < event.at_ms]
        if states and states[-1] != "listening":
            yield f"reminded at {event.at_ms} ms while {states[-1]}"
        plan = call.record.scenario
        if plan.line.lost or plan.vad.misses:
            continue  # they may speak, and nobody can hear it yet
        if any(
            begin < event.at_ms <= end for begin, end, sound in call.record.line.sounds if sound.kind == "words"
        ) and (event.at_ms - max(begin for begin, _, _ in call.record.line.sounds if begin < event.at_ms) > 200):
            yield f"reminded at {event.at_ms} ms while the caller spoke"


def warns_once_in_silence(call: Call) -> Iterator[str]:
    """In its time, when neither speaks, heard at most once; and where both are silent long enough, it is said."""
    limits = call.record.scenario.spec["limits"]
    before_ms = limits["warning_before_s"] * 1000
    begins_ms, ends_ms = 30_000 - before_ms, 30_000 - before_ms // 3
    told = [event.at_ms for event in call.record.of(Happened) if event.kind == "warning"]
    if told and (not limits["warning_line"] or before_ms >= 30_000):
        yield f"warned at {told}, and nobody wants it"
    for at_ms in told:
        if not begins_ms <= at_ms <= ends_ms + 2 * FRAME_MS:
            yield f"warned at {at_ms} ms, and not from {begins_ms} to {ends_ms} ms"
        if call.is_voiced(at_ms - 2 * FRAME_MS, at_ms):
            yield f"warned at {at_ms} ms, when the agent was speaking"
        if any(begin + 200 < at_ms <= end for begin, end, sound in call.record.line.sounds if sound.kind == "words"):
            yield f"warned at {at_ms} ms while the caller spoke"
    if sum(heard.speech.text == WARNING for heard in call.heard.heard) > 1 + len(_stage_failures(call)):
        yield "warned twice"
    plan = call.record.scenario
    if not limits["warning_line"] or before_ms >= 30_000 or plan.line.stalls or plan.line.dies_ms or told:
        return
    quiet_ms = 0
    for at_ms in range(begins_ms, min(ends_ms, call.end_ms) - FRAME_MS, FRAME_MS):
        is_loud = call.is_voiced(at_ms, at_ms + FRAME_MS) or any(
            begin - FRAME_MS <= at_ms <= end + 2_000 for begin, end, _ in call.record.line.sounds
        )
        is_pressed = any(pressed_ms <= at_ms <= pressed_ms + 4_000 for pressed_ms, _ in call.record.line.pressed)
        states = [each.state for each in call.record.of(StateChanged) if each.at_ms <= at_ms]
        is_quiet = not (is_loud or is_pressed) and (not states or states[-1] == "listening")
        quiet_ms = quiet_ms + FRAME_MS if is_quiet else 0
        if quiet_ms > GAP_AFTER_QUESTION_MS + 6 * FRAME_MS and plan.ear.is_sound and not _stage_failures(call):
            yield f"not warned, and both were silent from {at_ms - quiet_ms} to {at_ms} ms"
            return


def _stage_failures(call: Call) -> list[Happened]:
    return [event for event in call.record.of(Happened) if event.kind == "stage_failed"]


def fills_never_twice(call: Call) -> Iterator[str]:
    for one, two in pairwise(call.heard.heard):
        if one.speech.text == two.speech.text and one.speech.text in FILLERS:
            said_ms = [word.end_ms for word in call.record.line.words]
            pressed_ms = [at_ms for at_ms, _ in call.record.line.pressed]
            if not _was_taken_back(call, one) and not any(
                one.begin_ms < at_ms < two.begin_ms for at_ms in (*said_ms, *pressed_ms)
            ):
                yield f"“{one.speech.text}” at {one.begin_ms} and again at {two.begin_ms} ms"


def last_words_are_heard(call: Call) -> Iterator[str]:
    record = call.record
    if record.reason in ("caller_hung_up", "connection_lost", "member_hung_up") or not record.scenario.voice.is_sound:
        return
    if call.end_ms >= 44_900:
        return  # its last seconds were over
    if not call.heard.heard:
        yield "hung up without a word"
        return
    last = call.heard.heard[-1]
    expected = {"silence": GOODBYE, "max_duration": GOODBYE, "caller_goodbye": "Reply "}.get(
        record.reason, LINES.breakdown
    )
    if not last.speech.text.startswith(expected):
        yield f"hung up for {record.reason} after “{last.speech.text}”"
    arrives_ms = last.end_ms + record.scenario.line.delay_ms
    if last.samples < last.speech.made or call.end_ms < arrives_ms - 2 * FRAME_MS - 60 * record.scenario.line.jitters:
        yield f"hung up at {call.end_ms} ms; the last word arrives at {arrives_ms} ms"


def latency_adds_up(call: Call) -> Iterator[str]:
    plan = call.record.scenario.line
    stops = [edge.at_ms for _, edge in call.record.hearing.edges if isinstance(edge, SpeechStopped)]
    for turn in call.turns:
        if turn.latency is None:
            continue
        parts = turn.latency.as_dict()
        if min(parts.values()) < 0 or sum(parts.values()) != 2 * parts["total_ms"]:
            yield f"turn {turn.turn}: {parts}"
        first = next((each for each in call.phrases_of(turn) if each.speech.text not in FILLERS), None)
        if first is None or plan.jitters or plan.stalls:
            continue
        if plan.echo_ms is not None:
            stops = [at_ms for at_ms in stops if _is_callers(call, at_ms - 4 * FRAME_MS, at_ms + FRAME_MS)]
        pressed = [at_ms for at_ms, _ in call.record.line.pressed]
        caller_ms = max((at_ms for at_ms in (*stops, *pressed) if at_ms < turn.started_ms), default=None)
        if caller_ms is None:
            continue
        waited_ms = first.begin_ms + plan.delay_ms - caller_ms
        if abs(parts["total_ms"] - max(waited_ms, plan.delay_ms)) > 3 * FRAME_MS:
            yield f"turn {turn.turn} says {parts['total_ms']} ms, the caller waited {waited_ms} ms"


CHECKS: tuple[Callable[[Call], Iterator[str]], ...] = (
    ends_once_for_a_known_reason,
    leaves_nothing_open,
    waits_for_silence,
    asks_how_it_sounds_where_that_is_wanted,
    numbers_its_turns,
    heard_is_what_was_said,
    history_is_what_was_heard,
    answers_the_last_turn_only,
    nothing_old_after_a_barge_in,
    keeps_facts_for_the_commit,
    pauses_at_once,
    never_cuts_protected_lines,
    coughs_and_nods_change_nothing,
    never_stops_itself,
    never_answers_itself,
    goes_on_soon_after_a_cough,
    answers_or_excuses_itself,
    loses_no_words,
    keeps_what_is_pressed,
    gives_way_to_digits,
    reminds_only_in_silence,
    warns_once_in_silence,
    fills_never_twice,
    last_words_are_heard,
    latency_adds_up,
)
