"""Telnyx without Telnyx: Twilio's stand-in with its own REST API, signature and messages.

As its pages say, TeXML is TwiML but for ``<Stream>``'s attributes and a ``<Connect>`` that asks nobody; sound may come out of order
(here two of ten messages do). https://developers.telnyx.com
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.peers.twilio_stand_in import Account, Exchange, PhoneCall, Tongue
from tests.peers.webhook import JSON, Webhook

ORGANIZATION, KEY = "61bf923e-5e4d-4595-a110-56190ea18a1b", "KEY of the account"


class TelnyxTongue(Tongue):
    def opening(self, account: Account, call: PhoneCall, sid: str, terms: dict[str, Any]) -> list[dict[str, Any]]:
        assert terms["bidirectionalMode"] == "rtp" and terms["bidirectionalCodec"] == "PCMU"
        return [
            {"event": "connected", "version": "1.0.0"},
            {
                "event": "start", "sequence_number": "1", "stream_id": sid,
                "start": {
                    "user_id": str(uuid.uuid4()), "call_control_id": f"v2:{secrets.token_urlsafe(20)}",
                    "call_session_id": str(uuid.uuid4()), "from": call.from_, "to": call.to,
                    "custom_parameters": terms.get("parameters", {}),
                    "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
                },
            },
        ]  # fmt: skip

    def media(self, sid: str, number: int, sound: bytes) -> dict[str, Any]:
        number += {3: 1, 4: -1}.get(number % 10, 0)  # out of order
        return {
            "event": "media", "sequence_number": str(number + 1), "stream_id": sid,
            "media": {
                "track": "inbound", "chunk": str(number), "timestamp": str(number * 20),
                "payload": base64.b64encode(sound).decode(),
            },
        }  # fmt: skip

    def digit(self, sid: str, digit: str) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat()
        return {"event": "dtmf", "stream_id": sid, "occurred_at": at, "sequence_number": "9", "dtmf": {"digit": digit}}

    def mark(self, sid: str, name: str) -> dict[str, Any]:
        return {"event": "mark", "stream_id": sid, "sequence_number": "4", "mark": {"name": name}}

    def stop(self, account: Account, call: PhoneCall, sid: str, number: int) -> dict[str, Any] | None:
        about = {"user_id": str(uuid.uuid4()), "call_control_id": call.sid}
        return {"event": "stop", "sequence_number": str(number), "stream_id": sid, "stop": about}

    def heard(self, sid: str, message: dict[str, Any]) -> bytes | str | None:
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                return base64.b64decode(payload, validate=True)
            case {"event": "mark", "mark": {"name": str(name)}}:
                return name
        assert message == {"event": "clear"}
        return None


class TelnyxExchange(Exchange):
    tongue = TelnyxTongue()

    async def _live(
        self, account: Account, call: PhoneCall, url: str, status_url: str, more: dict[str, str] | None = None
    ) -> None:
        """Its callbacks tell of a call from its beginning on."""
        self.calls[call.sid] = call
        await self.ask(account, call, status_url, {"CallStatus": "initiated", "CallbackSource": "call-progress-events"})
        await super()._live(account, call, url, status_url, more)


class TelnyxAccount(Account):
    connect_asks = False
    stranger = {"errors": [{"code": "10009", "title": "Authentication failed", "detail": "The key is not valid."}]}

    def __init__(self, *numbers: str, exchange: Exchange | None = None) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self.private.public_key().public_bytes_raw()).decode()
        self.applications: dict[str, dict[str, Any]] = {}
        self.profiles = [{"id": "1293384261075731499", "name": "Default", "enabled": True}]
        self.tells_sid = True
        """Its page's schema of the answer has no id, and its users' tests do."""
        self.by_another = self.new_application("https://b.example/voice", "")
        self.text_profiles: dict[str, dict[str, Any]] = {}
        self.texts_by_another = self.new_text_profile("The one before", "https://b.example/texts")
        self.texting: dict[str, dict[str, Any]] = {}
        """Of each number: by which profile its texts go."""
        self.refuses_profiles = ""
        """Why no number is put on a messaging profile; "": it is."""
        self.refuses_connections = ""
        super().__init__(*numbers, sid=ORGANIZATION, token=KEY, exchange=exchange)

    def new_application(self, voice_url: str, status_url: str, **more: Any) -> str:
        sid = str(secrets.randbelow(10**18) + 10**18)
        self.applications[sid] = {
            "id": sid, "record_type": "texml_application", "voice_url": voice_url, "status_callback": status_url, **more,
        }  # fmt: skip
        return sid

    def new_text_profile(self, name: str, webhook_url: str, **more: Any) -> str:
        sid = str(uuid.uuid4())
        self.text_profiles[sid] = {
            "id": sid, "record_type": "messaging_profile", "name": name, "enabled": True, "webhook_url": webhook_url, **more,
        }  # fmt: skip
        return sid

    def add(self, number: str, **more: Any) -> str:
        sid = str(secrets.randbelow(10**18) + 10**18)
        features = {"domestic_two_way": True, "international_inbound": True, "international_outbound": True}
        self.texting[sid] = {
            "id": sid, "record_type": "messaging_settings", "phone_number": number, "features": {"sms": features, "mms": None},
            "messaging_profile_id": self.texts_by_another,
        }  # fmt: skip
        self.numbers[sid] = {
            "id": sid, "record_type": "phone_number", "phone_number": number, "status": "active",
            "connection_id": self.by_another, "connection_name": "The one before", "customer_reference": "", **more,
        }  # fmt: skip
        return sid

    @property
    def authorization(self) -> str:
        return f"Bearer {self.token}"

    def call_sid(self) -> str:
        return f"v3:{secrets.token_urlsafe(38)}"

    def headers(self, url: str, form: dict[str, str]) -> dict[str, str]:
        return self.signed(urlencode(form).encode())

    def signed(self, body: bytes) -> dict[str, str]:
        moment = str(int(time.time()))
        signature = self.private.sign(f"{moment}|".encode() + body)
        return {"telnyx-timestamp": moment, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}

    def forget_secret(self) -> None:
        self.private = Ed25519PrivateKey.generate()

    def asks(self, call: PhoneCall) -> dict[str, str]:
        return {
            "AccountSid": "f5586561-8ff0-4291-a51b-c7dfe4139ff9", "CallSid": call.sid, "CallSidLegacy": call.sid,
            "CallStatus": call.status, "ConnectionId": self.by_another, "From": call.from_, "To": call.to,
        }  # fmt: skip

    def leads(self, to: str) -> tuple[str, str]:
        application = self.applications[self.numbers[self.sid_of(to)]["connection_id"]]
        return application["voice_url"], application["status_callback"]

    def where_calls_go(self, number: str) -> dict[str, Any]:
        sid = self.sid_of(number)
        return {
            "connection_id": self.numbers[sid]["connection_id"],
            "sms_profile": self.texting[sid]["messaging_profile_id"],
        }

    def lead_elsewhere(self, number: str) -> None:
        self.numbers[self.sid_of(number)]["connection_id"] = self.by_another

    def read(self, text: str) -> dict[str, Any]:
        return json.loads(text) if text.startswith("{") else super().read(text)

    def answer(self, method: str, path: str, form: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        self.asked.append((method, parts.path, form))
        asked = parse_qs(parts.query)
        match method, [unquote(each) for each in parts.path.removeprefix("/v2/").split("/")]:
            case "GET", ["whoami"]:
                return 200, {"data": {"organization_id": self.sid, "organization_name": "Bright Smiles"}}
            case "GET", ["phone_numbers"]:
                wanted = asked.get("filter[phone_number]")
                every = [each for each in self.numbers.values() if wanted in (None, [each["phone_number"]])]
                return 200, self._listed(every, asked)
            case "GET", ["texml_applications"]:
                return 200, self._listed(list(self.applications.values()), asked)
            case "GET", ["messaging_profiles"]:
                return 200, self._listed(list(self.text_profiles.values()), asked)
            case "POST", ["messaging_profiles"]:
                assert form.keys() == {"name", "webhook_url", "webhook_api_version", "whitelisted_destinations"}
                assert form["webhook_api_version"] == "2" and form["whitelisted_destinations"] == ["*"]
                return 200, {"data": self.text_profiles[self.new_text_profile(**form)]}
            case "GET" | "PATCH", ["phone_numbers", sid, "messaging"] if sid in self.texting:
                return self._put_on(sid, form) if method == "PATCH" else (200, {"data": self.texting[sid]})
            case "POST", ["messages"]:
                return self._send(form)
            case "GET", ["outbound_voice_profiles"]:
                return 200, self._listed(self.profiles, asked)
            case "GET" | "PATCH", ["phone_numbers", sid] if sid in self.numbers:
                if method == "PATCH":
                    if self.refuses_connections:
                        return _wrong(422, "10015", self.refuses_connections)
                    assert form.keys() == {"connection_id"} and form["connection_id"] in self.applications
                    self.numbers[sid].update(form)
                return 200, {"data": self.numbers[sid]}
            case "POST", ["texml_applications"]:
                names = {
                    "friendly_name",
                    "voice_url",
                    "voice_method",
                    "status_callback",
                    "status_callback_method",
                    "outbound",
                }
                assert form.keys() <= names and form["voice_method"] == form["status_callback_method"] == "post"
                made = self.new_application(form.pop("voice_url"), form.pop("status_callback"), **form)
                return 201, {"data": self.applications[made]}
            case "POST", ["texml", "Accounts", self.sid, "Calls"]:
                return self._place(form)
            case "GET", ["texml", "Accounts", self.sid, "Calls"]:
                found = [
                    each for each in self.placed if [each["to"], each["from"]] == [asked["To"][0], asked["From"][0]]
                ]
                return 200, {"calls": [self._told(each) for each in reversed(found)], "page": 0, "next_page_uri": None}
            case "GET", ["texml", "Accounts", self.sid, "Calls", sid] if one := [
                each for each in self.placed if each["sid"] == sid
            ]:
                return 200, self._told(one[0])
            case "POST", ["texml", "Accounts", self.sid, "Calls", sid] if self.exchange is not None and self._loop:
                live = self.exchange.calls[sid]
                if self.refuses_updates:
                    return _wrong(422, "90018", self.refuses_updates)
                if "Texml" in form:
                    self._loop.call_soon_threadsafe(live.redirect, form["Texml"])
                elif form == {"Status": "completed"}:
                    self.hung_up.append(sid)
                    self._loop.call_soon_threadsafe(live.hang_up)
                return 200, {"sid": sid, "status": "in-progress"}
        return _wrong(404, "10005", f"Nothing is at {parts.path}.")

    @staticmethod
    def _listed(every: list[dict[str, Any]], asked: dict[str, list[str]]) -> dict[str, Any]:
        """Two a page, whatever is asked for."""
        number = int(asked["page[number]"][0])
        meta = {"page_number": number, "page_size": 2, "total_pages": -(-len(every) // 2), "total_results": len(every)}
        return {"data": every[2 * number - 2 : 2 * number], "meta": meta}

    def _place(self, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refuses_calls or form["ApplicationSid"] not in self.applications:
            return _wrong(422, "10015", self.refuses_calls or "The requested connection was not found.")
        sid = self.call_sid()
        call = {
            "sid": sid, "status": "queued", "to": form["To"], "from": form["From"], "direction": "outbound",
            "date_created": format_datetime(datetime.now(UTC)),
        }  # fmt: skip
        self.placed.append(call)
        if self.exchange is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.exchange.place, self, sid, form)
        self.before_answering(call)
        names = ("from", "to", "status", *(["sid"] if self.tells_sid else []))
        return 200, {name: call[name] for name in names}

    # ---- texts

    def _put_on(self, sid: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert form.keys() == {"messaging_profile_id"}
        wanted = form["messaging_profile_id"]
        if self.refuses_profiles or (wanted and wanted not in self.text_profiles):
            return _wrong(422, "10015", self.refuses_profiles or "There is no such messaging profile.")
        self.texting[sid]["messaging_profile_id"] = wanted or None
        return 200, {"data": self.texting[sid]}

    def _send(self, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert form.keys() <= {"from", "to", "text", "webhook_url"}
        ours = [each for each in self.texting.values() if each["phone_number"] == form["from"]]
        if not ours or not ours[0]["messaging_profile_id"]:
            return _wrong(400, "40305", "The source number is not assigned to a messaging profile.")
        if form["to"] in self.unreachable:
            return _wrong(403, "40310", "The destination number is not routable.")
        if form["to"] in self.stopped:
            words = f"Messages cannot be sent from {form['from']} to {form['to']} due to an existing block rule."
            return _wrong(409, "40300", words)
        sid = str(uuid.uuid4())
        profile = self.text_profiles[ours[0]["messaging_profile_id"]]
        self.texts.append({
            "sid": sid, "From": form["from"], "To": form["to"], "Body": form["text"],
            "StatusCallback": form.get("webhook_url") or profile["webhook_url"],
        })  # fmt: skip
        to = [{"phone_number": form["to"], "status": "queued", "carrier": "", "line_type": ""}]
        return 200, {"data": {"record_type": "message", "direction": "outbound", "id": sid, "to": to, "errors": []}}

    def writes(self, sender: str, to: str, text: str, *, sid: str = "", media: int = 0) -> Webhook:
        """Somebody writes to one of the account's numbers."""
        profile = self.text_profiles[self.texting[self.sid_of(to)]["messaging_profile_id"]]
        pictures = [{"url": "https://b.example/1.png", "content_type": "image/png", "size": 1} for _ in range(media)]
        return self._event(profile["webhook_url"], "message.received", {
            "id": sid or str(uuid.uuid4()), "direction": "inbound", "type": "MMS" if media else "SMS", "text": text,
            "from": {"phone_number": sender, "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"},
            "to": [{"phone_number": to, "status": "webhook_delivered", "carrier": "TELNYX LLC", "line_type": "VoIP"}],
            "media": pictures, "cc": [], "errors": [], "received_at": "2026-01-23T18:10:02.574Z",
        })  # fmt: skip

    def tells(self, sent: dict[str, str], became: str, code: str = "") -> Webhook:
        """What became of a text: sent, delivered, failed."""
        status = {"failed": "delivery_failed"}.get(became, became)
        errors = [{"code": code, "title": "Undeliverable", "detail": "The message was not taken."}] if code else []
        return self._event(sent["StatusCallback"], "message.sent" if became == "sent" else "message.finalized", {
            "id": sent["sid"], "direction": "outbound", "type": "SMS", "text": sent["Body"],
            "from": {"phone_number": sent["From"], "carrier": "TELNYX LLC", "line_type": "VoIP"},
            "to": [{"phone_number": sent["To"], "status": status, "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}],
            "errors": errors,
        })  # fmt: skip

    def _event(self, url: str, kind: str, message: dict[str, Any]) -> Webhook:
        event = {
            "data": {
                "record_type": "event", "id": str(uuid.uuid4()), "event_type": kind,
                "occurred_at": datetime.now(UTC).isoformat(), "payload": {"record_type": "message", **message},
            },
            "meta": {"attempt": 1, "delivered_to": url},
        }  # fmt: skip
        body = json.dumps(event, ensure_ascii=False).encode()
        return Webhook(url, body, self.signed(body), JSON)


def _wrong(status: int, code: str, detail: str) -> tuple[int, dict[str, Any]]:
    return status, {"errors": [{"code": code, "title": "It was not done", "detail": detail}]}
