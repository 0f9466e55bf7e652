"""Writes that wait for the transaction that they share.

Knows who waits, and in which event loop. Refuses to know how a transaction is made.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from storage.documents import Conflict


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A write that waits for its transaction. ``refusal`` returns the reason if the statement changed no row."""

    statement: str
    values: tuple[object, ...]
    refusal: Callable[[sqlite3.Connection], Conflict]
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


def settle(writes: Sequence[Write], outcomes: Sequence[Exception | None]) -> None:
    """Wake the callers of these writes, each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], Exception | None]]] = {}
    for write, outcome in zip(writes, outcomes, strict=True):
        by_loop.setdefault(write.loop, []).append((write.done, outcome))
    for loop, settled in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, so no task waits
            loop.call_soon_threadsafe(_resolve, settled)


def _resolve(settled: Iterable[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for done, outcome in settled:
        if done.done():  # cancelled in the meantime
            continue
        if outcome is None:
            done.set_result(None)
        else:
            done.set_exception(outcome)
