"""The form of a trunk: the knobs of ``TrunkFields``, those that its provider needs first, and the password beside the user name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from frontend.forms.settings_form import SettingsForm, Shown, settings_form
from telephony.models import Trunk
from telephony.trunks import manage
from telephony.trunks.fields import TrunkFields
from telephony.trunks.presets import OWN, PRESETS, Preset

GROUP = "trunk"


@dataclass(slots=True)
class TrunkForm:
    """``problem``: what is wrong with it as a whole. A password is taken and never given back."""

    form: SettingsForm
    preset: Preset | None
    password: str | None
    """``None``: it stays as it is."""
    has_password: bool = False
    problem: str = ""
    was_typed: bool = False
    """A password was sent with a form that comes back: it must be typed again."""
    shown: Sequence[Shown] = field(default=(), init=False)

    def fields(self) -> TrunkFields | None:
        """What was said; ``None``: something is wrong with it, and the form says what."""
        if not self.form.is_valid():
            return None
        return TrunkFields(**{**self.form.stored, **self.form.changes})

    @property
    def asked(self) -> list[Shown]:
        """What is looked at first, and whatever is wrong."""
        names = ("label", *(self.preset.asks if self.preset else OWN))
        shown = {each.knob.name: each for each in self.form.shown()}
        return [shown[name] for name in names]

    @property
    def more(self) -> list[Shown]:
        names = {each.knob.name for each in self.asked}
        return [each for each in self.form.shown() if each.knob.name not in names]

    @property
    def is_wrong_in_more(self) -> bool:
        return any(each.errors for each in self.more)


def of_new(preset: Preset | None, data: Mapping[str, Any] | None) -> TrunkForm:
    value = preset.filled() if preset else {"registers": True}
    return _form(value, preset, data, has_password=False)


def of_trunk(trunk: Trunk, data: Mapping[str, Any] | None) -> TrunkForm:
    value = manage.fields_of(trunk).model_dump(mode="json")
    return _form(value, PRESETS.get(trunk.preset), data, has_password=bool(trunk.credential))


def _form(
    value: Mapping[str, Any], preset: Preset | None, data: Mapping[str, Any] | None, *, has_password: bool
) -> TrunkForm:
    form = settings_form(TrunkFields)(data, value=value, group=GROUP)
    typed = str(data.get("password", "")) if data is not None else ""
    forgets = data is not None and data.get("forget_password") == "on"
    return TrunkForm(form, preset, typed or ("" if forgets else None), has_password, was_typed=bool(typed))
