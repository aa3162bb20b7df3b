"""What a few words mean for turn-taking."""

from __future__ import annotations

import pytest

from agents.spec import CollectField, FieldType
from telephony.session.words import AskedFor, Ending, Kind, OwnWords, cleaned, ending_of, kind_of, normalised, pause_ms


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.NOTHING),
        ("[BLANK_AUDIO]", Kind.NOTHING),
        ("(coughs)", Kind.NOTHING),
        ("♪ music ♪", Kind.NOTHING),
        ("...", Kind.NOTHING),
        ("Mm-hm.", Kind.BACKCHANNEL),
        ("Mm-hmm. Okay.", Kind.BACKCHANNEL),
        ("Yeah, right, I see.", Kind.BACKCHANNEL),
        ("Uh-huh", Kind.BACKCHANNEL),
        ("Stop!", Kind.STOP),
        ("No, that's wrong", Kind.STOP),
        ("Wait a second", Kind.STOP),
        ("But I said Monday", Kind.STOP),
        ("Nobody told me", Kind.WORDS),
        ("What about Sunday?", Kind.WORDS),
        ("okay okay okay okay okay I have a question", Kind.WORDS),
        ("Bye.", Kind.WORDS),
        ("Hello?", Kind.WORDS),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    assert kind_of(text, "en-US") is kind


@pytest.mark.parametrize(
    ("text", "nods", "stops", "kind"),
    [
        pytest.param("Lovely!", ["lovely"], [], Kind.BACKCHANNEL, id="an own nod"),
        pytest.param("Okay, lovely.", ["Lovely"], [], Kind.BACKCHANNEL, id="beside the language's"),
        pytest.param("Lovely, and on Sunday?", ["lovely"], [], Kind.WORDS, id="not with more after it"),
        pytest.param("No.", ["no"], [], Kind.BACKCHANNEL, id="the own list counts before the language's"),
        pytest.param("No, that's wrong", ["no"], [], Kind.STOP, id="but only where there is nothing else"),
        pytest.param("I am with you on that", ["I am with you on that!"], [], Kind.BACKCHANNEL, id="a long one, whole"),
        pytest.param("Operator", [], ["operator"], Kind.STOP, id="an own stop"),
        pytest.param("please, a human being", [], ["human being"], Kind.STOP, id="anywhere in what was said"),
        pytest.param("humanly", [], ["human"], Kind.WORDS, id="as a word of its own"),
        pytest.param("right", [], ["Right."], Kind.STOP, id="a language's nod made a stop"),
        pytest.param("enough", ["enough"], ["enough"], Kind.STOP, id="a word in both lists stops"),
        pytest.param("enough", ["...", ""], ["!"], Kind.STOP, id="marks without words are none"),
    ],
)
def test_an_agents_own_words(text: str, nods: list[str], stops: list[str], kind: Kind) -> None:
    assert kind_of(text, "en-US", own=OwnWords.of(tuple(nods), tuple(stops))) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [("What?", Kind.BACKCHANNEL), ("And on Sunday?", Kind.WORDS), ("Stop", Kind.STOP), ("(coughs)", Kind.NOTHING)],
)
def test_few_words_may_be_too_few(text: str, kind: Kind) -> None:
    assert kind_of(text, "en-US", fewest_words=3) is kind


NODS = """
    i understand, i see, i got it, i hear you, im listening, im with you, right, okay, ok, sure, alright, got it, understood, yeah, yes,
    uh-huh, mm-hmm, gotcha, mhmm, ah, yeah okay, yeah sure, Makes sense., That's right, Absolutely!, I'm listening.
    """
STOPS = """
    stop, shut up, enough, quiet, silence, but, dont, not, no, hold, wait, cut, pause, nope, nah, nevermind, never, actually, never mind,
    Yeah but, Okay wait, Oh no, I see but not today, Okay okay stop, I understand but why, Don't!
    """


