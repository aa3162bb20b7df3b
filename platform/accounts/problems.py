"""What went wrong, for programs and people: RFC 9457 problem details."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """Answered as ``application/problem+json``. ``title`` names the kind, ``detail`` says what happened and what to do."""

    def __init__(self, status: int, title: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.more = more

    def body(self) -> dict[str, Any]:
        """The members of RFC 9457, section 3.1; ``type`` stays about:blank, since ``title`` says the kind."""
        return {"type": "about:blank", "status": self.status, "title": self.title, "detail": self.detail, **self.more}
