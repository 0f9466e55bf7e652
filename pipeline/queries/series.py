"""Which series a question is about: a counter of the fleet, a group, a tenant, a pool or a VM; and by whose clocks.

Knows who may ask for what: a tenant's caller for the series of its own tenant, since what was learned of the fleet
tells of others. Refuses to know what is asked of the series.
"""

from dataclasses import dataclass

from domain.digests import Whose
from domain.errors import Forbidden
from domain.zones import zone_of
from pipeline.queries.names import known_counters, tenant_named, vm_named
from pipeline.queries.view import View, progress_of
from storage.tables import Tables
from storage.tables.catalogue import vms_of


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """What is asked: a counter over so many ``hours``, of one population or VM."""

    key: str
    hours: int
    tenant: str | None = None
    vm: str | None = None
    pool: str | None = None
    region: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The same, as the store spells it. ``newest``: the counter's newest minute that the report has."""

    key: str
    tenant: str | None
    vm: str | None
    whose: Whose
    newest: int


async def series_asked(tables: Tables, question: SeriesQuestion, view: View) -> Asked:
    """Find what is asked for. Raises NotFound, and Forbidden where a tenant's caller asks for the fleet."""
    ((key, seen),) = (await known_counters(tables, [question.key], view)).items()
    if question.tenant is None:
        refuse_tenants(view, "give the parameter tenant")
    tenant = None if question.tenant is None else await tenant_named(tables, question.tenant, view)
    vm = None if tenant is None or question.vm is None else await vm_named(tables, tenant, question.vm)
    progress = await progress_of(tables)
    newest = seen if progress.newest is None else min(seen, progress.newest)
    return Asked(key, tenant, vm, _whose(question, vm), newest)


def refuse_tenants(view: View, instead: str) -> None:
    """Raise Forbidden for a tenant's caller who asks what was learned of the fleet. ``instead``: what to do."""
    if view.caller.tenant:
        raise Forbidden(f"what was learned of the fleet is not for tenants: {instead}")


def _whose(question: SeriesQuestion, vm: str | None) -> Whose:
    if vm is not None:
        return Whose("vm", vm)
    if question.pool is not None:
        return Whose("pool", question.pool)
    if question.region is not None:
        return Whose("Region", question.region)
    if question.size is not None:
        return Whose("MachineSize", question.size)
    return Whose("fleet" if question.tenant is None else "tenant")


async def zone_of_series(tables: Tables, tenant: str | None, whose: Whose) -> str | None:
    """Return the zone by whose clocks a series was learned."""
    if whose.kind == "Region":
        return zone_of(whose.name)
    if whose.kind == "vm" and tenant is not None and whose.name is not None:
        entry = await tables.catalogue.entry(vms_of(tenant), whose.name)
        return zone_of(entry.value.dimensions.Region) if entry and entry.value.dimensions else None
    stored = await tables.baselines.zone(tenant)
    return stored.value if stored else None
