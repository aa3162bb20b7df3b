"""Template tags every page uses: icons and moments."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A Tabler icon out of the sprite, which the build makes of the names it finds. With a ``label`` it speaks; without, it is decoration."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else format_html('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" {} width="24" height="24" fill="none" stroke="currentColor"><use href="{}#{}"></use></svg>',
        css, spoken, icons_url(), name,
    )  # fmt: skip


@register.simple_tag
def icons_url() -> str:
    return static("dist/icons.svg")


@register.simple_tag
def moment(when: datetime | None, style: str = "datetime", empty: str = "–") -> str:
    """A moment, shown in the viewer's zone by the ``local-time`` island. Styles: datetime, date, time, relative."""
    if when is None:
        return empty
    local = timezone.localtime(when)
    shown = formats.date_format(local, {"date": "DATE_FORMAT", "time": "TIME_FORMAT"}.get(style, "DATETIME_FORMAT"))
    return format_html(
        '<time datetime="{}" data-island="local-time" data-style="{}">{}</time>', when.isoformat(), style, shown
    )


@register.filter
def can(membership: object, role: str) -> bool:
    """``{% if membership|can:"editor" %}``: may this member do what ``role`` may?"""
    from accounts.models import Role

    held = getattr(membership, "role", None)
    return held is not None and Role(held).rank >= Role(role).rank
