"""Operations as durable orchestrations: starting one, and the functions that plan it, do its steps and end it.

An orchestrator is replayed from its history, the longer the slower, so the steps are done in parts of a few, each an
orchestration of its own. Knows Durable Functions; refuses to know what an operation does (pipeline.operations).
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
"""What an orchestration is given: the fields of an operation's record, and no figures yet."""

KINDS: Mapping[str, Callable[..., Operation]] = {
    kind.kind: kind for kind in (Rebuild, CatchUp, Purge, Reingest, Drop, Resubmit)
}
PART = 6
"""Steps that are done side by side, after which progress is told."""

STEP_SECONDS = 60
"""For how long a step that can stop in the middle goes on. The Functions host gives it ten minutes."""


class BackOff(df.RetryOptions):  # type: ignore[misc]  # the package has no types
    """Try again after 1, 2, 4 … seconds, at most a minute; eight times, so through an outage of minutes.

    The durable extension knows these two values; the Python package does not offer them.
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
"""What an operation's record says, by what Durable Functions says."""

ASK_SECONDS = 10
"""How long Durable Functions may take to say how an instance is."""

SILENCE_SECONDS = 3600
"""What has had no news for so long has hung, as was seen of instances that say Running for ever (durable-python 603).

There is news at the end of each part. A part that does take longer is begun again beside itself, which changes nothing.
"""

END_SECONDS = 20
"""How long an instance that is told to end may take for that."""


async def start(client: df.DurableOrchestrationClient, operation: Operation, by: str, now: int) -> str:
    """Start an operation, or find the same one that runs already; return its instance's id. Raises Unavailable.

    One that has hung is ended and begun anew: what it did stays done.
    """
    order = record_of(operation, by, now)
    instance = order.instance
    try:
        if not await _runs(client, instance, now):
            try:
                await client.start_new("operation", instance, asdict(order))
            except Exception:  # (the package raises nothing narrower)
                if not await _is_active(client, instance):  # somebody else was first
                    raise
    except Exception as error:
        raise Unavailable(f"{operation.kind} can't be started: {error}") from error
    return instance


async def _is_active(client: df.DurableOrchestrationClient, instance: str) -> bool:
    return (await client.get_status(instance)).runtime_status in ACTIVE


async def _runs(client: df.DurableOrchestrationClient, instance: str, now: int) -> bool:
    """Tell whether an instance runs; one that has hung is ended, and runs no more."""
    status = await client.get_status(instance)
    if status.runtime_status not in ACTIVE:
        return False
    silent = now - int(status.last_updated_time.timestamp())
    if silent < SILENCE_SECONDS or status.runtime_status is df.OrchestrationRuntimeStatus.Suspended:
        return True
    log.warning("%s", line("an operation has hung, and is begun anew", instance=instance, silentSeconds=silent))
    await client.terminate(instance, "it has hung")
    try:
        async with asyncio.timeout(END_SECONDS):
            while await _is_active(client, instance):  # noqa: ASYNC110  (it is another process that ends it)
                await asyncio.sleep(1)
    except TimeoutError:
        # What has ended by its history and not by its status can't be told to end (durabletask 1252); by the source of
        # the extension it can be forgotten, whatever its status. Not tried in Azure.
        await client.purge_instance_history(instance)
    return False


_hub_is_there = False


async def make_hub(client: df.DurableOrchestrationClient) -> None:
    """Have the task hub made where there is none, by asking for an instance, whatever the answer; once a process.

    As long as there is none, the platform, which looks for orchestrations to run, asks storage for it without end
    (azure-functions-durable-extension 3114: seen with 3.1.0, and open). Asking makes it, by the source of durabletask:
    so an orchestration that does nothing is not wanted. Not tried in Azure.
    """
    global _hub_is_there  # noqa: PLW0603  (once a process)
    if not _hub_is_there:
        try:
            await run_of(client, instance_of(CatchUp()))
            _hub_is_there = True
        except Unavailable:  # which is logged; the next time asks again
            pass


async def run_of(client: df.DurableOrchestrationClient, instance: str) -> Run | None:
    """Return how an instance is; None: Durable Functions does not know it. Raises Unavailable.

    Tried on the local host, and with answers as the extension's sources write them; not in Azure.
    """
    try:
        async with asyncio.timeout(ASK_SECONDS):
            status = await client.get_status(instance, show_input=True)
            if status.runtime_status is None:
                # Not there, or an error: the package does not tell which. A list of none tells.
                if not await client.get_status_by(instance_id_prefix=instance):
                    return None
                raise Unavailable("it is listed, and can't be read")
    except Exception as error:  # (the package raises nothing narrower)
        log.warning("%s", line("an operation can't be asked how it is", instance=instance, error=repr(error)))
        raise Unavailable(f"how {instance} is can't be asked: {error!r}") from error
    state, output = STATES[status.runtime_status], status.output
    started = _started(status.input_)
    if state == "running":
        return Run(started, state)
    ended = int(status.last_updated_time.timestamp())
    if state == "done":
        return Run(started, state, ended, output if isinstance(output, dict) else {})
    return Run(started, state, ended, error=str(output or "no reason is given"))


def _started(order: Any) -> int | None:
    """Return when an operation was asked for, by what its orchestration was given: as such, or in text."""
    try:
        return int((json.loads(order) if isinstance(order, str) else order)["started"])
    except (ValueError, TypeError, LookupError):
        return None


Turns = Generator[Any, Any, Any]


@blueprint.orchestration_trigger("context")
def operation(context: df.DurableOrchestrationContext) -> Turns:
    """Plan an operation, do its steps part by part, telling how far it is, and end it."""
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
    """Do a few steps side by side, those again that had no time for all of it; add up what they did."""
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
    """Return how far an operation is, in steps; when it should be done, as far as that can be told; what it did."""
    eta = now + (now - began) / done * (total - done) if done else None
    return {"done": done, "total": total, "eta": eta and eta.strftime("%Y-%m-%dT%H:%M:%SZ"), **figures}


@blueprint.activity_trigger("order")
async def plan_operation(order: typing.Dict[str, Any]) -> list[Any]:  # noqa: UP006  (the worker wants a type that it can check)
    """Write down that an operation runs; return its steps."""
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
    """Conclude an operation, or note that it failed; return what it did in all."""
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
