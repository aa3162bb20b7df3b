"""Who answers a number when, by tables: weeks, nights, holidays, summer time; what happens otherwise; which version."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from telephony.answering import (
    Answering,
    Candidate,
    Forward,
    Instead,
    Refuse,
    Say,
    Schedule,
    TakeMessage,
    Talk,
    changes_at,
    decide,
    is_open,
)

AGENT, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NEW_YORK = "America/New_York"
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    """ "2026-03-02 14:00Z": UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def week(*openings: tuple[str, str, str], holidays: tuple[str, ...] = (), zone: str = "") -> Schedule:
    """("mon tue", "09:00", "17:00")."""
    rows = [{"days": days.split(), "opens": opens, "closes": closes} for days, opens, closes in openings]
    return Schedule.model_validate({"openings": rows, "holidays": holidays, "time_zone": zone})


OFFICE = week(("mon tue wed thu fri", "09:00", "17:00"))
LUNCH = week(("mon tue wed thu fri", "09:00", "12:00"), ("mon tue wed thu fri", "13:30", "18:00"))
NIGHT = week(("fri sat", "22:00", "06:00"))
WHOLE = week(("sun", "00:00", "24:00"))


@pytest.mark.parametrize(
    ("schedule", "zone", "moment", "expected"),
    [
        # A week in New York: 2026-03-02 is a Monday, five hours behind UTC.
        (Schedule(), NEW_YORK, "2026-03-02 04:00Z", True),
        (OFFICE, NEW_YORK, "2026-03-02 13:59Z", False),
        (OFFICE, NEW_YORK, "2026-03-02 14:00Z", True),
        (OFFICE, NEW_YORK, "2026-03-02 21:59Z", True),
        (OFFICE, NEW_YORK, "2026-03-02 22:00Z", False),
        (OFFICE, NEW_YORK, "2026-03-07 15:00Z", False),
        (OFFICE, "UTC", "2026-03-02 09:00Z", True),
        # The schedule's own zone goes before the organization's.
        (week(("mon", "09:00", "17:00"), zone=BERLIN), NEW_YORK, "2026-03-02 08:00Z", True),
        (week(("mon", "09:00", "17:00"), zone=BERLIN), NEW_YORK, "2026-03-02 16:00Z", False),
        (LUNCH, BERLIN, "2026-03-02 11:30Z", False),
        (LUNCH, BERLIN, "2026-03-02 12:30Z", True),
        # Over midnight: it belongs to the day it began on.
        (NIGHT, BERLIN, "2026-03-06 21:00Z", True),
        (NIGHT, BERLIN, "2026-03-07 04:59Z", True),
        (NIGHT, BERLIN, "2026-03-07 05:00Z", False),
        (NIGHT, BERLIN, "2026-03-08 04:00Z", True),
        (NIGHT, BERLIN, "2026-03-06 04:00Z", False),
        (WHOLE, BERLIN, "2026-03-07 23:00Z", True),
        (WHOLE, BERLIN, "2026-03-08 22:59Z", True),
        (WHOLE, BERLIN, "2026-03-08 23:00Z", False),
        # Summer time: Berlin on 2026-03-29 goes from 2:00 to 3:00, on 2026-10-25 back from 3:00 to 2:00. Nine is nine.
        (OFFICE, BERLIN, "2026-03-27 08:00Z", True),
        (OFFICE, BERLIN, "2026-03-30 07:00Z", True),
        (OFFICE, BERLIN, "2026-03-30 06:59Z", False),
        (OFFICE, BERLIN, "2026-10-26 07:30Z", False),
        (OFFICE, BERLIN, "2026-10-26 08:00Z", True),
        (week(("sun", "02:00", "03:00")), BERLIN, "2026-03-29 00:59Z", False),
        (week(("sun", "02:00", "03:00")), BERLIN, "2026-03-29 01:00Z", False),
        (week(("sun", "02:00", "03:00")), BERLIN, "2026-10-25 00:30Z", True),
        (week(("sun", "02:00", "03:00")), BERLIN, "2026-10-25 01:30Z", True),
        (week(("sun", "02:00", "03:00")), BERLIN, "2026-10-25 02:00Z", False),
        # Holidays: one day, every year, open for a while; and the night that began the day before.
        (week(("mon fri", "09:00", "17:00"), holidays=("2026-12-25",)), BERLIN, "2026-12-25 10:00Z", False),
        (week(("mon fri", "09:00", "17:00"), holidays=("2025-12-25",)), BERLIN, "2026-12-25 10:00Z", True),
        (week(("mon fri", "09:00", "17:00"), holidays=("12-25",)), BERLIN, "2026-12-25 10:00Z", False),
        (week(("thu", "09:00", "17:00"), holidays=("2026-12-24 10:00-13:00",)), BERLIN, "2026-12-24 08:30Z", False),
        (week(("thu", "09:00", "17:00"), holidays=("2026-12-24 10:00-13:00", "12-24")), BERLIN, "2026-12-24 09:30Z", True),
        (week(("thu", "09:00", "17:00"), holidays=("2026-12-24 10:00-13:00",)), BERLIN, "2026-12-24 09:00Z", True),
        (week(("mon", "09:00", "17:00"), holidays=("2026-12-24 10:00-13:00",)), BERLIN, "2026-12-24 09:00Z", True),
        (week(("fri", "22:00", "06:00"), holidays=("2026-03-06",)), BERLIN, "2026-03-07 03:00Z", False),
        (week(("fri", "22:00", "06:00"), holidays=("2026-03-07",)), BERLIN, "2026-03-07 03:00Z", True),
        (Schedule(holidays=("12-25",)), BERLIN, "2026-12-25 10:00Z", False),
        (Schedule(holidays=("12-25",)), BERLIN, "2026-12-25 23:00Z", True),
        (week(("sat", "00:00", "24:00"), holidays=("02-29",)), BERLIN, "2028-02-29 10:00Z", False),
    ],
)  # fmt: skip
def test_when_it_is_open(schedule: Schedule, zone: str, moment: str, expected: bool) -> None:
    assert is_open(schedule, zone, at(moment)) is expected


