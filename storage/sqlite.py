"""The documents port on SQLite: one table, a write-ahead log, several processes at once, durable at every return.

Concurrent writes share a transaction. Each write waits in a list, and one thread commits all writes that were added
while it committed the previous ones. So a batch of writes costs one flush to disk; on Cosmos DB it costs one round of
concurrent requests. Reads run immediately on their own connection and never wait for writers.

Knows nothing of what the documents mean.
"""

import asyncio
import secrets
import sqlite3
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import Unavailable
from storage.documents import MOST_BYTES, AlreadyExists, Body, Changed, Conflict, Document, Gone, Place, TooLarge
from storage.schema import Table
from storage.waiting_writes import Write, settle

BUSY_SECONDS = 20
BUSY_PAUSE_SECONDS = 0.01
"""How long a write waits for another process's transaction."""

PAGE = 16_384
"""The page size of a new file in bytes. A compressed VM window has about 3 KB, so several fill a page well."""

COMPRESSION = 1
"""The level of zlib. On lists of numbers, higher levels save 5 % more bytes and take 50 % more time."""

SCAN_PAGE = 50
"""The number of documents that a scan fetches before it lets other tasks run."""

SWEEP_SECONDS = 3600
"""The time between two removals of expired documents. Until then they are only hidden."""

_CREATE = """
CREATE TABLE IF NOT EXISTS documents (
    "table" TEXT NOT NULL, partition TEXT NOT NULL, id TEXT NOT NULL,
    etag TEXT NOT NULL, written INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY ("table", partition, id)
)
"""
_HERE = '"table" = ?1 AND partition = ?2 AND id = ?3'
_BODY = "CAST(body AS BLOB)"  # an edit by hand stores text instead of bytes
_READ = f"SELECT id, {_BODY}, etag FROM documents WHERE {_HERE} AND written > ?4"  # noqa: S608  (constants)
_SCAN = f"""
SELECT id, {_BODY}, etag FROM documents
WHERE "table" = ?1 AND partition = ?2 AND id >= ?3 AND id < ?4 AND written > ?5 ORDER BY id LIMIT ?6
"""  # noqa: S608
_PLACES = """
SELECT partition, id, etag FROM documents
WHERE "table" = ?1 AND (partition, id) > (?2, ?3) AND written > ?4 ORDER BY partition, id LIMIT ?5
"""
_INSERT = 'INSERT INTO documents ("table", partition, id, etag, written, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)'
_OVERWRITE = "DO UPDATE SET etag = excluded.etag, written = excluded.written, body = excluded.body"
_CREATE_DOCUMENT = f'{_INSERT} ON CONFLICT ("table", partition, id) {_OVERWRITE} WHERE documents.written <= ?7'
_UPSERT = f'{_INSERT} ON CONFLICT ("table", partition, id) {_OVERWRITE}'
_REPLACE = f"UPDATE documents SET etag = ?4, written = ?5, body = ?6 WHERE {_HERE} AND written > ?7 AND etag = ?8"  # noqa: S608
_DELETE = f"DELETE FROM documents WHERE {_HERE} AND written > ?4 AND etag = ?5"  # noqa: S608
_IS_THERE = f"SELECT 1 FROM documents WHERE {_HERE} AND written > ?4"  # noqa: S608
_SWEEP = 'DELETE FROM documents WHERE "table" = ? AND written <= ?'

_OBJECT = msgspec.json.Decoder(dict[str, Any])


def _decode(stored: bytes) -> Body:
    try:
        return _OBJECT.decode(stored if stored.startswith(b"{") else zlib.decompress(stored))
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on.

    Processes that do this to a new file at the same time would deadlock: SQLite fails all but one of them at once,
    without the wait that it grants elsewhere.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


