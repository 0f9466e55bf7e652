"""What is normal in each hour of the local week, for the fleet, a group, a tenant, a pool or a VM."""

from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import CPU, Example
from blueprints.http.fields import whole_number
from blueprints.http.series import SeriesParameters
from blueprints.services import Services
from pipeline.queries.baselines import Baseline, OwnBaseline
from pipeline.queries.baselines import get_baseline as baseline_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_HOURS = 336
"""The longest range: two weeks."""


class BaselineParameters(SeriesParameters):
    """A counter, a range, and whose values."""

    hours: Annotated[
        int,
        BeforeValidator(whole_number(MOST_HOURS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_HOURS}),
        Field(description="The latest so many hours, counted back from the newest window that the report has."),
    ] = 24


@endpoint(blueprint, "v1/get-baseline", PEOPLE, group="What is normal", example=Example({"key": CPU, "hours": 1}))
async def get_baseline(shared: Services, view: View, asked: BaselineParameters) -> Baseline | OwnBaseline:
    """What is normal for a counter: the expected value and an 80 % band in each window of a range."""
    return await baseline_of(shared.tables, asked.question(asked.hours), view)
