"""The agents' catalog as the editor shows it: what a person may pick, and what keeps a draft from talking, by knob."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from accounts.models import Credential, Organization
from agents import catalog, keys, live
from agents.models import Agent
from agents.publish import draft_of
from agents.validation import problems_of
from frontend.forms.choices import Choices, Option

LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
REGIONS = {
    "AU": "Australia", "AT": "Austria", "BE": "Belgium", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland", "CN": "China",
    "DE": "Germany", "ES": "Spain", "FR": "France", "GB": "United Kingdom", "IE": "Ireland", "IN": "India", "IT": "Italy",
    "MX": "Mexico", "NL": "Netherlands", "NZ": "New Zealand", "PT": "Portugal", "US": "United States", "ZA": "South Africa",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps a draft from talking, and where in the editor to mend it."""

    path: str
    message: str

    @property
    def section(self) -> str:
        return self.path.partition(".")[0]

    @property
    def anchor(self) -> str:
        """``#knob-sounds-voice``: also for a path into a list, as "does.collect.2.question"."""
        return "knob-" + "-".join(self.path.split(".")[:2])


def language_name(code: str) -> str:
    """ "en-US" → "English (United States)"; a code we have no words for stays a code."""
    language, _, region = code.partition("-")
    if language not in LANGUAGES:
        return code
    return f"{LANGUAGES[language]} ({REGIONS.get(region, region)})" if region else LANGUAGES[language]


def choices(organization: Organization, preview_url: str = "") -> Choices:
    offers = catalog.catalog()
    voices = [offer for offer in offers if offer.kind == "voice"]
    by_language: dict[str, list[Option]] = defaultdict(list)
    for voice in voices:
        by_language[", ".join(map(language_name, voice.languages)) or "Any language"].append(_option(voice))
    spoken = {code for voice in voices for code in voice.languages if len(code) > 1}
    credentials = Credential.objects.owned_by(organization).order_by("name")
    agents = Agent.objects.owned_by(organization).filter(archived_at=None).order_by("name")
    return Choices(
        voice=tuple((language, tuple(options)) for language, options in by_language.items()),
        model=_options(offers, "model"),
        transcriber=_options(offers, "transcriber"),
        language=tuple(Option(code, language_name(code)) for code in sorted(spoken | {"en-US"}, key=language_name)),
        credential=tuple(Option(each.name, each.name, each.provider) for each in credentials),
        agent=tuple(Option(str(each.pk), each.name, "" if each.published_id else "not published") for each in agents),
        preview_url=preview_url,
    )


def _options(offers: Iterable[catalog.Offer], kind: str) -> tuple[Option, ...]:
    return tuple(_option(offer) for offer in offers if offer.kind == kind)


def _option(offer: catalog.Offer) -> Option:
    return Option(offer.key, offer.title, "" if offer.is_usable else "not on this machine yet")


def problems(organization: Organization, agent: Agent) -> list[Finding]:
    """What would keep the draft from talking. Raises ``pydantic.ValidationError`` where it is no spec."""
    spec = draft_of(agent)
    found = [
        Finding(problem.path, problem.message) for problem in [*live.problems(spec), *keys.problems(organization, spec)]
    ]
    if spec.says.prompt.strip() == "":
        found.append(
            Finding("says.prompt", "The agent has not been told anything yet, so it has no facts to answer from.")
        )
    return found


def findings(error: ValidationError) -> list[Finding]:
    return [Finding(problem["path"], problem["message"]) for problem in problems_of(error)]
