"""Twilio's REST API, as much of it as telephones need: https://www.twilio.com/docs/voice/api."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from django.conf import settings

import egress
from telephony.carriers import CarrierCall, CarrierError, CarrierNumber, rest
from telephony.carriers.carrier import Able, Asked, AtCarrier, Login, LoginField, WrongLogin
from telephony.dialing.gate import Permit
from telephony.wire.streams import TwilioWire, Wire
from telephony.wire.twilio_signature import HEADER, is_signed

SECONDS = 10.0
STOPPED = 21610
OF_ACCOUNT = (10001, 10002, 20003, 20005, 20006, 20008, 21205, 21210, 21212, 21213, 90010)
"""Its codes for what is the account's (closed, suspended, without money, wrong login) and for a number that may not call from it."""
OF_NUMBER = (21211, 21214, 21215, 21216, 21217, 21219)
"""And for what is the called number's, whatever the HTTP status."""
MOST_PAGES = 20
ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_LEADS = (
    "voice_url",
    "voice_method",
    "voice_application_sid",
    "trunk_sid",
    "status_callback",
    "status_callback_method",
)
"""What of a number says where its calls go."""
_TEXTS_LEAD = ("sms_url", "sms_method", "sms_application_sid")
"""And its text messages."""


class Twilio:
    """One account. Every method opens a connection of its own, through ``egress``, and raises :class:`CarrierError`."""

    title = "Twilio"
    root = "/2010-04-01"
    bad_login = "Twilio doesn't know this account SID with this auth token. Copy both again from Twilio's console."

    def __init__(self, sid: str, token: str, address: str = "") -> None:
        self.sid = sid
        self._token = token
        self._address = address or settings.TWILIO_API_URL

    async def name(self) -> str:
        """What the account is called. Raises where it is closed or suspended."""
        found = await self._ask("GET", f"{self._account}.json")
        if found.get("status") != "active":
            raise CarrierError(f"This {self.title} account is {found.get('status')}: no calls can be made with it.")
        return str(found.get("friendly_name") or self.sid)

    async def numbers(self) -> list[CarrierNumber]:
        """All that the account has, by number."""
        found: list[CarrierNumber] = []
        path = f"{self._account}/IncomingPhoneNumbers.json?PageSize=1000"
        for _ in range(MOST_PAGES):
            page = await self._ask("GET", path)
            found += [_number(each) for each in page.get("incoming_phone_numbers") or []]
            path = str(page.get("next_page_uri") or "")
            if not path.startswith("/"):
                break
        return sorted(found, key=lambda each: each.number)

    async def lead(self, number_sid: str, voice_url: str, status_url: str, text_url: str = "") -> dict[str, str]:
        """Let calls of this number come to ``voice_url``, and texts to ``text_url``. Returns what to give :meth:`put_back`."""
        number = await self._ask("GET", f"{self._account}/IncomingPhoneNumbers/{number_sid}.json")
        before = {name: str(number.get(name) or "") for name in (*_LEADS, *(_TEXTS_LEAD if text_url else ()))}
        texts = {"SmsUrl": text_url, "SmsMethod": "POST", "SmsApplicationSid": ""} if text_url else {}
        await self._change(number_sid, {
            "VoiceUrl": voice_url, "VoiceMethod": "POST", "StatusCallback": status_url, "StatusCallbackMethod": "POST",
            "VoiceApplicationSid": "", "TrunkSid": "",  # either would take the call before its address is asked
            **texts,
        })  # fmt: skip
        return before

    async def put_back(self, number_sid: str, before: Mapping[str, str], only_if: str, texts_only_if: str = "") -> bool:
        """As it was, calls and texts each only where nobody has led them elsewhere than ``only_if`` and ``texts_only_if`` meanwhile. False:
        the calls were left alone, or the account doesn't have the number any more."""
        try:
            number = await self._ask("GET", f"{self._account}/IncomingPhoneNumbers/{number_sid}.json")
        except CarrierError as error:
            if error.status == 404:
                return False
            raise
        is_ours = number.get("voice_url") == only_if
        are_texts_ours = bool(texts_only_if) and number.get("sms_url") == texts_only_if
        names = (*(_LEADS if is_ours else ()), *(_TEXTS_LEAD if are_texts_ours else ()))
        back = {_camel(name): before.get(name, "") for name in names if before.get(name) or "sid" not in name}
        if back:
            await self._change(number_sid, back)
        return is_ours

    async def call(
        self,
        to: str,
        from_: str,
        url: str,
        status_url: str,
        *,
        detect_machine: bool,
        until_beep: bool = False,
        ring_seconds: int,
    ) -> str:
        """Ring ``to``. When somebody picks up, ``url`` is asked what to do; ``until_beep``: of a machine when its greeting is over.
        Returns the call's id."""
        form = {
            "To": to, "From": from_, "Url": url, "Method": "POST", "StatusCallback": status_url, "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": "completed", "Timeout": str(ring_seconds),
        }  # fmt: skip
        if detect_machine:
            form["MachineDetection"] = "DetectMessageEnd" if until_beep else "Enable"
        made = await self._ask("POST", f"{self._account}/Calls.json", form)
        return str(made["sid"])

    async def call_with(
        self, permit: Permit, from_: str, document: str, status_url: str, *, ring_seconds: int, longest_s: int
    ) -> str:
        """Ring whom ``permit`` lets, a number or a SIP address, and obey ``document`` when they pick up. Returns the call's id."""
        form = {
            "To": permit.number, "From": from_, "Twiml": document, "StatusCallback": status_url, "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": "completed", "Timeout": str(ring_seconds), "TimeLimit": str(longest_s),
        }  # fmt: skip
        made = await self._ask("POST", f"{self._account}/Calls.json", form)
        return str(made["sid"])

    async def placed(self, to: str, from_: str) -> list[CarrierCall]:
        """The newest calls that we asked for between the two, whatever became of them."""
        asked = urlencode({"To": to, "From": from_, "PageSize": 50})
        page = await self._ask("GET", f"{self._account}/Calls.json?{asked}")
        return [_call(each) for each in page.get("calls") or [] if str(each.get("direction")) == "outbound-api"]

    async def look_up(self, call_sid: str) -> CarrierCall:
        return _call(await self._ask("GET", f"{self._account}/Calls/{call_sid}.json"))

    async def hang_up(self, call_sid: str) -> None:
        await self._ask("POST", f"{self._account}/Calls/{call_sid}.json", {"Status": "completed"})

    async def transfer_out(self, permit: Permit, call_sid: str, document: str, page: str) -> None:
        await self._ask("POST", f"{self._account}/Calls/{call_sid}.json", {"Twiml": document})

    async def recording(self, recording_sid: str, most_bytes: int) -> bytes:
        """A recording that was made for us, as WAV."""
        path = f"{self._account}/Recordings/{recording_sid}.wav"
        with rest.told(self.title):
            async with self._client(most_bytes) as client:
                answer = await client.get(path)
        if not answer.is_success:
            raise CarrierError(f"{self.title} doesn't give the recording.", status=answer.status_code)
        return answer.content

    async def forget_recording(self, recording_sid: str) -> None:
        await self._ask("DELETE", f"{self._account}/Recordings/{recording_sid}.json")

    async def send_text(self, to: str, from_: str, text: str, status_url: str = "") -> str:
        form = {"To": to, "From": from_, "Body": text, **({"StatusCallback": status_url} if status_url else {})}
        sent = await self._ask("POST", f"{self._account}/Messages.json", form)
        return str(sent["sid"])

    @property
    def _account(self) -> str:
        return f"{self.root}/Accounts/{self.sid}"

    async def _change(self, number_sid: str, form: Mapping[str, str]) -> None:
        await self._ask("POST", f"{self._account}/IncomingPhoneNumbers/{number_sid}.json", form)

    def _client(self, most_bytes: int = egress.MAX_BYTES) -> httpx.AsyncClient:
        login = httpx.BasicAuth(self.sid, self._token)
        return egress.client(max_bytes=most_bytes, base_url=self._address, auth=login, timeout=SECONDS)

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer, body = await rest.ask(self.title, self._client(), method, path, data=form)
        if answer.is_success:
            return body
        if answer.status_code in (401, 403) and body.get("code") in (None, 20003, 20404):
            raise CarrierError(self.bad_login, code=20003, status=answer.status_code)
        code = body.get("code") if isinstance(body.get("code"), int) else 0
        raise CarrierError(
            f"{self.title} says: {body.get('message') or answer.reason_phrase}",
            code=code or 0,
            status=answer.status_code,
            is_of_account=True if code in OF_ACCOUNT else False if code in OF_NUMBER else None,
        )


