"""Putting the caller through, as a session sees it: whom it asks to do it, and what it says where that didn't work.

the words before, heard ─▶ ``BeingPutThrough`` ─▶ ``PutsThrough.put_through`` ─┬▶ the session ends, for the reason it returns
                            (nothing is asked or answered)                    └▶ ``NotReached`` ─▶ ``NotPutThrough``: said
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Literal, Protocol

from telephony.session.clock import CallClock
from telephony.session.signals import BeingPutThrough, NotPutThrough, Signal

logger = logging.getLogger(__name__)

HANDED_OVER = "handed_over"
"""Why a session ends whose call goes on with another agent. No reason of the call's: nobody is told that it ended."""
LONGEST_MS = 125_000
"""On the call's clock, for somebody else to pick up. Whoever puts through has limits of their own, which are shorter."""

Why = Literal["busy", "no_answer", "not_reached", "not_allowed", "not_from_here", "declined"]
"""What callers are told apart. What people of the team read is longer."""


class NotReached(Exception):
    """The caller was not put through, and is still here. ``words`` are for the call's page."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(words)
        self.why, self.words = why, words


class PutsThrough(Protocol):
    def longest_ms(self, target: str) -> int:
        """``put_through`` to this one has returned by then, on the call's clock."""

    async def put_through(self, target: str) -> str:
        """To the one of this name. Returns why the session ends: ``HANDED_OVER``, or a key of ``telephony.end_reasons.REASONS``.
        Raises :class:`NotReached`."""


class Nobody:
    """Of a call in which nobody can."""

    def longest_ms(self, target: str) -> int:
        return LONGEST_MS

    async def put_through(self, target: str) -> str:
        raise NotReached("not_from_here", "Calls of this kind can't be put through.")


class Transferring:
    """One session's. ``begin`` when the words before were heard."""

    def __init__(
        self,
        by: PutsThrough,
        clock: CallClock,
        language: str,
        happened: Callable[..., None],
        tell: Callable[[Signal], None],
    ) -> None:
        self.leaves_for = ""
        """Why the session ends at its next frame: between two frames somebody else can take the line."""
        self._by, self._clock = by, clock
        self._lines = transfer_lines(language)
        self._happened, self._tell = happened, tell

    def begin(self, target: str) -> Coroutine[None, None, None]:
        """From now on only time passes. Returns what is to be waited for."""
        self._happened("transfer", to=target)
        self._tell(BeingPutThrough())
        return self._put_through(target)

    async def _put_through(self, target: str) -> None:
        why: Why
        try:
            async with self._clock.timeout(self._by.longest_ms(target)):
                self.leaves_for = await self._by.put_through(target)
            return
        except NotReached as error:
            why, words = error.why, error.words
        except Exception as error:  # whoever puts through says what it can; the caller must not be left in silence
            logger.exception("A caller could not be put through.")
            why, words = "not_reached", f"{type(error).__name__}: {error}"
        self._happened("not_put_through", to=target, why=words)
        self._tell(NotPutThrough(self._lines.of(why, target)))


@dataclass(frozen=True, slots=True)
class TransferLines:
    """What the caller hears where it didn't work. ``{name}`` is whom they asked for."""

    busy: str
    no_answer: str
    not_reached: str
    not_allowed: str
    not_from_here: str
    declined: str

    def of(self, why: Why, name: str) -> str:
        lines: dict[Why, str] = {
            "busy": self.busy,
            "no_answer": self.no_answer,
            "not_reached": self.not_reached,
            "not_allowed": self.not_allowed,
            "not_from_here": self.not_from_here,
            "declined": self.declined,
        }
        return lines[why].replace("{name}", name)


