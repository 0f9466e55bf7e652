"""Operations that were stopped, failed or are gone do not say "running" for ever, whoever ended them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import azure.durable_functions as df
import pytest
from aiohttp import web
from azure.durable_functions.models.utils import http_utils

from blueprints.operations import RETRY, run_of, start
from domain.errors import Unavailable
from local import webhooks
from local.durable import TaskHub
from pipeline.operations import NOT_KNOWN, Ask, Run, listed, note, record_of
from pipeline.rebuild import Rebuild
from storage.tables import Tables
from storage.tables.operations import OperationRecord
from tests.app.conftest import Local, wait_for
from tests.app.test_orchestrations import Activities, ended
from tests.builders import NOW
from tests.pipeline.memory import MemoryDocuments

if TYPE_CHECKING:
    from local.worker import Worker

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")

NOW_REALLY = int(time.time())
LATER = NOW + 1000
RECORD = record_of(Rebuild(0, None, None), "ann", NOW)
NEWER = replace(RECORD, started=NOW + 100)
OTHER = record_of(Rebuild(900, None, None), "bob", NOW + 50)

# the list, and what it writes down ----------------------------------------------------------------------------------


def says(run: Run | None) -> Ask:
    async def ask(instance: str) -> Run | None:
        assert instance == RECORD.instance
        return run

    return ask


async def must_not_be_asked(instance: str) -> Run | None:
    raise AssertionError(instance)


async def store_of(*records: OperationRecord) -> Tables:
    tables = Tables(MemoryDocuments())
    for record in records:
        await tables.operations.write(record)
    return tables


STOPPED_SOMEHOW = replace(RECORD, state="stopped", ended=LATER, error=NOT_KNOWN)
CASES: dict[str, tuple[Run | None, OperationRecord]] = {
    "terminated": (
        Run(NOW, "stopped", NOW + 9, error="enough"),
        replace(RECORD, state="stopped", ended=NOW + 9, error="enough"),
    ),
    "failed and could not write that": (
        Run(NOW, "failed", NOW + 9, error="the store is away"),
        replace(RECORD, state="failed", ended=NOW + 9, error="the store is away"),
    ),
    "done, and what it wrote is lost": (
        Run(NOW, "done", NOW + 9, {"rows": 5}),
        replace(RECORD, state="done", ended=NOW + 9, figures={"rows": 5}),
    ),
    "gone": (None, STOPPED_SOMEHOW),
    "started anew, which has no record yet": (Run(NOW + 100, "running"), STOPPED_SOMEHOW),
    "started anew, and ended": (Run(NOW + 100, "failed", NOW + 150, error="no"), STOPPED_SOMEHOW),
    "ended, nobody knows which start": (
        Run(None, "stopped", NOW + 9, error="enough"),
        replace(RECORD, state="stopped", ended=NOW + 9, error="enough"),
    ),
}


@pytest.mark.parametrize(("run", "expected"), CASES.values(), ids=list(CASES))
async def test_what_runs_no_more_is_settled_once(run: Run | None, expected: OperationRecord) -> None:
    tables = await store_of(RECORD)
    assert await listed(tables, 10, says(run), LATER) == [expected]
    assert await listed(tables, 10, must_not_be_asked, LATER + 1) == [expected]


@pytest.mark.parametrize("run", [Run(NOW, "running"), Run(None, "running")])
async def test_what_runs_says_so_and_nothing_is_written(run: Run) -> None:
    tables = await store_of(RECORD)
    before = await tables.operations.newest(10)
    assert await listed(tables, 10, says(run), LATER) == [RECORD]
    assert await tables.operations.newest(10) == before


async def test_of_several_runs_of_one_instance_only_the_last_runs() -> None:
    tables = await store_of(RECORD, NEWER)
    found = await listed(tables, 10, says(Run(NEWER.started, "running")), LATER)
    assert found == [NEWER, STOPPED_SOMEHOW]
    # Also where a record is newer than what runs, such as of what a command does by itself.
    tables = await store_of(RECORD, NEWER)
    newest, older = await listed(tables, 10, says(Run(NOW, "running")), LATER)
    assert (newest.state, older.state) == ("stopped", "running")


async def test_where_it_can_not_be_asked_records_stay_as_they_are_and_one_wait_is_enough() -> None:
    asked = []

    async def ask(instance: str) -> Run | None:
        asked.append(instance)
        raise Unavailable("the hub is away")

    done = replace(OTHER, state="done", ended=NOW + 60)
    tables = await store_of(RECORD, NEWER, done)
    assert await listed(tables, 10, ask, LATER) == [NEWER, done, RECORD]
    assert len(asked) == 1


@pytest.mark.parametrize("run", [None, Run(NOW, "done", NOW + 9), Run(NOW, "stopped", NOW + 9)])
async def test_an_end_that_is_written_meanwhile_stays(run: Run | None) -> None:
    memory = MemoryDocuments()
    tables = Tables(memory)
    await note(tables, RECORD, NOW)
    own_end = replace(RECORD, state="done", ended=NOW + 5, figures={"rows": 3})

    async def ask(instance: str) -> Run | None:  # noqa: ARG001
        await note(tables, RECORD, NOW + 5, {"rows": 3})
        return run

    assert await listed(tables, 10, ask, LATER) == [own_end]
    assert [each.value for each in await tables.operations.newest(10)] == [own_end]


async def test_two_lists_at_once_agree() -> None:
    tables = await store_of(RECORD)
    first, second = await asyncio.gather(
        listed(tables, 10, says(None), LATER), listed(tables, 10, says(None), LATER + 1)
    )
    assert first == second


# Durable Functions, asked through its package -----------------------------------------------------------------------

Answer = Callable[[web.Request], Awaitable[web.Response]]
FORGET_SESSION = http_utils._close_session
"""The package keeps one open for good."""


@asynccontextmanager
async def a_client(answer: Answer) -> AsyncIterator[df.DurableOrchestrationClient]:
    """The package's client, of a host that answers like this."""
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield df.DurableOrchestrationClient(webhooks.client_binding(f"http://127.0.0.1:{runner.addresses[0][1]}", "k"))
    finally:
        await FORGET_SESSION()
        await runner.cleanup()


