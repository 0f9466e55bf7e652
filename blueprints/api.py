"""The endpoints of the API. Routes have no prefix (host.json); a trailing slash makes no difference."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import azure.durable_functions as df

from blueprints import openapi, paging
from blueprints.endpoints import ENDPOINTS, Text, endpoint
from blueprints.parameters import (
    MOST_TENANT_MINUTES,
    ChartParameters,
    ListParameters,
    NoParameters,
    SamplesParameters,
    TenantChartParameters,
    TenantParameters,
)
from blueprints.services import Services
from domain import openmetrics
from domain.access import Role
from pipeline import queries
from pipeline.queries import (
    CounterItem,
    FleetAnswer,
    SampleRecord,
    Status,
    TenantAnswer,
    TenantListItem,
    View,
    VmItem,
)

blueprint = df.Blueprint()

ANYBODY: tuple[Role, ...] = ()
EVERY_CALLER: tuple[Role, ...] = ("operator", "tenant", "machine")
PEOPLE: tuple[Role, ...] = ("operator", "tenant")
OPERATORS: tuple[Role, ...] = ("operator",)
FLEET_WIDE: tuple[Role, ...] = ("operator", "machine")


@dataclass(frozen=True, slots=True)
class CounterList:
    """The counters that have been seen, those first that people look at first."""

    data: list[CounterItem]


@dataclass(frozen=True, slots=True)
class TenantList:
    """The tenants that have been seen, by name."""

    data: list[TenantListItem]


@dataclass(frozen=True, slots=True)
class VmList:
    """A tenant's VMs that have been seen, by name."""

    data: list[VmItem]


@dataclass(frozen=True, slots=True)
class SamplesAnswer:
    """A page of samples, by window of 15 minutes, then VM, then counter, then minute."""

    tenant: str
    start: int
    """The first minute of the range, as its identifier timestamp (Unix seconds)."""
    end: int
    """The last minute of the range."""
    nextPage: str | None
    """For the parameter page; null: this is the last page. A page may be empty and not the last."""
    data: list[SampleRecord]


@dataclass(frozen=True, slots=True)
class Alive:
    """The app runs and its store answers."""

    status: Literal["ok"] = "ok"


@endpoint(blueprint, "v1/get-data", EVERY_CALLER)
async def get_data(shared: Services, view: View, asked: ChartParameters) -> FleetAnswer:
    """Counters over the whole fleet."""
    if view.caller.tenant:
        asked.within(MOST_TENANT_MINUTES, view.now)
    return await queries.get_data(shared.tables, asked.question, view)


@endpoint(blueprint, "v1/get-tenant-data", PEOPLE)
async def get_tenant_data(shared: Services, view: View, asked: TenantChartParameters) -> TenantAnswer:
    """Counters of a VM beside its tenant and the fleet."""
    return await queries.get_tenant_data(shared.tables, asked.question, asked.tenant, asked.vm, view)


@endpoint(blueprint, "v1/samples", PEOPLE)
async def samples(shared: Services, view: View, asked: SamplesParameters) -> SamplesAnswer:
    """The samples of a tenant's VMs as they came, page by page."""
    page = await queries.get_samples(shared.tables, asked.question, paging.position_of(asked), view)
    token = paging.token_of(page.position, asked) if page.position else None
    return SamplesAnswer(page.tenant, page.start, page.end, token, page.data)


@endpoint(blueprint, "v1/counters", EVERY_CALLER)
async def counters(shared: Services, view: View, asked: ListParameters) -> CounterList:  # noqa: ARG001
    """The counters that have been seen; for a tenant's caller, those of that tenant."""
    return CounterList(await queries.list_counters(shared.tables, view))


@endpoint(blueprint, "v1/tenants", PEOPLE)
async def tenants(shared: Services, view: View, asked: ListParameters) -> TenantList:  # noqa: ARG001
    """The tenants that have been seen; for a tenant's caller, that one."""
    return TenantList(await queries.list_tenants(shared.tables, view))


@endpoint(blueprint, "v1/vms", PEOPLE)
async def vms(shared: Services, view: View, asked: TenantParameters) -> VmList:
    """A tenant's VMs that have been seen."""
    return VmList(await queries.list_vms(shared.tables, asked.tenant, view))


@endpoint(blueprint, "v1/status", OPERATORS, max_age=0)
async def status(shared: Services, view: View, asked: NoParameters) -> Status:  # noqa: ARG001
    """How old the report is, what waits for averaging, and what was refused today and why."""
    return await queries.status(shared.tables, view)


@endpoint(blueprint, "v1/health", ANYBODY, max_age=0)
async def health(shared: Services, view: View, asked: NoParameters) -> Alive:  # noqa: ARG001
    """Whether the app runs and its store answers."""
    await queries.alive(shared.tables)
    return Alive()


@endpoint(blueprint, "metrics", FLEET_WIDE, media_type=openmetrics.CONTENT_TYPE)
async def metrics(shared: Services, view: View, asked: NoParameters) -> Text:  # noqa: ARG001
    """The fleet's newest final minutes in OpenMetrics text, for Prometheus."""
    return Text(openmetrics.exposition(await queries.newest_points(shared.tables, view)), openmetrics.CONTENT_TYPE)


@endpoint(blueprint, "v1/openapi.json", EVERY_CALLER, max_age=300)
async def api_document(shared: Services, view: View, asked: NoParameters) -> dict[str, Any]:  # noqa: ARG001
    """The API itself, as an OpenAPI 3.1 document."""
    return _document()


@cache
def _document() -> dict[str, Any]:
    """The document, made when first asked for: by then all endpoints are registered."""
    return openapi.document(ENDPOINTS)
