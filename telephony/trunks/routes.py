"""What the database knows of trunks, as the call worker needs it: whom to register with, whose packets to believe, who answers.

Everything here asks the database and runs in a thread. What a call worker serves belongs to all organizations alike; whose a call
is, the trunk and the number say.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network

import phonenumbers
from django.db.models import Count
from django.utils import timezone
from django.utils.text import slugify

from accounts import credentials, tenancy, vault
from agents.models import Agent
from telephony import phone_calls, reception
from telephony.answering import Refuse, Talk
from telephony.finish import end_call
from telephony.models import Call, PhoneNumber, SipMessage, Trunk
from telephony.sip.gate import Network, dialled
from telephony.storable import storable
from telephony.trunks.limits import MOST_OF_A_TRUNK
from telephony.wire.codings import CLOCK_HZ, Coding
from telephony.wire.offer_answer import Encryption

logger = logging.getLogger(__name__)

CODECS: tuple[Coding, ...] = ("opus", "g722", "pcmu", "pcma")
_ENCRYPTION: Mapping[str, Encryption] = {"off": "off", "optional": "optional", "mandatory": "required"}


@dataclass(frozen=True, slots=True)
class TrunkSheet:
    """A trunk as the worker holds it; equal where nothing has changed."""

    id: uuid.UUID
    organization: uuid.UUID
    host: str
    proxy: str
    port: int
    transport: str
    username: str
    auth_user: str
    realm: str
    password: str = field(repr=False)
    registers: bool
    asks_password: bool
    sources: tuple[Network, ...]
    transfer_hosts: frozenset[str]
    may_transfer: bool
    codecs: tuple[Coding, ...]
    encryption: Encryption
    users: frozenset[str]
    """What is dialled to reach us over it, as ``telephony.sip.gate.dialled`` spells it."""
    trouble: str = ""
    """Why it can't be used, where that is known beforehand."""

    @property
    def is_telephone(self) -> bool:
        """It signs in and has no address of its own: it may register here, and is called where it is then."""
        return self.asks_password and not self.host

    @property
    def where(self) -> str:
        """As people are told it."""
        return f"{self.proxy or self.host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers a call that comes in: the row that was made for it."""

    call: uuid.UUID
    organization: uuid.UUID
    trunk: uuid.UUID | None
    has_agent: bool = True
    """False: no agent talks in it, so that it costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Busy:
    """The number refuses the call; later somebody may answer it."""


def trunks() -> list[TrunkSheet]:
    """All of them, with their passwords."""
    with tenancy.system("a call worker registers with the trunks of all organizations"):
        rows = list(Trunk.objects.select_related("organization").order_by("created_at"))
        numbers: dict[uuid.UUID, set[str]] = {}
        for trunk_id, number in PhoneNumber.objects.exclude(trunk=None).values_list("trunk_id", "number"):
            numbers.setdefault(trunk_id, set()).update(forms(number))
    found: list[TrunkSheet] = []
    for row in rows:
        try:
            found.append(_sheet(row, frozenset(numbers.get(row.pk, ()))))
        except (ValueError, KeyError) as error:  # one that can't be read must not keep the others
            logger.error("Trunk %s can't be read: %s", row.pk, error)
    return found


def _sheet(row: Trunk, users: frozenset[str]) -> TrunkSheet:
    password, trouble = "", ""
    if row.credential:
        try:
            password = credentials.secrets_for(row.organization, {row.credential: row.address})[row.credential]
        except credentials.NotGiven as error:
            trouble = str(error)
        except vault.CannotOpen:
            trouble = "The stored password can't be opened any more. Give it again."
    codecs = tuple(codec for codec in row.codecs if codec in CLOCK_HZ)
    return TrunkSheet(
        id=row.pk,
        organization=row.organization_id,
        host=row.host,
        proxy=row.proxy,
        port=row.port,
        transport=row.transport,
        username=row.username,
        auth_user=row.auth_user or row.username,
        realm=row.realm,
        password=password,
        registers=row.registers,
        asks_password=row.asks_password,
        sources=tuple(ip_network(each, strict=False) for each in row.sources),
        transfer_hosts=frozenset(str(each).lower() for each in row.transfer_hosts),
        may_transfer=row.may_transfer,
        codecs=codecs or CODECS,
        encryption=_ENCRYPTION[row.srtp],
        users=users | ({dialled(row.username)} if row.username else frozenset()),
        trouble=trouble,
    )


def forms(number: str) -> set[str]:
    """How a trunk may write a number that it leads to us: international, national, and without anything in front."""
    found = {dialled(number)}
    if number.startswith("+"):
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            return found
        national = phonenumbers.national_significant_number(parsed)
        found |= {national, f"0{national}"}
    return found


def come_in(
    at: Sequence[uuid.UUID],
    called: str,
    asked_for: str,
    caller: str,
    dialog: str,
    *,
    by_address: bool,
    has_room: bool = True,
) -> Answerer | Busy | None:
    """Somebody calls over one of these trunks, or an agent by its own address where that is allowed: its row. ``None``: nobody
    answers there. ``asked_for``: whom the To header names, where the request itself names only us. ``has_room``: for an agent."""
    with tenancy.system("a telephone call comes in: whose it is, the number says"):
        number = _number(at, called, asked_for)
        agent: Agent | None = None
        if number is not None:
            return _of_number(number, storable(caller), storable(dialog), has_room=has_room)
        if by_address:
            agent = agent_at(called)
        if agent is None or agent.archived_at is not None or agent.published is None:
            return None
    call = phone_calls.create_incoming(
        agent, None, caller=storable(caller), called=storable(called), trunk=None, carrier_call_id=storable(dialog)
    )
    return None if call is None else Answerer(call.pk, call.organization_id, None)


def _of_number(number: PhoneNumber, caller: str, dialog: str, *, has_room: bool) -> Answerer | Busy | None:
    """What the number's settings say to the call."""
    line = {
        "caller": caller[:120], "from_number": caller[:64], "trunk": number.trunk, "carrier_call_id": dialog[:64]
    }  # fmt: skip
    answer = reception.answer_to(number, caller or dialog, has_room=has_room)
    if isinstance(answer, Refuse) and not answer.is_busy:
        return None
    call = reception.enter(number, answer, **line)
    if call is None and isinstance(answer, Talk):
        answer = reception.failing_answer(number, "unreadable", has_room=has_room)
        call = None if isinstance(answer, Refuse) else reception.enter(number, answer, **line)
    if call is None:
        return None
    if isinstance(answer, Refuse):
        end_call(call, call.organization_id, "after_hours" if answer.why == "closed" else "busy", only_waiting=True)
        return Busy()
    return Answerer(call.pk, call.organization_id, number.trunk_id, has_agent=isinstance(answer, Talk))


