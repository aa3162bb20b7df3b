"""SignalWire: its Compatibility API is Twilio's at another address, and so are its pages' forms and its streams.

https://signalwire.com/docs/compatibility-api. What differs: an account is a project in a *space*, whose address the member gives; its
webhooks are signed with the project's signing key, by Twilio's algorithm; ``<Connect>`` has no ``action``; a running call is given
the address of a document, not the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.conf import settings

from egress.origin import NoOrigin, origin
from telephony.carriers import CarrierError
from telephony.carriers.carrier import Able, Asked, AtCarrier, Login, LoginField, WrongLogin, field_of
from telephony.carriers.twilio import STOPPED, Twilio, is_signed_for
from telephony.dialing.gate import Permit
from telephony.wire.dialects import CannotSay, connect_then_redirect
from telephony.wire.streams import TwilioWire, Wire

HEADERS = ("X-SignalWire-Signature", "X-Twilio-Signature")
"""The same in both; older spaces send the second alone."""
PROJECT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SPACE, PROJECT_ID, API_TOKEN, SIGNING_KEY = (
    LoginField(
        "space_url",
        "Space URL",
        "The address of your space, as in SignalWire's dashboard under API.",
        placeholder="example.signalwire.com",
    ),
    LoginField("project_id", "Project ID", "In SignalWire's dashboard, under API.", placeholder="b08dacad-2f6c-…"),
    LoginField("api_token", "API token", "One that may use Voice, Messaging and Numbers.", is_secret=True),
    LoginField(
        "signing_key", "Signing key", "In SignalWire's dashboard, under API: it proves who calls.", is_secret=True
    ),
)


class SignalWire(Twilio):
    """One project."""

    title = "SignalWire"
    root = "/api/laml/2010-04-01"
    bad_login = "SignalWire doesn't know this project ID with this API token in this space. Copy all three again."

    async def transfer_out(self, permit: Permit, call_sid: str, document: str, page: str) -> None:
        await self._ask("POST", f"{self._account}/Calls/{call_sid}.json", {"Url": page, "Method": "POST"})


class SignalWireCarrier:
    key = "signalwire"
    title = "SignalWire"
    login: tuple[LoginField, ...] = (SPACE, PROJECT_ID, API_TOKEN, SIGNING_KEY)
    able: frozenset[Able] = frozenset({"machines", "voicemail"})
    takes_documents = False
    wire: Wire = TwilioWire()
    stopped = STOPPED

    def read(self, given: Mapping[str, str]) -> Login:
        space, project, token, signing = (field_of(given, each) for each in self.login)
        if not PROJECT.fullmatch(project):
            raise WrongLogin(
                "A project ID has 32 letters and digits and four dashes. You find it in SignalWire's dashboard."
            )
        return Login(project.lower(), token, _address(space), signing, {"address": _address(space)})

    def address(self, details: Mapping[str, str]) -> str:
        return details.get("address", "")

    def at(self, login: Login) -> AtCarrier:
        return SignalWire(login.sid, login.secret, login.address)

    def is_theirs(self, asked: Asked, login: Login, now_s: float) -> bool:
        signature = next((value for name in HEADERS if (value := asked.headers.get(name))), "")
        return is_signed_for(asked, login.sid, login.signing, signature)

    def once(self, asked: Asked) -> str:
        return ""

    def form(self, asked: Asked) -> dict[str, str]:
        return {name: asked.one(name) for name in asked.form}

    def spoken(self, document: str) -> str:
        try:
            return connect_then_redirect(document)
        except CannotSay as error:
            raise CarrierError(f"SignalWire can't be told that: {error}") from error


def _address(space: str) -> str:
    """Of the space, without a path. Nothing is sent there but by https, unless the operator has listed the server."""
    wanted = space if "://" in space else f"https://{space}"
    try:
        scheme, _, host = origin(wanted.rstrip("/")).partition("://")
    except NoOrigin as error:
        raise WrongLogin(f"That is no address of a space. {error}") from None
    if scheme != "https" and host not in settings.EGRESS_ALLOW:
        raise WrongLogin("The address of a space begins with https://, or is only its name: example.signalwire.com.")
    return f"{scheme}://{host.removesuffix(':443')}"
