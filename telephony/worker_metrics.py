"""What the call workers tell of themselves, for Prometheus: read from their notes in Valkey whenever a web process is scraped.

Workers serve no HTTP. A worker that is gone, or a Valkey that can't be asked, has no series: an alert asks for ``absent``.
"""

from __future__ import annotations

from collections.abc import Iterator

import redis
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telephony import worker_status


class Workers(Collector):
    def describe(self) -> list[Metric]:
        """Named here, so that registering asks nobody."""
        return list(self._families())

    def collect(self) -> Iterator[Metric]:
        calls, capacity, lag, vendors = families = self._families()
        try:
            found = worker_status.workers()
        except (redis.RedisError, OSError):
            found = []
        for worker in found:
            calls.add_metric([worker.id], worker.calls)
            capacity.add_metric([worker.id], worker.capacity if worker.has_room else worker.calls)
            lag.add_metric([worker.id], worker.loop_lag_ms / 1000)
            for trouble in worker.troubles:
                vendors.add_metric([worker.id, trouble.kind, trouble.name, trouble.state], trouble.places)
        yield from families

    @staticmethod
    def _families() -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily("parley_worker_calls", "Calls that a worker holds", labels=["worker"]),
            GaugeMetricFamily("parley_worker_room", "Calls that a worker would hold at most now", labels=["worker"]),
            GaugeMetricFamily("parley_worker_lag_seconds", "p99 of the loop lag of a worker", labels=["worker"]),
            GaugeMetricFamily(
                "parley_vendor_left_alone",
                "Addresses of a vendor that a worker leaves alone, because they failed",
                labels=["worker", "kind", "vendor", "state"],
            ),
        ]


_workers = Workers()


def register() -> None:
    """Safe to call again."""
    if _workers not in REGISTRY._collector_to_names:
        REGISTRY.register(_workers)
