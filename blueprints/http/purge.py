"""Purge, for the operator."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.examples import TENANT, VM, Example
from blueprints.http.fields import (
    Flag,
    Moment,
    Name,
    known,
    moment,
)
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from pipeline.operations import Operation
from pipeline.purge import Purge
from pipeline.queries.names import tenant_if_named, vm_named
from pipeline.queries.view import View

blueprint = df.Blueprint()

EXAMPLE = Example({"tenant": TENANT, "vm": VM, "dryRun": "true"})


class PurgeParameters(NoParameters):
    """The data to forget."""

    tenant: Annotated[Name | None, Field(description="The masked name of the tenant to forget.")] = None
    vm: Annotated[Name | None, Field(description="The masked name of a VM of it, if only that is to be forgotten.")] = (
        None
    )
    before: Annotated[
        Moment | None, Field(description="Instead of a tenant: forget everything of all tenants before this time.")
    ] = None
    confirm: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The same again: the VM's name, else the tenant's, else the time. Not for a dry run.",
        ),
    ] = None
    dryRun: Annotated[Flag, Field(description="Only count what would be removed.")] = False

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the request names one thing, and names it a second time."""
        problems = {}
        if ("tenant" in given) == ("before" in given):
            problems["tenant"] = "give either this or before, which say what to forget"
        if "vm" in given and "tenant" not in given:
            problems["vm"] = "is given without its tenant"
        if (known(moment, given, "before") or 0) > now:
            problems["before"] = "is in the future"
        name = next((each for each in ("vm", "tenant", "before") if each in given), "tenant")
        dry = given.get("dryRun", [""])[-1].strip().lower() == "true"
        if not dry and name in given and given.get("confirm") != given[name]:
            problems["confirm"] = f"must be the same as {name}, typed again: what is removed can't be brought back"
        return problems


@endpoint(blueprint, "v1/admin/purge", OPERATORS, starts=True, group="Operations", example=EXAMPLE)
async def purge(shared: Services, view: View, asked: PurgeParameters) -> Operation:
    """Forget a tenant, one of its VMs, or everything before a time; or only count what would be removed."""
    tenant = await tenant_if_named(shared.tables, asked.tenant, view)
    vm = await vm_named(shared.tables, tenant, asked.vm) if tenant and asked.vm else None
    return Purge(tenant, vm, asked.before, asked.dryRun)
