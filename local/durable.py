"""The task hub of Durable Functions for the development host. It runs orchestrations from their histories in SQLite.

An orchestrator is a function that returns the tasks to do next. It is replayed from its history whenever one of its
tasks ends. Each replay and each ended task is one transaction, so a host that was killed continues where it was; it
repeats the tasks that were running. This hub has what the app needs: activities, sub-orchestrations, retries and custom
status. Its wire formats are those of the durable extension and its Python package (azure-functions-durable). It refuses
to know HTTP (local.webhooks).
"""

import asyncio
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.worker import FunctionFailed, Worker

log = logging.getLogger("local.durable")

ACTIVE = ("Pending", "Running")
MOST_ACTIVITIES = 10
"""The number of activities that run at once, unless host.json sets it."""

_ERROR_MARK = "\n\n$OutOfProcData$:"

_CREATE = """
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, parent TEXT, input TEXT, status TEXT NOT NULL, custom TEXT, output TEXT,
    created REAL NOT NULL, updated REAL NOT NULL, scheduled INTEGER NOT NULL DEFAULT 0, ids INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS history (instance TEXT, number INTEGER, event TEXT NOT NULL, PRIMARY KEY (instance, number));
CREATE TABLE IF NOT EXISTS tasks (instance TEXT, id INTEGER, task TEXT NOT NULL, PRIMARY KEY (instance, id));
CREATE TABLE IF NOT EXISTS keys (key TEXT NOT NULL);
"""


class ActionType:
    """The types of actions that an orchestrator may request, with the extension's numbers."""

    ACTIVITY, ACTIVITY_WITH_RETRY, ORCHESTRATION, ORCHESTRATION_WITH_RETRY = 0, 1, 2, 3
    ANY, ALL = 11, 12


KNOWN_ACTIONS = {0, 1, 2, 3}


class EventType:
    """The types of events in a history, with the extension's numbers."""

    EXECUTION_STARTED, TASK_SCHEDULED, TASK_COMPLETED, TASK_FAILED = 0, 4, 5, 6
    SUB_CREATED, SUB_COMPLETED, SUB_FAILED = 7, 8, 9
    TIMER_FIRED, TURN_STARTED, TURN_COMPLETED = 11, 12, 13


