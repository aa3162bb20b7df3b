"""A menu by keypad, as other phone lines have one: its knobs, and what each key comes to. Pure.

announced ──key──▶ its words · a question put for the caller · put through · announced again · the end
    │ ▲──wrong key, or nothing for ``menu_timeout_s``, up to ``menu_tries`` times──┐
    └──────────────────────────────────────────────────────────────────────────────┴▶ ``menu_then``
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from agents.mind import EndCall, Keys, ReplyPart, Say, Thought, Transfer
from agents.settings import Settings, hint

if TYPE_CHECKING:
    from agents.spec import AgentSpec, Does
    from agents.transfers import TransferTarget


class KeyDoes(StrEnum):
    SAY = "say"
    ASK = "ask"
    TRANSFER = "transfer"
    REPEAT = "repeat"
    END = "end"


class MenuKey(Settings):
    """One key of the menu."""

    press: str = Field(
        title="Key",
        pattern=r"^[0-9*#]$",
        description="0 to 9, * or #.",
        json_schema_extra=hint(placeholder="1", shape="Write one key: 0 to 9, * or #."),
    )
    does: KeyDoes = Field(
        KeyDoes.SAY,
        title="What happens",
        description="Words are said; or a question is answered as if the caller had asked it.",
        json_schema_extra=hint(
            labels={
                "say": "Say these words",
                "ask": "Answer this question",
                "transfer": "Put the caller through",
                "repeat": "Say the menu again",
                "end": "End the call",
            }
        ),
    )
    words: str = Field(
        "",
        max_length=1_000,
        title="Words or question",
        description="What is said. A question as a caller would ask it: “When are you open?” For the end: other last words than usual.",
        json_schema_extra=hint(
            widget="say", when=("does", "say", "ask", "end"), placeholder="We are open Monday to Friday from 8 to 5."
        ),
    )
    target: str = Field(
        "",
        max_length=60,
        title="To",
        description="The name of one of those under “Put callers through to”.",
        json_schema_extra=hint(when=("does", "transfer"), placeholder="Reception"),
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> MenuKey:
        if self.does in (KeyDoes.SAY, KeyDoes.ASK) and not self.words.strip():
            what = "words to say" if self.does is KeyDoes.SAY else "the question to answer"
            raise ValueError(f"Key {self.press}: fill in {what}.")
        if self.does is KeyDoes.TRANSFER and not self.target.strip():
            raise ValueError(f"Key {self.press}: name whom the caller is put through to.")
        return self


class KeypadMenu(Settings):
    """Part of ``agents.spec.Does``."""

    menu_words: str = Field(
        "",
        max_length=1_000,
        title="Keypad menu",
        description="Said after the first words. Empty: there is no menu. Callers may speak instead of pressing.",
        json_schema_extra=hint(
            widget="say", term="IVR", placeholder="Press 1 for opening hours, 2 for appointments, 0 for a person."
        ),
    )
    menu: tuple[MenuKey, ...] = Field(
        (),
        max_length=12,
        title="Keys of the menu",
        description="What happens for each key.",
        json_schema_extra=hint(widget="menu", unless=("menu_words", "")),
    )
    menu_wrong: str = Field(
        "I'm sorry, that key isn't one of the choices.",
        max_length=300,
        title="At a wrong key, it says",
        description="Then the menu is said again.",
        json_schema_extra=hint(widget="say", expert=True, unless=("menu_words", "")),
    )
    menu_timeout_s: int = Field(
        6,
        ge=2,
        le=60,
        title="Wait for a key",
        description="Seconds of silence after the menu, until it is said again.",
        json_schema_extra=hint(expert=True, unit="s", unless=("menu_words", "")),
    )
    menu_tries: int = Field(
        3,
        ge=1,
        le=10,
        title="Say the menu at most",
        description="Times, where nothing or a wrong key is pressed.",
        json_schema_extra=hint(expert=True, unless=("menu_words", "")),
    )
    menu_then: Literal["talk", "transfer", "end"] = Field(
        "talk",
        title="After that",
        description="What happens where no key was right.",
        json_schema_extra=hint(
            unless=("menu_words", ""),
            labels={"talk": "Ask to say it in words", "transfer": "Put the caller through", "end": "End the call"},
        ),
    )
    menu_then_words: str = Field(
        "Please tell me in your own words how I can help.",
        max_length=300,
        title="It then says",
        description="Where it asks to say it in words.",
        json_schema_extra=hint(widget="say", expert=True, when=("menu_then", "talk")),
    )
    menu_then_target: str = Field(
        "",
        max_length=60,
        title="Then put through to",
        description="The name of one of those under “Put callers through to”.",
        json_schema_extra=hint(when=("menu_then", "transfer"), placeholder="Reception"),
    )
    asks_for_keys: bool = Field(
        False,
        title="A model may ask for keys",
        description="On: a language model can have the caller press a number, such as a customer number, and wait for it. A number it calls "
        "secret (a PIN) is neither shown, kept, nor told to the model.",
        json_schema_extra=hint(expert=True, term="collect_digits"),
    )
    presses_keys: bool = Field(
        False,
        title="A model may press keys",
        description="On: a language model can press keys on the line, to find its way through another side's phone menu.",
        json_schema_extra=hint(expert=True, term="press_keys"),
    )

    @field_validator("menu")
    @classmethod
    def _each_key_has_one_meaning(cls, keys: tuple[MenuKey, ...]) -> tuple[MenuKey, ...]:
        seen: set[str] = set()
        for each in keys:
            if each.press in seen:
                raise ValueError(f"Key {each.press} is there twice. Give each key one meaning.")
            seen.add(each.press)
        return keys

    @property
    def has_menu(self) -> bool:
        """Callers hear of it, and it does something."""
        return bool(self.menu and self.menu_words.strip())


def problems(does: Does) -> list[tuple[str, str]]:
    """Where the menu leads nowhere: the knob's path, and what is wrong with it in plain words."""
    found: list[tuple[str, str]] = []
    names = {target.name.casefold() for target in does.transfers}
    wanted = [("does.menu", f"Key {each.press}", each.target) for each in does.menu if each.does is KeyDoes.TRANSFER]
    if does.menu_then == "transfer":
        wanted.append(("does.menu_then_target", "After the menu", does.menu_then_target))
    if does.menu and not does.has_menu:
        found.append(("does.menu_words", "The menu has keys, but callers don't hear which: fill in “Keypad menu”."))
    if does.menu_words.strip() and not does.menu:
        found.append(("does.menu", "The menu is said, but no key does anything: add its keys."))
    for path, where, name in wanted if does.has_menu else ():
        if name.strip().casefold() not in names:
            what = f"there is nobody called “{name.strip()}”" if name.strip() else "nobody is named"
            found.append((path, f"{where}: {what} under “Put callers through to”."))
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call's menu stands."""

    is_open: bool = False
    """What was said last was the menu's: a key is meant for it."""
    tries: int = 0
    """How often it was said without a right key."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a key, or none, comes to. ``ask``: this question is put for the caller; else ``parts`` is the whole answer."""

    standing: Standing
    parts: tuple[ReplyPart, ...] = ()
    ask: str = ""


