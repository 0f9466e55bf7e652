"""Operations that say "running" for ever, or can't go on after an update: asking again goes on."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from blueprints import operations
from blueprints.operations import SILENCE_SECONDS, run_of, start
from domain.errors import Unavailable
from pipeline.operations import Run, listed, note, record_of
from pipeline.rebuild import CatchUp
from storage.tables import Tables
from tests.app.test_operations_that_end import STATUS, a_client, a_hub_with_client
from tests.app.test_orchestrations import Activities, ended
from tests.pipeline.memory import MemoryDocuments

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")

LAST_NEWS = 1_790_000_000 + 1000
"""That of STATUS."""

RECORD = record_of(CatchUp(), "the averaging timer", LAST_NEWS)


async def hang(path: Path, activities: Activities) -> int:
    """Leave an operation in the hub that nothing drives any more; return when it had its last news, at the latest."""
    activities.wait_at = 3
    async with a_hub_with_client(path, activities) as (_, client):
        await start(client, CatchUp(), "ann", 7)
        await asyncio.wait_for(activities.came_to.wait(), 60)
        return int(time.time()) + 1


async def test_one_without_news_for_an_hour_is_ended_and_begun_anew(tmp_path: Path) -> None:
    activities = Activities()
    news = await hang(tmp_path / "hub.db", activities)
    activities.wait_at = None
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (hub, client):
        assert await start(client, CatchUp(), "bob", news + SILENCE_SECONDS - 60) == RECORD.instance
        assert await run_of(client, RECORD.instance) == Run(7, "running")  # within the hour it is left alone
        later = news + SILENCE_SECONDS
        assert await start(client, CatchUp(), "bob", later) == RECORD.instance
        assert (await ended(hub, RECORD.instance))["runtimeStatus"] == "Completed"
        run = await run_of(client, RECORD.instance)
        assert run
        assert (run.started, run.state) == (later, "done")


async def test_its_record_says_that_it_runs_no_more(tmp_path: Path) -> None:
    tables = Tables(MemoryDocuments())
    hung = record_of(CatchUp(), "ann", 7)
    await note(tables, hung, 7)
    activities = Activities()
    news = await hang(tmp_path / "hub.db", activities)
    async with a_hub_with_client(tmp_path / "hub.db", activities) as (_, client):

        async def ask(instance: str) -> Run | None:
            return await run_of(client, instance)

        assert [each.state for each in await listed(tables, 10, ask, news)] == ["running"]
        await start(client, CatchUp(), "bob", news + SILENCE_SECONDS)
        assert [each.state for each in await listed(tables, 10, ask, news)] == ["stopped"]


class Extension:
    """Answers as the durable extension does for one instance. ``obeys``: it ends when it is told to."""

    def __init__(self, status: str, *, obeys: bool = True, output: Any = None) -> None:
        self.status: str | None = status
        self.output = output
        self.obeys = obeys
        self.started: Any = None

    async def answer(self, request: web.Request) -> web.Response:
        match request.method, request.path.rpartition("/")[2]:
            case "GET", _ if self.status:
                told = {**STATUS, "runtimeStatus": self.status, "input": {"started": LAST_NEWS}, "output": self.output}
                return web.json_response(told, status=202 if self.status == "Running" else 200)
            case "POST", "terminate":
                self.status = "Terminated" if self.obeys else self.status
                return web.Response(status=202)
            case "DELETE", _ if self.status:
                self.status = None
                return web.json_response({"instancesDeleted": 1})
            case "POST", instance if self.status not in ("Running", "Suspended"):
                self.status, self.started = "Running", json.loads(await request.json())["started"]
                return web.json_response({"id": instance}, status=202)
        return web.Response(status=404 if request.method == "GET" else 409)


@pytest.mark.parametrize("obeys", [True, False], ids=["it ends", "it can't be ended, and is forgotten"])
async def test_the_extension_starts_one_that_had_hung(monkeypatch: pytest.MonkeyPatch, *, obeys: bool) -> None:
    monkeypatch.setattr(operations, "END_SECONDS", 0.05)
    extension = Extension("Running", obeys=obeys)
    async with a_client(extension.answer) as client:
        await start(client, CatchUp(), "ann", LAST_NEWS + SILENCE_SECONDS - 1)
        assert extension.started is None
        await start(client, CatchUp(), "ann", LAST_NEWS + SILENCE_SECONDS)
    assert extension.started == LAST_NEWS + SILENCE_SECONDS


async def test_the_task_hub_is_asked_for_until_it_answers_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_hub_is_there", False)
    answers = [500, 500, 200]  # of the list; that there is no such instance is all the same
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        if "instanceIdPrefix" not in request.query:
            return web.Response(status=404)
        asked += 1
        return web.json_response([], status=answers[asked - 1])

    async with a_client(answer) as client:
        for expected in (1, 2, 3, 3, 3):
            await operations.make_hub(client)
            assert asked == expected


async def test_one_that_somebody_has_suspended_is_left_alone() -> None:
    extension = Extension("Suspended")
    async with a_client(extension.answer) as client:
        await start(client, CatchUp(), "ann", LAST_NEWS + 10 * SILENCE_SECONDS)
    assert (extension.status, extension.started) == ("Suspended", None)


async def test_where_it_can_not_be_ended_that_is_said() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({**STATUS, "runtimeStatus": "Running", "input": None, "output": None}, status=202)
        return web.Response(status=500)

    async with a_client(answer) as client:
        with pytest.raises(Unavailable, match="catch-up can't be started"):
            await start(client, CatchUp(), "ann", LAST_NEWS + SILENCE_SECONDS)


async def test_what_an_update_made_non_deterministic_has_failed_and_goes_on_when_it_is_asked_for_again() -> None:
    reason = "Non-Deterministic workflow detected: A previous execution scheduled an activity task with sequence ID 0"
    extension = Extension("Failed", output=reason)
    tables = Tables(MemoryDocuments())
    await note(tables, RECORD, LAST_NEWS)
    async with a_client(extension.answer) as client:

        async def ask(instance: str) -> Run | None:
            return await run_of(client, instance)

        (record,) = await listed(tables, 10, ask, LAST_NEWS + 5)
        assert (record.state, record.error) == ("failed", reason)
        await start(client, CatchUp(), "ann", LAST_NEWS + 60)
    assert (extension.status, extension.started) == ("Running", LAST_NEWS + 60)
