"""Every sentence the script says by itself, in one table a language. Where several stand together they take turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents.spec import FieldType


@dataclass(frozen=True, slots=True)
class Lines:
    not_caught: tuple[str, ...]
    not_known: tuple[str, ...]
    rest_not_known: str
    not_understood: tuple[str, ...]
    not_by_keys: str
    offer: str
    can_do: str
    can_tell: str
    is_machine: str
    no_transfer: str
    greeting: str
    welcome: str
    take_your_time: str
    go_ahead: str
    i_hear: str
    recalled: str
    not_told_yet: str
    no_look_up: str
    drop_it: str
    dropped: str
    kept: str
    anything_else: str
    what_else: str
    what_can_i_do: str
    thanks_name: str
    noted: str
    got: str
    changed: str
    part_of_number: str
    which_day: str
    retry: Mapping[FieldType, tuple[str, ...]]
    back_to: str
    left_open: str
    please_tell: str
    summary: str
    summary_item: str
    is_it_right: str
    right_now: str
    what_to_change: tuple[str, ...]
    ask_anew: str
    kept_as_is: str
    stopped: str
    stop_early: str
    already_done: str
    word_and: str
    word_or: str


ENGLISH = Lines(
    not_caught=("Sorry, I didn't catch that.", "I'm sorry, I couldn't hear that well.", "Sorry, I missed that."),
    not_known=(
        "I'm sorry, I don't know that.",
        "I'm afraid I don't know that either.",
        "I'm sorry, I have no information about that.",
    ),
    rest_not_known="The rest I don't know, I'm sorry.",
    not_understood=(
        "I'm sorry, I didn't understand that.",
        "Sorry, I still don't follow.",
        "I'm sorry, I don't understand. Please try other words.",
    ),
    not_by_keys="I'm sorry, I can't take that from the keypad. Please tell me in words.",
    offer="I can help you {intent}.",
    can_do="I can answer questions, and I can help you {intent}.",
    can_tell="I can answer questions about what I have been told.",
    is_machine="I'm an automated assistant.",
    no_transfer="I'm sorry, I can't transfer you to a person. I'm an automated assistant.",
    greeting="Hello! How can I help you?",
    welcome="You're welcome.",
    take_your_time="Of course, take your time.",
    go_ahead="Of course, go ahead.",
    i_hear="Yes, I can hear you.",
    recalled="For the {label} I have {value}.",
    not_told_yet="I don't have the {label} yet.",
    no_look_up="I can't look up or change anything that was arranged before this call.",
    drop_it="Shall I drop what we have just noted?",
    dropped="Alright, I've dropped it.",
    kept="Alright, I keep it.",
    anything_else="Is there anything else I can help you with?",
    what_else="What else can I do for you?",
    what_can_i_do="What can I do for you?",
    thanks_name="Thank you, {name}.",
    noted="Okay.",
    got="I have {value}.",
    changed="I changed the {label} to {value}.",
    part_of_number="I have {value} so far. What are the other digits?",
    which_day="{value}, and on which day?",
    retry={
        FieldType.PERSON: (
            "I'm sorry, I didn't get the name. Could you say it again?",
            "Could you spell the name for me, letter by letter?",
        ),
        FieldType.PHONE: (
            "I'm sorry, I didn't get the number. Please say it digit by digit, with the area code.",
            "I still don't have a full number. Could you say all the digits once more, slowly?",
        ),
        FieldType.EMAIL: (
            "I'm sorry, I didn't get the address. Please say it like anna, at, gmail, dot, com.",
            "Could you say the e-mail address once more, slowly, with at and dot?",
        ),
        FieldType.DATETIME: (
            "I'm sorry, I didn't get the day. You could say Tuesday at ten, for example.",
            "Which day do you mean? A weekday or a date would be fine.",
        ),
        FieldType.NUMBER: ("I'm sorry, I didn't get the number. How many?", "Could you say just the number?"),
        FieldType.YES_NO: ("I'm sorry, is that a yes or a no?", "Please say yes or no."),
        FieldType.CHOICE: ("I'm sorry, which one? You can choose {choices}.", "Please choose one of these: {choices}."),
        FieldType.TEXT: ("I'm sorry, could you say that again?", "Could you put it in a few words?"),
    },
    back_to="So, {question}",
    left_open="Alright, I'll leave the {label} open.",
    please_tell="I understand, but it would help us to have it.",
    summary="Let me read that back.",
    summary_item="{label}: {value}.",
    is_it_right="Is that right?",
    right_now="Is everything right now?",
    what_to_change=("What should I change?", "Which part is wrong: {labels}?"),
    ask_anew="Alright, the {label} again.",
    kept_as_is="I'm sorry, I'll keep it as I have it, unconfirmed.",
    stopped="Alright, I've stopped there.",
    stop_early="I still need the {missing}. Do you want to stop here?",
    already_done="I already have your details.",
    word_and="and",
    word_or="or",
)

_BY_LANGUAGE = {"en": ENGLISH}


def lines_for(language: str) -> Lines:
    """The table of a language ("en-US"); English where there is none yet."""
    return _BY_LANGUAGE.get(language.partition("-")[0], ENGLISH)
