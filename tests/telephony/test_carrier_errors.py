"""What a carrier refuses: is it the account's trouble, or the called number's?"""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync

from telephony.carriers import CarrierError
from telephony.carriers.plivo import Plivo
from telephony.carriers.signalwire import SignalWire
from telephony.carriers.telnyx import Telnyx
from telephony.carriers.twilio import Twilio

TWILIO = [
    (401, {"code": 20003, "message": "Authenticate"}, True),
    (402, {"message": "Payment required"}, True),
    (403, {"message": "Forbidden"}, True),
    (400, {"code": 20005, "message": "Account is not active"}, True),
    (400, {"code": 21210, "message": "The source phone number provided is not yet verified"}, True),
    (400, {"code": 21212, "message": "The 'From' number is not valid"}, True),
    (400, {"code": 21211, "message": "Invalid 'To' Phone Number"}, False),
    (403, {"code": 21215, "message": "Account not authorized to call +1"}, False),
    (401, {"code": 21215, "message": "Account not authorized to call +1"}, False),
    (400, {"code": 21216, "message": "Account not allowed to call +1"}, False),
    (404, {"code": 20404, "message": "not found"}, False),
    (500, {}, False),
]
PLIVO = [
    (401, {}, True),
    (402, {"error": "no credit"}, True),
    (403, {}, True),
    (403, {"error": "Your account is suspended"}, True),
    (400, {"error": "The caller ID is not yours."}, True),
    (400, {"error": "insufficient balance"}, True),
    (403, {"error": "Calls to this destination country are barred"}, False),
    (400, {"error": "invalid 'to' parameter"}, False),
    (503, {"error": "insufficient capacity"}, False),
]
SIGNALWIRE = [
    (401, {}, True),
    (400, {"code": "insufficient_balance", "message": "Your balance is insufficient."}, True),
    (422, {"code": 21210, "message": "The 'From' number is not yours."}, True),
    (422, {"code": "number", "message": "The called number is not valid."}, False),
]
TELNYX = [
    (401, {"errors": [{"code": "10009", "title": "Authentication failed"}]}, True),
    (402, {"errors": [{"code": "20100", "title": "Insufficient funds"}]}, True),
    (422, {"errors": [{"code": "10015", "title": "Bad", "detail": "The source number is not on your account"}]}, True),
    (403, {"errors": [{"code": "40310", "title": "No", "detail": "The destination number is not routable."}]}, False),
    (403, {"errors": [{"code": "10010", "title": "No", "detail": "Dialed number is not in whitelisted countries"}]}, False),
    (422, {"errors": [{"code": "10002", "title": "Invalid phone number"}]}, False),
]  # fmt: skip
TABLES: dict[Any, list[tuple[int, dict[str, Any], bool]]] = {
    Twilio: TWILIO,
    SignalWire: SIGNALWIRE,
    Plivo: PLIVO,
    Telnyx: TELNYX,
}
EVERY = [(at, *row) for at, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("at", "status", "body", "is_of_account"), EVERY)
def test_the_accounts_trouble_is_told_from_the_numbers(
    monkeypatch: pytest.MonkeyPatch, at: Any, status: int, body: dict[str, Any], is_of_account: bool
) -> None:
    class Answer:
        status_code, is_success, reason_phrase = status, False, "Refused"

    async def ask(*_: Any, **__: Any) -> tuple[Any, dict[str, Any]]:
        return Answer, body

    monkeypatch.setattr("telephony.carriers.rest.ask", ask)
    with pytest.raises(CarrierError) as refused:
        async_to_sync(at("sid", "token")._ask)("POST", "Call/", {})
    assert refused.value.is_of_account is is_of_account
