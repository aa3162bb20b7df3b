"""How calls are written on a page: lengths, waits, endings."""

from __future__ import annotations

from django import template

from frontend.queries.calls import Ending, collected_summary, ending
from frontend.queries.waits import clock, lasting, wait_words
from telephony.models import Call

register = template.Library()

register.filter("clock", clock)
register.filter("lasting", lasting)
register.filter("collected_summary", collected_summary)


@register.filter
def wait(ms: object) -> str:
    """Nothing where nobody waited: a template knows a missing key as an empty string."""
    return wait_words(ms) if isinstance(ms, int | float) else ""


@register.filter("ending")
def _ending(call: Call) -> Ending:
    return ending(call)
