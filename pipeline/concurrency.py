"""Doing many things at once and waiting for all of them. Knows nothing of what they are."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def together(work: Iterable[Awaitable[Result]], at_once: int | None = None) -> list[Result]:
    """Await all of the work, at most ``at_once`` of it side by side, and return the results in its order.

    Where some of it fails, the rest is finished all the same, and the first failure is raised then; so nothing goes on
    in the background after the caller has heard of a failure. (The store bounds its own concurrency besides.)
    """
    limit = asyncio.Semaphore(at_once) if at_once else None

    async def limited(one: Awaitable[Result]) -> Result:
        if limit is None:
            return await one
        async with limit:
            return await one

    results = await asyncio.gather(*map(limited, work), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # what is left holds no exception
