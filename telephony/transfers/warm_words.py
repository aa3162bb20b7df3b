"""What the agent says to the other side of a warm transfer, and what it makes of the answer. Pure.

Keys are understood in every language, words in those of this table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agents import keypad
from agents.collect.simple import yes_or_no
from agents.conversation import Conversation
from agents.mind import Collected, Utterance

LONGEST_ANSWER = 8
"""Words. Who says more than that is telling something, or is a mailbox, and has not said yes."""
MOST_QUOTED = 200
_NO_WORDS = re.compile(r"^\W*$")
_GREETING = re.compile(r"\bgood (?:morning|afternoon|evening|day)\b", re.IGNORECASE)
"""The way somebody picks up, not a yes."""


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class WarmLines:
    question: str
    again: str
    thanks: str
    sorry: str
    said: str
    """``{text}``: the caller's words."""
    yes: str
    """Words that take the call, as a regular expression."""
    no: str


_LINES: dict[str, WarmLines] = {
    "en": WarmLines(
        "To take the call, say yes or press 1. To decline, say no or press 2.",
        "Do you take the call? Yes or 1; no or 2.",
        "Thank you. One moment.",
        "All right, I'll tell the caller. Goodbye.",
        "They said: {text}",
        "",
        "",
    ),
    "de": WarmLines(
        "Um das Gespräch anzunehmen, sagen Sie Ja oder drücken Sie die 1. Um es abzulehnen, sagen Sie Nein oder drücken Sie die 2.",
        "Nehmen Sie das Gespräch an? Ja oder 1; Nein oder 2.",
        "Danke. Einen Moment.",
        "In Ordnung, ich sage es weiter. Auf Wiederhören.",
        "Gesagt wurde: {text}",
        "ja|jawohl|gerne?|klar|okay|ok|natürlich|einverstanden",
        "nein|nee|nicht|leider",
    ),
    "es": WarmLines(
        "Para aceptar la llamada, diga sí o pulse 1. Para rechazarla, diga no o pulse 2.",
        "¿Acepta la llamada? Sí o 1; no o 2.",
        "Gracias. Un momento.",
        "De acuerdo, se lo digo. Adiós.",
        "Ha dicho: {text}",
        "sí|si|claro|vale|de acuerdo|por supuesto|okay|ok",
        "no|ahora no",
    ),
    "fr": WarmLines(
        "Pour prendre l'appel, dites oui ou appuyez sur 1. Pour refuser, dites non ou appuyez sur 2.",
        "Prenez-vous l'appel ? Oui ou 1 ; non ou 2.",
        "Merci. Un instant.",
        "D'accord, je transmets. Au revoir.",
        "La personne a dit : {text}",
        "oui|ouais|d'accord|bien sûr|volontiers|okay|ok",
        "non|pas",
    ),
    "it": WarmLines(
        "Per prendere la chiamata, dica sì o prema 1. Per rifiutarla, dica no o prema 2.",
        "Prende la chiamata? Sì o 1; no o 2.",
        "Grazie. Un momento.",
        "Va bene, lo riferisco. Arrivederci.",
        "Ha detto: {text}",
        "sì|si|certo|va bene|volentieri|okay|ok",
        "no|non",
    ),
    "nl": WarmLines(
        "Om het gesprek aan te nemen, zegt u ja of drukt u op 1. Om te weigeren, zegt u nee of drukt u op 2.",
        "Neemt u het gesprek aan? Ja of 1; nee of 2.",
        "Dank u. Een ogenblik.",
        "Goed, ik geef het door. Tot ziens.",
        "Er werd gezegd: {text}",
        "ja|jawel|graag|prima|natuurlijk|oké|okay|ok",
        "nee|niet",
    ),
    "pt": WarmLines(
        "Para atender, diga sim ou prima 1. Para recusar, diga não ou prima 2.",
        "Atende a chamada? Sim ou 1; não ou 2.",
        "Obrigado. Um momento.",
        "Está bem, vou avisar. Adeus.",
        "A pessoa disse: {text}",
        "sim|claro|pode ser|com certeza|okay|ok",
        "não|nao",
    ),
}


def warm_lines(language: str) -> WarmLines:
    return _LINES.get(language.split("-")[0].lower(), _LINES["en"])


def answer_of(utterance: Utterance, language: str) -> Answer:
    """Whether they take the call. Keys count before words."""
    pressed = utterance.digits.strip("#*")
    if pressed:
        return {"1": Answer.YES, "2": Answer.NO}.get(pressed[-1], Answer.UNCLEAR)
    text = keypad.spoken(utterance.text, utterance.digits)
    if len(text.split()) > LONGEST_ANSWER:
        return Answer.UNCLEAR
    lines = warm_lines(language)
    if not lines.yes:
        found = yes_or_no(_GREETING.sub("", text))
        return Answer.UNCLEAR if found is None else Answer.YES if found[0] else Answer.NO
    if re.search(rf"\b(?:{lines.no})\b", text, re.IGNORECASE):
        return Answer.NO
    return Answer.YES if re.search(rf"\b(?:{lines.yes})\b", text, re.IGNORECASE) else Answer.UNCLEAR


def summary(known: Sequence[Collected], conversation: Conversation, language: str) -> str:
    """The call in short, without a model: what was found out, and what the caller said last. "" where there is nothing."""
    parts = [
        f"{each.key.replace('_', ' ').capitalize()}: {(each.spoken or str(each.value)).rstrip('.')}."
        for each in known
        if each.value not in (None, "")
    ]
    if text := last_words(conversation):
        parts.append(warm_lines(language).said.replace("{text}", text))
    return " ".join(parts)


def last_words(conversation: Conversation) -> str:
    """Of the caller, keys left aside."""
    for turn in reversed(conversation.turns):
        text = keypad.spoken(turn.text, turn.digits).strip() if turn.role == "caller" else ""
        if not _NO_WORDS.match(text):
            return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED].rsplit(' ', 1)[0]} …"
    return ""
