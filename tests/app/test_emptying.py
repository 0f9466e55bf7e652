"""Emptying the store as its operator does it: over HTTP, and by command on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.empty import in_words
from tests.app.conftest import ROOT, Local, enrol
from tests.builders import KEY, a_message, a_signer, records_of
from tests.page.conftest import NEWEST


def filled(local: Local) -> None:
    enrol(local.data, ["t"])
    local.start()
    local.put("m", a_signer("t").signed(a_message(records_of("t", "v", KEY, [1.0] * 15, NEWEST))))
    local.put("bad", b"{")
    local.settled()
    assert local.get("/v1/tenants")[1]["data"]


def emptied(local: Local) -> bool:
    status = local.get("/v1/status")[1]
    lists = [local.get(f"/v1/{each}")[1]["data"] for each in ("tenants", "counters")]
    return (status["newestMinute"], status["quarantinedToday"], lists) == (None, 0, [[], []])


def by_command(data: Path, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in ("SQLITE_PATH", "COSMOS_ENDPOINT")}
    environment["DATA"] = str(data)
    command = [sys.executable, "-m", "local.empty", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("content", ["{", "[]", '{"Values": 3}', None])
def test_a_settings_file_that_can_not_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "local.settings.json"
    if content is not None:
        path.write_text(content)
    done = by_command(tmp_path, "--settings", str(path))
    assert (done.returncode, str(path) in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_it_shows_what_it_removes_wants_the_stores_name_and_leaves_the_enrolment(local: Local) -> None:
    filled(local)
    status, refused, _ = local.get("/v1/admin/empty?confirm=store", "POST")
    assert status == 400
    assert "store.db" in str(refused)
    assert "its file's" in str(local.get("/v1/admin/empty", "POST")[1])  # who has no name yet is told what it is
    counted = local.operation_ended(local.start_operation("/v1/admin/empty?dryRun=true"))["figures"]
    assert counted["documents"] > 5
    assert not emptied(local)
    done = local.operation_ended(local.start_operation("/v1/admin/empty?confirm=store.db"))
    assert (done["state"], done["figures"]["documents"] >= counted["documents"]) == ("done", True)
    assert emptied(local)
    assert [each["tenant"] for each in local.get("/v1/admin/tenants")[1]["data"]] == ["t"]
    records = [(each["kind"], each["state"]) for each in local.get("/v1/admin/operations")[1]["data"]]
    assert records == [("empty", "done"), ("empty", "done")]
    local.put("again", a_signer("t").signed(a_message(records_of("t", "v", KEY, [2.0] * 15, NEWEST))))
    local.settled()
    assert not emptied(local)


def test_by_command_it_asks_for_the_name_while_the_app_runs_or_not(local: Local) -> None:
    filled(local)
    refused = by_command(local.data, typed="stor.db\n")
    assert refused.returncode == 1
    assert "Nothing was removed" in refused.stderr
    assert not emptied(local)
    done = by_command(local.data, typed="store.db\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "documents." in done.stdout
    assert emptied(local)
    local.stop()
    assert by_command(local.data, "--confirm", "store.db", "--enrolment").returncode == 0
    local.start()
    assert local.get("/v1/admin/tenants")[1]["data"] == []


def test_without_a_store_there_is_nothing_to_remove(tmp_path: Path) -> None:
    done = by_command(tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])
    assert "does not exist" in done.stdout


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ({"documents": 1234}, "1,234 documents"),
        (
            {"documents": 2, "requestUnits": 36_000_000, "dollarMillionths": 9_000_000, "seconds": 7200},
            "2 documents; to remove them takes at most 36,000,000 request units, 9.00 USD and 2.0 hours",
        ),
    ],
)
def test_what_it_costs_is_said_in_words(counted: dict[str, int], words: str) -> None:
    assert in_words(counted) == words
