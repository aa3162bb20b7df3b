"""What is only there for the eye goes away, in every language: markdown, tags, emoji, citations. Pure.

It works on a phrase as it comes: of what was cut in two (a link, a word in bold) neither half is read as signs.
"""

from __future__ import annotations

import html
import re
import unicodedata

_FENCE = re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)?[^\s<>@]+@[^\s<>]+|https?://[^\s<>]+)>")
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,30}\]:?|【[^】]{0,60}】|(?<=[\w.,!?\"')])\s?\[\d{1,3}(?:[,–-]\s?\d{1,3})*\]")
_LINK = re.compile(r"\[([^\[\]]+)\](?:\((?:[^()]|\([^)]*\))*\)|\[[^\]]*\])")
_HALF_LINK = re.compile(r"\]\((?:https?://|mailto:|/|#)(?:[^()\s]|\([^)]*\))*\)?")
_RULE = re.compile(
    r"^[ \t]*(?:(?:[-*_=][ \t]*){3,}|\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?)$", re.MULTILINE
)
_ROW = re.compile(r"^[ \t]*\|(.*?)\|?[ \t]*$", re.MULTILINE)
_TASK = r"(?:\[[ xX]\]\s+)?"
_MONTH = r"(?:Jän|Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)[a-z]*\b"
"""A German date may begin a line: "3. Mai"."""
_LINE_MARK = re.compile(
    rf"^[ \t]*(?:#{{1,6}}\s+|(?:>\s?)+|[-*+•‣·–]\s+{_TASK}|\d{{1,2}}[.)]\s+(?=\D)(?!{_MONTH})|\[\d{{1,3}}\]\s+)",
    re.MULTILINE,
)
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL)
_NO_SPACES = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Scripts whose words stand without spaces, so that bold may begin and end inside of one."""
_HALF_EMPHASIS = re.compile(
    rf"(?<={_NO_SPACES})\*{{2,3}}|\*{{2,3}}(?={_NO_SPACES})|" r"(?<!\w)\*{2,3}(?=\w)|(?<=[\w.,!?])\*{2,3}(?!\w)|`+|~~"
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_SHORTCODE = re.compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,30}:(?![\w:])")
_ARROW = re.compile(r"\s*(?:[\u2190-\u21ff\u27f0-\u27ff\u2794-\u27be]|(?<!\S)[-=]{1,2}>(?!\S))\s*")
_DROPPED = {"So", "Sk", "Cs", "Cf", "Co", "Cc"}
_KEPT = "°©®™\n\t"
_UNSEEN = re.compile(r"[\ufe00-\ufe0f\u20e3]")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_SPACES = re.compile(r"[^\S\n\t]")
_BLANK = re.compile(r"[ \t]{2,}")
_BLANK_LINES = re.compile(r"\n[ \t\n]*\n")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "−": "-", "‑": "-", "‐": "-"})
_PLAIN = re.compile(r"[\w ,.!?;'äöüß-]*")
_ENDS = ".!?:;,…"


def plain(text: str) -> str:
    """Without markdown, tags, emoji; a line is a sentence."""
    if _PLAIN.fullmatch(text) and "_" not in text and "--" not in text and not _LINE_MARK.match(text):
        return " ".join(text.split())
    text = _BLANK.sub(" ", _BLANK_LINES.sub("\n\n", text))
    text = unicodedata.normalize("NFC", _ENTITY.sub(lambda found: html.unescape(found[0]), text))
    text = _COMMENT.sub(" ", _FENCE.sub(" ", text))
    text = _ROW.sub(_cells, _RULE.sub("", _AUTOLINK.sub(r"\1", text)))
    text = _LINE_MARK.sub("", _FOOTNOTE.sub("", _HALF_LINK.sub("", _LINK.sub(r"\1", _IMAGE.sub(r"\1", text)))))
    for _ in range(2):  # bold inside italics
        text = _EMPHASIS.sub(r"\2", text)
    text = _ARROW.sub(", ", _SHORTCODE.sub("", _HALF_EMPHASIS.sub("", _TAG.sub(" ", text))))
    text = "".join(letter for letter in text if letter in _KEPT or unicodedata.category(letter) not in _DROPPED)
    text = _SPACES.sub(" ", _UNSEEN.sub("", text)).translate(_QUOTES)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    ended = [line if line[-1] in _ENDS else line + "." for line in lines if line]
    joined = " ".join(ended)
    return joined if text.rstrip()[-1:] in _ENDS or "\n" in text.strip() else joined[:-1]


def _cells(row: re.Match[str]) -> str:
    """A row of a table: its cells, one after the other."""
    return ", ".join(cell.strip() for cell in re.split(r"(?<!\\)\|", row[1]) if cell.strip())
