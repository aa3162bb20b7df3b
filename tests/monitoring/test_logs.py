"""A secret in a log line is a leak. Canaries go in by every door; none may come out."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from monitoring.logs import HIDDEN, configure, redact

CANARY = "canary7Q2x9Zk4"


@pytest.mark.parametrize(
    "value",
    [
        {"password": CANARY},
        {"nested": [{"api_key": CANARY}]},
        {"headers": {"Authorization": f"Bearer {CANARY}"}},
        {"DATABASE_URL": f"postgresql://parley:{CANARY}@db/parley"},
        f"GET /x Authorization: Bearer {CANARY}",
        f"connecting to postgresql://parley:{CANARY}@db:5432/parley",
        f"the key parley_live_{CANARY} was refused",
        f"sk-proj-{CANARY}{CANARY}",
        f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
        f"GET /ws/calls/1/?token={CANARY}&x=1",
        f"GET /sign-in/{CANARY}{CANARY}/",
        f"GET /invitations/{CANARY}{CANARY}/ 200",
        {"cookie": f"sessionid={CANARY}"},
        {"secret": CANARY.encode()},
        CANARY.encode(),
    ],
)
def test_no_secret_is_left(value: object) -> None:
    assert CANARY not in str(redact(value))


@pytest.mark.parametrize(
    "value", [{"call_id": "4f2c", "turns": 3, "ok": True, "none": None}, "The caller said goodbye", [1, 2.5]]
)
def test_what_is_no_secret_stays(value: object) -> None:
    assert redact(value) == value


def test_a_secret_too_deep_to_look_for_is_hidden() -> None:
    deep: object = CANARY
    for _ in range(20):
        deep = {"a": [deep]}
    assert CANARY not in str(redact(deep))


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = structlog.get_config()
    handlers, level = logging.root.handlers[:], logging.root.level
    settings = configure(request.param, "INFO")
    settings["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(settings)
    yield stream
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_both_kinds_of_logger_pass_the_redactor(lines: io.StringIO) -> None:
    structlog.get_logger("a").warning("stored", api_key=CANARY, call_id="c1")
    logging.getLogger("b").warning("sent %s", f"Bearer {CANARY}")
    try:
        raise ValueError(f"refused postgresql://parley:{CANARY}@db/x")
    except ValueError:
        logging.getLogger("c").exception("failed")
    text = lines.getvalue()
    assert CANARY not in text
    assert HIDDEN in text
    assert "c1" in text


def test_json_lines_are_json(lines: io.StringIO, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["lines"] != "json":
        return
    logging.getLogger("x").error("one")
    structlog.get_logger("y").error("two", call_id="c1")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("one", "error", "x")
    assert (second["event"], second["call_id"]) == ("two", "c1")
    assert second["timestamp"].endswith("Z")


@pytest.mark.parametrize(("style", "level"), [("yaml", "INFO"), ("json", "LOUD")])
def test_a_wrong_setting_stops_the_start(style: str, level: str) -> None:
    with pytest.raises(ValueError, match="use "):
        configure(style, level)
