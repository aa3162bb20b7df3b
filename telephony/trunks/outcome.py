"""What SIP messages come to: whether a call stood, who refused it, whether a registration was taken. Pure; time is an argument.

``telephony.trunks.words.explained`` says it to people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["in", "out"]
About = Literal["call", "registration", "telephone", "question"]
"""``telephone``: one that registers here. ``question``: OPTIONS, by which one side asks whether the other is there."""
Result = Literal["stood", "refused", "no_answer", "called_off", "not_confirmed", "taken_back", "open"]
"""``open``: it is on its way still."""
PATIENCE_S = 4.0
"""After which nobody answers any more, as far as people are told: messages over UDP have been sent again several times by then."""
CHALLENGES = (401, 407)
_STATUS = re.compile(r"SIP/2\.0 (\d{3}) ?(.*)")
_REASON = re.compile(r'^(?:reason|warning)[ \t]*:[^"\n]*"([^"\n]{1,200})"', re.I | re.M)
_EXPIRES_0 = re.compile(r"^expires[ \t]*:[ \t]*0[ \t]*$|^(?:contact|m)[ \t]*:.*;[ \t]*expires=0\b", re.I | re.M)
_REPLACES = re.compile(r"^replaces[ \t]*:", re.I | re.M)
_TOLD = re.compile(r"SIP/2\.0 (\d{3} [^\n]{1,60})")
"""What NOTIFY tells of the call that was asked for."""
_LOGIN = re.compile(r"^(?:proxy-)?authorization[ \t]*:", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as far as it matters here."""

    direction: Direction
    method: str
    """What it asks, or what it answers."""
    status: int = 0
    """0: it is a request."""
    phrase: str = ""
    """Of a status, as the sender words it."""
    said: str = ""
    """Why, in the sender's own words (Reason, Warning)."""
    has_password: bool = False
    takes_back: bool = False
    """A registration for no time at all."""
    takes_over: bool = False
    """A call that wants the place of another (Replaces)."""

    @classmethod
    def of(cls, direction: str, start_line: str, cseq: str, text: str) -> Message:
        """A message as it is kept: see ``telephony.trunks.models.SipMessage``."""
        answer = _STATUS.match(start_line)
        method = cseq.rpartition(" ")[2].upper() or start_line.partition(" ")[0].upper()
        head = text.partition("\n\n")[0]
        said = _TOLD.match(text.partition("\n\n")[2]) if method == "NOTIFY" and not answer else _REASON.search(head)
        return cls(
            "out" if direction == "out" else "in",
            method,
            int(answer[1]) if answer else 0,
            answer[2].strip() if answer else "",
            said[1] if said else "",
            bool(_LOGIN.search(head)),
            method == "REGISTER" and bool(_EXPIRES_0.search(head)),
            method == "INVITE" and not answer and bool(_REPLACES.search(head)),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    about: About
    result: Result
    status: int = 0
    by: Literal["them", "us"] = "them"
    """Who refused."""
    ended_by: Direction | Literal[""] = ""
    """Whose BYE or CANCEL ended it, as we see it; "": nobody's yet."""
    was_proved: bool = True
    """The refused request had the proof of a password."""
    has_moved: bool = False
    """Somebody else at the other side went on with it: they had asked us to call them, or had them take their place."""

    @property
    def is_failure(self) -> bool:
        return self.result in ("refused", "no_answer", "not_confirmed")


def of_call(messages: Sequence[Message], quiet_s: float) -> Outcome | None:
    """``quiet_s``: how long ago the last of them went by. ``None``: nobody called in them."""
    asked = [each for each in messages if each.method == "INVITE" and not each.status]
    if not asked:
        return None
    ours = asked[0].direction
    answers = [each for each in messages if each.method == "INVITE" and each.status and each.direction != ours]
    ends = [each for each in messages if each.method in ("BYE", "CANCEL") and not each.status]
    has_moved = any(
        (each.method == "REFER" and each.status == 202 and each.direction == "out")
        or (each.takes_over and each.direction == "in")
        for each in messages
    )
    # Of one that moved, the first BYE is that of the place it has left.
    end = (ends[-1] if has_moved else ends[0]) if ends else None
    ended_by: Direction | Literal[""] = end.direction if end else ""
    if any(200 <= each.status < 300 for each in answers):
        is_confirmed = any(each.method == "ACK" and each.direction == ours for each in messages)
        if ours == "in" and not is_confirmed and ended_by == "out":
            return Outcome("call", "not_confirmed")
        return Outcome("call", "stood", ended_by=ended_by, has_moved=has_moved)
    last = max(index for index, each in enumerate(messages) if each in asked)
    after = [each for each in messages[last:] if each in answers]
    if end is not None and end.method == "CANCEL":
        return Outcome("call", "called_off", ended_by=ended_by)
    final = next((each for each in after if each.status >= 300), None)
    if final is not None:
        if final.status == 487:
            return Outcome("call", "called_off", ended_by="out" if ours == "out" else "in")
        if final.status in CHALLENGES and not asked[-1].has_password and quiet_s < PATIENCE_S:
            return Outcome("call", "open")  # the proof is on its way
        by: Literal["them", "us"] = "them" if ours == "out" else "us"
        return Outcome("call", "refused", final.status, by, was_proved=asked[-1].has_password)
    if not after and quiet_s >= PATIENCE_S:
        return Outcome("call", "no_answer")
    return Outcome("call", "open")


def of_trunk(messages: Sequence[Message], quiet_s: float) -> list[Outcome]:
    """A trunk's own business: how its registration stands (or, where it doesn't register, whether it answers), then the last call that
    was refused before it was one."""
    found = [_telephone(messages, quiet_s)]
    found += [_asked(messages, "REGISTER", "registration", quiet_s) or _asked(messages, "OPTIONS", "question", quiet_s)]
    found.append(of_call(_last_call(messages), quiet_s))
    return [each for each in found if each is not None and each.result != "open"]


def _last_call(messages: Sequence[Message]) -> list[Message]:
    """From the last INVITE that came without a password on: one that has it belongs to the one before."""
    starts = [
        index for index, each in enumerate(messages) if each.method == "INVITE" and not each.status and not each.has_password
    ]  # fmt: skip
    return list(messages[starts[-1] :]) if starts else []


def _telephone(messages: Sequence[Message], quiet_s: float) -> Outcome | None:
    """What we said to the last registration of a telephone of ours."""
    asks = [each.method == "REGISTER" and each.direction == "in" and not each.status for each in messages]
    if True not in asks:
        return None
    last = len(asks) - 1 - asks[::-1].index(True)
    asked = messages[last]
    answer = next((each for each in messages[last:] if each.method == "REGISTER" and each.status >= 200), None)
    if answer is None:
        return Outcome("telephone", "open")
    if answer.status < 300:
        return Outcome("telephone", "taken_back" if asked.takes_back else "stood")
    if answer.status in CHALLENGES and not asked.has_password and quiet_s < PATIENCE_S:
        return Outcome("telephone", "open")
    return Outcome("telephone", "refused", answer.status, "us", was_proved=asked.has_password)


def _asked(messages: Sequence[Message], method: str, about: About, quiet_s: float) -> Outcome | None:
    """What came of the last question of this kind that we asked."""
    last = max((at for at, each in enumerate(messages) if _is_ours(each, method)), default=None)
    if last is None:
        return None
    asked = messages[last]
    answers = [
        each for each in messages[last:] if each.method == method and each.status >= 200 and each.direction == "in"
    ]
    if not answers:
        repeats = sum(_is_ours(each, method) for each in messages[max(0, last - 1) : last + 1])
        return Outcome(about, "no_answer" if repeats > 1 or quiet_s >= PATIENCE_S else "open", 408)
    status = answers[-1].status
    if status < 300 or (about == "question" and status not in (408, 503)):  # any answer is a sign of life
        return Outcome(about, "taken_back" if asked.takes_back else "stood")
    if status in CHALLENGES and not asked.has_password and quiet_s < PATIENCE_S:
        return Outcome(about, "open")
    return Outcome(about, "refused", status, was_proved=asked.has_password)


def _is_ours(message: Message, method: str) -> bool:
    return message.method == method and message.direction == "out" and not message.status
