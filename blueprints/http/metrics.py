"""The fleet's final minutes for Prometheus: the newest one for scraping, and a range of them for import."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import EVERY_CALLER, FLEET_WIDE, endpoint
from blueprints.http.examples import CPU, END, START, Example
from blueprints.http.fields import MOST_KEYS, MOST_TENANT_MINUTES, Key, Moment, range_problems
from blueprints.http.formats import DisclosedText, Text
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.errors import BadParameters
from domain.openmetrics import NEWEST_ONLY, OPENMETRICS, PLAIN, exposition, plain_exposition
from pipeline.queries.exported import final_export, newest_export
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_EXPORTED = 20_160
"""The most minutes in one export, summed over its counters: 14 days of one, 8 hours of 40. As text, this is 14 MB."""


@endpoint(blueprint, "metrics", FLEET_WIDE, media_types=(OPENMETRICS, PLAIN), group="Questions about data")
async def metrics(shared: Services, view: View, asked: NoParameters) -> Text:  # noqa: ARG001
    """The newest final minute of each counter over the fleet, for a Prometheus that scrapes.

    Minutes become final 15 at a time, so a scrape sees one in 15 of them. To get them all, send them by remote write
    (REMOTE_WRITE_URL), or get a range (/v1/get-openmetrics). The format is OpenMetrics if the reader accepts it, else
    text 0.0.4.
    """
    found = await newest_export(shared.tables, view)
    return Text(
        {
            OPENMETRICS: partial(exposition, found.points, NEWEST_ONLY, found.groups),
            PLAIN: partial(plain_exposition, found.points, NEWEST_ONLY, found.groups),
        }
    )


class ExportParameters(NoParameters):
    """The minutes to export."""

    key: Annotated[
        tuple[Key, ...],
        Field(max_length=MOST_KEYS, description="The counter, PerfType.PerfName; may be repeated; default: all."),
    ] = ()
    start: Annotated[Moment, Field(description="The beginning of the range, ISO 8601 or Unix seconds.")]
    end: Annotated[Moment | None, Field(description="The end of the range; default: the newest final minute.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the range is within the limits."""
        return range_problems(given, now)


@endpoint(
    *(blueprint, "v1/get-openmetrics", EVERY_CALLER),
    media_types=(OPENMETRICS,),
    group="Questions about data",
    example=Example({"key": [CPU], "start": START, "end": END}),
)
async def get_openmetrics(shared: Services, view: View, asked: ExportParameters) -> Text | DisclosedText:
    """Every final minute of a range over the fleet as OpenMetrics, for promtool tsdb create-blocks-from openmetrics."""
    minutes = ((asked.end or view.now) - asked.start) // 60
    if view.caller.tenant and minutes > MOST_TENANT_MINUTES:
        raise BadParameters(
            {"start": f"makes a range of more than {MOST_TENANT_MINUTES} minutes, the most for a tenant"}
        )
    found = await final_export(shared.tables, asked.key, asked.start, asked.end, MOST_EXPORTED, view)
    forms = {OPENMETRICS: partial(exposition, found.points, groups=found.groups)}
    return DisclosedText(forms) if view.caller.tenant else Text(forms)
