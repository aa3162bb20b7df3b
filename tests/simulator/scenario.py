"""What happens in a simulated call, all of it drawn from one seed: who calls, over what line, with which vendors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

CONSENT = "This call is recorded."
GREETING = "Hello, how can I help you?"
GOODBYE = "Goodbye, and thank you for calling."
WARNING = "This call is over soon."
REMINDERS = ("Are you still there?", "I am still here if you need me.")

Sound = Literal["words", "nod", "stop", "cough"]


@dataclass(frozen=True, slots=True)
class Wait:
    ms: int


@dataclass(frozen=True, slots=True)
class UntilHeard:
    """Silence until the agent has been audible for so long in a row; gives up after ``at_most_ms``."""

    for_ms: int
    at_most_ms: int = 6_000


@dataclass(frozen=True, slots=True)
class UntilQuiet:
    """Silence until the agent has spoken, and then been silent for so long; gives up after ``at_most_ms``."""

    for_ms: int
    at_most_ms: int = 9_000


@dataclass(frozen=True, slots=True)
class Sounds:
    """The caller makes a sound. No words: a cough."""

    kind: Sound
    words: tuple[str, ...]
    ms: int


@dataclass(frozen=True, slots=True)
class Presses:
    """The caller presses digits, each held for a while."""

    digits: str
    every_ms: int
    held_ms: int


Step = Wait | UntilHeard | UntilQuiet | Sounds | Presses


@dataclass(frozen=True, slots=True)
class LinePlan:
    delay_ms: int = 40
    pulls_first: bool = False
    """The transport pulls before it hands in the caller's frame, not after."""
    lost: float = 0.0
    """Share of the caller's frames that begin a gap."""
    gap_frames: int = 1
    stalls: float = 0.0
    """Share of frames before which the loop was busy: several come at once."""
    jitters: bool = False
    """``outbound_delay_ms`` wanders."""
    dies_ms: int | None = None
    """From here on no frame comes, and nobody says so."""
    echo_ms: int | None = None
    """A speakerphone: the agent's voice comes back so long after it was pulled, in whole frames."""
    echo_db: int = 0
    """And so much quieter."""


@dataclass(frozen=True, slots=True)
class VADPlan:
    start_ms: int = 60
    stop_ms: int = 100
    misses: float = 0.0
    """Share of voiced frames that sound like silence to it."""


@dataclass(frozen=True, slots=True)
class EarPlan:
    delays_ms: tuple[int, ...] = (120,)
    interim_every_ms: int = 0
    is_deaf: bool = False
    is_unordered: bool = False
    doubles: float = 0.0
    loses: float = 0.0
    unasked: bool = False
    """Sends finals of its own, when it thinks that the caller has finished."""
    writes_noise: bool = False
    fails_to_open: int = 0
    opens_ms: int = 0
    dies_ms: int | None = None
    tells_turns: float | None = None
    """Says of each final whether it takes the turn for over, and is wrong in this share; says so unasked, too."""

    @property
    def is_sound(self) -> bool:
        """It tells all it hears, soon and in order."""
        return not (
            self.is_deaf
            or self.is_unordered
            or self.loses
            or self.fails_to_open
            or self.opens_ms > 500
            or self.dies_ms is not None
            or max(self.delays_ms) > 700
        )


@dataclass(frozen=True, slots=True)
class EndOfTurnPlan:
    """Who judges by the sound whether the caller has finished."""

    delays_ms: tuple[int, ...] = (140,)
    is_wrong: float = 0.1
    says_nothing: float = 0.0
    fails: float = 0.0
    hangs: float = 0.0


@dataclass(frozen=True, slots=True)
class VoicePlan:
    delays_ms: tuple[int, ...] = (60,)
    letter_ms: int = 45
    pieces_ms: tuple[int, ...] = (200,)
    piece_delays_ms: tuple[int, ...] = (0,)
    fails: float = 0.0
    dies: float = 0.0
    hangs: float = 0.0

    @property
    def is_sound(self) -> bool:
        return (
            not (self.fails or self.dies or self.hangs) and max(self.delays_ms) <= 500 and not any(self.piece_delays_ms)
        )


