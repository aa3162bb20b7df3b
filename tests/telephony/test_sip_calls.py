"""SIP calls, whole: a telephone on a real socket, a call worker with its port, trunks, rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import outbound
from telephony.dialing import policies
from telephony.models import Call, CallEvent, PhoneNumber, SipMessage, Trunk
from telephony.sip.digest import Login
from telephony.trunks import house, manage, routes, upkeep
from telephony.trunks.fields import TrunkFields
from tests.telephony.sip_phone import Registrar, SipPhone, peak_hz, recent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

OURS, THEIRS = "+14155550142", "+14155550177"


@pytest.fixture(autouse=True)
def _sip(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIP_HOST, settings.SIP_PORT, settings.SIP_TLS_PORT = ["127.0.0.1"], 0, 0
    settings.RTP_PORTS = (45_000, 47_999)
    settings.EGRESS_ALLOW_PRIVATE = True
    monkeypatch.setattr(upkeep, "POLL_SECONDS", 0.2)


@pytest.fixture
def published(agent: Any, alice: Any) -> Any:
    from agents.publish import publish

    with tenancy.use(agent.organization_id):
        publish(agent, alice)
        policies.change(agent.organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})
    return agent


def make_trunk(agent: Any, number: str = OURS, password: str = "", **fields: Any) -> Trunk:
    trunk = manage.create(agent.organization, None, TrunkFields(**{"label": "Office", **fields}), password)
    manage.add_number(trunk, number, agent)
    return trunk


@asynccontextmanager
async def serving(worker: Callable[..., Any], **options: Any) -> AsyncIterator[Any]:
    async with worker(**options) as running:
        await asyncio.wait_for(running.house.has_port.wait(), 5)
        yield running


async def knows(running: Any, trunk: Trunk) -> None:
    """Wait until the worker has taken the trunk up."""
    async with asyncio.timeout(5):
        while running.house._upkeep.sheet(trunk.pk) is None:
            await asyncio.sleep(0.02)


def read(organization: Any, what: Callable[[], Any]) -> Any:
    def inside() -> Any:
        with tenancy.use(organization):
            return what()

    return sync_to_async(inside)()


async def the_call(agent: Any, is_so: Callable[[Call], bool] = lambda call: True, seconds: float = 20) -> Call:
    async with asyncio.timeout(seconds):
        while True:
            rows = await read(agent.organization_id, lambda: list(Call.objects.select_related("trunk", "phone_number")))
            if len(rows) == 1 and is_so(rows[0]):
                return rows[0]  # type: ignore[no-any-return]
            assert not (rows and has_ended(rows[0])), (rows[0].end_reason, rows[0].end_detail)
            await asyncio.sleep(0.05)


def has_ended(call: Call) -> bool:
    return bool(call.status == "ended")


async def events_of(call: Call) -> list[tuple[str, Any]]:
    return await read(  # type: ignore[no-any-return]
        call.organization_id, lambda: [(event.kind, event.data) for event in CallEvent.objects.filter(call=call)]
    )


async def trace_of(call: Call) -> list[tuple[str, str]]:
    return await read(  # type: ignore[no-any-return]
        call.organization_id,
        lambda: [(row.direction, row.start_line.split(" sip:")[0]) for row in SipMessage.objects.filter(call=call)],
    )


async def test_a_telephone_calls_an_agent_by_its_name_without_any_provider(worker: Any, published: Any) -> None:
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port, as_="alice")
        await phone.hears(1_000)
        await phone.until(lambda: peak_hz(recent(phone)) is None)  # it has said its greeting
        await phone.press("73")
        phone.press_by_info("9")
        await phone.hears(1_000)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.channel, call.direction) == ("caller_hung_up", "phone", "inbound")
    assert (call.from_number, call.to_number, call.trunk, call.phone_number) == ("alice", "front-desk", None, None)
    assert call.answered_at is not None and call.duration_ms > 1_000
    turns = await read(call.organization_id, lambda: [(turn.role, turn.text) for turn in call.turns.all()])
    assert turns[0][0] == "agent" and turns[0][1].startswith("Hello")
    pressed = "".join(data["digits"] for kind, data in await events_of(call) if kind == "digits")
    assert pressed == "739"


async def test_its_messages_can_be_read_afterwards_in_order_and_without_secrets(worker: Any, published: Any) -> None:
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port)
        await phone.hears(1_000)
        phone.hang_up()
        call = await the_call(published, has_ended)
        await asyncio.sleep(1)
    trace = await trace_of(call)
    assert trace[:4] == [
        ("in", "INVITE"), ("out", "SIP/2.0 100 Trying"), ("out", "SIP/2.0 180 Ringing"), ("out", "SIP/2.0 200 OK"),
    ]  # fmt: skip
    assert trace[4:] == [("in", "ACK"), ("in", "BYE"), ("out", "SIP/2.0 200 OK")]
    texts = await read(call.organization_id, lambda: [row.text for row in SipMessage.objects.filter(call=call)])
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…" in texts[0]


async def test_the_agent_hangs_up_and_the_telephone_is_told(worker: Any, published: Any) -> None:
    async with serving(worker) as running, SipPhone() as phone:
        phone.call(str(published.pk), running.house.port)
        await phone.hears(1_000)
        call = await the_call(published)
        running._running[call.pk].call.hang_up("member_hung_up")
        await asyncio.wait_for(phone.over.wait(), 15)
        call = await the_call(published, has_ended)
    assert call.end_reason == "member_hung_up" and phone.ended().reason == "remote_hung_up"


async def test_a_call_is_held_and_goes_on(worker: Any, published: Any) -> None:
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port)
        await phone.hears(1_000, 0.3)
        phone.offer("sendonly")
        await phone.until(lambda: any(type(each).__name__ == "OfferAnswered" for each in phone.events))
        await asyncio.sleep(0.3)
        before = phone._media.counts.received  # type: ignore[union-attr]
        await asyncio.sleep(0.6)
        assert phone._media.counts.received - before <= 2  # type: ignore[union-attr]
        phone.offer("sendrecv")
        await phone.until(lambda: phone._media.counts.received - before > 20)  # type: ignore[union-attr]
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert call.end_reason == "caller_hung_up"


async def test_nobody_by_that_name_and_nobody_published(worker: Any, published: Any) -> None:
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("back-office", running.house.port)
        await asyncio.wait_for(phone.over.wait(), 5)
    assert phone.ended().status == 404
    assert await read(published.organization_id, Call.objects.count) == 0


async def test_a_network_that_is_not_allowed_hears_nothing(worker: Any, published: Any, settings: Any) -> None:
    settings.SIP_DIRECT_FROM = ["192.168.0.0/16"]
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port)
        await asyncio.sleep(1.5)
        assert phone.events == []
    assert running.house._gate.counts.strangers >= 2


async def test_a_number_of_a_trunk_rings_its_agent(worker: Any, published: Any) -> None:
    trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1")
    async with serving(worker) as running, SipPhone() as phone:
        await knows(running, trunk)
        phone.call("4155550142", running.house.port)  # the provider writes it without the country
        await phone.hears(1_000)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.trunk, call.to_number, call.from_number) == (trunk, OURS, "+14155550100")
    assert call.phone_number is not None and call.phone_number.number == OURS


async def test_who_must_sign_in_is_asked_and_a_wrong_password_gets_nowhere(
    worker: Any, published: Any, settings: Any
) -> None:
    settings.SIP_DIRECT_FROM = []
    fields = {"host": "", "sources": ("127.0.0.0/8",), "asks_password": True, "username": "desk-1"}
    trunk = await sync_to_async(make_trunk)(published, password="open sesame", **fields)
    async with serving(worker) as running:
        await knows(running, trunk)
        async with SipPhone(login=Login("desk-1", "open barley")) as phone:
            phone.call(OURS, running.house.port)
            await asyncio.wait_for(phone.over.wait(), 5)
            assert phone.ended().status == 401
        async with SipPhone(login=Login("desk-1", "open sesame")) as phone:
            phone.call(OURS, running.house.port)
            await phone.hears(1_000)
            phone.hang_up()
            call = await the_call(published, has_ended)
        await asyncio.sleep(1)
    assert call.trunk == trunk
    text = "\n".join(await read(call.organization_id, lambda: [row.text for row in SipMessage.objects.all()]))
    assert "Authorization: …" in text and "response=" not in text and "open" not in text


async def test_a_full_worker_says_busy(worker: Any, published: Any) -> None:
    async with serving(worker, capacity=1) as running, SipPhone() as first, SipPhone() as second:
        first.call("front-desk", running.house.port)
        await first.hears(1_000, 0.3)
        second.call("front-desk", running.house.port)
        await asyncio.wait_for(second.over.wait(), 5)
        assert second.ended().status == 486
        first.hang_up()
        await asyncio.wait_for(first.over.wait(), 5)
        await asyncio.sleep(0.5)
    rows = await read(published.organization_id, lambda: sorted(Call.objects.values_list("end_reason", flat=True)))
    assert rows == ["busy", "caller_hung_up"]


async def test_sound_that_stops_ends_the_call(worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from telephony.transports import rtp_session

    monkeypatch.setattr(rtp_session, "SILENT_MS", 1_000)
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port)
        await phone.hears(1_000, 0.3)
        assert phone._listening is not None
        phone._listening.cancel()  # its network is gone: nothing is sent any more
        call = await the_call(published, has_ended)
    assert call.end_reason == "connection_lost"


async def test_an_offer_without_a_codec_of_ours_is_refused_in_words(worker: Any, published: Any) -> None:
    from telephony.transports.phone_media import Policy

    trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", codecs=("g722",))
    async with serving(worker) as running, SipPhone(policy=Policy(("pcma",), advertised="127.0.0.1")) as phone:
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await asyncio.wait_for(phone.over.wait(), 5)
        call = await the_call(published, has_ended)
    assert phone.ended().status == 488 and call.end_reason == "bad_offer"


# ---- registering


async def state_of(trunk: Trunk, state: str, seconds: float = 10) -> Trunk:
    async with asyncio.timeout(seconds):
        while True:
            row = await read(trunk.organization_id, partial(Trunk.objects.get, pk=trunk.pk))
            if row.state == state:
                return row  # type: ignore[no-any-return]
            await asyncio.sleep(0.05)


async def test_a_trunk_registers_is_seen_to_and_takes_it_back_at_the_end(worker: Any, published: Any) -> None:
    async with Registrar("200", "open sesame") as pbx:
        fields = {"host": "127.0.0.1", "port": pbx.port, "username": "200", "registers": True}
        trunk = await sync_to_async(make_trunk)(published, "200", "open sesame", **fields)
        async with serving(worker) as running:
            row = await state_of(trunk, "registered")
            assert row.state_words.startswith("127.0.0.1:") and "60 minutes" in row.state_words
            assert f"sip:200@127.0.0.1:{running.house.port}" in pbx.registered[0][0]
        assert pbx.registered[-1][1] == 0
    trace = await read(
        trunk.organization_id, lambda: "".join(row.text for row in SipMessage.objects.filter(trunk=trunk))
    )
    assert "REGISTER sip:127.0.0.1 SIP/2.0" in trace and "response=" not in trace


@pytest.mark.parametrize(
    ("password", "status", "words"),
    [("wrong", None, "refused your user name or password"), ("open sesame", 404, "doesn't know this user name")],
)
async def test_a_registration_that_fails_says_why(
    worker: Any, published: Any, password: str, status: int | None, words: str
) -> None:
    async with Registrar("200", "open sesame") as pbx:
        pbx.status = status
        fields = {"host": "127.0.0.1", "port": pbx.port, "username": "200", "registers": True}
        trunk = await sync_to_async(make_trunk)(published, "200", password, **fields)
        async with serving(worker):
            row = await state_of(trunk, "failed")
    assert words in row.state_words


async def test_a_test_of_a_trunk_asks_it_now(worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TEST_SECONDS", 1.0)
    async with Registrar("200", "open sesame") as pbx:
        fields = {"host": "127.0.0.1", "port": pbx.port, "username": "200", "registers": True}
        trunk = await sync_to_async(make_trunk)(published, "200", "open sesame", **fields)
        async with serving(worker) as running:
            await running._beat()
            good = await sync_to_async(manage.test)(trunk)
            assert (
                good.is_registered
                and good.is_reachable
                and good.trouble == ""
                and good.address == f"127.0.0.1:{pbx.port}"
            )
            pbx.is_silent = True
            bad = await sync_to_async(manage.test)(trunk)
    assert not bad.is_reachable and bad.trouble.startswith("Nobody answers at 127.0.0.1")


# ---- calling


async def ring(trunk: Trunk, agent: Any, running: Any) -> Call:
    await knows(running, trunk)
    await running._beat()
    number = await read(
        trunk.organization_id, lambda: PhoneNumber.objects.select_related("trunk", "organization").get(trunk=trunk)
    )
    return await sync_to_async(outbound.ring)(number, agent, THEIRS)


async def test_the_agent_calls_somebody_over_a_trunk(worker: Any, published: Any) -> None:
    async with SipPhone(expects=Login("parley", "open sesame")) as phone:
        fields = {"host": "127.0.0.1", "port": phone.port, "username": "parley"}
        trunk = await sync_to_async(make_trunk)(published, password="open sesame", **fields)
        async with serving(worker) as running:
            await ring(trunk, published, running)
            await phone.hears(1_000)
            [received] = [event for event in phone.events if type(event).__name__ == "CallReceived"]
            assert received.called == THEIRS and received.caller.uri.user == OURS  # type: ignore[union-attr]
            phone.hang_up()
            call = await the_call(published, has_ended)
            await asyncio.sleep(1)
    assert (call.direction, call.end_reason, call.trunk) == ("outbound", "caller_hung_up", trunk)
    assert (call.from_number, call.to_number) == (OURS, THEIRS)
    trace = await trace_of(call)
    assert trace[0] == ("out", "INVITE") and ("in", "SIP/2.0 401 Unauthorized") in trace


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (486, "line_busy", ""), (603, "declined", ""), (404, "not_reachable", "The number doesn't exist there."),
        (403, "carrier_refused", "The provider forbids this call"), (488, "carrier_refused", "no codec or encryption"),
    ],
)  # fmt: skip
async def test_a_call_that_is_refused_says_why(
    worker: Any, published: Any, status: int, reason: str, words: str
) -> None:
    async with SipPhone() as phone:
        phone.answers_with = status
        trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=phone.port)
        async with serving(worker) as running:
            await ring(trunk, published, running)
            call = await the_call(published, has_ended)
    assert call.end_reason == reason and words in call.end_detail and str(status) in call.end_detail
    assert call.answered_at is None and call.duration_ms == 0


async def test_nobody_picks_up_and_the_telephone_stops_ringing(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "RING_SECONDS", 1)
    async with SipPhone() as phone:
        phone.answers_with = None
        trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=phone.port)
        async with serving(worker) as running:
            await ring(trunk, published, running)
            call = await the_call(published, has_ended)
            await asyncio.wait_for(phone.over.wait(), 5)
    assert call.end_reason == "no_answer" and phone.ended().reason == "cancelled"


async def test_a_ringing_call_can_be_called_off(worker: Any, published: Any) -> None:
    from telephony import finish

    async with SipPhone() as phone:
        phone.answers_with = None
        trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=phone.port)
        async with serving(worker) as running:
            call = await ring(trunk, published, running)
            await phone.until(lambda: phone.events)
            await sync_to_async(finish.hang_up)(call)
            await asyncio.wait_for(phone.over.wait(), 5)
            call = await the_call(published, has_ended)
    assert call.end_reason == "member_hung_up"


async def test_what_the_gate_refuses_is_never_sent(worker: Any, published: Any) -> None:
    async with SipPhone() as phone:
        trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=phone.port)
        async with serving(worker) as running:
            await knows(running, trunk)
            await running._beat()
            with pytest.raises(outbound.MayNotDial):
                await sync_to_async(outbound.ring_over)(trunk, published, "+41446681800")  # abroad
            order = house.Order(published.pk, published.organization_id, trunk.pk, OURS, "", 5)
            await running.house.ring_out(order)  # a message that somebody made up: there is no permit
            await asyncio.sleep(0.3)
        assert phone.events == []


async def test_a_second_worker_of_the_machine_takes_the_port_over(
    worker: Any, published: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "AGAIN_SECONDS", 0.1)
    async with serving(worker) as first:
        settings.SIP_PORT = first.house.port
        async with worker() as second:
            await asyncio.sleep(0.4)
            assert second.house.port == 0 and not second.house.takes_calls
            first.stop()
            await asyncio.wait_for(second.house.has_port.wait(), 10)
            async with SipPhone() as phone:
                phone.call("front-desk", second.house.port)
                await phone.hears(1_000)


# ---- whose address is whose


def test_an_address_leads_to_the_oldest_agent_of_that_name_and_to_any_by_its_id(
    published: Any, strangers_organization: Any, charlie: Any
) -> None:
    from agents.models import Agent
    from agents.publish import publish
    from agents.spec import AgentSpec

    with tenancy.use(strangers_organization):
        other = Agent.objects.create(
            organization=strangers_organization,
            name="Front Desk",
            draft=AgentSpec(name="Front Desk").model_dump(mode="json"),
        )
        publish(other, charlie)
    with tenancy.system("test"):
        assert routes.agent_at("front-desk") == published
        assert routes.agent_at(str(other.pk)) == other
        assert routes.agent_at("") is None
    assert routes.user_of(published) == "front-desk" and routes.user_of(other) == str(other.pk)


async def test_a_name_server_that_is_away_costs_no_registration(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import egress
    from telephony.transports import sip_names

    monkeypatch.setattr(upkeep, "RESOLVE_SECONDS", 0.2)
    asked: list[str] = []

    async def away(host: str, port: int, transport: Any) -> list[Any]:
        asked.append(host)
        raise egress.EgressRefused(f"{host} could not be looked up within 5 seconds.")

    async with Registrar("200", "open sesame") as pbx:
        fields = {"host": "127.0.0.1", "port": pbx.port, "username": "200", "registers": True}
        trunk = await sync_to_async(make_trunk)(published, "200", "open sesame", **fields)
        async with serving(worker) as running:
            await state_of(trunk, "registered")
            monkeypatch.setattr(sip_names, "resolve", away)
            async with asyncio.timeout(5):
                while len(asked) < 2:
                    await asyncio.sleep(0.05)
            assert running.house._upkeep.peer(trunk.pk) is not None
            assert (await state_of(trunk, "registered")).state == "registered"
        assert [expires for _, expires in pbx.registered] == [3600, 0]
    assert (await state_of(trunk, "waiting")).state_words.startswith("No call worker")


async def test_a_trunk_whose_first_server_is_away_is_led_to_the_next_and_stays_there(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its SRV records name them. Here two addresses stand for them, since no name server is asked."""
    from telephony.sip.peer import Peer
    from telephony.transports import sip_names

    monkeypatch.setattr(upkeep, "RESOLVE_SECONDS", 0.3)
    asked: list[str] = []
    async with Registrar("200", "open sesame") as pbx:

        async def two(host: str, port: int, transport: Any) -> list[Peer]:
            asked.append(host)
            return [Peer("tcp", "127.0.0.1", 9), Peer("udp", "127.0.0.1", pbx.port)]  # over TCP it is told at once

        monkeypatch.setattr(sip_names, "resolve", two)
        fields = {"host": "sip.example.com", "username": "200", "registers": True}
        trunk = await sync_to_async(make_trunk)(published, "200", "open sesame", **fields)
        async with serving(worker) as running:
            await state_of(trunk, "registered", 20)
            assert running.house._upkeep.peer(trunk.pk) == Peer("udp", "127.0.0.1", pbx.port)
            before = len(asked)
            async with asyncio.timeout(10):
                while len(asked) < before + 3:
                    await asyncio.sleep(0.05)
            assert running.house._upkeep.peer(trunk.pk) == Peer("udp", "127.0.0.1", pbx.port)
        assert [expires for _, expires in pbx.registered] == [3600, 0], "once, and taken back at the end"


