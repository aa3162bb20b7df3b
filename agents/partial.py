"""A settings class with every knob optional: the schema of a PATCH, made from the one declaration."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model


@cache
def partial(model: type[BaseModel]) -> type[BaseModel]:
    """``model`` with all fields optional, group by group, limits and titles kept; unknown names are refused.

    Dump with ``exclude_unset=True`` to get what the client named. ``null`` means "back to the default".
    """
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = partial(kind)
        optional = copy(field)
        optional.default, optional.default_factory = None, None
        optional.annotation = kind | None
        fields[name] = (optional.annotation, optional)
    return create_model(
        f"{model.__name__}Changes",
        __config__=ConfigDict(extra="forbid"),
        __doc__=f"What to change of {model.__name__}.",
        **fields,
    )
