"""The local host: its queue folder, failures, restarts and what it says."""

import gzip
import json
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from domain.minutes import WINDOW
from local.host import next_time
from local.queue import MOST_DELIVERIES, FolderQueue
from local.routes import match, routes
from local.worker import Function
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, a_message, a_record, records_of
from tests.pipeline.oracle import report_of, samples_of

WINDOW_START = int(time.time()) // WINDOW * WINDOW - WINDOW


def rows_of(local: Local, key: str = KEY) -> dict[tuple[str, int], dict[str, Any]]:
    _, body, _ = local.get(f"/v1/get-data?key={key}&minutes=60")
    names = ("average", "count", "tenants", "min", "max")
    return {(key, item["timestamp"]): {name: item[name] for name in names} for item in body.get("data", [])}


def test_messages_put_by_hand_give_exactly_the_averages_of_an_independent_calculation(local: Local) -> None:
    local.start()
    bodies = [
        a_message(
            records_of(f"t{vm % 3}", f"v{vm}", KEY, [vm * 1.1 + minute / 7 for minute in range(15)], WINDOW_START)
        )
        for vm in range(9)
    ]
    for number, body in enumerate(bodies):
        local.put(f"message-{number}.json", body if number % 2 else gzip.compress(body))
    bad = a_record(timestamp=WINDOW_START, PerfValue=float("nan"))
    local.put("bad sample", a_message([bad, *records_of("t0", "v0", KEY, {WINDOW_START + 30: 0.0}, WINDOW_START)]))
    local.put("bad message", b"{")
    local.put("bomb", gzip.compress(bytes(30_000_000)))
    local.settled()
    found = rows_of(local)
    expected = report_of(samples_of(bodies))
    first = (KEY, WINDOW_START + 30)
    assert {at: row for at, row in found.items() if at != first} == {
        at: row for at, row in expected.items() if at != first
    }
    status = local.get("/v1/status")[1]
    assert status["quarantinedToday"] == sum(status["refusals"].values()) == 3
    assert any("unzips to more than" in reason for reason in status["refusals"])
    assert local.stop() == 0


def test_it_says_when_it_is_ready_what_it_does_and_ends_cleanly(local: Local) -> None:
    local.start()
    for said in (
        f"http://127.0.0.1:{local.port}/",
        "/v1/get-data",
        str(local.data / "queue"),
        "development host",
        "FLEET=0",
    ):
        assert said in local.log
    assert local.stop(signal.SIGTERM) == 0
    assert "Traceback" not in local.log


def test_a_second_start_goes_on_where_it_was(local: Local) -> None:
    local.start()
    local.put("one", a_message(records_of("t", "v", KEY, [1.0] * 15, WINDOW_START)))
    local.settled()
    assert local.stop() == 0
    local.put("two", a_message(records_of("t", "w", KEY, [3.0] * 15, WINDOW_START)))
    local.start()
    local.settled()
    assert {row["average"] for row in rows_of(local).values()} == {2.0}


def test_a_message_that_was_not_ingested_when_the_host_was_killed_comes_again(local: Local) -> None:
    local.start()
    for number in range(30):
        local.put(f"m{number}", a_message(records_of("t", f"v{number}", KEY, [1.0] * 15, WINDOW_START)))
    assert local.stop(signal.SIGKILL) == -signal.SIGKILL
    local.start()
    local.settled()
    assert {row["count"] for row in rows_of(local).values()} == {30}


def test_while_the_store_is_down_messages_wait_and_queries_say_503(local: Local) -> None:
    local.start()
    local.put("one", a_message(records_of("t", "v", KEY, [1.0] * 15, WINDOW_START)))
    local.settled()
    with sqlite3.connect(local.data / "store.db") as broken:
        broken.execute("ALTER TABLE documents RENAME TO elsewhere")
    local.put("two", a_message(records_of("t", "w", KEY, [3.0] * 15, WINDOW_START)))
    status, body, headers = local.get(f"/v1/get-data?key={KEY}&minutes=1")
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert int(headers["retry-after"]) > 0
    assert "store" in body["detail"]
    assert str(local.data) not in body["detail"]
    wait_for(lambda: "ingest waits" in local.log, "the failure to be said")
    with sqlite3.connect(local.data / "store.db") as mended:
        mended.execute("ALTER TABLE elsewhere RENAME TO documents")
    mended.close()
    broken.close()
    wait_for(lambda: not (local.data / "queue" / "two").exists(), "the message to be taken")
    local.settled()
    assert {row["average"] for row in rows_of(local).values()} == {2.0}


def test_a_missing_setting_is_said_by_name(local: Local) -> None:
    local.settings = {"ALLOWED_LATENESS_MINUTES": "soon"}
    local.start()
    status, body, _ = local.get("/v1/status")
    assert status == 500
    assert "ALLOWED_LATENESS_MINUTES" in body["detail"]
    status, body, _ = local.get("/v1/health")  # which anybody may ask
    assert (status, "ALLOWED_LATENESS_MINUTES" in body["detail"]) == (500, False)


