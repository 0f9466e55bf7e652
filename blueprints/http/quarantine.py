"""The quarantine: what was refused, for the operator to look at, to try again and to drop."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.fields import (
    Day,
    MessageName,
    Name,
)
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.errors import NotFound
from domain.minutes import utc_day
from pipeline.operations import Operation
from pipeline.quarantine import Drop, Reingest
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LISTED = 500


class QuarantineParameters(NoParameters):
    """Which refusals are asked for."""

    day: Annotated[Day | None, Field(description="The UTC day on which they came, as 2026-11-24; default: today.")] = (
        None
    )
    page: Annotated[MessageName | None, Field(description="The nextPage of the page before.")] = None


class QuarantinedParameters(NoParameters):
    """A message in the quarantine."""

    day: Annotated[Day, Field(description="The UTC day on which it came.")]
    message: Annotated[MessageName, Field(description="Its name in the quarantine.")]


class SelectionParameters(NoParameters):
    """Which refused inputs are meant."""

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
    """Which refused inputs are meant, and whose they are."""

    tenant: Annotated[
        Name | None,
        Field(
            description="With message: if it is not known whose that one is, take it as if this tenant, by its masked "
            "name, had signed it. Whoever asks vouches for that."
        ),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Nobody vouches for messages without having looked at each."""
        if "tenant" in given and "message" not in given:
            return {"tenant": "is given without message: you vouch for one message at a time"}
        return {}


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """A message of which something was refused."""

    message: str
    """Its name in the quarantine."""
    messageId: str
    """Its id in the queue, where that is known."""
    received: int
    """When it came, in Unix seconds."""
    refused: int
    reasons: dict[str, int]
    """How many of its inputs were refused for each reason."""
    provenTenant: str | None
    """The tenant whose key it is signed with; null: whose it is was not known when it came."""


@dataclass(frozen=True, slots=True)
class QuarantineList:
    """The messages of a UTC day of which something was refused, by name."""

    day: str
    nextPage: str | None
    """For the parameter page; null: this is the last page."""
    data: list[QuarantineItem]


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An input that was refused."""

    position: int
    """Its place in the message, from 0."""
    reason: str
    input: str
    """Its JSON as it came; cut off if it is huge."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What of one message was refused, in the order in which it stood there."""

    day: str
    message: str
    messageId: str
    received: int
    provenTenant: str | None
    """The tenant whose key it is signed with; null: whose it is was not known when it came."""
    data: list[RefusedItem]


@endpoint(blueprint, "v1/admin/quarantine", OPERATORS, max_age=0)
async def quarantine(shared: Services, view: View, asked: QuarantineParameters) -> QuarantineList:
    """The messages of a day of which something was refused, and why."""
    day = asked.day or utc_day(view.now)
    items: list[QuarantineItem] = []
    async for each in shared.tables.quarantine.messages(day, asked.page or ""):
        if len(items) == MOST_LISTED:
            return QuarantineList(day, each.message, items)
        refused = sum(each.reasons.values())
        items.append(
            QuarantineItem(each.message, each.message_id, each.received, refused, dict(each.reasons), each.proven)
        )
    return QuarantineList(day, None, items)


@endpoint(blueprint, "v1/admin/quarantine/message", OPERATORS, max_age=0)
async def quarantined(shared: Services, view: View, asked: QuarantinedParameters) -> Quarantined:  # noqa: ARG001
    """What of a message was refused, as it came."""
    message = await shared.tables.quarantine.message(asked.day, asked.message)
    if message is None:
        raise NotFound(f"no message {asked.message} of {asked.day} is in the quarantine")
    inputs = [RefusedItem(**asdict(each)) for each in await shared.tables.quarantine.inputs(message)]
    return Quarantined(message.day, message.message, message.message_id, message.received, message.proven, inputs)


@endpoint(blueprint, "v1/admin/quarantine/reingest", OPERATORS, starts=True)
async def reingest(shared: Services, view: View, asked: ReingestParameters) -> Operation:  # noqa: ARG001
    """Try refused inputs once more, after a fix; what is still refused stays in the quarantine."""
    return Reingest(asked.day, asked.message, asked.reason, asked.tenant)


@endpoint(blueprint, "v1/admin/quarantine/drop", OPERATORS, starts=True)
async def drop(shared: Services, view: View, asked: SelectionParameters) -> Operation:  # noqa: ARG001
    """Forget refused inputs."""
    return Drop(asked.day, asked.message, asked.reason)
