"""The example of docs/wire.md: it works with the present time, and is refused as it stands, with what to do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from local.message import EXAMPLE
from tests.app.conftest import ROOT, Local

PRINTED = next(iter(re.findall(r"```json\n(.*?)```", (ROOT / "docs/wire.md").read_text(), re.DOTALL)))
KEY = "win_service.WinDefend"


def send(data: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DATA": str(data)}
    command = [sys.executable, "-m", "local.message"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_page_prints_the_example_that_is_sent() -> None:
    assert json.loads(PRINTED) == {"metrics": [EXAMPLE]}


def test_as_it_stands_it_is_refused_with_what_to_do_and_with_the_present_time_it_is_answered(local: Local) -> None:
    local.start()
    local.put("example", PRINTED.encode())
    local.settled()
    only = local.get("/v1/status")[1]["onlyRefused"]
    assert (only["since"], only["inputs"]) == (None, 1)
    assert only["reasons"][0]["reason"] == "timestamp is older than samples are kept"
    assert "present time" in only["reasons"][0]["advice"]
    assert send(local.data).returncode == 0
    local.settled()
    answer = local.get(f"/v1/get-data?key={KEY}&minutes=1")
    assert (answer[0], answer[1]["data"][0]["average"], answer[1]["data"][0]["count"]) == (200, 1, 1)
    assert local.get("/v1/status")[1]["onlyRefused"] is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("a file")
    done = send(tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "queue") in done.stderr
