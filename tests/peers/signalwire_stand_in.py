"""SignalWire without SignalWire: Twilio's stand-in with what its pages say is different.

Ids are UUIDs, its API is below ``/api/laml``, webhooks are signed with a key of their own, ``<Connect>`` asks nobody, and a running
call takes no document. https://signalwire.com/docs/compatibility-api
"""

from __future__ import annotations

import uuid
from typing import Any

from tests.peers.twilio_stand_in import Account, Exchange, PhoneCall, as_wav, sign

PROJECT, TOKEN, KEY = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5", "PT of the project", "PSK of the project"


class SignalWireExchange(Exchange):
    async def _record(self, account: Account, call: PhoneCall, verb: dict[str, str]) -> str | None:
        """Its ``action`` is asked whatever was said, and not told the recording's id: that comes when it can be fetched."""
        if not call.says:
            return await self.ask(account, call, verb["action"], {})
        sid, more = str(uuid.uuid4()), {"RecordingDuration": str(len(call.says) // 8_000)}
        account.recordings[sid] = as_wav(bytes(call.says))
        document = await self.ask(account, call, verb["action"], more)
        told = {**account.asks(call), **more, "RecordingSid": sid, "RecordingStatus": "completed"}
        call.recording_told = verb["recordingStatusCallback"], told
        await self.ask(account, call, *call.recording_told)
        return document


class Project(Account):
    root = "/api/laml/2010-04-01/Accounts"
    connect_asks = False

    def __init__(self, *numbers: str, exchange: Exchange | None = None) -> None:
        self.key = KEY
        super().__init__(*numbers, sid=PROJECT, token=TOKEN, exchange=exchange)

    def call_sid(self) -> str:
        return str(uuid.uuid4())

    def headers(self, url: str, form: dict[str, str]) -> dict[str, str]:
        # Its own library signs forms with Twilio's validator: signalwire.request_validator, 2.1.1.
        return {"X-SignalWire-Signature": sign(self.key, url, form)}

    def forget_secret(self) -> None:
        self.key = "another"

    def answer(self, method: str, path: str, form: dict[str, str]) -> tuple[int, Any]:
        assert "Twiml" not in form, "SignalWire takes the address of a document, not the document"
        return super().answer(method, path, form)
