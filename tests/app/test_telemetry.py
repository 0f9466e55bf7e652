"""What the app says of itself: log lines that can be taken apart, and figures that arrive at Application Insights."""

import json
import os
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from blueprints.telemetry import MOST_NAMED, line
from tests.app.conftest import PATIENCE, ROOT, Local, wait_for
from tests.app.test_local_host import WINDOW_START
from tests.builders import KEY, a_message, a_record, records_of


def test_a_line_is_words_and_then_names_with_values() -> None:
    assert line("did it", count=3, name="plain", said='a "b" = c', none=None, empty="") == (
        'did it count=3 name=plain said="a \\"b\\" = c" none=None empty=""'
    )


def test_of_a_long_list_the_first_few_are_named() -> None:
    assert line("x", few=["a", "b"], none=[]) == 'x few=a,b none=""'
    assert line("x", many=range(MOST_NAMED + 5)) == "x many=0,1,2,3,4,5,6,7,8,9,+5"


@pytest.fixture
def insights() -> Iterator[tuple[str, list[Any]]]:
    """A server on loopback that takes telemetry; its connection string, and what it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = zlib.decompress(body, wbits=31)
            got.extend(json.loads(body))
            answer = json.dumps({"itemsReceived": 1, "itemsAccepted": 1, "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    key = "00000000-0000-0000-0000-000000000001"
    yield f"InstrumentationKey={key};IngestionEndpoint=http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()


def figures(got: list[Any]) -> dict[str, float]:
    """The newest value of every figure that arrived."""
    found: dict[str, float] = {}
    for envelope in got:
        for metric in envelope["data"]["baseData"].get("metrics", []):
            found[metric["name"]] = found.get(metric["name"], 0.0) + metric["value"]
    return found


def test_figures_arrive_at_application_insights_and_lines_name_whose_they_are(
    tmp_path: Path, insights: tuple[str, list[Any]]
) -> None:
    connection, got = insights
    settings = {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "LOG_LEVEL": "INFO",
    }
    host = Local(tmp_path / "data", settings).start()
    try:
        bad = a_record(timestamp=WINDOW_START, PerfType="a.b")
        host.put("the-message", a_message([bad, *records_of("tenant-1", "v", KEY, [1.0] * 15, WINDOW_START)]))
        host.settled()
        wait_for(lambda: {"spot.samples", "spot.rows", "spot.report.age"} <= figures(got).keys(), "figures")
    finally:
        host.stop()
    arrived = figures(got)
    assert (arrived["spot.samples"], arrived["spot.refused"], arrived["spot.rows"]) == (15, 1, 15)
    assert arrived["spot.report.age"] > 0
    (ingested,) = (each for each in host.log.splitlines() if "ingested invocation=" in each)
    for said in (" ids=the-message", " tenants=tenant-1", " windows=20", " samples=15", " refused=1", " reasons="):
        assert said in ingested
    assert "averaged invocation=" in host.log
    assert "Traceback" not in host.log


def test_a_connection_string_that_is_none_costs_figures_and_nothing_else(tmp_path: Path) -> None:
    host = Local(
        tmp_path / "data", {"APPLICATIONINSIGHTS_CONNECTION_STRING": "nonsense", "OTEL_METRIC_EXPORT_INTERVAL": "500"}
    ).start()
    try:
        assert host.get("/v1/health")[0] == 200
        wait_for(lambda: "no metrics are sent" in host.log, "the warning")
        assert host.get("/v1/health")[0] == 200
    finally:
        host.stop()


INGEST_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from blueprints import telemetry
from local.worker import Worker

async def ingest():
    worker = await Worker.load(Path.cwd())
    for number in range(2):
        await worker.queue_batch(worker.functions["ingest"], [("m", Path(sys.argv[1]).read_bytes(), 1)])
    os.kill(os.getpid(), signal.SIGKILL)

exec(sys.argv[2])
asyncio.run(ingest())
"""


def ingest_twice_and_die(folder: Path, connection: str, before: str) -> None:
    """Ingest two batches of 15 samples in a process that is killed right after, and sends nothing by the minute."""
    message = folder / "message"
    message.write_bytes(a_message(records_of("tenant-1", "v", KEY, [1.0] * 15, WINDOW_START)))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SQLITE_PATH": str(folder / "store.db"),
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
    }
    command = [sys.executable, "-c", INGEST_AND_DIE, str(message), before]
    died = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.mark.parametrize(
    ("before", "samples"),
    [("", 15), ("telemetry.FLUSH_AFTER = 0", 30)],
    ids=["the last seconds' are lost", "the last time is long ago"],
)
def test_figures_of_work_are_sent_before_a_process_is_killed_and_never_twice(
    tmp_path: Path, insights: tuple[str, list[Any]], before: str, samples: int
) -> None:
    connection, got = insights
    ingest_twice_and_die(tmp_path, connection, before)
    assert figures(got)["spot.samples"] == samples
    ingest_twice_and_die(tmp_path, connection, before)
    assert figures(got)["spot.samples"] == 2 * samples


def test_work_waits_for_its_figures_no_longer_than_it_may(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes a connection, and never answers
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        connection = f"InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint={address}"
        ingest_twice_and_die(tmp_path, connection, "telemetry.FLUSH_AFTER, telemetry.FLUSH_SECONDS = 0, 0.1")
