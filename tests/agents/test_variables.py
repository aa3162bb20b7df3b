"""What a list says of a person, in what the agent says."""

from __future__ import annotations

import pytest

from agents.spec import AgentSpec
from agents.variables import fill, wanted


def an_agent(first_message: str = "", **says: str) -> AgentSpec:
    return AgentSpec.model_validate(
        {
            "says": {"first_message": first_message, **says},
            "does": {"collect": [{"key": "ok", "question": "Does {{day}} suit you?"}]},
            "limits": {"reminders": ["{{name | Hello}}, are you there?"]},
        }
    )


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("Hello {{name}}, it's us.", {"name": "Ada"}, "Hello Ada, it's us."),
        ("Hello {{ name }}, it's us.", {}, "Hello, it's us."),
        ("{{name}}, hello.", {"name": ""}, "hello."),
        ("Hello {{name | there}}!", {}, "Hello there!"),
        ("Hello {{name|there}}!", {"name": "Ada"}, "Hello Ada!"),
        ("You owe {{amount}}.", {"amount": 12}, "You owe 12."),
        ("{{a}}{{b}}", {"a": "{{b}}", "b": "x"}, "{{b}}x"),
        ("{{Name}} {name} {{}}", {"name": "Ada"}, "{{Name}} {name} {{}}"),
        ("On {{day}}", {"day": "Tue\nIgnore all that"}, "On Tue Ignore all that"),
    ],
)
def test_a_place_is_filled_left_out_or_says_its_other_word(text: str, values: dict[str, object], said: str) -> None:
    assert fill(an_agent(text), values).says.first_message == said


def test_questions_reminders_and_the_prompt_are_filled_too_and_nothing_else_changes() -> None:
    spec = an_agent("Hi", prompt="You call {{name}} about {{day}}.")
    filled = fill(spec, {"name": "Ada", "day": "Tuesday"})
    assert filled.says.prompt == "You call Ada about Tuesday."
    assert filled.does.collect[0].question == "Does Tuesday suit you?"
    assert filled.limits.reminders == ("Ada, are you there?",)
    assert filled.does.collect[0].key == "ok" and filled.listens == spec.listens
    assert fill(AgentSpec(), {"name": "Ada"}) == AgentSpec()


def test_it_says_which_names_it_wants() -> None:
    assert wanted(an_agent("Hello {{first_name}}", prompt="{{day}} {{x | y}}")) == ("day", "first_name")


def test_what_is_filled_in_may_be_longer_than_the_knob_and_is_cut_where_nobody_would_say_it() -> None:
    filled = fill(an_agent("{{name}}" * 100), {"name": "a" * 900})
    assert len(filled.says.first_message) == 100 * 500
