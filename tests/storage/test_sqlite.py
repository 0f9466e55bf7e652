"""What only the SQLite adapter has to show: several processes, crashes, and files that can't be used."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from domain.errors import Unavailable
from storage.schema import SAMPLES
from storage.sqlite import SqliteDocuments
from tests.storage.adapters import TABLES

ROOT = Path(__file__).parents[2]
WRITER = """
import asyncio, sys, time
from pathlib import Path
from storage.sqlite import SqliteDocuments
from tests.storage.adapters import TABLES

async def main(path, name, count):
    store = SqliteDocuments(Path(path), TABLES, time.time)
    for number in range(int(count)):
        await store.create("samples", name, f"{number:06d}", {"n": number})
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def writer(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def ids(store: SqliteDocuments, partition: str) -> list[str]:
    return [document.id async for document in store.scan(SAMPLES, partition)]


async def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writers = [writer(path, f"p{number}", 40) for number in range(3)]
    for each in writers:
        each.communicate()
    assert [each.returncode for each in writers] == [0, 0, 0]
    store = SqliteDocuments(path, TABLES)
    assert [len(await ids(store, f"p{number}")) for number in range(3)] == [40, 40, 40]
    await store.close()


async def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    process = writer(path, "p", 1_000_000)
    assert process.stdout
    acknowledged = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    process.stdout.close()
    store = SqliteDocuments(path, TABLES)
    kept = [int(document_id) for document_id in await ids(store, "p")]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_writes_called_together_share_a_transaction(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "store.db", TABLES)
    statements: list[str] = []
    store._writer.set_trace_callback(statements.append)
    await asyncio.gather(*(store.upsert(SAMPLES, "p", str(number), {}) for number in range(100)))
    assert len([statement for statement in statements if statement.startswith("BEGIN")]) <= 2
    await store.close()


def test_a_file_that_is_no_database_is_said_so_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database, but long enough to be looked at closely" * 100)
    with pytest.raises(Unavailable, match=r"store\.db can't be opened: file is not a database"):
        SqliteDocuments(path, TABLES)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="can't be opened"):
        SqliteDocuments(tmp_path / "file" / "store.db", TABLES)


async def test_a_store_whose_file_breaks_is_unavailable_and_works_again_when_mended(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "store.db", TABLES)
    await store.upsert(SAMPLES, "p", "i", {"n": 1})
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE documents RENAME TO elsewhere")
        with pytest.raises(Unavailable):
            await store.read(SAMPLES, "p", "i")
        with pytest.raises(Unavailable):
            await store.upsert(SAMPLES, "p", "i", {"n": 2})
        other.execute("ALTER TABLE elsewhere RENAME TO documents")
    await store.upsert(SAMPLES, "p", "i", {"n": 3})
    document = await store.read(SAMPLES, "p", "i")
    assert document
    assert document.body == {"n": 3}
    await store.close()


async def test_a_writer_hears_of_any_failure_and_the_next_one_succeeds(tmp_path: Path) -> None:
    """Were a failure to end the thread that commits, everybody who waits for it would wait for ever."""
    fails = True

    def clock() -> float:
        if fails and threading.current_thread().name.startswith("sqlite-writer"):
            raise ValueError("no time")
        return time.time()

    store = SqliteDocuments(tmp_path / "store.db", TABLES, clock)
    with pytest.raises(Unavailable, match="no time"):
        await asyncio.wait_for(store.upsert(SAMPLES, "p", "i", {"n": 1}), 30)
    fails = False
    await asyncio.wait_for(store.upsert(SAMPLES, "p", "i", {"n": 2}), 30)
    document = await store.read(SAMPLES, "p", "i")
    assert document
    assert document.body == {"n": 2}
    await store.close()


async def test_expired_documents_are_removed_from_the_file(tmp_path: Path) -> None:
    now = [time.time()]
    store = SqliteDocuments(tmp_path / "store.db", TABLES, lambda: now[0])
    await store.upsert(SAMPLES, "p", "old", {})
    now[0] += 90 * 86_400
    await store.upsert(SAMPLES, "p", "new", {})
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as other:
        assert other.execute("SELECT id FROM documents").fetchall() == [("new",)]
    await store.close()
