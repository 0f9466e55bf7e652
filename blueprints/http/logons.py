"""When people will log on, and when to start and stop VMs; of a pool also as a scaling plan."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import TENANT, Example
from blueprints.http.fields import Name, whole_number
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.logons import BOOT_MINUTES, SERVE
from pipeline.queries.logon_answers import Logons
from pipeline.queries.logons import LogonQuestion, get_scaling_plan
from pipeline.queries.logons import get_logons as logons_of
from pipeline.queries.scaling_plan import ScalingPlan
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_DAYS = 14
"""The most days ahead."""

MOST_BOOT_MINUTES = 120
LEAST_SERVED, MOST_SERVED = 0.5, 0.999
PLAN = "avd-scaling-plan"


def _share(text: str) -> float:
    if not re.fullmatch(r"0\.[0-9]{1,20}", text) or not LEAST_SERVED <= float(text) <= MOST_SERVED:
        raise ValueError(f"must be a number from {LEAST_SERVED} to {MOST_SERVED}")
    return float(text)


class LogonParameters(ListParameters):
    """Whose log-ons, for how many days, and the service to aim for."""

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]
    pool: Annotated[Name | None, Field(description="One of its pools. Without pool and vm: each of its pools.")] = None
    vm: Annotated[Name | None, Field(description="One of its VMs.")] = None
    days: Annotated[
        int,
        BeforeValidator(whole_number(MOST_DAYS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_DAYS}),
        Field(description="How many local days ahead, today included until its advice is past."),
    ] = 7
    serve: Annotated[
        float,
        BeforeValidator(_share),
        WithJsonSchema({"type": "number", "minimum": LEAST_SERVED, "maximum": MOST_SERVED}),
        Field(description="The share of first log-ons that shall find the VM up."),
    ] = SERVE
    bootMinutes: Annotated[
        int,
        BeforeValidator(whole_number(MOST_BOOT_MINUTES, least=0)),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_BOOT_MINUTES}),
        Field(description="How long a VM takes from its start until people can log on."),
    ] = BOOT_MINUTES
    format: Annotated[
        Literal["json", "csv", "ndjson", "avd-scaling-plan"] | None,
        Field(
            description="How to write the answer; default: as the Accept header says, or json. avd-scaling-plan: with "
            "pool, the schedules of an Azure Virtual Desktop scaling plan, as JSON."
        ),
    ] = None  # type: ignore[assignment]  # one more than other lists have

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that at most one of pool and VM is named, and a pool for a plan."""
        problems = {}
        if "pool" in given and "vm" in given:
            problems["vm"] = "can't be given together with pool"
        if given.get("format") == [PLAN] and "pool" not in given:
            problems["format"] = f"{PLAN} is of a pool: give pool as well"
        return problems


@endpoint(blueprint, "v1/get-logons", PEOPLE, group="What comes", example=Example({"tenant": TENANT, "days": 1}))
async def get_logons(shared: Services, view: View, asked: LogonParameters) -> Logons | ScalingPlan:
    """When people will log on and off, by local day, and when to start and stop VMs; and how past advice did."""
    question = LogonQuestion(asked.tenant, asked.pool, asked.vm, asked.days, asked.serve, asked.bootMinutes)
    if asked.format == PLAN:
        return await get_scaling_plan(shared.tables, question, view)
    return await logons_of(shared.tables, question, view)
