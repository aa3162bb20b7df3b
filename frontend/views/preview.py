"""▶: what the agent would sound like, from what stands on the page now, saved or not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import ratelimit
from accounts.auth import require
from accounts.models import Role
from agents import keys
from agents.preview import MAX_CHARS
from agents.preview import preview as speak
from agents.spec import AgentSpec, Sounds, load
from agents.speech import ProviderError
from frontend.forms.choices import Choices
from frontend.sections import section
from frontend.views.shared import agent_or_404

LIMIT = "40/minute"


@require(Role.EDITOR)
@require_POST
async def preview(request: Any, pk: UUID) -> HttpResponse:
    """A WAV, or why there is none in one plain sentence."""
    try:
        spec, secrets = await sync_to_async(_asked)(request, pk)
    except ratelimit.TooManyRequests as error:
        words = _("That was a lot of listening. Try again in %d seconds.") % error.retry_after
        return HttpResponse(words, status=429, content_type="text/plain; charset=utf-8")
    text = " ".join(request.POST.get("text", "").split())[:MAX_CHARS] or _(
        "Hello! This is how I sound. How can I help you today?"
    )
    try:
        sound = await speak(spec, text, secrets)
    except ProviderError as error:
        return HttpResponse(error.message, status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(sound, content_type="audio/wav", headers={"Cache-Control": "no-store"})


def _asked(request: Any, pk: UUID) -> tuple[AgentSpec, dict[str, str]]:
    """The draft, with what of the section on the page is right; and its keys, where its voice needs one."""
    agent = agent_or_404(request, pk)
    ratelimit.hit(LIMIT, "preview", str(request.organization.pk))
    form = section(agent, "sounds", Choices(), request.POST).form
    form.is_valid()
    sounds = Sounds.model_validate({**form.stored, **form.changes})
    try:
        spec = load(agent.draft).model_copy(update={"sounds": sounds})
    except ValueError:  # another section is half done
        return AgentSpec(sounds=sounds), {}
    try:
        return spec, keys.secrets(request.organization, spec)
    except keys.NoKey:
        return spec, {}
