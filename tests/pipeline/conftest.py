"""A store for the pipeline's tests: each adapter, and the fake with hooks."""

import time
from collections.abc import AsyncIterator

import pytest

from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments
from tests.storage.adapters import ADAPTERS


@pytest.fixture(params=ADAPTERS)
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    async with request.param(request) as open_store:
        documents = open_store(time.time)
        yield Tables(documents)
        await documents.close()


@pytest.fixture
def memory() -> MemoryDocuments:
    return MemoryDocuments()
