"""The operations that operators started: list them, show the progress of one, stop one and forget one.

Durable Functions has its own API for that. It needs a key, and that key opens the whole API to anybody who has it. So
no answer names that API or contains that key.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any

import azure.durable_functions as df
from pydantic import Field

from blueprints.http.endpoints import OPERATIONS, OPERATORS, endpoint
from blueprints.http.examples import AT, INSTANCE, Example
from blueprints.http.reading import NoParameters
from blueprints.operations import forget, run_of, stop
from blueprints.services import Services
from domain.errors import NotFound, StateConflict
from pipeline.operations import Run, listed
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class OperationItem:
    """An operation that an operator started."""

    instance: str
    """The id of its run. The same command always has the same id."""
    kind: str
    """What it does: rebuild, catch-up, purge, empty, reingest, drop or resubmit."""
    command: dict[str, Any]
    """The parameters of the request, by name."""
    by: str
    """Who started it."""
    started: int
    """When it was started, in Unix seconds."""
    ended: int | None
    """When it ended, in Unix seconds; null while it runs. If it stopped silently, this is when that was noticed."""
    state: str
    """running, done, failed or stopped; unknown if its record is corrupt."""
    figures: dict[str, int]
    """What it did, in numbers."""
    error: str | None
    """Why it failed or stopped."""


@dataclass(frozen=True, slots=True)
class OperationList:
    """The operations that operators started, the newest first."""

    data: list[OperationItem]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an operation, in steps."""

    done: int
    total: int
    eta: str | None
    """When it should be done, ISO 8601 in UTC; null if that can't be estimated yet."""


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """The state of an operation, from Durable Functions: when it was last started, and its outcome."""

    id: str
    state: str
    """running, done, failed or stopped."""
    started: int | None
    """When it was requested, in Unix seconds; null if that is not known."""
    ended: int | None
    """When it ended, in Unix seconds; null while it runs."""
    progress: Progress | None
    """Its progress now, or when it ended; null if it has not reported any yet."""
    figures: dict[str, int]
    """What it has done so far, or in total, in numbers."""
    error: str | None
    """Why it failed or was stopped."""


class OperationParameters(NoParameters):
    """An operation."""

    instance: Annotated[
        str, Field(pattern="^[a-z][a-z-]{1,30}-[0-9a-f]{16}$", description="The id under which the operation runs.")
    ]


_DONE = OperationStatus(INSTANCE, "done", AT, AT + 60, Progress(2, 2, None), {"windows": 8}, None)
ONE = Example({"instance": INSTANCE}, _DONE)
STOPPED = Example(
    {"instance": INSTANCE},
    replace(_DONE, state="stopped", progress=Progress(1, 2, None), figures={"windows": 4}, error="stopped by operator"),
)


@endpoint(blueprint, OPERATIONS, OPERATORS, max_age=0, group="Operations")
async def operations(
    shared: Services,
    view: View,
    asked: NoParameters,  # noqa: ARG001
    client: df.DurableOrchestrationClient,
) -> OperationList:
    """The operations that operators started: what, by whom, when, and their results."""
    records = await listed(shared.tables, MOST_LISTED, partial(run_of, client), view.now)
    return OperationList([OperationItem(**asdict(record)) for record in records])


@endpoint(blueprint, f"{OPERATIONS}/{{instance}}", OPERATORS, max_age=0, group="Operations", example=ONE)
async def operation_status(
    shared: Services,  # noqa: ARG001
    view: View,  # noqa: ARG001
    asked: OperationParameters,
    client: df.DurableOrchestrationClient,
) -> OperationStatus:
    """The progress of an operation, and its result at the end. Ask every few seconds while its state is running."""
    return _status(asked.instance, await _run(client, asked.instance))


@endpoint(blueprint, f"{OPERATIONS}/{{instance}}", OPERATORS, method="DELETE", group="Operations", example=ONE)
async def forget_operation(
    shared: Services,  # noqa: ARG001
    view: View,  # noqa: ARG001
    asked: OperationParameters,
    client: df.DurableOrchestrationClient,
) -> OperationStatus:
    """Forget the status of an operation that has ended, and answer it. The list of operations keeps its entry."""
    run = await _run(client, asked.instance)
    if run.state == "running":
        raise StateConflict("the operation runs: stop it first")
    await forget(client, asked.instance)
    return _status(asked.instance, run)


@endpoint(blueprint, f"{OPERATIONS}/{{instance}}/stop", OPERATORS, method="POST", group="Operations", example=STOPPED)
async def stop_operation(
    shared: Services,  # noqa: ARG001
    view: View,
    asked: OperationParameters,
    client: df.DurableOrchestrationClient,
) -> OperationStatus:
    """Stop an operation. Finished work stays done. The same request, sent again, completes the operation.

    Answers the state after the stop, which may still be running for some seconds. An ended operation does not change.
    """
    await _run(client, asked.instance)
    await stop(client, asked.instance, f"stopped by {view.caller.name}")
    return _status(asked.instance, await _run(client, asked.instance))


async def _run(client: df.DurableOrchestrationClient, instance: str) -> Run:
    run = await run_of(client, instance)
    if run is None:
        raise NotFound(f"no operation {instance} is known here; the list of operations keeps what became of those")
    return run


def _status(instance: str, run: Run) -> OperationStatus:
    done, total, eta = (run.progress.get(name) for name in ("done", "total", "eta"))
    progress = None if done is None or total is None else Progress(done, total, eta)
    return OperationStatus(
        instance, run.state, run.started, run.ended, progress, dict(run.figures or _so_far(run.progress)), run.error
    )


def _so_far(progress: Mapping[str, Any]) -> Mapping[str, int]:
    return {name: value for name, value in progress.items() if name not in ("done", "total", "eta")}