_LINES: dict[str, TransferLines] = {
    "en": TransferLines(
        "I'm sorry, the line is busy: {name}. Is there anything I can do for you?",
        "I'm sorry, nobody is picking up: {name}. Is there anything I can do for you?",
        "I'm sorry, I couldn't reach {name}. Is there anything I can do for you?",
        "I'm sorry, I can't put you through to {name} right now. Is there anything I can do for you?",
        "I'm sorry, I can't put you through to {name} from this call. Please call by telephone for that.",
        "I'm sorry, {name} can't take your call right now. Is there anything I can do for you?",
    ),
    "de": TransferLines(
        "Es tut mir leid, dort ist besetzt: {name}. Kann ich etwas für Sie tun?",
        "Es tut mir leid, dort nimmt niemand ab: {name}. Kann ich etwas für Sie tun?",
        "Es tut mir leid, ich habe {name} nicht erreicht. Kann ich etwas für Sie tun?",
        "Es tut mir leid, ich kann Sie gerade nicht verbinden: {name}. Kann ich etwas für Sie tun?",
        "Es tut mir leid, aus diesem Gespräch kann ich Sie nicht verbinden: {name}. Bitte rufen Sie dafür per Telefon an.",
        "Es tut mir leid, {name} kann gerade nicht mit Ihnen sprechen. Kann ich etwas für Sie tun?",
    ),
    "es": TransferLines(
        "Lo siento, la línea está ocupada: {name}. ¿Puedo hacer algo por usted?",
        "Lo siento, nadie contesta: {name}. ¿Puedo hacer algo por usted?",
        "Lo siento, no he podido comunicarle: {name}. ¿Puedo hacer algo por usted?",
        "Lo siento, ahora mismo no puedo pasarle: {name}. ¿Puedo hacer algo por usted?",
        "Lo siento, desde esta llamada no puedo pasarle: {name}. Para eso, llame por teléfono.",
        "Lo siento, ahora no pueden atender su llamada: {name}. ¿Puedo hacer algo por usted?",
    ),
    "fr": TransferLines(
        "Je suis désolé, la ligne est occupée : {name}. Puis-je faire quelque chose pour vous ?",
        "Je suis désolé, personne ne répond : {name}. Puis-je faire quelque chose pour vous ?",
        "Je suis désolé, je n'ai pas pu joindre votre correspondant : {name}. Puis-je faire quelque chose pour vous ?",
        "Je suis désolé, je ne peux pas vous transférer pour le moment : {name}. Puis-je faire quelque chose pour vous ?",
        "Je suis désolé, je ne peux pas vous transférer depuis cet appel : {name}. Merci d'appeler par téléphone.",
        "Je suis désolé, votre appel ne peut pas être pris pour le moment : {name}. Puis-je faire quelque chose pour vous ?",
    ),
    "it": TransferLines(
        "Mi dispiace, la linea è occupata: {name}. Posso fare qualcosa per lei?",
        "Mi dispiace, non risponde nessuno: {name}. Posso fare qualcosa per lei?",
        "Mi dispiace, non sono riuscito a metterla in contatto: {name}. Posso fare qualcosa per lei?",
        "Mi dispiace, al momento non posso passarle l'interno: {name}. Posso fare qualcosa per lei?",
        "Mi dispiace, da questa chiamata non posso passarle nessuno: {name}. Per questo chiami per telefono.",
        "Mi dispiace, in questo momento non possono rispondere: {name}. Posso fare qualcosa per lei?",
    ),
    "nl": TransferLines(
        "Het spijt me, de lijn is bezet: {name}. Kan ik iets voor u doen?",
        "Het spijt me, er neemt niemand op: {name}. Kan ik iets voor u doen?",
        "Het spijt me, ik kon geen verbinding krijgen: {name}. Kan ik iets voor u doen?",
        "Het spijt me, ik kan u nu niet doorverbinden: {name}. Kan ik iets voor u doen?",
        "Het spijt me, vanuit dit gesprek kan ik u niet doorverbinden: {name}. Belt u daarvoor per telefoon.",
        "Het spijt me, uw gesprek kan nu niet worden aangenomen: {name}. Kan ik iets voor u doen?",
    ),
    "pt": TransferLines(
        "Desculpe, a linha está ocupada: {name}. Posso ajudar em alguma coisa?",
        "Desculpe, ninguém atende: {name}. Posso ajudar em alguma coisa?",
        "Desculpe, não consegui contato: {name}. Posso ajudar em alguma coisa?",
        "Desculpe, não posso transferir agora: {name}. Posso ajudar em alguma coisa?",
        "Desculpe, não posso transferir a partir desta chamada: {name}. Para isso, ligue por telefone.",
        "Desculpe, agora não podem atender a sua chamada: {name}. Posso ajudar em alguma coisa?",
    ),
}


def transfer_lines(language: str) -> TransferLines:
    return _LINES.get(language.split("-")[0].lower(), _LINES["en"])
