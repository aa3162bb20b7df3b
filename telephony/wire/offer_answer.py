"""Agreeing on a call's sound by offer and answer (RFC 3264), at either end, as often as the other side or we change our mind.

    they invite with an offer    ``answer(text)`` ─▶ our answer, ``agreed``
    they invite without one      ``offer()`` goes in the 200, ``accept(text)`` takes what comes in the ACK
    we invite                    ``offer()``, then ``accept(text)`` for each answer (183, 200)
    hold and back                ``offer("sendonly")`` … ``offer("sendrecv")``; theirs come through ``answer``

One sound is agreed on at a time: of an offer the first in our order of preference, so that nobody changes the coding in
mid-sentence; and the digits (telephone-event) on the same clock where they can. An offer that was refused is taken back with ``withdraw``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

from telephony.wire import codings, sdes, sdp
from telephony.wire.codings import Coding
from telephony.wire.sdes import Crypto
from telephony.wire.sdp import BadDescription, Description, Direction, Format, Section

Encryption = Literal["off", "optional", "required"]
"""``optional``: keys are offered beside plain RTP (many telephones take them) and taken where they are offered."""

PTIME_MS, MAX_PTIME_MS = 20, 60
_PLAIN = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF")
_MIRRORED: Mapping[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_NOWHERE = ("0.0.0.0", "::")  # noqa: S104
_LOWEST_PORT = 1_024
"""Below it listen the services of a machine, and no telephone."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What we bring: where we listen, what we speak (the best first), how secret it must be."""

    address: str
    port: int
    rtcp_port: int
    session: int
    """A number of the call's own, for the ``o=`` line."""
    codings: tuple[Coding, ...] = ("opus", "g722", "pcmu", "pcma")
    encryption: Encryption = "optional"


