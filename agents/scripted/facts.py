"""The facts in a prompt: which of its sentences may be said to a caller, and which of them fit a question."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_HEADING = re.compile(
    r"^\s*(?:#{1,6}\s*(?P<hash>.+?)\s*#*|\*\*(?P<bold>[^*]+)\*\*:?|(?P<label>[A-Z][^.!?:]{0,40}):)\s*$"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”']?\s+(?=[\"“']?[A-Z0-9¿¡])")
_ABBREVIATION = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|Ave|Prof|No|vs|approx|e\.g|i\.e|[A-Z])\.$")
_LEANS_ON_THE_LAST = re.compile(
    r"^(?:it|they|this|that|these|those|he|she|its|their|there you|both|otherwise|please|also)\b", re.IGNORECASE
)

_INSTRUCTION = re.compile(
    r"^(?:please |always |never |do not |don't |only |first,? |then,? |when(?:ever)? (?:the |"
    r"a )?(?:caller|customer|user|someone|patient|guest|they)|"
    r"if (?:the |a )?(?:caller|customer|user|someone|patient|guest|person|anyone|they)\b|"
    r"you(?:'re| are| will| should| must| have to| need to| may not| never| always| work| answer| arrange| handle| manage| represent| book|"
    r" take (?:calls|orders|messages|bookings)| speak|"
    r" help| can not| cannot)\b|your (?:name|job|task|role|goal|tone|style|answers|replies)\b|"
    r"(?:be|ask|collect|greet|keep|speak|try|make sure|ensure|answer|respond|reply|use|offer|act|avoid|"
    r"help|tell|say|end|start|begin|confirm|thank|"
    r"introduce|transfer|stay|remember|focus|respect|refer|repeat|take|give|get|find out|let|book|"
    r"schedule|note|write|do|talk|behave|sound|listen|"
    r"wait|apologi[sz]e|mention|explain|provide|gather|request|verify|follow|pretend|imagine|assist|"
    r"direct|hang up|the caller|callers|role|goal|tone|style|instructions?|personality|rules?)\b)",
    re.IGNORECASE,
)
_SAID_TO_THE_CALLER = re.compile(
    r"^(?:please )?(?:bring|come|arrive|call|park|enter|visit|email|check in|wear|ring|book (?:online|at|"
    r"through|by)|use (?:the|our))\b",
    re.IGNORECASE,
)
_ANSWER_RULE = re.compile(
    r"^(?:if|when(?:ever)?) (?:the |a |an )?(?:caller|customer|user|someone|patient|guest|person|anyone|"
    r"they)s? (?:asks?|wants? to know|inquires?|says?) "
    r"(?:about |for |if |whether |how |where )?(?P<topic>[^,]+), (?:please )?(?:say|tell them|answer|"
    r"reply|let them know|explain)(?: that)?:? [\"“]?(?P<answer>[^\"”]+)[\"”]?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the agent knows, as it will be said."""

    text: str
    topic: str = ""
    """The heading it stood under, or what the caller must ask for it: read when matching, not said."""

    @property
    def to_match(self) -> str:
        return f"{self.topic}: {self.text}" if self.topic else self.text


def sentences(line: str) -> list[str]:
    """A line's sentences; "Dr. Patel" and "9 a.m. to 5" stay whole."""
    result: list[str] = []
    for piece in _SENTENCE_END.split(line.strip()):
        if result and (
            _ABBREVIATION.search(result[-1]) or (re.search(r"\b[ap]\.m\.$", result[-1]) and re.match(r"[0-9]", piece))
        ):
            result[-1] += " " + piece
        elif piece.strip():
            result.append(piece.strip())
    return result


def _is_instruction(sentence: str) -> bool:
    return bool(_INSTRUCTION.match(sentence)) and not _SAID_TO_THE_CALLER.match(sentence)


def _as_said(text: str) -> str:
    """With a capital at the start and a full stop at the end, without markup."""
    text = re.sub(r"[*_`]{1,3}([^*_`]+)[*_`]{1,3}", r"\1", text).strip().strip('"“”')
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def split(prompt: str) -> tuple[Fact, ...]:
    """The prompt's facts. What tells the agent how to behave ("You are…", "Always…", "Ask for…") is not one."""
    facts: list[Fact] = []
    heading = ""
    skips_section = False
    for line in prompt.splitlines():
        if not line.strip():
            heading, skips_section = (
                ("", False) if not line.startswith("#") and not heading.startswith("#") else (heading, skips_section)
            )
            continue
        is_bullet = bool(_BULLET.match(line))
        text = _BULLET.sub("", line).strip()
        title = _HEADING.match(text)
        if title and not is_bullet:
            heading = (title["hash"] or title["bold"] or title["label"]).strip(" :")
            skips_section = _is_instruction(heading) or bool(
                re.search(r"\b(?:instructions?|rules?|style|tone|behaviou?r|guidelines)\b", heading, re.I)
            )
            continue
        if skips_section:
            continue
        leans = False
        for sentence in sentences(text):
            rule = _ANSWER_RULE.match(sentence.rstrip("."))
            if rule:
                facts.append(Fact(_as_said(rule["answer"]), rule["topic"]))
                leans = False
            elif leans and facts and _LEANS_ON_THE_LAST.match(sentence):
                last = facts[-1]
                facts[-1] = Fact(f"{last.text} {_as_said(sentence)}", last.topic)
            elif _is_instruction(sentence) or (sentence.endswith("?") and len(sentence) < 200 and not facts):
                leans = False
            else:
                facts.append(Fact(_as_said(sentence), heading))
                leans = True
    return tuple(facts)
