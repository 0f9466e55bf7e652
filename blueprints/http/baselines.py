"""What is normal in each hour of the local week, for the fleet, a group, a tenant, a pool or a VM."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.fields import Key, Name, whole_number
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from pipeline.queries.baselines import Baseline, BaselineQuestion, OwnBaseline
from pipeline.queries.baselines import get_baseline as baseline_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_HOURS = 336
"""The longest range: two weeks."""


class BaselineParameters(ListParameters):
    """A counter, a range, and whose values."""

    key: Annotated[Key, Field(description="The counter, PerfType.PerfName.")]
    hours: Annotated[
        int,
        BeforeValidator(whole_number(MOST_HOURS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_HOURS}),
        Field(description="The latest so many hours, counted back from the newest window that the report has."),
    ] = 24
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    vm: Annotated[Name | None, Field(description="With tenant: one of its VMs.")] = None
    ResourcePoolName: Annotated[Name | None, Field(description="With tenant: one of its pools.")] = None
    Region: Annotated[Name | None, Field(description="Without tenant: the fleet's VMs of this region.")] = None
    MachineSize: Annotated[Name | None, Field(description="Without tenant: the fleet's VMs of this size.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that one population is named."""
        own, others = ("vm", "ResourcePoolName"), ("Region", "MachineSize")
        problems = {}
        if "tenant" in given:
            problems = {name: "is only for the fleet: leave tenant out" for name in others if name in given}
        else:
            problems = {name: "is only for a tenant: give tenant as well" for name in own if name in given}
        for first, second in (own, others):
            if first in given and second in given:
                problems.setdefault(second, f"can't be given together with {first}")
        return problems


@endpoint(blueprint, "v1/get-baseline", PEOPLE)
async def get_baseline(shared: Services, view: View, asked: BaselineParameters) -> Baseline | OwnBaseline:
    """What is normal for a counter: the expected value and an 80 % band in each window of a range."""
    question = BaselineQuestion(
        asked.key, asked.hours, asked.tenant, asked.vm, asked.ResourcePoolName, asked.Region, asked.MachineSize
    )
    return await baseline_of(shared.tables, question, view)
