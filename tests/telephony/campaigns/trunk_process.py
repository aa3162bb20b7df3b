"""The Celery task that runs campaigns, again and again, in a process that can be killed: for numbers on a trunk.

python trunk_process.py SETTLES

The names in Valkey are those of the test (``LAYER_PREFIX``), so that its call worker is found.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta

import django
from django.conf import settings

prefix = os.environ["LAYER_PREFIX"]
settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = prefix
django.setup()

from telephony import worker_status  # noqa: E402
from telephony.campaigns.by_trunk import TrunkDialler  # noqa: E402
from telephony.tasks import run_campaigns  # noqa: E402


def main(settles: str) -> None:
    worker_status.PREFIX = f"{prefix}:worker:"
    TrunkDialler.settles_after = timedelta(seconds=float(settles))
    while True:
        run_campaigns()
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