@asynccontextmanager
async def a_hub_with_client(
    path: Path, activities: Activities
) -> AsyncIterator[tuple[TaskHub, df.DurableOrchestrationClient]]:
    async def at_once(seconds: float) -> None:  # noqa: ARG001
        await asyncio.sleep(0)

    hub = TaskHub(path, cast("Worker", activities), sleep=at_once)
    hub.key = "k"

    async def answer(request: web.Request) -> web.Response:
        return await webhooks.answer(request, hub) or web.Response(status=404)

    async with a_client(answer) as client:
        yield hub, client
    await hub.close()


async def test_an_operation_is_followed_from_its_start_to_its_termination_and_its_next_end(tmp_path: Path) -> None:
    activities = Activities()
    activities.wait_at = 3
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        assert await run_of(client, RECORD.instance) is None
        instance = await start(client, Rebuild(0, None, None), "ann", NOW)
        await asyncio.wait_for(activities.came_to.wait(), 60)
        assert await run_of(client, instance) == Run(NOW, "running")
        await hub.terminate(instance, "enough")
        run = await run_of(client, instance)
        assert run
        assert run == Run(NOW, "stopped", run.ended, error="enough")
        assert run.ended
        activities.wait_at = None
        assert await start(client, Rebuild(0, None, None), "ann", NOW + 100) == instance
        done = (await ended(hub, instance))["output"]
        again = await run_of(client, instance)
        assert again
        assert (again.started, again.state, again.figures) == (NOW + 100, "done", done)
        hub.remove(instance)
        assert await run_of(client, instance) is None


async def test_one_that_could_not_write_down_its_failure_is_failed_with_its_reason(tmp_path: Path) -> None:
    activities = Activities(lambda position, name: name == "end_operation")  # noqa: ARG005
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        instance = await start(client, Rebuild(0, None, None), "ann", NOW)
        await ended(hub, instance)
        run = await run_of(client, instance)
    assert run
    assert (run.started, run.state) == (NOW, "failed")
    assert "failed" in str(run.error)
    assert [name for name, _ in activities.calls].count("end_operation") == 2 * RETRY.max_number_of_attempts


async def test_a_stopped_operation_leaves_nothing_in_the_hub_that_would_go_on(tmp_path: Path) -> None:
    activities = Activities()
    activities.wait_at = 3  # in a part, which is an orchestration of its own
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        instance = await start(client, Rebuild(0, None, None), "ann", NOW)
        await asyncio.wait_for(activities.came_to.wait(), 60)
        part = next(each for each in hub._store.execute("SELECT id FROM instances WHERE parent = ?", (instance,)))["id"]
        assert not await hub.terminate(part, "ends with its operation only")
        assert await hub.terminate(instance, "enough")
        assert not await hub.terminate(instance, "again")
        assert hub.status(part) is None
        calls = len(activities.calls)
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        hub.resume()
        run = await run_of(client, instance)
        assert run
        assert run.state == "stopped"
    assert len(activities.calls) == calls


async def test_an_operation_that_nothing_drives_any_more_can_be_stopped(tmp_path: Path) -> None:
    activities = Activities()
    activities.wait_at = 1
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        instance = await start(client, Rebuild(0, None, None), "ann", NOW)
        await asyncio.wait_for(activities.came_to.wait(), 60)
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):  # and goes on with nothing
        assert await run_of(client, instance) == Run(NOW, "running")
        assert await hub.terminate(instance, "enough")
        assert hub.start("operation", instance, json.dumps({}))


