"""The adapters of the documents port that the contract runs against, each behind one function that opens it anew."""

import itertools
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from storage.cosmos import CosmosDocuments
from storage.cosmos_client import Account
from storage.documents import Documents
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from tests.peers import needs_node
from tests.pipeline.memory import MemoryDocuments

Clock = Callable[[], float]
Open = Callable[[Clock], Documents]
"""Opens the same store again each time it is called, as another process would."""

Adapter = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Open]]
"""Makes an empty store for a test; it is gone when the context ends."""

TABLES = schema(samples_days=30, report_days=400)
EMULATOR_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
"""Every emulator's, as published by Microsoft; no secret."""

# An account or Microsoft's emulator to test against besides the peer on loopback.
TEST_ENDPOINT = os.environ.get("COSMOS_TEST_ENDPOINT")
TEST_KEY = os.environ.get("COSMOS_TEST_KEY", EMULATOR_KEY)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    path = request.getfixturevalue("tmp_path") / "store.db"
    yield lambda clock: SqliteDocuments(path, TABLES, clock)


@asynccontextmanager
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[Open]:  # noqa: ARG001
    """The fake that pipeline tests use. Opening it again gives the same documents."""
    documents: dict[Any, Any] = {}
    etags = itertools.count()

    def open_it(clock: Clock) -> Documents:
        opened = MemoryDocuments(dict(TABLES), clock)
        opened._documents = documents
        opened._etags = etags
        return opened

    yield open_it


@asynccontextmanager
async def _database(endpoint: str, key: str) -> AsyncIterator[Open]:
    account = Account(endpoint, f"test-{uuid.uuid4().hex}", key)
    maker = CosmosDocuments(account, TABLES)
    await maker.create_tables()
    try:
        yield lambda _: CosmosDocuments(account, TABLES)
    finally:
        async with maker.client.using() as connection:
            await connection.client.delete_database(account.database)
        await maker.close()


def cosmos(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Open]:
    """The peer on loopback; the fixture ``cosmos_port`` is in tests/conftest.py."""
    return _database(f"https://127.0.0.1:{request.getfixturevalue('cosmos_port')}", EMULATOR_KEY)


def cosmos_account(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Open]:  # noqa: ARG001
    """A real account, or Microsoft's emulator."""
    return _database(TEST_ENDPOINT or "", TEST_KEY)


ADAPTERS = [
    pytest.param(memory, id="memory"),
    pytest.param(sqlite, id="sqlite"),
    pytest.param(cosmos, id="cosmos", marks=needs_node),
]
if TEST_ENDPOINT:
    ADAPTERS.append(pytest.param(cosmos_account, id="cosmos-account"))
