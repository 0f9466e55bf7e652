"""Lists for drop-downs: the counters, tenants and VMs that have been seen."""

from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import EVERY_CALLER, PEOPLE, endpoint
from blueprints.http.examples import TENANT, Example
from blueprints.http.fields import (
    Name,
)
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from pipeline.queries.lists import (
    CounterList,
    TenantList,
    VmList,
    list_counters,
    list_tenants,
    list_vms,
)
from pipeline.queries.view import View

blueprint = df.Blueprint()


class TenantParameters(ListParameters):
    """A tenant."""

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]


@endpoint(blueprint, "v1/counters", EVERY_CALLER, group="Questions about data")
async def counters(shared: Services, view: View, asked: ListParameters) -> CounterList:  # noqa: ARG001
    """The counters that have been seen; a tenant's caller gets only those of that tenant."""
    return CounterList(await list_counters(shared.tables, view))


@endpoint(blueprint, "v1/tenants", PEOPLE, group="Questions about data")
async def tenants(shared: Services, view: View, asked: ListParameters) -> TenantList:  # noqa: ARG001
    """The tenants that have been seen; a tenant's caller gets only that tenant."""
    return TenantList(await list_tenants(shared.tables, view))


@endpoint(blueprint, "v1/vms", PEOPLE, group="Questions about data", example=Example({"tenant": TENANT}))
async def vms(shared: Services, view: View, asked: TenantParameters) -> VmList:
    """The VMs of a tenant that have been seen."""
    return VmList(await list_vms(shared.tables, asked.tenant, view))
