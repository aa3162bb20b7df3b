"""What digits on the keypad mean where a scripted conversation stands: as the words a caller would have said instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agents.scripted.state import Phase, State
from agents.spec import CollectField, FieldType

_YES_NO = {"1": "Yes.", "2": "No."}
_ASKS_YES_OR_NO = (Phase.CHECKING, Phase.STOPPING, Phase.DROPPING)
_ONE_DIGIT_CHOICES = 9
_FEWEST_OF_A_NUMBER = 7
"""Digits that are a telephone number, where nobody has asked for one."""
_HUMAN = "I'd like to speak to a person."
"""Zero, as in other phone menus."""


def in_words(state: State, fields: Mapping[str, CollectField], digits: str) -> str:
    """Empty: nothing that could be meant here."""
    pressed = digits.strip("#*")
    if not pressed.isdigit():
        return ""
    return _answer(state, fields, pressed) or (_HUMAN if pressed == "0" else "")


def _answer(state: State, fields: Mapping[str, CollectField], pressed: str) -> str:
    if state.phase in _ASKS_YES_OR_NO:
        return _YES_NO.get(pressed, "")
    field = fields.get(state.asked or "") if state.phase is Phase.ASKING else None
    match field.type if field is not None else None:
        case FieldType.YES_NO:
            return _YES_NO.get(pressed, "")
        case FieldType.CHOICE if field is not None:
            return field.choices[int(pressed) - 1] if 1 <= int(pressed) <= len(field.choices) else ""
        case FieldType.PHONE | FieldType.NUMBER | FieldType.TEXT:
            return pressed
        case None if len(pressed) >= _FEWEST_OF_A_NUMBER:
            return pressed if any(field.type is FieldType.PHONE for field in fields.values()) else ""
        case _:
            return ""


def whole_answer(state: State, fields: Mapping[str, CollectField]) -> int:
    """So many digits answer what was just asked; 0: nobody knows."""
    field = fields.get(state.asked or "") if state.phase is Phase.ASKING else None
    is_choice = field is not None and field.type is FieldType.CHOICE and len(field.choices) <= _ONE_DIGIT_CHOICES
    is_yes_or_no = state.phase in _ASKS_YES_OR_NO or (field is not None and field.type is FieldType.YES_NO)
    return 1 if is_yes_or_no or is_choice else 0
