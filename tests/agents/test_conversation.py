"""What was said, cut at what was heard."""

from __future__ import annotations

from agents.conversation import Conversation, Said


def test_an_agents_turn_grows_phrase_by_phrase() -> None:
    conversation = Conversation()
    conversation.caller_said("When are you open?")
    conversation.agent_said("From eight to five.")
    conversation.agent_goes_on("Not on Sunday.")
    assert conversation.turns == [
        Said("caller", "When are you open?"),
        Said("agent", "From eight to five. Not on Sunday.", intended="From eight to five. Not on Sunday."),
    ]


def test_a_cut_leaves_what_was_heard_and_remembers_what_was_meant() -> None:
    conversation = Conversation()
    conversation.agent_said("From eight to five.")
    conversation.cut_agent("From eight", intended="From eight to five. Not on Sunday.")
    assert conversation.last_agent == Said("agent", "From eight", "From eight to five. Not on Sunday.", was_cut=True)


def test_a_cut_is_of_the_agents_last_turn() -> None:
    conversation = Conversation()
    conversation.agent_said("Hello.")
    conversation.agent_said("How are you?")
    conversation.caller_said("Wait")
    conversation.cut_agent("How")
    assert [turn.text for turn in conversation.turns] == ["Hello.", "How", "Wait"]


def test_nothing_said_is_nothing_to_cut() -> None:
    conversation = Conversation()
    conversation.cut_agent("")
    assert conversation.turns == []
    assert conversation.last_agent is None
