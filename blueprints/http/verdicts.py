"""Is it me or everyone: the verdict on a VM in a window."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import TENANT, VM, Example
from blueprints.http.fields import Name
from blueprints.http.reading import ListParameters
from blueprints.http.standings import Window
from blueprints.http.unusual import of_the_past
from blueprints.services import Services
from pipeline.queries.verdicts import OwnVmVerdict, VmVerdict
from pipeline.queries.verdicts import get_verdict as verdict_of
from pipeline.queries.view import View

blueprint = df.Blueprint()


class VerdictParameters(ListParameters):
    """A VM, and the window."""

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]
    vm: Annotated[Name, Field(description="The VM's masked name.")]
    window: Annotated[
        Window | None,
        Field(
            description="A window of 15 minutes, by its first second. Default: the newest that has ended and that "
            "most of the tenant's VMs, and of the fleet's, have reached."
        ),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the window is not of a time to come."""
        return of_the_past(given, now)


@endpoint(blueprint, "v1/get-verdict", PEOPLE, group="What is normal", example=Example({"tenant": TENANT, "vm": VM}))
async def get_verdict(shared: Services, view: View, asked: VerdictParameters) -> VmVerdict | OwnVmVerdict:
    """Is it me or everyone: the smallest population that explains what is unusual at a VM, with the evidence."""
    return await verdict_of(shared.tables, asked.tenant, asked.vm, asked.window, view)
