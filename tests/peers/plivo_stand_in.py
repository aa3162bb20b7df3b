"""Plivo without Plivo: Twilio's stand-in with Plivo's own XML, REST API, signature and messages.

Webhooks are signed with Plivo's own library's words where that is installed: ``tests/peers/test_plivo_stand_in.py``; those of texts
with the second version of its signature, as its pages about them say. https://www.plivo.com/docs/voice, …/docs/messaging
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import uuid
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

from telephony.wire.plivo_signature import sign, sign_v2
from tests.peers.twilio_stand_in import Account, Exchange, PhoneCall, Tongue
from tests.peers.webhook import Webhook

APPLICATION = {f"{what}_{of}" for what in ("answer", "hangup", "message") for of in ("url", "method")} | {
    "fallback_answer_url", "fallback_method", "default_number_app", "default_endpoint_app", "subaccount", "log_incoming_messages",
}  # fmt: skip
"""What of one can be changed."""
AUTH_ID, TOKEN = "MA" + "5" * 18, "the token of the Plivo account"


class PlivoTongue(Tongue):
    def opening(self, account: Account, call: PhoneCall, sid: str, terms: dict[str, Any]) -> list[dict[str, Any]]:
        assert terms["bidirectional"] == terms["keepCallAlive"] == "true"
        encoding, _, rate = terms["contentType"].partition(";rate=")
        return [{
            "sequenceNumber": 0, "event": "start", "extra_headers": "{}",
            "start": {
                "callId": call.sid, "streamId": sid, "accountId": account.sid, "tracks": ["inbound"],
                "mediaFormat": {"encoding": encoding, "sampleRate": int(rate)},
            },
        }]  # fmt: skip

    def media(self, sid: str, number: int, sound: bytes) -> dict[str, Any]:
        return {
            "sequenceNumber": number, "streamId": sid, "event": "media", "extra_headers": "{}",
            "media": {
                "track": "inbound", "timestamp": str(number * 20), "chunk": number, "payload": base64.b64encode(sound).decode(),
            },
        }  # fmt: skip

    def digit(self, sid: str, digit: str) -> dict[str, Any]:
        pressed = {"track": "inbound", "digit": digit, "timestamp": "1"}
        return {"event": "dtmf", "sequenceNumber": 9, "streamId": sid, "dtmf": pressed, "extra_headers": "{}"}

    def mark(self, sid: str, name: str) -> dict[str, Any]:
        return {"event": "playedStream", "sequenceNumber": 4, "streamId": sid, "name": name}

    def stop(self, account: Account, call: PhoneCall, sid: str, number: int) -> dict[str, Any] | None:
        return None

    def heard(self, sid: str, message: dict[str, Any]) -> bytes | str | None:
        match message:
            case {
                "event": "playAudio",
                "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload},
            }:
                return base64.b64decode(payload, validate=True)
            case {"event": "checkpoint", "streamId": str(stream), "name": str(name)}:
                assert stream == sid
                return name
        assert message == {"event": "clearAudio", "streamId": sid}
        return None

    def cleared(self, sid: str) -> dict[str, Any] | None:
        return {"event": "clearedAudio", "sequenceNumber": 5, "streamId": sid}


class PlivoExchange(Exchange):
    tongue = PlivoTongue()

    def place(self, account: Account, sid: str, form: dict[str, Any]) -> None:
        call = PhoneCall(account.call_sid(), form["to"], form["from"], "outbound", says=bytearray(self.answers_say))
        self._run(self._rings(account, call, form))

    async def _rings(self, account: Account, call: PhoneCall, form: dict[str, Any]) -> None:
        self.calls[call.sid] = call
        await self.ask(account, call, form["ring_url"], {})
        picks_up = self.who.get(f"+{call.to}", self.picks_up)
        if picks_up == "rings":
            return
        if picks_up in ("busy", "no-answer", "failed"):
            call.status = "timeout" if picks_up == "no-answer" else picks_up
            await self._end(account, call, form["hangup_url"])
            return
        call.status = "in-progress"
        await self._live(account, call, form["answer_url"], form["hangup_url"])

    async def _obey(self, account: Account, call: PhoneCall, document: str) -> str | None:
        for verb in ElementTree.fromstring(document):
            match verb.tag:
                case "Stream":
                    call.status = "in-progress"
                    await self._stream(account, call, {"url": verb.text, **verb.attrib})
                    if call._hangs_up.is_set():
                        return None
                    if call._instead is not None:
                        return await self._redirected(account, call)
                case "Redirect":
                    return await self.ask(account, call, verb.text or "", {})
                case "Speak":
                    call.status = "in-progress"
                    call.said.append(verb.text or "")
                case "Dial":
                    call.status = "in-progress"
                    call.dialled.append(verb[0].text or "")
                    call.dial_attributes.append(dict(verb.attrib))
                    how = self.who.get(verb[0].text or "", "completed")
                    return await self.ask(account, call, verb.attrib["action"], {"DialStatus": how})
                case "Hangup":
                    if "reason" in verb.attrib and call.status == "ringing":
                        call.status = "rejected"
                    return None
                case "Wait":
                    await asyncio.sleep(float(verb.attrib.get("length", "1")))
                case other:
                    raise AssertionError(f"Plivo has no <{other}>")
        return None


class PlivoAccount(Account):
    stranger = "Could not verify your access level for that URL."

    def __init__(self, *numbers: str, exchange: Exchange | None = None) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.by_another = self.new_application("https://b.example/voice", "", message_url="https://b.example/texts")
        self.signs_texts = "v2"
        """Or v3, or ma-v2: under the main account's token, of a number of a subaccount."""
        super().__init__(*numbers, sid=AUTH_ID, token=TOKEN, exchange=exchange)

    def new_application(self, answer_url: str, hangup_url: str, **more: Any) -> str:
        sid = str(secrets.randbelow(10**16) + 10**16)
        self.applications[sid] = {"app_id": sid, "answer_url": answer_url, "hangup_url": hangup_url, **more}
        return sid

    def _uri(self, application: str) -> str:
        return f"/v1/Account/{AUTH_ID}/Application/{application}/"

    def add(self, number: str, **more: Any) -> str:
        sid = number.removeprefix("+")
        self.numbers[sid] = {
            "number": sid, "alias": "", "application": self._uri(self.by_another), "voice_enabled": True, "sms_enabled": True,
            **more,
        }  # fmt: skip
        return sid

    def sid_of(self, number: str) -> str:
        return number.removeprefix("+")

    def call_sid(self) -> str:
        return str(uuid.uuid4())

    def headers(self, url: str, form: dict[str, str]) -> dict[str, str]:
        nonce = secrets.token_hex(8)
        signature = sign(self.token, url, {name: [value] for name, value in form.items()}, nonce)
        return {"X-Plivo-Signature-V3": f"another,{signature}", "X-Plivo-Signature-V3-Nonce": nonce}

    def asks(self, call: PhoneCall) -> dict[str, str]:
        of_ours = {"ALegUUID": call.sid, "ALegRequestUUID": str(uuid.uuid4())} if call.direction == "outbound" else {}
        return {
            "CallUUID": call.sid, "From": call.from_.removeprefix("+"), "To": call.to.removeprefix("+"),
            "CallStatus": call.status, "Direction": call.direction, **of_ours,
        }  # fmt: skip

    def _application(self, number: str) -> str:
        return str(self.numbers[self.sid_of(number)]["application"]).rstrip("/").rpartition("/")[2]

    def leads(self, to: str) -> tuple[str, str]:
        application = self.applications[self._application(to)]
        return application["answer_url"], application["hangup_url"]

    def where_calls_go(self, number: str) -> dict[str, Any]:
        return {"application": self._application(number)}

    def lead_elsewhere(self, number: str) -> None:
        self.numbers[self.sid_of(number)]["application"] = self._uri(self.by_another)

    def read(self, text: str) -> dict[str, Any]:
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    def answer(self, method: str, path: str, form: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        self.asked.append((method, parts.path, form))
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        said = {"api_id": str(uuid.uuid4())}
        match method, parts.path.removeprefix(f"/v1/Account/{self.sid}").strip("/").split("/"):
            case "GET", [""]:
                return 200, {**said, "auth_id": self.sid, "name": "Bright Smiles", "account_type": "standard"}
            case "GET", ["Number"]:
                return 200, {**said, **self._listed(list(self.numbers.values()), asked)}
            case "GET", ["Application"]:
                return 200, {**said, **self._listed(list(self.applications.values()), asked)}
            case "GET", ["Number", sid] if sid in self.numbers:
                return 200, {**said, **self.numbers[sid]}
            case "POST", ["Number", sid] if sid in self.numbers:
                assert form.keys() <= {"app_id", "number"}, form
                assert form["app_id"] in self.applications, form
                self.numbers[sid]["application"] = self._uri(form["app_id"])
                return 202, {**said, "message": "changed"}
            case "POST", ["Application"]:
                assert all(letter.isalnum() or letter in "-_" for letter in form["app_name"])
                return 201, {**said, "message": "created", "app_id": self.new_application(**form)}
            case "POST", ["Application", sid] if sid in self.applications:
                assert form.keys() <= APPLICATION, form
                self.applications[sid].update(form)
                return 202, {**said, "message": "changed"}
            case "POST", ["Message"]:
                status, answer = self._send(form)
                return status, {**said, **answer}
            case "POST", ["Call"]:
                if self.refuses_calls or form["from"] not in self.numbers:
                    return 400, {**said, "error": self.refuses_calls or "The caller ID is not yours."}
                self.placed.append(form)
                if self.exchange is not None and self._loop is not None:
                    self._loop.call_soon_threadsafe(self.exchange.place, self, "", form)
                return 201, {**said, "message": "call fired", "request_uuid": str(uuid.uuid4())}
            case "GET", ["Call"] if asked.get("status") == "live":
                return 200, {**said, "calls": [call.sid for call in self._live()]}
            case "GET", ["Call"]:
                over = [self._record_of(call) for call in self._over()]
                wanted = (asked["to_number"], asked["from_number"], asked["call_direction"])
                names = ("to_number", "from_number", "call_direction")
                found = [each for each in over if tuple(each[name] for name in names) == wanted]
                return 200, {**said, "meta": {"next": None}, "objects": found}
            case "GET", ["Call", sid] if not asked and (gone := [call for call in self._over() if call.sid == sid]):
                return 200, {**said, **self._record_of(gone[0])}
            case "GET", ["Call", sid] if asked and (here := [call for call in self._live() if call.sid == sid]):
                (call,) = here
                return 200, {
                    **said, "call_uuid": sid, "call_status": call.status, "from": call.from_, "to": call.to,
                    "direction": call.direction,
                }  # fmt: skip
            case "POST", ["Call", sid]:
                live = self.exchange.calls.get(sid) if self.exchange is not None else None
                if self.refuses_updates or live is None or live.status != "in-progress" or self._loop is None:
                    return 404, {**said, "error": self.refuses_updates or "call not found"}
                assert form.keys() == {"legs", "aleg_url", "aleg_method"} and form["legs"] == "aleg"
                self._loop.call_soon_threadsafe(live.redirect, form["aleg_url"])
                return 202, {**said, "message": "call transferred"}
            case "DELETE", ["Call", sid] if self.exchange is not None and sid in self.exchange.calls and self._loop:
                self.hung_up.append(sid)
                self._loop.call_soon_threadsafe(self.exchange.calls[sid].hang_up)
                return 204, {}
        return 404, {**said, "error": "not found"}

    def _live(self) -> list[PhoneCall]:
        every = self.exchange.calls.values() if self.exchange is not None else ()
        return [call for call in every if not call.over.is_set()]

    def _over(self) -> list[PhoneCall]:
        every = self.exchange.calls.values() if self.exchange is not None else ()
        return [call for call in every if call.over.is_set()]

    @staticmethod
    def _record_of(call: PhoneCall) -> dict[str, Any]:
        return {
            "call_uuid": call.sid, "call_direction": call.direction, "from_number": call.from_, "to_number": call.to,
            "call_state": "ANSWERED", "answer_time": "2026-01-01 10:00:00+00:00", "initiation_time": "2026-01-01 10:00:00+00:00",
        }  # fmt: skip

    @staticmethod
    def _listed(every: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
        limit, offset = int(asked["limit"]), int(asked["offset"])
        assert limit <= 20
        after = f"/next?offset={offset + limit}" if offset + limit < len(every) else None
        meta = {"limit": limit, "offset": offset, "next": after, "previous": None, "total_count": len(every)}
        return {"meta": meta, "objects": every[offset : offset + limit]}

    # ---- texts

    def _send(self, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert form.keys() <= {"src", "dst", "text", "url", "method", "type", "log", "trackable"}, form
        to = f"+{form['dst']}"
        if form["src"] not in self.numbers:
            return 400, {"error": "this caller ID is not allowed for outbound message"}
        if to in self.unreachable:
            return 403, {"error": "SMS to this destination country are barred"}
        sid = str(uuid.uuid4())
        self.texts.append({
            "sid": sid, "From": f"+{form['src']}", "To": to, "Body": form["text"], "StatusCallback": form.get("url", ""),
        })  # fmt: skip
        return 202, {"message": "message(s) queued", "message_uuid": [sid]}

    def writes(self, sender: str, to: str, text: str, *, sid: str = "", media: int = 0) -> Webhook:
        """Somebody writes to one of the account's numbers."""
        pictures = {f"Media{number}": "https://b.example/1.png" for number in range(1, media + 1)}
        said = (
            {"Body": text, "MediaCount": str(media), **pictures, "Type": "mms"}
            if media
            else {"Text": text, "Type": "sms"}
        )
        return self._webhook(self.applications[self._application(to)]["message_url"], {
            "MessageUUID": sid or str(uuid.uuid4()), "From": sender.removeprefix("+"), "To": to.removeprefix("+"),
            "Units": "1", "TotalRate": "0", "TotalAmount": "0", "MessageIntent": "", "PowerpackUUID": "", **said,
        })  # fmt: skip

    def tells(self, sent: dict[str, str], became: str, code: str = "") -> Webhook:
        """What became of a text: sent, delivered, failed."""
        return self._webhook(sent["StatusCallback"], {
            "MessageUUID": sent["sid"], "ParentMessageUUID": sent["sid"], "From": sent["From"].removeprefix("+"),
            "To": sent["To"].removeprefix("+"), "Type": "sms", "Status": became, "Units": "1", "PartInfo": "1 of 1",
            "TotalRate": "0.0", "TotalAmount": "0.0", "ErrorCode": code or ("000" if became == "delivered" else ""),
        })  # fmt: skip

    def _webhook(self, url: str, form: dict[str, str]) -> Webhook:
        if self.signs_texts == "v3":
            headers = self.headers(url, form)
        else:
            nonce = secrets.token_hex(8)
            ours, of_another = sign_v2(self.token, url, nonce), sign_v2("of another account", url, nonce)
            first, main = (ours, of_another) if self.signs_texts == "v2" else (of_another, ours)
            headers = {
                "X-Plivo-Signature-V2": first, "X-Plivo-Signature-Ma-V2": main, "X-Plivo-Signature-V2-Nonce": nonce,
            }  # fmt: skip
        return Webhook(url, urlencode(form).encode(), headers)
