"""What texts that come in ask for: the words that the law and the carriers name, other plain wishes, and what only looks like one."""

from __future__ import annotations

import pytest

from telephony.text_words import meaning

STOP = (
    "STOP", "stop", " Stop. ", "Stop!!", "STOPALL", "stop all", "Quit", "END", "revoke", "opt out", "Opt-out", "OPTOUT", "cancel",
    "Unsubscribe", "please stop", "STOP please", "stop now", "Stop texting me", "stop calling me", "please stop sending me these messages",
    "don't call me again", "Do not text me anymore", "no more texts", "Remove me from your list", "take me off your list", "opt me out",
)  # fmt: skip
START = ("START", "start", "Unstop", "subscribe", "opt in", "Start please")
HELP = ("HELP", "help!", "info")
NOTHING = (
    "", "…", "Yes", "yes please", "Can you stop by tomorrow?", "Stop by at five", "I don't want to stop", "When does it start?", "the end",
    "Please cancel my appointment on Tuesday", "Please don't call before nine", "I need help with my bill", "no", "ok thanks", "Stopp",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (text, means)
        for texts, means in ((STOP, "stop"), (START, "start"), (HELP, "help"), (NOTHING, ""))
        for text in texts
    ],
)
def test_a_whole_message_is_a_wish_and_a_part_of_one_is_none(text: str, means: str) -> None:
    assert meaning(text) == means
