"""Histograms: how a counter's values are spread over all VMs, for heatmaps."""

from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import CPU, Example
from blueprints.http.fields import Key, Minutes, Name, whole_number
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from pipeline.queries.histogram import HistogramAnswer, HistogramQuestion, OwnHistogramAnswer
from pipeline.queries.histogram import get_histogram as histogram_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_MINUTES = 2_880
"""The longest range of histograms: two days."""


class HistogramParameters(ListParameters):
    """A counter, a range, and whose VMs."""

    key: Annotated[Key, Field(description="The counter, PerfType.PerfName.")]
    minutes: Annotated[
        int,
        BeforeValidator(whole_number(MOST_MINUTES)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_MINUTES}),
        Field(description="The latest so many minutes, counted back from the newest minute that the report has."),
    ]
    aggregationInterval: Annotated[Minutes, Field(description="How many minutes make one histogram.")] = 1
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None


@endpoint(
    blueprint,
    "v1/get-histogram",
    PEOPLE,
    group="Questions about data",
    example=Example({"key": CPU, "minutes": 15, "aggregationInterval": 15}),
)
async def get_histogram(
    shared: Services, view: View, asked: HistogramParameters
) -> HistogramAnswer | OwnHistogramAnswer:
    """A counter's values over all VMs of the fleet or of a tenant, counted by buckets."""
    question = HistogramQuestion(asked.key, asked.minutes, asked.aggregationInterval, asked.tenant)
    return await histogram_of(shared.tables, question, view)
