"""What a caller wants with a sentence, beside asking and answering: to leave, to hear it again, to book, a person (English)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from agents import endings
from agents.collect.simple import yes_or_no
from agents.collect.words import FILLERS, flat, words
from agents.scripted.stems import alike, stem, stems


class Intent(StrEnum):
    NOTHING = "nothing"
    GOODBYE = "goodbye"
    REPEAT = "repeat"
    YES = "yes"
    NO = "no"
    HELP = "help"
    MACHINE = "machine"
    HUMAN = "human"
    THANKS = "thanks"
    GREETING = "greeting"
    HEARS = "hears"
    COLLECT = "collect"
    EXISTING = "existing"
    CANCEL = "cancel"
    WAIT = "wait"
    REFUSE = "refuse"
    UNSURE = "unsure"


_ANYWHERE: tuple[tuple[Intent, str], ...] = (
    (
        Intent.REPEAT,
        r"\b(?:(?:repeat|say) (?:that|it|this|the question|yourself|what you said)(?: again| once more|"
        r" one more time|\b(?! to| for you))|say again|repeat,? please|"
        r"(?:could|can|would) you (?:please )?repeat|please repeat|one more time|once more|come again|"
        r"what did you (?:just )?say|what was (?:that|the question)|"
        r"(?:didn't|did not|couldn't|could not|can't|cannot|don't) (?:quite )?(?:catch|hear|get|"
        r"understand) (?:that|you|it|what you said|the question))\b",
    ),
    (
        Intent.HELP,
        r"\b(?:what (?:all )?can (?:you|i) (?:do|help|ask)|how can you help|what do you do\b(?! if| when|"
        r" about)|can you help me$|what are my options|what are you able)",
    ),
    (
        Intent.MACHINE,
        r"\b(?:are you (?:a |an )?(?:real|robot|human|machine|person|bot|computer|ai\b|recording|automated)|"
        r"am i (?:talking|speaking) to a|who(?:'s| is) this\b|"
        r"who (?:are you\b(?! open| closed)|am i (?:talking|speaking) (?:to|with))|what are you$)",
    ),
    (
        Intent.HUMAN,
        r"\b(?:(?:speak|talk|transfer|connect|put|pass)(?: me)?(?: through| over)?(?: to| with)? (?:a |an |"
        r"the |your |some)?(?:real |live |actual )?(?:person|human|someone|somebody|one\b|agent|operator|"
        r"representative|receptionist|manager|staff|people|being|doctor|dentist|dr)|transfer me|(?:real|live|"
        r"actual) (?:person|human)|human being|an operator|a representative)\b",
    ),
    (
        Intent.CANCEL,
        r"\b(?:forget (?:it|about it|that)|never ?mind|(?:don't|do not) (?:bother|want to (?:book|continue|"
        r"go on|do this|do that)(?: anymore)?)|changed my mind about (?:it|booking|this|that)$|"
        r"cancel (?:that|this|it|everything)|stop (?:this|that|it|asking)|no longer want|"
        r"(?:not|no longer) interested|(?:can't|cannot|won't) (?:come|make it)(?: after all| anymore| any more)?\W*$)",
    ),
    (
        Intent.WAIT,
        r"\b(?:hold on|hang on|(?:wait|just|one|give me)(?: just)? (?:a|one) (?:second|sec|moment|minute)|"
        r"one (?:second|sec|moment|minute)|a (?:second|sec|moment|minute) please|"
        r"bear with me|let me (?:check|see|think|look|find))\b",
    ),
    (
        Intent.REFUSE,
        r"\b(?:(?:i'd|i would) (?:rather|prefer) not|prefer not|rather not|none of your (?:\w+ )?business|(?:don't|"
        r"do not|won't|will not|not going to|not) (?:want to |wanna |like to |feel like )?"
        r"(?:give|giving|say|saying|tell|telling|share|sharing|comfortable)|(?:i )?(?:don't|do not) (?:have|"
        r"own|use) (?:a|an|one|any|that|it|e-?mail|phone)|skip(?: it| that| this)?|pass on|that's private|"
        r"why do you need|no (?:phone|number|e-?mail|comment|thanks|thank you)$|next question)\b",
    ),
    (
        Intent.UNSURE,
        r"\b(?:(?:i )?(?:don't|do not|dunno) (?:know|remember|care|mind)|not sure|no idea|can't remember|i dunno|"
        r"i'm unsure|whatever|any(?:time| day| thing)? (?:is|works|would)|it doesn't matter|doesn't matter|"
        r"(?:can't|cannot|couldn't|can not|didn't|don't) (?:find|see|have|remember|recall)(?: it| that| one)?(?: (?:with me|here|"
        r"right now|anymore|at hand|any more))*$|i(?:'ve)? lost (?:it|that)$)",
    ),
    (Intent.THANKS, r"\b(?:thank you|thanks|thank you so much|cheers|appreciate it|much appreciated)\b"),
)
_ALONE: tuple[tuple[Intent, str], ...] = (
    (
        Intent.REPEAT,
        r"(?:(?:i'm )?sorry|pardon(?: me)?|excuse me|what|huh|what's that|come again|say what|eh|"
        r"again(?: please)?|i beg your pardon|repeat|what do you mean|beg pardon|sorry what|"
        r"repeat that(?: please)?)",
    ),
    (
        Intent.GREETING,
        r"(?:hi|hello|hey|hi there|hello there|good (?:morning|afternoon|evening)|hey there|greetings|"
        r"(?:(?:hi|hello|hey) (?:there )?)?how are you(?: doing)?(?: today)?)",
    ),
    (
        Intent.HEARS,
        r"(?:(?:sorry|hello|hey|hi) )*(?:(?:can|do) you hear me(?: now| okay)?|"
        r"is (?:anyone|anybody|somebody|someone) there|are you (?:still )?there)",
    ),
    (Intent.UNSURE, r"any(?:time| day| date)|whenever|as soon as possible|asap|the (?:soonest|earliest)(?: possible)?"),
    (
        Intent.HELP,
        r"(?:help|help me|i need (?:some )?help|i need (?:some )?information|can you help me|"
        r"i have a question)",
    ),
    (Intent.WAIT, r"(?:wait|hold|moment|one moment|just a moment|just a second|a moment)"),
    (
        Intent.REFUSE,
        r"(?:no|nope|pass|skip|next|no way|i refuse|i don't want to|i don't have one|i don't have any|not now|"
        r"later|no thanks|no thank you)",
    ),
    (Intent.CANCEL, r"(?:stop|cancel|quit|abort)"),
    (
        Intent.GOODBYE,
        r"(?:(?:(?:sorry|i'm sorry|actually|listen) )?i(?:'ve)? (?:(?:have|got|need) to|must|gotta|should) (?:go|run|leave)(?: now)?|"
        r"talk to you later|see you(?: later| then|"
        r" soon| tuesday)?|have a (?:nice|good|great) (?:day|one|evening|weekend)|i'm done|we're done|"
        r"end (?:the )?call|"
        r"that'll be all|that will be all|that's it|that is it|that's everything|nothing else|nothing more|"
        r"i'm good|i'm all set|all good|good night)",
    ),
)
_FINDERS = tuple((intent, re.compile(pattern)) for intent, pattern in _ANYWHERE)
_MATCHERS = tuple((intent, re.compile(pattern)) for intent, pattern in _ALONE)

_QUESTION_START = re.compile(
    r"^\W*(?:(?:and|but|so|oh|ok|okay|well|um|uh|hi|hello|hey|yes|yeah|no|sorry|thanks|thank you|please|"
    r"actually|wait|first|also|great|good|perfect|right|sure|quick question|one (?:more )?(?:question|"
    r"thing))[\s,.!:]+)*"
    r"(?:what|when|where|who|whose|how|which|why|do|does|did|is|are|am|was|can|could|will|would|should|"
    r"may|have you|has|isn't|aren't|don't you|until what|till what|at what|for how|what's|where's|who's|"
    r"how's|when's)\b"
)
_QUESTION_INSIDE = re.compile(
    r"\b(?:i was wondering|wondering (?:if|what|how)|can you tell me|could you tell me|do you know|"
    r"tell me (?:about|what|how|when|where|your)|(?:i'd|i would) like to know|i want to know|"
    r"i need to know|how much|how long)\b"
)
_WANTS = re.compile(
    r"\b(?:i'd like|i would like|i'd love|i want|i wanna|i need|i'm calling (?:to|about|for)|"
    r"i'm looking (?:to|for)|can i|could i|may i|can we|could we|let's|we'd like|we want|we need|"
    r"i have to|would it be possible|is it possible|can you|could you|i'm trying to|i was hoping|please|"
    r"do you have (?:any(?:thing)?|a|an)|yes)\b"
)
_WISHES = re.compile(r"\b(?:i|we)(?:'d| would) (?:like|love)|\b(?:i|we) (?:want|need|wanna)\b")
_PROPOSES = re.compile(
    r"\b(?:possible|available|how about|what about|(?:would|does) .* work(?! (?:on|at|in|with|there|here|every)\b)|is .* (?:okay|ok|free|good|"
    r"fine|alright))\b"
)
_ANNOUNCES = re.compile(
    r"^\W*(?:(?:um|uh|so|well|okay|ok|sorry|wait|actually|hi|hello|yes|yeah|no)[\s,.]+)*(?:(?:can|could|"
    r"may) i (?:just |quickly )?ask (?:you )?"
    r"(?:something|a (?:quick )?question|one (?:more )?(?:thing|question)|another question)|(?:i have|"
    r"i've got|i had) (?:a|one|another|some) (?:more |quick )?questions?|"
    r"(?:just )?(?:a|one) (?:more |quick )?question)(?: first| before (?:that|we go on)| though| for you)?\W*$"
)
_WRONG = re.compile(r"\b(?:wrong|incorrect|not (?:right|correct)|isn't (?:right|correct)|change|mistake)\b")
_OTHER_BUSINESS = re.compile(r"\b(?:cancel|resch\w+|move my|change my|postpone|delay|without)\b")
_HAS_DONE_BEFORE = re.compile(
    r"\b(?:cancel\w*|resch\w+|move|change|postpone|confirm|check(?: on| if| when)?|when is|what time is|where is|look up|find)"
    r"(?: [a-z']+){0,2}? my (?P<what>[a-z]+(?: [a-z]+){0,2})"
)
_HAS_ONE = re.compile(r"\b(?:i|we)(?:'ve| have)(?: got| already| made| booked)* an? (?P<what>[a-z]+(?: [a-z]+)?)")
_LIGHT = frozenset(stems("make take do have leave place submit file arrange get give lodge"))
"""Verbs that say little: who wants to "make a complaint" wants to "complain"."""

_IS_A_VISIT = re.compile(r"\b(?:appointment|visit)\b", re.IGNORECASE)
_SIDE_MATTER = re.compile(r" (?:about|for|on|with|at|regarding|from|in) ", re.IGNORECASE)
COLLECT_MEANING = 0.62
"""Cosine with "I'd like to {intent}" and its like from which on a sentence means it."""
_WISHED_MEANING = 0.52


@dataclass(frozen=True, slots=True)
class Recognised:
    intents: frozenset[Intent]
    collect_score: float = 0.0
    names_it: bool = False
    """Names what the questions are for, if only in part: "a table for eight"."""

    def __contains__(self, intent: Intent) -> bool:
        return intent in self.intents


def ways_to_say(collect_intent: str) -> list[str]:
    """Sentences whose meaning starts the collecting; embedded once."""
    visits = ["I'd like to come in.", "I need to see someone soon."] if _IS_A_VISIT.search(collect_intent) else []
    return [
        *visits,
        f"I'd like to {collect_intent}.",
        f"Can I {collect_intent}?",
        f"I want to {collect_intent}, please.",
        f"{collect_intent.capitalize()}.",
    ]


def is_question(text: str) -> bool:
    """By its words; a question mark alone may be only the caller's uncertain voice."""
    low = flat(text)
    return bool(_QUESTION_START.match(low) or _QUESTION_INSIDE.search(low))


