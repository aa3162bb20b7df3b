"""Whom an organization's agents may call, how often, and for how much. Declared once; the form, the API and the gate read it.

``may_dial`` decides, and does nothing else: what it is told of (calls that run, money spent) comes as an argument, and so does
the time. ``telephony.dialing.gate`` asks it for every call, whichever way the call was started.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agents.settings import Settings, hint
from telephony.dialing.countries import countries, name_of
from telephony.dialing.e164 import Number, Unreadable, read
from telephony.dialing.hours import CLOCK_PATTERN, CLOCK_SHAPE, DAY_LABELS, DAYS, Day, Hours, is_open, minutes

Path = Literal["api", "dashboard", "campaign", "transfer", "refer"]
"""How a call out of here begins: asked for by a program, by a person, by a campaign; or out of a running call, by the agent's
transfer tool or by the other side's REFER."""
PATHS: tuple[Path, ...] = ("api", "dashboard", "campaign", "transfer", "refer")
_BY_REQUEST: frozenset[Path] = frozenset({"transfer", "refer"})
"""Somebody is on the line already and asks to be put through: the hours of the day don't matter to them."""


def _is_country(code: str) -> str:
    if code not in countries():
        raise ValueError(f"There is no country with the code {code}. Use two letters, such as US.")
    return code


def _is_country_or_none(code: str) -> str:
    return _is_country(code) if code else code


_Code = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True)]
Country = Annotated[_Code, AfterValidator(_is_country)]
CountryOrNone = Annotated[_Code, AfterValidator(_is_country_or_none)]
Price = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9]\d{0,14}[ \t]+\d{1,4}([.,]\d{1,6})?$")
]  # fmt: skip
Beginning = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9]\d{0,14}$")]


