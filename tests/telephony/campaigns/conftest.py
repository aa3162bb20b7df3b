"""A campaign's two hands: the carrier that it calls with, and the clock."""

from __future__ import annotations

import pytest

from tests.telephony.campaigns.scripted_line import Clock, Line


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def clock() -> Clock:
    """9:00 in New York, on a Monday."""
    return Clock()
