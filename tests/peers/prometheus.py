"""Who receives by remote write: Prometheus itself, a peer over HTTP that can misbehave, and a fake of the port.

The last two keep samples as Prometheus does: of a series in the order of time only, and of a request all or nothing.
What the app sends is read here by a decoder of its own.
"""

import json
import shutil
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from domain.remote_write import TimeSeries

PROMETHEUS = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed (Debian: prometheus)")

Labels = frozenset[tuple[str, str]]
Samples = Mapping[Labels, Mapping[int, float]]
"""By labels and Unix milliseconds."""

OUT_OF_ORDER, DUPLICATE = "out of order sample", "duplicate sample for timestamp"


_OF_POINTS = {
    "average": "average",
    "min": "min",
    "max": "max",
    "stddev": "stddev",
    "vms": "count",
    "tenants": "tenants",
    "coverage": "coverage",
}
"""The gauges of the fleet, and the fields of a chart's points that they have."""


def points_as_samples(points: Iterable[Mapping[str, Any]]) -> dict[Labels, dict[int, float]]:
    """Return the points of fleet charts, with percentiles 50, 95 and 99 or without any, as Prometheus holds them."""
    found: dict[Labels, dict[int, float]] = {}
    for point in points:
        counter = {"perf_type": point["PerfType"], "perf_name": point["PerfName"]}
        values: list[tuple[dict[str, str], Any]] = [
            ({"__name__": f"spot_fleet_{name}"}, point[field]) for name, field in _OF_POINTS.items()
        ]
        for name, value in (point["percentiles"] or {}).items():
            quantile = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}[name]
            values.append(({"__name__": "spot_fleet_value", "quantile": quantile}, value))
        for labels, value in values:
            if value is not None:
                found.setdefault(frozenset({**counter, **labels}.items()), {})[point["timestamp"] * 1000] = value
    return found


def groups_as_samples(key: str, dimension: str, rows: Iterable[Mapping[str, Any]]) -> dict[Labels, dict[int, float]]:
    """Return a counter's groups of the fleet by a dimension, as get-groups has them, as Prometheus holds them."""
    perf_type, _, perf_name = key.partition(".")
    found: dict[Labels, dict[int, float]] = {}
    for row in rows:
        counter = {"perf_type": perf_type, "perf_name": perf_name, "dimension": dimension, "group": row["group"] or ""}
        for labels, figure in (
            ({"__name__": "spot_group_average"}, "average"),
            ({"__name__": "spot_group_vms"}, "count"),
            ({"__name__": "spot_group_value", "quantile": "0.5"}, "p50"),
            ({"__name__": "spot_group_value", "quantile": "0.95"}, "p95"),
        ):
            # An empty label is none for Prometheus.
            named = {name: label for name, label in {**counter, **labels}.items() if label}
            at = (row["window"] + 14 * 60 + 30) * 1000
            found.setdefault(frozenset(named.items()), {})[at] = row[figure]
    return found


def unpacked(block: bytes) -> bytes:
    """What a snappy block of literals holds."""
    size, at = _number(block, 0)
    content = b""
    while at < len(block):
        tag = block[at]
        assert tag & 3 == 0, "no literal"
        extra = max(0, (tag >> 2) - 59)
        length = int.from_bytes(block[at + 1 : at + 1 + extra], "little") if extra else tag >> 2
        at += 1 + extra
        content += block[at : at + length + 1]
        at += length + 1
    assert len(content) == size
    return content


def received(body: bytes) -> list[tuple[list[tuple[str, str]], list[tuple[int, float]]]]:
    """The series of a request, as they stand in it: labels, and samples by Unix milliseconds."""
    found = []
    for number, series in _fields(unpacked(body)):
        assert number == 1
        parts = list(_fields(series))
        labels = [dict(_fields(part)) for number, part in parts if number == 1]
        samples = [dict(_fields(part)) for number, part in parts if number == 2]
        found.append(
            (
                [(each[1].decode(), each[2].decode()) for each in labels],
                [(each[2], struct.unpack("<d", each[1])[0]) for each in samples],
            )
        )
    return found