def proposes(text: str) -> bool:
    """ "Is Saturday possible?" puts something forward rather than asks for a fact."""
    return bool(_PROPOSES.search(flat(text)))


def announces(text: str) -> bool:
    """ "Can I ask something first?": the question itself is still to come."""
    return bool(_ANNOUNCES.match(flat(text)))


def is_wrong(text: str) -> bool:
    return bool(_WRONG.search(flat(text)))


def wishes(text: str) -> bool:
    """ "We'd like to come" rather than "can we come"."""
    return bool(_WISHES.search(flat(text)))


def wants(text: str) -> bool:
    return bool(_WANTS.search(flat(text)))


def _least_meaning(text: str) -> float:
    """A plain wish needs less likeness: what else than the agent's business would a caller want?"""
    return _WISHED_MEANING if wishes(text) and not is_question(text) else COLLECT_MEANING


def recognise(
    text: str, ending_phrases: Sequence[str], collect_intent: str, similarity: NDArray[np.float32] | None = None
) -> Recognised:
    """The intents a text shows, several at once. ``similarity``: cosines with ``ways_to_say``, where the meaning is known."""
    low = flat(text)
    said = words(text)
    found: set[Intent] = set()
    core = " ".join(w.text for w in said if w.text not in FILLERS or w.text in ("hi", "hello", "thanks"))
    if not said or all(
        w.text in ("um", "uh", "er", "erm", "hmm", "mm", "hm", "ah", "so", "well", "like", "oh") for w in said
    ):
        return Recognised(frozenset({Intent.NOTHING}))
    for intent, pattern in _FINDERS:
        if pattern.search(low):
            found.add(intent)
    for intent, pattern in _MATCHERS:
        if pattern.fullmatch(core) or pattern.fullmatch(" ".join(w.text for w in said)):
            found.add(intent)
    if endings.is_ending(text, ending_phrases):
        found.add(Intent.GOODBYE)
    if said[0].text in ("hi", "hello", "hey") and len(said) <= 3:
        found.add(Intent.GREETING)
    answer = yes_or_no(text)
    if answer and len(said) <= 8:
        found.add(Intent.YES if answer[0] else Intent.NO)
    if Intent.REFUSE in found and Intent.UNSURE in found:
        found.discard(Intent.UNSURE)
    score = float(similarity.max()) if similarity is not None and similarity.size else 0.0
    named = set(stems(_SIDE_MATTER.split(collect_intent)[0])) - _LIGHT
    heard = set(stems(text))
    shared = {name for name in named if any(alike(name, other) in (1.0, 0.7) for other in heard)}
    is_named = bool(named) and (shared == named or (len(shared) * 2 >= len(named) and wants(text)))
    before = _HAS_DONE_BEFORE.search(low) or _HAS_ONE.search(low)
    if before and any(alike(stem(word), name) for word in before["what"].split() for name in named):
        found.add(Intent.EXISTING)
    if not (Intent.EXISTING in found or _OTHER_BUSINESS.search(low)) and (score >= _least_meaning(text) or is_named):
        found.add(Intent.COLLECT)
        score = max(score, COLLECT_MEANING)
    return Recognised(frozenset(found), round(score, 3), bool(named) and len(shared) * 2 >= len(named))
