"""What the API reference shows: operations in groups, each with everything one needs to call it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.utils.text import slugify

from frontend.reference.examples import example, parameter_example
from frontend.reference.fields import Field, Fields
from frontend.reference.requests import Request
from frontend.reference.schema import Schema

SHORT_LINES = 24
"""A longer example is folded."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    phrase: str
    words: str
    fields: tuple[Field, ...] = ()
    example: str = ""
    is_list: bool = False

    @property
    def is_long(self) -> bool:
        return self.example.count("\n") > SHORT_LINES

    @property
    def is_problem(self) -> bool:
        return self.status >= 400


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    title: str
    help: str
    scopes: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    body_example: Any
    request: Request
    answers: tuple[Answer, ...]

    @property
    def path_parts(self) -> list[str]:
        """Where a browser may break the path: after each slash."""
        return [f"{part}/" for part in self.path.split("/")[:-1]] + [self.path.rpartition("/")[2]]

    @property
    def words(self) -> str:
        """What a search looks in."""
        names = (field.name for field in (*self.parameters, *self.body))
        return " ".join((self.method, self.path, self.title, self.help, *self.scopes, *names)).casefold()

    @property
    def problems(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.is_problem]

    @property
    def successes(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_problem]


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    title: str
    help: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A named object that several operations use."""

    id: str
    title: str
    help: str
    fields: tuple[Field, ...]

    @property
    def words(self) -> str:
        names = (f"{field.above}{field.name} {field.title}" for field in self.fields)
        return " ".join((self.title, self.help, *names)).casefold()


@dataclass(frozen=True, slots=True)
class Reference:
    groups: tuple[Group, ...]
    shapes: tuple[Shape, ...]
    problem: str

    @property
    def count(self) -> int:
        return sum(len(group.operations) for group in self.groups)

    def matching(self, words: str) -> set[str]:
        """The ids of the operations and objects in which each of the words occurs."""
        wanted = words.casefold().split()
        everything: list[Shape | Operation] = [
            *self.shapes,
            *(one for group in self.groups for one in group.operations),
        ]
        return {one.id for one in everything if all(word in one.words for word in wanted)}


def reference(description: Mapping[str, Any], site: str) -> Reference:
    """``description`` is an OpenAPI 3.1 document, ``site`` where the examples send their requests."""
    schemas: dict[str, Schema] = description["components"]["schemas"]
    drawn = Fields(schemas)
    tags: dict[str, list[Operation]] = {tag["name"]: [] for tag in description.get("tags", ())}
    for path, methods in description["paths"].items():
        for method, details in methods.items():
            tag = (details.get("tags") or ["Other"])[0]
            tags.setdefault(tag, []).append(_operation(method.upper(), path, details, drawn, site))
    helps = {tag["name"]: tag.get("description", "") for tag in description.get("tags", ())}
    return Reference(
        tuple(Group(slugify(tag), tag, helps.get(tag, ""), tuple(found)) for tag, found in tags.items() if found),
        tuple(_shapes(drawn, schemas)),
        _json(example(schemas["Problem"], drawn.components, is_sent=False)) if "Problem" in schemas else "",
    )


def anchor(method: str, path: str) -> str:
    """Where an operation is on the page. Made of what integrators see, so that it survives renamed functions."""
    return (
        f"{method.lower()}-{slugify(path.removeprefix('/api/v1').replace('/', '-').replace('{', '').replace('}', ''))}"
    )


def _operation(method: str, path: str, details: Mapping[str, Any], drawn: Fields, site: str) -> Operation:
    components = drawn.components
    url, query = path, {}
    for parameter in details.get("parameters", ()):
        value = parameter_example(parameter, components)
        if parameter["in"] == "path":
            url = url.replace(f"{{{parameter['name']}}}", str(value))
        elif value is not None:
            query[parameter["name"]] = value
    body = details.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    sent = example(body, components, is_sent=True) if body else None
    has_retry_key = any(parameter["in"] == "header" for parameter in details.get("parameters", ()))
    return Operation(
        id=anchor(method, path),
        method=method,
        path=path,
        title=details.get("summary", ""),
        help=details.get("description", ""),
        scopes=tuple(scope for needed in details.get("security", ()) for scopes in needed.values() for scope in scopes),
        parameters=tuple(drawn.parameter(parameter) for parameter in details.get("parameters", ())),
        body=tuple(drawn.of(body)) if body else (),
        body_example=sent,
        request=Request(
            method, site + url, query, sent, is_retryable=has_retry_key and 201 in map(int, details["responses"])
        ),
        answers=tuple(_answers(details["responses"], drawn)),
    )


def _answers(responses: Mapping[Any, Any], drawn: Fields) -> Iterator[Answer]:
    for code, response in responses.items():
        status = int(code)
        phrase = HTTPStatus(status).phrase
        words = response.get("description", "")
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            yield Answer(status, phrase, "Nothing in the body." if status < 300 else words)
            continue
        yield Answer(
            status,
            phrase,
            "" if words in (phrase, "OK") else words,
            tuple(drawn.of(schema)),
            _json(example(schema, drawn.components, is_sent=False)),
            is_list=drawn.components.resolve(schema).get("type") == "array",
        )


def _shapes(drawn: Fields, schemas: Mapping[str, Schema]) -> Iterator[Shape]:
    for name in schemas:
        if name in drawn.elsewhere:
            words = str(schemas[name].get("description", ""))
            yield Shape(f"object-{slugify(name)}", name, words, tuple(drawn.of(schemas[name])))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
