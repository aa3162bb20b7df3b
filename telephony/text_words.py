"""What a text that comes in asks for, where it asks not to be called or written to, or to be again. Pure.

The law of the United States names words that are an opt-out however a sender would like it (47 CFR 64.1200(a)(10): stop, quit, end, revoke,
opt out, cancel, unsubscribe), and asks to take any other plain wish as one, too; carriers add STOPALL, and START, UNSTOP and HELP (CTIA). "Yes"
is an answer to many questions and no such wish here, though Twilio takes it for START.

Plain wishes are understood in German, Spanish, French, Italian, Dutch and Portuguese, too, whatever language the agent speaks: people write
in their own, and nobody is told in which one to say no.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Means = Literal["", "stop", "start", "help"]

_STOP = frozenset((
    "stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe",
    "stopp", "abmelden", "abbestellen", "austragen", "parar", "alto", "baja", "cancelar", "arret", "arretez", "desabonner", "desinscrire",
    "basta", "disiscrivi", "disiscrivimi", "cancellami", "stoppen", "afmelden", "uitschrijven", "sair", "pare", "descadastrar",
))  # fmt: skip
"""Without accents, as all here."""
_START = frozenset(("start", "unstop", "subscribe", "resubscribe", "opt in", "optin"))
_HELP = frozenset(("help", "info", "hilfe", "ayuda", "aide", "aiuto", "hulp", "ajuda"))
_POLITE = re.compile(
    r"\b(?:please|pls|thanks|thank you|now|ok|bitte|danke|por favor|gracias|s il vous plait|svp|stp|merci|per favore|grazie|alstublieft"
    r"|alsjeblieft|aub|obrigad[oa])\b"
)
_GOES_ON = (
    "all|it|this|that|texting|messaging|calling|contacting|bothering|spamming|sending|writing|texts?|messages?|calls?|sms|"
    "me|us|these|those|your|my|any|more|to|and|or|from|number|phone|anymore|again"
)
_PLAIN = re.compile(
    rf"(?:stop|quit|cease)(?: (?:{_GOES_ON}))+"
    rf"|(?:do not|don t|dont|never) (?:text|call|message|contact|write)(?: (?:{_GOES_ON}))*"
    rf"|no more (?:texts?|messages?|calls?|sms)(?: (?:{_GOES_ON}))*"
    r"|(?:remove|delete) (?:me|my number)(?: from (?:your|the|this) list)?"
    r"|take (?:me|my number) off(?: (?:your|the|this) list)?"
    r"|(?:unsubscribe|opt) (?:me|out)(?: (?:out|me|from this|from these|please))?"
)
"""Wishes in other words: the whole message, never a part of one (“Can you stop by?” is none)."""
_ELSEWHERE = re.compile(
    "|".join((
        # German
        r"(?:ruf(?:en sie|t)?|schreib(?:en sie|t)?|kontaktier(?:en sie|t)?) (?:mich|mir|uns) (?:bitte )?(?:nie|nicht) (?:mehr|wieder)(?: an)?",
        r"(?:keine|nie wieder|nie mehr) (?:sms|nachrichten?|anrufe|werbung)(?: mehr)?|nicht mehr (?:anrufen|schreiben|kontaktieren)",
        r"(?:loschen sie|losch[et]*|streichen sie) (?:mich|meine nummer)(?: (?:aus|von) (?:der|ihrer|eurer) liste)?|melden sie mich ab",
        # Spanish
        r"no (?:me )?(?:llam(?:ar|es|e|en)|escrib(?:ir|as|a|an)|contact(?:ar|es|e|en))(?:me)?(?: (?:mas|nunca|de nuevo))?",
        r"no (?:quiero )?mas (?:mensajes|llamadas|sms)",
        r"dej(?:a|e|en) de (?:llamar|escribir|enviar|contactar|molestar)(?:me|nos)?(?: mensajes)?|(?:quiero )?dar(?:me)? de baja"
        r"|(?:borr|elimin)(?:a|e|en) mi numero(?: de (?:su|la) lista)?",
        # French
        r"ne (?:m |me )(?:appel|contact|ecriv|envoy)\w* plus(?: (?:de|rien|jamais)(?: \w+)?)?|plus de (?:messages?|sms|appels?)",
        r"arret(?:ez|e) de (?:m |me )(?:appeler|contacter|ecrire|envoyer (?:des )?(?:messages|sms))"
        r"|(?:supprim|retir)(?:ez|e) (?:moi|mon numero)(?: de (?:votre|la) liste)?|desabonne(?:z)? moi|desinscrivez moi",
        # Italian
        r"non (?:mi )?(?:chiam|scriv|contatt)(?:ate|ete|are|ere|armi|ermi|atemi|etemi) piu|(?:niente|basta)(?: piu)? (?:messaggi|sms|chiamate)",
        r"smett(?:ete|etela|i|ila) di (?:chiamar|scriver|contattar)mi|cancell(?:ate|a) il mio numero(?: dalla (?:vostra )?lista)?",
        # Dutch
        r"(?:bel|app|sms|contacteer) (?:me|mij|ons) (?:niet|nooit) meer|stuur (?:me|mij|ons) (?:geen (?:berichten|sms)|niets) meer"
        r"|geen (?:berichten|sms|telefoontjes) meer|niet meer (?:bellen|sms en|schrijven)"
        r"|(?:verwijder|schrap) (?:me|mij|mijn nummer)(?: (?:uit|van) (?:uw|jullie|de) lijst)?|schrijf (?:me|mij) uit|meld (?:me|mij) af",
        # Portuguese
        r"nao (?:me )?(?:ligu|escrev|contat|mand|envi)(?:e|em|es|a|am|ar)(?:-?me)? mais(?: (?:mensagens|sms))?",
        r"nao quero mais (?:mensagens|sms|ligacoes)|chega de (?:mensagens|sms|ligacoes)|par(?:e|em) de (?:me )?(?:ligar|escrever|mandar mensagens)",
        r"(?:remov|apagu)(?:a|e|am|em) (?:o )?(?:meu )?numero(?: da (?:sua )?lista)?",
    ))
)  # fmt: skip
"""The same, without accents."""


def meaning(text: str) -> Means:
    words = " ".join(re.sub(r"[^\w\s]|_", " ", _plain(text)).split())
    words = " ".join(_POLITE.sub(" ", words).split())
    if words in _STOP or _PLAIN.fullmatch(words) or _ELSEWHERE.fullmatch(words):
        return "stop"
    if words in _START:
        return "start"
    return "help" if words in _HELP else ""


def _plain(text: str) -> str:
    """In small letters, without accents: “Arrêt”, “más” and “löschen” are often typed so."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each))
