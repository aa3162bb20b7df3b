"""Why the agent answered so, and what happened besides, in words. Pure.

A kind nobody has put into words yet is shown with its name and its facts, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from frontend.queries.moments import is_moment, moment_words
from telephony.answering import WHY_WORDS
from telephony.end_reasons import REASONS

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Why:
    words: str
    facts: tuple[tuple[str, str], ...] = ()
    """What is left to say: name and value."""


def explain(thought: Facts) -> Why:
    """One of a turn's thoughts: ``{"kind": …, "data": {…}}``."""
    kind = str(thought.get("kind") or "thought")
    data = thought.get("data")
    facts: Facts = (
        data if isinstance(data, Mapping) else {key: value for key, value in thought.items() if key != "kind"}
    )
    say = THOUGHTS.get(kind)
    return say(facts) if say else Why(title(kind), pairs(facts))


def event_words(kind: str, data: Facts) -> str:
    say = EVENTS.get(kind)
    if say:
        return say(data)
    rest = ", ".join(f"{name} {value}" for name, value in pairs(data))
    return f"{title(kind)}: {rest}" if rest else title(kind)


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def pairs(facts: Facts, *without: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (title(str(name)), _read(value))
        for name, value in facts.items()
        if name not in without and value not in (None, "")
    )


def _read(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)


def _quoted(value: Any) -> str:
    return f"“{value}”"


def _fact(facts: Facts) -> Why:
    return Why(
        f"Answered {_quoted(facts.get('question', ''))} with the fact {_quoted(facts.get('fact', ''))}.",
        pairs(facts, "question", "fact"),
    )


def _intent(facts: Facts) -> Why:
    names = str(facts.get("intent") or "none").replace("_", " ")
    words = "Heard none of the requests it knows." if names == "none" else f"Took it as: {names}."
    return Why(words, pairs(facts, "intent"))


def _understood(facts: Facts) -> Why:
    value = facts.get("value")
    field, value = _field(facts), _quoted(moment_words(str(value)) if is_moment(value) else _read(value))
    return Why(f"Understood {field} as {value}.", pairs(facts, "field", "value"))


def _asked(facts: Facts) -> Why:
    tries = facts.get("try")
    again = f", for the {_nth(tries)} time" if isinstance(tries, int) and tries > 1 else ""
    return Why(f"Asked for {_field(facts)}{again}.", pairs(facts, "field", "try"))


def _left_open(facts: Facts) -> Why:
    return Why(f"Went on without {_field(facts)}.", pairs(facts, "field"))


def _model(facts: Facts) -> Why:
    model = facts.get("model", "")
    words = f"{model} heard and answered." if facts.get("reply_audio_tokens") else f"Asked the language model {model}."
    return Why(words, pairs(facts, "model"))


def _menu(facts: Facts) -> Why:
    key, does = facts.get("key"), str(facts.get("does"))
    if not key:
        return Why("Nobody chose from the keypad menu.")
    what = {
        "say": "says these words",
        "ask": "is this question, answered for the caller",
        "transfer": "puts the caller through",
        "repeat": "says the menu again",
        "end": "ends the call",
        "wrong": "is none of its keys",
    }.get(does, does)
    return Why(f"The keypad menu: {key} {what}.")


def _pause(facts: Facts) -> Why:
    ms, percent = facts.get("ms"), facts.get("pace_percent")
    if facts.get("because") == "digits":
        return Why(
            f"Waited for {ms} ms for another key." if ms else "Answered at once: the keys were the whole answer."
        )
    if facts.get("because") == "no_keys":
        return Why(f"No key was pressed and nothing was said for {ms} ms.")
    because = {
        "complete": "the sentence was complete",
        "open": "the sentence was not complete",
        "unsure": "the sentence might have gone on",
        "number": "it ended with a number, to which more may come",
        "rule": "a rule for pauses says so",
        "interrupted": "the agent had just been interrupted",
        "finished": "the voice sounded finished",
        "unfinished": "the voice didn't sound finished",
        "told": "the transcriber took the turn for over",
        "told_open": "the transcriber didn't take the turn for over",
    }.get(str(facts.get("because")), "")
    voice = facts.get("voice_percent")
    sound = f" It sounded {voice} % finished." if isinstance(voice, int) else ""
    pace = ""
    if isinstance(percent, int) and percent != 100:
        pace = f" This caller pauses {'longer' if percent > 100 else 'less'} than most ({percent} %)."
    return Why(f"Waited for {ms} ms of silence{', because ' if because else ''}{because}.{sound}{pace}")


