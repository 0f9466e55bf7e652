"""Many awaitables at once, and long computations that let other work run. Knows nothing of what they do."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Iterable
from typing import TypeVar

Result = TypeVar("Result")


TURN = 0.002
"""Seconds that a long computation runs before it lets other work run, such as a query that waits to be answered."""


async def cooperatively(steps: Iterable[Result]) -> list[Result]:
    """Return what a computation yields, step by step; other work runs in between."""
    results = []
    began = time.perf_counter()
    for result in steps:
        results.append(result)
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return results


async def gather(work: Iterable[Awaitable[Result]], at_once: int | None = None) -> list[Result]:
    """Await all of the work, at most ``at_once`` of it side by side, and return the results in its order.

    Where some of it fails, the rest is finished all the same, and the first failure is raised then; so nothing goes on
    in the background after the caller has heard of a failure. (The store bounds its own concurrency besides.)
    """
    waiting = list(work)
    if len(waiting) == 1:
        return [await waiting[0]]  # as many questions have one counter: without the cost of a task
    if at_once and len(waiting) > at_once:
        limit = asyncio.Semaphore(at_once)
        waiting = [_limited(limit, each) for each in waiting]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # what is left holds no exception


async def _limited(limit: asyncio.Semaphore, one: Awaitable[Result]) -> Result:
    try:
        async with limit:
            return await one
    finally:
        if isinstance(one, Coroutine):
            one.close()  # which was cancelled before its turn came; nothing, where it is done
