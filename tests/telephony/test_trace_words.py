"""What a trace comes to, as tables of messages; and that each status that is told has a sentence that says what to do."""

from __future__ import annotations

import pytest

from telephony.end_reasons import REASONS
from telephony.trunks import outcome, words
from telephony.trunks.outcome import Message, Outcome

LONG = 60.0
RING = "out INVITE", "in 100 INVITE", "in 180 INVITE"
ANSWERED = *RING, "in 200 INVITE", "out ACK"
CALLED = "in INVITE", "out 100 INVITE", "out 180 INVITE"
PROVED = "out INVITE", "in 407 INVITE", "out ACK", "out INVITE+"
REGISTER = "out REGISTER", "in 401 REGISTER", "out REGISTER+"
PHONE = "in REGISTER", "out 401 REGISTER", "in REGISTER+"


def messages(*said: str) -> list[Message]:
    """ "out INVITE" asks, "in 200 INVITE" answers; "+" has the proof of a password, "-" takes a registration back."""
    found = []
    for each in said:
        direction, *status, method = each.split()
        start = f"SIP/2.0 {status[0]} So" if status else f"{method.rstrip('+-')} sip:x SIP/2.0"
        head = ("Authorization: …\n" if "+" in method else "") + ("Expires: 0\n" if "-" in method else "")
        found.append(Message.of(direction, start, f"7 {method.rstrip('+-')}", f"{start}\n{head}\n\nbody"))
    return found


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((*ANSWERED, "in BYE", "out 200 BYE"), Outcome("call", "stood", ended_by="in")),
        ((*ANSWERED, "out BYE"), Outcome("call", "stood", ended_by="out")),
        (ANSWERED, Outcome("call", "stood")),
        ((*ANSWERED, "out INVITE", "in 488 INVITE", "out ACK"), Outcome("call", "stood")),
        ((*CALLED, "out 200 INVITE", "in ACK", "out BYE"), Outcome("call", "stood", ended_by="out")),
        ((*CALLED, "out 200 INVITE", "out 200 INVITE", "out BYE"), Outcome("call", "not_confirmed")),
        ((*RING, "in 486 INVITE", "out ACK"), Outcome("call", "refused", 486, "them", was_proved=False)),
        ((*PROVED, "in 403 INVITE", "out ACK"), Outcome("call", "refused", 403, "them")),
        ((*PROVED, "in 407 INVITE", "out ACK"), Outcome("call", "refused", 407, "them")),
        ((*CALLED, "out 404 INVITE", "in ACK"), Outcome("call", "refused", 404, "us", was_proved=False)),
        ((*RING, "out CANCEL", "in 200 CANCEL", "in 487 INVITE"), Outcome("call", "called_off", ended_by="out")),
        ((*CALLED, "in CANCEL", "out 200 CANCEL", "out 487 INVITE"), Outcome("call", "called_off", ended_by="in")),
        (("out INVITE", "out INVITE"), Outcome("call", "no_answer")),
        (RING, Outcome("call", "open")),
        (("out REGISTER",), None),
        ((), None),
    ],
)
def test_what_became_of_a_call(said: tuple[str, ...], expected: Outcome | None) -> None:
    assert outcome.of_call(messages(*said), LONG) == expected


