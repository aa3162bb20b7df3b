"""Words as the fact search compares them: without endings, small words, and with the everyday words for the same thing (English)."""

from __future__ import annotations

import re
from functools import lru_cache

from agents.collect.words import word_set, words

SMALL = word_set(
    """
    a an the and or but if of to in on at by for with from as is are was were be been am do does did doing done have has had having
    can could will would shall should may might must i i'm i'd i've i'll me my mine we our us you your yours he she it its they them
    their this that these those there here what what's which who who's whom when where where's why how so too very just also about
    into than then not no nor yes please tell know like want need get got go going any some every each all many much more most other
    another okay ok hello hi hey uh um well guys let lets say said give possible wondering don't doesn't isn't aren't can't won't it's
    there's that's you're they're up out off over question ask asking quick actually really right now one thing something anything
    """
)

_SAME = (
    "open hour hours opening close closed closing schedule",
    "cost price charge fee rate expensive cheap dollar euro pound pay",
    "address located location street find situated directions",
    "accept take honor work",
    "insurance insured insurer coverage cover covered",
    "park parking car garage",
    "dentist doctor dr physician",
    "child children kid kids son daughter pediatric toddler family",
    "cancel reschedule move postpone change cancellation",
    "emergency urgent severe pain",
    "pay payment card cash credit visa mastercard instalment installment installments",
    "language speak spanish english",
    "whiten whitening bleach bleaching",
    "check-up checkup exam examination check",
    "cleaning clean hygiene",
    "filling cavity fill",
    "subway metro underground station train bus transit transport tube",
    "weekend saturday sunday",
    "holiday holidays christmas thanksgiving easter",
    "vegetarian vegan meatless",
    "dog pet pets animal animals cat",
    "deliver delivery shipping ship",
    "wifi internet wi-fi wireless",
    "menu food dish meal eat",
    "reservation reserve booking book appointment",
    "wheelchair accessible accessibility disabled ramp stairs elevator lift step",
    "long duration minute minutes",
    "return refund money",
    "discount offer deal senior student",
    "kitchen chef cook",
    "phone telephone number",
    "gift voucher certificate",
    "swelling swollen swell",
    "pain hurt ache toothache sore",
    "dessert sweet cake tiramisu",
)


@lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """The word without a common ending; both sides lose the same, so it need not be a real stem."""
    word = word.removesuffix("'s")
    for ending, keep in (("ies", "y"), ("sses", "ss"), ("ations", "at"), ("ation", "at"), ("ings", ""), ("ing", ""), ("edly", ""), ("ed", ""),
                         ("ers", "er"), ("es", ""), ("s", ""), ("ly", ""), ("e", "")):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + keep
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiosl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


_GROUP: dict[str, frozenset[int]] = {}
for _number, _line in enumerate(_SAME):
    for _word in _line.split():
        _GROUP[stem(_word)] = _GROUP.get(stem(_word), frozenset()) | {_number}


def stems(text: str) -> list[str]:
    """The words that carry meaning, in order."""
    joined = re.sub(r"\b(check|wi)[ -](up|fi)\b", r"\1\2", text, flags=re.IGNORECASE).replace("check-up", "checkup")
    return [stem(w.text) for w in words(joined) if w.text not in SMALL]


def alike(a: str, b: str) -> float:
    """1 for the same word, less for the same matter, 0 for strangers."""
    if a == b:
        return 1.0
    if _GROUP.get(a, frozenset()) & _GROUP.get(b, frozenset()):
        return 0.75
    if min(len(a), len(b)) >= 5 and (a.startswith(b[:5]) or b.startswith(a[:5])):
        return 0.7
    return 0.0
