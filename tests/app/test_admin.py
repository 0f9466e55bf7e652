"""The operator's endpoints on the running local host: what they start, show and refuse."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from blueprints.http.quarantine import MOST_LISTED
from domain.minutes import WINDOW, utc_day
from tests.app.conftest import ROOT, Local, wait_for
from tests.builders import KEY, a_message, a_record, records_of

NOW = int(time.time())
WINDOW_START = NOW // WINDOW * WINDOW - WINDOW
CALLERS = {
    "ann": {"roles": "operator", "preferred_username": "ann@example.com"},
    "bob": {"tenant": "t+/1=="},
    "scraper": {"roles": "machine", "azp": "scraper"},
}
STARTING = ("rebuild", "purge", "empty", "quarantine/reingest", "quarantine/drop", "dead-letters/resubmit")
SHOWING = ("quarantine", "quarantine/message", "dead-letters", "operations")
ONE = "operations/rebuild-0000000000000000"
BAD_RECORD = a_record(timestamp=WINDOW_START, PerfType="a.b", MaskedTenantId="t+/1==")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = {"PRINCIPALS": json.dumps(CALLERS), "TENANT_CLAIM": "tenant", "TENANT_IDS": '{"t+/1==": "t+/1=="}'}
    host = Local(tmp_path_factory.mktemp("admin") / "data", settings, operator={"Authorization": "Bearer ann"})
    host.start()
    for tenant in ("t+/1==", "t2", "t3"):
        for vm in ("v/1", "v2"):
            host.put(
                f"{tenant.replace('/', '-')}{vm.replace('/', '-')}",
                a_message(records_of(tenant, vm, KEY, [1.0] * 15, WINDOW_START)),
            )
    host.settled()
    yield host
    host.stop()


def ask(host: Local, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    status, body, _ = host.get(f"/v1/admin/{path}", method, {**host.operator, **headers})
    return status, body


@pytest.mark.parametrize("caller", ["bob", "scraper"])
def test_all_of_it_is_for_operators_only(host: Local, caller: str) -> None:
    for path in STARTING:
        assert ask(host, path, "POST", Authorization=f"Bearer {caller}")[0] == 403
    for path in SHOWING:
        assert ask(host, path, Authorization=f"Bearer {caller}")[0] == 403
    for method, path in (("GET", ONE), ("DELETE", ONE), ("POST", f"{ONE}/stop")):
        assert ask(host, path, method, Authorization=f"Bearer {caller}")[0] == 403
    assert host.get("/v1/admin/operations")[0] == 401


def test_what_changes_something_is_posted(host: Local) -> None:
    for path in STARTING:
        status, body, headers = host.get(f"/v1/admin/{path}", headers=host.operator)
        assert (status, headers["allow"], "POST is" in body["detail"]) == (405, "POST", True)


def test_a_page_of_another_site_can_not_post(host: Local) -> None:
    status, body = ask(host, "dead-letters/resubmit", "POST", **{"Sec-Fetch-Site": "cross-site"})
    assert (status, "another site" in body["detail"]) == (403, True)


def test_a_rebuild_answers_with_where_to_ask_and_is_written_down(host: Local) -> None:
    status, body, headers = host.get(f"/v1/admin/rebuild?start={WINDOW_START}", "POST", host.operator)
    assert (status, headers["location"], headers["cache-control"]) == (202, body["statusUrl"], "no-store")
    ended = host.operation_ended(body["statusUrl"])
    assert (ended["id"], ended["state"], ended["figures"]["rows"]) == (body["id"], "done", 0)
    assert ended["progress"]["done"] == ended["progress"]["total"] > 0
    record = ask(host, "operations")[1]["data"][0]
    assert (record["kind"], record["by"], record["state"]) == ("rebuild", "ann@example.com", "done")
    assert record["command"]["start"] == WINDOW_START
    assert NOW - 60 < record["started"] <= record["ended"]


def test_asking_again_while_it_runs_finds_the_one_that_runs(host: Local) -> None:
    before = len(ask(host, "operations")[1]["data"])
    path = f"/v1/admin/rebuild?start={NOW - 9 * 86_400}&end={NOW - 86_400}"  # long enough to ask again meanwhile
    first = host.start_operation(path)
    again = host.start_operation(path)
    assert again == first
    assert host.get(first)[0] == 401
    assert host.get(first, headers=host.operator)[1]["state"] == "running"
    assert [host.get(first, "DELETE", headers)[0] for headers in ({}, host.operator)] == [401, 409]
    assert host.operation_ended(first)["state"] == "done"
    assert len(ask(host, "operations")[1]["data"]) == before + 1


def test_a_long_quarantine_comes_page_by_page(host: Local) -> None:
    for number in range(MOST_LISTED + 3):
        host.put(f"bad-{number}", b"{" + b" " * number)
    host.settled()
    first = ask(host, "quarantine")[1]
    second = ask(host, f"quarantine?page={first['nextPage']}")[1]
    assert (len(first["data"]), second["nextPage"]) == (MOST_LISTED, None)
    names = [each["message"] for each in [*first["data"], *second["data"]]]
    assert names == sorted(set(names))
    assert len(names) >= MOST_LISTED + 3
    host.operation_ended(host.start_operation(f"/v1/admin/quarantine/drop?day={first['day']}"))
    assert ask(host, "quarantine")[1]["data"] == []


def test_the_status_is_for_who_has_the_key(host: Local) -> None:
    path = host.start_operation(f"/v1/admin/rebuild?start={WINDOW_START}")
    host.operation_ended(path)
    assert host.get(path.replace("code=", "code=x"))[0] == 401
    assert host.get(path.partition("?")[0])[0] == 401
    assert host.get("/durabletask/x/instances/")[0] == 401


# All others, and without HTTP: test_parameters.py.
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("rebuild?start=1000", ["start"]),  # which the work refuses, not the reading
        ("purge?tenant=t2&confirm=t3", ["confirm"]),
        ("quarantine/drop?day=yesterday&message=1", ["day", "message"]),
        ("quarantine/reingest?day=2026-01-01&tenant=t", ["tenant"]),
    ],
)
def test_bad_parameters_are_all_named_and_nothing_is_started(host: Local, path: str, named: list[str]) -> None:
    before = ask(host, "operations")[1]
    status, body = ask(host, path.format(now=NOW, before=NOW - 1), "POST")
    assert (status, [each["name"] for each in body.get("parameters", [])]) == (400, named), body
    assert ask(host, "operations")[1] == before


@pytest.mark.parametrize(
    "path", ["rebuild?start={now}&tenant=t9", "purge?tenant=t9&confirm=t9", "purge?tenant=t2&vm=v9&confirm=v9"]
)
def test_who_was_never_seen_is_said_so(host: Local, path: str) -> None:
    assert ask(host, path.format(now=NOW), "POST")[0] == 404


def test_a_tenant_is_forgotten_after_its_name_was_typed_again(host: Local) -> None:
    name = quote("t+/1==", safe="")
    counted = host.operation_ended(host.start_operation(f"/v1/admin/purge?tenant={name}&dryRun=true"))["figures"]
    assert (counted["vmWindows"], counted["samples"]) == (2, 30)
    assert len(host.get("/v1/tenants", headers=host.operator)[1]["data"]) == 3
    typed = "t+/1=="  # plus signs that are decoded to blanks mean the same, as elsewhere
    removed = host.operation_ended(host.start_operation(f"/v1/admin/purge?tenant={typed}&confirm={typed}"))["figures"]
    assert (removed["vmWindows"], removed["samples"], removed["rows"]) == (2, 30, 15)
    assert [each["tenant"] for each in host.get("/v1/tenants", headers=host.operator)[1]["data"]] == ["t2", "t3"]
    chart = host.get(f"/v1/get-data?key={KEY}&minutes=15", headers=host.operator)[1]
    assert {each["count"] for each in chart["data"]} == {4}
    records = [each for each in ask(host, "operations")[1]["data"] if each["kind"] == "purge"]
    (record,) = (each for each in records if not each["command"]["dry_run"])
    assert record["command"] == {"tenant": "t+/1==", "vm": None, "before": None, "dry_run": False}
    assert record["figures"] == removed


def test_the_quarantine_is_looked_into_tried_again_and_emptied(host: Local) -> None:
    host.put("bad", a_message([BAD_RECORD, *records_of("t2", "v2", KEY, {WINDOW_START + 30: 1.0})]))
    host.settled()
    listed = ask(host, "quarantine")[1]
    day = listed["day"]
    assert day in (utc_day(NOW), utc_day(NOW + 86_400))
    (message,) = listed["data"]
    assert (message["messageId"], message["refused"]) == ("bad", 1)
    shown = ask(host, f"quarantine/message?day={day}&message={message['message']}")[1]
    (refused,) = shown["data"]
    assert (refused["position"], refused["reason"]) == (0, next(iter(message["reasons"])))
    assert listed["advice"] == {refused["reason"]: refused["advice"]}
    assert refused["advice"]
    assert json.loads(refused["input"])["PerfType"] == "a.b"
    again = host.operation_ended(host.start_operation(f"/v1/admin/quarantine/reingest?day={day}"))
    assert again["figures"] == {"accepted": 0, "stillRefused": 1}
    reason = quote(refused["reason"])
    dropped = host.operation_ended(host.start_operation(f"/v1/admin/quarantine/drop?day={day}&reason={reason}"))
    assert dropped["figures"] == {"dropped": 1}
    assert ask(host, "quarantine")[1]["data"] == []
    assert ask(host, f"quarantine/message?day={day}&message={message['message']}")[0] == 404


def test_dead_letters_are_listed_and_resubmitted(host: Local) -> None:
    body = a_message(records_of("t2", "v5", KEY, [9.0] * 15, WINDOW_START))
    dead = host.data / "queue" / "dead"
    (dead / "good").write_bytes(body)
    (dead / "unreadable").write_bytes(b"{")
    for name in ("good", "unreadable"):
        os.utime(dead / name, (NOW - 100, NOW - 100))
    listed = {each["messageId"]: each for each in ask(host, "dead-letters")[1]["data"]}
    assert (listed["good"]["samples"], listed["good"]["tenants"], listed["good"]["bytes"]) == (15, ["t2"], len(body))
    assert "malformed" in listed["unreadable"]["problem"]
    ended = host.operation_ended(host.start_operation("/v1/admin/dead-letters/resubmit"))
    assert ended["figures"] == {"messages": 2}
    host.settled()
    assert ask(host, "dead-letters")[1] == {"data": []}
    chart = host.get(f"/v1/get-tenant-data?key={KEY}&minutes=1&tenant=t2&vm=v5", headers=host.operator)[1]
    assert [each["PerfValue"] for each in chart["data"]] == [9.0]


def test_the_timer_starts_a_catch_up_where_its_time_does_not_suffice(tmp_path_factory: pytest.TempPathFactory) -> None:
    host = Local(
        tmp_path_factory.mktemp("slow") / "data", {"AVERAGING_BUDGET_SECONDS": "1", "AVERAGING_SCHEDULE": "0 0 0 1 1 *"}
    )
    (host.data / "queue").mkdir(parents=True)
    windows = range(WINDOW_START - 300 * WINDOW, WINDOW_START, WINDOW)
    for number in range(4):
        records = [
            record
            for tenant in range(8)
            for window in windows[number::4]
            for record in records_of(f"t{tenant}", "v", KEY, {window + 30: 1.0})
        ]
        host.put(f"m{number}", a_message(records, zipped=True))
    host.start()  # the timer fires once, at the start, when nothing or not all has been ingested
    try:
        wait_for(lambda: not [path for path in (host.data / "queue").iterdir() if path.is_file()], "the ingest")
        host.stop()
        host.start()
        host.settled()
        records = [each for each in ask(host, "operations")[1]["data"] if each["kind"] == "catch-up"]
        assert records
        assert records[0]["by"] == "the averaging timer"
    finally:
        host.stop()


def command(host: Local, *arguments: str) -> str:
    environment = {**os.environ, "SQLITE_PATH": str(host.data / "store.db")}
    done = subprocess.run(
        [sys.executable, "-m", "local.quarantine", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_command_does_the_same_as_the_endpoints(host: Local) -> None:
    host.put("bad", a_message([BAD_RECORD]))
    host.settled()
    (message,) = (each for each in ask(host, "quarantine")[1]["data"] if each["messageId"] == "bad")
    listed = command(host, "list")
    assert message["message"] in listed
    assert f"1 times: {next(iter(message['reasons']))}" in listed
    assert '"PerfType": "a.b"' in command(host, "list", "--message", message["message"])
    again = command(host, "reingest", "--message", message["message"])
    assert "{'accepted': 0, 'stillRefused': 1}" in again
    assert "{'dropped': 1}" in command(host, "drop", "--message", message["message"])
    assert message["message"] not in command(host, "list")
    assert "no message" in command(host, "list", "--message", message["message"])
    records = ask(host, "operations")[1]["data"]
    assert any(each["by"].endswith("by command") and each["figures"] == {"dropped": 1} for each in records)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    host = Local(tmp_path)
    assert "list failed" in command(host, "list", "--settings", str(tmp_path / "nothing.json"))
