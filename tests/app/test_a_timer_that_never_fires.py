"""Averaging goes on where its timer has stopped: ingest, invoked by Microsoft's worker library, drives it."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.closing import Progress
from domain.minutes import WINDOW
from pipeline.queries.status import Status, status
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.app.conftest import ROOT
from tests.builders import KEY, a_message, a_view, records_of

NOW = int(time.time())
NEWEST = NOW // WINDOW * WINDOW - WINDOW

INGEST = """
import asyncio, sys
from pathlib import Path
from local.worker import Worker

async def ingest():
    worker = await Worker.load(Path.cwd())
    exec(sys.argv[2])
    for number in range(2):
        await worker.queue_batch(worker.functions["ingest"], [("m", Path(sys.argv[1]).read_bytes(), 1)])

asyncio.run(ingest())
"""
FAILS = """
from blueprints import ingest
async def run(by, seconds, invocation): raise ValueError("a fault in averaging")
ingest.run = run
"""
LASTS = """
from blueprints import ingest
async def run(by, seconds, invocation): await asyncio.Event().wait()
ingest.run, ingest.AVERAGING_SECONDS = run, 0.01
"""


def ingested(folder: Path, runs: Progress | None, before: str = "") -> tuple[Status, str]:
    """Ingest a batch, and once more, in a process in which no timer fires; return the status and the log."""
    store, message = folder / "store.db", folder / "message"
    message.write_bytes(a_message(records_of("tenant-1", "v", KEY, [1.0] * 15, NEWEST)))

    async def prepare() -> None:
        documents = SqliteDocuments(store, schema(30, 400))
        if runs:
            await Tables(documents).progress.write(runs, None)
        await documents.close()

    async def look() -> Status:
        documents = SqliteDocuments(store, schema(30, 400))
        found = await status(Tables(documents), a_view(NOW))
        await documents.close()
        return found

    asyncio.run(prepare())
    environment = {"PATH": os.environ["PATH"], "SQLITE_PATH": str(store)}
    done = subprocess.run(
        [sys.executable, "-c", INGEST, str(message), before],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return asyncio.run(look()), done.stderr


@pytest.mark.parametrize(
    "runs",
    [None, Progress(runs={"timer": NOW - 200}), Progress(runs={"timer": NOW - 3600, "ingest": NOW - 200})],
    ids=["never", "the timer stopped", "since an hour"],
)
def test_what_is_ingested_is_averaged(tmp_path: Path, runs: Progress | None) -> None:
    found, log = ingested(tmp_path, runs)
    assert found.newestMinute == NEWEST + 14 * 60 + 30
    assert found.averagingRuns["ingest"] >= NOW
    assert found.averagingRuns.get("timer") == (runs.runs["timer"] if runs else None)
    assert log.count("averaging stands still: ingest drives it") == 1  # and not at the second batch of the minute


def test_where_the_timer_fires_ingest_only_ingests(tmp_path: Path) -> None:
    runs = Progress(runs={"timer": int(time.time())})
    found, log = ingested(tmp_path, runs)
    assert (found.newestMinute, found.dirtyMarks, found.averagingRuns) == (None, 1, runs.runs)
    assert "stands still" not in log


@pytest.mark.parametrize(
    ("before", "said"), [(FAILS, "a fault in averaging"), (LASTS, "ingest averages no longer")], ids=["fails", "lasts"]
)
def test_whatever_comes_of_averaging_the_batch_is_done(tmp_path: Path, before: str, said: str) -> None:
    found, log = ingested(tmp_path, None, before)
    assert found.dirtyMarks == 1  # it is stored, and the message was not given back: the process ended well
    assert said in log
