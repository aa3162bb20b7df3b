"""The form that is made of the spec: every knob once, its limits, its errors, and nothing lost on the way through."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.http import QueryDict
from pydantic import BaseModel

from agents.demo_spec import DEMO_SPEC
from agents.spec import SECTIONS, AgentSpec
from frontend.forms.choices import Choices
from frontend.forms.knobs import knob, knobs
from frontend.forms.settings_form import SettingsForm, as_key, settings_form
from frontend.sections import settings_of

FULL = AgentSpec.model_validate(
    {
        **DEMO_SPEC.model_dump(mode="json"),
        "sounds": {
            "pronunciations": [{"word": "Nguyen", "sounds_like": "win"}, {"word": "Siobhan", "ipa": "ʃɪˈvɔːn"}],
            "background_sound": "cafe",
        },
        "does": {
            "collect": [
                {"key": "branch", "type": "choice", "question": "Which branch?", "choices": ["North", "South & East"]},
                {"key": "age", "type": "number", "question": "How old?", "is_required": False, "read_back": False},
            ],
            "transfers": [
                {"name": "Reception", "when": "They want a person.", "address": "+14155550142"},
                {"name": "Desk & bar", "to": "sip", "address": "sip:desk@pbx.example", "words": "Putting you through."},
                {"name": "Billing", "to": "agent", "agent": "0190b1a2-0000-7000-8000-000000000000"},
            ],
            "menu_words": "Press 1 for opening hours, 0 for a person.",
            "menu": [
                {"press": "1", "does": "ask", "words": "When are you open?"},
                {"press": "0", "does": "transfer", "target": "Reception"},
                {"press": "*", "does": "repeat"},
            ],
            "menu_then": "transfer",
            "menu_then_target": "Reception",
        },
        "listens": {
            "barge_in_sensitivity": "snappy",
            "backchannel_words": ["lovely", "I'm with you"],
            "endpointing_rules": [
                {"pattern": r"policy (number|no\.?)\?", "timeout_ms": 2_000},
                {"side": "caller", "pattern": "<b>&", "timeout_ms": 0},
                {"side": "both", "pattern": "policy", "caller_pattern": "^[a-z]$", "timeout_ms": 3_000},
            ],
        },
        "privacy": {"record": False},
    }
)


def form_for(group: str, value: Any = None, data: Any = None, only: list[str] | None = None) -> SettingsForm:
    return settings_form(settings_of(group))(data, value=value or {}, group=group, choices=Choices(), only=only)


def html_of(form: SettingsForm) -> str:
    return "".join(str(shown.control) for shown in form.shown())


def submitted(html: str) -> QueryDict:
    """What a browser would send of a form that nobody touched."""
    html = re.sub(r"<template>.*?</template>", "", html, flags=re.S)
    data = QueryDict(mutable=True)
    pattern = r"<input\b[^>]*>|<textarea\b[^>]*>.*?</textarea>|<select\b[^>]*>.*?</select>"
    for tag in re.findall(pattern, html, flags=re.S):
        name = re.search(r'\bname="([^"]*)"', tag)
        if not name:
            continue
        if tag.startswith("<textarea"):
            text = re.sub(r"^<textarea[^>]*>\n?|</textarea>$", "", tag, flags=re.S)
            data.appendlist(name[1], unescape(text))
        elif tag.startswith("<select"):
            chosen = re.search(r'<option value="([^"]*)" selected', tag)
            data.appendlist(name[1], unescape(chosen[1]) if chosen else "")
        elif 'type="checkbox"' in tag or 'type="radio"' in tag:
            if re.search(r"\bchecked\b", tag):
                value = re.search(r'\bvalue="([^"]*)"', tag)
                data.appendlist(name[1], unescape(value[1]) if value else "on")
        else:
            value = re.search(r'\bvalue="([^"]*)"', tag)
            data.appendlist(name[1], unescape(value[1]) if value else "")
    return data


def test_every_knob_of_the_spec_appears_exactly_once() -> None:
    seen: list[str] = []
    for group in SECTIONS:
        form = form_for(group)
        seen += [f"{group}.{shown.knob.name}" for shown in [*form.plain, *form.expert]]
    declared = [f"{group}.{name}" for group in SECTIONS for name in settings_of(group).model_fields]
    assert sorted(seen) == sorted(declared)
    assert set(AgentSpec.model_fields) == {"spec_version", "name", *SECTIONS}


@pytest.mark.parametrize("group", SECTIONS)
def test_every_control_has_a_name_and_ids_are_unique(group: str) -> None:
    html = re.sub(
        r"<template>.*?</template>", "", html_of(form_for(group, FULL.model_dump(mode="json")[group])), flags=re.S
    )
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for name in settings_of(group).model_fields:
        assert f'name="{group}-{name}"' in html


@pytest.mark.parametrize("spec", [AgentSpec(), DEMO_SPEC, FULL], ids=["defaults", "demo", "full"])
@pytest.mark.parametrize("group", SECTIONS)
def test_what_is_shown_and_sent_back_untouched_changes_nothing(spec: AgentSpec, group: str) -> None:
    stored = spec.model_dump(mode="json")[group]
    form = form_for(group, stored, submitted(html_of(form_for(group, stored))))
    assert form.is_valid(), form.errors
    assert form.changes == {}


@pytest.mark.parametrize("group", SECTIONS)
def test_what_was_stored_comes_back_whole(group: str) -> None:
    """Sent onto a draft of defaults, the form of the full spec makes the full spec."""
    stored = FULL.model_dump(mode="json")[group]
    form = form_for(group, {}, submitted(html_of(form_for(group, stored))))
    assert form.is_valid(), form.errors
    merged = {**settings_of(group)().model_dump(mode="json"), **form.changes}
    assert settings_of(group).model_validate(merged) == getattr(FULL, group)


@pytest.mark.parametrize(
    ("group", "name", "typed", "words"),
    [
        ("listens", "endpointing_ms", "50", "Use a number from 100 to 3,000 ms."),
        ("listens", "endpointing_ms", "9000", "Use a number from 100 to 3,000 ms."),
        ("listens", "endpointing_ms", "510", "in steps of 50 ms"),
        ("listens", "endpointing_ms", "soon", "Use a whole number from 100 to 3,000 ms."),
        ("listens", "endpointing_ms", "", "Use a whole number"),
        ("listens", "barge_in_sensitivity", "jungle", "Choose one of these: Patient, Calm, Balanced, Quick, Snappy."),
        ("listens", "stop_words", "ok\n!!", "Line 2: "),
        ("sounds", "voice_speed", "fast", "Use a number from 0.6 to 1.6 ×."),
        ("sounds", "background_sound", "jungle", "Choose one of these: None, Quiet line, Office, Café."),
        ("says", "first_message", "x" * 1_001, "Use at most 1,000 characters; this has 1,001."),
        ("says", "ending_phrases", "\n".join(["bye"] * 41), "Use at most 40 entries; these are 41."),
        ("says", "ending_phrases", "bye\n" + "x" * 301, "Line 2: Use at most 300 characters; this has 301."),
        ("knows", "base_url", "ftp://x", "Start with http:// or https://."),
    ],
)
def test_limits_are_kept_and_explained_in_plain_words(group: str, name: str, typed: str, words: str) -> None:
    data = QueryDict(mutable=True)
    data[f"{group}-{name}"] = typed
    form = form_for(group, {}, data)
    assert not form.is_valid()
    assert words in str(form.errors[name][0])
    assert form.changes == {}
    if "\n" not in typed and typed != "jungle":
        assert typed in unescape(str(form[name]))  # what was typed is still there


def test_what_is_right_is_saved_beside_what_is_wrong() -> None:
    data = QueryDict("listens-endpointing_ms=5&listens-barge_in=off&listens-keywords=Invisalign")
    form = form_for("listens", {}, data)
    assert not form.is_valid()
    assert set(form.errors) == {"endpointing_ms"}
    assert form.changes == {"barge_in": False, "keywords": ["Invisalign"]}


def test_only_what_was_touched_is_saved() -> None:
    data = QueryDict("limits-max_duration_s=900&limits-reminder_after_s=12")
    form = form_for("limits", {}, data, only=["max_duration_s"])
    assert form.is_valid()
    assert form.changes == {"max_duration_s": 900}


def test_what_is_not_sent_keeps_its_value() -> None:
    form = form_for("does", DEMO_SPEC.model_dump(mode="json")["does"], QueryDict("does-done_message=Thanks."))
    assert form.is_valid()
    assert form.changes == {"done_message": "Thanks."}


def test_a_wrong_row_is_named_with_its_place_and_keeps_its_text() -> None:
    data = QueryDict(mutable=True)
    data.update({"does-collect": "", "does-collect-r0-question": "Name?", "does-collect-r0-key": "name"})
    data.update({"does-collect-n1-question": "Which?", "does-collect-n1-key": "", "does-collect-n1-type": "text"})
    form = form_for("does", {}, data)
    assert not form.is_valid()
    assert "Row 2, Name: Fill this in." in str(form.errors["collect"])
    assert "does-collect-n1-key" in form.row_errors["collect"]
    assert 'value="Which?"' in html_of(form)


def test_rows_keep_the_order_of_the_page_and_blank_ones_are_left_out() -> None:
    data = QueryDict(mutable=True)
    data["does-collect"] = ""
    for row, key in (("n9", "last_name"), ("r0", "phone")):
        data.update(
            {f"does-collect-{row}-question": "?", f"does-collect-{row}-key": key, f"does-collect-{row}-type": "text"}
        )
    data.update({"does-collect-n3-question": "", "does-collect-n3-key": "", "does-collect-n3-type": "text"})
    form = form_for("does", {}, data)
    assert form.is_valid(), form.errors
    assert [row["key"] for row in form.changes["collect"]] == ["last_name", "phone"]


def test_two_questions_of_one_name_are_refused_in_our_own_words() -> None:
    data = QueryDict(mutable=True)
    data["does-collect"] = ""
    for row in ("r0", "r1"):
        data.update({f"does-collect-{row}-question": "Name?", f"does-collect-{row}-key": "name"})
    form = form_for("does", {}, data)
    assert "Two fields are called “name”. Give each a name of its own." in str(form.errors["collect"])


def test_removing_the_last_row_empties_the_list() -> None:
    form = form_for("does", DEMO_SPEC.model_dump(mode="json")["does"], QueryDict("does-collect="))
    assert form.is_valid()
    assert form.changes == {"collect": []}


@pytest.mark.parametrize(
    ("typed", "key"), [("Phone number", "phone_number"), ("  E-mail! ", "e_mail"), ("name", "name"), ("Ünï", "n")]
)
def test_a_name_becomes_a_key(typed: str, key: str) -> None:
    assert as_key(typed) == key


def test_a_changed_knob_says_so_with_its_default() -> None:
    form = form_for("listens", {"endpointing_ms": 700})
    changed = {shown.knob.name: shown for shown in form.shown() if shown.is_changed}
    assert set(changed) == {"endpointing_ms"}
    assert changed["endpointing_ms"].default_words == "500 ms"
    assert form.changed_count == 1


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</textarea><script>"])
def test_what_people_type_is_never_markup(text: str) -> None:
    spec = AgentSpec.model_validate(
        {
            "says": {"prompt": text, "first_message": text, "ending_phrases": [text]},
            "sounds": {"pronunciations": [{"word": text, "sounds_like": text}], "voice": text},
            "knows": {"model": text, "credential": text, "model_name": text},
            "does": {"collect": [{"key": "a", "question": text, "type": "choice", "choices": [text, text]}]},
        }
    )
    for group in SECTIONS:
        html = html_of(form_for(group, spec.model_dump(mode="json")[group]))
        assert text not in html


@pytest.mark.parametrize("group", SECTIONS)
def test_every_knob_has_plain_words_and_is_found_by_them(group: str) -> None:
    for each in knobs(settings_of(group)):
        assert each.title and each.help, each.name
        assert each.title.lower() in each.words
        other = (each.hints.get("when") or each.hints.get("unless") or (None,))[0]
        assert other is None or knob(settings_of(group), other)


def test_any_settings_class_makes_a_form() -> None:
    class Kettle(BaseModel):
        degrees: int = 90
        is_on: bool = False

    form = settings_form(Kettle)(QueryDict("k-degrees=hot&k-is_on=on"), value={}, group="k")
    assert not form.is_valid()
    assert str(form.errors["degrees"][0]).startswith("Use a whole number")
    assert form.changes == {"is_on": True}


def test_a_new_destination_that_nobody_filled_in_is_none_and_a_wrong_one_says_what_is_wrong() -> None:
    html = html_of(form_for("does", {}))
    blank = submitted("".join(re.findall(r"<template>(.*?)</template>", html, flags=re.S)).replace("-new-", "-n1-"))
    untouched = form_for("does", {}, blank, ["transfers"])
    assert untouched.is_valid() and untouched.changes == {}
    blank["does-transfers"], blank["does-transfers-n1-name"], blank["does-transfers-n1-address"] = "", "Desk", "200"
    wrong = form_for("does", {}, blank, ["transfers"])
    assert not wrong.is_valid()
    assert wrong.row_errors["transfers"] == {
        "does-transfers-n1-address": "“Desk”: write the number with its country, such as +14155550142."
    }
    blank["does-transfers-n1-address"] = "+1 415 555 0142"
    right = form_for("does", {}, blank, ["transfers"])
    assert right.is_valid() and right.changes["transfers"][0]["address"] == "+14155550142"


def test_a_wrong_key_of_the_menu_says_what_is_wrong_and_the_menu_may_be_unfinished() -> None:
    html = html_of(form_for("does", {}))
    new = "".join(re.findall(r"<template>(.*?)</template>", html, flags=re.S)).replace("-new-", "-n1-")
    typed = submitted(new)
    assert form_for("does", {}, typed, ["menu"]).changes == {}
    typed["does-menu"], typed["does-menu-n1-press"], typed["does-menu-n1-does"] = "", "1", "say"
    wrong = form_for("does", {}, typed, ["menu"])
    assert not wrong.is_valid()
    assert wrong.row_errors["menu"] == {"does-menu-n1-words": "Key 1: fill in words to say."}, wrong.row_errors
    typed["does-menu-n1-words"] = "We are open."
    right = form_for("does", {}, typed, ["menu"])
    assert right.is_valid() and right.changes["menu"][0]["press"] == "1", "though its words are missing yet"
