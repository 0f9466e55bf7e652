"""Token buckets: how often a key may do something."""

import pytest

from domain.limits import TokenBuckets


def taken(buckets: TokenBuckets, key: str, now: float, calls: int) -> int:
    return sum(buckets.wait(key, now) == 0 for _ in range(calls))


def test_a_burst_and_then_the_rate() -> None:
    buckets = TokenBuckets(rate=2, burst=5)
    assert taken(buckets, "a", 100.0, 9) == 5
    assert buckets.wait("a", 100.0) == pytest.approx(0.5)
    assert taken(buckets, "a", 103.0, 20) == 5
    assert [taken(buckets, "a", 104.0 + second, 9) for second in range(5)] == [2] * 5
    assert taken(buckets, "a", 10_000.0, 9) == 5


def test_what_is_told_to_wait_is_enough() -> None:
    buckets = TokenBuckets(rate=1, burst=1)
    assert buckets.wait("", 7.0) == 0
    wait = buckets.wait("", 7.25)
    assert buckets.wait("", 7.25 + wait) == 0


def test_keys_do_not_share_and_only_so_many_are_remembered() -> None:
    buckets = TokenBuckets(rate=1, burst=1, most=3)
    assert [buckets.wait(key, 0.0) for key in ("a", "b", "c")] == [0, 0, 0]
    assert buckets.wait("a", 0.5) == pytest.approx(0.5)
    assert buckets.wait("d", 0.5) == 0  # so "b" is forgotten, which was used before "c" and "a"
    assert buckets.wait("a", 0.5) == buckets.wait("c", 0.5) == pytest.approx(0.5)
    assert buckets.wait("b", 0.5) == 0