@dataclass(frozen=True, slots=True)
class MindPlan:
    delays_ms: tuple[int, ...] = (40,)
    max_parts: int = 3
    fails: float = 0.0
    hangs: float = 0.0
    ends: float = 0.1
    asks: float = 0.3
    collects: float = 0.3
    is_silent: float = 0.03


@dataclass(frozen=True, slots=True)
class Scenario:
    seed: int
    steps: tuple[Step, ...]
    spec: dict[str, Any]
    line: LinePlan = field(default_factory=LinePlan)
    vad: VADPlan = field(default_factory=VADPlan)
    ear: EarPlan = field(default_factory=EarPlan)
    voice: VoicePlan = field(default_factory=VoicePlan)
    mind: MindPlan = field(default_factory=MindPlan)
    outside: tuple[int, Literal["hang_up", "say_goodbye"]] | None = None
    """When somebody of the team ends the call, and how."""
    end_of_turn: EndOfTurnPlan | None = None


NODS = ("mm-hm", "okay", "yeah right", "uh huh", "I see")
STOPS = ("stop", "wait", "no")
DIGITS = "1234567890*A"
ENDINGS = ("and", "my", "because", "um")
_ONSETS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def _new_words() -> Iterator[str]:
    """Words that mean nothing to anyone, each once: where one turns up tells where it came from."""
    for first in _ONSETS:
        for vowel in _VOWELS:
            for second in _ONSETS:
                yield f"{first}{vowel}{second}o"


def scenario(seed: int) -> Scenario:
    """The call of this seed. Half of the calls are of good vendors on a good line: there most can be asked of them."""
    dice = random.Random(seed)
    is_rough = dice.random() < 0.5
    drawn = Scenario(
        seed,
        _with_digits(tuple(_caller(dice)), random.Random(f"{seed} digits")),
        _warned(_spec(dice), random.Random(f"{seed} warning")),
        _with_echo(seed, _line(dice, is_rough)),
        VADPlan(
            dice.choice((40, 60, 100)), dice.choice((80, 100, 200)), 0.02 if is_rough and dice.random() < 0.2 else 0.0
        ),
        _ear(dice, is_rough),
        _voice(dice, is_rough),
        _mind(dice, is_rough),
        (dice.randrange(500, 15_000), dice.choice(("hang_up", "say_goodbye"))) if dice.random() < 0.04 else None,
    )
    return _with_ends_of_turns(_with_guard(drawn), random.Random(f"{seed} ends of turns"), is_rough)


def _caller(dice: random.Random) -> Iterator[Step]:
    words = _new_words()
    if dice.random() < 0.7:
        yield UntilQuiet(dice.randrange(100, 600, 20))
    for _ in range(dice.choice((1, 1, 2, 2, 2, 3, 3, 14) if dice.random() < 0.2 else (1, 2, 2, 3))):
        match dice.randrange(12):
            case 0 | 1 | 2 | 3:  # a plain question, and its answer heard out
                yield from _sentence(dice, words)
                yield UntilQuiet(dice.randrange(200, 1_200, 20))
            case 4 | 5:  # a sentence with a hesitation in it
                yield from _sentence(dice, words, ends=dice.choice((*ENDINGS, "")))
                yield Wait(dice.randrange(100, 1_400, 20))
                yield from _sentence(dice, words)
                yield UntilQuiet(dice.randrange(200, 1_200, 20))
            case 6:  # takes the floor
                yield UntilHeard(dice.randrange(20, 900, 20))
                yield from _sentence(dice, words)
                yield UntilQuiet(400)
            case 7:  # stop!
                yield UntilHeard(dice.randrange(20, 900, 20))
                yield Sounds("stop", (dice.choice(STOPS),), dice.randrange(200, 420, 20))
                yield Wait(dice.randrange(200, 1_500, 20))
            case 8 | 9:  # coughs, or nods, into the answer
                yield UntilHeard(dice.randrange(20, 900, 20))
                if dice.random() < 0.5:
                    yield Sounds("cough", (), dice.randrange(60, 300, 20))
                else:
                    nod = tuple(dice.choice(NODS).split())
                    yield Sounds("nod", nod, dice.randrange(200, 500, 20))
                yield UntilQuiet(dice.randrange(100, 900, 20))
            case 10:
                yield Wait(dice.randrange(100, 5_000, 20))
            case _:
                yield Sounds("cough", (), dice.randrange(40, 1_400, 20))
                yield Wait(dice.randrange(40, 900, 20))
    match dice.randrange(6):
        case 0:
            yield Wait(8_000)  # until the agent gives up
        case 1:
            pass  # hangs up at once
        case _:
            yield Wait(dice.randrange(200, 1_500, 20))