def _number(at: Sequence[uuid.UUID], called: str, asked_for: str) -> PhoneNumber | None:
    if not at:
        return None
    rows = list(
        PhoneNumber.objects.filter(trunk_id__in=list(at)).select_related("trunk", "organization", "agent__published")
    )
    for name in (dialled(called), dialled(asked_for)):
        found: PhoneNumber | None = next((row for row in rows if name and name in forms(row.number)), None)
        if found is not None:
            return found
    # Many providers only say which registration of ours they mean. Of a trunk with one number it is that.
    for trunk_id in at:
        mine: list[PhoneNumber] = [row for row in rows if row.trunk_id == trunk_id]
        if len(mine) == 1 and mine[0].trunk and dialled(mine[0].trunk.username) == dialled(called):
            return mine[0]
    return None


def agent_at(user: str) -> Agent | None:
    """Whose address ``sip:user@…`` is: the agent of that id, or the oldest published one whose name reads so."""
    rows = Agent.objects.filter(archived_at=None).exclude(published=None).select_related("published")
    try:
        found: Agent | None = rows.filter(pk=uuid.UUID(user)).first()
    except ValueError:
        wanted = user.strip().lower()
        names = rows.order_by("created_at").values_list("pk", "name")
        pk = next((pk for pk, name in names if wanted and slugify(name) == wanted), None)
        found = rows.filter(pk=pk).first() if pk else None
    return found


def user_of(agent: Agent) -> str:
    """The user of the agent's own SIP address: its name, where that leads to it and to no older agent; else its id."""
    with tenancy.system("whether another agent's address is the same"):
        name = slugify(agent.name)
        found = agent_at(name) if name else None
    return name if found is not None and found.pk == agent.pk else str(agent.pk)


def write_state(trunk: uuid.UUID, organization: uuid.UUID, state: str, words: str, at: datetime | None = None) -> None:
    with tenancy.use(organization):
        Trunk.objects.filter(pk=trunk).update(
            state=state, state_words=storable(words)[:300], state_at=at or timezone.now()
        )


def placed(call: uuid.UUID, organization: uuid.UUID, dialog: str) -> None:
    """What the trunk will call a call of ours."""
    with tenancy.use(organization):
        Call.objects.filter(pk=call).update(carrier_call_id=dialog[:64])


def prune() -> int:
    """Forget the oldest of what is kept of trunks' own business. Returns how many messages."""
    with tenancy.system("the traces of all organizations' trunks are kept short"):
        mine = SipMessage.objects.filter(call=None).exclude(trunk=None)
        counted = mine.values("trunk").annotate(kept=Count("pk")).filter(kept__gt=MOST_OF_A_TRUNK)
        forgotten = 0
        for trunk in counted.values_list("trunk", flat=True):
            newest = mine.filter(trunk=trunk).order_by("-at", "-number").values_list("at", flat=True)
            forgotten += mine.filter(trunk=trunk, at__lt=newest[MOST_OF_A_TRUNK - 1]).delete()[0]
    return forgotten
