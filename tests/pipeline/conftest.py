"""A store for the pipeline's tests: each adapter, and the fake with hooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments
from tests.storage.adapters import TABLES


@pytest.fixture(params=["memory", "sqlite"])
async def tables(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Tables]:
    documents = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "store.db", TABLES)
    yield Tables(documents)
    await documents.close()


@pytest.fixture
def memory() -> MemoryDocuments:
    return MemoryDocuments()