@pytest.mark.parametrize("text", [text.strip() for text in NODS.split(",")])
def test_what_people_expect_not_to_interrupt_does_not(text: str) -> None:
    assert kind_of(text, "en-US") is Kind.BACKCHANNEL


@pytest.mark.parametrize("text", [text.strip() for text in STOPS.split(",")])
def test_what_people_expect_to_interrupt_does_at_once(text: str) -> None:
    assert kind_of(text, "en-US") is Kind.STOP


def test_a_hello_is_a_nod_in_the_greeting_and_a_bye_in_the_goodbye() -> None:
    assert kind_of("Hello?", "en-US", in_greeting=True) is Kind.BACKCHANNEL
    assert kind_of("Thanks, bye bye!", "en-US", in_farewell=True) is Kind.BACKCHANNEL
    assert kind_of("Bye, but one more question", "en-US", in_farewell=True) is Kind.WORDS


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("de-DE", "Ja, genau.", Kind.BACKCHANNEL), ("de-DE", "Moment, bitte", Kind.STOP), ("de-DE", "Und am Montag?", Kind.WORDS),
        ("es-ES", "Sí, claro.", Kind.BACKCHANNEL), ("es-MX", "Espere, por favor", Kind.STOP),
        ("fr-FR", "D'accord.", Kind.BACKCHANNEL), ("fr-CA", "Attendez !", Kind.STOP),
        ("it-IT", "Sì, va bene.", Kind.BACKCHANNEL), ("it-IT", "Un attimo, scusi", Kind.STOP), ("it-IT", "E il sabato?", Kind.WORDS),
        ("pt-BR", "Tá bom.", Kind.BACKCHANNEL), ("pt-PT", "Pois, exatamente.", Kind.BACKCHANNEL), ("pt-BR", "Só um momento", Kind.STOP),
        ("nl-NL", "Mm-hm, precies.", Kind.BACKCHANNEL), ("nl-NL", "Wacht even, alstublieft", Kind.STOP), ("nl-NL", "En op maandag?", Kind.WORDS),
        ("de-DE", "Ja, aber", Kind.STOP), ("nl-NL", "Ja maar", Kind.STOP), ("fr-FR", "Oui mais", Kind.STOP),
        ("sv-SE", "mm-hm, okay", Kind.BACKCHANNEL), ("sv-SE", "so", Kind.WORDS),
    ],
)  # fmt: skip
def test_every_language_has_its_words(language: str, text: str, kind: Kind) -> None:
    assert kind_of(text, language) is kind


@pytest.mark.parametrize(
    ("language", "text", "expects", "ending"),
    [
        ("it-IT", "Vorrei un appuntamento per", None, Ending.OPEN), ("it-IT", "Vorrei un appuntamento.", None, Ending.COMPLETE),
        ("it-IT", "zero due cinque", "phone", Ending.OPEN), ("it-IT", "mario chiocciola posta punto it", "email", Ending.COMPLETE),
        ("pt-BR", "Eu queria marcar uma consulta e", None, Ending.OPEN), ("pt-BR", "onze nove meia um", "phone", Ending.OPEN),
        ("pt-BR", "ana arroba correio ponto com", "email", Ending.COMPLETE), ("pt-PT", "Muito obrigada.", None, Ending.UNSURE),
        ("fr-FR", "luc arobase poste point fr", "email", Ending.COMPLETE), ("es-ES", "ana arroba correo punto es", "email", Ending.COMPLETE),
        ("de-DE", "anna klammeraffe post punkt de", "email", Ending.COMPLETE), ("es-ES", "ana arroba correo punto es y", "email", Ending.OPEN),
        ("pt-BR", "eu falo com", "email", Ending.OPEN), ("nl-NL", "Ik wil graag een afspraak voor", None, Ending.OPEN),
        ("nl-NL", "Ik weet het.", None, Ending.COMPLETE), ("nl-NL", "nul twee nul", "phone", Ending.OPEN),
        ("nl-NL", "Dank u wel.", None, Ending.UNSURE),
        ("sv-SE", "Jag vill and", None, Ending.UNSURE),
    ],
)  # fmt: skip
def test_endings_in_every_language(language: str, text: str, expects: str | None, ending: Ending) -> None:
    assert ending_of(text, language, expects=expects) is ending


