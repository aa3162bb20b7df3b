"""Plivo's REST API, as much of it as telephones need, and its XML: https://www.plivo.com/docs/voice.

A number belongs to an *application*, with its calls and its texts; ours is made when the first number is imported, and its pages are
the account's. Numbers have no plus sign there. Which id a call of ours has is told when it rings.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from django.conf import settings

import egress
from telephony.carriers import CarrierCall, CarrierError, CarrierNumber, rest
from telephony.carriers.carrier import Able, Asked, AtCarrier, Lacking, Login, LoginField, WrongLogin, field_of
from telephony.dialing.gate import Permit
from telephony.wire.dialects import CannotSay, plivo_xml
from telephony.wire.plivo_signature import HEADER, HEADERS_V2, NONCE, NONCE_V2, is_signed, is_signed_v2
from telephony.wire.plivo_streams import PlivoWire
from telephony.wire.streams import Wire

SECONDS = 10.0
A_PAGE = 20
MOST_PAGES = 100
MOST_LIVE = 50
STOPPED = 200
AUTH_ID, AUTH_TOKEN = (
    LoginField("auth_id", "Auth ID", "On the overview page of Plivo's console.", placeholder="MA…"),
    LoginField("auth_token", "Auth token", "On the overview page of Plivo's console.", is_secret=True),
)
_AUTH_ID = re.compile(r"(MA|SA)[0-9A-Z]{18}")
_STATUS = {"timeout": "no-answer", "cancel": "canceled"}
"""Plivo's CallStatus and DialStatus → Twilio's, where they differ."""
_STATE = {"ANSWERED": "completed", "BUSY": "busy", "NO_ANSWER": "no-answer", "CANCELED": "canceled", "FAILED": "failed"}
"""The same of a call that is over, as its REST API says it."""
_BECAME = {"rejected": "failed", "read": "delivered"}
"""Plivo's Status of a text → Twilio's MessageStatus, where they differ."""
_NUMBER = re.compile(r"[1-9]\d{6,14}")


class Plivo(Lacking):
    """One account. Every method opens a connection of its own, through ``egress``, and raises :class:`CarrierError`."""

    title = "Plivo"

    def __init__(self, sid: str, token: str) -> None:
        self.sid = sid
        self._token = token

    async def name(self) -> str:
        return str((await self._ask("GET", "")).get("name") or self.sid)

    async def numbers(self) -> list[CarrierNumber]:
        found = [_number(each) for each in await self._pages("Number/")]
        return sorted(found, key=lambda each: each.number)

    async def lead(self, number_sid: str, voice_url: str, status_url: str, text_url: str = "") -> dict[str, str]:
        was = _application_of(await self._ask("GET", f"Number/{_id(number_sid)}/"))
        found = await self._application(voice_url)
        ours = _application_id(found) or await self._make_application(voice_url, status_url, text_url)
        brings_texts = found.get("message_url") == text_url
        if found and text_url and not brings_texts:  # an earlier release made it
            await self._ask("POST", f"Application/{_id(ours)}/", {"message_url": text_url, "message_method": "POST"})
        if was != ours:
            await self._ask("POST", f"Number/{_id(number_sid)}/", {"app_id": ours})
        return {
            "voice_url": voice_url if was == ours else "",
            "sms_url": text_url if was == ours and brings_texts else "",
            "app_id": was,
        }

    async def put_back(self, number_sid: str, before: Mapping[str, str], only_if: str, texts_only_if: str = "") -> bool:
        """Its texts go where its calls go."""
        try:
            number = await self._ask("GET", f"Number/{_id(number_sid)}/")
        except CarrierError as error:
            if error.status == 404:
                return False
            raise
        led = _application_of(number)
        is_elsewhere = not led or led != _application_id(await self._application(only_if))
        if is_elsewhere:
            return False
        await self._ask("POST", f"Number/{_id(number_sid)}/", {"app_id": before.get("app_id", "")})
        return True

    async def call(
        self, to: str, from_: str, url: str, status_url: str, *, detect_machine: bool, until_beep: bool = False,
        ring_seconds: int,
    ) -> str:  # fmt: skip
        """What it answers is the id of the request, not of the call: "" here, and ``status_url`` is told when it rings."""
        await self._ask("POST", "Call/", {
            "from": _bare(from_), "to": _bare(to), "answer_url": url, "answer_method": "POST", "ring_url": status_url,
            "ring_method": "POST", "hangup_url": status_url, "hangup_method": "POST", "ring_timeout": ring_seconds,
        })  # fmt: skip
        return ""

    async def placed(self, to: str, from_: str) -> list[CarrierCall]:
        """Those that are over, and those that ring or run."""
        asked = urlencode(
            {"to_number": _bare(to), "from_number": _bare(from_), "call_direction": "outbound", "limit": A_PAGE}
        )
        over = [_call(each) for each in (await self._ask("GET", f"Call/?{asked}")).get("objects") or []]
        ids = (await self._ask("GET", "Call/?status=live")).get("calls") or []
        live = [await self._live(str(each)) for each in ids[:MOST_LIVE]]
        wanted = (_bare(to), _bare(from_), "outbound")
        return over + [
            CarrierCall(str(each["call_uuid"]), "in-progress", None)
            for each in live
            if (_bare(str(each.get("to"))), _bare(str(each.get("from"))), each.get("direction")) == wanted
        ]

    async def _live(self, call_sid: str) -> dict[str, Any]:
        try:
            return await self._ask("GET", f"Call/{_id(call_sid)}/?status=live")
        except CarrierError as error:
            if error.status == 404:  # it is over by now
                return {}
            raise

    async def look_up(self, call_sid: str) -> CarrierCall:
        if live := await self._live(call_sid):
            return CarrierCall(call_sid, str(live.get("call_status") or "in-progress"), None)
        return _call(await self._ask("GET", f"Call/{_id(call_sid)}/"))

    async def hang_up(self, call_sid: str) -> None:
        await self._ask("DELETE", f"Call/{_id(call_sid)}/")

    async def transfer_out(self, permit: Permit, call_sid: str, document: str, page: str) -> None:
        """https://www.plivo.com/docs/voice/api/call/transfer-a-call: what it does now ends, its stream with it."""
        await self._ask("POST", f"Call/{_id(call_sid)}/", {"legs": "aleg", "aleg_url": page, "aleg_method": "POST"})

    async def send_text(self, to: str, from_: str, text: str, status_url: str = "") -> str:
        told = {"url": status_url, "method": "POST"} if status_url else {}
        sent = await self._ask("POST", "Message/", {"src": _bare(from_), "dst": _bare(to), "text": text, **told})
        ids = sent.get("message_uuid")
        if not isinstance(ids, list) or not ids:
            raise CarrierError(f"Plivo says: {sent.get('error') or sent.get('message') or 'The text was not taken.'}")
        return str(ids[0])

    # ----

    async def _application(self, voice_url: str) -> dict[str, Any]:
        """The application that asks our page; ``{}``: there is none."""
        every = await self._pages("Application/")
        return next((each for each in every if each.get("answer_url") == voice_url), {})

    async def _make_application(self, voice_url: str, status_url: str, text_url: str) -> str:
        named = hashlib.sha256(voice_url.encode()).hexdigest()[:12]  # letters, digits and dashes are all it may have
        made = await self._ask("POST", "Application/", {
            "app_name": f"Parley-{named}", "answer_url": voice_url, "answer_method": "POST", "hangup_url": status_url,
            "hangup_method": "POST", **({"message_url": text_url, "message_method": "POST"} if text_url else {}),
        })  # fmt: skip
        return str(made["app_id"])

    async def _pages(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number in range(MOST_PAGES):
            page = await self._ask("GET", f"{path}?{urlencode({'limit': A_PAGE, 'offset': number * A_PAGE})}")
            found += page.get("objects") or []
            if not (page.get("meta") or {}).get("next"):
                break
        return found

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        login = httpx.BasicAuth(self.sid, self._token)
        client = egress.client(base_url=settings.PLIVO_API_URL, auth=login, timeout=SECONDS)
        answer, found = await rest.ask(self.title, client, method, f"/v1/Account/{_id(self.sid)}/{path}", json=body)
        if answer.status_code == 401 or (answer.status_code == 403 and not found.get("error")):
            words = "Plivo doesn't know this auth ID with this auth token. Copy both again from Plivo's console."
            raise CarrierError(words, status=answer.status_code)
        if answer.is_success:
            return found
        raise CarrierError(f"Plivo says: {found.get('error') or answer.reason_phrase}", status=answer.status_code)


class PlivoCarrier:
    key = "plivo"
    title = "Plivo"
    login: tuple[LoginField, ...] = (AUTH_ID, AUTH_TOKEN)
    able: frozenset[Able] = frozenset()
    takes_documents = False
    wire: Wire = PlivoWire()
    stopped = STOPPED

    def read(self, given: Mapping[str, str]) -> Login:
        sid, token = (field_of(given, each) for each in self.login)
        if not _AUTH_ID.fullmatch(sid):
            raise WrongLogin(
                "An auth ID begins with MA, followed by 18 letters and digits. You find it in Plivo's console."
            )
        return Login(sid, token, self.address({}))

    def address(self, details: Mapping[str, str]) -> str:
        return str(settings.PLIVO_API_URL)

    def at(self, login: Login) -> AtCarrier:
        return Plivo(login.sid, login.secret)

    def is_theirs(self, asked: Asked, login: Login, now_s: float) -> bool:
        """Of texts its pages name the second version alone, so that does there; calls must have the third."""
        nonce, signatures = asked.headers.get(NONCE, "")[:200], asked.headers.get(HEADER, "")[:1_000]
        if is_signed(login.secret, asked.url, asked.form, nonce, signatures):
            return True
        if not _is_of_texts(asked):
            return False
        nonce, given = asked.headers.get(NONCE_V2, "")[:200], [asked.headers.get(name, "")[:200] for name in HEADERS_V2]
        return any([is_signed_v2(login.secret, asked.url, nonce, each) for each in given])

    def once(self, asked: Asked) -> str:
        return asked.headers.get(NONCE_V2, "")[:200] if _is_of_texts(asked) else ""

    def form(self, asked: Asked) -> dict[str, str]:
        """Its own names stay beside Twilio's."""
        told = {name: asked.one(name) for name in asked.form}
        status, dialled, became = told.get("CallStatus", ""), told.get("DialStatus", ""), told.get("Status", "")
        twilios = {
            "CallSid": told.get("CallUUID", ""),
            "From": _e164(told.get("From", "")),
            "To": _e164(told.get("To", "")),
            "CallStatus": _STATUS.get(status, status),
            "CallDuration": told.get("Duration", ""),
            "DialCallStatus": _STATUS.get(dialled, dialled),
            "DialCallDuration": told.get("DialBLegDuration", ""),
            "MessageSid": told.get("MessageUUID", ""),
            "MessageStatus": _BECAME.get(became, became),
            "Body": told.get("Text", ""),
            "NumMedia": told.get("MediaCount", ""),
        }
        return {**told, **{name: value for name, value in twilios.items() if value}}

    def spoken(self, document: str) -> str:
        try:
            return plivo_xml(document)
        except CannotSay as error:
            raise CarrierError(f"Plivo can't be told that: {error}") from error


def _id(text: str) -> str:
    return quote(text, safe="")


def _is_of_texts(asked: Asked) -> bool:
    return "/texts" in urlsplit(asked.url).path


def _bare(number: str) -> str:
    return number.removeprefix("+")


def _e164(number: str) -> str:
    """A SIP address, or "anonymous", stays what it is."""
    return f"+{number}" if _NUMBER.fullmatch(number) else number


def _application_id(application: Mapping[str, Any]) -> str:
    return str(application.get("app_id") or "")


def _application_of(number: Mapping[str, Any]) -> str:
    """``/v1/Account/MA…/Application/20372631212782780/`` → its id; "": none."""
    return str(number.get("application") or "").rstrip("/").rpartition("/")[2]


def _number(each: Mapping[str, Any]) -> CarrierNumber:
    return CarrierNumber(
        sid=str(each["number"]),
        number=_e164(str(each["number"])),
        label=str(each.get("alias") or ""),
        can_call=bool(each.get("voice_enabled", True)),
        leads_to=_application_of(each),
    )


def _call(each: Mapping[str, Any]) -> CarrierCall:
    made_at = None
    with contextlib.suppress(ValueError):
        made_at = datetime.fromisoformat(str(each.get("initiation_time") or ""))
    state = str(each.get("call_state") or "").upper()
    status = _STATE.get(state) or ("completed" if each.get("answer_time") else "failed")
    return CarrierCall(str(each["call_uuid"]), status, made_at if made_at is None or made_at.tzinfo else None)
