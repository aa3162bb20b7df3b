"""Offers and answers: what is agreed on with telephones of all kinds, and what they are told when nothing is."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telephony.wire import sdes, sdp
from telephony.wire.offer_answer import Agreed, Encryption, Negotiation, Terms
from telephony.wire.sdp import BadDescription
from tests.telephony.media import offers
from tests.telephony.media.offers import KEY_80
from tests.telephony.media.phones import OURS, THEIRS, terms

ALL = ("opus", "g722", "pcmu", "pcma")


def fresh_keys():
    count = itertools.count(1)
    return lambda size: bytes([next(count)]) * size


def ours(*codings: str, encryption: Encryption = "optional") -> Negotiation:
    return Negotiation(terms(OURS, *(codings or ALL), encryption=encryption), fresh_keys())


def agreed(negotiation: Negotiation) -> Agreed:
    assert negotiation.agreed is not None
    return negotiation.agreed


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.split("\r\n") if line.startswith(start)]


def plain_offer(*extra: str, formats: str = "0 8 101", address: str = "IN IP4 198.51.100.7", port: int = 40_000) -> str:
    return offers.sdp(
        "v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", f"c={address}", "t=0 0", f"m=audio {port} RTP/AVP {formats}",
        "a=rtpmap:101 telephone-event/8000", *extra,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("offer", "coding", "payload_type", "events", "remote", "remote_rtcp", "is_secret"),
    [
        pytest.param(offers.BARESIP, "opus", 96, (101, 8_000), ("198.51.100.7", 17_830), 17_831, False, id="baresip"),
        pytest.param(offers.ASTERISK, "pcmu", 0, (101, 8_000), ("203.0.113.5", 14_872), 14_873, False, id="Asterisk"),
        pytest.param(
            offers.FREESWITCH_SAVP_FIRST, "opus", 102, (103, 48_000), ("203.0.113.9", 24_680), 24_681, True, id="FreeSWITCH"
        ),
        pytest.param(offers.TWILIO, "pcmu", 0, (101, 8_000), ("192.0.2.77", 10_508), 10_509, False, id="Twilio"),
        pytest.param(offers.TELNYX, "g722", 9, (101, 8_000), ("192.0.2.140", 21_574), 21_575, False, id="Telnyx"),
        pytest.param(offers.CISCO_NO_MAPS, "pcmu", 0, None, ("203.0.113.31", 18_442), 18_443, False, id="Cisco"),
        pytest.param(offers.TEAMS_LIKE, "g722", 9, (101, 8_000), ("192.0.2.201", 50_388), 50_389, True, id="like Teams"),
        pytest.param(offers.OPTIMISTIC_SNOM, "g722", 9, (101, 8_000), ("10.1.2.3", 62_040), 62_041, True, id="Snom"),
        pytest.param(offers.VIDEO_PHONE, "pcmu", 0, None, ("2001:db8::7", 49_170), 49_171, False, id="a video telephone"),
    ],
)  # fmt: skip
def test_telephones_of_all_kinds_are_answered(
    offer: str, coding: str, payload_type: int, events: object, remote: object, remote_rtcp: int, is_secret: bool
) -> None:
    negotiation = ours()
    answer = negotiation.answer(offer)
    result = agreed(negotiation)
    assert (result.coding, result.payload_type, result.events) == (coding, payload_type, events)
    assert (result.remote, result.remote_rtcp[1]) == (remote, remote_rtcp)
    assert (result.keys is not None) == is_secret
    assert result.direction == "sendrecv"
    assert len(lines(answer, "m=")) == len(lines(offer, "m=")), "every section is answered, in its place"
    accepted = [line for line in lines(answer, "m=") if line.split()[1] != "0"]
    assert len(accepted) == 1 and accepted[0].startswith("m=audio 30000 ")
    if is_secret:
        assert len(lines(answer, "a=crypto")) == 1
    # What we wrote is read back as what we meant.
    again = next(each for each in sdp.parse(answer).sections if each.port)
    assert [each.payload_type for each in again.codings] == [payload_type, *([events[0]] if events else [])]


def test_only_what_was_offered_is_answered() -> None:
    answer = ours().answer(offers.TWILIO)
    assert lines(answer, "m=") == ["m=audio 30000 RTP/AVP 0 101"]
    assert lines(answer, "a=rtpmap") == ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"]
    assert not lines(answer, "a=crypto") and not lines(answer, "a=rtcp-mux")
    assert lines(answer, "a=rtcp") == ["a=rtcp:30001"]


def test_reports_share_the_port_where_they_offer_it() -> None:
    negotiation = ours()
    answer = negotiation.answer(offers.BARESIP)
    assert lines(answer, "a=rtcp") == ["a=rtcp-mux"]
    assert agreed(negotiation).has_rtcp_mux


def test_our_order_of_codings_decides() -> None:
    negotiation = ours("pcma", "opus")
    negotiation.answer(offers.BARESIP)
    assert agreed(negotiation).coding == "pcma"


def test_a_packet_is_as_long_as_they_ask_for() -> None:
    negotiation = ours()
    assert "a=ptime:30" in negotiation.answer(offers.CISCO_NO_MAPS)
    assert agreed(negotiation).ptime_ms == 30
    for wanted, is_sent in ((10, 10), (20, 20), (60, 60), (120, 60), (7, 20), (25, 20)):
        negotiation.answer(plain_offer(f"a=ptime:{wanted}"))
        assert agreed(negotiation).ptime_ms == is_sent
    for most, is_sent in ((150, 20), (40, 20), (20, 20), (10, 10)):  # the most they take is not what they want
        negotiation.answer(plain_offer(f"a=maxptime:{most}"))
        assert agreed(negotiation).ptime_ms == is_sent


@pytest.mark.parametrize(
    ("offer", "encryption", "why"),
    [
        pytest.param(offers.WEBRTC, "optional", "UDP/TLS/RTP/SAVPF", id="a browser's"),
        pytest.param(plain_offer(), "required", "the trunk requires one", id="no key where one is required"),
        pytest.param(offers.TEAMS_LIKE, "off", "switched off", id="a key where none is wanted"),
        pytest.param(plain_offer(formats="18 4"), "optional", "Theirs: g729, g723", id="no coding in common"),
        pytest.param(plain_offer(port=0), "optional", "no audio", id="audio refused"),
        pytest.param(plain_offer(port=53), "optional", "Port 53", id="the port of a name server"),
        pytest.param(plain_offer(address="IN IP4 239.1.2.3"), "optional", "no address of a single", id="multicast"),
        pytest.param(plain_offer(address="IN IP4 phone.example.com"), "optional", "is no address", id="a name"),
        pytest.param(plain_offer(address="ATM NSAP 47"), "optional", "no internet address", id="another network"),
        pytest.param(plain_offer().replace("c=IN IP4 198.51.100.7\r\n", ""), "optional", "names no address", id="no address"),
        pytest.param(plain_offer(port=70_000), "optional", "is no port", id="a port that is none"),
        pytest.param("", "optional", "doesn't begin with v=0", id="nothing"),
        pytest.param("v=0\r\ns=-\r\n", "optional", "no m= line", id="no media"),
        pytest.param("v=0\r\nm=audio\r\n", "optional", "not complete", id="half a line"),
        pytest.param("v=0\r\n" + "a=x\r\n" * 1_001, "optional", "more than 1000 lines", id="too many lines"),
        pytest.param("v=0\r\n" + "m=audio 4000 RTP/AVP 0\r\n" * 17, "optional", "more than 16 media", id="too many media"),
        pytest.param("v=0\r\nm=audio 4000 RTP/AVP " + "0 " * 65, "optional", "more than 64 formats", id="too many formats"),
        pytest.param("v=0\r\n" + "x" * 70_000, "optional", "longer than 64 KiB", id="too long"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_plain_words(offer: str, encryption: Encryption, why: str) -> None:
    negotiation = ours(encryption=encryption)
    with pytest.raises(BadDescription, match=why):
        negotiation.answer(offer)
    assert negotiation.agreed is None


def test_a_bad_offer_later_on_changes_nothing() -> None:
    negotiation = ours()
    negotiation.answer(offers.TWILIO)
    before = agreed(negotiation)
    with pytest.raises(BadDescription):
        negotiation.answer(plain_offer(formats="18"))
    assert negotiation.agreed is before


# ---- hold


@pytest.mark.parametrize(
    ("extra", "address", "answered", "sends", "receives"),
    [
        pytest.param("a=sendrecv", "198.51.100.7", "sendrecv", True, True, id="talking"),
        pytest.param("a=sendonly", "198.51.100.7", "recvonly", False, True, id="hold with music"),
        pytest.param("a=inactive", "198.51.100.7", "inactive", False, False, id="hold in silence"),
        pytest.param("a=recvonly", "198.51.100.7", "sendonly", True, False, id="they only listen"),
        pytest.param("a=sendrecv", "0.0.0.0", "recvonly", False, True, id="hold in the old way"),
        pytest.param("a=inactive", "0.0.0.0", "inactive", False, False, id="hold in both ways"),
    ],
)
def test_a_hold_is_understood(extra: str, address: str, answered: str, sends: bool, receives: bool) -> None:
    negotiation = ours()
    negotiation.answer(plain_offer())
    answer = negotiation.answer(plain_offer(extra, address=f"IN IP4 {address}"))
    result = agreed(negotiation)
    assert f"a={answered}" in answer.split("\r\n")
    assert (result.sends, result.receives) == (sends, receives)
    back = negotiation.answer(plain_offer())
    assert "a=sendrecv" in back and agreed(negotiation).sends


def test_a_direction_for_the_whole_session_counts_where_the_section_says_nothing() -> None:
    negotiation = ours()
    whole = plain_offer().replace("t=0 0", "t=0 0\r\na=inactive")
    assert "a=inactive" in negotiation.answer(whole)
    assert "a=recvonly" in negotiation.answer(whole + "a=sendonly\r\n")


def test_we_hold_and_they_agree() -> None:
    caller, callee = ours("pcmu"), Negotiation(terms(THEIRS, "pcmu"), fresh_keys())
    caller.accept(callee.answer(caller.offer()))
    caller.accept(callee.answer(caller.offer("sendonly")))
    assert agreed(caller).direction == "sendonly" and agreed(callee).direction == "recvonly"
    caller.accept(callee.answer(caller.offer("inactive")))
    assert agreed(caller).direction == agreed(callee).direction == "inactive"
    caller.accept(callee.answer(caller.offer()))
    assert agreed(caller).direction == agreed(callee).direction == "sendrecv"


# ---- who offers, and again


def test_an_offer_in_the_200_is_answered_in_the_ack() -> None:
    late, caller = ours(), Negotiation(terms(THEIRS, "pcma", "pcmu"), fresh_keys())
    result = late.accept(caller.answer(late.offer()))
    assert (result.coding, result.payload_type, result.remote) == ("pcma", 8, THEIRS)
    assert result.receive[96] == "opus", "whoever offers must be ready for all of it"


def test_a_second_answer_replaces_the_first() -> None:
    negotiation = ours("pcmu", "pcma")
    negotiation.offer()
    early = plain_offer(formats="0")
    assert negotiation.accept(early).coding == "pcmu"
    assert negotiation.accept(plain_offer(formats="8", port=41_000)).remote[1] == 41_000
    assert agreed(negotiation).coding == "pcma"


def test_an_answer_without_an_offer_is_refused() -> None:
    with pytest.raises(BadDescription, match="answers nothing"):
        ours().accept(plain_offer())


def test_an_offer_that_was_refused_is_taken_back() -> None:
    negotiation = ours("pcmu")
    negotiation.answer(plain_offer())
    before = agreed(negotiation)
    negotiation.offer("sendonly")
    negotiation.withdraw()
    assert negotiation.agreed is before
    with pytest.raises(BadDescription):
        negotiation.accept(plain_offer())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(plain_offer(port=0), "refused the audio", id="port 0"),
        pytest.param("v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 4000 RTP/AVP 97\r\n", "no audio in the place", id="video"),
        pytest.param(plain_offer(formats="18"), "no common audio", id="something we didn't offer"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused(answer: str, why: str) -> None:
    negotiation = ours()
    negotiation.offer()
    with pytest.raises(BadDescription, match=why):
        negotiation.accept(answer)
    assert negotiation.agreed is None


def test_the_version_grows_with_each_change_and_only_then() -> None:
    def version(text: str) -> int:
        return sdp.parse(text).version

    negotiation = ours("pcmu")
    first = negotiation.answer(plain_offer())
    assert version(negotiation.answer(plain_offer())) == version(first)
    held = negotiation.answer(plain_offer("a=sendonly"))
    assert version(held) == version(first) + 1
    assert version(negotiation.offer("sendonly")) == version(held) + 1
    origins = {sdp.parse(text).origin for text in (first, held)}
    assert len(origins) == 1


def test_the_number_of_a_coding_may_change_and_is_kept_from_then_on() -> None:
    negotiation = ours("opus", "pcmu")
    negotiation.answer(plain_offer("a=rtpmap:96 opus/48000/2", formats="96 0 101"))
    assert agreed(negotiation).receive == {96: "opus"}
    answer = negotiation.answer(plain_offer("a=rtpmap:110 opus/48000/2", formats="110 0 101"))
    assert agreed(negotiation).receive == {110: "opus"} and "a=rtpmap:110 opus/48000/2" in answer
    assert "a=rtpmap:110 opus/48000/2" in negotiation.offer()


def test_a_number_of_theirs_is_never_given_to_another_coding() -> None:
    negotiation = ours()
    negotiation.answer(
        plain_offer("a=rtpmap:96 telephone-event/8000", formats="0 96").replace(
            "a=rtpmap:101 telephone-event/8000\r\n", ""
        )
    )
    maps = dict(line.removeprefix("a=rtpmap:").split(" ") for line in lines(negotiation.offer(), "a=rtpmap"))
    assert maps["96"] == "telephone-event/8000" and len(set(maps.values())) == len(maps) == 6


def test_an_answer_with_other_numbers_is_sent_by_theirs_and_received_by_both() -> None:
    negotiation = ours("opus", "pcmu")
    negotiation.offer()
    result = negotiation.accept(plain_offer("a=rtpmap:111 opus/48000/2", formats="111"))
    assert result.payload_type == 111
    assert result.receive == {96: "opus", 0: "pcmu", 111: "opus"}


def test_refused_sections_stay_in_their_places_when_we_offer() -> None:
    negotiation = ours()
    negotiation.answer(offers.VIDEO_PHONE)
    kinds = [(each.kind, bool(each.port)) for each in sdp.parse(negotiation.offer()).sections]
    assert kinds == [("video", False), ("audio", True), ("application", False)]


def test_ipv6_is_written_as_such() -> None:
    negotiation = Negotiation(Terms("2001:db8::10", 30_000, 30_001, 1, ("pcmu",), "off"), fresh_keys())
    answer = negotiation.answer(offers.VIDEO_PHONE)
    assert "c=IN IP6 2001:db8::10" in answer and agreed(negotiation).remote == ("2001:db8::7", 49_170)


def test_opus_tells_whether_copies_are_of_use() -> None:
    negotiation = ours()
    negotiation.answer(offers.FREESWITCH_SAVP_FIRST)
    assert agreed(negotiation).takes_fec
    negotiation.answer(offers.BARESIP)
    assert not agreed(negotiation).takes_fec


def test_a_coding_spelled_in_another_way_is_known() -> None:
    negotiation = ours()
    negotiation.answer(plain_offer("a=rtpmap:9 g722/16000", formats="9"))
    assert agreed(negotiation).coding == "g722"
    negotiation.answer(plain_offer("a=rtpmap:99 OPUS/48000", formats="99 0"))
    assert agreed(negotiation).coding == "opus"
    negotiation.answer(plain_offer().replace("\r\n", "\n"))
    assert agreed(negotiation).coding == "pcmu"


# ---- keys


def secure_offer(*cryptos: str, protocol: str = "RTP/SAVP") -> str:
    return plain_offer(*(f"a=crypto:{each}" for each in cryptos)).replace("RTP/AVP", protocol)


@pytest.mark.parametrize(
    ("theirs", "policy", "outcome"),
    [
        ("secure", "off", "refused"),
        ("secure", "optional", "secret"),
        ("secure", "required", "secret"),
        ("beside", "off", "plain"),
        ("beside", "optional", "secret"),
        ("beside", "required", "secret"),
        ("none", "off", "plain"),
        ("none", "optional", "plain"),
        ("none", "required", "refused"),
    ],
)
def test_how_secret_it_is_follows_the_trunk(theirs: str, policy: Encryption, outcome: str) -> None:
    key = f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"
    offer = {
        "secure": secure_offer(key),
        "beside": secure_offer(key, protocol="RTP/AVP"),
        "none": plain_offer(),
    }[theirs]
    negotiation = ours(encryption=policy)
    if outcome == "refused":
        with pytest.raises(BadDescription):
            negotiation.answer(offer)
        return
    answer = negotiation.answer(offer)
    assert (agreed(negotiation).keys is not None) == bool(lines(answer, "a=crypto")) == (outcome == "secret")
    protocol = "RTP/SAVP" if theirs == "secure" else "RTP/AVP"
    assert lines(answer, "m=")[0].split()[2] == protocol


@pytest.mark.parametrize("theirs", ["off", "optional", "required"])
@pytest.mark.parametrize("mine", ["off", "optional", "required"])
def test_two_of_us_agree_where_they_can(mine: Encryption, theirs: Encryption) -> None:
    caller = Negotiation(terms(THEIRS, "pcmu", encryption=mine), fresh_keys())
    callee = Negotiation(terms(OURS, "pcmu", encryption=theirs), fresh_keys())
    if {mine, theirs} == {"off", "required"}:
        with pytest.raises(BadDescription):
            caller.accept(callee.answer(caller.offer()))
        return
    caller.accept(callee.answer(caller.offer()))
    here, there = agreed(caller).keys, agreed(callee).keys
    assert (here is None) == (there is None) == ("off" in (mine, theirs))
    if here is not None and there is not None:
        assert here.ours.key == there.theirs.key and here.theirs.key == there.ours.key


def test_keys_of_an_unknown_kind_are_passed_over() -> None:
    negotiation = ours()
    negotiation.answer(
        secure_offer(
            f"1 F8_128_HMAC_SHA1_80 inline:{KEY_80}",
            f"2 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}|2^20|1:4",
            f"3 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80} UNENCRYPTED_SRTP",
            "4 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=",
            "5 AES_CM_128_HMAC_SHA1_80 inline:%%%%",
            f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}",
            f"7 AES_CM_128_HMAC_SHA1_32 inline:{KEY_80}|2^31 WSH=256",
        )
    )
    keys = agreed(negotiation).keys
    assert keys is not None and (keys.theirs.tag, keys.ours.tag) == (7, 7)
    assert keys.ours.suite == keys.theirs.suite == "AES_CM_128_HMAC_SHA1_32"


def test_our_key_stays_the_same_through_a_hold() -> None:
    negotiation = ours()
    key = f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"
    first = lines(negotiation.answer(secure_offer(key)), "a=crypto")
    assert lines(negotiation.answer(secure_offer(key) + "a=sendonly\r\n"), "a=crypto") == first
    assert lines(negotiation.offer(), "a=crypto") == first
    assert "RTP/SAVP" in negotiation.offer()


def test_an_answer_without_a_key_to_an_offer_that_requires_one_is_refused() -> None:
    negotiation = ours(encryption="required")
    assert "RTP/SAVP" in negotiation.offer()
    with pytest.raises(BadDescription, match="no key"):
        negotiation.accept(plain_offer().replace("RTP/AVP", "RTP/SAVP"))


def test_keys_are_not_printed() -> None:
    negotiation = ours()
    negotiation.answer(offers.TEAMS_LIKE)
    assert KEY_80 not in repr(negotiation.agreed) and repr(
        sdes.parse([f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}"])[0].key
    ) not in repr(negotiation.agreed)


# ---- hostile


PIECES = st.sampled_from(
    ["v=0", "o=- 1 1 IN IP4 1.2.3.4", "s=-", "c=IN IP4 198.51.100.7", "c=IN IP6 ::", "t=0 0", "m=audio 4000 RTP/AVP 0 8 96",
     "m=audio 0 RTP/AVP 0", "m=audio 4000/2 RTP/SAVP 0", "m=video 4000 RTP/AVP 99", "a=rtpmap:96 opus/48000/2", "a=rtpmap:96",
     "a=rtpmap:x y", "a=fmtp:96 useinbandfec=1", "a=ptime:20", "a=ptime:999999999999999999999", "a=rtcp:9", "a=rtcp:", "a=rtcp-mux",
     "a=sendonly", "a=inactive", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_80}", "a=crypto:1", "m=", "m=audio", "=", "a=", "x"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=20).map(lambda each: "v=0\r\n" + "\r\n".join(each)), st.text(max_size=300)))
@example("v=0\r\nm=audio 4000 RTP/AVP ٣\r\nc=IN IP4 1.2.3.4")
def test_whatever_is_offered_is_answered_or_refused(text: str) -> None:
    for policy in ("off", "optional", "required"):
        negotiation = ours(encryption=policy)
        try:
            answer = negotiation.answer(text)
        except BadDescription as refused:
            assert str(refused).endswith((".", "”."))
            continue
        assert len(sdp.parse(answer).sections) == len(sdp.parse(text).sections)
        negotiation.offer()


CRAMMED = [
    "a=rtpmap:0 ", "a=crypto:1 x inline:", "0 ", "m=audio 1 R 0\r\n", "a=", " ", "\n", "\r", "a=fmtp:96 x;",
    "c=IN IP4 1.1.1.1\r\n", "a=rtcp:1 IN IP4 9\r\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", CRAMMED)
@pytest.mark.parametrize("head", ["v=0\r\n", plain_offer(), "v=0\r\nm=audio 4000 RTP/AVP ", "v=0\r\na=crypto:1 "])
def test_no_eight_kilobytes_keep_the_parser_busy(piece: str, head: str) -> None:
    text = head + piece * (8_192 // len(piece))
    took: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        with contextlib.suppress(BadDescription):
            ours().answer(text)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.005