@pytest.mark.parametrize(
    ("text", "expects", "ending"),
    [
        ("I'd like an appointment.", None, Ending.COMPLETE),
        ("Are you open?", None, Ending.COMPLETE),
        ("Okay, thank you.", None, Ending.UNSURE),  # goodbye may follow
        ("Thank you very much!", None, Ending.UNSURE),
        ("Thank you, goodbye.", None, Ending.COMPLETE),
        ("I'd like an appointment", None, Ending.UNSURE),
        ("I'd like an appointment and.", None, Ending.OPEN),
        ("My name is", None, Ending.OPEN),
        ("Well, um", None, Ending.OPEN),
        ("On Monday,", None, Ending.OPEN),
        ("On Monday...", None, Ending.OPEN),
        ("", None, Ending.UNSURE),
        ("555-123.", "phone", Ending.OPEN),
        ("five five five one two three", "phone", Ending.OPEN),
        ("It's 555-123-4567.", "phone", Ending.COMPLETE),
        ("415-555-0123", "phone", Ending.COMPLETE),
        ("415 555 0", "phone", Ending.OPEN),
        ("anna at example dot com", "email", Ending.COMPLETE),
        ("I don't have one.", "phone", Ending.COMPLETE),
        ("ann dot miller", "email", Ending.OPEN),
        ("ann dot miller at example dot com.", "email", Ending.COMPLETE),
        ("ann@example.com.", "email", Ending.COMPLETE),
        ("25", "number", Ending.NUMBER),
        ("My number is 415 555.", None, Ending.NUMBER),
        ("It's +1 (415) 555-", None, Ending.OPEN),
        ("Order 10,500!", None, Ending.NUMBER),
        ("four one five", None, Ending.NUMBER),
        ("Is it 1500?", None, Ending.COMPLETE),
        ("At 10:30.", None, Ending.COMPLETE),
        ("The 15th.", None, Ending.COMPLETE),
        ("For 12.", None, Ending.COMPLETE),
        ("It is 1500 dollars.", None, Ending.COMPLETE),
    ],
)
def test_endings(text: str, expects: str | None, ending: Ending) -> None:
    assert ending_of(text, "en-US", expects=expects) is ending


def test_pauses_stay_within_reason() -> None:
    assert pause_ms("Yes.", 500, "en-US") == 300
    assert pause_ms("Yes.", 100, "en-US") == 100
    assert pause_ms("Yes.", 300, "en-US") == 250
    assert pause_ms("Yes", 500, "en-US") == 500
    assert pause_ms("Yes and", 500, "en-US") == 1_000
    assert pause_ms("Yes and", 2_000, "en-US") == 2_500
    assert pause_ms("Yes and", 3_000, "en-US") == 3_000


def test_small_differences_of_two_transcripts_are_none() -> None:
    assert normalised("Yes, I'm Ann!") == normalised("yes I’m Ann")
    assert cleaned("[noise] Yes   please (laughs)") == "Yes please"


def test_which_phrases_ask_for_numbers() -> None:
    asked = AskedFor(
        (
            CollectField(key="phone", type=FieldType.PHONE, question="How can we reach you?"),
            CollectField(key="name", type=FieldType.PERSON, question="Who is speaking?"),
        )
    )
    assert asked.kind("Thank you. How can we reach you?") == "phone"
    assert asked.kind("Who is speaking?") is None
    assert asked.kind("What is your e-mail address?") == "email"
    assert asked.kind("Our phone number is 555 1234.") is None