async def test_our_own_proxy_is_believed_when_it_says_whom_it_speaks_for(
    worker: Any, published: Any, settings: Any
) -> None:
    settings.SIP_PROXY_FROM, settings.SIP_DIRECT_FROM = ["127.0.0.1/32"], ["10.0.0.0/8"]
    async with serving(worker) as running:
        async with SipPhone() as proxy:
            proxy.call("front-desk", running.house.port)
            await asyncio.wait_for(proxy.over.wait(), 5)
            assert proxy.ended().status == 403  # it speaks for nobody
        async with SipPhone() as proxy:
            proxy.call("ignored", running.house.port, headers=(("X-Src-IP", "10.1.2.3"), ("X-RURI-User", "front-desk")))
            await proxy.hears(1_000)
            proxy.hang_up()
            call = await the_call(published, has_ended)
    assert call.to_number == "front-desk"


async def test_a_caller_goes_through_the_keypad_menu(worker: Any, published: Any, alice: Any) -> None:
    from agents.publish import publish, save_draft

    def with_menu() -> None:
        save_draft(
            published,
            {
                "does": {
                    "menu_words": "Press 1 for hours, 2 for an appointment, 9 to end.",
                    "menu": [
                        {"press": "1", "words": "We are open from 8 to 5."},
                        {"press": "2", "does": "ask", "words": "I want to book."},
                        {"press": "9", "does": "end", "words": "Goodbye."},
                    ],
                }
            },
        )
        with tenancy.use(published.organization_id):
            publish(published, alice)

    await sync_to_async(with_menu)()
    async with serving(worker) as running, SipPhone() as phone:
        phone.call("front-desk", running.house.port)
        for key in "5129":
            await phone.hears(1_000)
            await phone.until(lambda: peak_hz(recent(phone)) is None)
            await phone.press(key)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert call.end_reason == "agent_goodbye"
    turns = await read(call.organization_id, lambda: [(turn.role, turn.text) for turn in call.turns.order_by("index")])
    menu = "Press 1 for hours, 2 for an appointment, 9 to end."
    assert turns == [
        ("agent", f"Hello, how can I help you? {menu}"),
        ("caller", "Pressed 5"), ("agent", f"I'm sorry, that key isn't one of the choices. {menu}"),
        ("caller", "Pressed 1"), ("agent", "We are open from 8 to 5."),
        ("caller", "Pressed 2"), ("agent", "You said I want to book.."),
        ("caller", "Pressed 9"), ("agent", "Goodbye."),
    ]  # fmt: skip