def _field(facts: Facts) -> str:
    return _quoted(title(str(facts.get("field", ""))))


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _collected(data: Facts) -> str:
    field = title(str(data.get("key", "")))
    if data.get("value") in (None, ""):
        return f"{field} was taken back"
    sure = ", confirmed" if data.get("is_confirmed") else ""
    return f"{field}: {data.get('spoken') or data.get('value')}{sure}"


def _barge_in(data: Facts) -> str:
    after = data.get("after_ms")
    return (
        f"The caller interrupted; the agent was silent {after} ms later"
        if after is not None
        else "The caller interrupted"
    )


def _stage_failed(data: Facts) -> str:
    stage = {"stt": "The transcriber", "model": "The brain", "tts": "The voice"}.get(
        str(data.get("stage")), str(data.get("stage"))
    )
    return f"{stage} failed: {data.get('error', '')}"


def _ended(data: Facts) -> str:
    known = REASONS.get(str(data.get("reason")))
    return f"Ended: {known.words if known else data.get('reason', '')}"


def _line(data: Facts) -> str:
    lost, rtt = data.get("lost_percent"), data.get("rtt_ms")
    gaps = int(data.get("concealed") or 0) + int(data.get("recovered") or 0)
    return f"Line: {rtt} ms there and back, {_read(lost)} % lost, {gaps} gaps filled"


def _words(data: Facts) -> str:
    return str(data.get("words", ""))


def _text(before: str) -> Callable[[Facts], str]:
    return lambda data: f"{before} {_quoted(data['text'])}" if data.get("text") else before


def _digits(before: str) -> Callable[[Facts], str]:
    return lambda data: f"{before} {' '.join(str(data.get('digits', '')))}"


def _speculation_dropped(data: Facts) -> str:
    tokens = data.get("tokens")
    about = "about " if data.get("is_estimate") else ""
    cost = f" ({about}{tokens} tokens)" if isinstance(tokens, int) else ""
    return _text("Thought ahead too early; the caller went on after")(data) + cost


def _echo(data: Facts) -> str:
    return (
        f"This line has an echo: the agent's voice comes back {data.get('delay_ms')} ms later, "
        f"{data.get('quieter_db')} dB quieter"
    )


def _echoes(data: Facts) -> str:
    times = data.get("times")
    return f"The agent heard itself {'once' if times == 1 else f'{times} times'}: this line has an echo"


THOUGHTS: dict[str, Callable[[Facts], Why]] = {
    "menu": _menu,
    "fact": _fact,
    "intent": _intent,
    "understood": _understood,
    "asked": _asked,
    "left_open": _left_open,
    "model": _model,
    "pause": _pause,
}


def _instead(data: Facts) -> str:
    how = {
        "voicemail": "the caller could leave a message",
        "forward": "the caller was put through",
        "message": "a message was said",
        "agent": "another agent answered",
    }.get(str(data.get("how")), str(data.get("how", "")))
    why = WHY_WORDS.get(str(data.get("why")), "")
    return f"{why}: {how}" if why else how.capitalize()


def _picked_up(data: Facts) -> str:
    who = {"human": "A person", "machine": "An answering machine"}.get(str(data.get("by")), "Nobody can tell who")
    by = {
        "beep": "by its tone", "cadence": "by how long was spoken", "words": "by its words", "silence": "nothing was said",
        "limit": "it was listened for long enough",
    }.get(str(data.get("why")), "")  # fmt: skip
    return f"{who} picked up{f' ({by})' if by else ''}"


def _agent_failed(data: Facts) -> str:
    reason = REASONS.get(str(data.get("reason")))
    why = f": {data['detail']}" if data.get("detail") else ""
    return f"The agent failed before its first word. {reason.words if reason else data.get('reason', '')}{why}"


def _put_through(data: Facts) -> str:
    """By a number's settings, by the carrier, by the telephone itself, or to another agent, which then went on."""
    to, by = str(data.get("to", "")), str(data.get("by", ""))
    if data.get("agent"):
        version = f", version {data['version']}" if data.get("version") else ""
        return f"Put through to {to}: the agent {by}{version} went on"
    seconds = data.get("seconds")
    talked = f"; they talked for {seconds} s" if isinstance(seconds, int) else ""
    return f"Put through to {to}{f' ({by})' if by else ''}{talked}"


def _not_put_through(data: Facts) -> str:
    by = f" ({data['by']})" if data.get("by") else ""
    return f"Not put through to {data.get('to', '')}{by}: {data.get('why', '')}"


