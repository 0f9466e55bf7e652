"""Killing the local host (kill -9) in the middle of an operation: the next start goes on, to the same end.

Each operation is killed at random moments of the time that it takes undisturbed, until five kills have hit it at work;
one that goes on is killed again.
"""

import json
import random
import shutil
import signal
import sqlite3
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.minutes import WINDOW
from domain.samples import FUTURE_TOLERANCE
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, a_message, records_of

HITS = 5
MOST_KILLS = 60
"""After which it is said that they don't hit."""

TENANTS, VMS, WINDOWS, LETTERS = 3, 2, 80, 600
"""So many that each operation takes some tenths of a second, or a second."""

NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
OLDEST = NEWEST - (WINDOWS - 1) * WINDOW


def documents(data: Path) -> dict[tuple[str, str, str], Any]:
    """Everything that is stored but what tells times: of operations, of averaging's last run, and of who was seen."""
    with sqlite3.connect(f"file:{data / 'store.db'}?mode=ro", uri=True) as store:
        rows = store.execute('SELECT "table", partition, id, body FROM documents WHERE "table" != \'operations\'')
        found = {
            (table, partition, name): json.loads(zlib.decompress(body) if table == "samples" else body)
            for table, partition, name, body in rows
        }
    store.close()
    found["marks", "progress", "fleet"].pop("runs", None)
    for (_, partition, _), body in found.items():
        if partition == "senders":
            del body["seen"]  # a quarter of an hour, which may end while the test runs
    return found


def summarized(host: Local) -> None:
    """Wait until all is averaged, and nothing is left to be made of the fleet's summaries."""

    def due() -> int:
        with sqlite3.connect(f"file:{host.data / 'store.db'}?mode=ro", uri=True) as store:
            found = store.execute("SELECT count(*) FROM documents WHERE \"table\" = 'marks' AND partition = 'due'")
            ((number,),) = found.fetchall()
        store.close()
        return int(number)

    host.settled()
    wait_for(lambda: due() == 0, "the fleet's summaries")


@dataclass
class Case:
    """An operation, on a store that was prepared for it, with what it comes to undisturbed.

    ``seconds`` is how long its steps take.
    """

    template: Path
    path: str
    expected: dict[tuple[str, str, str], Any]
    seconds: float


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a fleet of some hours in it."""
    host = Local(tmp_path_factory.mktemp("kills") / "template")
    host.start()
    for tenant in range(TENANTS):
        records = [
            record
            for vm in range(VMS)
            for window in range(OLDEST, NEWEST + 1, WINDOW)
            for record in records_of(f"t{tenant}", f"v{vm}", KEY, [tenant + vm / 8] * 15, window)
        ]
        host.put(f"m{tenant}", a_message(records, zipped=True))
    host.settled()
    assert host.stop() == 0
    return host.data


def measured(template: Path, folder: Path, path: str, spoil: Callable[[Path], None]) -> Case:
    spoilt = a_copy(template, folder / "spoilt").data
    spoil(spoilt)
    host = a_copy(spoilt, folder / "undisturbed")
    host.start()
    status_path = host.start_operation(path)
    planned(host)
    began = time.monotonic()
    host.operation_ended(status_path)
    seconds = time.monotonic() - began
    summarized(host)
    host.stop()
    assert documents(host.data) != documents(spoilt)
    return Case(spoilt, path, documents(host.data), seconds)


def a_copy(template: Path, data: Path) -> Local:
    shutil.copytree(template, data)
    return Local(data, {"LOG_LEVEL": "INFO"})


def planned(host: Local) -> None:
    """Wait until an operation's steps are known, and it begins to do them."""
    wait_for(lambda: "operation planned" in host.log, "the plan", pause=0.005)


def at_work(data: Path) -> bool:
    """Tell whether an operation was running when the host was killed."""
    with sqlite3.connect(f"file:{data / 'durable.db'}?mode=ro", uri=True) as hub:
        ((status,),) = hub.execute("SELECT status FROM instances WHERE parent IS NULL")
    hub.close()
    return bool(status == "Running")


def spoil_report(data: Path) -> None:
    """Make report rows wrong, so that a rebuild has something to mend."""
    with sqlite3.connect(data / "store.db") as store:
        found = store.execute("SELECT id, body FROM documents WHERE \"table\" = 'report'").fetchall()
        for name, body in found:
            wrong = json.loads(body)
            if "rows" not in wrong:  # what tenants are shown stands beside them, and is not rebuilt
                continue
            wrong["rows"][0] |= {"average": -1.0, "PerfValue": -1.0}
            store.execute(
                "UPDATE documents SET body = ? WHERE \"table\" = 'report' AND id = ?", (json.dumps(wrong), name)
            )
    store.close()


def put_dead_letters(data: Path) -> None:
    for number in range(LETTERS):
        body = a_message(records_of("t9", f"v{number}", KEY, [float(number)] * 15, NEWEST))
        (data / "queue" / "dead" / f"letter-{number}").write_bytes(body)


CASES = {
    "rebuild": (f"/v1/admin/rebuild?start={OLDEST}&end={NEWEST + WINDOW}", spoil_report),
    "purge": ("/v1/admin/purge?tenant=t1&confirm=t1", lambda data: None),  # noqa: ARG005
    "resubmission": ("/v1/admin/dead-letters/resubmit", put_dead_letters),
}


@pytest.mark.parametrize("operation", CASES)
def test_an_operation_that_is_killed_goes_on_to_the_same_end(template: Path, operation: str, tmp_path: Path) -> None:
    case = measured(template, tmp_path, *CASES[operation])
    chance = random.Random(7)  # noqa: S311
    kills = hits = in_between = 0
    beginning = documents(case.template)
    while hits < HITS:
        host = a_copy(case.template, tmp_path / f"{kills}")
        host.start()
        status_path = host.start_operation(case.path)
        planned(host)
        hit = True
        while hit and hits < HITS:  # so that it ends also where each kill hits, however fast it goes on
            time.sleep(chance.uniform(0, case.seconds))  # not to wait for anything: this is when it is killed
            host.stop(signal.SIGKILL)
            kills += 1
            hit = at_work(host.data)
            hits += hit
            in_between += documents(host.data) not in (beginning, case.expected)
            assert kills < MOST_KILLS, f"only {hits} kills hit it at work"
            host.start()
        assert host.operation_ended(status_path)["state"] == "done"
        summarized(host)
        host.stop()
        assert documents(host.data) == case.expected, f"killed {kills} times"
        shutil.rmtree(host.data)
    assert in_between, "each kill came before the first change, or after the last"
    assert FUTURE_TOLERANCE < WINDOW  # what was prepared lies within the horizon all the while
