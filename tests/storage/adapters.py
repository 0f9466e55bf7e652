"""The adapters of the documents port that the contract runs against, each behind one function that opens it anew."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from tests.pipeline.memory import MemoryDocuments

Clock = Callable[[], float]
Open = Callable[[Clock], Documents]
"""Opens the same store again each time it is called, as another process would."""

TABLES = schema(samples_days=30, report_days=400)


def sqlite(folder: Path) -> Open:
    return lambda clock: SqliteDocuments(folder / "store.db", TABLES, clock)


def memory(folder: Path) -> Open:  # noqa: ARG001
    """The fake that pipeline tests use. Opening it again gives the same documents."""
    documents: dict[Any, Any] = {}

    def open_it(clock: Clock) -> Documents:
        opened = MemoryDocuments(dict(TABLES), clock)
        opened._documents = documents
        opened._etags = etags
        return opened

    etags = itertools.count()
    return open_it


ADAPTERS = [pytest.param(memory, id="memory"), pytest.param(sqlite, id="sqlite")]
