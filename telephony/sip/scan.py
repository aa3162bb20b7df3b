"""Linear scanners over header text (RFC 3261, 25.1). Nothing here goes back over what it has read, so no input is slow."""

from __future__ import annotations

import string

TOKEN = string.ascii_letters + string.digits + "-.!%*_+`'~"
MAX_PAIRS = 1_000
"""Backslashes in one quoted string. Nobody's name has as many."""
_LWS = " \t"
_NOT_IN_A_VALUE = frozenset(' \t"<>,;')


class BadMessage(ValueError):
    """What came is no proper SIP. ``status`` is what a request like that deserves; a response like that is dropped."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def is_token(text: str) -> bool:
    return bool(text) and not text.strip(TOKEN)


def number(text: str, what: str, *, most: int, digits: int = 10) -> int:
    """A decimal number in ASCII digits, leading zeros allowed; never a sign, a blank or another script's digits."""
    if not text or len(text) > 64 or not (text.isascii() and text.isdigit()):
        raise BadMessage(f"{what} is not a number")
    text = text.lstrip("0") or "0"
    found = int(text) if len(text) <= digits else most + 1
    if found > most:
        raise BadMessage(f"{what} is too large")
    return found


def split(text: str, separator: str, *, angles: bool = True) -> list[str]:
    """The parts between the separators that stand outside "quotes" and (if ``angles``) outside <brackets>, stripped.

    Raises :class:`BadMessage` where a quote or a bracket is left open before a separator.
    """
    if separator not in text:
        return [text.strip(_LWS)]
    if '"' not in text and not (angles and ("<" in text or ">" in text)):
        return [part.strip(_LWS) for part in text.split(separator)]
    parts: list[str] = []
    start = at = 0
    size = len(text)
    while at < size:
        char = text[at]
        if char == '"':
            end = text.find('"', at + 1)
            at = end + 1 if end > 0 and text.find("\\", at, end) < 0 else end_of_quote(text, at)
            continue
        if char == separator:
            parts.append(text[start:at].strip(_LWS))
            start = at + 1
        elif angles and char == "<":
            at = text.find(">", at)
            if at < 0:
                raise BadMessage("a < is never closed")
        elif angles and char == ">":
            raise BadMessage("a > was never opened")
        at += 1
    parts.append(text[start:].strip(_LWS))
    return parts


def end_of_quote(text: str, at: int) -> int:
    """The place behind the quoted string that begins at ``at``."""
    at += 1
    for _ in range(MAX_PAIRS):
        end = text.find('"', at)
        if end < 0:
            raise BadMessage("a quotation mark is never closed")
        slash = text.find("\\", at, end)
        if slash < 0:
            return end + 1
        at = slash + 2  # a quoted pair: whatever comes behind the backslash belongs to the text
    raise BadMessage("a quoted string has too many backslashes")


def unquoted(text: str) -> str:
    """A quoted string's text, or the token as it is."""
    if len(text) < 2 or text[0] != '"':
        return text
    inside = text[1:-1]
    if "\\" not in inside:
        return inside
    out: list[str] = []
    at = 0
    while True:
        slash = inside.find("\\", at)
        if slash < 0:
            out.append(inside[at:])
            return "".join(out)
        out.append(inside[at:slash])
        out.append(inside[slash + 1 : slash + 2])
        at = slash + 2


def quoted(text: str) -> str:
    """As a quoted string. Line ends can't be told in one: they become blanks."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\r", " ").replace("\n", " ") + '"'


def params(text: str) -> dict[str, str]:
    """``a=b;c;d="e"`` → names in lower case, values as they stand (quotes included), "" for one without value.

    Of a name that comes twice the first counts.
    """
    found: dict[str, str] = {}
    for part in split(text, ";", angles=False) if '"' in text else text.split(";"):
        part = part.strip(_LWS)
        name, equals, value = part.partition("=")
        if equals:
            if " " in part or "\t" in part:
                name, value = name.rstrip(_LWS), value.lstrip(_LWS)
            if not value:
                raise BadMessage("a parameter's value is missing")
            if value[0] == '"':
                if end_of_quote(value, 0) != len(value):
                    raise BadMessage("something stands behind a quoted parameter")
            elif not _NOT_IN_A_VALUE.isdisjoint(value):
                raise BadMessage("a parameter's value has a character that it may not have")
        if not name or name.strip(TOKEN):
            raise BadMessage("a parameter's name is no token")
        found.setdefault(name.lower(), value)
    return found
