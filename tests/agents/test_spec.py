"""The spec is the one declaration of every knob: these tests hold it to that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

from agents.changes import diff, merge
from agents.spec import SECTIONS, AgentSpec, CollectField, FieldType, Pronunciation, load
from agents.validation import plain, problems_of


def knobs(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from knobs(inner, here)
        else:
            yield here, field


@pytest.mark.parametrize(
    ("path", "field"), [pytest.param(p, f, id=p) for p, f in knobs(AgentSpec) if p != "spec_version"]
)
def test_every_knob_has_a_title_and_a_description(path: str, field: object) -> None:
    assert field.title  # type: ignore[attr-defined]
    assert field.description  # type: ignore[attr-defined]


def test_sections_are_the_groups_of_the_spec() -> None:
    groups = [
        name
        for name, field in AgentSpec.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    assert tuple(groups) == SECTIONS


def test_a_spec_survives_its_json() -> None:
    spec = AgentSpec.model_validate(
        {"name": "Desk", "does": {"collect": [{"key": "phone", "type": "phone", "question": "Your number?"}]}}
    )
    assert load(spec.model_dump(mode="json")) == spec


# As the first release stored it. Never edit it: add the next one below.
STORED_1 = {
    "spec_version": 1,
    "name": "Old desk",
    "says": {
        "prompt": "We open at 9.",
        "first_message": "Hi",
        "first_speaker": "agent",
        "goodbye": "Bye!",
        "ending_phrases": ["bye"],
    },
    "listens": {"endpointing_ms": 800, "barge_in": True, "barge_in_sensitivity": "low"},
}


def test_a_number_to_put_through_to_may_be_written_as_people_write_it() -> None:
    spec = AgentSpec.model_validate({"does": {"transfers": [{"name": "Desk", "address": "+1 (415) 555-0142"}]}})
    assert spec.does.transfers[0].address == "+14155550142"
    assert load(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("word", ["low", "medium", "high"])
def test_the_sensitivities_of_older_releases_still_load(word: str) -> None:
    assert load({**STORED_1, "listens": {"barge_in_sensitivity": word}}).listens.barge_in_sensitivity == word


def test_a_spec_stored_by_an_older_release_still_loads() -> None:
    spec = load(STORED_1)
    assert spec.listens.endpointing_ms == 800
    assert spec.limits == AgentSpec().limits  # knobs it never knew have their defaults
    assert spec.does.transfers == ()


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"listens": {"endpointing_ms": 50}}, "listens.endpointing_ms", "Must be at least 100."),
        ({"listens": {"endpointing_ms": 9000}}, "listens.endpointing_ms", "Must be at most 3000."),
        ({"listens": {"delay": 1}}, "listens.delay", "There is no setting of this name."),
        (
            {"listens": {"endpointing_rules": [{"pattern": "(?=a)b"}]}},
            "listens.endpointing_rules.0.pattern",
            "This is not a pattern that can be searched safely: look-around, including look-ahead and look-behind, is not supported.",
        ),
        (
            {"listens": {"endpointing_rules": [{"pattern": "a", "timeout_ms": -50}]}},
            "listens.endpointing_rules.0.timeout_ms",
            "Must be at least 0.",
        ),
        (
            {"listens": {"endpointing_rules": [{"side": "both", "pattern": "a"}]}},
            "listens.endpointing_rules.0",
            "A rule for both sides needs the caller's words, too.",
        ),
        (
            {"listens": {"endpointing_rules": [{"side": "both", "pattern": "a", "caller_pattern": "(?=a)b"}]}},
            "listens.endpointing_rules.0.caller_pattern",
            "This is not a pattern that can be searched safely: look-around, including look-ahead and look-behind, is not supported.",
        ),
        ({"name": ""}, "name", "This can't be empty."),
        (
            {"sounds": {"pronunciations": [{"word": "Nguyen"}]}},
            "sounds.pronunciations.0",
            "Say how “Nguyen” sounds: fill in “Sounds like” or the IPA.",
        ),
        (
            {"does": {"collect": [{"key": "a", "question": "?"}, {"key": "a", "question": "?"}]}},
            "does.collect",
            "Two fields are called “a”. Give each a name of its own.",
        ),
        (
            {"does": {"collect": [{"key": "size", "type": "choice", "question": "?"}]}},
            "does.collect.0",
            "“size” is a choice: give at least two answers to choose from.",
        ),
        (
            {"does": {"transfers": [{"name": "Desk", "address": "415 555 0142"}]}},
            "does.transfers.0",
            "“Desk”: write the number with its country, such as +14155550142.",
        ),
        (
            {"does": {"transfers": [{"name": "Desk", "to": "sip", "address": "sip:desk@pbx.example;transport=tcp"}]}},
            "does.transfers.0",
            "“Desk”: write the address as sip:desk@pbx.example.",
        ),
        (
            {"does": {"transfers": [{"name": "Billing", "to": "agent", "address": "+14155550142"}]}},
            "does.transfers.0",
            "“Billing”: choose the agent that goes on.",
        ),
        (
            {
                "does": {
                    "transfers": [
                        {"name": "Desk", "address": "+14155550142"},
                        {"name": "desk", "address": "+14155550143"},
                    ]
                }
            },
            "does.transfers",
            "Two are called “desk”. Give each a name of its own.",
        ),
        (
            {"does": {"transfers": [{"name": f"Desk {n}", "address": "+14155550142"} for n in range(21)]}},
            "does.transfers",
            "At most 20 entries.",
        ),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(changes: dict[str, object], path: str, words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        AgentSpec.model_validate(merge(AgentSpec().model_dump(mode="json"), changes))
    assert {"path": path, "message": words} in problems_of(refusal.value)


def test_a_change_names_what_it_changes_and_nothing_else() -> None:
    stored = AgentSpec(name="Desk").model_dump(mode="json")
    merged = AgentSpec.model_validate(merge(stored, {"listens": {"endpointing_ms": 800}}))
    assert [change.path for change in diff(AgentSpec(name="Desk"), merged)] == ["listens.endpointing_ms"]


def test_null_sets_a_knob_back_to_its_default() -> None:
    stored = {"name": "Desk", "listens": {"endpointing_ms": 800, "barge_in": False}}
    merged = AgentSpec.model_validate(merge(stored, {"listens": {"endpointing_ms": None}}))
    assert (merged.listens.endpointing_ms, merged.listens.barge_in) == (500, False)


def test_a_diff_reads_like_the_editor() -> None:
    old = AgentSpec()
    new = AgentSpec.model_validate(
        {
            **old.model_dump(mode="json"),
            "listens": {"endpointing_ms": 800, "barge_in": False},
            "sounds": {"pronunciations": [{"word": "Nguyen", "sounds_like": "win"}]},
        }
    )
    assert [(c.title, c.before, c.after) for c in diff(old, new)] == [
        ("Sounds → Pronunciations", "nothing", "Word: Nguyen; Sounds like: win"),
        ("Listens → Pause before answering", "500 ms", "800 ms"),
        ("Listens → The caller may interrupt", "on", "off"),
    ]


def test_a_diff_calls_choices_what_the_form_calls_them() -> None:
    old = AgentSpec()
    new = AgentSpec.model_validate(
        {
            **old.model_dump(mode="json"),
            "says": {"first_speaker": "caller"},
            "does": {
                "when_to_collect": "always",
                "collect": [
                    {"key": "who", "type": "person", "question": "Who?", "read_back": False},
                    {"key": "size", "type": "choice", "question": "Which?", "choices": ["Small", "Large"]},
                ],
            },
            "listens": {"barge_in_sensitivity": "low"},
        }
    )
    assert [(c.title, c.before, c.after) for c in diff(old, new)] == [
        ("Says → Who speaks first", "The agent", "The caller"),
        (
            "Does → What to collect",
            "nothing",
            "Name: who; Type: A person's name; Question: Who?; Must be answered: on; Read back: off\n"
            "Name: size; Type: One of these; Question: Which?; Choices: Small, Large; Must be answered: on; Read back: on",
        ),
        ("Does → When to ask", "When the caller wants it", "In every call"),
        ("Listens → How easily", "Balanced", "Calm"),
    ]


def test_an_unknown_kind_of_error_keeps_pydantics_words() -> None:
    assert plain({"type": "brand_new", "msg": "No."}) == "No."


def test_the_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        AgentSpec().name = "Other"  # type: ignore[misc]


def test_types_people_collect() -> None:
    assert {kind.value for kind in FieldType} == {
        "person",
        "phone",
        "email",
        "datetime",
        "number",
        "yes_no",
        "choice",
        "text",
    }
    assert CollectField(key="who", question="Who?").read_back
    assert Pronunciation(word="Nguyen", ipa="wɪn").ipa == "wɪn"
