"""What is known of common SIP providers and telephone systems: what a trunk to one of them is filled in with. Pure.

Each was read off its maker's public instructions and can change there; none was called from here. Everything can be changed in the
trunk. Where ``sources`` is empty, the addresses that the host stands for are the ones calls come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["provider", "pbx"]


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    name: str
    kind: Kind
    host: str
    """"": the person knows it (their own telephone system); "…" in it stands for a part that is theirs."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    port: int = 0
    registers: bool = True
    srtp: Literal["off", "optional", "mandatory"] = "optional"
    codecs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    asks_password: bool = False
    hint: str = ""
    """What to do at their end, in a sentence or two."""
    asks: tuple[str, ...] = ("host", "username", "registers")
    """The fields that a person looks at beside the name. A password goes with the user name; the others are right as they are filled."""

    def filled(self) -> dict[str, Any]:
        """The fields of a trunk to there, as far as they are known."""
        return {
            "label": self.name,
            "preset": self.key,
            "host": self.host,
            "transport": self.transport,
            "port": self.port,
            "registers": self.registers,
            "srtp": self.srtp,
            "codecs": list(self.codecs),
            "sources": list(self.sources),
            "asks_password": self.asks_password,
        }


OWN: tuple[str, ...] = ("host", "username", "registers", "sources")
"""What is asked of who has none of these."""


_ALL = (
    Preset(
        "twilio",
        "Twilio Elastic SIP",
        "provider",
        "….pstn.twilio.com",
        registers=False,
        codecs=("pcmu", "pcma"),
        sources=(
            "54.172.60.0/30", "54.244.51.0/30", "54.171.127.192/30", "35.156.191.128/30", "54.65.63.192/30", "54.169.127.128/30",
            "54.252.254.64/30", "177.71.206.192/30", "168.86.128.0/18",
        ),
        asks=("host", "username"),
        hint="In Twilio's console, under Elastic SIP Trunking: put this server's address under Origination, and a credential list under "
        "Termination; the host is the Termination SIP URI.",
    ),
    Preset(
        "telnyx",
        "Telnyx",
        "provider",
        "sip.telnyx.com",
        hint="Make a SIP connection of the kind Credentials, and put your numbers on it. User name and password are the connection's.",
    ),
    Preset(
        "bandwidth",
        "Bandwidth",
        "provider",
        "",
        registers=False,
        asks=("host", "sources"),
        hint="Bandwidth knows you by this server's address: list it under your location's hosts. The host and the addresses of its calls are "
        "told there.",
    ),
    Preset(
        "vonage",
        "Vonage",
        "provider",
        "sip.nexmo.com",
        registers=False,
        asks=("host", "username"),
        hint="User name and password are the API key and secret. Lead your numbers to this server's address (Forward to: SIP).",
    ),
    Preset(
        "plivo",
        "Plivo Zentrunk",
        "provider",
        "….zt.plivo.com",
        registers=False,
        asks=("host", "username"),
        hint="Under Zentrunk make an outbound trunk with a credential list, and an inbound trunk that leads to this server's address.",
    ),
    Preset(
        "voipms",
        "VoIP.ms",
        "provider",
        "….voip.ms",
        hint="Choose the server near you (such as newyork1.voip.ms) and set your numbers to the same. The user name is the account or a "
        "sub-account.",
    ),
    Preset(
        "zadarma", "Zadarma", "provider", "sip.zadarma.com", hint="User name and password are those of a SIP number in your account."
    ),
    Preset(
        "sipgate", "sipgate", "provider", "sipgate.de", hint="The SIP ID (such as 1234567e0) is the user name, its SIP password the password."
    ),
    Preset(
        "easybell", "easybell", "provider", "sip.easybell.de", hint="User name and password are those of the SIP trunk or connection."
    ),
    Preset(
        "ovh", "OVHcloud", "provider", "sip.ovh.fr", hint="The user name is the number in OVH's own form (such as 0033123456789)."
    ),
    Preset(
        "didww",
        "DIDWW",
        "provider",
        "",
        registers=False,
        asks=("host", "sources"),
        hint="Make an inbound SIP trunk that leads to this server's address. The addresses of its calls are listed in DIDWW's instructions.",
    ),
    Preset(
        "asterisk",
        "Asterisk or FreePBX",
        "pbx",
        "",
        hint="Make an extension (PJSIP) for the agent; its number is the user name, its secret the password. Callers then dial the extension.",
    ),
    Preset(
        "freeswitch",
        "FreeSWITCH or FusionPBX",
        "pbx",
        "",
        hint="Make an extension for the agent; its number is the user name, its password the password.",
    ),
    Preset(
        "3cx",
        "3CX",
        "pbx",
        "",
        asks=("host", "username", "auth_user", "registers"),
        hint="Make an extension with a deskphone (SIP); the authentication ID is “signs in as”, the extension's number the user name.",
    ),
    Preset(
        "fritzbox",
        "FRITZ!Box",
        "pbx",
        "fritz.box",
        codecs=("g722", "pcma", "pcmu"),
        srtp="off",
        hint="Under Telephony devices add a telephone (LAN/WLAN, IP telephone), choose a user name and a password, and say which numbers ring it.",
    ),
    Preset(
        "phone",
        "A telephone that signs in",
        "pbx",
        "",
        registers=False,
        sources=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        asks_password=True,
        asks=("username", "sources"),
        hint="Make up a user name and a password and type the same into the telephone, with this server as its registrar (SIP server). It is in "
        "your own network as this is filled in; anywhere is 0.0.0.0/0 and ::/0. Agents put callers through to it by the address that stands on "
        "the trunk's page.",
    ),
)  # fmt: skip
PRESETS: dict[str, Preset] = {preset.key: preset for preset in _ALL}
