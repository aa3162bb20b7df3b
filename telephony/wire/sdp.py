"""Session descriptions (SDP, RFC 8866) of telephones, read and written: which sound, where to, under which numbers.

Reading is lenient where it does no harm (a line feed alone, unknown fields, a missing ``s=``), linear and capped. What can't be
used raises ``BadDescription`` with a sentence for whoever looks after the trunk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

MAX_BYTES = 64 * 1024
MAX_LINES = 1_000
MAX_SECTIONS = 16
MAX_FORMATS = 64

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
STATIC = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000", 18: "G729/8000", 3: "GSM/8000", 4: "G723/8000"}
"""Numbers that need no ``a=rtpmap`` (RFC 3551, 6), as far as telephones use them."""


class BadDescription(ValueError):
    """The description can't be used; the message says why, in plain words."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to code sound: ``name`` in lower case, ``rate_hz`` of RTP's clock, ``parameters`` from its ``a=fmtp``."""

    payload_type: int
    name: str
    rate_hz: int
    parameters: str = ""


_USUAL_PTIME_MS = 20


@dataclass(frozen=True, slots=True)
class Section:
    """One ``m=`` line and what belongs to it. ``formats`` as they stand there, ``port`` 0 where it is refused."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str = ""
    """Of its own ``c=`` line or the session's; "" where neither is."""
    attributes: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.attributes if each == name]

    def first(self, name: str) -> str | None:
        return next((value for each, value in self.attributes if each == name), None)

    @property
    def direction(self) -> Direction:
        """As its author sees it: ``sendonly`` is they who send."""
        return next((each for each in DIRECTIONS if self.first(each) is not None), "sendrecv")

    @property
    def ptime_ms(self) -> int:
        """How much sound they want in a packet, within what they can take; 0 where they don't say."""
        wanted, most = _number(self.first("ptime")), _number(self.first("maxptime"))
        if not wanted:  # the most they take is not what they want
            return most if most < _USUAL_PTIME_MS else 0
        return min(wanted, most or wanted)

    @property
    def rtcp(self) -> tuple[str, int]:
        """Where their ``a=rtcp`` (RFC 3605) says that reports go: address ("" for the section's) and port (0: the next one)."""
        words = (self.first("rtcp") or "").split()
        port = _number(words[0]) if words else 0
        return (_host(words[3]) if len(words) > 3 else ""), port if port < 65_536 else 0

    @property
    def codings(self) -> list[Format]:
        """Its formats in their order, those without a known coding left out."""
        return list(_codings(self.formats, tuple(self.all("rtpmap")), tuple(self.all("fmtp"))))


@dataclass(frozen=True, slots=True)
class Description:
    """``origin`` without its version: who made it, for this call."""

    origin: str
    version: int
    sections: tuple[Section, ...]


# ---- in


def parse(text: str | bytes) -> Description:
    """Raises :class:`BadDescription`."""
    if isinstance(text, bytes):
        text = text[: MAX_BYTES + 1].decode("utf-8", "replace")
    if len(text) > MAX_BYTES:
        raise BadDescription("The session description is longer than 64 KiB.")
    lines = [line.rstrip("\r") for line in text.strip("\r\n").split("\n")]
    if len(lines) > MAX_LINES:
        raise BadDescription(f"The session description has more than {MAX_LINES} lines.")
    if lines[0].strip() != "v=0":
        raise BadDescription("This is no session description: it doesn't begin with v=0.")
    fields = [(line[0], line[2:].strip()) for line in lines if len(line) > 2 and line[1] == "="]
    starts = [at for at, (key, _) in enumerate(fields) if key == "m"]
    if not starts:
        raise BadDescription("The session description offers no media: it has no m= line.")
    if len(starts) > MAX_SECTIONS:
        raise BadDescription(f"The session description has more than {MAX_SECTIONS} media sections.")
    head = fields[: starts[0]]
    origin, version = _origin(next((value for key, value in head if key == "o"), ""))
    ends = [*starts[1:], len(fields)]
    sections = [_section(fields[begin:end], head) for begin, end in zip(starts, ends, strict=True)]
    return Description(origin, version, tuple(sections))


