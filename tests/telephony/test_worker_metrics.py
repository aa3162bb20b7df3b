"""What Prometheus is told of the call workers."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

import orjson
import pytest
import redis

from agents.providers.breaker import Trouble
from monitoring.metrics import exposition
from telephony import worker_metrics, worker_status
from telephony.worker_status import WorkerStatus

WORKER = WorkerStatus("box-1", "box", 1, datetime(2026, 3, 10, tzinfo=UTC), calls=1, capacity=4, loop_lag_ms=12.0)
DOWN = replace(WORKER, troubles=(Trouble("model", "Language model", "open", 2),))


def test_calls_room_lag_and_vendors(monkeypatch: pytest.MonkeyPatch) -> None:
    worker_metrics.register()
    monkeypatch.setattr(worker_status, "workers", lambda: [DOWN])
    told = exposition().decode()
    assert 'parley_worker_calls{worker="box-1"} 1.0' in told
    assert 'parley_worker_room{worker="box-1"} 4.0' in told
    assert 'parley_worker_lag_seconds{worker="box-1"} 0.012' in told
    expected = 'parley_vendor_left_alone{kind="model",state="open",vendor="Language model",worker="box-1"} 2.0'
    assert expected in told


def test_without_valkey_the_rest_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> list[WorkerStatus]:
        raise redis.ConnectionError("away")

    worker_metrics.register()
    monkeypatch.setattr(worker_status, "workers", away)
    told = exposition().decode()
    assert "parley_worker_calls{" not in told and "process_cpu_seconds_total" in told


def test_a_note_is_read_as_it_was_written() -> None:
    assert worker_status._read(orjson.dumps(asdict(DOWN))) == DOWN
