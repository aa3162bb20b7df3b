"""Text messages at Telnyx and Plivo, out and in, as at Twilio: sent, told of, signed, kept once, obeyed, led here and put back."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts import keys, tenancy
from telephony import outbound, phone_numbers, texts
from telephony.carriers import CarrierError
from telephony.carriers.registry import CARRIERS
from telephony.dialing import do_not_call, policies
from telephony.dialing.models import DoNotCall
from telephony.models import CarrierAccount, PhoneNumber, TextMessage
from tests.peers import telnyx_stand_in
from tests.peers.plivo_stand_in import PlivoAccount
from tests.peers.telnyx_stand_in import TelnyxAccount
from tests.peers.webhook import Webhook
from tests.telephony.campaigns.people import WIDE
from tests.telephony.phones import AT, NUMBER
from tests.telephony.test_texts import ALL, a_call, ended

pytestmark = pytest.mark.django_db
TO = "+14155550177"
each_carrier = pytest.mark.parametrize("at", ["telnyx", "plivo"])


@dataclass
class Line:
    """An account at a stand-in whose number is ours."""

    at: str
    account: Any
    row: CarrierAccount
    number: PhoneNumber
    client: Client

    def gets(self, told: Webhook) -> int:
        """The status with which our page answers."""
        path = "/" + told.url.split("/", 3)[3]
        return self.client.post(path, told.body, content_type=told.content_type, headers=told.headers).status_code

    def writes(self, text: str, sender: str = TO, **more: Any) -> int:
        return self.gets(self.account.writes(sender, NUMBER, text, **more))

    def tells(self, became: str, code: str = "") -> int:
        return self.gets(self.account.tells(self.account.texts[-1], became, code))

    def kept(self) -> list[TextMessage]:
        with tenancy.use(self.row.organization_id):
            return list(TextMessage.objects.order_by("created_at"))

    def listed(self) -> list[tuple[str, str]]:
        with tenancy.use(self.row.organization_id):
            return list(DoNotCall.objects.order_by("created_at").values_list("number", "source"))


@pytest.fixture
def connected(settings: Any, organization: Any, alice: Any) -> Iterator[Callable[[str], tuple[Any, CarrierAccount]]]:
    """An account at a carrier's stand-in, known here; its number is not ours yet."""
    accounts: list[Any] = []

    def connect(at: str) -> tuple[Any, CarrierAccount]:
        _, account, given = AT[at](settings)
        accounts.append(account)
        settings.EGRESS_ALLOW = [account.url.removeprefix("http://")]
        policies.change(organization, WIDE)
        return account, phone_numbers.connect_to(organization, alice, at, given)

    yield connect
    for account in accounts:
        account.close()


@pytest.fixture
def line(connected: Any, client: Client, at: str) -> Line:
    account, row = connected(at)
    return Line(at, account, row, phone_numbers.import_number(row, account.sid_of(NUMBER)), client)


