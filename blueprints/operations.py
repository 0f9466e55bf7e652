"""Operations as durable orchestrations: starts them, and has the functions that plan them, do their steps and end them.

An orchestrator is replayed from its history, and a longer history is slower. So the steps are split into small parts,
and each part is a sub-orchestration. Knows Durable Functions; refuses to know what an operation does
(pipeline.operations).
"""

import asyncio
import json
import logging
import typing
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from blueprints.services import Services, services
from blueprints.telemetry import CHARGE, ROWS, flush, line
from domain.errors import Unavailable
from pipeline.emptying import Emptying
from pipeline.learning import Learn
from pipeline.operations import Figures, Operation, OperationContext, Run, added, instance_of, note, record_of
from pipeline.purge import Purge
from pipeline.quarantine import Drop, Reingest
from pipeline.rebuild import CatchUp, Rebuild
from pipeline.resubmit import Resubmit
from storage.charges import metered
from storage.tables.operations import OperationRecord

blueprint = df.Blueprint()
log = logging.getLogger(__name__)

Order = Mapping[str, Any]
"""The input of an orchestration: the fields of the operation's record, without figures."""

KINDS: Mapping[str, Callable[..., Operation]] = {
    kind.kind: kind for kind in (Rebuild, CatchUp, Learn, Purge, Emptying, Reingest, Drop, Resubmit)
}
PART = 6
"""The number of steps that run concurrently. Progress is reported after each part."""

STEP_SECONDS = 60
"""The time after which a step that can stop in the middle stops. The Functions host allows ten minutes."""


class BackOff(df.RetryOptions):  # type: ignore[misc]  # the package has no types
    """Retries after 1, 2, 4 … seconds, at most a minute. Eight attempts outlast an outage of some minutes.

    The durable extension supports these two values, but the Python package does not offer them.
    """

    def to_json(self) -> dict[str, Any]:
        """See RetryOptions."""
        return {**super().to_json(), "backoffCoefficient": 2, "maxRetryIntervalInMilliseconds": 60_000}


RETRY = BackOff(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=8)

ACTIVE = (
    df.OrchestrationRuntimeStatus.Pending,
    df.OrchestrationRuntimeStatus.Running,
    df.OrchestrationRuntimeStatus.ContinuedAsNew,
    df.OrchestrationRuntimeStatus.Suspended,
)
STATES = {
    **dict.fromkeys(ACTIVE, "running"),
    df.OrchestrationRuntimeStatus.Completed: "done",
    df.OrchestrationRuntimeStatus.Failed: "failed",
    df.OrchestrationRuntimeStatus.Terminated: "stopped",
    df.OrchestrationRuntimeStatus.Canceled: "stopped",
}
"""The states of an operation's record, by those of Durable Functions."""

ASK_SECONDS = 10
"""The longest time to wait for an instance's status from Durable Functions."""

SILENCE_SECONDS = 3600
"""An instance without an update for this long has hung. Instances have been seen to stay Running for ever
(durable-python 603).

Each part ends with an update. If a part takes longer, it is started again while it still runs. That is harmless, since
steps are idempotent.
"""

END_SECONDS = 20
"""The longest time to wait for a terminated instance to end."""


async def start(client: df.DurableOrchestrationClient, operation: Operation, by: str, now: int) -> str:
    """Start an operation, unless the same one runs already. Return its instance's id. Raises Unavailable.

    If it has hung, it is terminated and started again. Its completed steps stay done.
    """
    order = record_of(operation, by, now)
    instance = order.instance
    try:
        if not await _runs(client, instance, now):
            try:
                await client.start_new("operation", instance, asdict(order))
            except Exception:  # (the package raises nothing narrower)
                if not await _is_active(client, instance):  # another caller was first
                    raise
    except Exception as error:
        raise Unavailable(f"{operation.kind} can't be started: {error}") from error
    return instance


async def _is_active(client: df.DurableOrchestrationClient, instance: str) -> bool:
    return (await client.get_status(instance)).runtime_status in ACTIVE


