"""What every group of knobs is made of; ``agents.spec`` says what the hints mean."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


def hint(**extra: Any) -> dict[str, Any]:
    """Hints for the form, in the place pydantic keeps what JSON Schema has no word for."""
    return extra


class Settings(BaseModel):
    """A group of knobs. Frozen: a running call can't be changed under its feet. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)