def _with_digits(steps: tuple[Step, ...], dice: random.Random) -> tuple[Step, ...]:
    """In some calls the caller presses digits too, each of the others than # at most once, in the order of ``DIGITS``."""
    if dice.random() >= 0.15:
        return steps
    left = DIGITS
    for _ in range(dice.choice((1, 1, 2))):
        count = dice.choice((1, 1, 2, 4))
        pressed, left = left[:count], left[count:]
        at = dice.randrange(len(steps) + 1)
        every_ms = dice.choice((160, 300, 600, 1_500, 2_400))
        press = Presses(pressed + dice.choice(("", "#")), every_ms, dice.choice((40, 100, every_ms - 20)))
        steps = (*steps[:at], press, *steps[at:])
    order = iter(DIGITS)
    return tuple(
        Presses("".join("#" if digit == "#" else next(order) for digit in step.digits), step.every_ms, step.held_ms)
        if isinstance(step, Presses)
        else step
        for step in steps
    )


def _sentence(dice: random.Random, words: Iterator[str], ends: str = "") -> Iterator[Step]:
    said = tuple(next(words, "so") for _ in range(dice.choice((1, 2, 3, 4))))
    yield Sounds("words", (*said, ends) if ends else said, (len(said) + bool(ends)) * dice.randrange(180, 340, 20))


def _spec(dice: random.Random) -> dict[str, Any]:
    return {
        "says": {"goodbye": GOODBYE, "first_speaker": dice.choice(("agent", "agent", "agent", "caller"))},
        "sounds": {"background_sound": "none"},
        "listens": {
            "endpointing_ms": dice.choice((300, 500, 500, 800)),
            "barge_in": dice.random() < 0.85,
            "barge_in_sensitivity": dice.choice(("patient", "low", "medium", "high", "snappy")),
        },
        "limits": {
            "max_duration_s": 30,
            "reminder_after_s": dice.choice((3, 4)),
            "reminders": REMINDERS,
            "hang_up_after_silence_s": dice.choice((5, 7, 9)),
        },
        "privacy": {"record": True, "consent_line": CONSENT if dice.random() < 0.2 else ""},
    }


