"""Whom the caller wants to be put through to: by the name they say, by asking for a person, or by what they mean (English)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.collect.words import flat
from agents.scripted.intents import Intent, Recognised, is_question, wishes
from agents.scripted.matching import Vectors
from agents.scripted.stems import alike, stems
from agents.scripted.telling import Heard
from agents.transfers import TransferTarget, Way

MEANT = 0.62
"""Cosine with a reason to put somebody through from which on a sentence means it."""
_WISHED = 0.54
"""For a plain wish."""
_ASKED = 0.72
"""For a question: the agent may know the answer itself."""

_REQUEST = re.compile(
    r"\b(?:(?:speak|talk|chat)(?:ing)? (?:to|with)|(?:put|pass|get|connect|transfer|forward|send|switch)(?: me)?(?: (?:through|over|on))*"
    r"(?: (?:to|with|onto))?|(?:give|get|reach) me|transfer|(?:i'm looking|looking|asking) for|reach)\b"
)
_REFUSES = re.compile(
    r"\b(?:don't|do not|not|never|no need to|rather not)\b[^.?!]{0,24}"
    r"\b(?:speak|talk|put|pass|connect|transfer|forward|switch)\b"
)
_A_PERSON = re.compile(
    r"\b(?:person|human|someone|somebody|people|operator|representative|receptionist|reception|staff|front desk|switchboard|colleague)\b"
)
_THE_CALLER = re.compile(
    r"^(?:if |when |whenever )?(?:the |a )?(?:caller|they|people|somebody|someone|customer)s? "
    r"(?:would like to|wants? to|wishes to|needs? to|asks? to)\s+",
    re.IGNORECASE,
)
_THE_CALLER_HAS = re.compile(
    r"^(?:if |when |whenever )?(?:the |a )?(?:caller|they|people|somebody|someone|customer)s? "
    r"(?P<verb>wants?|asks? (?:for|about)|needs?|has|have)\s+",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")


def ways_to_ask(target: TransferTarget) -> list[str]:
    """Sentences that ask for it, in the caller's words; embedded once."""
    return [
        f"I'd like to speak to {target.name}.",
        f"Put me through to {target.name}, please.",
        *(_as_asked(reason) for reason in _SENTENCES.split(target.when.strip()) if reason),
    ]


def _as_asked(reason: str) -> str:
    """ "The caller wants to cancel a contract." is "I want to cancel a contract."."""
    if match := _THE_CALLER.match(reason):
        return f"I want to {reason[match.end() :]}"
    if match := _THE_CALLER_HAS.match(reason):
        verb = match["verb"].lower()
        mine = "I have" if verb in ("has", "have") else "I want"
        return f"{mine} {reason[match.end() :]}"
    return reason


class Destinations:
    """An agent's targets, ready to be asked for."""

    def __init__(self, targets: Sequence[TransferTarget], vectors: Vectors) -> None:
        """``vectors``: those of ``texts(targets)``."""
        self._targets = tuple(targets)
        self._vectors: list[Vectors] = []
        at = 0
        for target in self._targets:
            count = len(ways_to_ask(target))
            self._vectors.append(vectors[at : at + count])
            at += count

    @staticmethod
    def texts(targets: Sequence[TransferTarget]) -> list[str]:
        return [text for target in targets for text in ways_to_ask(target)]

    def asked_for(self, heard: Heard, intents: Recognised, *, best_other: float = 0.0) -> TransferTarget | None:
        """``best_other``: how well a fact answers what was said, or how much it means what the questions are for; meaning alone must
        be more."""
        low = flat(heard.text)
        if not self._targets or _REFUSES.search(low):
            return None
        scores = [float((vectors @ heard.vectors[0]).max()) for vectors in self._vectors]
        if _REQUEST.search(low) and (named := self._named(heard.text, scores)):
            return named
        best = max(range(len(scores)), key=scores.__getitem__)
        needed = _ASKED if is_question(heard.text) else _WISHED if wishes(heard.text) else MEANT
        if scores[best] >= max(needed, best_other):
            return self._targets[best]
        asks_for_one = Intent.HUMAN in intents and Intent.MACHINE not in intents  # "Are you a real person?" wants none
        return self._a_person() if asks_for_one else None

    def _named(self, text: str, scores: Sequence[float]) -> TransferTarget | None:
        """Every word of its name was said; of several that the one with the longest name, then the likeliest."""
        said = set(stems(text))
        found = []
        for index, target in enumerate(self._targets):
            name = set(stems(target.name))
            if name and all(any(alike(word, other) in (1.0, 0.7) for other in said) for word in name):
                found.append((len(name), scores[index], index))
        return self._targets[max(found)[2]] if found else None

    def _a_person(self) -> TransferTarget | None:
        """Whoever is nearest to "a person": one whose reason or name says so, else the first that is no agent of ours."""
        people = [target for target in self._targets if target.to is not Way.AGENT]
        says_so = [target for target in people if _A_PERSON.search(flat(f"{target.name} {target.when}"))]
        return next(iter([*says_so, *people]), None)