@pytest.mark.parametrize(
    ("schedule", "moment", "changes"),
    [
        (Schedule(), "2026-03-02 10:00Z", None),
        (OFFICE, "2026-03-02 10:00Z", "2026-03-02 16:00Z"),
        (OFFICE, "2026-03-06 17:00Z", "2026-03-09 08:00Z"),
        (OFFICE, "2026-03-27 17:00Z", "2026-03-30 07:00Z"),
        (LUNCH, "2026-03-02 11:10Z", "2026-03-02 12:30Z"),
        (NIGHT, "2026-03-06 23:30Z", "2026-03-07 05:00Z"),
        (WHOLE, "2026-03-07 22:00Z", "2026-03-07 23:00Z"),
        (week(("mon tue", "00:00", "24:00")), "2026-03-02 10:00Z", "2026-03-03 23:00Z"),
        (week(("thu fri", "09:00", "17:00"), holidays=("12-24", "12-25")), "2026-12-23 10:00Z", "2026-12-31 08:00Z"),
        (Schedule(holidays=("12-25",)), "2026-12-20 10:00Z", "2026-12-24 23:00Z"),
        (Schedule(holidays=("12-25",)), "2026-12-25 10:00Z", "2026-12-25 23:00Z"),
    ],
)
def test_when_that_changes(schedule: Schedule, moment: str, changes: str | None) -> None:
    assert changes_at(schedule, BERLIN, at(moment)) == (at(changes) if changes else None)


def test_every_change_is_one_and_none_is_missed() -> None:
    """Minute by minute through both changes of the clock."""
    for schedule in (OFFICE, LUNCH, NIGHT, WHOLE, week(("sun", "01:15", "04:45"))):
        for start in ("2026-03-27 12:00Z", "2026-10-23 12:00Z"):
            moment, until = at(start), at(start).timestamp() + 4 * 86_400
            while (found := changes_at(schedule, BERLIN, moment)) is not None and found.timestamp() < until:
                was = is_open(schedule, BERLIN, moment)
                minutes = range(int(moment.timestamp()) // 60 * 60 + 60, int(found.timestamp()), 60)
                assert all(is_open(schedule, BERLIN, datetime.fromtimestamp(each, UTC)) is was for each in minutes)
                assert is_open(schedule, BERLIN, found) is not was
                moment = found


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"openings": [{"days": [], "opens": "09:00", "closes": "17:00"}]}, "at least 1 item"),
        ({"openings": [{"opens": "9", "closes": "17:00"}]}, "pattern"),
        ({"openings": [{"opens": "09:00", "closes": "09:00"}]}, "must differ"),
        ({"holidays": ["Christmas"]}, "Write a day as"),
        ({"holidays": ["2026-02-30"]}, "Write a day as"),
        ({"holidays": ["2026-12-24 13:00-10:00"]}, "Write a day as"),
        ({"time_zone": "Mars/Olympus"}, "is no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_to_write(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Schedule.model_validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"how": "agent"}, "Choose the agent"),
        ({"how": "agent", "agent": "front desk"}, "Choose one of the agents"),
        ({"how": "forward"}, "which number"),
        ({"how": "voicemail", "longest_s": 5}, "greater than or equal to 10"),
        ({"how": "message", "message": ""}, "at least 1 character"),
    ],
)
def test_what_is_no_answer_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Instead.model_validate(wrong)


