"""Understanding answers: a field, the caller's words, and what they mean as a value. Pure; every brain uses it."""

from agents.collect.sentence import understand, understand_all
from agents.collect.understood import Understood

__all__ = ["Understood", "understand", "understand_all"]
