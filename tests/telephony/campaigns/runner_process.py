"""Runs one campaign until it is finished, as a Celery worker would, on a fast clock.

python runner_process.py CAMPAIGN ORGANIZATION SOCKET BEGAN SPEED
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import django

django.setup()

from accounts import tenancy  # noqa: E402
from accounts.models import Organization  # noqa: E402
from telephony.campaigns.models import Campaign  # noqa: E402
from telephony.campaigns.runner import advance  # noqa: E402
from tests.telephony.campaigns.carrier_line import BASE, CarrierLine, FastClock  # noqa: E402


def main(campaign: str, organization_id: str, socket: str, began: str, speed: str) -> None:
    organization = Organization.objects.get(pk=organization_id)
    clock = FastClock(BASE, float(began), float(speed))
    line = CarrierLine(socket, timedelta(seconds=1.5 * float(speed)))
    while True:
        advance(campaign, organization, line, clock)
        with tenancy.use(organization):
            if Campaign.objects.get(pk=campaign).status == Campaign.Status.FINISHED:
                return
        time.sleep(0.15)


if __name__ == "__main__":
    main(*sys.argv[1:])
