"""The fleet's newest final minutes, for Prometheus."""

import azure.durable_functions as df

from blueprints.http.endpoints import FLEET_WIDE, Text, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain import openmetrics
from pipeline.queries.charts import newest_points
from pipeline.queries.view import View

blueprint = df.Blueprint()


@endpoint(blueprint, "metrics", FLEET_WIDE, media_type=openmetrics.CONTENT_TYPE)
async def metrics(shared: Services, view: View, asked: NoParameters) -> Text:  # noqa: ARG001
    """The fleet's newest final minutes in OpenMetrics text, for Prometheus."""
    return Text(openmetrics.exposition(await newest_points(shared.tables, view)), openmetrics.CONTENT_TYPE)
