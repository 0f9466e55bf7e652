"""The HTTP triggers that answer queries. Routes have no prefix (host.json); a trailing slash makes no difference."""

from dataclasses import dataclass

import azure.functions as func

from blueprints.answers import answer
from blueprints.parameters import ChartParameters, NoParameters, TenantChartParameters, TenantParameters
from blueprints.services import Services
from pipeline import queries
from pipeline.queries import CounterItem, FleetAnswer, Health, TenantAnswer, TenantListItem, VmItem

blueprint = func.Blueprint()


@dataclass(frozen=True, slots=True)
class CounterList:
    """All counters that have been seen."""

    data: list[CounterItem]


@dataclass(frozen=True, slots=True)
class TenantList:
    """All tenants that have been seen."""

    data: list[TenantListItem]


@dataclass(frozen=True, slots=True)
class VmList:
    """A tenant's VMs that have been seen."""

    data: list[VmItem]


@blueprint.function_name("get_data")
@blueprint.route(route="v1/get-data", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def get_data(req: func.HttpRequest) -> func.HttpResponse:
    """A counter over the whole fleet."""

    async def work(shared: Services, asked: ChartParameters) -> FleetAnswer:
        return await queries.get_data(shared.tables, asked.question, shared.now, shared.grace)

    return await answer(req, ChartParameters, work)


@blueprint.function_name("get_tenant_data")
@blueprint.route(route="v1/get-tenant-data", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def get_tenant_data(req: func.HttpRequest) -> func.HttpResponse:
    """A counter of one VM beside its tenant and the fleet."""

    async def work(shared: Services, asked: TenantChartParameters) -> TenantAnswer:
        return await queries.get_tenant_data(
            shared.tables, asked.question, asked.tenant, asked.vm, shared.now, shared.grace
        )

    return await answer(req, TenantChartParameters, work)


@blueprint.function_name("counters")
@blueprint.route(route="v1/counters", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def counters(req: func.HttpRequest) -> func.HttpResponse:
    """The counters that have been seen."""

    async def work(shared: Services, _: NoParameters) -> CounterList:
        return CounterList(await queries.list_counters(shared.tables))

    return await answer(req, NoParameters, work)


@blueprint.function_name("tenants")
@blueprint.route(route="v1/tenants", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def tenants(req: func.HttpRequest) -> func.HttpResponse:
    """The tenants that have been seen."""

    async def work(shared: Services, _: NoParameters) -> TenantList:
        return TenantList(await queries.list_tenants(shared.tables))

    return await answer(req, NoParameters, work)


@blueprint.function_name("vms")
@blueprint.route(route="v1/vms", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def vms(req: func.HttpRequest) -> func.HttpResponse:
    """A tenant's VMs that have been seen."""

    async def work(shared: Services, asked: TenantParameters) -> VmList:
        return VmList(await queries.list_vms(shared.tables, asked.tenant))

    return await answer(req, TenantParameters, work)


@blueprint.function_name("health")
@blueprint.route(route="v1/health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the store answers, how old the report is, what waits and what was refused."""

    async def work(shared: Services, _: NoParameters) -> Health:
        return await queries.health(shared.tables, shared.now)

    return await answer(req, NoParameters, work)
