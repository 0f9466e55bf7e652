"""Emptying the store, for the operator."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.examples import Example
from blueprints.http.fields import Flag
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.errors import BadParameters
from pipeline.emptying import Emptying
from pipeline.operations import Operation
from pipeline.queries.view import View

blueprint = df.Blueprint()


class EmptyParameters(NoParameters):
    """What to remove besides the data."""

    confirm: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The name of the store: its database, or its file's name. Not for a dry run.",
        ),
    ] = None
    enrolment: Annotated[Flag, Field(description="Also remove the tenants' enrolment, keys and codes.")] = False
    dryRun: Annotated[Flag, Field(description="Only count what would be removed, and estimate what that costs.")] = (
        False
    )

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that the request names the store, or is a dry run."""
        dry = given.get("dryRun", [""])[-1].strip().lower() == "true"
        missing = "must be the name of the store: its database's, or its file's. Run it dry first (dryRun=true)"
        return {} if dry or "confirm" in given else {"confirm": missing}


@endpoint(blueprint, "v1/admin/empty", OPERATORS, starts=True, group="Operations", example=Example({"dryRun": "true"}))
async def empty(shared: Services, view: View, asked: EmptyParameters) -> Operation:  # noqa: ARG001
    """Remove everything of all tenants; or only count what would be removed, and estimate what that costs."""
    if not asked.dryRun and asked.confirm != shared.store:
        why = f"must be the store's name, {shared.store}, typed again: what is removed can't be brought back"
        raise BadParameters({"confirm": why})
    return Emptying(asked.enrolment, asked.dryRun)
