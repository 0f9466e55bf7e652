"""Changes: what moved most against the same range before."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import Example
from blueprints.http.fields import Key, Moment, Name, known, moment, whole_number
from blueprints.http.reading import ListParameters
from blueprints.http.standings import MOST_WINDOWS
from blueprints.services import Services
from domain.minutes import WINDOW, window_of
from pipeline.queries.changes import Against, Changes, ChangesQuestion, OwnChanges
from pipeline.queries.changes import get_changes as changes_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_CHANGES = 200


class ChangesParameters(ListParameters):
    """Two ranges of windows, and whose VMs."""

    start: Annotated[
        Moment | None,
        Field(description="The beginning of the later range, ISO 8601 or Unix seconds; default: the newest 4 windows."),
    ] = None
    end: Annotated[
        Moment | None,
        Field(
            description="Its end, which it does not contain; default: that of the newest window that has ended and "
            "that most VMs have reached."
        ),
    ] = None
    against: Annotated[
        Against,
        Field(description="What it is compared with: the range just before it, or the same a day or a week before."),
    ] = "previous"
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    key: Annotated[Key | None, Field(description="Only this counter, PerfType.PerfName; default: all.")] = None
    limit: Annotated[
        int,
        BeforeValidator(whole_number(MOST_CHANGES)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_CHANGES}),
        Field(description="The most changes."),
    ] = 20

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check the range."""
        if "end" in given and "start" not in given:
            return {"start": "is missing: end is given"}
        start, end = known(moment, given, "start"), known(moment, given, "end")
        if start is None or (end is None and "end" in given):
            return {}
        last = now if end is None else end
        if start > last:
            return {"start": "is later than end" if end is not None else "is of a time to come"}
        if window_of(last - 1) - window_of(start) >= MOST_WINDOWS * WINDOW:
            return {"start": f"makes a range of more than {MOST_WINDOWS} windows of 15 minutes"}
        return {}


@endpoint(blueprint, "v1/get-changes", PEOPLE, group="Questions about data", example=Example({"limit": 3}))
async def get_changes(shared: Services, view: View, asked: ChangesParameters) -> Changes | OwnChanges:
    """What moved most between two ranges of windows: regions, sizes and tenants of the fleet, or VMs of a tenant."""
    question = ChangesQuestion(asked.start, asked.end, asked.against, asked.tenant, asked.key, asked.limit)
    return await changes_of(shared.tables, question, view)
