"""The stored keys an agent names: handed to its call, or why they are not."""

from __future__ import annotations

from accounts import credentials, vault
from accounts.models import Organization
from agents import live
from agents.providers.offers import Problem
from agents.spec import AgentSpec


class NoKey(Exception):
    """A key that the agent needs is not to be had; the message says why and what to do, in plain words."""


def problems(organization: Organization, spec: AgentSpec) -> list[Problem]:
    """Keys that are missing, or that belong to another server than the one the agent talks to. Opens none."""
    refusals = [credentials.refusal(organization, name, address) for name, address in live.keys_of(spec).items()]
    return [Problem("knows.credential", refusal) for refusal in refusals if refusal]


def secrets(organization: Organization, spec: AgentSpec) -> dict[str, str]:
    """Credential name → plaintext, for ``live.make``. Raises :class:`NoKey`."""
    try:
        return credentials.secrets_for(organization, live.keys_of(spec))
    except credentials.NotGiven as error:
        raise NoKey(str(error)) from None
    except vault.CannotOpen:
        raise NoKey("The stored key can't be opened: it was sealed with another VAULT_KEY. Store it again.") from None
