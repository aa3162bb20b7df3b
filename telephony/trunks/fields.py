"""What members say about a trunk. Declared once; the form, the API and the row follow. No I/O."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from agents.settings import Settings, hint
from telephony.sip import uri
from telephony.trunks.presets import PRESETS

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
WIDEST_V4, WIDEST_V6 = 16, 32
"""The largest networks that are believed without a password, as lengths of their beginnings."""


def _host(text: str) -> str:
    """A name or an address, without what people copy along."""
    text = re.sub(r"^sips?:(//)?", "", text.strip(), flags=re.IGNORECASE).rstrip("/").removesuffix(".")
    if not text:
        return ""
    if "…" in text:
        raise ValueError("Put what your provider calls your own part in the place of the dots.")
    bare = text.strip("[]")
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    if re.fullmatch(r"[^:]+:\d+", text):
        raise ValueError("Write the host alone here, and the port beside it.")
    if len(text) > 253 or not all(_LABEL.fullmatch(part) for part in text.split(".")):
        raise ValueError("This is no host. Write it as sip.example.com, or as an address such as 192.168.1.10.")
    return text.lower()


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise ValueError(
            f"{text.strip()} is no network. Write 203.0.113.7, or 203.0.113.0/24 for a whole one."
        ) from None


def _user(text: str) -> str:
    text = text.strip()
    if text and not uri.is_plain_user(text):
        raise ValueError("There is a sign in it that no user name has. It is only what stands before the @.")
    return text


def _caller(text: str) -> str:
    text = re.sub(r"[\s()./-]+", "", text) if re.fullmatch(r"[\d\s()+./-]*", text) else text.strip()
    return _user(text)


def _preset(text: str) -> str:
    if text and text not in PRESETS:
        raise ValueError(f"There is no preset of this name. There are: {', '.join(PRESETS)}.")
    return text


def _lines(value: object) -> object:
    """A form gives one text with a line for each."""
    return [part for part in re.split(r"[\s,]+", value) if part] if isinstance(value, str) else value


def _codecs(value: object) -> object:
    """As people write them: "G.722"."""
    found = _lines(value)
    return (
        [part.lower().replace(".", "") if isinstance(part, str) else part for part in found]
        if isinstance(found, list | tuple)
        else found
    )


_Stripped = Annotated[str, StringConstraints(strip_whitespace=True)]
Host = Annotated[str, AfterValidator(_host)]
NetworkText = Annotated[str, AfterValidator(_network)]
User = Annotated[str, AfterValidator(_user)]
Codec = Literal["opus", "g722", "pcmu", "pcma"]


class TrunkFields(Settings):
    """A SIP trunk: somebody's provider or telephone system, and how you are known there."""

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] = Field(
        title="Name", description="What you call it.", examples=["Office"]
    )
    preset: Annotated[str, AfterValidator(_preset)] = Field(
        "",
        title="Provider",
        description="Which preset the fields were filled from; empty: none.",
        max_length=40,
        json_schema_extra=hint(widget="hidden"),
    )
    host: Host = Field(
        "",
        title="Host",
        max_length=260,
        description="Your provider's or telephone system's domain or address. Empty only where it calls you and you never call it.",
        json_schema_extra=hint(placeholder="sip.example.com"),
    )
    proxy: Host = Field(
        "",
        title="Outbound proxy",
        max_length=260,
        description="Only where your provider tells you one: messages go there instead of to the host.",
    )
    port: int = Field(
        0, ge=0, le=65_535, title="Port", description="0: what the host's DNS says (SRV), else 5060, or 5061 with TLS."
    )
    transport: Literal["udp", "tcp", "tls"] = Field(
        "udp",
        title="Transport",
        description="How SIP messages travel. TLS is encrypted; use it where they offer it.",
        json_schema_extra=hint(labels={"udp": "UDP", "tcp": "TCP", "tls": "TLS"}),
    )
    username: User = Field("", max_length=120, title="User name", description="Who you are there: often a number.")
    auth_user: _Stripped = Field(
        "",
        max_length=120,
        title="Signs in as",
        description="Where the name to sign in with is another than the user name.",
    )
    realm: _Stripped = Field(
        "",
        max_length=253,
        title="Realm",
        description="Only where your provider names one: no other is told the proof of your password.",
    )
    registers: bool = Field(
        False,
        title="Register",
        description="Tell them where we are, again and again, so that they can lead calls here. Off: they know this server's address.",
    )
    sources: Annotated[tuple[NetworkText, ...], BeforeValidator(_lines)] = Field(
        (),
        max_length=100,
        title="Its addresses",
        description="Where its calls come from, one address or network a line. Empty: the addresses that the host stands for.",
        json_schema_extra=hint(widget="lines", placeholder="203.0.113.0/24"),
    )
    asks_password: bool = Field(
        False,
        title="Callers sign in",
        description="Who calls over it must prove the user name and the password. Without a host it is a telephone: it may register here, and "
        "agents can put callers through to it.",
    )
    transfer_hosts: Annotated[tuple[Host, ...], BeforeValidator(_lines)] = Field(
        (),
        max_length=50,
        title="May send on to",
        description="Other hosts that it may send your calls on to. Its own is allowed always.",
        json_schema_extra=hint(widget="lines"),
    )
    puts_through: Literal["ask", "call"] = Field(
        "ask",
        title="Put callers through",
        description="Of agents, and of numbers that put their callers through to another. Ask: the trunk is asked to call them (REFER); where "
        "it doesn't do that, Parley calls them and stays in the middle. Call: Parley always does.",
        json_schema_extra=hint(
            labels={"ask": "Ask the trunk, else call them", "call": "Always call them and stay in the middle"}
        ),
    )
    may_transfer: bool = Field(
        False,
        title="May put its calls through",
        description="The other side of a call may ask Parley to call somebody else, and the agent goes on there (REFER): on its own host or one that "
        "it may send on to. For a telephone that registers here: your other telephones, and numbers. Your limits hold for each such call.",
    )
    srtp: Literal["off", "optional", "mandatory"] = Field(
        "optional",
        title="Encrypt sound (SRTP)",
        description="optional: where the other side can. mandatory: calls without it are refused.",
        json_schema_extra=hint(
            labels={"off": "Never", "optional": "Where they can (optional)", "mandatory": "Always (mandatory)"}
        ),
    )
    codecs: Annotated[tuple[Codec, ...], BeforeValidator(_codecs)] = Field(
        (),
        max_length=4,
        title="Codecs",
        description="One a line, the best first. Empty: Opus, G.722, PCMU, PCMA.",
        json_schema_extra=hint(widget="lines", placeholder="g722"),
    )
    caller_id: Annotated[str, AfterValidator(_caller)] = Field(
        "",
        max_length=40,
        title="Calls as",
        description="The number that people see when an agent calls over it. Empty: the number that is called from.",
    )

    @model_validator(mode="after")
    def _fits(self) -> TrunkFields:
        if not self.host and (self.registers or self.proxy or not self.sources):
            raise ValueError("A host is needed, unless the trunk only calls you: then say from which addresses.")
        if self.registers and not self.username:
            raise ValueError("To register, a user name is needed.")
        if self.asks_password and not self.username:
            raise ValueError("Where callers sign in, a user name is needed.")
        if len(set(self.codecs)) != len(self.codecs):
            raise ValueError("A codec is named twice.")
        for text in self.sources:
            network = ip_network(text)
            widest = WIDEST_V4 if network.version == 4 else WIDEST_V6
            if network.prefixlen < widest and not self.asks_password:
                raise ValueError(
                    f"{text} is a large part of the world. Name the addresses that calls come from, or let callers sign in."
                )
        return self
