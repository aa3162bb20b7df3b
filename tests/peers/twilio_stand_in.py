"""Twilio without Twilio: its REST API, its webhooks, its exchange and its media streams, on this machine.

What it does is what Twilio documents: it signs what it asks (with Twilio's own library), obeys TwiML, sends 20 ms of μ-law a message
in real time, plays what it is sent at its own pace, returns marks when they were played or cleared, and asks the ``action`` of a
``<Connect>`` when the stream is over. ``tests/peers/test_twilio_stand_in.py`` lets Twilio's own client use it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import threading
import time
import uuid
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from telephony.audio import g711
from tests.peers.relay_stand_in import Relay

SID, TOKEN = "AC" + "5" * 32, "the token of the account"
QUIET = b"\xff" * 160
Post = Callable[[str, dict[str, str], dict[str, str]], Awaitable[tuple[int, str]]]
"""Address, form, headers → status and body."""


def sign(token: str, url: str, form: dict[str, str]) -> str:
    from twilio.request_validator import RequestValidator

    return str(RequestValidator(token).compute_signature(url, form))


def new_sid(kind: str) -> str:
    return kind + uuid.uuid4().hex


class Tongue:
    """How a carrier's streams speak: Twilio's. Those of others differ in the shape of their messages."""

    def opening(self, account: Account, call: PhoneCall, sid: str, terms: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"event": "connected", "protocol": "Call", "version": "1.0.0"},
            {
                "event": "start", "sequenceNumber": "1", "streamSid": sid,
                "start": {
                    "accountSid": account.sid, "streamSid": sid, "callSid": call.sid, "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, "customParameters": {},
                },
            },
        ]  # fmt: skip

    def media(self, sid: str, number: int, sound: bytes) -> dict[str, Any]:
        return {
            "event": "media", "sequenceNumber": str(number + 1), "streamSid": sid,
            "media": {
                "track": "inbound", "chunk": str(number), "timestamp": str(number * 20),
                "payload": base64.b64encode(sound).decode(),
            },
        }  # fmt: skip

    def digit(self, sid: str, digit: str) -> dict[str, Any]:
        return {
            "event": "dtmf", "streamSid": sid, "sequenceNumber": "9", "dtmf": {"track": "inbound_track", "digit": digit}
        }  # fmt: skip

    def mark(self, sid: str, name: str) -> dict[str, Any]:
        return {"event": "mark", "streamSid": sid, "sequenceNumber": "4", "mark": {"name": name}}

    def stop(self, account: Account, call: PhoneCall, sid: str, number: int) -> dict[str, Any] | None:
        """``None``: the socket is closed, and that is all."""
        return {
            "event": "stop", "sequenceNumber": str(number), "streamSid": sid,
            "stop": {"accountSid": account.sid, "callSid": call.sid},
        }  # fmt: skip

    def heard(self, sid: str, message: dict[str, Any]) -> bytes | str | None:
        """What we are sent: sound, the name of a mark, or to clear all (``None``)."""
        assert message["streamSid"] == sid
        match message["event"]:
            case "media":
                return base64.b64decode(message["media"]["payload"], validate=True)
            case "mark":
                return str(message["mark"]["name"])
        assert message["event"] == "clear"
        return None

    def cleared(self, sid: str) -> dict[str, Any] | None:
        """What is said to that, if anything."""
        return None


@dataclass
class PhoneCall:
    """One call in the exchange, as the person at its other end has it."""

    sid: str
    to: str
    from_: str
    direction: str = "inbound"
    status: str = "ringing"
    says: bytearray = field(default_factory=bytearray)
    """μ-law that the person says next; silence where there is none."""
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    """Each 20 ms that was played to the person, and when."""
    first_sound_s: float | None = None
    connected_s: float | None = None
    streams: int = 0
    stream_began_s: float = 0.0
    """The newest one, on the clock of ``heard``."""
    refusals: list[int] = field(default_factory=list)
    """Of the stream's handshake: HTTP statuses."""
    clears: int = 0
    marks: int = 0
    most_buffered_ms: int = 0
    underruns_ms: list[float] = field(default_factory=list)
    stream_urls: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    """All TwiML that was given for it."""
    dialled: list[str] = field(default_factory=list)
    dial_attributes: list[dict[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the exchange itself said to the person."""
    recording_told: tuple[str, dict[str, str]] = ("", {})
    """What was told last of a message's recording, and where."""
    relay: Relay | None = None
    """The newest session of ConversationRelay."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _socket: Any = None
    _tongue: Tongue = field(default_factory=Tongue)
    _stream_sid: str = ""
    document: str = ""
    """TwiML that it was placed with, to obey when somebody picks up."""
    picks_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Of one that is "slow" to be picked up: now."""
    _hangs_up: asyncio.Event = field(default_factory=asyncio.Event)
    _instead: str | None = None
    """TwiML that the account gave it by REST, to obey instead of what it does, or its address."""

    def say(self, coded: bytes) -> None:
        self.says += coded

    def hang_up(self) -> None:
        self._hangs_up.set()

    def redirect(self, document: str) -> None:
        """What it does now ends; an ``action`` of that is not asked. Or the address of a document."""
        if not document.startswith("http"):
            self.documents.append(document)
        self._instead = document

    async def press(self, digit: str) -> None:
        await self._socket.send(json.dumps(self._tongue.digit(self._stream_sid, digit)))

    def heard_since(self, moment: float) -> bytes:
        return b"".join(sound for at, sound in self.heard if at >= moment)


class Exchange:
    """The telephone network behind one account."""

    tongue = Tongue()

    def __init__(self, post: Post, *, network_ms: int = 0) -> None:
        self._post = post
        self._network_s = network_ms / 1000
        self._account: Account | None = None
        self.calls: dict[str, PhoneCall] = {}
        self.picks_up = "human"
        """Who picks up calls that we place: "human", "machine_start", or "busy", "no-answer", "failed", "rings" (nobody) or "slow"."""
        self.who: dict[str, str] = {}
        """The same of single numbers."""
        self.answers_say: bytes = b""
        """μ-law that whoever picks up says."""
        self._tasks: set[asyncio.Task[None]] = set()

    def ring(self, account: Account, to: str, from_: str = "+14155550100", says: bytes = b"") -> PhoneCall:
        """Somebody calls a number of the account."""
        call = PhoneCall(account.call_sid(), to, from_, says=bytearray(says))
        self._run(self._live(account, call, *account.leads(to)))
        return call

    def place(self, account: Account, sid: str, form: dict[str, str]) -> None:
        """The account asked for a call by REST."""
        call = PhoneCall(sid, form["To"], form["From"], "outbound-api", says=bytearray(self.answers_say))
        picks_up = self.who.get(form["To"], self.picks_up)
        if picks_up in ("busy", "no-answer", "failed"):
            call.status = picks_up
            self._run(self._end(account, call, form.get("StatusCallback", "")))
            self.calls[sid] = call
            return
        more = {"AnsweredBy": picks_up} if form.get("MachineDetection") else {}
        call.document = form.get("Twiml", "")
        work = self._live(account, call, form.get("Url", ""), form.get("StatusCallback", ""), more)
        self._run(self._rings(account, call, work, form) if picks_up in ("rings", "slow") else work)

    async def _rings(self, account: Account, call: PhoneCall, work: Any, form: dict[str, str]) -> None:
        """ "rings": until it may no longer, or is hung up; "slow": until the test says."""
        self.calls[call.sid] = call
        waiting = [asyncio.create_task(each.wait()) for each in (call._hangs_up, call.picks_up)]
        await asyncio.wait(waiting, timeout=float(form.get("Timeout", "60")), return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if call.picks_up.is_set() and not call._hangs_up.is_set():
            await work
            return
        work.close()
        call.status = "canceled" if call._hangs_up.is_set() else "no-answer"
        await self._end(account, call, form.get("StatusCallback", ""))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for call in self.calls.values():
            call.hang_up()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
        for task in self._tasks:
            task.cancel()

    # ---- a call

    async def _live(
        self, account: Account, call: PhoneCall, url: str, status_url: str, more: dict[str, str] | None = None
    ) -> None:
        self.calls[call.sid] = call
        document: str | None = call.document
        if document:
            call.documents.append(document)
        else:
            document = await self.ask(account, call, url, more or {})
        while document is not None and not call._hangs_up.is_set():
            document = await self._obey(account, call, document)
        if call.status not in ("rejected",):
            call.status = "completed"
        await self._end(account, call, status_url)

    async def _end(self, account: Account, call: PhoneCall, status_url: str) -> None:
        if status_url:
            await self.ask(account, call, status_url, {"CallDuration": "9"})
        call.over.set()

    async def ask(self, account: Account, call: PhoneCall, url: str, more: dict[str, str]) -> str | None:
        form = {**account.asks(call), **more}
        status, body = await self._post(url, form, account.headers(url, form))
        if status != 200 or not body.lstrip().startswith("<?xml"):
            return None
        call.documents.append(body)
        return body

    async def _obey(self, account: Account, call: PhoneCall, document: str) -> str | None:
        """One TwiML document. Returns the next."""
        for verb in ElementTree.fromstring(document):
            match verb.tag:
                case "Connect":
                    call.status = "in-progress"
                    bring = self._words if verb[0].tag == "ConversationRelay" else self._stream
                    parameters = {each.attrib["name"]: each.attrib["value"] for each in verb[0].iter("Parameter")}
                    event = await bring(
                        account, call, {**verb[0].attrib, **({"parameters": parameters} if parameters else {})}
                    )
                    if call._hangs_up.is_set():
                        return None
                    if call._instead is not None:
                        return await self._redirected(account, call)
                    if not account.connect_asks:
                        assert "action" not in verb.attrib
                    if "action" not in verb.attrib:
                        continue
                    return await self.ask(
                        account, call, verb.attrib["action"], {"StreamEvent": event, "StreamSid": call._stream_sid}
                    )
                case "Redirect":
                    return await self.ask(account, call, verb.text or "", {})
                case "Dial":
                    call.status = "in-progress"
                    call.dialled.append(verb[0].text or "")
                    call.dial_attributes.append(dict(verb.attrib))
                    if not (action := verb.attrib.get("action")):
                        continue
                    how = self.who.get(verb[0].text or "", "completed")
                    if how == "rings":  # until the caller has enough of it
                        await call._hangs_up.wait()
                        call.status, how = "completed", "canceled"
                    more = {"DialCallStatus": how, **({"DialCallDuration": "7"} if how == "completed" else {})}
                    return await self.ask(account, call, action, more)
                case "Say":
                    call.status = "in-progress"
                    call.said.append(verb.text or "")
                case "Record":
                    call.status = "in-progress"
                    if (answered := await self._record(account, call, verb.attrib)) is not None:
                        return answered
                case "Hangup":
                    return None
                case "Reject":
                    call.status = "rejected"
                    return None
                case "Pause":
                    await asyncio.sleep(float(verb.attrib.get("length", "1")))
        return None

    async def _redirected(self, account: Account, call: PhoneCall) -> str | None:
        instead, call._instead = call._instead or "", None
        return await self.ask(account, call, instead, {}) if instead.startswith("http") else instead

    async def _record(self, account: Account, call: PhoneCall, verb: dict[str, str]) -> str | None:
        """After the tone the person says what they have to say, and hangs up. ``None``: they say nothing."""
        if not call.says:
            return None
        sid, seconds = new_sid("RE"), len(call.says) // 8_000
        account.recordings[sid] = as_wav(bytes(call.says))
        more = {
            "RecordingSid": sid,
            "RecordingUrl": f"{account.url}/Recordings/{sid}",
            "RecordingDuration": str(seconds),
        }
        document = await self.ask(account, call, verb["action"], {**more, "Digits": "hangup"})
        told = {**account.asks(call), **more, "RecordingStatus": "completed"}
        call.recording_told = verb["recordingStatusCallback"], told
        await self.ask(account, call, *call.recording_told)
        return document

    # ---- its sound

    async def _words(self, account: Account, call: PhoneCall, terms: dict[str, Any]) -> str:
        call.stream_urls.append(terms["url"])
        relay = call.relay = Relay(dict(terms))
        try:
            async with connect(terms["url"], compression=None, open_timeout=5) as socket:
                relay.socket, call._socket, call.streams = socket, socket, call.streams + 1
                await socket.send(json.dumps({
                    "type": "setup", "sessionId": new_sid("VX"), "accountSid": account.sid, "parentCallSid": "", "callSid": call.sid,
                    "from": call.from_, "to": call.to, "forwardedFrom": "", "callType": "PSTN", "callerName": "",
                    "direction": call.direction, "callStatus": "IN-PROGRESS", "customParameters": {},
                }))  # fmt: skip
                relay.connected.set()
                going = [asyncio.create_task(work) for work in (relay.listen(), relay.speak(), call._hangs_up.wait())]
                try:
                    await asyncio.wait([going[0], going[2]], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in going:
                        task.cancel()
                    await asyncio.wait(going)
                if going[0].done() and not going[0].cancelled():
                    going[0].result()
        except InvalidStatus as error:
            call.refusals.append(error.response.status_code)
        except (ConnectionClosed, OSError):
            pass
        return "session-ended"

    async def _stream(self, account: Account, call: PhoneCall, terms: dict[str, Any]) -> str:
        url = terms["url"]
        call.stream_urls.append(url)
        call._stream_sid, call._tongue = new_sid("MZ"), self.tongue
        began = time.monotonic()
        try:
            async with connect(
                url, compression=None, open_timeout=5, max_size=None, user_agent_header="TwilioProxy/1.1"
            ) as socket:
                call.stream_began_s = time.monotonic()
                call._socket, call.streams = socket, call.streams + 1
                call.connected_s = call.connected_s or began
                sid = call._stream_sid
                for message in self.tongue.opening(account, call, sid, terms):
                    await socket.send(json.dumps(message))
                player = _Player(call, socket, sid, self.tongue)
                listening = asyncio.create_task(player.listen())
                try:
                    await self._talk(account, call, socket, sid, player, listening)
                finally:
                    listening.cancel()
                    await asyncio.wait({listening})
        except InvalidStatus as error:
            call.refusals.append(error.response.status_code)
            return "stream-error"
        except (ConnectionClosed, OSError):
            pass
        return "stream-stopped"

    async def _talk(
        self,
        account: Account,
        call: PhoneCall,
        socket: Any,
        sid: str,
        player: _Player,
        listening: asyncio.Task[None],
    ) -> None:
        due, number = time.monotonic(), 0
        while not call._hangs_up.is_set() and not listening.done() and call._instead is None:
            number += 1
            sound = bytes(call.says[:160]).ljust(160, b"\xff")
            del call.says[:160]
            await socket.send(json.dumps(self.tongue.media(sid, number, sound)))
            await player.play(due)
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        is_over = (call._hangs_up.is_set() or call._instead is not None) and not listening.done()
        if is_over and (last := self.tongue.stop(account, call, sid, number + 2)) is not None:
            await socket.send(json.dumps(last))


class _Player:
    """Twilio's buffer towards the person: sound and marks in order, played in real time."""

    def __init__(self, call: PhoneCall, socket: Any, sid: str, tongue: Tongue) -> None:
        self._call, self._socket, self._sid, self._tongue = call, socket, sid, tongue
        self._buffer: list[bytes | str] = []
        self._ran_dry_s: float | None = None

    async def listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                match self._tongue.heard(self._sid, json.loads(text)):
                    case bytes(sound):
                        now = time.monotonic()
                        if self._call.first_sound_s is None and set(sound) - {0xFF, 0x7F}:
                            self._call.first_sound_s = now
                        if self._ran_dry_s is not None:
                            self._call.underruns_ms.append((now - self._ran_dry_s) * 1000)
                            self._ran_dry_s = None
                        self._buffer += [sound[at : at + 160] for at in range(0, len(sound), 160)]
                        waiting = sum(len(each) for each in self._buffer if isinstance(each, bytes))
                        self._call.most_buffered_ms = max(self._call.most_buffered_ms, waiting // 8)
                    case str(name):
                        self._call.marks += 1
                        self._buffer.append(name)
                        await self._return_marks()
                    case None:
                        self._call.clears += 1
                        self._buffer = [each for each in self._buffer if isinstance(each, str)]
                        if (said := self._tongue.cleared(self._sid)) is not None:
                            await self._socket.send(json.dumps(said))
                            self._buffer.clear()
                        await self._return_marks()

    async def play(self, now: float) -> None:
        """20 ms are over."""
        await self._return_marks()
        if not self._buffer:
            return
        sound = self._buffer.pop(0)
        assert isinstance(sound, bytes)
        self._call.heard.append((time.monotonic(), sound))
        await self._return_marks()

    async def _return_marks(self) -> None:
        while self._buffer and isinstance(self._buffer[0], str):
            name = str(self._buffer.pop(0))
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps(self._tongue.mark(self._sid, name)))


def as_wav(coded: bytes) -> bytes:
    """μ-law as Twilio's recordings are: PCM at 8,000 Hz, one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8_000)
        written.writeframes(g711.decode_ulaw(coded).astype("<i2").tobytes())
    return file.getvalue()


# ---- the REST API


class Account:
    """One Twilio account with its numbers, and the address of its REST API."""

    root = "/2010-04-01/Accounts"
    connect_asks = True
    """``<Connect>`` has an ``action``."""

    def __init__(self, *numbers: str, sid: str = SID, token: str = TOKEN, exchange: Exchange | None = None) -> None:
        self.sid, self.token, self.exchange = sid, token, exchange
        self.status = "active"
        self.numbers: dict[str, dict[str, Any]] = {}
        self.texts: list[dict[str, str]] = []
        self.stopped: set[str] = set()
        """Who has texted STOP."""
        self.unreachable: set[str] = set()
        self.loses_hang_ups = False
        """A call that was told to end goes on."""
        self.refuses_calls = ""
        """Why no call is placed; "": it is."""
        self.refuses_updates = ""
        """Why no running call may be told to do something else; "": it may."""
        """To whom no text can be sent."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.hung_up: list[str] = []
        self.recordings: dict[str, bytes] = {}
        """As WAV."""
        self.placed: list[dict[str, Any]] = []
        """The calls that were asked for, oldest first."""
        self.before_answering: Callable[[dict[str, Any]], None] = lambda call: None
        """Told of a call that was placed, before whoever asked hears of it."""
        for number in numbers:
            self.add(number)
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        account = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer("GET", {})

            def do_DELETE(self) -> None:
                self._answer("DELETE", {})

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                self._answer("POST", account.read(text))

            def do_PATCH(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                self._answer("PATCH", account.read(text))

            def _answer(self, method: str, form: dict[str, str]) -> None:
                if self.headers.get("Authorization") != account.authorization:
                    status, body = 401, account.stranger
                else:
                    status, body = account.answer(method, self.path, form)
                is_sound = isinstance(body, bytes)
                content = body if is_sound else json.dumps(body).encode() if status != 204 else b""
                self.send_response(status)
                self.send_header("Content-Type", "audio/x-wav" if is_sound else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    # What differs from carrier to carrier.

    stranger: Any = {"code": 20003, "message": "Authenticate", "more_info": "", "status": 401}
    """What somebody with another login is told."""

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()

    def call_sid(self) -> str:
        return new_sid("CA")

    def headers(self, url: str, form: dict[str, str]) -> dict[str, str]:
        """Of a webhook: how it is signed."""
        return {"X-Twilio-Signature": sign(self.token, url, form)}

    def asks(self, call: PhoneCall) -> dict[str, str]:
        """The form of every webhook about a call."""
        return {
            "AccountSid": self.sid, "ApiVersion": "2010-04-01", "CallSid": call.sid, "CallStatus": call.status,
            "Called": call.to, "Caller": call.from_, "Direction": call.direction, "From": call.from_, "To": call.to,
        }  # fmt: skip

    def forget_secret(self) -> None:
        """It signs with another one from now on."""
        self.token = "another"

    def where_calls_go(self, number: str) -> dict[str, Any]:
        return dict(self.numbers[self.sid_of(number)])

    def lead_elsewhere(self, number: str) -> None:
        self.numbers[self.sid_of(number)]["voice_url"] = "https://b.example/"

    def sid_of(self, number: str) -> str:
        """What the carrier calls the number."""
        return next(sid for sid, each in self.numbers.items() if each["phone_number"] == number)

    def leads(self, to: str) -> tuple[str, str]:
        """Who is asked about calls of a number, and told of their end."""
        number = self.numbers[self.sid_of(to)]
        return str(number["voice_url"]), str(number["status_callback"])

    def read(self, text: str) -> dict[str, Any]:
        return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}

    # ----

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, number: str, **more: Any) -> str:
        sid = new_sid("PN")
        self.numbers[sid] = {
            "sid": sid, "account_sid": self.sid, "phone_number": number, "friendly_name": number,
            "voice_url": "https://demo.twilio.com/welcome/voice/", "voice_method": "POST", "voice_application_sid": "",
            "trunk_sid": "", "status_callback": "", "status_callback_method": "POST",
            "sms_url": "https://demo.twilio.com/welcome/sms/reply/", "sms_method": "POST", "sms_application_sid": "",
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False}, **more,
        }  # fmt: skip
        return sid

    def answer(self, method: str, path: str, form: dict[str, str]) -> tuple[int, Any]:
        parts = urlsplit(path)
        self.asked.append((method, parts.path, form))
        rest = parts.path.removeprefix(f"{self.root}/{self.sid}").removesuffix(".json").strip("/").split("/")
        match method, rest:
            case "GET", [""]:
                return 200, {"sid": self.sid, "friendly_name": "Bright Smiles", "status": self.status}
            case "GET", ["IncomingPhoneNumbers"]:
                return 200, self._page(parts.query)
            case _, ["IncomingPhoneNumbers", sid] if sid in self.numbers:
                if method == "POST":
                    self._change(self.numbers[sid], form)
                return 200, self.numbers[sid]
            case "POST", ["Calls"]:
                return self._place(form)
            case "GET", ["Calls"]:
                asked = parse_qs(parts.query)
                wanted = [asked.get(name, [""])[0] for name in ("To", "From")]
                found = [each for each in self.placed if [each["to"], each["from"]] == wanted]
                return 200, {"calls": [self._told(each) for each in reversed(found)], "page": 0, "next_page_uri": None}
            case "GET", ["Calls", sid] if one := [each for each in self.placed if each["sid"] == sid]:
                return 200, self._told(one[0])
            case "POST", ["Calls", sid] if "Twiml" in form or "Url" in form:
                live = self.exchange.calls.get(sid) if self.exchange is not None else None
                if self.refuses_updates or live is None or live.status != "in-progress" or self._loop is None:
                    message = self.refuses_updates or "Call is not in-progress. Cannot redirect."
                    return 400, {"code": 21220, "message": message, "status": 400}
                self._loop.call_soon_threadsafe(live.redirect, form.get("Twiml") or form["Url"])
                return 200, {"sid": sid, "status": "in-progress"}
            case "POST", ["Calls", sid]:
                if form.get("Status") == "completed":
                    self.hung_up.append(sid)
                    is_here = self.exchange is not None and sid in self.exchange.calls and not self.loses_hang_ups
                    if self.exchange is not None and is_here and self._loop is not None:
                        self._loop.call_soon_threadsafe(self.exchange.calls[sid].hang_up)
                return 200, {"sid": sid, "status": "completed"}
            case "GET", ["Recordings", name] if name.removesuffix(".wav") in self.recordings:
                return 200, self.recordings[name.removesuffix(".wav")]
            case "DELETE", ["Recordings", sid] if sid in self.recordings:
                del self.recordings[sid]
                return 204, {}
            case "POST", ["Messages"]:
                if form["To"] in self.unreachable:
                    return 400, {"code": 21211, "message": f"Invalid 'To' Phone Number: {form['To']}", "status": 400}
                if form["To"] in self.stopped:
                    return 400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}
                self.texts.append({**form, "sid": new_sid("SM")})
                return 201, {
                    "sid": self.texts[-1]["sid"],
                    "status": "queued",
                    "to": form["To"],
                    "from": form["From"],
                    "body": form["Body"],
                }
        return 404, {"code": 20404, "message": f"The requested resource {parts.path} was not found", "status": 404}

    def _page(self, query: str) -> dict[str, Any]:
        asked = parse_qs(query)
        size, page = min(int(asked.get("PageSize", ["50"])[0]), 2), int(asked.get("Page", ["0"])[0])
        every = list(self.numbers.values())
        more = f"{self.root}/{self.sid}/IncomingPhoneNumbers.json?PageSize={size}&Page={page + 1}"
        return {
            "incoming_phone_numbers": every[page * size : (page + 1) * size], "page": page, "page_size": size,
            "next_page_uri": more if (page + 1) * size < len(every) else None,
        }  # fmt: skip

    @staticmethod
    def _change(number: dict[str, Any], form: dict[str, str]) -> None:
        for name, value in form.items():
            key = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
            assert key in number, f"Twilio has no {name}"
            number[key] = value

    def _place(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.refuses_calls:
            return 400, {"code": 21215, "message": self.refuses_calls, "status": 400}
        if form["From"] not in {each["phone_number"] for each in self.numbers.values()}:
            message = f"The source phone number provided, {form['From']}, is not yet verified for your account."
            return 400, {"code": 21210, "message": message, "status": 400}
        sid = self.call_sid()
        call = {
            "sid": sid, "status": "queued", "to": form["To"], "from": form["From"], "direction": "outbound-api",
            "date_created": format_datetime(datetime.now(UTC)), "answered_by": None,
        }  # fmt: skip
        self.placed.append(call)
        if self.exchange is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.exchange.place, self, sid, form)
        self.before_answering(call)
        return 201, call

    def _told(self, call: dict[str, Any]) -> dict[str, Any]:
        live = self.exchange.calls.get(call["sid"]) if self.exchange is not None else None
        return {**call, "status": live.status if live is not None else call["status"]}
