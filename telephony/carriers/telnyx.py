"""Telnyx: TeXML, its copy of TwiML, and as much of its REST API as telephones need. https://developers.telnyx.com

A number belongs to a *connection*; ours is a TeXML application, made when the first number is imported, whose pages are the
account's. Its texts belong to a *messaging profile*, and ours is made likewise. Webhooks are signed with Telnyx's own key (Ed25519),
of which the account's public half checks them; the moment is signed with them, so what is old is refused.
"""

from __future__ import annotations

import binascii
import contextlib
from base64 import b64decode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

import egress
from telephony.carriers import CarrierCall, CarrierError, CarrierNumber, rest, says_account
from telephony.carriers.carrier import Able, Asked, AtCarrier, Lacking, Login, LoginField, WrongLogin, field_of
from telephony.dialing.gate import Permit
from telephony.wire import telnyx_texts
from telephony.wire.dialects import CannotSay, texml
from telephony.wire.streams import Wire
from telephony.wire.telnyx_streams import TelnyxWire

SECONDS = 10.0
MOST_PAGES = 40
STOPPED = 40300
OF_TEXTS = 40_000
"""From this code on an error is about text messages, whatever its status."""
SIGNATURE, TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
OLDEST_S = 300
"""A webhook that was signed longer ago, or so far in the future, is refused."""
API_KEY, PUBLIC_KEY = (
    LoginField(
        "api_key", "API key", "In Mission Control, under Keys & Credentials.", placeholder="KEY…", is_secret=True
    ),
    LoginField("public_key", "Public key", "In Mission Control, under Keys & Credentials: it proves who calls."),
)


