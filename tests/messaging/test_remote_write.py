"""Remote write's receivers: the fake, the adapter to a peer, and the adapter to a real Prometheus, all alike."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.errors import Misconfigured, Unavailable
from domain.remote_write import TimeSeries
from messaging.remote_write import LONGEST_RETRY_SECONDS, RETRY_SECONDS, HttpReceiver, Receiver
from tests.app.conftest import a_free_port
from tests.peers.prometheus import FakeReceiver, Head, Peer, Prometheus, a_prometheus, a_receiver, needs_prometheus

NOW = int(time.time()) // 60 * 60
"""Prometheus counts what it takes from its own clock."""


@dataclass
class Case:
    """A receiver, and where to look what it holds."""

    receiver: Receiver
    there: "Head | Prometheus"

    def values(self, name: str) -> list[tuple[int, float]]:
        """A metric's samples, by Unix seconds from NOW."""
        held = self.there.samples if isinstance(self.there, Head) else self.there.holds(NOW - 600, NOW + 600, ".+")
        return [
            (at // 1000 - NOW, value)
            for labels, samples in held.items()
            if dict(labels)["__name__"] == name
            for at, value in sorted(samples.items())
        ]


@pytest.fixture(params=["fake", "peer", pytest.param("prometheus", marks=needs_prometheus)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeReceiver()
        yield Case(fake, fake.head)
    elif request.param == "peer":
        with a_receiver() as peer:
            yield Case(HttpReceiver(peer.url), peer.head)
    else:
        with a_prometheus(tmp_path, a_free_port()) as prometheus:
            yield Case(HttpReceiver(prometheus.url), prometheus)


def a_series(name: str, *samples: tuple[int, float]) -> TimeSeries:
    """A metric with samples at seconds from NOW."""
    return TimeSeries({"__name__": name, "some": 'ä "quoted" \\ name'}, [(NOW + at, value) for at, value in samples])


async def test_what_is_written_is_held(case: Case) -> None:
    assert await case.receiver.write([a_series("a", (-120, 1.5), (-60, -2e300)), a_series("b", (-60, 0.1))])
    assert case.values("a") == [(-120, 1.5), (-60, -2e300)]
    assert case.values("b") == [(-60, 0.1)]


async def test_nothing_of_a_request_is_taken_where_a_sample_is_older_than_the_newest(case: Case) -> None:
    assert await case.receiver.write([a_series("a", (-120, 1.0), (-60, 2.0))])
    assert not await case.receiver.write([a_series("new", (-60, 5.0)), a_series("a", (-120, 1.0), (-60, 2.0))])
    assert (case.values("a"), case.values("new")) == ([(-120, 1.0), (-60, 2.0)], [])
    assert await case.receiver.write([a_series("new", (-60, 5.0))])
    assert case.values("new") == [(-60, 5.0)]


async def test_another_value_at_the_same_time_is_refused(case: Case) -> None:
    assert await case.receiver.write([a_series("a", (-60, 1.0))])
    assert not await case.receiver.write([a_series("a", (-60, 9.0))])
    assert case.values("a") == [(-60, 1.0)]


async def test_the_newest_may_be_sent_again(case: Case) -> None:
    for _ in range(2):
        assert await case.receiver.write([a_series("a", (-60, 1.0))])
    assert case.values("a") == [(-60, 1.0)]


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[Peer]:
    with a_receiver() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: Peer) -> Peer:
    shared_peer.headers.clear()
    shared_peer.answers.clear()
    return shared_peer


async def test_headers_are_those_of_the_specification_and_the_token_is_a_bearers(peer: Peer) -> None:
    assert await HttpReceiver(peer.url, "s3cret").write([a_series("a", (0, 1.0))])
    (sent,) = peer.headers
    of_http = ("host", "accept", "accept-encoding", "content-length")
    assert {name: value for name, value in sent.items() if name not in of_http} == {
        "content-type": "application/x-protobuf",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "0.1.0",
        "user-agent": "spot-pc-insights",
        "authorization": "Bearer s3cret",
    }


async def test_without_a_token_none_is_sent(peer: Peer) -> None:
    assert await HttpReceiver(peer.url).write([a_series("a", (0, 1.0))])
    assert "authorization" not in peer.headers[0]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "out of order sample"),
        (400, "duplicate sample for timestamp"),
        (400, "out of bounds"),
        (400, "the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old)"),
        (400, "another sample with the same timestamp (err-mimir-sample-duplicate-timestamp)"),
        (409, "store locally for endpoint: conflict: out of order sample"),
    ],
)
async def test_a_sample_that_will_never_be_taken(peer: Peer, status: int, text: str) -> None:
    peer.answers.append((status, {}, text.encode()))
    assert not await HttpReceiver(peer.url).write([a_series("a", (0, 1.0))])


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "snappy: corrupt input"),
        (400, "label name too long"),
        (301, "moved"),
        (401, "no credentials"),
        (403, "wrong token"),
        (404, "remote write receiver needs to be enabled"),
        (413, "too large"),
    ],
)
async def test_what_an_operator_must_mend_is_told(peer: Peer, status: int, text: str) -> None:
    peer.answers.append((status, {"Location": f"{peer.url}/elsewhere"} if status == 301 else {}, text.encode()))
    with pytest.raises(Misconfigured, match=f"answered {status}: {text}.*REMOTE_WRITE_URL"):
        await HttpReceiver(peer.url).write([a_series("a", (0, 1.0))])
    assert len(peer.headers) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, RETRY_SECONDS),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "999999"}, LONGEST_RETRY_SECONDS),
        ({"Retry-After": "Thu, 26 Nov 2026 10:05:00 GMT"}, 300),
        ({"Retry-After": "Thu, 26 Nov 2026 09:05:00 GMT"}, 0),
        ({"Retry-After": "Thu, 31 Feb 2026 09:05:00 GMT"}, RETRY_SECONDS),
        ({"Retry-After": "soon"}, RETRY_SECONDS),
        ({"Retry-After": "-1"}, RETRY_SECONDS),
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [429, 503])
async def test_one_that_is_busy_says_for_how_long(
    peer: Peer, status: int, headers: Mapping[str, str], seconds: float
) -> None:
    date = {"Date": "Thu, 26 Nov 2026 10:00:00 GMT"}
    peer.answers.append((status, {**headers, **date}, b"too much"))
    with pytest.raises(Unavailable, match=f"answered {status}: too much") as error:
        await HttpReceiver(peer.url).write([a_series("a", (0, 1.0))])
    assert error.value.retry_after == seconds
    assert not isinstance(error.value, Misconfigured)


