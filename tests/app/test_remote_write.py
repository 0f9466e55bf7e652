"""A real Prometheus and the local host: an hour that is pushed in blocks of 15 minutes, compared with get-data.

The host is killed (kill -9) between what it sends and the cursor that it writes then: a proxy before Prometheus passes
a request on and tells of it before it answers, so the kill comes in between.
"""

import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from domain.minutes import WINDOW
from tests.app.conftest import Local, a_free_port, wait_for
from tests.builders import a_message, records_of
from tests.peers.prometheus import (
    Prometheus,
    Samples,
    a_prometheus,
    a_receiver,
    groups_as_samples,
    needs_prometheus,
    points_as_samples,
)

NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
WINDOWS = tuple(NEWEST - back * WINDOW for back in (3, 2, 1, 0))
KEYS = [f"win_x.p{number:02}" for number in range(45)]
"""Of which a window takes three requests."""

SERIES = 7 + 3 + 2 * 4
"""The time series of a counter: gauges, quantiles, and the two groups that these VMs are in."""


def push(local: Local, window: int) -> None:
    """Let two VMs push a window, each value another: in one message, since the window closes when it is averaged."""
    records = [
        record
        for vm in ("v", "other")
        for number, key in enumerate(KEYS)
        for record in records_of("t", vm, key, [number / 3 + len(vm) * at / 7 for at in range(15)], window)
    ]
    local.put(f"m{window}", a_message(records, zipped=True))


def sent_up_to(local: Local, window: int) -> Any:
    """What the status says of remote write, where a window has been sent."""
    told = local.get("/v1/status")[1]["remoteWrite"]
    return told and told["window"] == window and told


def the_charts(local: Local) -> Samples:
    """What get-data and get-groups say of the hour, by the labels that Prometheus has."""
    found: Samples = {}
    for at in range(0, len(KEYS), 20):
        query = "&".join(f"key={key}" for key in KEYS[at : at + 20])
        path = f"/v1/get-data?{query}&start={WINDOWS[0]}&end={NEWEST + WINDOW}&final=true&percentiles=50,95,99"
        status, body, _ = local.get(path)
        assert status == 200
        found = {**found, **points_as_samples(body["data"])}
    for key, by in product(KEYS, ("Region", "MachineSize")):
        status, body, _ = local.get(f"/v1/get-groups?key={key}&groupBy={by}&start={WINDOWS[0]}&end={NEWEST}")
        assert status == 200
        found = {**found, **groups_as_samples(key, by, body["data"])}
    return found


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with a_prometheus(folder, a_free_port()) as running:
        yield running


def held(prometheus: Prometheus) -> Samples:
    return prometheus.holds(WINDOWS[0], NEWEST + WINDOW)


@needs_prometheus
def test_prometheus_holds_every_final_minute_of_an_hour_that_was_pushed_in_blocks(
    local: Local, prometheus: Prometheus
) -> None:
    local.settings = {"REMOTE_WRITE_URL": prometheus.url}
    local.start()
    wait_for(lambda: local.get("/v1/status")[1]["remoteWrite"], "remote write to begin")
    for window in WINDOWS:
        push(local, window)
        wait_for(lambda: sent_up_to(local, window), "a window to be sent")  # noqa: B023
    found = held(prometheus)
    assert found == the_charts(local)
    assert len(found) == len(KEYS) * SERIES
    assert {len(samples) for samples in found.values()} == {60, 4}
    assert local.get("/v1/status")[1]["remoteWrite"] == {
        "window": NEWEST,
        "lateRows": 0,
        "refusedSamples": 0,
        "problem": None,
        "notBefore": None,
    }


@dataclass
class Proxy:
    """Passes requests on. After each it calls ``then`` with how many there were, before it answers."""

    url: str
    then: Callable[[int], None]
    passed: list[bytes] = field(default_factory=list)


@contextmanager
def a_proxy(to: str) -> Iterator[Proxy]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            try:
                with urllib.request.urlopen(urllib.request.Request(to, body, headers)) as answer:  # noqa: S310
                    status, text = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    status, text = error.code, error.read()
            proxy.passed.append(body)
            proxy.then(len(proxy.passed))
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:  # who asked is dead
                pass

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}/", lambda _: None)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@needs_prometheus
def test_killed_between_sending_and_its_cursor_it_goes_on_to_the_same(local: Local, prometheus: Prometheus) -> None:
    kill_after = {1, 3, 5, 9, 10}
    """The requests of which the answer never comes: first and last ones of a window, also when they are sent again."""
    killed = threading.Event()
    with a_proxy(prometheus.url) as proxy:
        local.settings = {"REMOTE_WRITE_URL": proxy.url}
        local.start()
        wait_for(lambda: local.get("/v1/status")[1]["remoteWrite"], "remote write to begin")

        def then(passed: int) -> None:
            if passed in kill_after:
                local.stop(signal.SIGKILL)
                killed.set()

        proxy.then = then
        kills = 0
        for window in WINDOWS:
            push(local, window)

            def done() -> bool:
                nonlocal kills
                if killed.is_set():
                    killed.clear()
                    kills += 1
                    local.start()
                try:
                    return bool(sent_up_to(local, window))  # noqa: B023
                except OSError:  # killed meanwhile
                    return False

            wait_for(done, "a window to be sent")
        assert kills == len(kill_after)
        found = held(prometheus)
        assert found == the_charts(local)
        assert {len(samples) for samples in found.values()} == {60, 4}
        assert len(found) == len(KEYS) * SERIES
        again = [body for body in proxy.passed if proxy.passed.count(body) > 1]
        assert len(again) >= 2, "what was sent is sent again identical"
        assert local.get("/v1/status")[1]["remoteWrite"]["problem"] is None
        assert "Traceback" not in local.log


def test_a_receiver_that_refuses_the_token_hangs_or_is_busy_gets_everything_in_the_end(local: Local) -> None:
    with a_receiver() as peer:
        local.settings = {"REMOTE_WRITE_URL": peer.url, "REMOTE_WRITE_TOKEN": "s3cret"}
        local.start()
        wait_for(lambda: local.get("/v1/status")[1]["remoteWrite"], "remote write to begin")
        peer.answers += [
            (401, {}, b"wrong token"),
            (429, {"Retry-After": "1"}, b"slowly"),
            (500, {"Retry-After": "0"}, b"broken"),
            None,
        ]
        push(local, WINDOWS[0])
        for problem in ("answered 401: wrong token", "answered 429: slowly", "answered 500: broken"):
            wait_for(lambda: problem in str(local.get("/v1/status")[1]["remoteWrite"]["problem"]), problem)  # noqa: B023
        wait_for(lambda: not peer.answers, "a request that hangs")
        push(local, WINDOWS[1])  # which is averaged and closed while that one hangs
        wait_for(
            lambda: local.get(f"/v1/get-data?key={KEYS[0]}&minutes=1&final=true")[1]["end"] == WINDOWS[2] - 30,
            "the next window to be final",
        )
        assert sent_up_to(local, WINDOWS[0]) is False
        peer.over.set()  # it is cut
        wait_for(lambda: sent_up_to(local, WINDOWS[1]), "both windows to be sent", pause=0.5)
        assert peer.head.samples == the_charts(local)
        assert {headers["authorization"] for headers in peer.headers} == {"Bearer s3cret"}
        assert "remote write waits: the receiver answered 401" in local.log
        assert "s3cret" not in local.log


def test_without_a_url_nothing_is_sent_and_status_says_so(local: Local) -> None:
    local.start()
    push(local, NEWEST)
    local.settled()
    assert local.get("/v1/status")[1]["remoteWrite"] is None
