"""What went wrong, for programs and people: RFC 9457 problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Answered as ``application/problem+json``. ``title`` names the kind, ``detail`` says what happened and what to do."""

    def __init__(
        self, status: int, title: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.more = more

    def body(self) -> dict[str, Any]:
        """The members of RFC 9457, section 3.1; ``type`` stays about:blank, since ``title`` says the kind."""
        return {"type": "about:blank", "status": self.status, "title": self.title, "detail": self.detail, **self.more}

    def response(self) -> JsonResponse:
        return JsonResponse(self.body(), status=self.status, content_type=CONTENT_TYPE, headers=self.headers)


def plain(status: int, detail: str, **more: Any) -> Problem:
    """A problem whose kind needs no name beyond its status."""
    return Problem(status, HTTPStatus(status).phrase, detail, **more)
