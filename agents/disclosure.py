"""That an AI is speaking, said before anything else. Pure."""

from __future__ import annotations

from agents.spec import AgentSpec, FirstSpeaker

_WORDS = {
    "en": "You are speaking with an AI assistant.",
    "de": "Sie sprechen mit einem KI-Assistenten.",
    "es": "Está hablando con un asistente de inteligencia artificial.",
    "fr": "Vous parlez avec un assistant d'intelligence artificielle.",
    "it": "Sta parlando con un assistente di intelligenza artificiale.",
    "nl": "U spreekt met een AI-assistent.",
    "pt": "Está a falar com um assistente de inteligência artificial.",
}


def words_of(spec: AgentSpec) -> str:
    """What is said; empty: nothing."""
    if not spec.privacy.says_it_is_ai:
        return ""
    return spec.privacy.ai_words.strip() or _WORDS.get(spec.sounds.language.partition("-")[0].lower(), _WORDS["en"])


def opening(spec: AgentSpec) -> tuple[str, ...]:
    """What is said before anything else and heard to its end, whatever the caller says meanwhile: that an AI is speaking, and where the
    call is recorded the consent line."""
    consent = spec.privacy.consent_line.strip() if spec.privacy.record else ""
    return tuple(filter(None, (words_of(spec), consent)))


def by_words(spec: AgentSpec) -> AgentSpec:
    """The spec of a call that somebody else hears and speaks (ConversationRelay): nothing is recorded, and nothing can be kept from being
    interrupted. Those words begin the first ones, which then come from the agent also where the caller should speak first."""
    words = words_of(spec)
    if not words:
        return spec
    speaks_first = spec.says.first_speaker is FirstSpeaker.AGENT
    first = f"{words} {spec.says.first_message.strip()}".strip() if speaks_first else words
    says = {"first_message": first, "first_speaker": FirstSpeaker.AGENT}
    return spec.model_copy(update={"says": spec.says.model_copy(update=says)})


def said(spec: AgentSpec) -> AgentSpec:
    """Of an agent that takes a call over: the caller has been told."""
    return spec.model_copy(update={"privacy": spec.privacy.model_copy(update={"says_it_is_ai": False})})
