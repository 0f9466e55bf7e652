"""Retries work while a service that it needs is unavailable. Knows nothing of the work.

A queue delivers an abandoned message again at once. So during an outage a function must not abandon its message at
once, or a short outage would use up all deliveries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import Unavailable

Result = TypeVar("Result")

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30.0
"""Seconds between two attempts: doubled from the first to the longest, unless the error asks for more."""


async def patiently(
    work: Callable[[], Awaitable[Result]],
    until: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    longest: float,
) -> Result:
    """Retry idempotent work until it succeeds, or until ``clock`` has reached the second ``until``.

    Raises the last attempt's error, but never before that second. An error that a retry does not help is held back
    until then too. An attempt that still runs ``longest`` seconds after ``until`` is cancelled, which raises
    Unavailable. So even work that hangs ends before another process may begin it.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return await _bounded(work, until + longest - clock())
        except Exception as error:
            left = until - clock()
            if left <= 0:
                raise
            if not isinstance(error, Unavailable):
                await sleep(left)
                raise
            await sleep(min(left, max(pause, error.retry_after)))
            pause = min(LONGEST_PAUSE, pause * 2)


async def _bounded(work: Callable[[], Awaitable[Result]], seconds: float) -> Result:
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await work()
    except TimeoutError as error:
        if deadline.expired():
            raise Unavailable(f"not done in {seconds:.0f} s, and cancelled") from error
        raise
