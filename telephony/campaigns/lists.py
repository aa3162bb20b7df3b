"""Files of people become contacts: a thousand rows at a time, each thousand in one transaction, so that a restart goes on where it was."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns.models import NOT_CALLED, Campaign, CampaignContact, ContactList
from telephony.campaigns.sheet import BadSheet, Columns, Person, Sheet, contacts, open_sheet
from telephony.dialing.policies import policy_of
from telephony.storable import storable

ROWS_AT_A_TIME = 1_000


def upload(campaign: Campaign, file_name: str, content: bytes) -> tuple[ContactList, Sheet]:
    """Keep the file until somebody has said what its columns are. Raises :class:`telephony.campaigns.sheet.BadSheet`."""
    sheet = open_sheet(content)
    with tenancy.use(campaign.organization_id), transaction.atomic():
        # Under its lock: a campaign that has a list doesn't finish, so none is added in the moment it does.
        status = Campaign.objects.select_for_update().get(pk=campaign.pk).status
        if status in (Campaign.Status.FINISHED, Campaign.Status.CANCELLED):
            raise BadSheet("This campaign is over. Make a new one for this list.")
        found: ContactList = ContactList.objects.create(
            organization_id=campaign.organization_id,
            campaign=campaign,
            file_name=storable(file_name)[:200],
            content=content,
            rows=len(sheet.rows),
        )
    return found, sheet


def read_as(contact_list: ContactList, columns: Columns) -> None:
    """From now on it is being read; ``read_on`` does it. Once chosen, the columns stay."""
    with tenancy.use(contact_list.organization_id):
        ContactList.objects.filter(pk=contact_list.pk, status=ContactList.Status.MAPPING).update(
            mapping=columns.model_dump(mode="json"), status=ContactList.Status.READING
        )


def read_on(pk: Any, organization_pk: Any) -> int:
    """Read the rest of the list. Returns how many rows became contacts. Another reader of the same list waits for its turn
    and finds the work done."""
    with tenancy.use(organization_pk):
        contact_list = ContactList.objects.filter(pk=pk, status=ContactList.Status.READING).first()
        if contact_list is None:
            return 0
        organization = Organization.objects.get(pk=organization_pk)
        home = policy_of(organization).home_country
        try:
            sheet = open_sheet(bytes(contact_list.content))
        except BadSheet as error:  # an earlier release took it
            return _give_up(pk, str(error))
        columns = Columns.model_validate(contact_list.mapping)
        read = 0
        while some := _read_some(pk, sheet, columns, home):
            read += some
    return read


def _read_some(pk: Any, sheet: Sheet, columns: Columns, home: str) -> int:
    with transaction.atomic():
        contact_list = ContactList.objects.select_for_update().filter(pk=pk, status=ContactList.Status.READING).first()
        if contact_list is None:
            return 0
        people = list(contacts(sheet, columns, home, contact_list.rows_read, ROWS_AT_A_TIME))
        _add(contact_list, people)
        contact_list.rows_read += len(people)
        if contact_list.rows_read >= len(sheet.rows):
            contact_list.status, contact_list.content = ContactList.Status.DONE, b""
        contact_list.save()
    return len(people)


def _give_up(pk: Any, why: str) -> int:
    """Its one row says why."""
    with transaction.atomic():
        contact_list = ContactList.objects.select_for_update().filter(pk=pk, status=ContactList.Status.READING).first()
        if contact_list is not None:
            _add(contact_list, [Person(1, "", problem=why)])
            contact_list.status, contact_list.content = ContactList.Status.DONE, b""
            contact_list.save()
    return 0


def _add(contact_list: ContactList, people: list[Person]) -> None:
    """A campaign that has finished meanwhile goes on with them; of one that was cancelled nobody is called.

    Whoever is there already is not added twice. Where they were skipped before the first call, what was put right is theirs now.
    """
    campaign = Campaign.objects.select_for_update().get(pk=contact_list.campaign_id)
    is_cancelled = campaign.status == Campaign.Status.CANCELLED
    numbers = {person.number for person in people if person.number}
    there = {each.number: each for each in CampaignContact.objects.filter(campaign=campaign, number__in=numbers)}
    rows, taken_over = [], []
    for person in people:
        contact = CampaignContact(
            organization_id=campaign.organization_id, campaign=campaign, row=person.row, given=storable(person.given)
        )
        _tell(contact, person)
        before = there.get(person.number) if person.number else None
        if person.problem:
            _skip(contact, person.problem)
        elif is_cancelled:
            _skip(contact, NOT_CALLED)
            contact.number = "" if before else person.number
        elif before is None:
            contact.number, contact.next_at = person.number, timezone.now()
        elif before.state == CampaignContact.State.SKIPPED and not before.attempts:
            _tell(before, person)
            before.state, before.next_at, before.why = CampaignContact.State.WAITING, timezone.now(), ""
            before.due_at = None
            taken_over.append(before)
            _skip(contact, f"Taken over into row {before.row}, which is called now.")
        else:
            is_called = "not called any more" if before.state == CampaignContact.State.SKIPPED else "called"
            _skip(contact, f"The same number is in row {before.row} already, which is {is_called}.")
        if contact.number:
            there[contact.number] = contact
        rows.append(contact)
    CampaignContact.objects.bulk_create(rows)
    changed = ["zones", "variables", "priority", "state", "next_at", "due_at", "why"]
    CampaignContact.objects.bulk_update(taken_over, changed)
    is_anyone_waiting = bool(taken_over) or any(row.state == CampaignContact.State.WAITING for row in rows)
    if is_anyone_waiting and campaign.status == Campaign.Status.FINISHED:
        campaign.status, campaign.ended_at = Campaign.Status.RUNNING, None
        campaign.save(update_fields=["status", "ended_at"])


def _tell(contact: CampaignContact, person: Person) -> None:
    """What the list says of the person."""
    contact.zones, contact.priority = ",".join(person.zones), person.priority
    contact.variables = storable(dict(person.variables))


def _skip(contact: CampaignContact, why: str) -> None:
    contact.state, contact.next_at, contact.why = CampaignContact.State.SKIPPED, None, why[:300]


def lists_at_work() -> list[tuple[Any, Any]]:
    """Those that are not read to their end: (list, organization)."""
    with tenancy.system("lists that are being read, whosever they are"):
        return list(ContactList.objects.filter(status=ContactList.Status.READING).values_list("pk", "organization_id"))
