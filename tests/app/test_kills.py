"""Killing the local host (kill -9) in the middle of an operation: the next start goes on, to the same end.

Each operation is killed twenty times, at random moments of the time that it takes undisturbed.
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

KILLS = 20
TENANTS, VMS, WINDOWS, LETTERS = 3, 4, 16, 60
NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
OLDEST = NEWEST - (WINDOWS - 1) * WINDOW


def documents(data: Path) -> dict[tuple[str, str, str], Any]:
    """Everything that is stored but the records of operations, which tell times."""
    with sqlite3.connect(f"file:{data / 'store.db'}?mode=ro", uri=True) as store:
        rows = store.execute('SELECT "table", partition, id, body FROM documents WHERE "table" != \'operations\'')
        found = {
            (table, partition, name): json.loads(zlib.decompress(body) if table == "samples" else body)
            for table, partition, name, body in rows
        }
    store.close()
    return found


@dataclass
class Case:
    """An operation, on a store that was prepared for it, with what it comes to undisturbed, after how many seconds."""

    template: Path
    path: str
    expected: dict[tuple[str, str, str], Any]
    seconds: float


def a_template(folder: Path, spoil: Callable[[Path], None]) -> Path:
    """Make a data folder with a fleet of some hours in it."""
    host = Local(folder / "template")
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
    spoil(host.data)
    return host.data


def measured(folder: Path, path: str, spoil: Callable[[Path], None]) -> Case:
    template = a_template(folder, spoil)
    host = a_copy(template, folder / "undisturbed")
    host.start()
    began = time.monotonic()
    host.operation_ended(host.start_operation(path))
    seconds = time.monotonic() - began
    host.settled()
    host.stop()
    assert documents(host.data) != documents(template)
    return Case(template, path, documents(host.data), seconds)


def a_copy(template: Path, data: Path) -> Local:
    shutil.copytree(template, data)
    return Local(data)


def spoil_report(data: Path) -> None:
    """Make report rows wrong, so that a rebuild has something to mend."""
    with sqlite3.connect(data / "store.db") as store:
        rows = store.execute("SELECT id, body FROM documents WHERE \"table\" = 'report'").fetchall()
        for name, body in rows:
            wrong = json.loads(body)
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


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    path, spoil = CASES[request.param]
    return measured(tmp_path_factory.mktemp(request.param), path, spoil)


def test_an_operation_that_is_killed_goes_on_to_the_same_end(case: Case, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    killed_in_the_middle = 0
    for number in range(KILLS):
        host = a_copy(case.template, tmp_path / f"{number}")
        host.start()
        status_path = host.start_operation(case.path)
        time.sleep(chance.uniform(0, case.seconds))  # not to wait for anything: this is when it is killed
        host.stop(signal.SIGKILL)
        host.start()
        status = wait_for(lambda: host.get(status_path)[1], "the status")  # noqa: B023
        killed_in_the_middle += status.get("runtimeStatus") in ("Pending", "Running")
        assert host.operation_ended(status_path)["runtimeStatus"] == "Completed"
        host.settled()
        host.stop()
        assert documents(host.data) == case.expected, f"killed for the {number}. time"
        shutil.rmtree(host.data)
    assert killed_in_the_middle
    assert FUTURE_TOLERANCE < WINDOW  # what was prepared lies within the horizon all the while
