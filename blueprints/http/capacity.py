"""Which VMs run full, and when: of the fleet, or of a tenant."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http import paging
from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import DISK, Example
from blueprints.http.fields import Key, Name, PageToken, whole_number
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.day_capacity import limit_of
from pipeline.queries.capacity import NO_LIMIT, Capacity, CapacityQuestion, OwnCapacity, Place
from pipeline.queries.capacity import get_capacity as capacity_of
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LINES = 5_000

LARGEST = 1e300


def _limit(text: str) -> float:
    limit = float(text) if re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,3})?", text) else math.nan
    if not -LARGEST <= limit <= LARGEST:
        raise ValueError("must be a number, for example 95")
    return limit


class CapacityParameters(ListParameters):
    """A counter, its limit, and whose VMs."""

    key: Annotated[Key, Field(description="The counter, PerfType.PerfName.")]
    limit: Annotated[
        float | None,
        BeforeValidator(_limit),
        WithJsonSchema({"type": "number", "minimum": -LARGEST, "maximum": LARGEST}),
        Field(
            description="The value that counts as full, in the counter's unit. Default, for counters in percent: 95, "
            "or 5 if the counter is bad when low, such as free space."
        ),
    ] = None
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    lines: Annotated[
        int,
        BeforeValidator(whole_number(MOST_LINES)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_LINES}),
        Field(description="The most VMs in a page."),
    ] = 100
    page: Annotated[
        PageToken | None, Field(description="The nextPage of the page before, asked with the same parameters.")
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that there is a limit."""
        key = given.get("key", ("",))[-1]
        return {"limit": NO_LIMIT} if key and "limit" not in given and limit_of(key) is None else {}


@endpoint(
    blueprint, "v1/get-capacity", PEOPLE, group="What comes", example=Example({"key": DISK, "limit": 5, "lines": 3})
)
async def get_capacity(shared: Services, view: View, asked: CapacityParameters) -> Capacity | OwnCapacity:
    """The VMs whose counter reaches a limit, such as a full disk: when, as a range of days, the soonest first."""
    question = CapacityQuestion(asked.key, asked.limit, asked.tenant, asked.lines, _place(asked))
    return await capacity_of(shared.tables, question, view, lambda place: paging.token_of(place, _question(asked)))


def _place(asked: CapacityParameters) -> Place | None:
    """Return where the page of the question's token begins; None without a token. Raises BadParameters."""
    if asked.page is None:
        return None
    match paging.place_of(asked.page, _question(asked)):
        case [str(earliest), str(latest), str(tenant), str(vm)] if _is_day(earliest) and _is_day(latest):
            return Place(earliest, latest, tenant, vm)
    raise paging.refused()


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _question(asked: CapacityParameters) -> object:
    return asked.model_dump(mode="json", exclude={"page", "lines", "format"})
