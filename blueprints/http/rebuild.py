"""Rebuild, for the operator."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.examples import START, Example
from blueprints.http.fields import (
    Moment,
    Name,
    minutes_between,
)
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.errors import BadParameters
from domain.minutes import WINDOW, iso, window_of
from pipeline.operations import Operation
from pipeline.queries.names import tenant_if_named
from pipeline.queries.view import View
from pipeline.rebuild import Rebuild

blueprint = df.Blueprint()


class RebuildParameters(NoParameters):
    """The range to recompute."""

    start: Annotated[Moment, Field(description="The beginning of the range, ISO 8601 or Unix seconds.")]
    end: Annotated[Moment | None, Field(description="The end of the range; default: now.")] = None
    tenant: Annotated[Name | None, Field(description="A tenant's masked name; default: all tenants.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the range begins before it ends."""
        _, problem = minutes_between(given, now)
        return {"start": problem} if problem else {}


@endpoint(blueprint, "v1/admin/rebuild", OPERATORS, starts=True, group="Operations", example=Example({"start": START}))
async def rebuild(shared: Services, view: View, asked: RebuildParameters) -> Operation:
    """Recompute the rollups and report rows of a range from the samples."""
    earliest = (await shared.horizon()).oldest
    if asked.start < earliest:
        gone = f"is before {iso(earliest)}: samples of then are gone, and the report keeps what they made"
        raise BadParameters({"start": gone})
    # Use whole windows, so that the same range gives the same operation.
    end = None if asked.end is None else window_of(asked.end - 1) + WINDOW
    return Rebuild(window_of(asked.start), end, await tenant_if_named(shared.tables, asked.tenant, view))
