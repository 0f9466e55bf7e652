"""Going on trying while what work needs is not available. Knows nothing of the work.

A message that is given back to a queue is delivered again at once. So whoever can't work must not give it back at once,
or a short outage uses up all of its deliveries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.errors import Unavailable

Result = TypeVar("Result")

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30.0
"""Seconds between two tries: doubled from the first to the longest, unless the refusal asks for more."""


async def patiently(
    work: Callable[[], Awaitable[Result]],
    until: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    longest: float,
) -> Result:
    """Do work that may be done twice, again and again until it succeeds or a second has come (by ``clock``).

    Raises what the last try raised, and not before that second. An error that trying again does not help is held back
    until then as well. A try that is not done ``longest`` seconds after that second is broken off, which raises
    Unavailable: whatever hangs or takes too long, work that somebody else may begin by then ends here.
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
            raise Unavailable(f"not done in {seconds:.0f} s, and broken off") from error
        raise
