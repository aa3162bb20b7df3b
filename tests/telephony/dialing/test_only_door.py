"""Nothing leaves but through the gate: read off the code itself, with holes planted to see that they are found."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
DIALLING = ("telephony/", "agents/")
"""Where carriers and the agents' tools are."""
PACKAGES = ("telephony", "agents", "frontend", "knowledge", "platform")
SPEAKS_ONLY = ("telephony/wire/", "telephony/sip/")
"""They write and read messages and send none."""
GATE = "telephony/dialing/gate.py"
DIALS = {"place", "place_call", "dial", "originate", "refer", "transfer_out"}
"""What functions are called that make a carrier call somebody."""
NAMES_A_NUMBER = {"number", "to", "to_number", "phone", "phone_number", "callee", "target", "destination"}


def holes(source: str, path: str) -> Iterator[str]:
    """Where this file makes a permit or a reservation by itself, or dials without being given a permit."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] == "Permit" and path != GATE:
                yield f"{path}:{node.lineno} makes a permit"
            if (
                (
                    called.startswith("DialReservation(")
                    or ".".join(called.split(".")[-3:-1]) == "DialReservation.objects"
                )
                and called.split(".")[-1] in ("create", "bulk_create", "get_or_create", "update_or_create")
                and path != GATE
            ):
                yield f"{path}:{node.lineno} makes a reservation"
            if called.split(".")[-1] == "DialReservation" and path != GATE:
                yield f"{path}:{node.lineno} makes a reservation"
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and path.startswith(DIALLING)
            and not path.startswith(SPEAKS_ONLY)
            and node.name.lstrip("_") in DIALS
        ):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            kinds = {ast.unparse(each.annotation).split(".")[-1] for each in arguments if each.annotation}
            if "Permit" not in kinds:
                yield f"{path}:{node.lineno} {node.name} dials without a permit"
            if named := NAMES_A_NUMBER & {each.arg for each in arguments}:
                yield f"{path}:{node.lineno} {node.name} takes {named} beside the permit"


def test_nothing_dials_but_with_a_permit_of_the_gate() -> None:
    found, seen = [], 0
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = str(file.relative_to(ROOT))
            if "/node_modules/" in path or "/migrations/" in path:
                continue
            seen += 1
            found += holes(file.read_text(), path)
    assert seen > 100
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "permit = Permit(id, number)",
        "permit = gate.Permit(id, number)",
        "DialReservation.objects.create(number=number)",
        "models.DialReservation.objects.get_or_create(key=key)",
        "DialReservation(number=number).save()",
        "class Twilio:\n    def place(self, number: str) -> None: ...",
        "async def dial(to: str) -> None: ...",
        "def originate(permit: Permit, to: str) -> None: ...",
        "def refer(self, call, target): ...",
    ],
)
def test_a_planted_hole_is_found(planted: str) -> None:
    assert list(holes(planted, "telephony/elsewhere.py"))


def test_the_gate_itself_and_a_dialler_with_a_permit_are_none() -> None:
    assert not list(holes("Permit(id)\nDialReservation.objects.create()", GATE))
    assert not list(holes("def place(self, permit: gate.Permit, order: Order) -> None: ...", "telephony/twilio.py"))