@dataclass(frozen=True, slots=True)
class Task:
    """A task that an orchestration waits for: an activity, an orchestration, or a timer until its retry (``due``)."""

    id: int
    action: Mapping[str, Any]
    attempt: int = 1
    due: float | None = None

    @property
    def is_orchestration(self) -> bool:
        """Whether the task is an orchestration."""
        return self.action["actionType"] in (ActionType.ORCHESTRATION, ActionType.ORCHESTRATION_WITH_RETRY)

    @property
    def retries(self) -> Mapping[str, Any] | None:
        """The retry options, or None if the task is not retried."""
        return self.action.get("retryOptions")

    def stored(self) -> str:
        """Return the task as JSON."""
        return json.dumps({"action": self.action, "attempt": self.attempt, "due": self.due})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a task: its result as JSON, or why it failed."""

    task: Task
    result: str | None = None
    error: str | None = None


class TaskHub:
    """The orchestrations of one data folder. Only one process may use it at a time."""

    def __init__(
        self,
        path: Path,
        worker: Worker,
        most_activities: int = MOST_ACTIVITIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Open the stored state. ``sleep`` waits until a retry is due. Raises OSError or sqlite3.Error."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._worker = worker
        self._sleep = sleep
        self._store = sqlite3.connect(path, isolation_level=None)
        self._store.row_factory = sqlite3.Row
        self._store.execute("PRAGMA journal_mode = WAL")
        self._store.executescript(_CREATE)
        if not self._store.execute("SELECT 1 FROM keys").fetchone():
            self._store.execute("INSERT INTO keys VALUES (?)", (secrets.token_urlsafe(24),))
        self.key: str = self._store.execute("SELECT key FROM keys").fetchone()["key"]
        """The key that callers of the HTTP API must send (local.webhooks)."""
        self._activities = asyncio.Semaphore(most_activities)
        self._running: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Continue the orchestrations that were running."""
        rows = self._store.execute("SELECT id FROM instances WHERE parent IS NULL AND status IN (?, ?)", ACTIVE)
        for row in rows.fetchall():
            self._run(row["id"])

    async def close(self) -> None:
        """Stop. Running orchestrations continue at the next start."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._store.close()

    def instances(self) -> list[dict[str, Any]]:
        """Return the top-level orchestrations in the extension's format, newest first."""
        rows = self._store.execute("SELECT * FROM instances WHERE parent IS NULL ORDER BY created DESC")
        return [_status(row) for row in rows]

    def status(self, instance: str) -> dict[str, Any] | None:
        """Return an orchestration's status in the extension's format, or None if it does not exist."""
        row = self._instance(instance)
        return None if row is None else _status(row)

    def start(self, name: str, instance: str, asked: str) -> bool:
        """Start an orchestration in place of an ended one with this id. Return False if it runs already.

        Raises KeyError for an unknown orchestrator.
        """
        if name not in self._worker.functions:
            raise KeyError(name)
        row = self._instance(instance)
        if row is not None and row["status"] in ACTIVE:
            return False
        self._forget(instance)
        self._create(instance, name, asked, parent=None)
        self._run(instance)
        return True

    async def terminate(self, instance: str, reason: str) -> bool:
        """Stop an orchestration and those that it started, for good. Tell whether it was running.

        A sub-orchestration can't be terminated by itself; it ends with its parent.
        """
        if running := self._running.get(instance):
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        row = self._instance(instance)
        if row is None or row["status"] not in ACTIVE or row["parent"] is not None:
            return False
        self._end(instance, "Terminated", json.dumps(reason))  # also if its task has failed and does not run
        return True

    def remove(self, instance: str) -> bool:
        """Delete an orchestration that has ended. Tell whether there was one."""
        row = self._instance(instance)
        if row is None or row["status"] in ACTIVE:
            return False
        self._forget(instance)
        return True

    # orchestrations ------------------------------------------------------------------------------------------------

    def _run(self, instance: str) -> None:
        async def run() -> None:
            try:
                await self._drive(instance)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("the orchestration %s has stopped; it continues when the host is restarted", instance)
            finally:
                self._running.pop(instance, None)

        self._running[instance] = asyncio.create_task(run())

    async def _drive(self, instance: str) -> tuple[str, str | None]:
        """Run an orchestration until it ends. Return its status and output."""
        row = self._known(instance)
        if row["status"] not in ACTIVE:
            return row["status"], row["output"]
        stored = self._store.execute("SELECT event FROM history WHERE instance = ? ORDER BY number", (instance,))
        history = [json.loads(each["event"]) for each in stored]
        outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        doing: dict[int, asyncio.Task[None]] = {}

        def begin(tasks: Iterable[Task]) -> None:
            for task in tasks:
                doing[task.id] = asyncio.create_task(self._attend(instance, task, outcomes))

        begin(self._tasks(instance))
        try:
            # If the end of the last turn is not recorded, the host was killed in it, and the turn must be repeated.
            turn = not history or history[-1]["EventType"] != EventType.TURN_COMPLETED
            while True:
                if turn:
                    ended = await self._turn(instance, history, begin)
                    if ended is not None:
                        return ended
                outcome = await outcomes.get()
                await doing.pop(outcome.task.id)
                begin(self._settle(instance, history, outcome))
                turn = True
        finally:
            for each in doing.values():
                each.cancel()
            await asyncio.gather(*doing.values(), return_exceptions=True)

    async def _turn(self, instance: str, history: list[dict[str, Any]], begin: Any) -> tuple[str, str | None] | None:
        """Replay the orchestrator once. Record its new tasks or its end. If it ended, return its status and output."""
        row = self._known(instance)
        if not history:
            started = _event(EventType.EXECUTION_STARTED, Name=row["name"], Version="", Input=row["input"])
            with self._store:
                self._store.execute("BEGIN")
                self._record(instance, history, [_event(EventType.TURN_STARTED), started])
        try:
            state = await self._worker.orchestrate(self._worker.functions[row["name"]], _context(row, history))
        except FunctionFailed as error:
            reason = str(error).split(_ERROR_MARK, maxsplit=1)[0]
            return self._end(instance, "Failed", json.dumps(reason))
        if state["isDone"]:
            return self._end(instance, "Completed", json.dumps(state.get("output")), state.get("customStatus"))
        actions = [action for group in state["actions"] for action in group]
        if unknown := {action["actionType"] for action in _leaves(actions)} - KNOWN_ACTIONS:
            return self._end(instance, "Failed", json.dumps(f"this host does not know actions of the types {unknown}"))
        with self._store:
            self._store.execute("BEGIN")
            tasks, events = self._schedule(instance, actions[row["scheduled"] :], row["ids"])
            self._record(instance, history, [*events, _event(EventType.TURN_COMPLETED)])
            self._store.execute(
                "UPDATE instances SET status = 'Running', custom = ?, updated = ?, scheduled = ?, ids = ? WHERE id = ?",
                (json.dumps(state.get("customStatus")), time.time(), len(actions), row["ids"] + len(tasks), instance),
            )
        begin(tasks)
        return None

    def _schedule(
        self, instance: str, actions: Iterable[Mapping[str, Any]], ids: int
    ) -> tuple[list[Task], list[dict[str, Any]]]:
        """Store an orchestrator's new tasks. Their ids are in the order in which the Python package numbers them."""
        tasks = [Task(number, action) for number, action in enumerate(_leaves(actions), ids)]
        events = [
            _event(
                EventType.SUB_CREATED if task.is_orchestration else EventType.TASK_SCHEDULED,
                task.id,
                Name=task.action["functionName"],
                Input=task.action.get("input"),
            )
            for task in tasks
        ]
        for task in tasks:
            self._write_task(instance, task)
        return tasks, events

    async def _attend(self, instance: str, task: Task, outcomes: asyncio.Queue[Outcome]) -> None:
        """Do a task, or wait until it is due, and report its outcome."""
        try:
            outcomes.put_nowait(await self._outcome(instance, task))
        except FunctionFailed as error:
            log.warning("%s of %s failed: %s", task.action["functionName"], instance, error)
            outcomes.put_nowait(Outcome(task, error=str(error)))
        except Exception as error:
            log.exception("%s of %s can't be done", task.action["functionName"], instance)
            outcomes.put_nowait(Outcome(task, error=repr(error)))

    async def _outcome(self, instance: str, task: Task) -> Outcome:
        if task.due is not None:
            await self._sleep(max(0, task.due - time.time()))
            return Outcome(task)
        if task.is_orchestration:
            child = task.action.get("instanceId") or f"{instance}:{task.id:x}"
            if self._instance(child) is None:
                self._create(child, task.action["functionName"], task.action.get("input"), parent=instance)
            status, output = await self._drive(child)
            done = status == "Completed"
            return Outcome(task, output) if done else Outcome(task, error=f"{status}: {output}")
        async with self._activities:
            function = self._worker.functions[task.action["functionName"]]
            return Outcome(task, await self._worker.activity(function, task.action.get("input") or "null"))

    def _settle(self, instance: str, history: list[dict[str, Any]], outcome: Outcome) -> list[Task]:
        """Record the outcome of a task. Return the tasks that follow from it: a retry or its timer."""
        task = outcome.task
        row = self._known(instance)
        follow: list[Task] = []
        if task.due is not None:
            # As in the durable framework, the timer also runs after the last attempt.
            event = _event(EventType.TIMER_FIRED, TimerId=task.id, FireAt=_moment(task.due))
            if task.retries and task.attempt < task.retries["maxNumberOfAttempts"]:
                follow = [Task(row["ids"], task.action, task.attempt + 1)]
        elif outcome.error is None:
            kind = EventType.SUB_COMPLETED if task.is_orchestration else EventType.TASK_COMPLETED
            event = _event(kind, TaskScheduledId=task.id, Result=outcome.result)
        else:
            kind = EventType.SUB_FAILED if task.is_orchestration else EventType.TASK_FAILED
            event = _event(kind, TaskScheduledId=task.id, Reason=outcome.error, Details="")
            if task.retries:
                follow = [Task(row["ids"], task.action, task.attempt, time.time() + _pause(task))]
        with self._store:
            self._store.execute("BEGIN")
            self._store.execute("DELETE FROM tasks WHERE instance = ? AND id = ?", (instance, task.id))
            for each in follow:
                self._write_task(instance, each)
            self._store.execute("UPDATE instances SET ids = ids + ? WHERE id = ?", (len(follow), instance))
            self._record(instance, history, [_event(EventType.TURN_STARTED), event])
        return follow

    # the state -----------------------------------------------------------------------------------------------------

    def _instance(self, instance: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._store.execute("SELECT * FROM instances WHERE id = ?", (instance,)).fetchone()
        return row

    def _known(self, instance: str) -> sqlite3.Row:
        row = self._instance(instance)
        if row is None:
            raise LookupError(instance)
        return row

    def _create(self, instance: str, name: str, asked: str | None, parent: str | None) -> None:
        now = time.time()
        values = (instance, name, parent, asked, now, now)
        self._store.execute(
            "INSERT INTO instances (id, name, parent, input, created, updated, status)"
            " VALUES (?, ?, ?, ?, ?, ?, 'Pending')",
            values,
        )

    def _end(self, instance: str, status: str, output: str | None, custom: Any = None) -> tuple[str, str | None]:
        """Record that an orchestration has ended. Delete its history and its sub-orchestrations: they aren't needed."""
        with self._store:
            self._store.execute("BEGIN")
            self._forget_children(instance)
            for table in ("history", "tasks"):
                self._store.execute(f"DELETE FROM {table} WHERE instance = ?", (instance,))  # noqa: S608  (constants)
            self._store.execute(
                "UPDATE instances SET status = ?, output = ?, custom = coalesce(?, custom), updated = ? WHERE id = ?",
                (status, output, None if custom is None else json.dumps(custom), time.time(), instance),
            )
        return status, output

    def _forget(self, instance: str) -> None:
        with self._store:
            self._store.execute("BEGIN")
            self._forget_children(instance)
            self._forget_one(instance)

    def _forget_children(self, instance: str) -> None:
        for row in self._store.execute("SELECT id FROM instances WHERE parent = ?", (instance,)).fetchall():
            self._forget_children(row["id"])
            self._forget_one(row["id"])

    def _forget_one(self, instance: str) -> None:
        self._store.execute("DELETE FROM history WHERE instance = ?", (instance,))
        self._store.execute("DELETE FROM tasks WHERE instance = ?", (instance,))
        self._store.execute("DELETE FROM instances WHERE id = ?", (instance,))

    def _record(self, instance: str, history: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        rows = [(instance, number, json.dumps(event)) for number, event in enumerate(events, len(history))]
        self._store.executemany("INSERT OR REPLACE INTO history VALUES (?, ?, ?)", rows)
        history.extend(events)

    def _write_task(self, instance: str, task: Task) -> None:
        self._store.execute("INSERT INTO tasks VALUES (?, ?, ?)", (instance, task.id, task.stored()))

    def _tasks(self, instance: str) -> list[Task]:
        rows = self._store.execute("SELECT id, task FROM tasks WHERE instance = ? ORDER BY id", (instance,))
        return [Task(row["id"], **json.loads(row["task"])) for row in rows]


def _leaves(actions: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield single actions, also those inside groups, in the order in which the package numbers them."""
    for action in actions:
        if action["actionType"] in (ActionType.ANY, ActionType.ALL):
            yield from _leaves(action["compoundActions"])
        else:
            yield action


def _event(kind: int, event_id: int = -1, **fields: Any) -> dict[str, Any]:
    return {"EventType": kind, "EventId": event_id, "IsPlayed": False, "Timestamp": _moment(time.time()), **fields}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _pause(task: Task) -> float:
    """Return the seconds until a task is retried."""
    options = task.retries or {}
    pause = options["firstRetryIntervalInMilliseconds"] * options.get("backoffCoefficient", 1) ** (task.attempt - 1)
    return float(min(pause, options.get("maxRetryIntervalInMilliseconds", pause))) / 1000


def _context(row: sqlite3.Row, history: list[dict[str, Any]]) -> str:
    """Return the JSON with which an orchestrator is replayed."""
    last_turn = max(at for at, event in enumerate(history) if event["EventType"] == EventType.TURN_STARTED)
    asked = None
    with suppress(ValueError, TypeError):
        asked = json.loads(row["input"])
    return json.dumps(
        {
            "history": [{**event, "IsPlayed": at < last_turn} for at, event in enumerate(history)],
            "input": asked,
            "instanceId": row["id"],
            "isReplaying": last_turn > 0,
            "parentInstanceId": row["parent"],
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 2,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": "6.00:00:00",
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        }
    )


def _status(row: sqlite3.Row) -> dict[str, Any]:
    """Return an instance in the format of the extension's status query."""

    def value(text: str | None) -> Any:
        return None if text is None else json.loads(text)

    return {
        "name": row["name"],
        "instanceId": row["id"],
        "runtimeStatus": row["status"],
        "input": value(row["input"]),
        "customStatus": value(row["custom"]),
        "output": value(row["output"]),
        "createdTime": _moment(row["created"]),
        "lastUpdatedTime": _moment(row["updated"]),
    }
