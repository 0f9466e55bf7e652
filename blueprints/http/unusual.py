"""What is unusual in a window."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import Example
from blueprints.http.fields import Name, known, moment, whole_number
from blueprints.http.reading import ListParameters
from blueprints.http.standings import Window
from blueprints.services import Services
from domain.samples import FUTURE_TOLERANCE
from pipeline.judging import MOST_FINDINGS
from pipeline.queries.unusual import OwnUnusual, Unusual
from pipeline.queries.unusual import get_unusual as unusual_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

JudgedWindow = Annotated[
    Window | None,
    Field(
        description="A window of 15 minutes, by its first second. Default: the newest that has ended and that 90 % of "
        "the expected VMs have reached."
    ),
]


class UnusualParameters(ListParameters):
    """Whose VMs, and the window."""

    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    window: JudgedWindow = None
    limit: Annotated[
        int,
        BeforeValidator(whole_number(MOST_FINDINGS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_FINDINGS}),
        Field(description="The most lines."),
    ] = 20

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the window is not of a time to come."""
        return of_the_past(given, now)


def of_the_past(given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
    """Return what is wrong with a window: it must not be of a time to come."""
    window = known(moment, given, "window")
    return {"window": "is of a time to come"} if window is not None and window > now + FUTURE_TOLERANCE else {}


@endpoint(blueprint, "v1/get-unusual", PEOPLE, group="What is normal", example=Example({"limit": 3}))
async def get_unusual(shared: Services, view: View, asked: UnusualParameters) -> Unusual | OwnUnusual:
    """What is unusual, the most telling first: VMs, and groups that stand for theirs."""
    return await unusual_of(shared.tables, asked.tenant, asked.window, asked.limit, view)
