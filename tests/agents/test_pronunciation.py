"""What is written, and how it is spoken."""

from __future__ import annotations

import pytest

from agents.pronunciation import Speaker
from agents.spec import Pronunciation

OWN = (
    Pronunciation(word="Nguyen", sounds_like="win"),
    Pronunciation(word="Invisalign", sounds_like="in vizza line", ipa="ɪnvˈɪzəlaɪn"),
    Pronunciation(word="Lopez", ipa="/lˈoʊpɛz/"),
    Pronunciation(word="C++", sounds_like="see plus plus"),
    Pronunciation(word="New York Times", sounds_like="the paper"),
    Pronunciation(word="York", sounds_like="yawk"),
    Pronunciation(word="$5", sounds_like="a fiver"),
)


def speak(text: str, *, language: str = "en-US", can_ipa: bool = True) -> str:
    return Speaker(OWN, language=language, can_ipa=can_ipa).speak(text)


ENGLISH = [
    # money
    ("It costs $3.50.", "It costs three dollars and fifty cents."),
    ("A cleaning is $120.", "A cleaning is one hundred twenty dollars."),
    ("$1,250.75", "one thousand two hundred fifty dollars and seventy-five cents"),
    ("$1, or £1", "one dollar, or one pound"),
    ("€0.99", "ninety-nine cents"),
    ("£2.01", "two pounds and one penny"),
    ("$3.5 million and $6k", "three point five million dollars and six thousand dollars"),
    ("$20.00", "twenty dollars"),
    # phone numbers
    ("Call (555) 123-4567.", "Call five five five, one two three, four five six seven."),
    ("555.123.4567", "five five five, one two three, four five six seven"),
    ("+1 555-123-4567", "one, five five five, one two three, four five six seven"),
    ("+15551234567 is ours", "one, five five five, one two three, four five six seven is ours"),
    ("Dial 555-0142 now", "Dial five five five, zero one four two now"),
    # times
    ("We open at 8:00.", "We open at eight o'clock."),
    ("Until 5:30 p.m. on Fridays.", "Until five thirty PM on Fridays."),
    ("Come at 9 a.m. We wait.", "Come at nine AM. We wait."),
    ("Is it 10:05?", "Is it ten oh five?"),
    ("17:30", "seventeen thirty"),
    ("9am-5pm", "nine AM to five PM"),
    ("8:00-17:30", "eight o'clock to seventeen thirty"),
    ("open 24/7", "open twenty-four seven"),
    # days and dates
    ("Mon-Fri", "Monday to Friday"),
    ("Monday–Friday: 8 to 5", "Monday to Friday: eight to five"),
    ("on 2026-11-25", "on November twenty-fifth, twenty twenty-six"),
    ("on 11/25/2026", "on November twenty-fifth, twenty twenty-six"),
    ("March 3", "March third"),
    ("on Nov. 5, 2026 at 3 pm", "on November fifth, twenty twenty-six at three PM"),
    ("the 3rd of May", "the third of May"),
    ("since 1998", "since nineteen ninety-eight"),
    ("May 3:30 be fine?", "May three thirty be fine?"),
    # numbers
    ("2.5 stars", "two point five stars"),
    ("1,250 people", "one thousand two hundred fifty people"),
    ("20% off", "twenty percent off"),
    ("the 1st and 22nd", "the first and twenty-second"),
    ("5-7 days", "five to seven days"),
    ("1/2 cup, ¾ full", "one half cup, three quarters full"),
    ("ZIP 90210", "ZIP nine zero two one zero"),
    ("room 007", "room zero zero seven"),
    ("code AB1234", "code A.B one two three four"),
    ("150 lbs and 5 km", "one hundred fifty pounds and five kilometers"),
    ("72°F", "seventy-two degrees Fahrenheit"),
    ("-5 outside", "minus five outside"),
    ("#5 and No. 7", "number five and number seven"),
    ("No. I do.", "No. I do."),
    # addresses
    ("Write to info@bright-smile.com.", "Write to info at bright dash smile dot com."),
    ("See https://www.brightsmile.com/book?x=1.", "See brightsmile dot com slash book."),
    ("brightsmile.com", "brightsmile dot com"),
    # abbreviations and letters
    ("Dr. Smith", "Doctor Smith"),
    ("12 Main St.", "twelve Main Street"),
    ("Go to St. Mary's on Main St. today", "Go to Saint Mary's on Main Street today"),
    ("St. Mary's", "Saint Mary's"),
    ("e.g. Monday", "for example, Monday"),
    ("our FAQs", "our F.A.Qs"),
    ("an MRI at 5 PM", "an MRI at five PM"),
    ("an XR", "an X.R"),
    # signs
    ("salt & pepper", "salt and pepper"),
    ("cash/card", "cash or card"),
    ("yes — really", "yes, really"),
    ("Tuesday (or later)", "Tuesday, or later,"),
    ("Tuesday (or", "Tuesday, or"),
    ("so…", "so,"),
    # for the eye only
    ("**Bold** and _italic_ 😀", "Bold and italic"),
    ("[our page](https://x.y/z)", "our page"),
    ("# Hours\n- Monday\n- Tuesday\n\nThat's it", "Hours. Monday. Tuesday. That's it."),
    ("Use `code` here", "Use code here"),
    ("snake_case_name stays", "snake case name stays"),
]