STATUS = {
    "name": "operation",
    "instanceId": "i",
    "customStatus": None,
    "createdTime": "2026-09-21T14:15:00Z",
    "lastUpdatedTime": "2026-09-21T14:30:00Z",
}
ENDED = 1_790_001_000


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (202, {"runtimeStatus": "Running", "input": json.dumps({"started": 7}), "output": None}, Run(7, "running")),
        (202, {"runtimeStatus": "Pending", "input": {"started": 7}, "output": None}, Run(7, "running")),
        (202, {"runtimeStatus": "Suspended", "input": None, "output": None}, Run(None, "running")),
        (202, {"runtimeStatus": "ContinuedAsNew", "input": "[", "output": None}, Run(None, "running")),
        (200, {"runtimeStatus": "Canceled", "input": {"started": 7}, "output": None}, "stopped"),
        (200, {"runtimeStatus": "Terminated", "input": {"started": 7}, "output": ""}, "stopped"),
        (200, {"runtimeStatus": "Failed", "input": {"started": 7}, "output": "why"}, "failed"),
        (500, {"Message": "Something went wrong", "ExceptionMessage": "storage is away"}, Unavailable),
        (500, None, Unavailable),
        (404, None, Unavailable),  # since the list, likewise, is no list
        (503, {"Message": "busy"}, Unavailable),
        (200, {"runtimeStatus": "Unheard", "input": None, "output": None}, Unavailable),
        (200, "no JSON", Unavailable),
    ],
)
async def test_the_extensions_answers_are_understood(code: int, body: Any, expected: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert "showInput" in request.query or request.query["instanceIdPrefix"] == "i"
        if not isinstance(body, dict):
            return web.Response(status=code, text=body)
        return web.json_response({**STATUS, **body} if "runtimeStatus" in body else body, status=code)

    async with a_client(answer) as client:
        if expected is Unavailable:
            with pytest.raises(Unavailable):
                await run_of(client, "i")
            return
        run = await run_of(client, "i")
    if not isinstance(expected, str):
        assert run == expected
    else:
        assert run
        assert (run.started, run.state, run.ended) == (7, expected, ENDED)
        assert run.error


@pytest.mark.parametrize(("entries", "expected"), [([], None), ([{**STATUS, "runtimeStatus": "Running"}], Unavailable)])
async def test_one_that_is_not_there_is_not_listed_either(entries: list[Any], expected: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(entries) if "instanceIdPrefix" in request.query else web.Response(status=404)

    async with a_client(answer) as client:
        if expected is None:
            assert await run_of(client, "i") is None
        else:
            with pytest.raises(Unavailable):
                await run_of(client, "i")


async def test_a_hub_that_is_not_there_can_not_be_asked() -> None:
    async def answer(request: web.Request) -> web.Response:
        raise AssertionError(request)

    async with a_client(answer) as client:
        pass
    with pytest.raises(Unavailable):
        await run_of(client, "i")
    await FORGET_SESSION()


# the local host ------------------------------------------------------------------------------------------------------


def test_what_was_terminated_is_listed_as_stopped_and_can_be_asked_for_again(local: Local) -> None:
    local.start()

    def records() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = local.get("/v1/admin/operations")[1]["data"]
        return found

    path = f"/v1/admin/rebuild?start={NOW_REALLY - 15 * 86_400}&end={NOW_REALLY - 86_400}"
    status_path = local.start_operation(path)
    wait_for(records, "the record")
    assert local.get(status_path, "DELETE")[0] == 409
    assert local.get(f"{status_path}/stop", "POST")[1]["state"] == "stopped"
    (stopped,) = records()
    assert (stopped["state"], stopped["error"]) == ("stopped", "stopped by a holder of a function key")
    assert stopped["started"] <= stopped["ended"]
    assert records() == [stopped]
    assert local.get(f"{status_path}/stop", "POST")[1]["state"] == "stopped"
    wait_for(lambda: time.time() >= stopped["started"] + 1, "a second that is another start")
    assert local.start_operation(path) == status_path
    assert local.operation_ended(status_path)["state"] == "done"
    again, still = records()
    assert still == stopped
    assert (again["instance"], again["state"], again["error"]) == (stopped["instance"], "done", None)
    assert local.get(f"{status_path}/stop", "POST")[1]["state"] == "done"
    assert local.get(status_path, "DELETE")[1]["state"] == "done"
    for method, path in (("GET", status_path), ("POST", f"{status_path}/stop"), ("DELETE", status_path)):
        assert local.get(path, method)[0] == 404
    assert records() == [again, still]