class Policy(Settings):
    """Whom agents may call, and how much of it. The defaults call nobody abroad and can't spend much."""

    home_country: CountryOrNone = Field(
        "",
        title="Your country",
        description="Its numbers may be called, and may be written without their country code. "
        "Left empty: the country of the organization's time zone.",
        json_schema_extra=hint(widget="country"),
    )
    countries: tuple[Country, ...] = Field(
        (),
        max_length=250,
        title="Other countries",
        description="Only these are called besides your own. Choose as few as you need: nearly all telephone fraud goes abroad.",
        json_schema_extra=hint(widget="countries"),
    )
    blocked_prefixes: tuple[Beginning, ...] = Field(
        (),
        max_length=200,
        title="Numbers that are never called",
        description="One a line: a number, or how numbers begin. “+4487” blocks all that begin so.",
        json_schema_extra=hint(widget="lines", placeholder="+4487", shape="Write it as +4487."),
    )
    max_concurrent: int = Field(
        5,
        ge=0,
        le=1_000,
        title="Calls at the same time",
        description="How many outgoing calls may run at once. 0: none.",
        json_schema_extra=hint(unit="calls", term="concurrency"),
    )
    calls_per_second: int = Field(
        1,
        ge=1,
        le=100,
        title="New calls a second",
        description="How fast calls may be started. Many carriers allow one.",
        json_schema_extra=hint(unit="calls", term="CPS"),
    )
    calls_per_day: int = Field(
        500,
        ge=0,
        le=1_000_000,
        title="Calls a day",
        description="How many outgoing calls a day, in the organization's time zone.",
        json_schema_extra=hint(unit="calls"),
    )
    calls_per_number: int = Field(
        5,
        ge=1,
        le=100,
        title="Calls a day to the same number",
        description="However they are started.",
        json_schema_extra=hint(unit="calls"),
    )
    texts_per_day: int = Field(
        100,
        ge=0,
        le=1_000_000,
        title="Text messages a day",
        description="How many an organization may send, in its time zone. 0: none. The countries above hold for them, too.",
        json_schema_extra=hint(unit="texts", term="SMS"),
    )
    daily_spend: float = Field(
        20.0,
        ge=0,
        le=1_000_000,
        title="Spend a day",
        description="In your carrier's currency. A running call counts with all it may still cost, so the limit holds.",
        json_schema_extra=hint(step=0.01),
    )
    max_price_per_minute: float = Field(
        0.15,
        ge=0,
        le=1_000,
        title="Highest price a minute",
        description="Numbers that cost more by your prices below are refused. Numbers without a price there count with this one.",
        json_schema_extra=hint(step=0.001),
    )
    prices: tuple[Price, ...] = Field(
        (),
        max_length=2_000,
        title="Your prices a minute",
        description="From your carrier's price list, one a line: how numbers begin, and what a minute costs. The longest beginning counts. "
        "Carriers don't tell Parley their prices.",
        json_schema_extra=hint(widget="lines", placeholder="+447 0.035", shape="Write it as +447 0.035."),
    )
    calls_from: str = Field(
        "08:00",
        pattern=CLOCK_PATTERN,
        title="Call from",
        description="On the clock of whoever is called. Transfers out of a running call may go out at any hour.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )
    calls_until: str = Field(
        "21:00",
        pattern=CLOCK_PATTERN,
        title="Call until",
        description="On the same clock.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )
    days: tuple[Day, ...] = Field(
        DAYS,
        min_length=1,
        max_length=7,
        title="Days",
        description="On which calls may go out.",
        json_schema_extra=hint(widget="days", labels=DAY_LABELS),
    )

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Policy:
        if minutes(self.calls_from) >= minutes(self.calls_until):
            raise ValueError("“Call from” must be before “Call until”.")
        return self

    @property
    def hours(self) -> Hours:
        return Hours.of(self.calls_from, self.calls_until, self.days)


@dataclass(frozen=True, slots=True)
class Request:
    """A call somebody wants to make. ``price_per_minute`` is ``None`` where only the organization's prices tell it; ``zones`` is where
    the called person is known to be, empty where only the number tells."""

    number: str
    path: Path
    at: datetime
    longest_minutes: int
    price_per_minute: Decimal | None = None
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What the organization's calls are doing. A day is one of the organization's time zone."""

    live: int = 0
    today: int = 0
    to_number_today: int = 0
    spent_today: Decimal = Decimal(0)
    """By finished calls, and by those that run as much as they may still cost."""
    is_do_not_call: bool = False


Side = Literal["you", "number", "us"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """``cost`` is the most this call can come to."""

    number: Number
    price_per_minute: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Refused:
    """``reason`` is for programs, ``words`` for people. ``side``: whose it is to change, yours, the number's or ours."""

    reason: str
    words: str
    side: Side

    @property
    def is_for_now(self) -> bool:
        """The same call may be allowed later on, without anybody changing anything."""
        return self.reason in FOR_NOW


FOR_NOW = frozenset({"hours", "concurrency", "too_fast", "calls_per_day", "calls_per_number", "spend", "limits_away"})


def may_dial(policy: Policy, request: Request, usage: Usage) -> Allowed | Refused:
    """``policy.home_country`` is filled in by then."""
    number = read(request.number, policy.home_country)
    if isinstance(number, Unreadable):
        return Refused(number.why, number.words, "number")
    return (
        _whom(policy, number, usage)
        or _when(policy, number, request)
        or _how_many(policy, number, usage)
        or _for_how_much(policy, number, request, usage)
    )


def _whom(policy: Policy, number: Number, usage: Usage) -> Refused | None:
    if not policy.home_country:
        return Refused(
            "no_country", "Choose your country under Limits and spend before the first outgoing call.", "you"
        )
    if number.country != policy.home_country and number.country not in policy.countries:
        return Refused(
            "country",
            f"{number.e164} is in {name_of(number.country)}, which is not among the countries you allow. "
            "Add it under Limits and spend if you mean to call there.",
            "you",
        )
    if beginning := next((each for each in policy.blocked_prefixes if number.e164.startswith(each)), None):
        return Refused("blocked", f"You block numbers that begin with {beginning}.", "you")
    if usage.is_do_not_call:
        return Refused("do_not_call", f"{number.e164} is on your do-not-call list.", "number")
    return None


def _when(policy: Policy, number: Number, request: Request) -> Refused | None:
    zones = request.zones or number.zones
    if request.path in _BY_REQUEST or is_open(policy.hours, zones, request.at):
        return None
    where = "everywhere that number may be" if len(zones) > 1 else "where that number is"
    words = f"Calls go out from {policy.calls_from} to {policy.calls_until}, and it is not that time {where}."
    return Refused("hours", words, "you")


def _how_many(policy: Policy, number: Number, usage: Usage) -> Refused | None:
    return _how_often(policy, number.e164, usage)


def _how_often(policy: Policy, whom: str, usage: Usage) -> Refused | None:
    if usage.live >= policy.max_concurrent:
        words = f"{usage.live} outgoing calls are running, and your limit is {policy.max_concurrent}."
        return Refused("concurrency", words, "you")
    if usage.today >= policy.calls_per_day:
        return Refused("calls_per_day", f"Today's limit of {policy.calls_per_day:,} outgoing calls is reached.", "you")
    if usage.to_number_today >= policy.calls_per_number:
        words = f"{whom} was called {usage.to_number_today} times today, and that is your limit."
        return Refused("calls_per_number", words, "you")
    return None


def _for_how_much(policy: Policy, number: Number, request: Request, usage: Usage) -> Allowed | Refused:
    price = price_of(policy, number) if request.price_per_minute is None else request.price_per_minute
    if refused := _too_dear(policy, number, price):
        return refused
    cost = _at_most(policy, price, request.longest_minutes, usage)
    return cost if isinstance(cost, Refused) else Allowed(number, price, cost)


def _too_dear(policy: Policy, number: Number, price: Decimal) -> Refused | None:
    highest = Decimal(str(policy.max_price_per_minute))
    if price <= highest:
        return None
    return Refused("price", f"{number.e164} costs {price} a minute, and your limit is {highest}.", "you")


def price_of(policy: Policy, number: Number) -> Decimal:
    """By the organization's prices, the longest beginning first; where none fits, the highest that is allowed."""
    found = [line.split() for line in policy.prices]
    fits = [(len(beginning), price) for beginning, price in found if number.e164.startswith(beginning)]
    return Decimal(max(fits)[1].replace(",", ".")) if fits else Decimal(str(policy.max_price_per_minute))


def _at_most(policy: Policy, price: Decimal, longest_minutes: int, usage: Usage) -> Decimal | Refused:
    cost, cap = price * longest_minutes, Decimal(str(policy.daily_spend))
    if usage.spent_today + cost <= cap:
        return cost
    left = max(Decimal(0), cap - usage.spent_today)
    words = f"This call may cost {cost:.2f}, and only {left:.2f} of today's {cap:.2f} is left."
    return Refused("spend", words, "you")


def may_reach(policy: Policy, address: str, request: Request, usage: Usage) -> Decimal | Refused:
    """Whether somebody may be put through to a SIP address: the most it can come to, counted like a call whose price nobody tells.
    Where a telephone number stands before the @, it must be one that may be called: whoever is there would call it."""
    number = number_in(address, policy.home_country)
    if isinstance(number, Unreadable):
        return Refused(number.why, number.words, "number")
    refused = (_whom(policy, number, usage) if number is not None else None) or _how_often(policy, address, usage)
    price = Decimal(str(policy.max_price_per_minute)) if number is None else price_of(policy, number)
    if refused is None and number is not None:
        refused = _too_dear(policy, number, price)
    return refused or _at_most(policy, price, request.longest_minutes, usage)


_HELP = frozenset({"000", "110", "112", "911", "999"})
"""Emergency numbers that a telephone system may let through. Others are extensions."""
LONGEST_EXTENSION = 6
"""Digits; more are a telephone number."""
_SEPARATORS = re.compile(r"[-.() ]")
"""What a telephone system takes no notice of between the digits (RFC 3966, 5.1.1)."""
_DIALLED = re.compile(r"\+?[0-9]+")
_CODE = re.compile(rf"[0-9*#]{{1,{LONGEST_EXTENSION}}}")
"""Of a telephone system's own, such as *701."""
_HELP_BEHIND_A_CODE = re.compile(rf"[*#]+(?:\d{{2}}[*#]*)?(?:{'|'.join(sorted(_HELP))})")
"""*67911: the caller's number withheld, then the emergency number."""
_NAME = re.compile(r"[\w.~!$&'*+=-]+")


def dialled(user: str) -> str:
    """The digits, maybe behind a "+", that a telephone system dials for what stands before the @ of a SIP address; "": a name."""
    bare = _SEPARATORS.sub("", user.partition(";")[0])
    return bare if _DIALLED.fullmatch(bare) else ""


def number_in(address: str, home: str) -> Number | Unreadable | None:
    """What stands before the @ of a SIP address, where it reads as a telephone number, however it is spelled: a telephone system dials
    "%2B1.900.555.0142" as well. ``None``: it is a name or an extension."""
    user = unquote(address.partition(":")[2].partition("@")[0]).partition(";")[0]
    bare = _SEPARATORS.sub("", user)
    if bare in _HELP or _HELP_BEHIND_A_CODE.fullmatch(bare):
        return Unreadable("emergency", f"{bare} reaches an emergency number. Agents put nobody through to those.")
    if not dialled(user):
        is_name = _NAME.fullmatch(user) and any(character.isalpha() for character in user)
        if is_name or _CODE.fullmatch(bare):
            return None
        words = f"“{user}” is neither a telephone number nor an extension nor a name. Write the address as sip:desk@pbx.example."
        return Unreadable("not_a_number", words)
    if len(bare) <= LONGEST_EXTENSION and not bare.startswith("+"):
        return None
    return read(f"+{bare[2:]}" if bare.startswith("00") else bare, home, is_sent_as_written=True)


def may_text(policy: Policy, number: str, usage: Usage) -> Number | Refused:
    """Whether a text may be sent there. ``usage.today``: how many were sent today."""
    found = read(number, policy.home_country)
    if isinstance(found, Unreadable):
        return Refused(found.why, found.words, "number")
    if refused := _whom(policy, found, usage):
        return refused
    if usage.today >= policy.texts_per_day:
        return Refused("texts_per_day", f"Today's limit of {policy.texts_per_day:,} text messages is reached.", "you")
    return found


def cost_of(price_per_minute: Decimal, seconds: float) -> Decimal:
    """Carriers charge every minute that was begun."""
    return price_per_minute * math.ceil(seconds / 60)
