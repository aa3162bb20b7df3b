"""The little words by which people take turns, per language. Tables only; ``words`` says what follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnWords:
    nods: frozenset[str]
    stops: frozenset[str]
    greetings: frozenset[str]
    farewells: frozenset[str]
    dangling: frozenset[str]
    """Nobody ends a sentence with these."""
    digits: frozenset[str]
    thanks: frozenset[str]
    """A goodbye often follows, after a short pause."""


def _set(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(","))


_ENGLISH = TurnWords(
    nods=_set(
        "mm, mmm, mhm, mmhm, mm hm, mm hmm, mmhmm, mhmm, hm, hmm, uh huh, uhhuh, ah, aha, oh, oh okay, okay, ok, okey, kay, "
        "yeah, yep, yup, yes, right, sure, alright, all right, got it, gotcha, i see, i understand, understood, cool, great, "
        "good, nice, fine, of course, exactly, true, thanks, thank you, um, uh, er, i got it, i hear you, i'm listening, im listening, "
        "i'm with you, im with you, sounds good, makes sense, that makes sense, absolutely, definitely, perfect, wow, interesting, "
        "for sure, that's right, that's fine, very good, awesome, all good"
    ),
    stops=_set(
        "stop, wait, hold on, hang on, no, nope, nah, no no, excuse me, sorry, actually, pause, enough, quiet, shut up, "
        "but, one second, one moment, one sec, just a second, just a sec, just a moment, never, nevermind, cancel, hold, cut, silence, "
        "shut, be quiet, not, don't, dont, listen, please stop, please wait, can you stop, let me stop you, that's wrong, wrong"
    ),
    greetings=_set(
        "hello, hi, hey, hello there, hi there, good morning, good afternoon, good evening, who's this, anyone there"
    ),
    farewells=_set(
        "bye, goodbye, bye bye, good bye, see you, take care, you too, thanks bye, thank you goodbye, have a good day"
    ),
    dangling=_set(
        "and, or, but, so, because, if, then, the, a, an, to, for, with, of, at, from, my, our, your, his, her, their, is, are, "
        "was, i'm, it's, i, we, um, uh, er, erm, hmm, like, well, let me see, let's see, that is, which, who, when, than, as, by, "
        "in, on, about, also, maybe, please can you, can you, could you, i would, i'd, i want, i need"
    ),
    digits=_set("zero, oh, one, two, three, four, five, six, seven, eight, nine, double, triple"),
    thanks=_set("thanks, thank you, thank you very much, thank you so much, thanks a lot"),
)
_LANGUAGES: dict[str, TurnWords] = {
    "en": _ENGLISH,
    "de": TurnWords(
        nods=_set(
            "mm, mhm, mm hm, hm, aha, ah, ja, jaja, okay, ok, gut, genau, richtig, klar, verstehe, alles klar, danke, äh, ähm, "
            "ach so, achso, ich verstehe, super, prima, perfekt, in ordnung, natürlich, sicher, stimmt, sehr gut, schön, passt"
        ),
        stops=_set("stopp, stop, halt, warte, warten sie, moment, einen moment, nein, nee, aber, entschuldigung"),
        greetings=_set("hallo, guten tag, guten morgen, guten abend, wer ist da"),
        farewells=_set("tschüss, auf wiederhören, auf wiedersehen, ciao, danke tschüss, schönen tag noch"),
        dangling=_set(
            "und, oder, aber, weil, wenn, dann, der, die, das, ein, eine, zu, für, mit, von, mein, meine, ist, ich, äh, ähm, also, im, am, um"
        ),
        digits=_set("null, eins, zwei, zwo, drei, vier, fünf, sechs, sieben, acht, neun"),
        thanks=_set("danke, danke schön, vielen dank, dankeschön"),
    ),
    "es": TurnWords(
        nods=_set(
            "mm, mhm, ajá, ah, sí, si, vale, bueno, claro, ya, okay, ok, entiendo, perfecto, gracias, eh, de acuerdo, muy bien, está bien, "
            "exacto, por supuesto, genial, entendido, comprendo, correcto"
        ),
        stops=_set("para, espere, espera, un momento, no, pero, perdón, perdone, alto, basta"),
        greetings=_set("hola, buenos días, buenas tardes, buenas noches, diga, quién es"),
        farewells=_set("adiós, hasta luego, chao, gracias adiós"),
        dangling=_set(
            "y, o, pero, porque, si, entonces, el, la, los, las, un, una, a, para, con, de, mi, su, es, eh, este, pues, en"
        ),
        digits=_set("cero, uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve"),
        thanks=_set("gracias, muchas gracias"),
    ),
    "fr": TurnWords(
        nods=_set(
            "mm, mhm, hum, ah, oui, ouais, d'accord, ok, okay, bien, très bien, exact, exactement, je vois, je comprends, merci, euh, "
            "parfait, entendu, compris, bien sûr, super, ça marche, c'est bon, tout à fait, voilà"
        ),
        stops=_set("stop, attendez, attends, un moment, une seconde, non, mais, pardon, excusez moi, arrêtez"),
        greetings=_set("allô, bonjour, bonsoir, salut, qui est là"),
        farewells=_set("au revoir, salut, à bientôt, bonne journée, merci au revoir"),
        dangling=_set(
            "et, ou, mais, parce que, si, alors, le, la, les, un, une, à, pour, avec, de, du, mon, ma, mes, est, je, euh, donc, en, dans"
        ),
        digits=_set("zéro, un, deux, trois, quatre, cinq, six, sept, huit, neuf"),
        thanks=_set("merci, merci beaucoup"),
    ),
    "it": TurnWords(
        nods=_set(
            "mm, mhm, mh, ah, aha, eh, sì, si, sì sì, certo, va bene, bene, benissimo, ok, okay, okey, esatto, giusto, capisco, "
            "ho capito, perfetto, d'accordo, già, grazie, ehm, certamente, chiaro, molto bene, ottimo, come no"
        ),
        stops=_set(
            "stop, aspetti, aspetta, un momento, un attimo, no, ma, però, scusi, scusa, mi scusi, basta, fermo, alt"
        ),
        greetings=_set("pronto, buongiorno, buonasera, ciao, salve, chi parla, c'è qualcuno"),
        farewells=_set("arrivederci, arrivederla, ciao, a presto, buona giornata, grazie arrivederci, grazie ciao"),
        dangling=_set(
            "e, ed, o, oppure, ma, però, perché, se, quando, allora, quindi, il, lo, la, i, gli, le, un, uno, una, a, per, con, di, "
            "da, del, della, dal, dalla, nel, nella, al, alla, mio, mia, miei, è, sono, io, ehm, cioè, che, in, su, vorrei"
        ),
        digits=_set("zero, uno, due, tre, quattro, cinque, sei, sette, otto, nove, doppio"),
        thanks=_set("grazie, grazie mille, mille grazie, molte grazie, la ringrazio"),
    ),
    "pt": TurnWords(
        nods=_set(
            "mm, mhm, hum, ah, aham, uhum, sim, tá, tá bom, está bem, certo, claro, ok, okay, exato, exatamente, isso, entendi, "
            "percebo, perfeito, pois, pois é, beleza, obrigado, obrigada, hã, é, com certeza, muito bem, ótimo, está bom, tá certo, "
            "compreendo, legal"
        ),
        stops=_set(
            "pare, para, espere, espera, um momento, um instante, só um momento, não, mas, desculpe, desculpa, com licença, basta, chega"
        ),
        greetings=_set("alô, olá, oi, bom dia, boa tarde, boa noite, está, quem fala, quem é"),
        farewells=_set("tchau, adeus, até logo, até mais, até já, obrigado tchau, obrigada tchau, bom dia para você"),
        dangling=_set(
            "e, ou, mas, porque, se, quando, então, o, a, os, as, um, uma, para, pra, com, de, do, da, em, no, na, meu, minha, "
            "meus, é, são, eu, hã, que, por, sobre, também, queria, gostaria de"
        ),
        digits=_set("zero, um, dois, três, quatro, cinco, seis, meia, sete, oito, nove"),
        thanks=_set("obrigado, obrigada, muito obrigado, muito obrigada"),
    ),
    "nl": TurnWords(
        nods=_set(
            "mm, mhm, mm hm, hm, hmm, aha, ah, oh, ja, jaja, ja hoor, oké, oke, ok, okay, goed, prima, precies, klopt, juist, zeker, "
            "natuurlijk, inderdaad, duidelijk, begrepen, ik snap het, ik begrijp het, top, mooi, dank u, dank je, bedankt, eh, uh, ehm"
        ),
        stops=_set(
            "stop, wacht, wacht even, ho, een moment, een ogenblik, moment, momentje, nee, neen, maar, sorry, pardon, stil, hou op, "
            "genoeg, laat maar, eigenlijk"
        ),
        greetings=_set("hallo, hoi, goedemorgen, goedemiddag, goedenavond, goedendag, dag, met wie spreek ik"),
        farewells=_set("dag, dag hoor, doei, tot ziens, tot horens, tot later, fijne dag, fijne dag nog, bedankt dag"),
        dangling=_set(
            "en, of, maar, omdat, want, als, de, een, naar, voor, met, van, bij, mijn, onze, uw, is, ik, eh, uh, ehm, dus, "
            "ik wil graag, ik zou graag, kunt u"
        ),
        digits=_set("nul, een, één, twee, drie, vier, vijf, zes, zeven, acht, negen"),
        thanks=_set("bedankt, dank u, dank u wel, dank je wel, hartelijk dank, heel erg bedankt"),
    ),
}
_ANY = TurnWords(
    nods=_set("mm, mmm, mhm, hm, hmm, ah, aha, oh, ok, okay"),
    stops=_set("stop"),
    greetings=_set("hello, hallo, hello hello"),
    farewells=_set("bye, bye bye"),
    dangling=frozenset(),
    digits=frozenset(),
    thanks=frozenset(),
)
"""What people say in many languages: for one that has no table of its own, in which another's words would mislead."""


def words_of(language: str) -> TurnWords:
    """``language``: "de-AT" as well as "de"."""
    return _LANGUAGES.get(language.split("-")[0].lower(), _ANY)