@pytest.mark.parametrize(("written", "spoken"), ENGLISH)
def test_english_is_read_as_people_say_it(written: str, spoken: str) -> None:
    assert speak(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dr. Nguyen is in.", "Doctor win is in."),
        ("NGUYEN", "win"),
        ("Nguyen's office", "win's office"),
        ("the Nguyens", "the wins"),
        ("Nguyenova", "Nguyenova"),
        ("Invisalign works", "[[ɪnvˈɪzəlaɪn]] works"),
        ("Invisalign’s price", "[[ɪnvˈɪzəlaɪnz]] price"),
        ("Lopez's", "[[lˈoʊpɛzɪz]]"),
        ("C++ too", "see plus plus too"),
        ("the New York Times", "the the paper"),
        ("York", "yawk"),
        ("$5 each", "a fiver each"),
    ],
)
def test_the_builders_own_pronunciations_come_first(written: str, spoken: str) -> None:
    assert speak(written) == spoken


def test_a_voice_without_ipa_gets_the_spelling() -> None:
    assert speak("Invisalign and Lopez", can_ipa=False) == "in vizza line and Lopez"


def test_another_language_keeps_its_digits_but_loses_the_markdown() -> None:
    assert speak("**Nguyen** kostar 3,50 €", language="sv-SE") == "win kostar 3,50 €"


def test_the_builders_own_pronunciations_come_first_in_other_languages_too() -> None:
    assert speak("Fr. **Nguyen** zahlt 3,50 €", language="de-DE") == "Frau win zahlt drei Euro fünfzig"
    assert speak("M. Nguyen, $5", language="fr-FR") == "Monsieur win, a fiver"


def test_british_dates_begin_with_the_day() -> None:
    assert Speaker((), language="en-GB", can_ipa=False).speak("3/4/2026") == "April third, twenty twenty-six"


@pytest.mark.parametrize(
    "text", ["", "   ", "…", "😀", "***", "[[", "\ue000\ue001", "((((", "1/0", "99/99/9999", "25:99", "$", "0"]
)
def test_odd_text_is_no_trouble(text: str) -> None:
    assert isinstance(speak(text), str)


def test_plain_sentences_are_left_alone() -> None:
    text = "We are open Monday to Friday, and I'd be glad to help you. Is that right?"
    assert speak(text) == text


@pytest.mark.parametrize("text", ["$" + "9" * 400, "1" + ",000" * 150 + " times", "9" * 5_000])
def test_a_number_that_nobody_can_name_is_still_read(text: str) -> None:
    assert Speaker((), language="en-US", can_ipa=True).speak(text)
