"""The OpenAPI description, with what the framework leaves out: scopes, how a request fails, and the retry header."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from accounts.auth import ApiKeyAuth
from accounts.idempotency import LONGEST
from accounts.problems import CONTENT_TYPE

TAGS = [
    {"name": "Agents", "description": "What an agent says, hears and does: its draft, and the versions that callers meet."},
    {"name": "Calls", "description": "Start calls from a web page, and read what was said, collected and recorded in them."},
    {"name": "Numbers", "description": "Accounts at telephone companies, the numbers that ring here, and who answers them."},
    {"name": "SIP trunks", "description": "Telephone systems and SIP providers: how you are known there, and which numbers they lead here."},
    {"name": "Text messages", "description": "Sent from your numbers, by you or by an agent whose call is over."},
    {"name": "Campaigns", "description": "Lists of people whom an agent calls, by rules, and what became of each."},
    {"name": "Outgoing calls", "description": "Whom agents may call, how much of it, and whom never again."},
    {"name": "Health", "description": "Whether calls can be taken now."},
]  # fmt: skip

PROBLEM = {
    "title": "Problem",
    "type": "object",
    "description": "What went wrong, as problem details (RFC 9457).",
    "required": ["type", "status", "title", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Always about:blank; the title says the kind.", "examples": ["about:blank"]},
        "status": {"type": "integer", "description": "The HTTP status again.", "examples": [422]},
        "title": {"type": "string", "description": "The kind of problem.", "examples": ["Not valid"]},
        "detail": {
            "type": "string",
            "description": "What happened and what to do, in a sentence for people.",
            "examples": ["draft.listens.endpointing_ms: Choose 3000 or less."],
        },
        "errors": {
            "type": "array",
            "description": "Only where values are wrong (422): each of them.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "Where in the request it is.",
                        "examples": ["draft.listens.endpointing_ms"],
                    },
                    "message": {"type": "string", "description": "What is wrong with it.", "examples": ["Choose 3000 or less."]},
                },
            },
        },
    },
}  # fmt: skip

RETRY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Anything unique to this request. Sent again with the same key, it is done only once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}


class ParleyAPI(NinjaAPI):
    """An API whose description is complete enough to work from."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        return _Description(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)


class _Description(OpenAPISchema):
    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        """With the scopes a key needs, which OpenAPI 3.1 allows for bearer keys, too."""
        security: list[dict[str, Any]] | None = super().operation_security(operation)
        for needed in security or []:
            if ApiKeyAuth.__name__ in needed:
                needed[ApiKeyAuth.__name__] = scopes_of(operation)
        return security

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        details: dict[str, Any] = super().operation_details(operation)
        if "POST" in operation.methods:
            details["parameters"].append(RETRY_KEY)
        responses: dict[int, dict[str, Any]] = details["responses"]
        for status, words in _failures(operation, details).items():
            responses.setdefault(status, {"description": words})
        problem = {"content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        details["responses"] = {
            status: {**response, **(problem if status >= 400 else {})} for status, response in sorted(responses.items())
        }
        return details

    def get_components(self) -> dict[str, Any]:
        self.schemas["Problem"] = PROBLEM
        components: dict[str, Any] = super().get_components()
        return components


def scopes_of(operation: Operation) -> list[str]:
    return [scope for auth in operation.auth_callbacks if isinstance(auth, ApiKeyAuth) for scope in auth.scopes]


def _failures(operation: Operation, details: dict[str, Any]) -> dict[int, str]:
    """What every operation of this shape can answer. What only one can, it says itself in ``openapi_extra``."""
    where = {(parameter["in"], parameter["name"]) for parameter in details["parameters"]}
    sent = {place for place, _ in where} - {"header"}
    found = {
        401: "No key was sent, or one that is revoked or has expired.",
        429: "Too many requests with this key. Retry-After says how many seconds to wait.",
    }
    if scopes := scopes_of(operation):
        found[403] = f"The key lacks the scope {' or '.join(scopes)}."
    if ("query", "cursor") in where:
        found[400] = "The cursor is not one that a page gave out."
    if "path" in sent:
        found[404] = "There is nothing of this id in your organization."
    if "POST" in operation.methods:
        found[409] = "A request with the same Idempotency-Key is still being worked on."
    if sent or "requestBody" in details:
        found[422] = "A value isn't valid; errors says which, and what to send instead."
    return found