class Telnyx(Lacking):
    """One account. Every method opens a connection of its own, through ``egress``, and raises :class:`CarrierError`."""

    title = "Telnyx"

    def __init__(self, sid: str, key: str) -> None:
        self.sid = sid
        """Of its organization: only Telnyx knows it until :meth:`name` has asked."""
        self._key = key

    async def name(self) -> str:
        found = _data(await self._ask("GET", "/v2/whoami"))
        self.sid = str(found.get("organization_id") or "")
        if not self.sid:
            raise CarrierError(
                "Telnyx doesn't say whose key this is. Make one in Mission Control, for version 2 of its API."
            )
        return str(found.get("organization_name") or found.get("email") or self.sid)

    async def numbers(self) -> list[CarrierNumber]:
        found = [_number(each) for each in await self._pages("/v2/phone_numbers")]
        return sorted(found, key=lambda each: each.number)

    async def lead(self, number_sid: str, voice_url: str, status_url: str, text_url: str = "") -> dict[str, str]:
        """Texts first: a number whose calls come here is one that is ours to put back."""
        was = str(_data(await self._ask("GET", f"/v2/phone_numbers/{_id(number_sid)}")).get("connection_id") or "")
        texts_were = await self._profile_of(number_sid) if text_url else None
        ours = await self._application(voice_url)
        if ours is None:
            ours = await self._make_application(voice_url, status_url)
        before = {"voice_url": voice_url if was == ours else "", "connection_id": was}
        if texts_were is not None:
            profile = await self._profile(text_url) or await self._make_profile(text_url)
            before |= {"sms_url": text_url if texts_were == profile else "", "sms_profile_id": texts_were}
            if texts_were != profile:
                await self._put_on(number_sid, profile)
        if was != ours:
            try:
                await self._ask("PATCH", f"/v2/phone_numbers/{_id(number_sid)}", {"connection_id": ours})
            except CarrierError:
                if before.get("sms_url") == "":
                    with contextlib.suppress(CarrierError):
                        await self._put_on(number_sid, before["sms_profile_id"])
                raise
        return before

    async def put_back(self, number_sid: str, before: Mapping[str, str], only_if: str, texts_only_if: str = "") -> bool:
        try:
            number = _data(await self._ask("GET", f"/v2/phone_numbers/{_id(number_sid)}"))
        except CarrierError as error:
            if error.status == 404:
                return False
            raise
        texts_are = await self._profile_of(number_sid) if texts_only_if else None
        if texts_are and texts_are == await self._profile(texts_only_if):
            await self._put_on(number_sid, before.get("sms_profile_id", ""))
        if number.get("connection_id") is None or str(number["connection_id"]) != await self._application(only_if):
            return False
        await self._ask(
            "PATCH", f"/v2/phone_numbers/{_id(number_sid)}", {"connection_id": before.get("connection_id") or None}
        )
        return True

    async def call(
        self, to: str, from_: str, url: str, status_url: str, *, detect_machine: bool, until_beep: bool = False,
        ring_seconds: int,
    ) -> str:  # fmt: skip
        """By the application that ``from_`` belongs to. Its id may be told only by what Telnyx asks next: then it is ""."""
        asked = urlencode({"filter[phone_number]": from_})
        ours = [each for each in await self._pages("/v2/phone_numbers", asked) if each.get("phone_number") == from_]
        if not ours or not ours[0].get("connection_id"):
            words = f"{from_} is on no application at Telnyx any more. Import it again."
            raise CarrierError(words, status=404, is_of_account=True)
        made = await self._ask("POST", f"{self._texml}/Calls", {
            "ApplicationSid": str(ours[0]["connection_id"]), "To": to, "From": from_, "Url": url, "UrlMethod": "POST",
            "StatusCallback": status_url, "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": "initiated ringing answered completed", "Timeout": max(5, ring_seconds),
        })  # fmt: skip
        return str(made.get("call_sid") or made.get("sid") or "")

    async def placed(self, to: str, from_: str) -> list[CarrierCall]:
        asked = urlencode({"To": to, "From": from_, "PageSize": 50})
        page = await self._ask("GET", f"{self._texml}/Calls?{asked}")
        return [
            _call(each) for each in page.get("calls") or [] if str(each.get("direction", "")).startswith("outbound")
        ]

    async def look_up(self, call_sid: str) -> CarrierCall:
        return _call(await self._ask("GET", f"{self._texml}/Calls/{_id(call_sid)}"))

    async def hang_up(self, call_sid: str) -> None:
        await self._update(call_sid, {"Status": "completed"})

    async def transfer_out(self, permit: Permit, call_sid: str, document: str, page: str) -> None:
        await self._update(call_sid, {"Texml": spoken(document)})

    async def send_text(self, to: str, from_: str, text: str, status_url: str = "") -> str:
        told = {"webhook_url": status_url} if status_url else {}
        sent = await self._ask("POST", "/v2/messages", {"from": from_, "to": to, "text": text, **told})
        return str(_data(sent)["id"])

    # ----

    @property
    def _texml(self) -> str:
        return f"/v2/texml/Accounts/{_id(self.sid)}"

    async def _update(self, call_sid: str, form: Mapping[str, str]) -> None:
        await self._ask("POST", f"{self._texml}/Calls/{_id(call_sid)}", form=form)

    async def _application(self, voice_url: str) -> str | None:
        """The TeXML application that asks our page."""
        every = await self._pages("/v2/texml_applications")
        return next((str(each["id"]) for each in every if each.get("voice_url") == voice_url), None)

    async def _make_application(self, voice_url: str, status_url: str) -> str:
        """It may place calls, too, where the account has a profile that says at what price."""
        profiles = [each for each in await self._pages("/v2/outbound_voice_profiles") if each.get("enabled", True)]
        outbound = {"outbound": {"outbound_voice_profile_id": str(profiles[0]["id"])}} if profiles else {}
        made = await self._ask("POST", "/v2/texml_applications", {
            "friendly_name": _our_name(), "voice_url": voice_url, "voice_method": "post", "status_callback": status_url,
            "status_callback_method": "post", **outbound,
        })  # fmt: skip
        return str(_data(made)["id"])

    async def _profile_of(self, number_sid: str) -> str | None:
        """The messaging profile that its texts go by; "": by none; ``None``: it can have no texts."""
        try:
            found = _data(await self._ask("GET", f"/v2/phone_numbers/{_id(number_sid)}/messaging"))
        except CarrierError as error:
            if error.status == 404:
                return None
            raise
        features = found.get("features")
        if isinstance(features, dict) and "sms" in features and not features["sms"]:
            return None
        return str(found.get("messaging_profile_id") or "")

    async def _profile(self, text_url: str) -> str | None:
        """The messaging profile that tells our page."""
        every = await self._pages("/v2/messaging_profiles")
        return next((str(each["id"]) for each in every if each.get("webhook_url") == text_url), None)

    async def _make_profile(self, text_url: str) -> str:
        """To all countries: which of them may be written to is asked here, before each text."""
        made = await self._ask("POST", "/v2/messaging_profiles", {
            "name": _our_name(), "webhook_url": text_url, "webhook_api_version": "2", "whitelisted_destinations": ["*"],
        })  # fmt: skip
        return str(_data(made)["id"])

    async def _put_on(self, number_sid: str, profile: str) -> None:
        """ "": on none."""
        wanted = {"messaging_profile_id": profile}
        await self._ask("PATCH", f"/v2/phone_numbers/{_id(number_sid)}/messaging", wanted)

    async def _pages(self, path: str, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number in range(1, MOST_PAGES + 1):
            paging = urlencode({"page[number]": number, "page[size]": 250})
            page = await self._ask("GET", f"{path}?{paging}{'&' if query else ''}{query}")
            found += page.get("data") or []
            if number >= int((page.get("meta") or {}).get("total_pages") or 1):
                break
        return found

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, form: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        login = {"Authorization": f"Bearer {self._key}"}
        client = egress.client(base_url=settings.TELNYX_API_URL, headers=login, timeout=SECONDS)
        answer, found = await rest.ask(self.title, client, method, path, json=body, data=form)
        if answer.is_success:
            return found
        code, problem = _problem(found)
        if answer.status_code in (401, 403) and code < OF_TEXTS and says_account(answer.status_code, problem):
            words = "Telnyx doesn't know this API key, or it may not do that. Copy it again from Mission Control."
            raise CarrierError(words, code=code, status=answer.status_code)
        words = f"Telnyx says: {problem or answer.reason_phrase}"
        raise CarrierError(words, code=code, status=answer.status_code)


class TelnyxCarrier:
    key = "telnyx"
    title = "Telnyx"
    login: tuple[LoginField, ...] = (API_KEY, PUBLIC_KEY)
    able: frozenset[Able] = frozenset()
    takes_documents = True
    wire: Wire = TelnyxWire()
    stopped = STOPPED

    def read(self, given: Mapping[str, str]) -> Login:
        key, public = (field_of(given, each) for each in self.login)
        if _public_key(public) is None:
            raise WrongLogin("That is no public key of Telnyx's: it has 44 letters and digits and ends with =.")
        return Login("", key, self.address({}), details={"public_key": public})

    def address(self, details: Mapping[str, str]) -> str:
        return str(settings.TELNYX_API_URL)

    def at(self, login: Login) -> AtCarrier:
        return Telnyx(login.sid, login.secret)

    def is_theirs(self, asked: Asked, login: Login, now_s: float) -> bool:
        key, moment = _public_key(login.details.get("public_key", "")), asked.headers.get(TIMESTAMP, "")
        if key is None or not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
            return False
        if abs(now_s - int(moment)) > OLDEST_S:
            return False
        try:
            signature = b64decode(asked.headers.get(SIGNATURE, "")[:200], validate=True)
            key.verify(signature, moment.encode() + b"|" + asked.body)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    def once(self, asked: Asked) -> str:
        return ""

    def form(self, asked: Asked) -> dict[str, str]:
        """Of texts it tells in JSON."""
        return {name: asked.one(name) for name in asked.form} or telnyx_texts.form(asked.body)

    def spoken(self, document: str) -> str:
        return spoken(document)


def spoken(document: str) -> str:
    try:
        return texml(document)
    except CannotSay as error:
        raise CarrierError(f"Telnyx can't be told that: {error}") from error


def _public_key(text: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None


def _id(text: str) -> str:
    return quote(text, safe="")


def _data(body: Mapping[str, Any]) -> dict[str, Any]:
    found = body.get("data")
    return found if isinstance(found, dict) else {}


def _our_name() -> str:
    """What is made for Parley is called so there."""
    return f"Parley {settings.SITE_URL.partition('://')[2]}"[:80]


def _problem(body: Mapping[str, Any]) -> tuple[int, str]:
    """Telnyx's number of what is wrong, and its words; 0 and "" where it has none."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = str(first.get("code") or "")
    return int(code) if code.isdecimal() and len(code) < 10 else 0, str(first.get("detail") or first.get("title") or "")


def _number(each: Mapping[str, Any]) -> CarrierNumber:
    return CarrierNumber(
        sid=str(each["id"]),
        number=str(each["phone_number"]),
        label=str(each.get("customer_reference") or ""),
        can_call=True,
        leads_to=str(each.get("connection_name") or each.get("connection_id") or ""),
    )


def _call(each: Mapping[str, Any]) -> CarrierCall:
    made_at = None
    with contextlib.suppress(TypeError, ValueError):
        made_at = parsedate_to_datetime(str(each["date_created"])) if each.get("date_created") else None
    return CarrierCall(sid=str(each["sid"]), status=str(each.get("status") or ""), made_at=made_at)
