"""Regular expressions that builders write, searched in a time that grows only with the text: none of them can hold up a call.

The engine is Rust's ``regex``, which pydantic brings along: it never goes back over the text, so it knows no look-around and no
back-references. What a pattern may cost is bounded before it is built: by its length, and by the product of its counted repeats.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_CHARACTERS = 120
MAX_REPEATS = 50
_SEARCHED_CHARACTERS = 500
_COUNTED = re.compile(r"\{(\d*),?(\d*)\}")
_REASON = re.compile(r"error: (.+)")


class Pattern:
    """Upper and lower case are the same to it."""

    __slots__ = ("_search", "text")

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` in plain words where ``text`` is none, or one that costs too much."""
        self.text = text
        self._search = _built(text)

    def is_in(self, text: str) -> bool:
        """Only the end of a long text is searched."""
        return self._search.isinstance_python(text[-_SEARCHED_CHARACTERS:])


@lru_cache(maxsize=512)
def _built(text: str) -> SchemaValidator:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"Use at most {MAX_CHARACTERS} characters.")
    repeats = 1
    for least, most in _COUNTED.findall(text):
        repeats *= max((1, *(min(int(count), 10_000) for count in (least, most) if count)))
    if repeats > MAX_REPEATS:
        raise ValueError(f"The repeat counts in {{…}} come to {repeats:,} together; {MAX_REPEATS} is the most.")
    try:
        return SchemaValidator(core_schema.str_schema(pattern=f"(?i){text}", regex_engine="rust-regex"))
    except SchemaError as error:
        reasons = _REASON.findall(str(error))
        reason = f": {reasons[-1].rstrip('.')}" if reasons else ""
        raise ValueError(f"This is not a pattern that can be searched safely{reason}.") from None
