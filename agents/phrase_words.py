"""The words that tell where a language's sentences can be cut, for ``agents.phrases``. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhraseWords:
    """All in small letters, without the dot at their end."""

    never_end: frozenset[str]
    """Abbreviations that something always follows."""
    may_end: frozenset[str]
    """Abbreviations that end a sentence when a capital follows."""
    before: frozenset[str]
    """Between words a cut is best before one of these."""
    never_last: frozenset[str]
    """Articles and the like: what they belong to follows."""
    never_first: frozenset[str]
    """The "of" that holds a date or a name together."""
    days: frozenset[str]
    """Monday – Friday is one thing."""
    after_ordinal: tuple[str, ...] = ()
    """How words begin that make "3." before them an ordinal; where there are none, ordinals have no dot."""
    before_ordinal: frozenset[str] = frozenset()


def _in_order(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _words(text: str) -> frozenset[str]:
    return frozenset(_in_order(text))


ENGLISH = PhraseWords(
    never_end=_words(
        """
        dr mr mrs ms mx prof rev hon st mt ft vs e.g i.e cf approx dept est no nos fig vol jan feb mar apr jun
        jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun gen col sgt capt lt gov sen rep
        """
    ),
    may_end=_words("a.m p.m etc inc ltd co corp jr sr ave blvd rd ln u.s u.k u.s.a ph.d m.d d.d.s b.a m.a"),
    before=_words("and but or so because that which when if to from with at on in for of until while where who as"),
    never_last=_words("the a an my your our"),
    never_first=frozenset(),
    days=_words("monday tuesday wednesday thursday friday saturday sunday"),
)
_OTHERS = {
    "de": PhraseWords(
        never_end=_words(
            """
            dr prof hr hrn fr nr tel ca z.b d.h u.a z.t v.a o.g s.o s.u i.d.r u.u bzw ggf ggfs evtl inkl exkl zzgl abzgl vgl bspw sog
            max min mind st abt ing dipl-ing mag lt gem geb mio mrd tsd std jan feb mär apr jun jul aug sep sept okt nov dez
            mo di mi do sa so tgl mtl
            """
        ),
        may_end=_words("usw etc str mwst ust e.v o.ä hbf"),
        before=_words(
            "und aber oder weil dass wenn ob damit für mit von aus bei nach zu zum zur in im an am auf bis seit um wie wo wer"
        ),
        never_last=_words(
            """
            der die das den dem des ein eine einen einem einer mein meine ihr ihre ihren ihrem unser unsere unseren am im vom zum zur beim
            """
        ),
        never_first=frozenset(),
        days=_words("montag dienstag mittwoch donnerstag freitag samstag sonntag"),
        after_ordinal=_in_order(
            """
            januar februar märz april mai juni juli august september oktober november dezember jan. feb. mär. apr. jun. jul. aug. sep.
            sept. okt. nov. dez. stock etage ober unter og ug klasse mal platz quartal halbjahr jahrhundert geburtstag termin woche tag
            versuch rate gang semester bezirk kapitel person reihe schritt auflage bis
            """
        ),
        before_ordinal=_words("am im vom zum beim der die das den dem des jeden jedem ab bis seit"),
    ),
    "es": PhraseWords(
        never_end=_words(
            """
            sr sra srta sres sras d dña dr dra drs dres lic lcda ing arq prof profa p.ej ej p.e pág págs tel tfno teléf tlf núm nro avda av pza
            plza ctra dpto depto aprox máx mín min ee apdo sto sta esq ref c.p seg lun mié jue vie sáb dom ene feb abr jun jul ago sept oct nov dic
            """
        ),
        may_end=_words("etc uu ud uds vd vds s.a s.l a.m p.m izda dcha izq"),
        before=_words("y pero o porque que cuando si para con en a de desde hasta sin como donde quien"),
        never_last=_words("el la los las un una unos unas mi su sus nuestro nuestra de del al"),
        never_first=_words("de del"),
        days=_words("lunes martes miércoles jueves viernes sábado domingo"),
    ),
    "fr": PhraseWords(
        never_end=_words(
            """
            m mm mme mlle dr pr me p.ex ex c.-à-d env av bd boul pl tél min max apt appt bât réf dép cf vs incl
            lun mar mer jeu ven sam dim janv févr avr juil sept oct nov déc
            """
        ),
        may_end=_words("etc s.v.p s.a"),
        before=_words("et mais ou parce que quand si pour avec dans en à de depuis jusqu'à sans comme où qui"),
        never_last=_words("le la les l' un une des du de d' mon ma mes votre vos notre nos au aux"),
        never_first=_words("de du des"),
        days=_words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
    ),
    "it": PhraseWords(
        never_end=_words(
            """
            sig sig.ra sig.na sigg dott dott.ssa dr dr.ssa prof prof.ssa avv ing arch geom rag spett.le gent gent.mo egr p.es es pag pagg
            tel cell nr num ca max min rif int p.iva c.f lun mar mer gio ven sab dom gen feb apr mag giu lug ago set sett ott nov dic
            """
        ),
        may_end=_words("ecc etc s.p.a s.r.l c.a c.m"),
        before=_words("e ma o perché che quando se per con in a di da fino senza come dove chi"),
        never_last=_words("il lo la i gli le un uno una del della dei delle di al alla alle dal dalle nel nella mio mia suo sua nostro ore"),
        never_first=_words("di del della dei delle"),
        days=_words("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
    ),
    "pt": PhraseWords(
        never_end=_words(
            """
            sr sra srta sta srs sras dr dra d prof profa eng enga arq p.ex ex i.e pág págs tel cel av pça trav al rod estr apto ap bl aprox
            máx mín min obs ref hab incl seg ter qua qui sex sáb dom jan fev mar abr mai jun jul ago set out nov dez
            """
        ),
        may_end=_words("etc ltda lda s.a cia e.u.a"),
        before=_words("e mas ou porque que quando se para com em a de desde até sem como onde quem"),
        never_last=_words("o a os as um uma do da dos das de no na ao à às meu minha seu sua nosso nossa"),
        never_first=_words("de do da dos das"),
        days=_words("segunda terça quarta quinta sexta sábado domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira"),
    ),
}  # fmt: skip


def words_for(language: str) -> PhraseWords:
    """Of "de-DE"; English where there are none yet."""
    return _OTHERS.get(language.replace("_", "-").partition("-")[0].lower(), ENGLISH)
