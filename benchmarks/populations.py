"""Times the questions about populations: percentiles, rankings, verdicts. ``python -m benchmarks populations``."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.fleet import HORIZON, LAST_WINDOW, NOW, TIMES, VIEW, keys, messages, tenant_name
from benchmarks.judged import bench_judged
from domain.minutes import WINDOW
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from pipeline.queries.groups import GroupsQuestion, get_groups
from pipeline.queries.ranking import RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

KEY = keys(1)[0]
HOUR, FOUR_HOURS, DAY = 4, 16, 96
BATCH = 64
TIMES_ASKED = 50


async def _median(ask: Callable[[Tables], Awaitable[object]], tables: Tables) -> float:
    """Return the median milliseconds of a question, after a first one."""
    await ask(tables)
    spent = []
    for _ in range(TIMES_ASKED):
        start = time.perf_counter()
        await ask(tables)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1e3


async def _with_store(
    bodies: Iterable[bytes], questions: dict[str, tuple[float, Callable[[Tables], Awaitable[object]]]]
) -> dict[str, float]:
    """Fill a store, average, ask, and print the milliseconds of each question with the most that they may be."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        documents = SqliteDocuments(Path(folder) / "store.db", schema(30, 400), lambda: NOW)
        tables = Tables(documents)
        waiting = iter(bodies)
        while batch := [Message(body, "m", NOW) for body in islice(waiting, BATCH)]:
            await ingest(tables, batch, HORIZON)
        await average(tables, TIMES)
        await average(tables, replace(TIMES, now=NOW + TIMES.lateness))  # closes all windows
        found = {}
        for name, (most, ask) in questions.items():
            found[name] = await _median(ask, tables)
            print(f"{name:44}{found[name]:>8.2f} ms (at most {most:g})", flush=True)
        await documents.close()
    return found


def _windows(tenants: int, vms: int, windows: int, counters: int) -> Iterator[bytes]:
    for number in reversed(range(windows)):
        yield from messages(tenants, vms, LAST_WINDOW - number * WINDOW, counters)


def _percentiles(windows: int) -> Callable[[Tables], Awaitable[object]]:
    async def ask(tables: Tables) -> None:
        question = Question([KEY], minutes=windows * 15, percentiles=(50, 95, 99))
        answer = await charts.get_data(tables, question, VIEW)
        assert len(answer.data) == windows * 15  # noqa: S101
        assert answer.data[0].percentiles  # noqa: S101

    return ask


def _ranking(tenant: int | None, rows: int) -> Callable[[Tables], Awaitable[object]]:
    async def ask(tables: Tables) -> None:
        name = None if tenant is None else tenant_name(tenant)
        question = RankingQuestion(KEY, Windows(), name, limit=rows)
        answer = await get_ranking(tables, question, VIEW, str)
        assert len(answer.data) == rows  # noqa: S101

    return ask


def _groups(windows: int) -> Callable[[Tables], Awaitable[object]]:
    async def ask(tables: Tables) -> None:
        answer = await get_groups(tables, GroupsQuestion(KEY, "Region", Windows(newest=windows)), VIEW)
        assert len({item.window for item in answer.data}) == windows  # noqa: S101

    return ask


async def _measure() -> dict[str, Any]:
    whole = await _with_store(
        _windows(100, 100, FOUR_HOURS, 1),
        {
            "percentiles of 60 minutes, 10,000 VMs": (1.5, _percentiles(HOUR)),
            "get-ranking of the fleet": (1, _ranking(None, 20)),
            "get-groups of the fleet, 4 hours": (3, _groups(FOUR_HOURS)),
        },
    )
    day = await _with_store(_windows(4, 100, DAY, 1), {"percentiles of 24 hours": (25, _percentiles(DAY))})
    small = await _with_store(_windows(1, 100, 1, 40), {"get-ranking of a tenant of 100 VMs": (3, _ranking(0, 100))})
    large = await _with_store(
        _windows(1, 1000, 1, 40), {"get-ranking of a tenant of 1,000 VMs": (20, _ranking(0, 1000))}
    )
    return {"milliseconds": {**whole, **day, **small, **large}}


def bench_populations() -> dict[str, Any]:
    """Print and return the medians."""
    return {**asyncio.run(_measure()), "judged": bench_judged()}