def _origin(value: str) -> tuple[str, int]:
    words = value.split()
    if len(words) < 3:
        return value, 0
    return " ".join((*words[:2], *words[3:])), _number(words[2])


def _section(fields: list[tuple[str, str]], head: list[tuple[str, str]]) -> Section:
    words = fields[0][1].split()
    if len(words) < 3:
        raise BadDescription(f"A media line is not complete: “m={fields[0][1][:60]}”.")
    port = _number(words[1].partition("/")[0], -1)
    if not 0 <= port < 65_536:
        raise BadDescription(f"“{words[1][:20]}” is no port.")
    if len(words) - 3 > MAX_FORMATS:
        raise BadDescription(f"A media line has more than {MAX_FORMATS} formats.")
    connection = next((value for key, value in (*fields, *head) if key == "c"), "")
    own = _attributes(fields)
    names = {name for name, _ in own}
    # Direction, times and keys may stand once for all sections (RFC 8866, 6.7); a section's own word is the last.
    has_direction = bool(names & set(DIRECTIONS))
    inherited = [
        (name, value)
        for name, value in _attributes(head)
        if name not in names and not (has_direction and name in DIRECTIONS)
    ]
    address = _connection(connection) if port and words[0] == "audio" else ""
    return Section(words[0].lower(), port, words[2].upper(), tuple(words[3:]), address, (*own, *inherited))


def _attributes(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [_attribute(value) for key, value in fields if key == "a"]


@lru_cache(maxsize=256)
def _attribute(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _connection(value: str) -> str:
    words = value.split()
    if not words:
        return ""
    if len(words) < 3 or words[0].upper() != "IN" or words[1].upper() not in ("IP4", "IP6"):
        raise BadDescription(f"“c={value[:60]}” names no internet address.")
    host = _host(words[2])
    if not host:
        raise BadDescription(f"“{words[2][:60]}” is no address. Names are not looked up here: send an address.")
    return host


@lru_cache(maxsize=1_024)
def _host(text: str) -> str:
    """The address as we write it, or "" where it is none; a multicast one's "/127" is left out."""
    try:
        return str(ip_address(text.partition("/")[0]))
    except ValueError:
        return ""


def _number(text: str | None, otherwise: int = 0) -> int:
    if text is None:
        return otherwise
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else otherwise


@lru_cache(maxsize=64)
def _codings(numbers: tuple[str, ...], maps: tuple[str, ...], parameters: tuple[str, ...]) -> tuple[Format, ...]:
    """Of a section. A telephone system lists the same ones in each call."""
    named, further = _numbered(maps), _numbered(parameters)
    read: list[Format] = []
    for text in numbers:
        number = _number(text, -1)
        name, _, rest = (named.get(number) or STATIC.get(number, "")).partition("/")
        rate_hz = _number(rest.partition("/")[0])
        if 0 <= number < 128 and name and rate_hz:
            read.append(Format(number, name.strip().lower(), rate_hz, further.get(number, "")))
    return tuple(read)


def _numbered(values: Iterable[str]) -> dict[int, str]:
    """“96 opus/48000/2” → 96: "opus/48000/2". Of two with the same number the first counts."""
    found: dict[int, str] = {}
    for value in values:
        words = value.split(None, 1)
        if len(words) == 2:
            found.setdefault(_number(words[0], -1), words[1])
    return found


# ---- out


def write(origin: str, version: int, address: str, sections: Iterable[Section]) -> str:
    """``origin``: user and number of the session, as in "- 4711"; each section's own address is written where it has one."""
    lines = ["v=0", f"o={origin} {version} {_in(address)}", "s=-", f"c={_in(address)}", "t=0 0"]
    for section in sections:
        lines.append(f"m={section.kind} {section.port} {section.protocol} {' '.join(section.formats) or '0'}")
        if section.address and section.address != address:
            lines.append(f"c={_in(section.address)}")
        lines += [f"a={name}:{value}" if value else f"a={name}" for name, value in section.attributes]
    return "\r\n".join(lines) + "\r\n"


def _in(address: str) -> str:
    return f"IN IP{6 if ':' in address else 4} {address}"
