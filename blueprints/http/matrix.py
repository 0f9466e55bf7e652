"""A matrix of groups of VMs by counters, with what is normal."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import Example
from blueprints.http.fields import Key, Name, whole_number
from blueprints.http.reading import ListParameters
from blueprints.http.unusual import JudgedWindow, of_the_past
from blueprints.services import Services
from domain.standings import DIMENSIONS, Dimension
from pipeline.queries.groups import GroupBy
from pipeline.queries.matrix import MOST_KEYS, Matrix, MatrixQuestion, OwnMatrix
from pipeline.queries.matrix import get_matrix as matrix_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_TOLD = 200


class MatrixParameters(ListParameters):
    """Whose VMs, how to group them, by which counters, and the window."""

    groupBy: Annotated[
        GroupBy,
        Field(
            description="Of the fleet: Region, MachineSize or tenant. Of a tenant: ResourcePoolName, vm, Region, "
            "MachineSize or SiteName; of the last three it is not known what is normal."
        ),
    ]
    key: Annotated[
        list[Key] | None,
        Field(
            min_length=1,
            max_length=MOST_KEYS,
            description="Counters, PerfType.PerfName; default: those that people look at first, and services.",
        ),
    ] = None
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    window: JudgedWindow = None
    Region: Annotated[Name | None, Field(description="With groupBy=vm: only VMs of this region.")] = None
    MachineSize: Annotated[Name | None, Field(description="With groupBy=vm: only VMs of this size.")] = None
    ResourcePoolName: Annotated[Name | None, Field(description="With groupBy=vm: only VMs of this pool.")] = None
    SiteName: Annotated[Name | None, Field(description="With groupBy=vm: only VMs of this site.")] = None
    limit: Annotated[
        int,
        BeforeValidator(whole_number(MOST_TOLD)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_TOLD}),
        Field(description="The most groups: those that are farthest from normal."),
    ] = 50

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the window is not of a time to come, and that only VMs are filtered."""
        problems = of_the_past(given, now)
        if [*given.get("groupBy", ())] != ["vm"]:
            problems |= {
                name: "is only for VMs: give groupBy=vm as well, and a tenant" for name in DIMENSIONS if name in given
            }
        return problems


@endpoint(
    blueprint, "v1/get-matrix", PEOPLE, group="What is normal", example=Example({"groupBy": "Region", "limit": 3})
)
async def get_matrix(shared: Services, view: View, asked: MatrixParameters) -> Matrix | OwnMatrix:
    """Groups of VMs by counters, with what is normal: the groups that are farthest from normal first."""
    filters: dict[Dimension, str] = {
        dimension: value for dimension in DIMENSIONS if (value := getattr(asked, dimension)) is not None
    }
    question = MatrixQuestion(asked.groupBy, asked.key or (), asked.tenant, asked.window, filters, asked.limit)
    return await matrix_of(shared.tables, question, view)