OPEN, CLOSED = at("2026-03-02 10:00Z"), at("2026-03-02 20:00Z")
OTHERS = {"how": "agent", "agent": OTHER}
READY = {AGENT: Candidate(4, frozenset({3, 4})), OTHER: Candidate(7)}
VOICEMAIL = {"how": "voicemail", "greeting": "Speak.", "longest_s": 60}
FORWARD = {"how": "forward", "forward_to": "+14155550177", "ring_s": 20, "message": "Nobody is there."}


def decided(
    moment: datetime = OPEN, *, agent: str = AGENT, there: Any = READY, room: bool = True, **groups: Any
) -> Any:
    answering = Answering.model_validate({"schedule": OFFICE.model_dump(mode="json"), **groups})
    return decide(answering, agent, there, zone=BERLIN, at=moment, has_room=room, draw=0.5)


ALONE = {AGENT: Candidate(4)}
GONE = {AGENT: Candidate(4, is_archived=True), OTHER: Candidate(7)}
DRAFT = {AGENT: Candidate(None), OTHER: Candidate(7)}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (decided(), Talk(AGENT, 4)),
        (decided(CLOSED), Say("Nobody can take your call right now. Please call again later.", "closed")),
        (decided(CLOSED, after_hours=VOICEMAIL), TakeMessage("Speak.", 60, "closed")),
        (decided(CLOSED, after_hours=VOICEMAIL, room=False), TakeMessage("Speak.", 60, "closed")),
        (decided(CLOSED, after_hours=FORWARD), Forward("+14155550177", 20, "Nobody is there.", "closed")),
        (decided(CLOSED, after_hours={"how": "refuse"}), Refuse("closed")),
        (decided(CLOSED, after_hours=OTHERS), Talk(OTHER, 7, "closed")),
        # The other agent can't either: as if the number's own couldn't.
        (decided(CLOSED, after_hours=OTHERS, room=False), Refuse("no_room")),
        (decided(CLOSED, after_hours=OTHERS, room=False, on_failure=VOICEMAIL), TakeMessage("Speak.", 60, "no_room")),
        (decided(CLOSED, after_hours=OTHERS, there=ALONE, on_failure=VOICEMAIL), TakeMessage("Speak.", 60, "no_agent")),
        (decided(room=False), Refuse("no_room")),
        (decided(room=False, on_failure=VOICEMAIL), TakeMessage("Speak.", 60, "no_room")),
        (decided(room=False, on_failure=FORWARD), Forward("+14155550177", 20, "Nobody is there.", "no_room")),
        (decided(room=False, on_failure=OTHERS), Refuse("no_room")),
        (decided(there=DRAFT), Refuse("unpublished", is_busy=False)),
        (decided(there=DRAFT, on_failure=OTHERS), Talk(OTHER, 7, "unpublished")),
        (decided(there=GONE, on_failure={"how": "message", "message": "Gone."}), Say("Gone.", "archived")),
        (decided(there=GONE, on_failure={"how": "agent", "agent": AGENT}), Refuse("archived")),
        (decided(agent="", on_failure=VOICEMAIL), Refuse("no_agent", is_busy=False)),
    ],
)  # fmt: skip
def test_what_happens_with_a_call(answer: Any, expected: Any) -> None:
    assert answer == expected


def test_a_split_between_versions_is_kept_and_a_version_that_is_gone_has_no_share() -> None:
    def drawn(shares: list[tuple[int, int]], draw: float) -> int:
        versions = {"shares": [{"version": version, "weight": weight} for version, weight in shares]}
        found = decide(
            Answering.model_validate({"versions": versions}),
            AGENT,
            READY,
            zone="UTC",
            at=OPEN,
            has_room=True,
            draw=draw,
        )
        assert isinstance(found, Talk)
        return found.version

    def counted(*shares: tuple[int, int]) -> dict[int, int]:
        return dict(Counter(drawn(list(shares), step / 1000) for step in range(1000)))

    assert counted((3, 90), (4, 10)) == {3: 900, 4: 100}
    assert counted((3, 1), (4, 1)) == {3: 500, 4: 500}
    assert counted((3, 0), (4, 5)) == {4: 1000}
    assert counted((2, 50), (3, 50)) == {3: 1000}
    assert counted((2, 100)) == {4: 1000}, "what is published"
    assert counted() == {4: 1000}
    with pytest.raises(ValidationError, match="named twice"):
        drawn([(3, 1), (3, 2)], 0)
    with pytest.raises(ValidationError, match="needs a share"):
        drawn([(3, 0)], 0)