@dataclass(frozen=True, slots=True)
class Keys:
    """Ours protects what we send, theirs what we receive."""

    ours: Crypto
    theirs: Crypto


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both said yes to. ``receive`` and ``receive_events``: payload type → coding, and → clock of its durations."""

    coding: Coding
    payload_type: int
    """Of what we send."""
    receive: Mapping[int, Coding]
    events: tuple[int, int] | None
    """Payload type and clock of the digits we send; ``None``: they take none beside the sound."""
    receive_events: Mapping[int, int]
    remote: Address
    """Where their description says that our packets go. Port 0: nowhere yet."""
    remote_rtcp: Address
    has_rtcp_mux: bool
    direction: Direction
    """As we see it: ``sendonly`` is we who send."""
    ptime_ms: int = PTIME_MS
    takes_fec: bool = False
    keys: Keys | None = None

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class _Offered:
    """Our offer that nobody has answered yet."""

    direction: Direction
    formats: list[Format]
    cryptos: list[Crypto]
    is_secure_only: bool


class Negotiation:
    """One call's. ``fresh_key`` gives so many random bytes (``os.urandom``)."""

    def __init__(self, terms: Terms, fresh_key: Callable[[int], bytes]) -> None:
        self.terms = terms
        self.agreed: Agreed | None = None
        """The last that both agreed on."""
        self._fresh_key = fresh_key
        self._sections: tuple[Section, ...] = ()
        """Of our last description. A section stays in its place for good (RFC 3264, 8)."""
        self._ours = 0
        """Which of them is our sound."""
        self._numbers = codings.Numbers()
        self._keys: dict[str, Crypto] = {}
        self._pending: _Offered | None = None
        self._version = 0

    # ---- ours

    def offer(self, direction: Direction = "sendrecv") -> str:
        """An offer of all we speak. It waits for ``accept`` or ``withdraw``."""
        formats = self._numbers.offered(self.terms.codings)
        before = self._sections[self._ours].protocol if self._sections else ""
        wanted = self.terms.encryption
        is_secure_only = wanted == "required" or (before in _SECURE and wanted != "off")
        family = _SECURE if is_secure_only else _PLAIN
        cryptos = self._offered_cryptos()
        attributes = [
            *codings.attributes(formats),
            *(("crypto", sdes.write(crypto)) for crypto in cryptos),
            ("ptime", str(PTIME_MS)),
            ("rtcp", str(self.terms.rtcp_port)),
            ("rtcp-mux", ""),
            (direction, ""),
        ]
        self._pending = _Offered(direction, formats, cryptos, is_secure_only)
        section = self._section(before if before in family else family[0], formats, attributes)
        return self._written(
            [section if at == self._ours else each for at, each in enumerate(self._sections or [section])]
        )

    def accept(self, text: str | bytes) -> Agreed:
        """Their answer to our offer; a second one (200 after 183, or of another branch) replaces the first.

        Raises :class:`BadDescription`; what was agreed on before stays.
        """
        offered = self._pending
        if offered is None:
            raise BadDescription("This answers nothing: no offer of ours waits for an answer.")
        sections = sdp.parse(text).sections
        if len(sections) <= self._ours or sections[self._ours].kind != "audio":
            raise BadDescription("The answer has no audio in the place where it was offered.")
        section = sections[self._ours]
        if not section.port:
            raise BadDescription("The other side refused the audio: it answered with port 0.")
        listed = section.codings
        self.agreed = self._agree(
            section,
            listed,
            offered.direction,
            receive=codings.receivable(offered.formats, listed),
            receive_events=codings.receivable_events(offered.formats, listed),
            keys=_answered_keys(section, offered),
        )
        self._numbers.remember(offered.formats)
        return self.agreed

    def withdraw(self) -> None:
        """Our offer was refused (or their own crossed it): what was agreed on before goes on."""
        self._pending = None

    # ---- theirs

    def answer(self, text: str | bytes, direction: Direction = "sendrecv") -> str:
        """Our answer to their offer, in ``direction`` at most. Raises :class:`BadDescription` (SIP: 488), and nothing has changed."""
        description = sdp.parse(text)
        at = self._chosen(description)
        section = description.sections[at]
        listed = section.codings
        coding, sound = codings.first_of(listed, self.terms.codings)
        events = codings.events_of(listed, coding)
        formats = [sound] if events is None else [sound, events]
        keys = self._taken_keys(section)
        agreed = self._agree(
            section,
            listed,
            direction,
            receive={sound.payload_type: coding},
            receive_events={} if events is None else {events.payload_type: events.rate_hz},
            keys=keys,
        )
        attributes = [
            *codings.attributes(formats),
            *((("crypto", sdes.write(keys.ours)),) if keys is not None else ()),
            ("ptime", str(agreed.ptime_ms)),
            ("rtcp-mux", "") if agreed.has_rtcp_mux else ("rtcp", str(self.terms.rtcp_port)),
            (agreed.direction, ""),
        ]
        refused = [Section(each.kind, 0, each.protocol, each.formats) for each in description.sections]
        self._ours, self.agreed, self._pending = at, agreed, None
        self._numbers.remember(formats)
        mine = self._section(section.protocol, formats, attributes)
        return self._written([mine if place == at else each for place, each in enumerate(refused)])

    def _chosen(self, description: Description) -> int:
        """Which of their sections we take: the one with the protection we like best, then the first."""
        audio = [(at, each) for at, each in enumerate(description.sections) if each.kind == "audio" and each.port]
        if not audio:
            raise BadDescription("The offer has no audio.")
        liking, minus_at = max((self._liking(each), -at) for at, each in audio)
        if not liking:
            raise BadDescription(_why_not(description.sections[-minus_at], self.terms.encryption))
        return -minus_at

    def _liking(self, section: Section) -> int:
        """0: not at all."""
        wanted = self.terms.encryption
        has_keys = wanted != "off" and bool(sdes.parse(section.all("crypto")))
        if section.protocol in _SECURE:
            return 3 if has_keys else 0
        if section.protocol in _PLAIN:
            return 2 if has_keys else int(wanted != "required")
        return 0

    # ---- both

    def _agree(
        self,
        section: Section,
        listed: Sequence[Format],
        direction: Direction,
        *,
        receive: Mapping[int, Coding],
        receive_events: Mapping[int, int],
        keys: Keys | None,
    ) -> Agreed:
        coding, sound = codings.first_of(listed, self.terms.codings)
        events = codings.events_of(listed, coding)
        remote, remote_rtcp = _addresses(section)
        return Agreed(
            coding=coding,
            payload_type=sound.payload_type,
            receive=receive,
            events=None if events is None else (events.payload_type, events.rate_hz),
            receive_events=receive_events,
            remote=remote,
            remote_rtcp=remote_rtcp,
            has_rtcp_mux=section.first("rtcp-mux") is not None,
            direction=_met(direction, section),
            ptime_ms=_ptime_ms(section.ptime_ms, coding),
            takes_fec=codings.takes_fec(sound),
            keys=keys,
        )

    def _offered_cryptos(self) -> list[Crypto]:
        if self.terms.encryption == "off":
            return []
        suites: Sequence[str] = sdes.OFFERED
        if self.agreed is not None and self.agreed.keys is not None:
            suites = (self.agreed.keys.ours.suite,)
        return [self._our_key(suite, tag) for tag, suite in enumerate(suites, 1)]

    def _our_key(self, suite: str, tag: int) -> Crypto:
        """One key a suite and call: another would begin the encryption anew."""
        known = self._keys.get(suite)
        key = self._fresh_key(sdes.SUITES[suite]) if known is None else known.key
        self._keys[suite] = Crypto(tag, suite, key)
        return self._keys[suite]

    def _taken_keys(self, section: Section) -> Keys | None:
        theirs = [] if self.terms.encryption == "off" else sdes.parse(section.all("crypto"))
        return Keys(self._our_key(theirs[0].suite, theirs[0].tag), theirs[0]) if theirs else None

    def _section(self, protocol: str, formats: list[Format], attributes: Sequence[tuple[str, str]]) -> Section:
        numbers = tuple(str(each.payload_type) for each in formats)
        return Section("audio", self.terms.port, protocol, numbers, self.terms.address, tuple(attributes))

    def _written(self, sections: Sequence[Section]) -> str:
        self._version += tuple(sections) != self._sections
        self._sections = tuple(sections)
        return sdp.write(f"- {self.terms.session}", self._version, self.terms.address, sections)


