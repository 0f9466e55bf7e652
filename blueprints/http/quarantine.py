"""The quarantine, for the operator: refused inputs to inspect, to try again and to drop."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.examples import Example
from blueprints.http.fields import (
    Day,
    MessageName,
    Name,
)
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.errors import NotFound
from domain.minutes import utc_day
from pipeline.advice import advice
from pipeline.operations import Operation
from pipeline.quarantine import Drop, Reingest
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LISTED = 500

DAY = "2026-11-24"
ONE = Example({"day": DAY, "message": "0123456789abcdef0123456789abcdef"})


class QuarantineParameters(NoParameters):
    """The refusals to list."""

    day: Annotated[Day | None, Field(description="The UTC day on which they came, as 2026-11-24; default: today.")] = (
        None
    )
    page: Annotated[MessageName | None, Field(description="The nextPage of the page before.")] = None


class QuarantinedParameters(NoParameters):
    """A message in the quarantine."""

    day: Annotated[Day, Field(description="The UTC day on which it came.")]
    message: Annotated[MessageName, Field(description="Its name in the quarantine.")]


class SelectionParameters(NoParameters):
    """The selected refused inputs."""

    day: Annotated[Day, Field(description="The UTC day on which they came.")]
    message: Annotated[
        MessageName | None, Field(description="Only of this message, by its name in the quarantine.")
    ] = None
    reason: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=500,
            description="Only with this reason, as it is written there.",
            json_schema_extra={"pattern": "^[!-~][ -~]*$"},
        ),
    ] = None


class ReingestParameters(SelectionParameters):
    """The selected refused inputs, and the tenant that they belong to."""

    tenant: Annotated[
        Name | None,
        Field(
            description="With message: if it is not known whose that one is, take it as if this tenant, by its masked "
            "name, had signed it. Whoever asks vouches for that."
        ),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that the operator names each message that they vouch for, after looking at it."""
        if "tenant" in given and "message" not in given:
            return {"tenant": "is given without message: you vouch for one message at a time"}
        return {}


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """A message with refused inputs."""

    message: str
    """Its name in the quarantine."""
    messageId: str
    """Its id in the queue, if known."""
    received: int
    """When it came, in Unix seconds."""
    refused: int
    reasons: dict[str, int]
    """How many of its inputs were refused for each reason."""
    provenTenant: str | None
    """The tenant whose key signed it; null if its tenant was not known when it came."""


@dataclass(frozen=True, slots=True)
class QuarantineList:
    """The messages of a UTC day with refused inputs, by name."""

    day: str
    nextPage: str | None
    """The value for the parameter page; null on the last page."""
    advice: dict[str, str]
    """What to do about each reason."""
    data: list[QuarantineItem]


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """A refused input."""

    position: int
    """Its position in the message, counted from 0."""
    reason: str
    advice: str
    """What to do about it."""
    input: str
    """Its JSON as it came; cut off if it is huge."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The refused inputs of one message, in the message's order."""

    day: str
    message: str
    messageId: str
    received: int
    provenTenant: str | None
    """The tenant whose key signed it; null if its tenant was not known when it came."""
    data: list[RefusedItem]


@endpoint(blueprint, "v1/admin/quarantine", OPERATORS, max_age=0, group="Operations", example=Example({"day": DAY}))
async def quarantine(shared: Services, view: View, asked: QuarantineParameters) -> QuarantineList:
    """The messages of a day with refused inputs, and the reasons."""
    day = asked.day or utc_day(view.now)
    items: list[QuarantineItem] = []
    async for each in shared.tables.quarantine.messages(day, asked.page or ""):
        if len(items) == MOST_LISTED:
            return _listed(day, each.message, items)
        refused = sum(each.reasons.values())
        items.append(
            QuarantineItem(each.message, each.message_id, each.received, refused, dict(each.reasons), each.proven)
        )
    return _listed(day, None, items)


def _listed(day: str, next_page: str | None, items: list[QuarantineItem]) -> QuarantineList:
    return QuarantineList(day, next_page, {reason: advice(reason) for each in items for reason in each.reasons}, items)


@endpoint(blueprint, "v1/admin/quarantine/message", OPERATORS, max_age=0, group="Operations", example=ONE)
async def quarantined(shared: Services, view: View, asked: QuarantinedParameters) -> Quarantined:  # noqa: ARG001
    """The refused inputs of a message, as they came."""
    message = await shared.tables.quarantine.message(asked.day, asked.message)
    if message is None:
        raise NotFound(f"no message {asked.message} of {asked.day} is in the quarantine")
    inputs = [
        RefusedItem(**asdict(each), advice=advice(each.reason))
        for each in await shared.tables.quarantine.inputs(message)
    ]
    return Quarantined(message.day, message.message, message.message_id, message.received, message.proven, inputs)


@endpoint(blueprint, "v1/admin/quarantine/reingest", OPERATORS, starts=True, group="Operations", example=ONE)
async def reingest(shared: Services, view: View, asked: ReingestParameters) -> Operation:  # noqa: ARG001
    """Try refused inputs once more, after a fix; inputs that are refused again stay in the quarantine."""
    return Reingest(asked.day, asked.message, asked.reason, asked.tenant)


@endpoint(blueprint, "v1/admin/quarantine/drop", OPERATORS, starts=True, group="Operations", example=ONE)
async def drop(shared: Services, view: View, asked: SelectionParameters) -> Operation:  # noqa: ARG001
    """Forget refused inputs."""
    return Drop(asked.day, asked.message, asked.reason)