async def test_one_that_hangs_is_left_in_time(peer: Peer) -> None:
    peer.answers.append(None)
    with pytest.raises(Unavailable, match=r"did not answer in 0\.2 s"):
        await HttpReceiver(peer.url, seconds=0.2).write([a_series("a", (0, 1.0))])


async def test_one_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="can't be reached") as error:
        await HttpReceiver(f"http://127.0.0.1:{a_free_port()}/").write([a_series("a", (0, 1.0))])
    assert not isinstance(error.value, Misconfigured)


@needs_prometheus
@pytest.mark.parametrize(
    ("config", "taken"), [("{}", False), ("{storage: {tsdb: {out_of_order_time_window: 1d}}}", True)]
)
async def test_what_is_hours_older_than_the_newest_of_all_is_taken_where_prometheus_is_told_to(
    tmp_path: Path, config: str, taken: bool
) -> None:
    """After an outage, in which others have gone on writing: what docs/prometheus.md says of it."""
    with a_prometheus(tmp_path, a_free_port(), config) as prometheus:
        receiver = HttpReceiver(prometheus.url)
        assert await receiver.write([a_series("others", (0, 1.0))])
        assert await receiver.write([a_series("spot_a", (-3500, 1.0))])
        assert await receiver.write([a_series("spot_b", (-7200, 2.0))]) is taken
        assert len(prometheus.holds(NOW - 8000, NOW, "spot_b")) == taken
