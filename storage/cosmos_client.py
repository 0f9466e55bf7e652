"""A connection to Azure Cosmos DB: opened at the first call, opened anew where access is denied, closed when unused.

Knows how a client is set up, and what consistency the account promises; refuses to know what is asked through it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.cosmos.aio import ContainerProxy, CosmosClient

from domain.errors import Unavailable
from storage.schema import Table

THROTTLED_RETRIES = 9
LONGEST_WAIT_SECONDS = 20
"""How long a call takes at most, all its attempts included (of a scan: each page), so that a trigger is done well
before its lock or its caller's patience ends."""

LONGEST_PAUSE_SECONDS = 5
"""The longest pause between attempts."""

WEAK = ("Session", "ConsistentPrefix", "Eventual")
"""The levels at which a reader may not see (yet) what another process wrote."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Where the documents are.

    Without a key, whoever runs this is identified (managed identity, Azure CLI, ...). Which of several managed
    identities is meant, the environment says: AZURE_CLIENT_ID.
    """

    endpoint: str
    database: str
    key: str | None = None


@dataclass(slots=True, eq=False)
class Connection:
    """A client that is set up, and how many calls use it."""

    client: CosmosClient
    credential: Any
    containers: Mapping[str, ContainerProxy]
    users: int = 0

    async def close(self) -> None:
        """Close the client, and what identifies it."""
        await self.client.close()
        if hasattr(self.credential, "close"):
            await self.credential.close()


class Client:
    """The account's one connection of this process. It is opened at the first use, in that call's event loop."""

    def __init__(self, account: Account, tables: Mapping[str, Table]) -> None:
        """Take note of where to connect; nothing is opened yet."""
        self._account = account
        self._tables = tables
        # An emulator has a certificate of its own making, tells an address that only it can reach, and is one replica.
        self._emulator = urlsplit(account.endpoint).hostname in ("localhost", "127.0.0.1", "::1")
        self._consistency: str | None = None
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def _connected(self) -> Connection:
        """Return the connection, which the first call opens while others wait."""
        if self._connection is None:
            async with self._opening:
                if self._closed:
                    raise Unavailable("the store is closed")
                if self._connection is None:
                    self._connection = await self._open()
        return self._connection

    async def _open(self) -> Connection:
        account = self._account
        credential = account.key or _identity()
        try:
            client = CosmosClient(
                account.endpoint,
                credential,
                connection_verify=not self._emulator,
                enable_endpoint_discovery=not self._emulator,
                retry_throttle_total=THROTTLED_RETRIES,
                retry_throttle_backoff_max=LONGEST_WAIT_SECONDS
                - LONGEST_PAUSE_SECONDS,  # so that what it says is heard
                retry_connect=0,  # connections that fail are tried again here, like all the rest
                retry_read=0,
                no_response_on_write=True,
                enable_compact_utf8_item_writes=True,
            )
            database = client.get_database_client(account.database)
            containers = {key: database.get_container_client(table.name) for key, table in self._tables.items()}
            connection = Connection(client, credential, containers)
            try:
                await client.__aenter__()  # reads the account
                # A session would only see what this process wrote, and the SDK (4.17) sends one container's token to
                # another where writes are answered without a body: the service then does not answer at all (404, 1002).
                client.client_connection.session = None
                await self._learn_consistency(client)
            except BaseException:
                await connection.close()
                raise
        except (ValueError, TypeError) as error:  # a key that is none
            raise Unavailable(f"the store {account.endpoint} can't be used: {error}") from error
        return connection

    async def _learn_consistency(self, client: CosmosClient) -> None:
        policy = (await client.client_connection.GetDatabaseAccount()).ConsistencyPolicy or {}
        level = policy.get("defaultConsistencyLevel")
        if level != self._consistency:
            self._consistency = level
            said, suffices = self.words_of_consistency()
            if not suffices:
                log.warning("the store %s: %s", self._account.endpoint, said)

    def words_of_consistency(self) -> tuple[str, bool]:
        """Return what the account promises to readers, in words, and whether it suffices."""
        level = self._consistency
        if level is None:
            return "the account does not tell its default consistency", True
        if self._emulator:
            return f"consistency {level}, and an emulator has one replica", True
        if level not in WEAK:
            return f"consistency {level}: readers see what was written", True
        danger = "averages can miss samples that another process wrote"
        return f"consistency {level}: {danger}; set the account's default consistency to Strong", False

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Connection]:
        """Use the connection: it is not closed meanwhile."""
        connection = await self._connected()
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            await self._leave(connection)

    async def renew(self, connection: Connection) -> None:
        """Let the next call open another connection, unless that was done already."""
        if connection is self._connection:
            self._connection = None
        await self._leave(connection)

    async def _leave(self, connection: Connection) -> None:
        """Close a connection that has been replaced and that nobody uses any more."""
        if connection is not self._connection and not connection.users:
            await connection.close()

    async def close(self) -> None:
        """Close the connection as soon as nobody uses it, and open none any more."""
        self._closed = True
        async with self._opening:
            if self._connection:
                await self.renew(self._connection)


def _identity() -> Any:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  (not wanted with a key, and slow to load)

    return DefaultAzureCredential()
