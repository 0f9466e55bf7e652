"""What a counter will be in the hours that come, for the fleet, a group, a tenant, a pool or a VM."""

from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import CPU, Example
from blueprints.http.fields import whole_number
from blueprints.http.series import SeriesParameters
from blueprints.services import Services
from pipeline.queries.forecasts import Forecast, OwnForecast
from pipeline.queries.forecasts import get_forecast as forecast_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_HOURS = 168
"""The longest range: a week."""


class ForecastParameters(SeriesParameters):
    """A counter, a range, and whose values."""

    hours: Annotated[
        int,
        BeforeValidator(whole_number(MOST_HOURS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_HOURS}),
        Field(description="So many hours, from the end of the newest window that the report has."),
    ] = 48


@endpoint(blueprint, "v1/get-forecast", PEOPLE, group="What comes", example=Example({"key": CPU, "hours": 1}))
async def get_forecast(shared: Services, view: View, asked: ForecastParameters) -> Forecast | OwnForecast:
    """What a counter will be: the expected value and an 80 % band in each window of the hours that come."""
    return await forecast_of(shared.tables, asked.question(asked.hours), view)