@pytest.fixture
def api(organization: Any, client: Client) -> Callable[..., Any]:
    _, key = keys.issue(organization, "k", ["calls:read", "calls:write"], None, None)

    def ask(method: str, path: str, body: Any = None) -> Any:
        more = {"data": body, "content_type": "application/json"} if body is not None else {}
        return getattr(client, method)(f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"}, **more)

    return ask


@each_carrier
def test_a_text_is_sent_and_what_became_of_it_is_told(api: Callable[..., Any], line: Line) -> None:
    sent = api("post", "/texts", {"number_id": str(line.number.pk), "to": "415 555 0177", "body": "See you at 3, é."})
    assert sent.status_code == 201, sent.content
    text = sent.json()
    assert (text["to_number"], text["from_number"], text["status"]) == (TO, NUMBER, "sent")
    (at_carrier,) = line.account.texts
    assert (at_carrier["To"], at_carrier["From"], at_carrier["Body"]) == (TO, NUMBER, "See you at 3, é.")

    def now() -> dict[str, Any]:
        return api("get", f"/texts/{text['id']}").json()  # type: ignore[no-any-return]

    assert line.tells("queued") == 204 and now()["status"] == "sent"
    assert line.tells("failed", "40008") == 204
    title = CARRIERS[line.at].title
    assert now()["status"] == "failed" and f"{title}'s error 40008" in now()["problem"]
    assert ("The message was not taken." in now()["problem"]) is (line.at == "telnyx"), "Plivo tells no words"
    assert line.tells("sent") == 204 and now()["status"] == "failed", "it is late"
    line.tells("delivered")
    line.tells("failed", "40008")
    assert (now()["status"], now()["problem"]) == ("delivered", "")
    assert [each.direction for each in line.kept()] == ["outbound"], "none of that is a text that came in"


@each_carrier
def test_what_the_carrier_refuses_is_kept_with_its_words(api: Callable[..., Any], line: Line) -> None:
    line.account.unreachable = {TO}
    refused = api("post", "/texts", {"number_id": str(line.number.pk), "to": TO, "body": "Hi"})
    words = {"telnyx": "Telnyx says: The destination number is not routable.", "plivo": "Plivo says: SMS to this"}[
        line.at
    ]
    assert refused.status_code == 502 and words in refused.json()["detail"], refused.content
    (kept,) = line.kept()
    assert kept.status == "failed" and words in kept.problem and line.listed() == []


@each_carrier
def test_a_login_that_is_no_good_any_more_is_said_to_be_so(line: Line) -> None:
    line.account.token = "another"
    with pytest.raises(CarrierError, match="doesn't know this"):
        texts.send(line.number, TO, "Hi")


@each_carrier
def test_who_has_stopped_there_before_is_put_on_the_list_when_the_carrier_says_so(line: Line) -> None:
    """Telnyx refuses at once, Plivo tells afterwards."""
    if line.at == "telnyx":
        line.account.stopped.add(TO)
        with pytest.raises(CarrierError, match="existing block rule"):
            texts.send(line.number, TO, "Hello")
    else:
        texts.send(line.number, TO, "Hello")
        assert line.tells("failed", "200") == 204
    assert line.listed() == [(TO, "text")]
    with pytest.raises(outbound.MayNotDial, match="do-not-call list"):
        texts.send(line.number, TO, "Hello")


@each_carrier
def test_a_stop_that_is_told_of_again_after_a_start_changes_nothing(line: Line) -> None:
    texts.send(line.number, TO, "Hello")
    code = str(CARRIERS[line.at].stopped)
    assert line.tells("failed", code) == 204 and line.listed() == [(TO, "text")]
    line.writes("START")
    assert line.listed() == [] and line.tells("failed", code) == 204 and line.listed() == []


@each_carrier
def test_a_text_that_comes_in_is_kept_once_however_often_it_is_told(api: Callable[..., Any], line: Line) -> None:
    long = "Is Tuesday fine, too? & é=1 " + "é" * 1_500
    told = line.account.writes(TO, NUMBER, long, sid="1f0e5c2e-0d5c-4b6a-8a0e-0d9c5c2e1f0e", media=2)
    again = line.account.writes(TO, NUMBER, long, sid="1f0e5c2e-0d5c-4b6a-8a0e-0d9c5c2e1f0e", media=2)
    assert [line.gets(each) for each in (told, told, again)] == [200, 200, 200]
    (kept,) = line.kept()
    assert (kept.from_number, kept.to_number, kept.body, kept.media) == (TO, NUMBER, long, 2)
    assert (kept.phone_number_id, kept.status, kept.means) == (line.number.pk, "received", "")
    assert kept.carrier_message_id == "1f0e5c2e-0d5c-4b6a-8a0e-0d9c5c2e1f0e"
    assert [each["body"] for each in api("get", "/texts?direction=inbound").json()["items"]] == [long]


@each_carrier
def test_who_writes_stop_is_neither_called_nor_written_to_until_they_write_start(line: Line) -> None:
    line.writes("Stop, please!", sid="1")
    assert line.listed() == [(TO, "text")]
    with pytest.raises(outbound.MayNotDial, match="do-not-call list"):
        texts.send(line.number, TO, "Hello")
    line.writes("START", sid="2")
    assert line.listed() == []
    line.writes("Stop, please!", sid="1")
    assert line.listed() == [], "it was told before"
    assert texts.send(line.number, TO, "Welcome back.").status == "sent"
    do_not_call.add(line.row.organization, TO, "asked on the telephone", source=DoNotCall.Source.CALLER)
    line.writes("START")
    assert line.listed() == [(TO, "caller")]
    assert [each.means for each in line.kept() if each.direction == "inbound"] == ["stop", "start", "start"]


@each_carrier
def test_whoever_is_no_telephone_number_can_write_too(line: Line) -> None:
    line.writes("STOP", sender="73822")
    line.writes("Your code is 4711.", sender="Bank")
    assert [each.from_number for each in line.kept()] == ["73822", "Bank"] and line.listed() == []


@each_carrier
def test_what_the_carrier_did_not_sign_is_refused(line: Line) -> None:
    told = line.account.writes(TO, NUMBER, "Hello")
    texts.send(line.number, TO, "Hello")
    became = line.account.tells(line.account.texts[0], "delivered")
    line.account.forget_secret()
    forged = [line.account.writes(TO, NUMBER, "Hello"), line.account.tells(line.account.texts[0], "delivered")]
    forged += [dataclasses.replace(each, headers={}) for each in (told, became)]
    forged += [dataclasses.replace(each, headers={name: "é" * 9 for name in each.headers}) for each in (told, became)]
    assert [line.gets(each) for each in forged] == [403] * 6
    assert [(each.direction, each.status) for each in line.kept()] == [("outbound", "sent")]
    elsewhere = dataclasses.replace(told, url=told.url.replace(str(line.row.pk), str(line.number.pk)))
    assert line.gets(elsewhere) == 403


@pytest.mark.parametrize("at", ["telnyx"])
def test_telnyx_signs_what_is_said_and_when(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    told = line.account.writes(TO, NUMBER, "Hello")
    other = dataclasses.replace(told, body=told.body.replace(b"Hello", b"STOP."))
    later = dataclasses.replace(told, headers={**told.headers, "telnyx-timestamp": str(int(time.time()) + 1)})
    assert [line.gets(other), line.gets(later)] == [403, 403]
    for seconds, status in ((-301, 403), (301, 403), (-200, 200)):
        moment = time.time() + seconds
        monkeypatch.setattr(telnyx_stand_in.time, "time", lambda moment=moment: moment)
        replayed = line.account.writes(TO, NUMBER, "Hello")
        monkeypatch.undo()
        assert line.gets(replayed) == status, seconds
    assert len(line.kept()) == 1


@pytest.mark.parametrize("at", ["telnyx"])
def test_what_telnyx_signed_for_one_text_says_nothing_of_another(line: Line) -> None:
    """Its signature is not of the address."""
    first, second = (texts.send(line.number, TO, each) for each in ("One", "Two"))
    told = line.account.tells(line.account.texts[0], "delivered")
    assert line.gets(dataclasses.replace(told, url=told.url.replace(str(first.pk), str(second.pk)))) == 204
    assert line.gets(dataclasses.replace(told, url=phone_numbers.text_url(line.row))) == 200
    assert [each.status for each in line.kept()] == ["sent", "sent"]


@pytest.mark.parametrize("at", ["telnyx"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"data": {"event_type": "message.received"}}']
)
def test_signed_nonsense_is_no_text(line: Line, body: bytes) -> None:
    told = line.account.writes(TO, NUMBER, "Hello")
    assert line.gets(dataclasses.replace(told, body=body, headers=line.account.signed(body))) == 200
    assert line.kept() == []


@pytest.mark.parametrize("at", ["plivo"])
@pytest.mark.parametrize("version", ["v2", "ma-v2", "v3"])
def test_plivo_may_sign_a_text_in_each_of_its_ways(line: Line, version: str) -> None:
    line.account.signs_texts = version
    assert line.writes("Hello") == 200 and [each.body for each in line.kept()] == ["Hello"]


@pytest.mark.parametrize("at", ["plivo"])
def test_plivos_weaker_signature_opens_the_pages_of_texts_alone_and_each_by_itself(line: Line) -> None:
    told = line.account.writes(TO, NUMBER, "Hello")
    voice = line.account._webhook(phone_numbers.voice_url(line.row), {"CallUUID": "1", "From": "1", "To": NUMBER[1:]})
    assert line.gets(voice) == 403
    texts.send(line.number, TO, "Hello")
    became = line.account.tells(line.account.texts[0], "delivered")
    assert line.gets(dataclasses.replace(became, headers=told.headers)) == 403
    assert line.gets(became) == 204 and line.kept()[0].status == "delivered"


@pytest.mark.parametrize("at", ["plivo"])
def test_nothing_else_can_be_said_under_a_signature_that_plivo_gave_a_text(line: Line) -> None:
    """Its second version doesn't cover what the text says."""
    told = line.account.writes(TO, NUMBER, "Hello")
    other = dataclasses.replace(told, body=line.account.writes(TO, NUMBER, "STOP").body)
    assert [line.gets(each) for each in (told, other, told)] == [200, 403, 200]
    assert line.gets(dataclasses.replace(other, headers={**told.headers, "X-Plivo-Signature-V3": "none"})) == 403
    assert [each.body for each in line.kept()] == ["Hello"] and line.listed() == []


@each_carrier
def test_when_all_is_collected_the_caller_gets_the_agents_text_once(line: Line, alice: Any) -> None:
    call = a_call(line.number, alice)
    assert ended(call, ALL) and not texts.send_after(call.pk, call.organization_id)
    said = [(each["To"], each["From"], each["Body"]) for each in line.account.texts]
    assert said == [(TO, NUMBER, "Thank you, Ada. See you on Tuesday at three.")]
    with tenancy.use(call.organization_id):
        assert call.events.get(kind="text_sent").data["to"] == TO


# ---- whose texts come here


def fresh(number: PhoneNumber) -> PhoneNumber:
    with tenancy.use(number.organization_id):
        return PhoneNumber.objects.select_related("account__organization").get(pk=number.pk)


def where_texts_go(account: Any) -> str:
    """The address that is told of them."""
    if isinstance(account, PlivoAccount):
        return str(account.applications[account._application(NUMBER)].get("message_url", ""))
    profile = account.texting[account.sid_of(NUMBER)]["messaging_profile_id"]
    return str(account.text_profiles[profile]["webhook_url"]) if profile else ""


@each_carrier
def test_a_numbers_texts_are_led_here_when_it_is_imported_and_back_when_it_is_removed(
    connected: Any, settings: Any, at: str
) -> None:
    account, row = connected(at)
    other = account.add("+14155550143")
    for _ in range(2):  # imported again
        number = phone_numbers.import_number(row, account.sid_of(NUMBER))
    phone_numbers.import_number(row, other)
    assert where_texts_go(account) == phone_numbers.text_url(row)
    made = account.text_profiles if at == "telnyx" else account.applications
    assert len(made) == 2, "one for both numbers"
    if isinstance(account, TelnyxAccount):
        names = {each["name"] for each in account.text_profiles.values()}
        assert names == {"The one before", f"Parley {settings.SITE_URL.partition('://')[2]}"}
        assert {each.get("friendly_name") for each in account.applications.values()} - {None} <= names
    assert phone_numbers.remove(fresh(number)) and where_texts_go(account) == "https://b.example/texts"


@pytest.mark.parametrize("at", ["telnyx"])
def test_a_number_that_was_on_no_messaging_profile_is_on_none_again(connected: Any, at: str) -> None:
    account, row = connected(at)
    account.texting[account.sid_of(NUMBER)]["messaging_profile_id"] = None
    number = phone_numbers.import_number(row, account.sid_of(NUMBER))
    assert where_texts_go(account) == phone_numbers.text_url(row)
    assert phone_numbers.remove(fresh(number)) and where_texts_go(account) == ""


@pytest.mark.parametrize("at", ["telnyx"])
def test_texts_and_calls_that_somebody_has_led_elsewhere_are_left_so_each_by_itself(line: Line) -> None:
    other = line.account.new_text_profile("Another", "https://elsewhere.example/texts")
    line.account.texting[line.number.sid]["messaging_profile_id"] = other
    assert (
        phone_numbers.remove(fresh(line.number)) and where_texts_go(line.account) == "https://elsewhere.example/texts"
    )
    assert line.account.leads(NUMBER)[0] == "https://b.example/voice"
    number = phone_numbers.import_number(line.row, line.number.sid)
    line.account.lead_elsewhere(NUMBER)
    assert not phone_numbers.remove(fresh(number)) and where_texts_go(line.account) == "https://elsewhere.example/texts"


@pytest.mark.parametrize("at", ["telnyx"])
@pytest.mark.parametrize("how", ["no features", "no settings"])
def test_a_number_that_can_have_no_texts_is_imported_for_its_calls(connected: Any, at: str, how: str) -> None:
    account, row = connected(at)
    sid = account.sid_of(NUMBER)
    if how == "no features":
        account.texting[sid] |= {"features": {"sms": None, "mms": None}, "messaging_profile_id": None}
    else:
        del account.texting[sid]
    was = len(account.text_profiles)
    number = phone_numbers.import_number(row, sid)
    assert account.leads(NUMBER)[0] == phone_numbers.voice_url(row) and len(account.text_profiles) == was
    assert phone_numbers.remove(fresh(number)) and account.leads(NUMBER)[0] == "https://b.example/voice"


@pytest.mark.parametrize("at", ["telnyx"])
@pytest.mark.parametrize("what", ["profiles", "connections"])
def test_where_telnyx_refuses_half_of_it_nothing_is_changed(
    connected: Any, organization: Any, at: str, what: str
) -> None:
    account, row = connected(at)
    was = account.where_calls_go(NUMBER)
    setattr(account, f"refuses_{what}", "Not before the account is verified.")
    with pytest.raises(CarrierError, match="Telnyx says: Not before the account is verified"):
        phone_numbers.import_number(row, account.sid_of(NUMBER))
    assert account.where_calls_go(NUMBER) == was
    with tenancy.use(organization):
        assert not PhoneNumber.objects.exists()


@each_carrier
def test_a_number_of_an_earlier_release_gets_its_texts_when_it_is_led_here_again(line: Line) -> None:
    """It was imported when only its calls were led here."""
    if isinstance(line.account, TelnyxAccount):
        line.account.texting[line.number.sid]["messaging_profile_id"] = line.account.texts_by_another
    else:
        line.account.applications[line.account._application(NUMBER)].pop("message_url")
    with tenancy.use(line.row.organization_id):
        line.number.before = {name: was for name, was in line.number.before.items() if not name.startswith("sms_")}
        line.number.save()
    again = phone_numbers.import_number(line.row, line.number.sid)
    assert where_texts_go(line.account) == phone_numbers.text_url(line.row)
    assert line.writes("Hello") == 200 and phone_numbers.remove(fresh(again))
    assert where_texts_go(line.account) == "https://b.example/texts"
    assert line.account.leads(NUMBER)[0] == "https://b.example/voice"


@each_carrier
def test_what_is_told_of_a_number_that_is_not_ours_any_more_is_still_kept(line: Line) -> None:
    told = line.account.writes(TO, NUMBER, "STOP")
    phone_numbers.remove(fresh(line.number))
    assert line.gets(told) == 200 and line.listed() == [(TO, "text")]
    assert [each.phone_number_id for each in line.kept()] == [None]


@each_carrier
def test_the_page_of_texts_answers_at_each_carrier(client_of: Any, alice: Any, line: Line) -> None:
    line.writes("Is Tuesday fine?")
    (text,) = line.kept()
    client = client_of(alice)
    assert client.post(f"/texts/{text.pk}/", {"body": "Yes, at three."}).status_code == 302
    assert [(each["To"], each["From"], each["Body"]) for each in line.account.texts] == [(TO, NUMBER, "Yes, at three.")]
    page = client.get(f"/texts/{text.pk}/").content.decode()
    assert page.index("Is Tuesday fine?") < page.index("Yes, at three.")
