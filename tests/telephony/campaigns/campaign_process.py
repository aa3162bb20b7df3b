"""The Celery task that runs campaigns, again and again, in a process that can be killed.

python campaign_process.py SETTLES

The carrier here answers at once, so what it has not said after ``SETTLES`` seconds, it never will.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import django

django.setup()

from telephony.campaigns.by_phone import PhoneDialler  # noqa: E402
from telephony.tasks import run_campaigns  # noqa: E402


def main(settles: str) -> None:
    PhoneDialler.settles_after = timedelta(seconds=float(settles))
    while True:
        run_campaigns()
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
