"""What Parley asks of a telephone company, whichever it is. Each is a file beside this one, listed in ``registry``.

What shall be done with a call is TwiML (``telephony.wire.twiml``) in all of Parley, and what a carrier asks and tells has the names
of Twilio's form fields: ``spoken`` and ``form`` translate for those that speak otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from telephony.carriers import CarrierCall, CarrierError, CarrierNumber
from telephony.dialing.gate import Permit
from telephony.wire.streams import Wire

LONGEST_VALUE = 4_000
"""Letters of one value that a carrier tells: the longest is what a text says, 1,600 at most."""
Able = Literal["words", "machines", "voicemail"]
"""What not every carrier does for Parley; ``words``: it hears and speaks itself. Where one doesn't listen for ``machines`` or take
messages (``voicemail``), a call worker does."""
LACKS: dict[Able, str] = {
    "words": "{carrier} doesn't hear and speak for an agent here: choose Parley. Only Twilio does (ConversationRelay).",
}
"""What nobody does there, in words; the rest is done here."""


@dataclass(frozen=True, slots=True)
class LoginField:
    """Something that a person copies from the carrier's pages to connect an account."""

    name: str
    title: str
    help: str
    placeholder: str = ""
    is_secret: bool = False

    @property
    def word(self) -> str:
        """As it stands within a sentence."""
        return self.title if self.title[1].isupper() else self.title[0].lower() + self.title[1:]


@dataclass(frozen=True, slots=True)
class Login:
    """An account, and how to get into it."""

    sid: str
    """What the carrier calls the account."""
    secret: str
    address: str
    """Where the secret is sent, and nowhere else."""
    signing: str = ""
    """The secret that webhooks are signed with, where it is another. It is sent nowhere."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What is no secret and belongs to the account."""


class WrongLogin(Exception):
    """What was typed can't be an account; the message says what to give."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A carrier's request to one of our pages. ``url``: as the carrier was told it."""

    url: str
    headers: Mapping[str, str]
    form: Mapping[str, Sequence[str]]
    body: bytes

    def one(self, name: str) -> str:
        values = self.form.get(name)
        return values[-1][:LONGEST_VALUE] if values else ""


class AtCarrier(Protocol):
    """One account at its carrier. Every method raises :class:`CarrierError`."""

    sid: str
    """What the carrier calls it; where only the carrier knows, it is right after :meth:`name`."""

    async def name(self) -> str:
        """What the account is called. Raises where nobody can call with it."""

    async def numbers(self) -> list[CarrierNumber]: ...

    async def lead(self, number_sid: str, voice_url: str, status_url: str, text_url: str = "") -> dict[str, str]:
        """Let calls of this number come to ``voice_url``, and texts, where it can have any, to ``text_url``. Returns what to give
        :meth:`put_back`, its ``voice_url`` and ``sms_url`` being ours where they came here already. What is of texts alone has a
        name that begins with ``sms_``."""

    async def put_back(self, number_sid: str, before: Mapping[str, str], only_if: str, texts_only_if: str = "") -> bool:
        """As it was; texts, too, where they come to ``texts_only_if`` still. False: its calls were led elsewhere than ``only_if``
        meanwhile, or it is gone, and they were left alone."""

    async def call(
        self, to: str, from_: str, url: str, status_url: str, *, detect_machine: bool, until_beep: bool = False,
        ring_seconds: int,
    ) -> str:  # fmt: skip
        """Ring ``to``; who picks up is asked about at ``url``. ``detect_machine``: only where the carrier is ``able``. Returns the call's
        id."""

    async def placed(self, to: str, from_: str) -> list[CarrierCall]: ...

    async def look_up(self, call_sid: str) -> CarrierCall: ...

    async def hang_up(self, call_sid: str) -> None: ...

    async def transfer_out(self, permit: Permit, call_sid: str, document: str, page: str) -> None:
        """The live call goes on with ``document``, which dials whom ``permit`` lets; its stream to us ends. ``page``: of ours, which
        answers with it: for carriers that are given an address."""

    async def recording(self, recording_sid: str, most_bytes: int) -> bytes: ...

    async def forget_recording(self, recording_sid: str) -> None: ...

    async def send_text(self, to: str, from_: str, text: str, status_url: str = "") -> str:
        """An SMS. What becomes of it is told to ``status_url``. Returns the message's id."""


class Carrier(Protocol):
    """A telephone company."""

    key: str
    title: str
    login: tuple[LoginField, ...]
    able: frozenset[Able]
    takes_documents: bool
    """A running call is given what it shall do; otherwise the address of a page that says it."""
    wire: Wire
    """How its streams speak."""
    stopped: int
    """Its code where the other side has texted STOP to this number before."""

    def read(self, given: Mapping[str, str]) -> Login:
        """What a person typed, field by field. Raises :class:`WrongLogin`."""

    def address(self, details: Mapping[str, str]) -> str:
        """Of its REST API, for an account with these details."""

    def at(self, login: Login) -> AtCarrier: ...

    def is_theirs(self, asked: Asked, login: Login, now_s: float) -> bool:
        """Whether this account of the carrier's sent the request. ``now_s``: Unix time."""

    def once(self, asked: Asked) -> str:
        """What comes with one request alone, where the signature doesn't cover what the request says; "": it does."""

    def form(self, asked: Asked) -> dict[str, str]:
        """What was asked or told, as Twilio names it."""

    def spoken(self, document: str) -> str:
        """This TwiML, as the carrier is told it. Raises :class:`CarrierError` for what it has no words for."""


class Lacking:
    """An account at a carrier that is asked for less; each of these is refused in plain words."""

    title = ""

    async def recording(self, recording_sid: str, most_bytes: int) -> bytes:
        raise self._has_none()

    async def forget_recording(self, recording_sid: str) -> None:
        raise self._has_none()

    def _has_none(self) -> CarrierError:
        return CarrierError(f"{self.title} has no recordings of Parley's: a call worker takes the messages.")


def lack(carrier: Carrier, able: Able) -> str:
    """Why this isn't done there; "": it is."""
    return "" if able in carrier.able or able not in LACKS else LACKS[able].format(carrier=carrier.title)


def field_of(given: Mapping[str, str], wanted: LoginField, longest: int = 200) -> str:
    """What was typed there. Raises :class:`WrongLogin` where nothing was, or far too much."""
    value = given.get(wanted.name, "").strip()
    if not value or len(value) > longest:
        raise WrongLogin(f"Give the {wanted.word}. {wanted.help}")
    return value
