"""The local host under load, killed (kill -9) at random moments of its work: what is stored in the end is right.

And what a disk, a folder or a file can do besides: a clear message, and nothing else lost.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.minutes import WINDOW
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.app.conftest import ROOT, Local, wait_for
from tests.builders import KEY, a_message, a_record, records_of
from tests.pipeline.oracle import report_of, samples_of
from tests.pipeline.steps import the_report

HITS = 12
"""So many kills have to hit the ingest in its middle, and so many the averaging."""

MOST_KILLS = 100
"""After which it is said that they don't."""

KILLS_OF_STARTS = 8
MESSAGES, WINDOWS = 500, 8
"""What waits at each start, and of how many windows: some tenths of a second of ingest, then as much of averaging."""

ONLY_AT_THE_START = "0 0 0 1 1 *"
"""The averaging timer fires at each start, and by this schedule not again before the new year."""

Work = Mapping[str, set[str]]
"""What waits for the ingest (messages), and for the averaging (marks, each as it was set)."""

NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
OTHER = "win_mem.available"


def a_body(chance: random.Random, newest: int) -> bytes:
    """A VM's window, whole or in part; the same sample has the same value in every message, so order can't matter."""
    tenant, vm, back = chance.randrange(5), chance.randrange(6), chance.randrange(WINDOWS)
    window = newest - back * WINDOW
    records = []
    for number, key in enumerate((KEY, OTHER)):
        values = {
            window + 30 + 60 * minute: tenant * 100 + vm + minute / 8 + number / 3
            for minute in range(15)
            if chance.random() < 0.8
        }
        records += records_of(f"t{tenant}", f"v{vm}", key, values)
    return a_message(records, zipped=chance.random() < 0.5)


async def report_in(data: Path) -> dict[tuple[str, int], dict[str, Any]]:
    documents = SqliteDocuments(data / "store.db", schema(30, 400))
    try:
        return await the_report(Tables(documents))
    finally:
        await documents.close()


def plain(body: bytes) -> bytes:
    import gzip  # noqa: PLC0415

    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def work_left(data: Path) -> Work:
    waiting = {name for name in os.listdir(data / "queue") if name.startswith(("m", "bad"))}  # noqa: PTH208
    # Read only, so that mending the store after a kill is left to the host.
    with sqlite3.connect(f"file:{data / 'store.db'}?mode=ro", uri=True) as store:
        rows = store.execute("SELECT id, etag FROM documents WHERE \"table\" = 'marks' AND partition = 'dirty'")
        marks = {f"{mark} {etag}" for mark, etag in rows}
    store.close()
    return {"ingest": waiting, "averaging": marks}


def done_of(before: Work, left: Work) -> Work:
    return {kind: before[kind] - left[kind] for kind in before}


def fill_queue(local: Local, chance: random.Random, number: int, sent: list[bytes]) -> None:
    """Let enough messages wait: most for windows of their own, some that were sent before."""
    for message in range(MESSAGES - len(os.listdir(local.data / "queue"))):  # noqa: PTH208
        again = sent and chance.random() < 0.2
        sent.append(chance.choice(sent) if again else a_body(chance, NEWEST - number * WINDOWS * WINDOW))
        local.put(f"m{number}-{message}", sent[-1])