def _warned(spec: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """In half of the calls the agent says so before the longest call is over."""
    warning = {
        "warning_line": WARNING if dice.random() < 0.5 else "",
        "warning_before_s": dice.choice((10, 20, 25, 40)),
    }
    return {**spec, "limits": {**spec["limits"], **warning}}


def _line(dice: random.Random, is_rough: bool) -> LinePlan:
    delay_ms = dice.choice((0, 40, 40, 150, 400))
    if not is_rough:
        return LinePlan(delay_ms, dice.random() < 0.5)
    return LinePlan(
        delay_ms,
        dice.random() < 0.5,
        dice.choice((0, 0, 0.02, 0.1)),
        dice.choice((1, 2, 6)),
        dice.choice((0, 0, 0.01)),
        dice.random() < 0.3,
        dice.randrange(1_000, 15_000) if dice.random() < 0.04 else None,
    )


def _with_echo(seed: int, line: LinePlan) -> LinePlan:
    """Every sixth line, by dice of its own."""
    dice = random.Random(f"{seed} echo")
    if dice.random() > 1 / 6:
        return line
    return replace(line, echo_ms=dice.choice((80, 160, 240, 400, 600)), echo_db=dice.choice((6, 12, 20)))


def _with_guard(drawn: Scenario) -> Scenario:
    """Against the echo where there is one, and on half of the other lines, by dice of its own. Agents come without."""
    is_guarded = drawn.line.echo_ms is not None or random.Random(f"{drawn.seed} guard").random() < 0.5
    return replace(drawn, spec={**drawn.spec, "listens": {**drawn.spec["listens"], "echo_guard": is_guarded}})


def _ear(dice: random.Random, is_rough: bool) -> EarPlan:
    interim_every_ms = dice.choice((0, 0, 200, 300))
    if not is_rough or dice.random() < 0.4:
        return EarPlan(
            dice.choice(((120,), (60, 120, 300), (300, 600))), interim_every_ms, unasked=dice.random() < 0.3,
            writes_noise=dice.random() < 0.3,
        )  # fmt: skip
    return EarPlan(
        dice.choice(((120,), (600, 1_500), (3_000,), (20, 900))),
        interim_every_ms,
        dice.random() < 0.05,
        dice.random() < 0.4,
        dice.choice((0, 0.2)),
        dice.choice((0, 0, 0.1)),
        dice.random() < 0.3,
        dice.random() < 0.3,
        dice.choice((0, 0, 0, 1, 3, 9)),
        dice.choice((0, 0, 200, 2_500)),
        dice.randrange(500, 10_000) if dice.random() < 0.2 else None,
    )


def _with_ends_of_turns(drawn: Scenario, dice: random.Random, is_rough: bool) -> Scenario:
    """Drawn apart, so that a seed's call is otherwise what it was before there was this."""
    listens = {**drawn.spec["listens"], "acoustic_end_of_turn": dice.choice(("off", "careful", "full"))}
    tells_turns = dice.choice((0.0, 0.1, 0.5, 1.0)) if dice.random() < 0.25 else None
    plan = None
    if dice.random() < 0.6:
        plan = EndOfTurnPlan(
            dice.choice(((20,), (140,), (60, 140, 240), (140, 400), (300,), (900,))),
            dice.choice((0.0, 0.1, 0.5, 1.0)),
            dice.choice((0.0, 0.0, 0.3)),
            dice.choice((0.0, 0.1)) if is_rough else 0.0,
            dice.choice((0.0, 0.1)) if is_rough else 0.0,
        )
    return replace(
        drawn,
        spec={**drawn.spec, "listens": listens},
        ear=replace(drawn.ear, tells_turns=tells_turns, unasked=drawn.ear.unasked or tells_turns is not None),
        end_of_turn=plan,
    )


def _voice(dice: random.Random, is_rough: bool) -> VoicePlan:
    letter_ms = dice.choice((30, 40, 50))
    if not is_rough or dice.random() < 0.5:
        return VoicePlan(dice.choice(((60,), (20, 150), (0,))), letter_ms, dice.choice(((200,), (20, 90), (3_000,))))
    return VoicePlan(
        dice.choice(((60,), (800,), (60, 2_500))),
        letter_ms,
        (40, 200, 500),
        dice.choice(((0,), (0, 300), (100, 600))),
        dice.choice((0, 0, 0.15, 0.5)),
        dice.choice((0, 0, 0.15)),
        dice.choice((0, 0, 0, 0.1)),
    )


def _mind(dice: random.Random, is_rough: bool) -> MindPlan:
    if not is_rough or dice.random() < 0.4:
        return MindPlan(dice.choice(((20,), (40, 300), (0,), (40, 40, 1_500, 2_600))))
    return MindPlan(
        dice.choice(((40,), (300, 2_500), (40, 5_000), (9_000,))),
        fails=dice.choice((0, 0.15, 0.5)),
        hangs=dice.choice((0, 0, 0.1)),
    )