def _number(each: Mapping[str, Any]) -> CarrierNumber:
    able = each.get("capabilities") or {}
    leads_to = each.get("trunk_sid") or each.get("voice_application_sid") or each.get("voice_url") or ""
    return CarrierNumber(
        sid=str(each["sid"]),
        number=str(each["phone_number"]),
        label=str(each.get("friendly_name") or ""),
        can_call=bool(able.get("voice", True)),
        leads_to=str(leads_to),
    )


def _call(each: Mapping[str, Any]) -> CarrierCall:
    made_at = None
    with contextlib.suppress(TypeError, ValueError):
        made_at = parsedate_to_datetime(str(each["date_created"])) if each.get("date_created") else None
    return CarrierCall(
        sid=str(each["sid"]),
        status=str(each.get("status") or ""),
        made_at=made_at,
        answered_by=str(each.get("answered_by") or ""),
    )


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class TwilioCarrier:
    """``telephony.carriers.carrier.Carrier``: what the others are measured by."""

    key = "twilio"
    title = "Twilio"
    login: tuple[LoginField, ...] = (
        LoginField("account_sid", "Account SID", "In Twilio's console, under Account info.", placeholder="AC…"),
        LoginField("auth_token", "Auth token", "Below the account SID.", is_secret=True),
    )
    able: frozenset[Able] = frozenset({"words", "machines", "voicemail"})
    takes_documents = True
    wire: Wire = TwilioWire()
    stopped = STOPPED

    def read(self, given: Mapping[str, str]) -> Login:
        sid, token = given.get("account_sid", "").strip(), given.get("auth_token", "").strip()
        if not ACCOUNT_SID.fullmatch(sid):
            raise WrongLogin(
                "An account SID begins with AC, followed by 32 letters and digits. You find it in Twilio's console."
            )
        if not token or len(token) > 200:
            raise WrongLogin("Give the account's auth token. You find it in Twilio's console, below the account SID.")
        return Login(sid, token, self.address({}))

    def address(self, details: Mapping[str, str]) -> str:
        return str(settings.TWILIO_API_URL)

    def at(self, login: Login) -> AtCarrier:
        return Twilio(login.sid, login.secret)

    def is_theirs(self, asked: Asked, login: Login, now_s: float) -> bool:
        return is_signed_for(asked, login.sid, login.secret, asked.headers.get(HEADER, ""))

    def once(self, asked: Asked) -> str:
        return ""

    def form(self, asked: Asked) -> dict[str, str]:
        return {name: asked.one(name) for name in asked.form}

    def spoken(self, document: str) -> str:
        return document


def is_signed_for(asked: Asked, sid: str, secret: str, signature: str) -> bool:
    """By the account of this id, in Twilio's manner."""
    if not signature or len(signature) > 200 or list(asked.form.get("AccountSid", [sid])) != [sid]:
        return False
    return is_signed(secret, asked.url, asked.form, signature, b"" if asked.form else asked.body)
