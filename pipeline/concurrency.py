"""Runs many awaitables at once, and long computations that let other tasks run. Knows nothing of what they do."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Iterable
from typing import TypeVar

Result = TypeVar("Result")


TURN = 0.002
"""The seconds that a long computation runs before it lets other tasks run, such as a waiting query."""


async def cooperatively(steps: Iterable[Result]) -> list[Result]:
    """Return all results of a computation that yields step by step. Other tasks run in between."""
    results = []
    began = time.perf_counter()
    for result in steps:
        results.append(result)
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return results


async def gather(work: Iterable[Awaitable[Result]], at_once: int | None = None) -> list[Result]:
    """Await all awaitables, at most ``at_once`` concurrently, and return their results in order.

    If some fail, the others still finish, and then the first failure is raised. So nothing runs in the background after
    the caller gets a failure. (The store limits its own concurrency as well.)
    """
    waiting = list(work)
    if len(waiting) == 1:
        return [await waiting[0]]  # many queries have one counter; this saves the cost of a task
    if at_once and len(waiting) > at_once:
        limit = asyncio.Semaphore(at_once)
        waiting = [_limited(limit, each) for each in waiting]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # no exception is left in it


async def _limited(limit: asyncio.Semaphore, one: Awaitable[Result]) -> Result:
    try:
        async with limit:
            return await one
    finally:
        if isinstance(one, Coroutine):
            one.close()  # for one that was cancelled before it began; does nothing if it is done