class Menu:
    """One agent's. It keeps nothing."""

    def __init__(self, spec: AgentSpec) -> None:
        self._does = spec.does
        self._goodbye = spec.says.goodbye
        self._keys = {each.press: each for each in spec.does.menu}
        self._targets: dict[str, TransferTarget] = {each.name.casefold(): each for each in spec.does.transfers}

    @property
    def lines(self) -> list[str]:
        """What it will say word for word."""
        said = [each.words for each in self._keys.values() if each.does in (KeyDoes.SAY, KeyDoes.END)]
        return [line for line in (self._does.menu_words, *said, self._does.menu_wrong) if line]

    def announce(self, standing: Standing | None = None) -> Step:
        tries = standing.tries if standing is not None else 0
        return Step(Standing(True, tries + 1), (self._said(self._does.menu_words),))

    def knows(self, key: str) -> bool:
        return key in self._keys

    def press(self, key: str, standing: Standing) -> Step:
        entry = self._keys.get(key)
        thought = Thought("menu", {"key": key, "does": entry.does.value if entry else "wrong"})
        if entry is None:
            return self._again(standing, Say(self._does.menu_wrong), thought)
        match entry.does:
            case KeyDoes.SAY:
                return Step(Standing(True, 0), (self._said(entry.words), thought))
            case KeyDoes.ASK:
                return Step(Standing(), (thought,), entry.words)
            case KeyDoes.TRANSFER:
                return Step(Standing(), (*self._put_through(entry.target), thought))
            case KeyDoes.REPEAT:
                step = self.announce()
                return replace(step, parts=(*step.parts, thought))
            case KeyDoes.END:
                return Step(Standing(), (Say(entry.words.strip() or self._goodbye), thought, EndCall("agent_goodbye")))

    def nothing(self, standing: Standing) -> Step:
        """Nobody pressed anything, or said anything."""
        return self._again(standing, thought=Thought("menu", {"key": "", "does": "nothing"}))

    def _again(self, standing: Standing, words: Say | None = None, thought: Thought | None = None) -> Step:
        first = tuple(part for part in (words,) if part is not None and part.text)
        after = (thought,) if thought is not None else ()
        if standing.tries < self._does.menu_tries:
            step = self.announce(standing)
            return replace(step, parts=(*first, *step.parts, *after))
        match self._does.menu_then:
            case "talk":
                rest: tuple[ReplyPart, ...] = (Say(self._does.menu_then_words),)
            case "transfer":
                rest = self._put_through(self._does.menu_then_target)
            case "end":
                rest = (Say(self._goodbye), EndCall("agent_goodbye"))
        return Step(Standing(), (*first, *rest, *after))

    def _put_through(self, name: str) -> tuple[ReplyPart, ...]:
        target = self._targets.get(name.strip().casefold())
        return (Say(target.words), Transfer(target.name)) if target is not None else (Transfer(name.strip()),)

    def _said(self, words: str) -> Say:
        return Say(words.strip(), keys=Keys(most=1, silence_ms=self._does.menu_timeout_s * 1000))