def test_killed_in_the_middle_of_ingest_and_of_averaging_it_comes_to_the_oracles_report(local: Local) -> None:
    chance = random.Random(11)  # noqa: S311
    local.settings = {"AVERAGING_SCHEDULE": ONLY_AT_THE_START}
    local.start()
    local.settled()  # so there is a store to look into
    local.stop()
    sent: list[bytes] = []
    fill_queue(local, chance, 0, sent)
    for _ in range(KILLS_OF_STARTS):
        local.launch()
        time.sleep(chance.uniform(0, 1))  # not to wait for anything: this is when it is killed
        local.stop(signal.SIGKILL)
    hits = Counter[str]()
    number = 0
    while min(hits["ingest"], hits["averaging"]) < HITS:
        number += 1
        assert number < MOST_KILLS, f"too few kills hit work: {hits}"
        fill_queue(local, chance, number, sent)
        local.put(f"bad{number}", a_message([a_record(PerfType="a.b", PerfName=f"p{number}")]))
        before = work_left(local.data)
        local.launch()
        wait_for(lambda: any(done_of(before, work_left(local.data)).values()), "work to begin", pause=0.01)  # noqa: B023
        time.sleep(chance.uniform(0, 0.3))  # not to wait for anything: this is when it is killed
        local.stop(signal.SIGKILL)
        left = work_left(local.data)
        # Each works off what it finds at the start, and pauses nowhere: where a part is done, it was at work.
        hits.update(work for work, done in done_of(before, left).items() if done and done < before[work])
    local.settings = {}
    local.start()
    local.settled()
    assert local.get("/v1/status")[1]["quarantinedToday"] == number
    assert local.stop() == 0
    assert "Traceback" not in local.log
    assert asyncio.run(report_in(local.data)) == report_of(samples_of(map(plain, sent)))
    with sqlite3.connect(local.data / "store.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_disk_that_is_full_is_said_so_and_what_waits_is_taken_when_there_is_room(local: Local) -> None:
    bodies = [
        a_message(
            [record for number in range(40) for record in records_of("t", f"v{vm}", f"win_x.p{number}", values, NEWEST)]
        )
        for vm in range(60)
        for values in [[vm + minute / 7 for minute in range(15)]]
    ]
    local.most_bytes = 150_000  # of a file: the store, and its log
    local.start()
    for number, body in enumerate(bodies):
        local.put(f"m{number}", body)
    wait_for(lambda: "ingest waits" in local.log, "the failure to be said")
    assert "the store" in local.log
    assert local.stop(signal.SIGKILL) == -signal.SIGKILL
    dead = local.data / "queue" / "dead"
    local.most_bytes = None
    local.start()
    with contextlib.suppress(FileNotFoundError):
        for path in dead.iterdir():  # what failed too often meanwhile
            path.replace(local.data / "queue" / path.name)
    local.settled()
    rows = local.get("/v1/get-data?key=win_x.p0&minutes=15")[1]["data"]
    assert {row["count"] for row in rows} == {60}
    assert local.stop() == 0


def test_a_data_folder_that_can_not_be_written_is_said_so() -> None:
    environment = {**os.environ, "DATA": "/proc/no-such-place", "FLEET": "0", "PORT": "7196"}
    done = subprocess.run(
        [sys.executable, "-m", "local"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "with data in /proc/no-such-place" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", bytes(1000), b'{"metrics": [1, 2'])
def test_a_corrupt_file_in_the_queue_harms_nobody(local: Local, content: bytes) -> None:
    local.start()
    local.put("corrupt", content)
    local.put("good", a_message(records_of("t", "v", KEY, [1.0] * 15, NEWEST)))
    local.settled()
    assert len(local.get(f"/v1/get-data?key={KEY}&minutes=15")[1]["data"]) == 15
    (message,) = local.get("/v1/admin/quarantine")[1]["data"]
    assert (message["messageId"], message["refused"]) == ("corrupt", 1)
    assert json.dumps(message["reasons"]).count("message") == 1


def test_a_corrupt_document_is_said_and_holds_up_nobody_else(local: Local) -> None:
    local.start()
    for vm, tenant in enumerate(("t", "u")):
        local.put(tenant, a_message(records_of(tenant, f"v{vm}", KEY, [1.0 + vm] * 15, NEWEST)))
    local.settled()
    with sqlite3.connect(local.data / "store.db") as store:
        store.execute("UPDATE documents SET body = x'00' WHERE \"table\" = 'samples' AND partition LIKE 't_%'")
    store.close()
    local.put("again", a_message(records_of("t", "v0", KEY, [5.0] * 15, NEWEST)))
    local.put("other", a_message(records_of("u", "v1", KEY, [6.0] * 15, NEWEST)))
    wait_for(lambda: "averaging leaves out what needs it: the document" in local.log, "the damage to be said")
    assert "of the table samples in partition t_" in local.log

    def newest() -> Any:
        return local.get(f"/v1/get-tenant-data?key={KEY}&tenant=u&vm=v1&minutes=1")[1]["data"][-1]

    wait_for(lambda: newest()["tenantAverage"] == 6.0, "the other tenant's average")
    assert local.get("/v1/status")[1]["quarantinedToday"] == 15
    status, problem, _ = local.get(f"/v1/get-tenant-data?key={KEY}&tenant=t&vm=v0&minutes=1")
    assert (status, "corrupt" in problem["detail"]) == (503, True)
    assert local.stop() == 0
    assert "Traceback" not in local.log
