"""Which tenants are enrolled, which send without enrolment, and how long each is silent. For operators only."""

from dataclasses import dataclass

from domain.enrolment import Enrolment, text_of
from domain.minutes import HOUR
from pipeline.queries.view import View, age
from storage.tables import Tables
from storage.tables.catalogue import TENANTS
from storage.tables.senders import Sender


@dataclass(frozen=True, slots=True)
class KeyItem:
    """A key of a tenant's SPOC."""

    id: str
    publicKey: str
    """In base64, as the SPOC prints it."""
    added: int
    """When it was enrolled, in Unix seconds."""
    revoked: int | None
    """When it was revoked; null: it is valid."""


@dataclass(frozen=True, slots=True)
class EnrolmentItem:
    """A tenant that is enrolled, or that sends without being enrolled."""

    tenant: str
    """Its masked name."""
    enrolled: bool
    """Whether it has a valid key. If not, none of its samples are taken while enrolment is required."""
    label: str
    """What people call it."""
    contact: str
    """Whom to call."""
    directories: list[str]
    """The ids of the directories that its people sign in from."""
    applications: list[str]
    """The ids of its applications in those directories that may read what its people may."""
    since: int | None
    """When it was enrolled, in Unix seconds; null: it never was."""
    keys: list[KeyItem]
    newest: int | None
    """Its newest averaged minute; null: there is none."""
    silentSeconds: int | None
    """Seconds from the end of that minute to now."""
    unsignedSeen: int | None
    """When the last message in its name came without an enrolled key's signature: Unix seconds, to the quarter of an
    hour."""
    unsignedKey: str | None
    """The id of the key that such a message names as its signer: enrol it if it belongs to this tenant; null: the
    message is not signed at all."""
    corrupt: bool
    """Whether its stored enrolment can't be read: if so, enrol it again."""


@dataclass(frozen=True, slots=True)
class EnrolmentList:
    """The tenants that are enrolled, and those that send without being enrolled, by masked name."""

    nextPage: str | None
    """The value for the parameter page; null: this is the last page."""
    data: list[EnrolmentItem]


async def list_enrolments(
    tables: Tables, view: View, from_tenant: str, most: int
) -> tuple[list[EnrolmentItem], str | None]:
    """Return a page of tenants by name, from one on, and the next page's first name; None: this is the last page."""
    enrolments = {each.tenant: each for each in await tables.enrolments.all()}
    senders = {each.tenant: each async for each in tables.senders.all()}
    newest = {name: entry.value.newest for name, entry in (await tables.catalogue.entries(TENANTS)).items()}
    names = sorted(name for name in {*enrolments, *senders, *newest} if name >= from_tenant)
    items = [
        _item(enrolments.get(name) or Enrolment(name), newest.get(name), senders.get(name), view)
        for name in names[:most]
    ]
    return items, names[most] if len(names) > most else None


async def enrolment_item(tables: Tables, enrolment: Enrolment, view: View) -> EnrolmentItem:
    """Return the item of one tenant."""
    entry = await tables.catalogue.entry(TENANTS, enrolment.tenant)
    sender = await tables.senders.of(enrolment.tenant)
    return _item(enrolment, entry.value.newest if entry else None, sender, view)


def _item(enrolment: Enrolment, newest: int | None, sender: Sender | None, view: View) -> EnrolmentItem:
    newest = newest or None  # 0: its entry is corrupt
    return EnrolmentItem(
        enrolment.tenant,
        enrolment.valid,
        enrolment.label,
        enrolment.contact,
        list(enrolment.directories),
        list(enrolment.applications),
        enrolment.since or None,
        [KeyItem(key.id, text_of(key.public), key.added, key.revoked) for key in enrolment.keys],
        newest,
        None if newest is None else age(newest, view.now),
        sender.seen if sender else None,
        (sender.key or None) if sender else None,
        enrolment.corrupt,
    )


async def unsigned_lately(tables: Tables, view: View) -> list[str]:
    """Return, by name, the tenants named by messages of the last hour that no enrolled key has signed."""
    return sorted([each.tenant async for each in tables.senders.all() if each.seen > view.now - HOUR])