def _number(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message: their numbers, and what they hold."""
    at = 0
    while at < len(content):
        tag, at = _number(content, at)
        match tag & 7:
            case 0:
                value, at = _number(content, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, content[at : at + 8]
                at += 8
            case 2:
                length, at = _number(content, at)
                yield tag >> 3, content[at : at + length]
                at += length
            case kind:
                raise AssertionError(f"a field of type {kind}")


class Head:
    """Samples, as Prometheus takes them (its tsdb's head without an out-of-order window)."""

    def __init__(self) -> None:
        self.samples: dict[Labels, dict[int, float]] = {}

    def take(self, series: Sequence[tuple[Sequence[tuple[str, str]], Sequence[tuple[int, float]]]]) -> str | None:
        """Take all of a request, or say why nothing of it is taken."""
        after = {labels: dict(values) for labels, values in self.samples.items()}
        for labels, samples in series:
            assert list(labels) == sorted(labels), "labels are to be sorted"
            values = after.setdefault(frozenset(labels), {})
            for at, value in samples:
                newest = max(values, default=at)
                if at < newest:
                    return OUT_OF_ORDER
                if at in values and values[at] != value:
                    return DUPLICATE
                values[at] = value
        self.samples = after
        return None


@dataclass
class FakeReceiver:
    """A fake of messaging.remote_write.Receiver. ``fails`` are raised, one a call, before anything is taken."""

    head: Head = field(default_factory=Head)
    requests: list[Sequence[TimeSeries]] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    async def write(self, series: Sequence[TimeSeries]) -> bool:
        self.requests.append(series)
        if self.fails:
            raise self.fails.pop(0)
        taken = [(sorted(each.labels.items()), [(at * 1000, value) for at, value in each.samples]) for each in series]
        return self.head.take(taken) is None


@dataclass
class Peer:
    """A receiver over HTTP. ``answers`` are given in turn, instead of taking anything; None: it hangs."""

    url: str
    head: Head = field(default_factory=Head)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    answers: list[tuple[int, Mapping[str, str], bytes] | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def a_receiver() -> Iterator[Peer]:
    """Run a receiver on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            peer.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = peer.answers.pop(0) if peer.answers else self._take(body)
            if answer is None:
                peer.over.wait(60)
                return
            status, headers, text = answer
            self.send_response_only(status)  # without a date of its own
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def _take(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            refused = peer.head.take(received(body))
            return (400, {}, f"{refused}\n".encode()) if refused else (204, {}, b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer = Peer(f"http://127.0.0.1:{server.server_port}/api/v1/write")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield peer
    finally:
        peer.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Prometheus:
    """A real one, which scrapes nothing and takes what is written to it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/write"

    def holds(self, start: int, end: int, metrics: str = "spot_.*") -> Samples:
        """All samples of a range (Unix seconds, both included)."""
        query = urllib.parse.urlencode({"query": f'{{__name__=~"{metrics}"}}[{end - start + 1}s]', "time": end})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{query}") as answer:
            result = json.load(answer)["data"]["result"]
        return {
            frozenset(each["metric"].items()): {round(at * 1000): float(value) for at, value in each["values"]}
            for each in result
        }

    def line(self, expression: str, start: int, end: int, step: int) -> Mapping[int, float]:
        """The one line that an expression draws: its points by Unix second."""
        query = urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": step})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query_range?{query}") as answer:
            (found,) = json.load(answer)["data"]["result"]
        return {int(at): float(value) for at, value in found["values"]}


@contextmanager
def a_prometheus(folder: Path, port: int, config: str = "{}") -> Iterator[Prometheus]:
    """Run a Prometheus with its data in a folder."""
    (folder / "prometheus.yml").write_text(config)
    command = [
        PROMETHEUS or "prometheus",
        *(f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=error"),
    ]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_ready(port, process)
            yield Prometheus(port)
        finally:
            process.kill()


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "prometheus has ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready").close()
        except OSError:  # refused, or not ready
            time.sleep(0.05)
        else:
            return
    raise AssertionError("prometheus is not ready after a minute")
