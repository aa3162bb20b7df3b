"""Use cases of SIP trunks: make, change, test and remove one, and say which numbers are on it and who answers them."""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import dataclass
from typing import Any

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import IntegrityError, transaction

import egress
from accounts import credentials, tenancy
from accounts.models import Credential, Organization, User
from agents.models import Agent
from telephony import worker_status
from telephony.finish import worker_channel
from telephony.models import PhoneNumber, Trunk
from telephony.phone_numbers import CannotDo
from telephony.sip import uri
from telephony.transports import sip_names
from telephony.trunks.fields import TrunkFields
from telephony.trunks.limits import LEASE
from telephony.worker_status import WorkerStatus

TEST_SECONDS = 10.0
_ONLY_OURS = ("label", "preset", "caller_id", "puts_through")
"""Fields that the other side never notices: the worker has nothing to do anew."""
NO_SIP = "No call worker serves SIP. The operator switches it on with SIP_HOST (docs/phones.md)."


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of asking a trunk how it is. ``trouble``: a sentence for people; "": it works."""

    address: str = ""
    is_reachable: bool = False
    round_trip_ms: int | None = None
    is_registered: bool | None = None
    """``None``: it doesn't register."""
    trouble: str = ""


def fields_of(trunk: Trunk) -> TrunkFields:
    """What a member has said about it, as it is stored."""
    return TrunkFields.model_construct(**{name: _frozen(getattr(trunk, name)) for name in TrunkFields.model_fields})


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return str(value) if isinstance(value, str) else value  # of a choice its value


def create(organization: Organization, member: User | None, fields: TrunkFields, password: str = "") -> Trunk:
    """Raises :class:`CannotDo`."""
    _can_go(fields)
    if fields.asks_password and not password:
        raise CannotDo("Where callers sign in, the trunk needs a password.")
    with transaction.atomic(), tenancy.use(organization):
        trunk = Trunk(organization=organization, **_columns(fields))
        _keep_password(trunk, member, password)
        trunk.save()
    tell_workers()
    return trunk


def change(trunk: Trunk, member: User | None, fields: TrunkFields, password: str | None = None) -> Trunk:
    """``password`` None: as it is; "": none any more. Raises :class:`CannotDo`."""
    _can_go(fields)
    if trunk.credential and password is None and fields.host != trunk.host:
        raise CannotDo("The stored password belongs to the host it was given for. Give it again for the new one.")
    if fields.asks_password and (password == "" or (password is None and not trunk.credential)):
        raise CannotDo("Where callers sign in, the trunk needs a password.")
    with transaction.atomic(), tenancy.use(trunk.organization_id):
        wanted = _columns(fields)
        if any(getattr(trunk, name) != value for name, value in wanted.items() if name not in _ONLY_OURS):
            trunk.state, trunk.state_words, trunk.state_at = Trunk.State.WAITING, "", None
        for name, value in wanted.items():
            setattr(trunk, name, value)
        if password is not None:
            _keep_password(trunk, member, password)
        trunk.save()
    tell_workers()
    return trunk


def remove(trunk: Trunk) -> None:
    """Raises :class:`CannotDo` where numbers are still on it."""
    with transaction.atomic(), tenancy.use(trunk.organization_id):
        if PhoneNumber.objects.filter(trunk=trunk).exists():
            raise CannotDo("Numbers are still on this trunk. Remove them first.")
        Credential.objects.filter(name=trunk.credential).delete()
        trunk.delete()
    tell_workers()


def _columns(fields: TrunkFields) -> dict[str, Any]:
    found = fields.model_dump()
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _can_go(fields: TrunkFields) -> None:
    """An address that nothing may be sent to is told at once; a name when it is looked up."""
    port = fields.port or sip_names.usual_port(fields.transport)
    for host in filter(None, (fields.proxy, fields.host if not fields.proxy else "")):
        refusal = egress.refusal_of(host, port, sip_names.PORTS) if sip_names.is_address(host) else ""
        if refusal:
            raise CannotDo(refusal)


