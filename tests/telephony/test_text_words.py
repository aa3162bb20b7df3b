"""What texts that come in ask for: the words that the law and the carriers name, other plain wishes, and what only looks like one."""

from __future__ import annotations

import pytest

from telephony.text_words import meaning

STOP = (
    "STOP", "stop", " Stop. ", "Stop!!", "STOPALL", "stop all", "Quit", "END", "revoke", "opt out", "Opt-out", "OPTOUT", "cancel",
    "Unsubscribe", "please stop", "STOP please", "stop now", "Stop texting me", "stop calling me", "please stop sending me these messages",
    "don't call me again", "Do not text me anymore", "no more texts", "Remove me from your list", "take me off your list", "opt me out",
)  # fmt: skip
ELSEWHERE = (
    "Stopp", "STOPP!", "Bitte abmelden", "Rufen Sie mich nicht mehr an", "Schreibt mir bitte nicht mehr", "Keine SMS mehr", "Nie wieder Anrufe",
    "Löschen Sie meine Nummer aus Ihrer Liste", "BAJA", "alto", "No me llamen más", "no me escriba mas por favor", "No más mensajes",
    "Dejen de llamarme", "Quiero darme de baja", "ARRET", "Arrêtez", "Ne m'appelez plus", "ne me contactez plus svp", "Plus de messages",
    "Arrêtez de m'appeler", "Supprimez mon numéro", "Basta!", "Non chiamatemi più", "non scrivetemi piu", "Niente più messaggi",
    "Smettetela di chiamarmi", "Uitschrijven", "Bel me niet meer", "Geen berichten meer", "Stuur me geen berichten meer",
    "Verwijder mijn nummer", "SAIR", "Não me ligue mais", "nao quero mais mensagens", "Parem de me ligar",
)  # fmt: skip
NOTHING_ELSEWHERE = (
    "Rufen Sie mich bitte morgen an", "Ich habe keine SMS bekommen", "Kann ich den Termin absagen?", "Llámeme más tarde", "No puedo ir mañana",
    "Más información por favor", "Appelez-moi plus tard", "Je ne peux plus venir mardi", "Chiamatemi più tardi", "Non posso più venire",
    "Bel me meer informatie", "Ne m'appelez plus tard",
    "Bel me morgen", "Kan ik niet meer komen?", "Me ligue mais tarde", "Não posso mais ir", "Basta così poco?", "El piso es alto",
)  # fmt: skip
START = ("START", "start", "Unstop", "subscribe", "opt in", "Start please")
HELP = ("HELP", "help!", "info")
NOTHING = (
    "", "…", "Yes", "yes please", "Can you stop by tomorrow?", "Stop by at five", "I don't want to stop", "When does it start?", "the end",
    "Please cancel my appointment on Tuesday", "Please don't call before nine", "I need help with my bill", "no", "ok thanks", "Stopwatch",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (text, means)
        for texts, means in (
            (STOP, "stop"),
            (ELSEWHERE, "stop"),
            (START, "start"),
            (HELP, "help"),
            (NOTHING, ""),
            (NOTHING_ELSEWHERE, ""),
        )
        for text in texts
    ],
)
def test_a_whole_message_is_a_wish_and_a_part_of_one_is_none(text: str, means: str) -> None:
    assert meaning(text) == means