async def _runs(client: df.DurableOrchestrationClient, instance: str, now: int) -> bool:
    """Tell whether an instance runs. If it has hung, terminate it and return False."""
    status = await client.get_status(instance)
    if status.runtime_status not in ACTIVE:
        return False
    silent = now - int(status.last_updated_time.timestamp())
    if silent < SILENCE_SECONDS or status.runtime_status is df.OrchestrationRuntimeStatus.Suspended:
        return True
    log.warning("%s", line("an operation has hung and is started again", instance=instance, silentSeconds=silent))
    await client.terminate(instance, "it has hung")
    try:
        async with asyncio.timeout(END_SECONDS):
            while await _is_active(client, instance):  # noqa: ASYNC110  (another process ends it)
                await asyncio.sleep(1)
    except TimeoutError:
        # An instance can't be terminated if its history has ended but its status has not (durabletask 1252). According
        # to the extension's source, its history can be purged in any status. Untested in Azure.
        await client.purge_instance_history(instance)
    return False


_hub_is_there = False


async def make_hub(client: df.DurableOrchestrationClient) -> None:
    """Make sure that the task hub exists, by querying an instance once per process.

    While there is no task hub, the platform looks for orchestrations and requests it from storage without end
    (azure-functions-durable-extension 3114: seen with 3.1.0, and open). According to durabletask's source, a query
    creates the hub, so no dummy orchestration is needed. Untested in Azure.
    """
    global _hub_is_there  # noqa: PLW0603  (once per process)
    if not _hub_is_there:
        try:
            await run_of(client, instance_of(CatchUp()))
            _hub_is_there = True
        except Unavailable:  # it was logged; the next call tries again
            pass


async def run_of(client: df.DurableOrchestrationClient, instance: str) -> Run | None:
    """Return an instance's last run, or None if Durable Functions does not know it. Raises Unavailable.

    Tested on the local host, and with answers as the extension's source writes them. Untested in Azure.
    """
    try:
        async with asyncio.timeout(ASK_SECONDS):
            status = await client.get_status(instance, show_input=True)
            if status.runtime_status is None:
                # The instance does not exist, or there was an error; the package does not tell which. The list does.
                if not await client.get_status_by(instance_id_prefix=instance):
                    return None
                raise Unavailable("it is listed but can't be read")
    except Exception as error:  # (the package raises nothing narrower)
        log.warning("%s", line("an operation's status can't be read", instance=instance, error=repr(error)))
        raise Unavailable(f"the status of {instance} can't be read: {error!r}") from error
    state, output = STATES[status.runtime_status], status.output
    started = _started(status.input_)
    told = status.custom_status if isinstance(status.custom_status, dict) else {}
    if state == "running":
        return Run(started, state, progress=told)
    ended = int(status.last_updated_time.timestamp())
    if state == "done":
        return Run(started, state, ended, output if isinstance(output, dict) else {}, progress=told)
    return Run(started, state, ended, error=str(output or "Durable Functions gives no reason"), progress=told)


async def stop(client: df.DurableOrchestrationClient, instance: str, why: str) -> None:
    """Stop an existing instance. This has no effect on one that has ended. Raises Unavailable."""
    try:
        await client.terminate(instance, why)
    except Exception as error:  # (the package raises nothing narrower)
        raise Unavailable(f"{instance} can't be stopped: {error}") from error


async def forget(client: df.DurableOrchestrationClient, instance: str) -> None:
    """Delete an ended instance from Durable Functions. Raises Unavailable."""
    try:
        await client.purge_instance_history(instance)
    except Exception as error:  # (the package raises nothing narrower)
        raise Unavailable(f"{instance} can't be deleted: {error}") from error


def _started(order: Any) -> int | None:
    """Return when an operation was started, from its orchestration's input: an object, or JSON text."""
    try:
        return int((json.loads(order) if isinstance(order, str) else order)["started"])
    except (ValueError, TypeError, LookupError):
        return None


Turns = Generator[Any, Any, Any]


