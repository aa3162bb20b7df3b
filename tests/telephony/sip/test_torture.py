"""The messages of RFC 4475 (49) and RFC 5118 (12, in 10 sections), byte for byte, each with what becomes of it here.

Written down from the RFCs, whose hard-to-print bytes they give in hexadecimal. RFC 5118 prints three bodies with a Content-Length
that isn't theirs; they are kept so. An OPTIONS after each shows that we are still well.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from telephony.sip import headers as values
from telephony.sip import uri
from telephony.sip.checks import check_request, check_response
from telephony.sip.events import CallReceived
from telephony.sip.message import Request, Response, parse
from telephony.sip.scan import BadMessage
from telephony.sip.stream import BadStream, StreamReader
from tests.telephony.sip.far import Far, a_trunk

DATA = Path(__file__).parents[2] / "data" / "sip"

CALL, DROPPED = "a call", "dropped"
OUTCOMES: dict[str, object] = {
    # RFC 4475, 3.1.1: valid
    "wsinv": 481,  # well-formed, but its To has a tag: it belongs to a dialog that isn't here
    "intmeth": 501,
    "esc01": CALL,
    "escnull": 405,  # read, and refused as any REGISTER: we are no registrar
    "esc02": 501,  # RE%47IST%45R is not REGISTER
    "lwsdisp": 200,
    "longreq": CALL,
    "dblreq": 405,  # the REGISTER; the INVITE behind it in the datagram is nobody's
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "unreason": DROPPED,  # nobody asked for that answer
    "noreason": DROPPED,
    # 3.1.2: invalid
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": DROPPED,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 200,  # blanks at the end of the line are passed over, as the RFC allows
    "escruri": 400,
    "baddate": CALL,  # the Date is nothing to us
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 400,
    "bigcode": DROPPED,
    # 3.2: transaction layer
    "badbranch": 200,
    # 3.3: application layer
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 405,
    "bext01": 420,
    "invut": 415,
    "regaut01": 405,
    "multi01": 400,
    "mcl01": 400,
    "bcast": DROPPED,
    "zeromf": 200,  # we are no proxy: it has arrived
    "cparam01": 405,
    "cparam02": 405,
    "regescrt": 405,
    "sdp01": 406,
    # 3.4: of the time before RFC 3261
    "inv2543": CALL,
    # RFC 5118
    "ipv6-good": 405,
    "ipv6-bad": 400,
    "port-ambiguous": 405,
    "port-unambiguous": 405,
    "via-received-param-with-delim": 481,
    "via-received-param-no-delim": 200,
    "ipv6-in-sdp": 400,  # says 268 bytes, has 251
    "mult-ip-in-header": 481,
    "mult-ip-in-sdp": CALL,  # says 181 bytes, has 189
    "ipv4-mapped-ipv6": CALL,  # says 236 bytes, has 245
    "ipv6-bug-abnf-3-colons": 200,
    "ipv6-correct-abnf-2-colons": 200,
}


def packet(name: str) -> bytes:
    return (DATA / f"{name}.dat").read_bytes()


def message(name: str) -> Any:
    return parse(packet(name))


def test_all_are_here() -> None:
    assert {path.stem for path in DATA.glob("*.dat")} == set(OUTCOMES)
    assert len(OUTCOMES) == 49 + 12


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_has_its_outcome(name: str) -> None:
    far = Far(a_trunk(networks=(ip_network("0.0.0.0/0"),)))
    sent = far.says(packet(name))
    match OUTCOMES[name]:
        case "dropped":
            assert sent == []
        case "a call":
            assert [type(each) for each in sent] == [Response, CallReceived]
        case status:
            assert [each.status for each in sent] == [status]
            assert sent[0].headers.lines("via") or name == "insuf"
    well = far.says(far.request("OPTIONS", branch="z9hG4bKwell", call_id="well"))
    assert [each.status for each in well] == [200]


@pytest.mark.parametrize("name", OUTCOMES)
def test_on_a_stream_each_is_framed_or_the_connection_is_closed(name: str) -> None:
    data = packet(name)
    reader = StreamReader()
    try:
        pieces = [piece for at in range(len(data)) for piece in reader.feed(data[at : at + 1])]
    except BadStream:
        assert name in ("inv2543", "mcl01", "ncl", "dblreq")  # none tells its length; dblreq's second tells it wrong
        return
    if name in ("clerr", "ipv6-in-sdp"):
        assert pieces == []  # still waiting for the rest
    else:
        assert data.startswith(pieces[0])


def test_the_short_tortuous_invite_is_read_to_its_last_blank() -> None:
    invite = message("wsinv")
    check_request(invite)
    headers = invite.headers
    assert (headers.to.tag, str(headers.to.uri)) == ("1918181833n", "sip:vivekg@chair-dnrc.example.com")
    assert (headers.from_.display, headers.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert headers.first("max-forwards") == "0068"
    assert (headers.cseq.number, headers.cseq.method) == (9, "INVITE")
    vias = [values.via(text) for text in headers.values("via")]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert headers.lines("subject") == [""]
    assert headers.first("newfangledheader") == "newfangled value continued newfangled value"
    assert headers.first("unknownheaderwithunusualvalue") == ";;,,;;,;"
    [contact] = headers.addresses("contact")
    assert contact.display == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert uri.parse(invite.uri).params == {"unknownparam": ""}
    assert len(invite.body) == 150


def test_the_wide_range_of_characters_is_kept() -> None:
    found = message("intmeth")
    check_request(found)
    target = uri.parse(found.uri)
    assert target.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert target.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert (target.host, target.params) == ("example.com", {})
    assert found.headers.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert found.headers.from_.display == "token1~` token2'+_ token3*%!.-"
    assert found.headers.from_.params["fromparam''~+*_!.-%"] == '"работающий"'
    assert found.headers.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert found.encode() == packet("intmeth").replace(b"~:\xef", b"~: \xef")


def test_escapes_are_undone_in_the_user_and_nowhere_else() -> None:
    found = message("esc01")
    assert uri.parse(found.uri).user == "sips:user@example.com"
    assert found.headers.to.uri.user == "user"
    assert found.headers.from_.uri.user == "I have spaces"
    [contact] = found.headers.addresses("contact")
    assert contact.uri.user == "caller"
    assert contact.uri.params == {"%6c%72": "", "n%61me": "v%61lue%25%34%31"}
    assert [address.uri.user for address in message("escnull").headers.addresses("contact")] == ["\0", "\0\0"]
    assert uri.parse(message("semiuri").uri).user == "user;par=u@example.net"


def test_a_parameter_belongs_to_the_header_or_to_the_address() -> None:
    [header] = message("cparam01").headers.addresses("contact")
    [address] = message("cparam02").headers.addresses("contact")
    assert (header.params, header.uri.params) == ({"unknownparam": ""}, {})
    assert (address.params, address.uri.params) == ({}, {"unknownparam": ""})
    [escaped] = message("regescrt").headers.addresses("contact")
    assert escaped.uri.headers == "Route=%3Csip:sip.example.com%3E"


@pytest.mark.parametrize("name", ["unreason", "noreason"])
def test_a_strange_reason_is_no_reason_to_refuse(name: str) -> None:
    found = message(name)
    assert isinstance(found, Response)
    check_response(found)
    assert found.reason == ("" if name == "noreason" else "= 2**3 * 5**2 но сто девяносто девять - простое")


def test_the_signed_body_is_kept_to_the_bit() -> None:
    found = message("mpart01")
    assert len(found.body) == 553
    assert found.body.count(b"--7a9cbec02ceef655") == 3
    assert found.body in packet("mpart01")


def test_addresses_of_the_sixth_version() -> None:
    assert uri.parse(message("port-ambiguous").uri).host == "[2001:db8::10:5070]"
    assert uri.parse(message("port-ambiguous").uri).port is None
    assert uri.parse(message("port-unambiguous").uri).port == 5070
    assert uri.parse(message("ipv6-bug-abnf-3-colons").uri) == uri.parse(message("ipv6-correct-abnf-2-colons").uri)
    assert message("via-received-param-with-delim").headers.via.params["received"] == "[2001:db8::9:255]"
    assert message("via-received-param-no-delim").headers.via.params["received"] == "2001:db8::9:255"
    vias = [values.via(text) for text in message("mult-ip-in-header").headers.values("via")]
    assert [(via.host, via.port) for via in vias] == [
        ("[2001:db8::9:1]", 6050),
        ("192.0.2.1", None),
        ("[2001:db8::9:255]", None),
    ]
    assert message("ipv4-mapped-ipv6").headers.via.host == "[::ffff:192.0.2.10]"
    with pytest.raises(BadMessage):
        message("ipv6-in-sdp")
    corrected = parse(packet("ipv6-in-sdp").replace(b"Content-Length: 268", b"Content-Length: 251"))
    assert isinstance(corrected, Request)
    check_request(corrected)
    assert corrected.headers.via.host == "[2001:db8::20]"