def _keep_password(trunk: Trunk, member: User | None, password: str) -> None:
    if not password:
        Credential.objects.filter(name=trunk.credential).delete()
        trunk.credential = ""
        return
    if len(password) > 200:
        raise CannotDo("The password is too long.")
    trunk.credential = trunk.credential or f"SIP trunk {trunk.pk}"
    # A trunk without a host only checks the password itself: it is sent nowhere.
    credentials.store(trunk.organization, trunk.credential, "sip", password, member, trunk.address)


# ---- numbers


def add_number(trunk: Trunk, text: str, agent: Agent | None = None, label: str = "") -> PhoneNumber:
    """A number that the trunk leads here. Raises :class:`CannotDo`."""
    number = re.sub(r"[\s()./-]+", "", text)
    if re.fullmatch(r"\+?\d+", number):
        is_good = bool(re.fullmatch(r"\+[1-9]\d{6,14}|\d{1,15}", number))
    else:
        number = text.strip()
        is_good = len(number) <= 20 and uri.is_plain_user(number)
    if not is_good:
        raise CannotDo(
            "Write the number with its country, such as +14155550142, or the extension as your system knows it: 200."
        )
    if agent is not None and agent.archived_at is not None:
        raise CannotDo("This agent is archived. Bring it back before it takes calls.")
    try:
        with tenancy.use(trunk.organization_id), transaction.atomic():
            made: PhoneNumber = PhoneNumber.objects.create(
                organization_id=trunk.organization_id,
                trunk=trunk,
                number=number,
                agent=agent,
                label=label.strip()[:120],
            )
    except IntegrityError:
        raise CannotDo(f"{number} rings here already, by another account or trunk of this installation.") from None
    tell_workers()
    return made


# ---- asking the workers


def is_served() -> bool:
    """Whether a call worker serves SIP just now. Where Valkey is away none can be asked."""
    try:
        return any(worker.sip_port for worker in worker_status.workers())
    except redis.RedisError:
        return False


def tell_workers() -> None:
    """Something has changed. Where they can't be told, they find out by themselves within seconds."""

    def tell() -> None:
        try:
            for worker in worker_status.workers():
                if worker.sip_port:
                    _send(worker, {"command": "look_again_at_trunks"})
        except Exception:  # noqa: S110 - Valkey is away
            pass

    transaction.on_commit(tell)


def test(trunk: Trunk) -> Tested:
    """Ask it how it is, and register, now. Raises :class:`CannotDo` where no worker can be asked."""
    try:
        serving = [worker for worker in worker_status.workers() if worker.sip_port]
        owner = worker_status.client().get(LEASE + str(trunk.pk))
    except redis.RedisError:
        raise CannotDo("Valkey can't be reached, so no call worker can be asked. See System health.") from None
    if not serving:
        raise CannotDo(NO_SIP)
    name = owner.decode() if isinstance(owner, bytes) else owner
    worker = next((each for each in serving if each.id == name), serving[0])
    found = async_to_sync(_ask)(worker, trunk.pk)
    if found is None:
        raise CannotDo("The call worker that serves SIP didn't answer in time. Try again.")
    return Tested(**found)


async def _ask(worker: WorkerStatus, trunk: uuid.UUID) -> dict[str, Any] | None:
    layer = get_channel_layer()
    reply = await layer.new_channel()
    message = {"type": "call.command", "command": "test_trunk", "trunk": str(trunk), "reply": reply}
    await layer.send(worker_channel(worker.id), message)
    try:
        async with asyncio.timeout(TEST_SECONDS):
            found: dict[str, Any] = (await layer.receive(reply))["found"]
            return found
    except TimeoutError:
        return None


def _send(worker: WorkerStatus, message: dict[str, Any]) -> None:
    async_to_sync(get_channel_layer().send)(worker_channel(worker.id), {"type": "call.command", **message})
