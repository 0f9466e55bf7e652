"""Lists of what has been seen: counters, tenants, VMs."""

from dataclasses import dataclass

from domain.counters import COUNTERS as KNOWN_COUNTERS
from domain.counters import GROUPS, Reduction, Worse, by_interest, reduction_of, worse_of
from domain.disclosure import ForTenants
from domain.names import split_key
from domain.samples import Dimensions
from pipeline.queries.names import sorted_entries, tenant_named
from pipeline.queries.view import View, progress_of
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, vms_of


@dataclass(frozen=True, slots=True)
class CounterItem(ForTenants):
    """A counter that has been seen, with its common name where we know it."""

    key: str
    newest: int
    """Its newest minute. For a tenant's caller: in that tenant, and up to six hours behind."""
    title: str
    unit: str
    """Empty for plain numbers."""
    group: str
    """The common name of its PerfType."""
    rule: Reduction
    """How a VM's minutes make the value of a window of 15 minutes."""
    worse: Worse
    """The direction in which it is bad: a high value, a low one, or neither."""


@dataclass(frozen=True, slots=True)
class TenantListItem(ForTenants):
    """A tenant that has been seen."""

    tenant: str
    newest: int
    """Its newest minute."""
    label: str | None
    """The name that people use for it, for operators; null: it is not enrolled, or has no label."""


@dataclass(frozen=True, slots=True)
class VmItem(ForTenants):
    """A VM that has been seen, and what is known about it."""

    vm: str
    newest: int
    """About its newest minute: up to six hours behind."""
    SiteName: str | None
    ResourcePoolName: str | None
    Region: str | None
    MachineSize: str | None


@dataclass(frozen=True, slots=True)
class CounterList(ForTenants):
    """The counters that have been seen, the most interesting first."""

    data: list[CounterItem]


@dataclass(frozen=True, slots=True)
class TenantList(ForTenants):
    """The tenants that have been seen, by name."""

    data: list[TenantListItem]


@dataclass(frozen=True, slots=True)
class VmList(ForTenants):
    """A tenant's VMs that have been seen, by name."""

    data: list[VmItem]


async def list_counters(tables: Tables, view: View) -> list[CounterItem]:
    """Return all counters that the caller may know, the most interesting first."""
    if view.caller.tenant:
        stored = await tables.catalogue.counters_of(view.caller.tenant)
        newest = stored.value if stored else {}
    else:
        reached = (await progress_of(tables)).newest
        newest = {
            entry.name: entry.newest if reached is None else min(entry.newest, reached)
            for entry in await sorted_entries(tables, COUNTERS)
        }
    items = []
    for key in sorted(newest, key=by_interest):
        perf_type, perf_name = split_key(key)
        known = KNOWN_COUNTERS.get(key)
        title, unit = (known.title, known.unit) if known else (perf_name, "")
        group, rule = GROUPS.get(perf_type, perf_type), reduction_of(key, view.reductions)
        items.append(CounterItem(key, newest[key], title, unit, group, rule, worse_of(key)))
    return items


async def list_tenants(tables: Tables, view: View) -> list[TenantListItem]:
    """Return all tenants that the caller may see, by name; operators see their labels as well."""
    labels = {}
    if view.caller.tenant:
        stored = await tables.catalogue.entry(TENANTS, view.caller.tenant)
        entries = [stored.value] if stored else []
    else:
        entries = await sorted_entries(tables, TENANTS)
    if view.caller.role == "operator":
        enrolments = (await tables.enrolments.register()).enrolments
        labels = {tenant: enrolment.label for tenant, enrolment in enrolments.items() if enrolment.label}
    return [
        TenantListItem(entry.name, entry.newest, labels.get(entry.name))
        for entry in entries
        if view.caller.sees(entry.name)
    ]


async def list_vms(tables: Tables, tenant: str, view: View) -> list[VmItem]:
    """Return the VMs of a tenant, by name. Raises NotFound."""
    name = await tenant_named(tables, tenant, view)
    items = []
    for entry in await sorted_entries(tables, vms_of(name)):
        known = entry.dimensions or Dimensions()
        items.append(
            VmItem(entry.name, entry.newest, known.SiteName, known.ResourcePoolName, known.Region, known.MachineSize)
        )
    return items
