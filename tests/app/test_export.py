"""``python -m local.export``: against the local host, and against an app of our own that fails as it is told."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.charts import FleetItem
from domain.minutes import DAY, HOUR, WINDOW
from local.export import Asking, Ended, Piece, export, main, pieces
from local.forms import COLUMNS, NOT_ASKED
from pipeline.queries.samples import SampleRecord
from tests.app.conftest import ROOT, Local, wait_for
from tests.builders import KEY, TENANT, VM, a_message, records_of

START = int(time.time()) // HOUR * HOUR - 2 * HOUR
MEMORY = "win_mem.percent_used"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    host = Local(tmp_path_factory.mktemp("export") / "data").start()
    host.put("a", a_message(records_of(TENANT, VM, KEY, [1.5] * 15, START)))
    host.put("b", a_message(records_of("other", "x", MEMORY, [2.5] * 15, START + WINDOW)))
    host.put("c", a_message(records_of("other", "=y(1)", KEY, [3.5] * 15, START + HOUR)))
    host.settled()
    yield host
    host.stop()


def run(folder: Path, *more: str, app: str, start: int = START, end: int = START + 2 * HOUR) -> int:
    return main(["--app", app, "--start", str(start), "--end", str(end), "--to", str(folder), *more])


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_the_samples_of_all_tenants_are_in_a_file_for_each_hour(app: Local, tmp_path: Path) -> None:
    assert run(tmp_path, "--form", "ndjson", app=app.address) == 0
    assert len(list(tmp_path.iterdir())) == 2
    rows = rows_of(tmp_path)
    asked = app.get(f"/v1/samples?start={START}&end={START + 2 * HOUR - 1}")[1]["data"]
    assert len(rows) == 45
    assert sorted(rows, key=str) == sorted(asked, key=str)
    assert run(tmp_path / "csv", "--form", "csv", app=app.address) == 0
    one, other = sorted((tmp_path / "csv").iterdir())
    named = [row for path in (one, other) for row in csv.DictReader(path.read_text().splitlines())]
    assert [(row["PerfValue"], row["timestamp"]) for row in named] == [
        (str(row["PerfValue"]), str(row["timestamp"])) for row in rows
    ]
    assert named[-1]["MaskedVMName"] == "'=y(1)"


def test_averages_are_in_a_file_for_each_day(app: Local, tmp_path: Path) -> None:
    assert run(tmp_path, "--form", "ndjson", "--what", "averages", app=app.address, start=START - 3 * DAY) == 0
    assert len(list(tmp_path.iterdir())) == len(pieces("averages", START - 3 * DAY, START + 2 * HOUR))
    asked = app.get(f"/v1/get-data?key=*&start={START}&end={START + 2 * HOUR - 1}&final=true")[1]["data"]
    assert sorted(rows_of(tmp_path), key=str) == sorted(asked, key=str)
    assert {row["PerfType"] for row in asked} == {"win_cpu", "win_mem"}


@pytest.mark.parametrize("what", ["samples", "averages"])
def test_parquet_has_the_same_rows(app: Local, tmp_path: Path, what: str) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq  # noqa: PLC0415

    for form in ("ndjson", "parquet"):
        assert run(tmp_path / form, "--form", form, "--what", what, app=app.address) == 0
    rows = [row for path in sorted((tmp_path / "parquet").iterdir()) for row in pq.read_table(path).to_pylist()]
    told = [{name: row[name] for name in row if name not in NOT_ASKED} for row in rows_of(tmp_path / "ndjson")]
    assert rows == told
    assert rows


@pytest.mark.parametrize(("what", "kind"), [("samples", SampleRecord), ("averages", FleetItem)])
def test_the_columns_are_those_of_the_apis_rows(what: str, kind: Any) -> None:
    hints = get_type_hints(kind)
    of_the_api = {each.name: next(iter(get_args(hints[each.name])), hints[each.name]) for each in fields(kind)}
    of_the_api = {name: of for name, of in of_the_api.items() if name not in NOT_ASKED}
    assert dict(COLUMNS[what]) == of_the_api


def test_a_range_is_cut_at_full_hours() -> None:
    noon = 1_790_000_000 // DAY * DAY + 12 * HOUR
    found = pieces("samples", noon - 60, noon + HOUR + 60)
    assert found == [Piece(noon - 60, noon), Piece(noon, noon + HOUR), Piece(noon + HOUR, noon + HOUR + 60)]
    assert pieces("samples", noon, noon + HOUR) == [Piece(noon, noon + HOUR)]
    assert pieces("averages", noon, noon + 60) == [Piece(noon, noon + 60)]


class Peer(ThreadingHTTPServer):
    """An app with two pages an hour. ``answers``: what it does first instead, a status each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[int, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.retry_after = "0"
        self.elsewhere = ""
        """Where it says that second pages are, if not here."""
        self.holds = threading.Event()
        """While it is not set, second pages of the second hour are not answered."""
        self.holds.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        start, page = int(query["start"]), query.get("page", "1")
        self.server.asked.append((start, page))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if page == "2" and start > START:
            self.server.holds.wait(60)
        status = self.server.answers.pop(0) if self.server.answers else 200
        body = json.dumps({"start": start, "page": page}).encode() + b"\n"
        self.send_response(status)
        if status in (429, 503):
            self.send_header("Retry-After", self.server.retry_after)
        if status == 302:
            self.send_header("Location", f"{self.server.address}/elsewhere?start=0")
        if page == "1":
            self.send_header("Link", f'<{self.server.elsewhere}?start={start}&page=2>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    server = Peer()
    yield server
    server.holds.set()
    server.shutdown()
    server.server_close()


def test_after_being_killed_it_goes_on_with_the_file_that_is_missing(peer: Peer, tmp_path: Path) -> None:
    peer.holds.clear()
    span = ["--start", str(START), "--end", str(START + 2 * HOUR)]
    command = [sys.executable, "-m", "local.export", "--app", peer.address, *span, "--form", "ndjson"]
    process = subprocess.Popen([*command, "--to", str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: (START + HOUR, "2") in peer.asked, "the second hour's second page")
    process.kill()
    process.wait()
    first, second = (piece.name("samples", "ndjson") for piece in pieces("samples", START, START + 2 * HOUR))
    assert sorted(path.name for path in tmp_path.iterdir()) == [first, f"{second}.part"]
    peer.holds.set()
    peer.asked.clear()
    assert run(tmp_path, "--form", "ndjson", app=peer.address) == 0
    assert peer.asked == [(START + HOUR, "1"), (START + HOUR, "2")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [first, second]
    assert rows_of(tmp_path) == [{"start": at, "page": page} for at in (START, START + HOUR) for page in "12"]


@pytest.mark.parametrize("retry_after", ["0", "Thu, 26 Nov 2026 15:00:00 GMT"])
def test_a_page_that_fails_is_asked_for_again(
    peer: Peer, tmp_path: Path, retry_after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.retry_after = retry_after
    peer.answers = [503, 200, 429, 500, 200]
    export(Asking(f"{peer.address}/", {}, pause=0), "samples", "ndjson", [Piece(START, START + HOUR)], tmp_path)
    assert [page for _, page in peer.asked] == ["1", "1", "2", "2", "2"]
    assert [row["page"] for row in rows_of(tmp_path)] == ["1", "2"]
    assert capsys.readouterr().err.count("asking again in 0 s") == 3


@pytest.mark.parametrize(("status", "said"), [(401, "APP_TOKEN"), (302, "302"), (503, "Run the same command again")])
def test_what_can_not_be_had_ends_it_without_a_file(
    peer: Peer,
    tmp_path: Path,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer.answers = [200] + [status] * 100
    with pytest.raises(Ended, match=said):
        export(Asking(f"{peer.address}/", {}, pause=0), "samples", "csv", [Piece(START, START + HOUR)], tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert {start for start, _ in peer.asked} == {START}  # no redirect was followed
    monkeypatch.setattr("local.export.ATTEMPTS", 1)
    peer.answers = [status]
    assert run(tmp_path, "--form", "csv", app=peer.address) == 1
    assert "not complete" in capsys.readouterr().err


def test_a_token_or_a_key_is_sent(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", "word")
    monkeypatch.setenv("APP_KEY", "key")
    assert run(tmp_path, "--form", "csv", app=peer.address) == 0
    assert {(each["authorization"], each["x-functions-key"]) for each in peer.headers} == {("Bearer word", "key")}


@pytest.mark.parametrize("text", ["wo\nrd", "wo\u2013rd"])
@pytest.mark.parametrize("name", ["APP_TOKEN", "APP_KEY"])
def test_what_can_be_no_token_is_refused_and_not_shown(
    tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SystemExit):
        run(tmp_path, app="http://127.0.0.1:1")
    said = capsys.readouterr().err
    assert f"{name} has characters" in said
    assert text not in said


def test_a_next_page_at_another_host_gets_no_token(peer: Peer, tmp_path: Path) -> None:
    peer.elsewhere = f"http://localhost:{peer.server_address[1]}/"
    with pytest.raises(Ended, match="not the app's address"):
        export(Asking(f"{peer.address}/", {}, pause=0), "samples", "csv", [Piece(START, START + HOUR)], tmp_path)
    assert peer.asked == [(START, "1")]


def test_two_exports_into_one_folder_do_not_mix_their_files(peer: Peer, tmp_path: Path) -> None:
    peer.holds.clear()
    piece, ended = Piece(START + HOUR, START + 2 * HOUR), []

    def first() -> None:
        try:
            export(Asking(f"{peer.address}/", {}), "samples", "csv", [piece], tmp_path)
        except Ended as error:
            ended.append(str(error))

    thread = threading.Thread(target=first)
    thread.start()
    wait_for(lambda: len(peer.asked) == 2, "the first export's second page")
    part = tmp_path / f"{piece.name('samples', 'csv')}.part"
    part.unlink()
    part.write_text("another export's, unfinished")
    peer.holds.set()
    thread.join()
    assert [text.partition(" writes ")[0] for text in ended] == ["another export"]
    assert list(tmp_path.iterdir()) == [part]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--end", str(START)], "--start is not before --end"),
        (["--end", str(START + 9 * DAY)], "lies in the future"),
        (["--start", "yesterday"], "ISO 8601"),
        (["--app", "http://example.org"], "use https"),
        (["--app", "ftp://127.0.0.1"], "no address"),
        (["--form", "xml"], "xml"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(
    tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, *more, app="http://127.0.0.1:1")
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path) -> None:
    hidden = tmp_path / "pyarrow.py"
    hidden.write_text("raise ImportError")
    command = [sys.executable, "-m", "local.export", "--app", "http://127.0.0.1:1", "--start", "0", "--end", "9"]
    done = subprocess.run(
        [*command, "--to", str(tmp_path / "out")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "requirements/export.txt" in done.stderr
