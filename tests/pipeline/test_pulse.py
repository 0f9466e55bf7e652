"""Whether the store answers, asked by whoever likes to, and told without asking it each time."""

import asyncio

import pytest

from domain.errors import Unavailable
from pipeline.queries.status import PULSE_SECONDS, Pulse
from storage.documents import Document
from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments


class Counted(MemoryDocuments):
    """Counts what is read; ``away``: it does not answer."""

    reads = 0
    away = False

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """See Documents."""
        self.reads += 1
        if self.away:
            raise Unavailable("it is away")
        return await super().read(table, partition, document_id)


async def test_a_flood_of_questions_is_one_read_in_some_seconds_whatever_the_answer() -> None:
    now = 0.0
    store = Counted()
    tables, pulse = Tables(store), Pulse(lambda: now)
    await asyncio.gather(*(pulse.feel(tables) for _ in range(50)))
    assert store.reads == 1
    store.away = True
    await pulse.feel(tables)  # it is not asked yet
    now += PULSE_SECONDS
    for _ in range(3):
        with pytest.raises(Unavailable, match="away"):
            await pulse.feel(tables)
    assert store.reads == 2
    store.away = False
    now += PULSE_SECONDS
    await pulse.feel(tables)
    assert store.reads == 3
