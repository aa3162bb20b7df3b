"""How calls end: once, with their figures; and what becomes of those whose worker is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts import tenancy
from telephony import answer, finish, recordings, worker_status
from telephony.finish import Outcome, end_call, summary
from telephony.models import Call, CallEvent, Recording, Turn
from telephony.tasks import reap
from telephony.tokens import Claims

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def call(agent: Any, layer: Any) -> Call:
    with tenancy.use(agent.organization_id):
        return Call.objects.create(organization_id=agent.organization_id, agent=agent, spec=agent.draft)


def again(call: Call) -> Call:
    with tenancy.use(call.organization_id):
        return Call.objects.get(pk=call.pk)


def live(call: Call, lease: timedelta) -> None:
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(
            status="in_progress", worker="w", lease_until=timezone.now() + lease, answered_at=timezone.now()
        )


def test_a_call_ends_once(call: Call) -> None:
    assert end_call(call, call.organization_id, "caller_goodbye", outcome=Outcome(5_000, {"name": "Ann"}))
    assert not end_call(call, call.organization_id, "worker_lost")
    ended = again(call)
    assert (ended.end_reason, ended.duration_ms, ended.collected) == ("caller_goodbye", 5_000, {"name": "Ann"})


def test_a_reason_nobody_knows_is_our_fault(call: Call) -> None:
    end_call(call, call.organization_id, "the dog ate it")
    assert again(call).end_reason == "internal_error" and "dog" in again(call).end_detail


def test_the_latency_of_a_call_is_summed_up() -> None:
    assert summary([]) == {} == summary([None])
    assert summary([500, None, 700]) == {"p50_ms": 500, "p95_ms": 700, "turns": 2}
    assert summary(list(range(1, 101))) == {"p50_ms": 50, "p95_ms": 95, "turns": 100}


def test_a_claimed_call_is_one_workers(call: Call) -> None:
    assert answer.claim(call.pk, call.organization_id, "one") is not None
    assert answer.claim(call.pk, call.organization_id, "two") is None
    assert again(call).worker == "one"


def test_a_renewed_lease_lasts_and_an_ended_call_is_told(call: Call) -> None:
    answer.claim(call.pk, call.organization_id, "one")
    assert answer.renew([call.pk], "one") == set()
    end_call(call, call.organization_id, "member_hung_up")
    assert answer.renew([call.pk], "one") == {call.pk}


def test_the_calls_of_a_dead_worker_end_with_what_is_known(call: Call) -> None:
    live(call, -timedelta(seconds=1))
    path = recordings.path_for(call.organization_id, call)
    recordings.absolute(path).parent.mkdir(parents=True)
    recordings.absolute(path).write_bytes(recordings.header(0) + bytes(64_000 * 3))
    with tenancy.use(call.organization_id):
        Recording.objects.create(organization_id=call.organization_id, call=call, path=path)
        Turn.objects.create(
            organization_id=call.organization_id, call=call, index=0, role="agent", started_ms=0, ended_ms=2_000,
            latency={"total_ms": 640},
        )  # fmt: skip
        CallEvent.objects.create(
            organization_id=call.organization_id,
            call=call,
            at_ms=1_500,
            kind="collected",
            data={"key": "name", "value": "Ann"},
        )
        for tokens, is_estimate in ((120, False), (None, False), (80, True)):
            CallEvent.objects.create(
                organization_id=call.organization_id,
                call=call,
                at_ms=1_600,
                kind="speculation_dropped",
                data={"text": "I need", "tokens": tokens, **({"is_estimate": True} if is_estimate else {})},
            )
    assert reap() == 1
    ended = again(call)
    assert (ended.status, ended.end_reason, ended.duration_ms) == ("ended", "worker_lost", 3_000)
    assert ended.speculation == {"withdrawn": 3, "tokens": 200, "estimated": 80}
    assert ended.collected["name"] == "Ann" and ended.latency == {"p50_ms": 640, "p95_ms": 640, "turns": 1}
    with tenancy.use(call.organization_id):
        kept = Recording.objects.get(call=call)
    assert kept.is_complete and kept.duration_ms == 3_000
    assert reap() == 0


def test_a_live_lease_is_left_alone(call: Call) -> None:
    live(call, timedelta(seconds=10))
    assert reap() == 0


def test_a_worker_that_lost_the_database_but_lives_keeps_its_calls(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    live(call, -timedelta(seconds=1))
    status = worker_status.WorkerStatus("w", "h", 1, timezone.now(), 1, 4, call_ids=(str(call.pk),))
    monkeypatch.setattr(worker_status, "workers", lambda: [status])
    assert reap() == 0
    monkeypatch.setattr(worker_status, "workers", list)
    assert reap() == 1


def test_a_call_nobody_took_ends_after_a_minute(call: Call) -> None:
    assert reap() == 0
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(seconds=61))
    assert reap() == 1
    assert again(call).end_reason == "no_worker"


def test_hanging_up_a_waiting_call_ends_it(call: Call) -> None:
    finish.hang_up(call)
    assert again(call).end_reason == "member_hung_up"


def test_a_call_a_worker_took_meanwhile_is_ended_by_its_worker(call: Call, layer: Any) -> None:
    answer.claim(call.pk, call.organization_id, "w1")
    assert not end_call(call, call.organization_id, "busy", only_waiting=True)
    finish.hang_up(call)  # as it was read: still waiting
    assert again(call).status == "in_progress"
    told = async_to_sync(layer.receive)(finish.worker_channel("w1"))
    assert (told["command"], told["call_id"], told["reason"]) == ("hang_up", str(call.pk), "member_hung_up")


def test_a_call_that_was_deleted_is_not_the_workers_any_more(call: Call) -> None:
    answer.claim(call.pk, call.organization_id, "one")
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).delete()
    assert answer.renew([call.pk], "one") == {call.pk}


def test_what_a_vendor_says_cannot_keep_a_call_from_ending(call: Call) -> None:
    assert end_call(call, call.organization_id, "model_failed", "It said \0.", Outcome(1, {"name": "A\0nn\ud800"}))
    assert (again(call).end_detail, again(call).collected) == ("It said .", {"name": "Ann?"})


def test_a_recording_that_cannot_be_touched_does_not_keep_its_call_from_ending(call: Call) -> None:
    path = recordings.path_for(call.organization_id, call)
    recordings.absolute(path).mkdir(parents=True)  # where its file should be
    with tenancy.use(call.organization_id):
        Recording.objects.create(organization_id=call.organization_id, call=call, path=path)
    assert end_call(call, call.organization_id, "caller_hung_up")
    with tenancy.use(call.organization_id):
        assert not Recording.objects.get(call=call).is_complete


def test_a_call_that_cannot_be_ended_does_not_keep_the_others(agent: Any, layer: Any) -> None:
    with tenancy.use(agent.organization_id):
        mine = {"organization_id": agent.organization_id, "agent": agent}
        broken = Call.objects.create(**mine, spec={"does": {"collect": [{}]}})
        fine = Call.objects.create(**mine, spec=agent.draft)
    live(fine, -timedelta(seconds=1))
    live(broken, -timedelta(seconds=2))
    assert reap() == 1
    assert (again(broken).status, again(fine).status) == ("in_progress", "ended")


def test_a_call_keeps_the_spec_it_began_with(agent: Any) -> None:
    claims = Claims(agent.organization_id, agent.pk, "draft", None, "x")
    call = answer.create_web_call(claims)
    with tenancy.use(agent.organization_id):
        agent.draft["says"]["first_message"] = "Changed."
        agent.save()
    assert again(call).spec["says"]["first_message"] == "Hello, how can I help you?"
    with pytest.raises(answer.CannotCall, match="not been published"):
        answer.create_web_call(Claims(agent.organization_id, agent.pk, "published", None, "x"))


def test_a_half_finished_draft_says_what_is_missing(agent: Any) -> None:
    with tenancy.use(agent.organization_id):
        agent.draft["limits"]["max_duration_s"] = 1
        agent.save()
    with pytest.raises(answer.CannotCall, match="max_duration_s"):
        answer.create_web_call(Claims(agent.organization_id, agent.pk, "draft", None, "x"))


def test_a_strangers_token_finds_no_agent(agent: Any, strangers_organization: Any) -> None:
    with pytest.raises(answer.CannotCall, match="doesn't exist"):
        answer.create_web_call(Claims(strangers_organization.pk, agent.pk, "draft", None, "x"))