class SqliteDocuments:
    """The documents of one SQLite file. The file is created if it does not exist.

    ``clock`` returns Unix seconds, for the times to live. Safe to use from several event loops and processes.
    """

    def __init__(self, path: Path, tables: Mapping[str, Table], clock: Callable[[], float] = time.time) -> None:
        """Open the file. Raises Unavailable with the path and the reason if that fails."""
        self._path = path
        self._tables = tables
        self._clock = clock
        self._waiting: list[Write] = []
        self._waiting_lock = threading.Lock()
        self._closed = False
        self._swept = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._writer.execute(_CREATE)
            self._reader = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"the store {path} can't be opened: {error}") from error
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {PAGE}")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16384")
        return connection

    def _expiry(self, table: str) -> int:
        """Documents of this table last written at or before this second have expired."""
        time_to_live = self._tables[table].time_to_live
        return -1 if time_to_live is None else int(self._clock()) - time_to_live

    def _encode(self, table: str, body: Body) -> bytes:
        encoded = msgspec.json.encode(body)
        if len(encoded) > MOST_BYTES:
            raise TooLarge
        return zlib.compress(encoded, COMPRESSION) if self._tables[table].bulky else encoded

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """See Documents."""
        rows = self._fetch(_READ, (table, partition, document_id, self._expiry(table)))
        return rows[0] if rows else None

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """See Documents."""
        while True:
            values = (table, partition, from_id, to_id, self._expiry(table), SCAN_PAGE)
            page = self._fetch(_SCAN, values)
            for document in page:
                yield document
            if len(page) < SCAN_PAGE:
                return
            from_id = page[-1].id + "\0"
            await asyncio.sleep(0)

    async def places(self, table: str) -> AsyncIterator[Place]:
        """See Documents."""
        after = ("", "")
        while page := self._rows(_PLACES, (table, *after, self._expiry(table), SCAN_PAGE)):
            for partition, document_id, etag in page:
                yield Place(partition, document_id, etag)
            after = page[-1][:2]
            await asyncio.sleep(0)

    def _fetch(self, statement: str, values: tuple[object, ...]) -> list[Document]:
        return [Document(document_id, _decode(body), etag) for document_id, body, etag in self._rows(statement, values)]

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        if self._closed:
            raise self._unavailable("it is closed")
        try:
            return self._reader.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        here = (table, partition, document_id)
        values = (*here, secrets.token_hex(8), int(self._clock()), self._encode(table, body), self._expiry(table))
        await self._write(_CREATE_DOCUMENT, values, lambda _: AlreadyExists(*here))

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        here = (table, partition, document_id)
        values = (*here, secrets.token_hex(8), int(self._clock()), self._encode(table, body))
        await self._write(_UPSERT, values, lambda _: Conflict(*here))

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """See Documents."""
        here = (table, partition, document_id)
        expiry = self._expiry(table)
        values = (*here, secrets.token_hex(8), int(self._clock()), self._encode(table, body), expiry, etag)
        await self._write(_REPLACE, values, lambda connection: _changed_or_gone(connection, (*here, expiry)))

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """See Documents."""
        here = (table, partition, document_id, self._expiry(table))
        await self._write(_DELETE, (*here, etag), lambda connection: _changed_or_gone(connection, here))

    async def _write(
        self, statement: str, values: tuple[object, ...], refusal: Callable[[sqlite3.Connection], Conflict]
    ) -> None:
        loop = asyncio.get_running_loop()
        write = Write(statement, values, refusal, loop.create_future(), loop)
        with self._waiting_lock:
            if self._closed:
                raise self._unavailable("it is closed")
            self._waiting.append(write)
            first = len(self._waiting) == 1
        if first:
            # Submitted in the next turn of the event loop, so that the other writes of this turn share the transaction.
            loop.call_soon(self._submit)
        await write.done

    def _submit(self) -> None:
        try:
            self._committer.submit(self._commit)
        except RuntimeError as error:  # the executor is shut down
            writes = self._take()
            settle(writes, [self._unavailable(error)] * len(writes))

    def _take(self) -> list[Write]:
        with self._waiting_lock:
            writes, self._waiting = self._waiting, []
        return writes

    def _commit(self) -> None:
        writes = self._take()
        outcomes: list[Exception | None] = []
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in writes:
                changed = connection.execute(write.statement, write.values).rowcount
                outcomes.append(None if changed else write.refusal(connection))
            self._sweep(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  (whatever it is, those who wait for this write must hear of it)
            if connection.in_transaction:
                connection.rollback()
            settle(writes, [self._unavailable(error)] * len(writes))
            return
        settle(writes, outcomes)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        for table in self._tables.values():
            if table.time_to_live is not None:
                connection.execute(_SWEEP, (table.name, self._expiry(table.name)))

    def _unavailable(self, reason: object) -> Unavailable:
        return Unavailable(f"the store {self._path} is not available: {reason}")

    async def close(self) -> None:
        """See Documents."""
        with self._waiting_lock:
            if self._closed:
                return
            self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._committer, lambda: None)
        self._committer.shutdown()
        self._reader.close()
        self._writer.close()


def _changed_or_gone(connection: sqlite3.Connection, here: tuple[object, ...]) -> Conflict:
    there = connection.execute(_IS_THERE, here).fetchone()
    return Changed(*here[:3]) if there else Gone(*here[:3])
