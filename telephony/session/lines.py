"""What the session says by itself when something takes long or breaks: short, in the agent's language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lines:
    filler: str
    apology: str
    breakdown: str
    """Said before hanging up for a fault of ours."""

    def all(self) -> tuple[str, ...]:
        return (self.filler, self.apology, self.breakdown)


_LINES: dict[str, Lines] = {
    "en": Lines(
        "One moment.",
        "I'm sorry, something went wrong on my side. Could you say that again?",
        "I'm sorry, I have a technical problem. Please call again later.",
    ),
    "de": Lines(
        "Einen Moment.",
        "Entschuldigung, bei mir ist etwas schiefgegangen. Können Sie das bitte wiederholen?",
        "Entschuldigung, ich habe ein technisches Problem. Bitte rufen Sie später noch einmal an.",
    ),
    "es": Lines(
        "Un momento.",
        "Lo siento, algo ha fallado. ¿Puede repetirlo, por favor?",
        "Lo siento, tengo un problema técnico. Por favor, llame más tarde.",
    ),
    "fr": Lines(
        "Un instant.",
        "Excusez-moi, j'ai eu un problème. Pouvez-vous répéter, s'il vous plaît ?",
        "Excusez-moi, j'ai un problème technique. Merci de rappeler plus tard.",
    ),
    "it": Lines(
        "Un momento.",
        "Mi scusi, qualcosa non ha funzionato. Può ripetere, per favore?",
        "Mi scusi, ho un problema tecnico. La prego di richiamare più tardi.",
    ),
    "nl": Lines(
        "Een moment.",
        "Sorry, er ging iets mis. Kunt u dat herhalen?",
        "Sorry, ik heb een technisch probleem. Belt u later alstublieft nog eens.",
    ),
    "pt": Lines(
        "Um momento.",
        "Desculpe, algo deu errado. Pode repetir, por favor?",
        "Desculpe, estou com um problema técnico. Por favor, ligue mais tarde.",
    ),
}


def lines_for(language: str) -> Lines:
    return _LINES.get(language.split("-")[0].lower(), _LINES["en"])
