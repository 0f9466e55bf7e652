"""A store that is down for an hour: no message reaches the dead letters, and no loop burns."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from domain.errors import Misconfigured, Unavailable
from local.queue import MOST_DELIVERIES
from pipeline.patience import LONGEST_PAUSE, patiently

PATIENCE = 200


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


async def deliver(work: Callable[[], Awaitable[str]], clock: Clock) -> tuple[str | None, int]:
    """As the queue does: what is given back is delivered again at once. Returns what came of it, after how many."""
    for delivery in range(1, MOST_DELIVERIES + 1):
        try:
            return await patiently(work, clock.now + PATIENCE, clock.time, clock.sleep, 40), delivery
        except Exception:  # noqa: BLE001, S112
            continue
    return None, MOST_DELIVERIES


@pytest.mark.parametrize("error", [Unavailable("down", 1), Unavailable("busy", 60), Misconfigured("no"), ValueError()])
@pytest.mark.parametrize("hours", [0.01, 1, 3])
async def test_an_outage_of_hours_loses_no_message_and_makes_few_calls(error: Exception, hours: float) -> None:
    clock = Clock()
    end = clock.now + hours * 3600
    calls = 0

    async def work() -> str:
        nonlocal calls
        calls += 1
        if clock.now < end:
            raise error
        return "done"

    done, deliveries = await deliver(work, clock)
    assert done == "done"
    assert deliveries <= MOST_DELIVERIES * hours / 3 + 2
    assert calls <= 2 + hours * 3600 / LONGEST_PAUSE * 1.5 + 5 * deliveries
    assert clock.now - end <= (PATIENCE if isinstance(error, ValueError) else max(LONGEST_PAUSE, 60))


async def test_what_works_is_done_once_and_at_once() -> None:
    clock = Clock()

    async def work() -> int:
        return 7

    assert await patiently(work, clock.now + PATIENCE, clock.time, clock.sleep, 40) == 7
    assert clock.now == 1000


async def test_it_is_given_up_when_the_time_is_over_and_not_before() -> None:
    clock = Clock()

    async def work() -> None:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        await patiently(work, clock.now + PATIENCE, clock.time, clock.sleep, 40)
    assert clock.now == 1000 + PATIENCE


async def test_a_try_that_hangs_is_broken_off() -> None:
    clock = Clock()
    broken_off = False

    async def work() -> None:
        nonlocal broken_off
        try:
            await asyncio.Event().wait()
        finally:
            broken_off = True

    with pytest.raises(Unavailable, match="cancelled"):
        await patiently(work, clock.now, clock.time, clock.sleep, 0.01)
    assert broken_off


async def test_a_timeout_of_the_work_itself_is_no_hanging_try() -> None:
    clock = Clock()

    async def work() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await patiently(work, clock.now, clock.time, clock.sleep, 40)
