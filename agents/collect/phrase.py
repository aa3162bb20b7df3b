"""Free text: the phrase given when asked, or the reason cut from a sentence that says more."""

from __future__ import annotations

import re

from agents.collect.understood import Ask, Understood
from agents.collect.words import flat, strip_fillers, word_set, words

_REASON_FIELD = re.compile(
    r"\b(?:reason|purpose|problem|issue|concern|symptom|about|why|bring|brings|what .* for|help you with|"
    r"treatment|service)\b"
)
_LEAD = re.compile(
    r"^[\W_]*(?:(?:um|uh|er|well|so|oh|okay|ok|yes|yeah|sure|please|and|hi|hello|"
    r"no(?=[^\w\s]|$|\s+(?:it's|it|i|actually|sorry|wait|that's|the|an?|just|for|my)\b)|actually|sorry|i mean|"
    r"i meant|i guess|i think|"
    r"(?:i|as i|like i)(?: already| just)? (?:told you|said)(?: that)?|"
    r"it's for|it is for|it's because(?: of)?|it's about|it's just(?: for)?|it is about|it's|it is|"
    r"it would be(?: for)?|that would be|that's|it'd be|"
    r"just(?: for)?|for|because(?: of)?|about|the reason is(?: that)?|my reason is|to get|to have|i just|"
    r"i'd like(?: to (?:get|have|come in for))?|"
    r"i would like(?: to (?:get|have|come in for))?|i want(?: to (?:get|have))?|i need(?: to (?:get|have|"
    r"come in for))?|i'm coming in for|i'm coming for|"
    r"i'm calling (?:about|because)|i have|i've got|i got|we need|the|an?|some)(?=[\s,.;:]|$)[\s,.;:]*)+"
)
_KEEPS_SUBJECT = re.compile(r"\b(?:because|that|i have|i've got|i got)\s*$")
_CUTS = (
    re.compile(r"\bbecause (?P<what>[^,.;!?]+)"),
    re.compile(r"\b(?:i (?:just )?need|i'd like|i would like|i want|i'm due for|i am due for|come in for|"
        r"coming in for|appointment for|here for|book)"
               r" (?P<what>(?:an?|my|some|to get|to have) [^,.;!?]+)"),
    re.compile(r"\b(?:it's|it is) (?:for|about) (?P<what>(?:an?|my|some) [^,.;!?]+)"),
    re.compile(r"\bi(?: have|'ve got| got| think i have| broke| chipped| lost| cracked) (?P<what>(?:an?|my|"
        r"some) [^,.;!?]+)"),
    re.compile(r"(?P<what>\bmy [a-z ]{2,30}? (?:hurts?|aches?|is (?:broken|hurting|killing me|bleeding|swollen|loose|"
        r"chipped|cracked)|broke|fell out|came out)\b[^,.;!?]*)"),
    re.compile(r"(?P<what>\bthere(?:'s| is) (?:something wrong|a problem) [^,.;!?]+)"),
)  # fmt: skip
_NOT_A_REASON = re.compile(
    r"\b(?:appointment|booking|book|reservation|reserve|schedule|question|help|information|info|know|"
    r"speak|talk|moment|minute|second|time|slot|day|"
    r"message|repeat|ask|phone|number|see (?:the |a )?(?:doctor|dentist))\b|"
    r"^my (?:son|daughter|wife|husband|partner|mother|mom|mum|father|dad|brother|sister|friend|kids?|child|children|boss)$"
)
_STOP = re.compile(
    r"\s+(?:and|but|on|at|so|for|next|this)\s+(?=my\b|i\b|i'd\b|i'm\b|can\b|could\b|tomorrow\b|today\b|;|"
    r"(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)|\s*;"
)
_EMPTY = word_set(
    """
    um uh no yes yeah yep yup nothing what huh hello ok okay sure please and it is the a for i on at my on works fine good correct
    right all exactly that's thanks thank you not it's then
    """
)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the words that lead up to it and without what begins another matter."""
    low = flat(text)
    stop = _STOP.search(low, start, end)
    if stop:
        end = stop.start()
    lead = _LEAD.match(low[start:end])
    if lead and re.search(r"[^\W_]", low[start + lead.end() : end]):
        start += lead.end()
    while end > start and not text[end - 1].isalnum():
        end -= 1
    while end > start and re.search(r"\s+(?:please|thanks|thank you|and|then|on|at|for|is|works)$", low[start:end]):
        end = start + low[start:end].rstrip().rfind(" ")
    return start, end


def understand(text: str, ask: Ask) -> Understood | None:
    if ask.asked:
        clean = re.sub(r"^[;\s,.]+", lambda m: " " * len(m[0]), text)
        start, end = strip_fillers(clean)
        start, end = _trimmed(text, start, end)
        said = [w for w in words(text[start:end]) if w.text not in _EMPTY]
        if said:
            return Understood(text[start:end], text[start:end], 0.8, (start, end))
        return None
    if not _REASON_FIELD.search(f"{ask.field.key.replace('_', ' ')} {ask.field.question.lower()}"):
        return None
    low = flat(text)
    for cut in _CUTS:
        for match in cut.finditer(low):
            start, end = _trimmed(text, *match.span("what"))
            if start < end and not _NOT_A_REASON.search(low[start:end]):
                return Understood(text[start:end], text[start:end], 0.7, (start, end))
    return None