@blueprint.orchestration_trigger("context")
def operation(context: df.DurableOrchestrationContext) -> Turns:
    """Plan an operation, do its steps part by part while reporting progress, and end it."""
    order: Order = context.get_input()
    began = context.current_utc_datetime
    figures: Figures = {}
    try:
        steps: Sequence[Any] = yield context.call_activity_with_retry("plan_operation", RETRY, order)
        for first in range(0, len(steps), PART):
            context.set_custom_status(progress(first, len(steps), began, context.current_utc_datetime, figures))
            part = {"order": order, "steps": steps[first : first + PART]}
            done: Figures = yield context.call_sub_orchestrator("operation_part", part)
            figures = added(figures, done)
        result: Figures = yield context.call_activity_with_retry(
            "end_operation", RETRY, {"order": order, "figures": figures, "error": None}
        )
    except Exception as error:
        failed = {"order": order, "figures": figures, "error": str(error)}
        yield context.call_activity_with_retry("end_operation", RETRY, failed)
        raise
    context.set_custom_status(progress(len(steps), len(steps), began, context.current_utc_datetime, result))
    return result


@blueprint.orchestration_trigger("context")
def operation_part(context: df.DurableOrchestrationContext) -> Turns:
    """Do a few steps concurrently. Repeat those whose time ran out. Return the sum of their figures."""
    asked = context.get_input()
    steps: Sequence[Any] = asked["steps"]
    figures: Figures = {}
    while steps:
        orders = [{"order": asked["order"], "step": step} for step in steps]
        results = yield context.task_all([context.call_activity_with_retry("do_step", RETRY, each) for each in orders])
        for result in results:
            figures = added(figures, result["figures"])
        steps = [step for step, result in zip(steps, results, strict=True) if result["again"]]
    return figures


def progress(done: int, total: int, began: datetime, now: datetime, figures: Figures) -> dict[str, Any]:
    """Return an operation's progress: its steps, its estimated end (None before the first step), and its figures."""
    eta = now + (now - began) / done * (total - done) if done else None
    return {"done": done, "total": total, "eta": eta and eta.strftime("%Y-%m-%dT%H:%M:%SZ"), **figures}


@blueprint.activity_trigger("order")
async def plan_operation(order: typing.Dict[str, Any]) -> list[Any]:  # noqa: UP006  (the worker needs a type that it can check)
    """Record that an operation runs. Return its steps."""
    shared, record = services(), OperationRecord(**order)
    await note(shared.tables, record, shared.now)
    steps = [dict(step) for step in await _operation(record).plan(await _context(shared, record))]
    log.info("%s", line("operation planned", instance=record.instance, by=record.by, steps=len(steps)))
    return steps


@blueprint.activity_trigger("asked")
async def do_step(asked: typing.Dict[str, Any]) -> dict[str, Any]:  # noqa: UP006
    """Do one step of an operation."""
    shared, record = services(), OperationRecord(**asked["order"])
    with metered() as meter:
        done = await _operation(record).do(asked["step"], await _context(shared, record))
    ROWS.add(done.figures.get("rows", 0))
    CHARGE.add(meter.units, {"function": record.kind})
    log.info("%s", line("operation step", instance=record.instance, step=asked["step"], **done.figures, charge=meter))
    await flush()
    return asdict(done)


@blueprint.activity_trigger("asked")
async def end_operation(asked: typing.Dict[str, Any]) -> dict[str, int]:  # noqa: UP006
    """Conclude an operation, or record that it failed. Return its total figures."""
    shared, record = services(), OperationRecord(**asked["order"])
    figures: Figures = asked["figures"]
    if asked["error"] is None:
        figures = added(figures, await _operation(record).conclude(await _context(shared, record)))
    await note(shared.tables, replace(record, figures=figures), shared.now, figures, asked["error"])
    # An alert reads this (infra/modules/alerts.bicep).
    level = logging.INFO if asked["error"] is None else logging.ERROR
    log.log(level, "%s", line("operation ended", instance=record.instance, **figures, error=asked["error"]))
    return dict(figures)


def _operation(record: OperationRecord) -> Operation:
    return KINDS[record.kind](**record.command)


async def _context(shared: Services, record: OperationRecord) -> OperationContext:
    return await shared.context(record.started, STEP_SECONDS)
