"""Speech to speech by OpenAI's Realtime interface: OpenAI itself, or a server that speaks it."""

from agents.providers.openai_realtime.offer import PROVIDER

__all__ = ["PROVIDER"]
