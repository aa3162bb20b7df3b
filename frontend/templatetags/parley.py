"""Template tags every page uses: icons and moments."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.forms import BoundField, widgets
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_vite.core.asset_loader import DjangoViteAssetLoader

from agents.changes import Change
from frontend.queries.lines import Line, changed_lines

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A Tabler icon out of the sprite, which the build makes of the names it finds. With a ``label`` it speaks; without, it is decoration."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" {} width="24" height="24" fill="none" stroke="currentColor"><use href="{}#{}"></use></svg>',
        css, spoken, icons_url(), name,
    )  # fmt: skip


@register.simple_tag
def icons_url() -> str:
    """Where the sprite is: its name has a hash of what is in it, so that browsers keep it until it changes."""
    return str(DjangoViteAssetLoader.instance().generate_vite_asset_url("icons.svg"))


@register.simple_tag
def moment(when: datetime | None, style: str = "datetime", empty: str = "–") -> str:
    """A moment, shown in the viewer's zone by the ``local-time`` island. Styles: datetime, date, time, relative, recent."""
    if when is None:
        return empty
    local = timezone.localtime(when)
    shown = formats.date_format(local, {"date": "DATE_FORMAT", "time": "TIME_FORMAT"}.get(style, "DATETIME_FORMAT"))
    return format_html(
        '<time datetime="{}" data-island="local-time" data-style="{}">{}</time>', when.isoformat(), style, shown
    )


@register.filter
def grouped(number: int) -> str:
    """``1012`` → "1,012", as the language writes it."""
    return formats.number_format(number, force_grouping=True)


@register.filter
def can(membership: object, role: str) -> bool:
    """``{% if membership|can:"editor" %}``: may this member do what ``role`` may?"""
    from accounts.models import Role

    held = getattr(membership, "role", None)
    return held is not None and Role(held).rank >= Role(role).rank


@register.filter("changed_lines")
def _changed_lines(change: Change) -> list[Line]:
    return changed_lines(change.before, change.after)


@register.filter
def control(field: BoundField) -> SafeString:
    """A Django form's control with the kit's classes, tied to its help and its errors."""
    widget = field.field.widget
    if isinstance(widget, widgets.CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, widgets.CheckboxSelectMultiple | widgets.RadioSelect):
        return field.as_widget()
    else:
        css = "form-select" if isinstance(widget, widgets.Select) else "form-control"
    attrs: dict[str, str | bool] = {"class": f"{css} is-invalid" if field.errors else css}
    described = [
        f"{field.auto_id}-{part}" for part, there in (("help", field.help_text), ("errors", field.errors)) if there
    ]
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


@register.filter
def control_kind(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, widgets.CheckboxInput):
        return "checkbox"
    return "group" if isinstance(widget, widgets.CheckboxSelectMultiple | widgets.RadioSelect) else "plain"
