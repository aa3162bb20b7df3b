"""Calls to look at: made as the call worker leaves them in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from accounts import tenancy
from agents.demo_spec import DEMO_SPEC
from agents.models import Agent, AgentVersion
from telephony import recordings
from telephony.models import Call, CallEvent, Recording, Turn

SPEC = DEMO_SPEC.model_dump(mode="json")
LATENCY = {
    "endpointing_ms": 220, "stt_ms": 90, "model_ms": 210, "tts_ms": 90, "transport_ms": 30, "total_ms": 640,
}  # fmt: skip


def agent_of(organization: Any, name: str = "Reception", is_published: bool = False) -> Agent:
    with tenancy.use(organization):
        agent = Agent.objects.create(organization=organization, name=name, draft=SPEC)
        if is_published:
            agent.published = AgentVersion.objects.create(organization=organization, agent=agent, number=1, spec=SPEC)
            agent.save()
        return agent


def call_of(agent: Agent, *, at: datetime | None = None, said: tuple[tuple[str, str], ...] = (), **facts: Any) -> Call:
    """An ended call with these turns, one every two seconds; the agent's answers were waited for 640 ms."""
    organization = agent.organization
    at = at or timezone.now()
    given = {
        "spec": SPEC, "status": "ended", "end_reason": "caller_goodbye", "answered_at": at, "ended_at": at + timedelta(minutes=1),
        "duration_ms": 60_000, "worker": "here-1", **facts,
    }  # fmt: skip
    with tenancy.use(organization):
        call = Call.objects.create(organization=organization, agent=agent, **given)
        Call.objects.filter(pk=call.pk).update(created_at=at)
        for index, (role, text) in enumerate(said):
            Turn.objects.create(
                organization=organization,
                call=call,
                index=index,
                role=role,
                text=text,
                started_ms=index * 2_000,
                ended_ms=index * 2_000 + 1_500,
                latency=LATENCY if role == "agent" and index else {},
            )
        return call


def cut_turn(call: Call, heard: str, intended: str, thoughts: list[dict[str, Any]] | None = None) -> Turn:
    with tenancy.use(call.organization):
        return Turn.objects.create(
            organization=call.organization, call=call, index=call.turns.count(), role="agent", text=heard, intended=intended,
            was_cut=True, started_ms=20_000, ended_ms=21_000, latency=LATENCY, thoughts=thoughts or [],
        )  # fmt: skip


def event(call: Call, kind: str, **data: Any) -> None:
    with tenancy.use(call.organization):
        CallEvent.objects.create(organization=call.organization, call=call, at_ms=1_000, kind=kind, data=data)


def record(call: Call, seconds: float = 2.0) -> Recording:
    """The caller speaks in the first half, the agent in the second."""
    frames = int(seconds * recordings.RATE_HZ)
    samples = np.zeros((frames, 2), "<i2")
    samples[: frames // 2, 0] = 16_384
    samples[frames // 2 :, 1] = -8_192
    data = samples.tobytes()
    path = recordings.path_for(call.organization, call)
    file = recordings.absolute(path)
    file.parent.mkdir(parents=True)
    file.write_bytes(recordings.header(len(data)) + data)
    with tenancy.use(call.organization):
        return Recording.objects.create(
            organization=call.organization, call=call, path=path, duration_ms=int(seconds * 1000),
            size_bytes=file.stat().st_size, is_complete=True,
        )  # fmt: skip
