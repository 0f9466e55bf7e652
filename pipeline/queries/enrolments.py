"""Which tenants are enrolled, which send without enrolment, and how far each is, in words. For operators only."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from domain.enrolment import Enrolment, text_of
from domain.invitation import shown
from domain.joining import State, state_of
from domain.minutes import HOUR
from pipeline.queries.view import View, age
from storage.tables import Tables
from storage.tables.catalogue import TENANTS
from storage.tables.heartbeats import Heard
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
    """When it was revoked; null: it is not."""
    confirmed: bool
    """Whether an operator has entered or confirmed it. Until then, messages signed with it are not taken."""


@dataclass(frozen=True, slots=True)
class ClockItem:
    """A VM whose clock is off."""

    vm: str
    """Its masked name."""
    offset: float
    """Its clock minus the SPOC's, in seconds."""


@dataclass(frozen=True, slots=True)
class HeartbeatItem:
    """What a tenant's SPOC says of itself and its VMs."""

    received: int
    """When it came, in Unix seconds."""
    version: str
    """The SPOC's version."""
    vms: int
    """VMs whose files came in the last 24 hours before."""
    offset: float | None
    """The SPOC's clock minus ours, in seconds; null: unknown."""
    clocksOff: int
    """VMs whose clock is off by more than 30 seconds."""
    clocks: list[ClockItem]
    """The worst of them."""
    refused: int
    """Files refused in the last 24 hours before."""
    oldestFile: float | None
    """The age of the oldest file that waits, in seconds; null: none waits."""
    twice: list[str]
    """VMs whose name two machines use; not all, if they are many."""
    twiceCount: int
    """How many there are of these."""
    sasDays: float | None
    """Days until the SAS of its drop expires; null: it has none."""


@dataclass(frozen=True, slots=True)
class EnrolmentItem:
    """A tenant that is enrolled, or that sends without being enrolled."""

    tenant: str
    """Its masked name."""
    state: str
    """How far it is with joining and sending, in words, and whom to call if it is silent."""
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
    codeExpires: int | None
    """Until when its code can be used, in Unix seconds; null: it has none, or has used it."""
    heartbeat: HeartbeatItem | None
    """What its SPOC last said of itself; null: nothing so far."""


@dataclass(frozen=True, slots=True)
class Admitted(EnrolmentItem):
    """A tenant after a change, and a code if one was drawn."""

    code: str | None
    """The code for its SPOC to join with, once. Only this answer has it; null: none was drawn."""
    packages: str | None
    """Where its people get the package with agent and SPOC (PACKAGES_URL)."""


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
    newest = await _newest_minutes(tables)
    heartbeats = {tenant: heard async for tenant, heard in tables.heartbeats.all()}
    names = sorted(name for name in {*enrolments, *senders, *newest} if name >= from_tenant)
    items = [
        _item(enrolments.get(name) or Enrolment(name), newest.get(name), senders.get(name), heartbeats.get(name), view)
        for name in names[:most]
    ]
    return items, names[most] if len(names) > most else None


async def enrolment_item(tables: Tables, enrolment: Enrolment, view: View) -> EnrolmentItem:
    """Return the item of one tenant."""
    entry = await tables.catalogue.entry(TENANTS, enrolment.tenant)
    sender = await tables.senders.of(enrolment.tenant)
    heard = await tables.heartbeats.of(enrolment.tenant)
    return _item(enrolment, (entry.value.newest or None) if entry else None, sender, heard, view)


async def admitted(
    tables: Tables, enrolment: Enrolment, code: str | None, packages: str | None, view: View
) -> Admitted:
    """Return the same with a code that was drawn, and where to get the package."""
    item = await enrolment_item(tables, enrolment, view)
    values = {each.name: getattr(item, each.name) for each in fields(item)}
    return Admitted(**values, code=shown(code) if code else None, packages=packages)


async def _newest_minutes(tables: Tables) -> dict[str, int]:
    """Return the newest averaged minute of each tenant that has one."""
    entries = await tables.catalogue.entries(TENANTS)
    return {name: entry.value.newest for name, entry in entries.items() if entry.value.newest}  # 0: it is corrupt


def _state(enrolment: Enrolment, newest: int | None, heard: Heard | None, view: View) -> State:
    beat, received = (heard.beat, heard.received) if heard else (None, None)
    return state_of(enrolment, beat, received, newest, view.now)


def _item(
    enrolment: Enrolment, newest: int | None, sender: Sender | None, heard: Heard | None, view: View
) -> EnrolmentItem:
    return EnrolmentItem(
        enrolment.tenant,
        _state(enrolment, newest, heard, view).words,
        enrolment.valid,
        enrolment.label,
        enrolment.contact,
        list(enrolment.directories),
        list(enrolment.applications),
        enrolment.since or None,
        [KeyItem(key.id, text_of(key.public), key.added, key.revoked, key.confirmed) for key in enrolment.keys],
        newest,
        None if newest is None else age(newest, view.now),
        sender.seen if sender else None,
        (sender.key or None) if sender else None,
        enrolment.corrupt,
        enrolment.invitation.expires if enrolment.invitation else None,
        _heartbeat_item(heard) if heard else None,
    )


def _heartbeat_item(heard: Heard) -> HeartbeatItem:
    beat = heard.beat
    return HeartbeatItem(
        heard.received,
        beat.version,
        beat.vms,
        beat.offset,
        beat.clocks_off,
        [ClockItem(each.vm, each.offset) for each in beat.clocks],
        beat.refused,
        beat.oldest_file,
        list(beat.twice),
        beat.twice_count,
        beat.sas_days,
    )


@dataclass(frozen=True, slots=True)
class TenantState:
    """A tenant for which somebody has something to do."""

    tenant: str
    """Its masked name."""
    label: str
    """What people call it."""
    state: str
    """How far it is with joining and sending, in words, and whom to call if it is silent."""


async def not_calm(tables: Tables, view: View) -> Sequence[TenantState]:
    """Return, by name, the tenants that were entered and for which somebody has something to do."""
    enrolments = (await tables.enrolments.register()).enrolments
    newest = await _newest_minutes(tables)
    heartbeats = {tenant: heard async for tenant, heard in tables.heartbeats.all()}
    found = []
    for tenant, enrolment in sorted(enrolments.items()):
        state = _state(enrolment, newest.get(tenant), heartbeats.get(tenant), view)
        if not state.calm:
            found.append(TenantState(tenant, enrolment.label, state.words))
    return found


async def unsigned_lately(tables: Tables, view: View) -> list[str]:
    """Return, by name, the tenants named by messages of the last hour that no enrolled key has signed."""
    return sorted([each.tenant async for each in tables.senders.all() if each.seen > view.now - HOUR])
