"""TwiML, as carriers that copied it understand it. Pure: XML in, XML out.

https://signalwire.com/docs/compatibility-api/cxml, https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs,
https://www.plivo.com/docs/voice/xml.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, fromstring, tostring


class CannotSay(ValueError):
    """A carrier has no words for something in the document; the message says for what."""


def instructions(document: str) -> list[Element]:
    return list(fromstring(document))  # noqa: S314 - it is our own


def written(instructions: list[Element]) -> str:
    response = Element("Response")
    response.extend(instructions)
    return f'<?xml version="1.0" encoding="UTF-8"?>{tostring(response, encoding="unicode")}'


def connect_then_redirect(document: str, stream: Mapping[str, str] | None = None) -> str:
    """For carriers whose ``<Connect>`` has no ``action``: what follows it is done when the stream is over, so ``<Redirect>`` asks
    what comes next. ``stream``: what their ``<Stream>`` needs besides."""
    said = []
    for each in instructions(document):
        said.append(each)
        if each.tag != "Connect":
            continue
        if [inside.tag for inside in each] != ["Stream"]:
            raise CannotSay(f"There is no <{each[0].tag}>.")
        each[0].attrib.update(stream or {})
        action, _ = each.attrib.pop("action"), each.attrib.pop("method", None)
        redirect = Element("Redirect", method="POST")
        redirect.text = action
        said.append(redirect)
    return written(said)


_DIAL = ("action", "method", "callerId", "timeout", "timeLimit")


def texml(document: str) -> str:
    """As Telnyx is told it. Its plain voices speak American only: ``alice`` has the language. ``<Record>`` is not said (yet)."""
    said = connect_then_redirect(
        document, {"track": "inbound_track", "codec": "PCMU", "bidirectionalMode": "rtp", "bidirectionalCodec": "PCMU"}
    )
    told = instructions(said)
    for each in told:
        match each.tag:
            case "Say":
                each.attrib["voice"] = "alice"
            case "Dial":
                each.attrib = {name: value for name, value in each.attrib.items() if name in _DIAL}
            case "Connect" | "Redirect" | "Hangup" | "Reject" | "Pause":
                pass
            case other:
                raise CannotSay(f"Parley has no words for <{other}> there.")
    return written(told)


def plivo_xml(document: str) -> str:
    """As Plivo is told it: its own names for the same instructions."""
    told = []
    for each in instructions(connect_then_redirect(document)):
        match each.tag:
            case "Connect":
                stream = Element(
                    "Stream", bidirectional="true", keepCallAlive="true", contentType="audio/x-mulaw;rate=8000"
                )
                stream.text = each[0].attrib["url"]
                told.append(stream)
            case "Say":
                speak = Element("Speak", each.attrib)
                speak.text = each.text
                told.append(speak)
            case "Dial":
                dial = Element("Dial", {name: value for name, value in each.attrib.items() if name in _DIAL})
                for whom in each:
                    to = Element("User" if whom.tag == "Sip" else "Number")
                    to.text = whom.text
                    dial.append(to)
                told.append(dial)
            case "Reject":
                told.append(Element("Hangup", reason=each.attrib.get("reason", "rejected")))
            case "Pause":
                told.append(Element("Wait", each.attrib))
            case "Redirect" | "Hangup":
                told.append(each)
            case other:
                raise CannotSay(f"Parley has no words for <{other}> there.")
    return written(told)
