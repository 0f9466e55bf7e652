"""Names of tenants, VMs and counters in questions: find them as the store spells them, if the caller may know them."""

from collections.abc import Sequence

from domain.errors import NotFound
from pipeline.concurrency import gather
from pipeline.queries.view import AT_ONCE, View
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of


async def tenant_named(tables: Tables, name: str, view: View) -> str:
    """Return a tenant's name as the store spells it. Raises NotFound, also if the caller may not see the tenant."""
    own = view.caller.tenant
    if own in _spellings(name):
        name = str(own)  # and no other tenant with a similar spelling
    elif view.caller.role != "operator":
        raise _not_found("tenant", name)
    return (await entry_named(tables, TENANTS, name, "tenant")).name


async def tenant_if_named(tables: Tables, name: str | None, view: View) -> str | None:
    """Return the tenant's name as the store spells it, or None if no name is given."""
    return None if name is None else await tenant_named(tables, name, view)


async def vm_named(tables: Tables, tenant: str, name: str) -> str:
    """Return the name of a tenant's VM as the store spells it. Raises NotFound."""
    return (await entry_named(tables, vms_of(tenant), name, "VM of this tenant")).name


async def known_counters(tables: Tables, keys: Sequence[str], view: View) -> dict[str, int]:
    """Return the newest minutes of counters, by name as the store spells it. Raises NotFound.

    A tenant's caller knows only that tenant's counters: the name of any other might reveal its tenant.
    """
    known = await gather((entry_named(tables, COUNTERS, key, "counter") for key in keys), AT_ONCE)
    if view.caller.tenant:
        stored = await tables.catalogue.counters_of(view.caller.tenant)
        for key, entry in zip(keys, known, strict=True):
            if not stored or entry.name not in stored.value:
                raise _not_found("counter", key)
    return {entry.name: entry.newest for entry in known}


async def entry_named(tables: Tables, kind: str, name: str, what: str) -> Entry:
    """Return the entry of a name, even if its plus signs were decoded to blanks. Raises NotFound."""
    for spelling in _spellings(name):
        if entry := await tables.catalogue.entry(kind, spelling):
            return entry.value
    raise _not_found(what, name)


def _spellings(name: str) -> list[str]:
    return list(dict.fromkeys([name, name.replace(" ", "+")]))


def _not_found(what: str, name: str) -> NotFound:
    return NotFound(f"no {what} named {name!r} has been seen")


async def sorted_entries(tables: Tables, kind: str) -> list[Entry]:
    """Return the entries of a kind, by name."""
    entries = await tables.catalogue.entries(kind)
    return [entries[name].value for name in sorted(entries)]