def _answered_keys(section: Section, offered: _Offered) -> Keys | None:
    ours = {(crypto.tag, crypto.suite): crypto for crypto in offered.cryptos}
    for theirs in sdes.parse(section.all("crypto")):
        if (mine := ours.get((theirs.tag, theirs.suite))) is not None:
            return Keys(mine, theirs)
    if offered.is_secure_only or section.protocol in _SECURE:
        raise BadDescription("The answer has no key for the encrypted sound that was offered (a=crypto).")
    return None


def _addresses(section: Section) -> tuple[Address, Address]:
    """Where sound and reports go. On hold in the old way (0.0.0.0, RFC 2543) nowhere."""
    if not section.address:
        raise BadDescription("The session description names no address (c=) for the sound.")
    if section.address in _NOWHERE:
        return (section.address, 0), (section.address, 0)
    if not _is_of_one(section.address):
        raise BadDescription(f"{section.address} is no address of a single telephone.")
    if section.port < _LOWEST_PORT:
        raise BadDescription(f"Port {section.port} is none that sound is sent to.")
    host, port = section.rtcp
    return (section.address, section.port), (host or section.address, port or min(65_535, section.port + 1))


@lru_cache(maxsize=1_024)
def _is_of_one(address: str) -> bool:
    """Whether it can be a single telephone's."""
    return not ip_address(address).is_multicast and address != "255.255.255.255"


def _met(ours: Direction, section: Section) -> Direction:
    theirs = _MIRRORED[section.direction]
    sends = all(each in ("sendrecv", "sendonly") for each in (ours, theirs)) and section.address not in _NOWHERE
    receives = all(each in ("sendrecv", "recvonly") for each in (ours, theirs))
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


def _ptime_ms(wanted_ms: int, coding: Coding) -> int:
    """Opus is sent 20 ms at a time; of the others so much that a packet is whole tens of milliseconds."""
    if coding == "opus" or wanted_ms < 10 or wanted_ms % 10:
        return PTIME_MS
    return min(wanted_ms, MAX_PTIME_MS)


def _why_not(section: Section, wanted: Encryption) -> str:
    if section.protocol in _SECURE and wanted == "off":
        return "The offer wants encrypted sound (SRTP), which is switched off for this trunk."
    if section.protocol in _SECURE:
        return "The offer wants encrypted sound but brings no key we can use (a=crypto)."
    if section.protocol in _PLAIN:
        return "The offer has no key for encrypted sound (a=crypto), and the trunk requires one."
    return f"The offer's sound is “{section.protocol[:40]}”; telephones speak RTP/AVP or RTP/SAVP here."