@pytest.mark.parametrize("settings", [{"PORT": "no"}, {"FLEET": "-1"}, {"PORT": "70000"}])
def test_a_bad_option_is_said_by_name(local: Local, settings: dict[str, str]) -> None:
    local.settings = settings
    local.start()
    assert local.process
    assert local.process.wait() == 1
    assert next(iter(settings)) in local.log


def test_a_port_that_is_taken_is_said_so(local: Local, tmp_path: Path) -> None:
    local.start()
    second = Local(tmp_path / "second", port=local.port).start()
    assert second.process
    assert second.process.wait() == 1
    assert f"port {local.port}" in second.log
    assert "Traceback" not in second.log


def deliver(queue: FolderQueue) -> list[str]:
    return [delivery.path.name for delivery in queue.take(64)[0]]


def test_a_message_is_delivered_so_many_times_and_then_moved_to_dead(tmp_path: Path) -> None:
    (tmp_path / "poison").write_bytes(b"x")
    for count in range(1, MOST_DELIVERIES + 1):
        queue = FolderQueue(tmp_path)  # counts survive a restart
        deliveries, _ = queue.take(64)
        assert [(delivery.path.name, delivery.count) for delivery in deliveries] == [("poison", count)]
        queue.abandon(deliveries)
    assert deliver(FolderQueue(tmp_path)) == []
    assert (tmp_path / "dead" / "poison").read_bytes() == b"x"
    assert not (tmp_path / ".deliveries.json").exists()


def test_files_that_are_no_messages_yet_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in (".hidden", "writing.tmp"):
        (tmp_path / name).write_bytes(b"x")
    assert deliver(FolderQueue(tmp_path)) == []


def test_messages_are_delivered_in_batches_oldest_first(tmp_path: Path) -> None:
    import os  # noqa: PLC0415

    for number, name in enumerate(["c", "a", "b"]):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (number, number))
    queue = FolderQueue(tmp_path)
    assert [delivery.path.name for delivery in queue.take(2)[0]] == ["c", "a"]
    queue.complete(queue.take(2)[0])
    assert deliver(queue) == ["b"]


def test_a_broken_file_of_delivery_counts_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".deliveries.json").write_text("[1]")
    (tmp_path / "m").write_bytes(b"x")
    assert deliver(FolderQueue(tmp_path)) == ["m"]


def a_function(name: str, route: str | None, methods: list[str] | None = None) -> Function:
    return Function(name, {"type": "httpTrigger", "name": "req", "route": route, "methods": methods}, [], name)


ROUTES = routes(
    [
        a_function("b", "v1/things/{id:int}", ["GET"]),
        a_function("a", "v1/things/{name}", ["GET"]),
        a_function("z", "files/{*path}"),
        a_function("root", "{x:maxlength(0)?}"),
        a_function("named", None, ["POST"]),
        a_function("option", "o/{id?}"),
    ],
    "",
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/things/7", ("a", {"name": "7"})),  # sorted by name, the first that matches wins
        ("GET", "/V1/THINGS/x/", ("a", {"name": "x"})),
        ("GET", "/v1/things/a%2Fb", ("a", {"name": "a%2Fb"})),  # the one that stays encoded
        ("GET", "/v1/things/a%2fb%20c%252F", ("a", {"name": "a%2fb c%2F"})),
        ("GET", "/%761/th%69ngs/x", ("a", {"name": "x"})),
        ("GET", "//", None),
        ("GET", "//v1/things/x", None),
        ("GET", "/v1/things/x//", None),
        ("GET", "/files//a", None),
        ("GET", "/files/", ("z", {})),
        ("GET", "/files/a%0Ab", ("z", {"path": "a\nb"})),
        ("POST", "/v1/things/7", None),
        ("GET", "/files/a/b.js", ("z", {"path": "a/b.js"})),
        ("GET", "/", ("root", {})),
        ("GET", "/x", None),
        ("POST", "/named", ("named", {})),
        ("GET", "/o", ("option", {})),
        ("GET", "/o/1", ("option", {"id": "1"})),
        ("GET", "/o/1/2", None),
    ],
)
def test_routes_are_found_as_the_host_finds_them(method: str, path: str, expected: Any) -> None:
    found = match(ROUTES, method, path)
    assert (found and (found[0].function.name, found[1])) == expected


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 * * * * *", 1_790_000_010, 1_790_000_040),
        ("*/10 * * * * *", 1_790_000_011, 1_790_000_020),
        ("*/5 * * * *", 1_790_000_010, 1_790_000_100),  # five fields: no seconds
        ("0 0 3 * * *", 1_790_000_000, 1_790_046_000),
    ],
)
def test_schedules_are_read_as_ncrontab(schedule: str, after: int, expected: int) -> None:
    assert next_time(schedule, after) == expected


def test_the_sample_fleet_fills_two_hours_through_the_queue(local: Local) -> None:
    local.settings = {"FLEET": "12"}
    local.start()

    wait_for(lambda: len(local.get(f"/v1/get-data?key={KEY}&minutes=120")[1].get("data", [])) >= 115, "two hours")
    tenants = local.get("/v1/tenants")[1]["data"]
    assert len(tenants) == 6
    assert "filling the last two hours" in local.log
    state = json.loads((local.data / "fleet.json").read_text())
    assert local.stop() == 0
    assert state["pushed_until"] % 60 == 0
