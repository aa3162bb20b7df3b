"""What the session says by itself when something takes long or breaks: short, in the agent's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Lines:
    filler: str
    apology: str
    breakdown: str
    """Said before hanging up for a fault of ours."""
    no_answer: str
    """Said where the mind has nothing to say to what it heard: silence would leave the caller waiting."""
    still: str
    """Said when the wait goes on after ``filler``."""
    back: str
    """Said where the line or our own process had failed, and the caller is still there."""
    another: str
    """In place of ``filler`` every other time."""

    def all(self) -> tuple[str, ...]:
        return (self.filler, self.another, self.still, self.no_answer, self.apology, self.breakdown, self.back)

    def fillers(self, own: Sequence[str] = (), before: int = 0) -> Iterator[str]:
        """For one wait, however long, after so many waits ``before``: never the same twice in a row, in a wait or in two.
        ``own``: the builder's."""
        firsts = tuple(dict.fromkeys(own)) or (self.filler, self.another)
        for number in count(before):
            yield firsts[number % len(firsts)]
            yield self.still


_LINES: dict[str, Lines] = {
    "en": Lines(
        "One moment.",
        "I'm sorry, something went wrong on my side. Could you say that again?",
        "I'm sorry, I have a technical problem. Please call again later.",
        "I'm sorry, I have no answer to that. Could you say it another way?",
        "It takes a little longer, please stay on the line.",
        "I'm sorry, we were cut off for a moment. I'm back.",
        "Just a second, please.",
    ),
    "de": Lines(
        "Einen Moment.",
        "Entschuldigung, bei mir ist etwas schiefgegangen. Können Sie das bitte wiederholen?",
        "Entschuldigung, ich habe ein technisches Problem. Bitte rufen Sie später noch einmal an.",
        "Entschuldigung, darauf habe ich keine Antwort. Können Sie es anders sagen?",
        "Es dauert noch etwas, bitte bleiben Sie dran.",
        "Entschuldigung, wir waren kurz unterbrochen. Ich bin wieder da.",
        "Eine Sekunde, bitte.",
    ),
    "es": Lines(
        "Un momento.",
        "Lo siento, algo ha fallado. ¿Puede repetirlo, por favor?",
        "Lo siento, tengo un problema técnico. Por favor, llame más tarde.",
        "Lo siento, no tengo respuesta a eso. ¿Puede decirlo de otra manera?",
        "Tarda un poco más, por favor no cuelgue.",
        "Disculpe, se cortó por un momento. Ya estoy de vuelta.",
        "Un segundo, por favor.",
    ),
    "fr": Lines(
        "Un instant.",
        "Excusez-moi, j'ai eu un problème. Pouvez-vous répéter, s'il vous plaît ?",
        "Excusez-moi, j'ai un problème technique. Merci de rappeler plus tard.",
        "Excusez-moi, je n'ai pas de réponse à cela. Pouvez-vous le dire autrement ?",
        "Cela prend un peu plus de temps, ne quittez pas.",
        "Excusez-moi, nous avons été coupés un instant. Je suis de retour.",
        "Une petite seconde.",
    ),
    "it": Lines(
        "Un momento.",
        "Mi scusi, qualcosa non ha funzionato. Può ripetere, per favore?",
        "Mi scusi, ho un problema tecnico. La prego di richiamare più tardi.",
        "Mi scusi, non ho una risposta. Può dirlo in un altro modo?",
        "Ci vuole ancora un po', resti in linea per favore.",
        "Mi scusi, siamo stati interrotti per un momento. Sono di nuovo qui.",
        "Un attimo, per favore.",
    ),
    "nl": Lines(
        "Een moment.",
        "Sorry, er ging iets mis. Kunt u dat herhalen?",
        "Sorry, ik heb een technisch probleem. Belt u later alstublieft nog eens.",
        "Sorry, daar heb ik geen antwoord op. Kunt u het anders zeggen?",
        "Het duurt iets langer, blijf alstublieft aan de lijn.",
        "Sorry, de verbinding viel even weg. Ik ben er weer.",
        "Een ogenblik, alstublieft.",
    ),
    "pt": Lines(
        "Um momento.",
        "Desculpe, algo deu errado. Pode repetir, por favor?",
        "Desculpe, estou com um problema técnico. Por favor, ligue mais tarde.",
        "Desculpe, não tenho resposta para isso. Pode dizer de outra forma?",
        "Vai demorar um pouco mais, por favor aguarde na linha.",
        "Desculpe, a ligação caiu por um momento. Já estou de volta.",
        "Só um instante.",
    ),
}


def lines_for(language: str) -> Lines:
    return _LINES.get(language.split("-")[0].lower(), _LINES["en"])
