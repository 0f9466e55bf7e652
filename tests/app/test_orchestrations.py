"""The orchestrators, replayed by Microsoft's library on the local host's task hub, failing and stopping everywhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from blueprints import operations
from local.durable import ACTIVE, TaskHub
from local.worker import FunctionFailed, Worker

# What the package says of itself when it reads plain JSON without being told a type; there is none to tell.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")

STEPS = operations.PART * 2 + 3
TWICE = 4
"""The step that has no time for all of it at first."""

ORDER = {"instance": "i", "kind": "rebuild", "command": {"start": 0}, "by": "me", "started": 7}
RESULT = {"rows": sum(range(STEPS)) + TWICE, "concluded": 1}


class Activities:
    """Stands in for the activities: knows what was done, and fails where it is told to."""

    def __init__(self, failing: Callable[[int, str], bool] = lambda position, name: False) -> None:  # noqa: ARG005
        self.functions = dict.fromkeys(("operation", "operation_part", "plan_operation", "do_step", "end_operation"))
        self.functions.update({name: name for name in self.functions})
        self._failing = failing
        self.calls: list[tuple[str, Any]] = []
        self.done: list[int] = []
        self.ended: list[str | None] = []
        self.came_to = asyncio.Event()
        self.wait_at: int | None = None

    async def orchestrate(self, function: str, context: str) -> Any:
        builder = getattr(operations, function)
        try:
            return json.loads(builder._function.get_user_function()(context))
        except Exception as error:
            raise FunctionFailed(str(error)) from error

    async def activity(self, function: str, asked: str) -> str:
        given = json.loads(asked)
        self.calls.append((function, given))
        if len(self.calls) == self.wait_at:
            self.came_to.set()
            await asyncio.Event().wait()
        if self._failing(len(self.calls), function):
            raise FunctionFailed(f"call {len(self.calls)} failed")
        match function:
            case "plan_operation":
                return json.dumps([{"number": number} for number in range(STEPS)])
            case "do_step":
                number = given["step"]["number"]
                self.done.append(number)
                again = number == TWICE and self.done.count(number) == 1
                return json.dumps({"figures": {"rows": number}, "again": again})
            case _:
                self.ended.append(given["error"])
                return json.dumps(given["figures"] | {"concluded": 1})


async def at_once(seconds: float) -> None:  # noqa: ARG001
    await asyncio.sleep(0)


@asynccontextmanager
async def a_hub(
    path: Path, activities: Activities, sleep: Callable[[float], Awaitable[None]] = at_once
) -> AsyncIterator[TaskHub]:
    hub = TaskHub(path, cast("Worker", activities), sleep=sleep)
    yield hub
    await hub.close()


async def ended(hub: TaskHub, instance: str = "i") -> Mapping[str, Any]:
    """Wait until an orchestration has ended; return its status."""
    async with asyncio.timeout(60):
        while (status := hub.status(instance)) is None or status["runtimeStatus"] in ACTIVE:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return status


async def outcome(path: Path, activities: Activities) -> Mapping[str, Any]:
    async with a_hub(path, activities) as hub:
        assert hub.start("operation", "i", json.dumps(ORDER))
        return await ended(hub)


async def test_it_does_every_step_and_says_how_far_it_is(tmp_path: Path) -> None:
    activities = Activities()
    status = await outcome(tmp_path / "hub.db", activities)
    assert (status["runtimeStatus"], status["output"]) == ("Completed", RESULT)
    told = status["customStatus"]
    assert (told["done"], told["total"]) == (STEPS, STEPS)
    assert {name: told[name] for name in RESULT} == RESULT
    done = [given["step"]["number"] for name, given in activities.calls if name == "do_step"]
    assert sorted(done) == sorted([*range(STEPS), TWICE])
    assert activities.ended == [None]


async def test_progress_is_told_while_it_runs(tmp_path: Path) -> None:
    activities = Activities()
    activities.wait_at = 2 + operations.PART + 1  # past the first part, of which a step is done twice
    async with a_hub(tmp_path / "hub.db", activities) as hub:
        hub.start("operation", "i", json.dumps(ORDER))
        await asyncio.wait_for(activities.came_to.wait(), 60)
        status = hub.status("i")
    assert status
    told = status["customStatus"]
    assert (status["runtimeStatus"], told["done"], told["total"]) == ("Running", operations.PART, STEPS)
    assert told["rows"] == sum(range(operations.PART)) + TWICE
    assert told["eta"] >= status["createdTime"][:19]


async def test_an_activity_that_fails_once_at_any_position_changes_nothing_of_the_result(tmp_path: Path) -> None:
    undisturbed = Activities()
    await outcome(tmp_path / "hub.db", undisturbed)
    for at in range(1, len(undisturbed.calls) + 1):
        activities = Activities(lambda position, name, at=at: position == at)  # type: ignore[misc]  # noqa: ARG005
        status = await outcome(tmp_path / f"{at}.db", activities)
        assert (status["runtimeStatus"], status["output"]) == ("Completed", RESULT), f"call {at} failed once"
        assert len(activities.calls) == len(undisturbed.calls) + 1
        assert activities.ended == [None]


async def test_a_storm_of_failures_is_outlasted(tmp_path: Path) -> None:
    activities = Activities(lambda position, name: position % 3 != 0)  # noqa: ARG005
    status = await outcome(tmp_path / "hub.db", activities)
    assert (status["runtimeStatus"], status["output"]) == ("Completed", RESULT)


@pytest.mark.parametrize("name", ["plan_operation", "do_step"])
async def test_what_keeps_failing_fails_the_operation_which_is_noted_with_the_reason(tmp_path: Path, name: str) -> None:
    activities = Activities(lambda position, called: called == name)  # noqa: ARG005
    status = await outcome(tmp_path / "hub.db", activities)
    assert status["runtimeStatus"] == "Failed"
    assert "failed" in status["output"]
    (reason,) = activities.ended
    assert reason
    assert "failed" in reason
    tried = [given for called, given in activities.calls if called == name]
    assert tried.count(tried[0]) == operations.RETRY.max_number_of_attempts


async def test_retries_wait_longer_and_longer(tmp_path: Path) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    activities = Activities(lambda position, name: name == "plan_operation")  # noqa: ARG005
    async with a_hub(tmp_path / "hub.db", activities, note) as hub:
        hub.start("operation", "i", json.dumps(ORDER))
        await ended(hub)
    assert [round(each) for each in waited] == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_hub_that_stops_at_any_activity_goes_on_at_the_next_start(tmp_path: Path) -> None:
    undisturbed = Activities()
    await outcome(tmp_path / "hub.db", undisturbed)
    for at in range(1, len(undisturbed.calls) + 1):
        path = tmp_path / f"{at}.db"
        activities = Activities()
        activities.wait_at = at
        async with a_hub(path, activities) as hub:
            hub.start("operation", "i", json.dumps(ORDER))
            await asyncio.wait_for(activities.came_to.wait(), 60)
        second = Activities()
        second.calls, second.done = activities.calls, activities.done
        async with a_hub(path, second) as hub:
            hub.resume()
            status = await ended(hub)
        assert (status["runtimeStatus"], status["output"]) == ("Completed", RESULT), f"stopped at call {at}"
        # Only what was being done is done again: at most a part of it side by side.
        assert len(second.calls) <= len(undisturbed.calls) + operations.PART


async def test_one_runs_at_a_time_and_an_ended_one_may_run_again(tmp_path: Path) -> None:
    activities = Activities()
    activities.wait_at = 3
    async with a_hub(tmp_path / "hub.db", activities) as hub:
        assert hub.start("operation", "i", json.dumps(ORDER))
        await asyncio.wait_for(activities.came_to.wait(), 60)
        assert not hub.start("operation", "i", json.dumps(ORDER))
        assert not hub.remove("i")
        await hub.terminate("i", "enough")
        status = hub.status("i")
        assert status
        assert (status["runtimeStatus"], status["output"]) == ("Terminated", "enough")
        activities.wait_at, activities.done = None, []
        assert hub.start("operation", "i", json.dumps(ORDER))
        assert (await ended(hub))["output"] == RESULT
        assert [each["instanceId"] for each in hub.instances()] == ["i"]
        assert hub.remove("i")
        assert hub.status("i") is None


async def test_an_orchestrator_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub.db", Activities()) as hub:
        with pytest.raises(KeyError):
            hub.start("nothing", "i", "{}")
