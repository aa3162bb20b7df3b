"""One request, ready to run: for the shell and for Python."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

KEY = "PARLEY_KEY"
SHORT = 60


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    query: dict[str, Any]
    body: Any = None
    is_retryable: bool = False
    """It makes something, so a repetition should send the same Idempotency-Key."""

    @property
    def has_answer(self) -> bool:
        return self.method != "DELETE"

    def curl(self) -> str:
        address = f"{self.url}?{urlencode(self.query)}" if self.query else self.url
        method = "" if self.method == "GET" else f"-X {self.method} "
        parts = [f"curl {method}{shlex.quote(address)}", f'-H "Authorization: Bearer ${KEY}"']
        if self.is_retryable:
            parts.append('-H "Idempotency-Key: $(uuidgen)"')
        if self.body is not None:
            parts.append('-H "Content-Type: application/json"')
            parts.append("-d " + shlex.quote(json.dumps(self.body, indent=2, ensure_ascii=False)))
        return " \\\n  ".join(parts)

    def python(self) -> str:
        headers = [f'"Authorization": f"Bearer {{os.environ[\'{KEY}\']}}"']
        if self.is_retryable:
            headers.append('"Idempotency-Key": str(uuid.uuid4())')
        lines = ["import os", *(["import uuid"] if self.is_retryable else []), "", "import httpx", ""]
        lines += [f"answer = httpx.{self.method.lower()}(", f"    {_text(self.url)},"]
        lines += ["    headers={", *(f"        {header}," for header in headers), "    },"]
        if self.query:
            lines.append(f"    params={_python(self.query)},")
        if self.body is not None:
            lines.append(f"    json={_python(self.body)},")
        lines += [")", "answer.raise_for_status()"]
        return "\n".join([*lines, "print(answer.json())"] if self.has_answer else lines)


def _python(value: Any) -> str:
    short = _inline(value)
    return short if len(short) <= SHORT else _nested(value, 1)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _text(value) if isinstance(value, str) else repr(value)


def _nested(value: Any, depth: int) -> str:
    inside, end = "    " * (depth + 1), "    " * depth
    if isinstance(value, dict) and value:
        rows = [f"{inside}{_text(key)}: {_nested(each, depth + 1)},\n" for key, each in value.items()]
        return "{\n" + "".join(rows) + end + "}"
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inside}{_nested(each, depth + 1)},\n" for each in value) + end + "]"
    return _inline(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
