"""How the API reference writes: methods in their colours, code in running text."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()

COLOURS = {"GET": "blue", "POST": "green", "PATCH": "yellow", "PUT": "yellow", "DELETE": "red"}


@register.filter
def method_colour(method: str) -> str:
    return COLOURS.get(method, "secondary")


@register.filter
def breakable(name: str) -> SafeString:
    """A long name, which may go on in the next line after each underscore."""
    return SafeString(escape(name).replace("_", "_<wbr>"))


@register.filter
def with_code(text: str) -> SafeString:
    """What stands between backticks in a description, as code."""
    return SafeString(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))