_LEFT = {
    "caller": "the caller hung up",
    "target": "the other side hung up",
    "limit": "the longest time for it was reached",
}
_STEPS: dict[str, Callable[[Facts], str]] = {
    "held": lambda data: (
        "The caller is on hold"
        + (", in silence" if data.get("music") == "quiet" else f", with {data.get('music')} music")
    ),
    "ringing": lambda data: (
        f"Calling {data.get('to', '')} ({data.get('by', '')}){' at Twilio' if data.get('at') == 'twilio' else ''}"
    ),
    "picked_up": lambda data: f"{data.get('to', '')} picked up",
    "told": lambda data: f"The agent said to {data.get('to', '')}: “{data.get('text', '')}”",
    "answered": lambda data: f"{data.get('to', '')} said: “{data.get('text', '')}”",
    "accepted": lambda data: (
        f"{data.get('to', '')} takes the call" if data.get("asked") else f"{data.get('to', '')} has heard the words"
    ),
    "introduced": lambda data: f"Said to both: “{data.get('text', '')}”",
    "trouble": lambda data: f"Trouble while speaking to {data.get('to', '')}: {data.get('text', '')}",
    "over": lambda data: (
        f"They talked for {data.get('seconds', 0)} s, until {_LEFT.get(str(data.get('who')), 'one hung up')}"
    ),
}
"""Of a warm transfer."""


def _transfer_step(data: Facts) -> str:
    words = _STEPS.get(str(data.get("step")))
    return words(data) if words is not None else str(data.get("step", ""))


def _sent_on(data: Facts) -> str:
    to = data.get("to", "")
    match data.get("step"):
        case "asked":
            about = ", whom they already talk to" if data.get("is_attended") else ""
            return f"The other side asks to be put through to {to}{about}"
        case "done":
            return f"The call goes on with {to}, whom the other side had named"
        case _:
            return f"The other side was not put through to {to}: {data.get('why', '')}"


EVENTS: dict[str, Callable[[Facts], str]] = {
    "collected": _collected,
    "barge_in": _barge_in,
    "stage_failed": _stage_failed,
    "fallback": _words,
    "fallback_over": _words,
    "stage_retried": _words,
    "end_of_turn_lost": _words,
    "ended": _ended,
    "line": _line,
    "backchannel": _text("The caller agreed without taking the floor:"),
    "echo": _echo,
    "echo_words": _text("The agent's own words came back and were passed over:"),
    "echoes": _echoes,
    "speculation_dropped": _speculation_dropped,
    "digits": _digits("The caller pressed"),
    "digits_sent": _digits("The agent pressed"),
    "reminder": _text("Asked whether the caller is still there:"),
    "warning": _text("Said that the call is nearly over:"),
    "not_recorded": _text("Not recorded: Twilio hears and speaks in this call, and keeps its sound"),
    "said_again": _text("The caller spoke into the last words: they were said again"),
    "line_complained": lambda data: f"Twilio could not use something that it was sent: {data.get('words', '')}",
    "filler": _text("Filled the pause while thinking"),
    "resumed": _text("The call went on at another call worker: the one before was lost"),
    "session_stuck": _text("A part of the call did not let go in time, and was left behind"),
    "recording_started": _text("The recording began, after the consent line"),
    "recording_paused": _text("Not recorded until whoever is on the line now has heard the consent line"),
    "recording_stopped": lambda data: f"The recording stopped. {data.get('why', '')}".strip(),
    "instead": _instead,
    "transfer": lambda data: f"The caller is being put through to {data.get('to', '')}",
    "transfer_step": _transfer_step,
    "picked_up": _picked_up,
    "agent_failed": _agent_failed,
    "forwarding": lambda data: (
        f"Calling {data.get('to', '')}{' at Twilio' if data.get('at') == 'twilio' else ''}, and staying in the middle. The trunk doesn't put "
        f"callers through itself: {data.get('why', '')}"
    ),
    "forward_over": lambda data: _STEPS["over"](data),
    "put_through": _put_through,
    "sent_on": _sent_on,
    "taken_over": lambda data: f"Somebody else took the other side's place: {data.get('by', '')}",
    "not_put_through": _not_put_through,
    "text_sent": lambda data: f"Sent to {data.get('to', '')}: “{data.get('text', '')}”",
    "text_not_sent": lambda data: f"The text to {data.get('to', '')} was not sent: {data.get('why', '')}",
    "message_not_written": lambda data: f"The message could not be written down: {data.get('why', '')}",
}