def test_what_is_on_its_way_is_not_called_a_failure() -> None:
    assert outcome.of_call(messages("out INVITE"), 0.5) == Outcome("call", "open")
    assert outcome.of_call(messages("out INVITE", "in 407 INVITE"), 0.1) == Outcome("call", "open")
    assert outcome.of_trunk(messages("out REGISTER"), 0.5) == []
    assert outcome.of_trunk(messages("out REGISTER", "in 401 REGISTER"), 0.1) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((*REGISTER, "in 200 REGISTER"), [Outcome("registration", "stood")]),
        ((*PHONE, "out 200 REGISTER"), [Outcome("telephone", "stood")]),
        (
            (*PHONE, "out 200 REGISTER", "out OPTIONS", "in 404 OPTIONS"),
            [Outcome("telephone", "stood"), Outcome("question", "stood")],
        ),
        ((*PHONE, "out 401 REGISTER"), [Outcome("telephone", "refused", 401, "us")]),
        ((*PHONE[:2],), [Outcome("telephone", "refused", 401, "us", was_proved=False)]),
        (("in REGISTER", "out 405 REGISTER"), [Outcome("telephone", "refused", 405, "us", was_proved=False)]),
        (("in REGISTER+-", "out 200 REGISTER"), [Outcome("telephone", "taken_back")]),
        ((*REGISTER, "in 401 REGISTER"), [Outcome("registration", "refused", 401)]),
        (("out REGISTER", "in 401 REGISTER"), [Outcome("registration", "refused", 401, was_proved=False)]),
        ((*REGISTER, "in 200 REGISTER", *REGISTER, "in 403 REGISTER"), [Outcome("registration", "refused", 403)]),
        (("out REGISTER", "out REGISTER"), [Outcome("registration", "no_answer", 408)]),
        (("out REGISTER+-", "in 200 REGISTER"), [Outcome("registration", "taken_back")]),
        ((*REGISTER, "in 200 REGISTER", "out OPTIONS", "out OPTIONS"), [Outcome("registration", "stood")]),
        (("out OPTIONS", "in 405 OPTIONS"), [Outcome("question", "stood")]),
        (("out OPTIONS", "in 503 OPTIONS"), [Outcome("question", "refused", 503, was_proved=False)]),
        (("out OPTIONS", "out OPTIONS"), [Outcome("question", "no_answer", 408)]),
        (("in INVITE", "out 404 INVITE", "in ACK"), [Outcome("call", "refused", 404, "us", was_proved=False)]),
        (
            (*REGISTER, "in 200 REGISTER", "in INVITE", "out 401 INVITE", "in ACK", "in INVITE+", "out 401 INVITE"),
            [Outcome("registration", "stood"), Outcome("call", "refused", 401, "us")],
        ),
        ((), []),
    ],
)
def test_how_a_trunk_stands_by_its_own_messages(said: tuple[str, ...], expected: list[Outcome]) -> None:
    assert outcome.of_trunk(messages(*said), LONG) == expected


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            Outcome("registration", "refused", 401),
            "The provider refused the password for trunk “Main line”. Check the user name and password.",
        ),
        (
            Outcome("call", "refused", 407),
            "The provider refused the password for trunk “Main line”. Check the user name and password.",
        ),
        (
            Outcome("registration", "refused", 401, was_proved=False),
            "asks for a password, and trunk “Main line” gave none",
        ),
        (Outcome("registration", "no_answer", 408), "Nobody answers at pbx.example.com."),
        (Outcome("question", "refused", 503), "Nobody answers at pbx.example.com."),
        (Outcome("registration", "refused", 404), "doesn't know the user name of trunk “Main line”"),
        (
            Outcome("registration", "refused", 599),
            "refused the registration of trunk “Main line” with SIP 599. If it stays",
        ),
        (Outcome("telephone", "stood"), "The telephone has registered here over trunk “Main line”"),
        (Outcome("telephone", "taken_back"), "has signed off"),
        (
            Outcome("telephone", "refused", 401, "us"),
            "A telephone at pbx.example.com wanted to register over trunk “Main line” and gave another",
        ),
        (Outcome("telephone", "refused", 401, "us", was_proved=False), "without a password. Type the user name"),
        (Outcome("telephone", "refused", 404, "us"), "with SIP 404. It must register under the user name"),
        (
            Outcome("telephone", "refused", 400, "us"),
            "Parley refused to register a telephone over trunk “Main line” with SIP 400.",
        ),
        (Outcome("call", "refused", 402), "the account has no credit left. Top the account up there."),
        (Outcome("call", "refused", 486), "The line was busy."),
        (Outcome("call", "refused", 302), "a host that trunk “Main line” doesn't allow"),
        (Outcome("call", "refused", 499), "The provider refused the call with SIP 499. If it stays"),
        (Outcome("call", "refused", 404, "us"), "Put the number on trunk “Main line”, choose an agent"),
        (Outcome("call", "refused", 486, "us"), "No call worker had room"),
        (Outcome("call", "refused", 499, "us"), "Parley refused the call with SIP 499."),
        (Outcome("call", "not_confirmed"), "never confirmed it (ACK)"),
        (Outcome("call", "called_off", ended_by="in"), "The caller gave up"),
        (Outcome("call", "called_off", ended_by="out"), "Parley gave up"),
        (Outcome("call", "stood", ended_by="in"), "The call was picked up. The other side hung up."),
        (Outcome("call", "open"), ""),
    ],
)
def test_it_is_said_in_a_sentence_that_helps(found: Outcome, told: str) -> None:
    said = words.explained(found, "Main line", "pbx.example.com")
    assert told in said and bool(told) == bool(said)
    assert "{" not in said and "{" not in words.explained(found)


def test_no_status_is_left_without_a_sentence() -> None:
    for status in range(300, 700):
        found = [Outcome("call", "refused", status, by) for by in ("them", "us")]  # type: ignore[arg-type]
        for each in (*found, Outcome("registration", "refused", status)):
            said = words.explained(each, "Main line", "pbx.example.com")
            assert said.endswith((".", ")")) and "  " not in said and "{" not in said and said[0].isupper(), each
        assert words.of_call(status).reason in REASONS


@pytest.mark.parametrize(
    ("method", "status", "more", "told"),
    [
        ("INVITE", 0, {}, "calls"),
        ("INVITE", 0, {"has_password": True}, "asks again, with the password"),
        ("INVITE", 0, {"is_within": True}, "changes the sound"),
        ("INVITE", 0, {"takes_over": True}, "wants another call's place"),
        ("INVITE", 200, {}, "picks up"),
        ("INVITE", 200, {"is_within": True}, "yes"),
        ("REGISTER", 200, {}, "knows now where to call"),
        ("BYE", 200, {}, "has hung up"),
        ("UPDATE", 200, {}, "yes"),
        ("REGISTER", 401, {}, "asks for the password"),
        ("REGISTER", 401, {"has_password": True}, "refuses the password"),
        ("INVITE", 302, {}, "elsewhere"),
        ("INVITE", 499, {}, "refused"),
        ("CHEER", 0, {}, ""),
    ],
)
def test_each_message_is_said_in_a_few_words(method: str, status: int, more: dict[str, bool], told: str) -> None:
    assert words.of_step(method, status, **more) == told


def test_the_senders_own_reason_is_read_and_long_ones_are_left() -> None:
    text = 'SIP/2.0 603 Declined\nReason: Q.850;cause=21;text="Call rejected"\n\nReason: x;text="of the body"'
    assert Message.of("in", "SIP/2.0 603 Declined", "1 INVITE", text).said == "Call rejected"
    assert Message.of("in", "SIP/2.0 603 Declined", "1 INVITE", 'Warning: 399 x "Not yours"').said == "Not yours"
    assert Message.of("in", "SIP/2.0 603 Declined", "1 INVITE", f'Reason: x;text="{"y" * 201}"').said == ""
