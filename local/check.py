"""``python -m local.check``: whether settings and rights suffice, in words. Sends no message and leaves nothing behind.

Takes the app's settings from the environment, and those of ``local.settings.json`` (``--settings``) beside it. In each
table it writes, reads and removes a document of its own; at the queue it looks without taking anything.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from blueprints.services import build
from blueprints.settings import Settings, load
from domain.errors import Misconfigured, Unavailable
from storage.documents import Conflict, Documents, TooLarge
from storage.schema import schema

CONNECTION = "ServiceBusConnection"
NAMESPACE = f"{CONNECTION}__fullyQualifiedNamespace"
SECONDS = 20


class Failed(Exception):
    """Something is missing. ``str()`` says what, and ``hint`` what to look at."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


async def check_store(documents: Documents, tables: list[str], where: str, hint: str) -> str:
    """Write, read and remove a document in every table; return what was found. Raises Failed."""
    document_id = f"probe-{uuid.uuid4().hex}"
    start = time.perf_counter()
    for table in tables:
        try:
            with suppress(Conflict):  # nobody else knows the id: this very call, done twice (storage.documents)
                await documents.create(table, "probe", document_id, {"probe": True})
            found = await documents.read(table, "probe", document_id)
            if found is None:
                raise Failed(f"{where}: what was written to the table {table} can't be read", hint)
            with suppress(Conflict):
                await documents.delete(table, "probe", document_id, found.etag)
        except (Unavailable, TooLarge) as error:
            raise Failed(f"{where}: the table {table} can't be written and read: {error}", hint) from error
    each = (time.perf_counter() - start) * 1000 / len(tables)
    return f"{where}: {len(tables)} tables written, read and cleaned, {each:.0f} ms each"


async def check_consistency(documents: Documents, where: str) -> str:
    """Return what a Cosmos DB account promises to readers. Raises Failed where that does not suffice."""
    from storage.cosmos import CosmosDocuments  # noqa: PLC0415

    if not isinstance(documents, CosmosDocuments):
        raise TypeError(documents)
    said, suffices = await documents.consistency()
    if not suffices:
        raise Failed(f"{where}: {said}", "Default consistency of the account in the Azure portal, and infra/")
    return said


def check_queue() -> str:
    """Look at the queue without taking anything; return what was found. Raises Failed."""
    connection, namespace = os.environ.get(CONNECTION), os.environ.get(NAMESPACE)
    if not connection and not namespace:
        return f"queue: not looked at, since neither {CONNECTION} nor {NAMESPACE} is set (make run needs none)"
    name = os.environ.get("QUEUE_NAME")
    if not name:
        raise Failed(
            "queue: QUEUE_NAME is not set", "it names the queue in the Service Bus namespace, for example samples"
        )
    from azure.core.exceptions import AzureError  # noqa: PLC0415
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415
    from azure.servicebus import ServiceBusClient  # noqa: PLC0415

    where = f"queue {name} of {namespace or 'the namespace of the connection string'}"
    options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2}
    try:
        client = (
            ServiceBusClient.from_connection_string(connection, **options)
            if connection
            else ServiceBusClient(str(namespace), DefaultAzureCredential(), **options)
        )
        with client, client.get_queue_receiver(name, prefetch_count=0) as receiver:
            receiver.peek_messages(timeout=SECONDS)
    except (AzureError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        role = "the role Azure Service Bus Data Receiver (and Sender, to resubmit dead letters)"
        hint = f"{CONNECTION} or {NAMESPACE}, the queue's name, and {role}"
        raise Failed(f"{where}: can't be received from: {reason}", hint) from error
    return f"{where}: may be received from"


async def check(settings: Settings) -> bool:
    """Check everything, each though another fails; tell whether all is well."""
    tables = list(schema(settings.samples_retention_days, settings.report_retention_days))
    where = f"store {settings.sqlite_path or settings.cosmos_endpoint}"
    hint = (
        "the folder of SQLITE_PATH: is it there, writable, and not full?"
        if settings.sqlite_path
        else "COSMOS_ENDPOINT, COSMOS_DATABASE and its containers (infra/, or make emulators), and the data plane role "
        "Cosmos DB Built-in Data Contributor of whoever runs this"
    )

    async def store() -> str:
        try:
            services = build(settings)
        except Unavailable as error:
            raise Failed(f"{where}: {error}", hint) from error
        documents = services.tables.documents
        try:
            found = await check_store(documents, tables, where, hint)
            return found if settings.sqlite_path else f"{found}; {await check_consistency(documents, where)}"
        finally:
            await documents.close()

    async def queue() -> str:
        return await asyncio.to_thread(check_queue)

    steps: list[Callable[[], Awaitable[str]]] = [store, queue]
    return all([await _told(step) for step in steps])  # a list: each is to be done


async def _told(step: Callable[[], Awaitable[str]]) -> bool:
    try:
        print(f"ok      {await step()}", flush=True)
    except Failed as error:
        print(f"FAILED  {error}\n        look at: {error.hint}", flush=True)
        return False
    return True


def read_settings(path: Path) -> None:
    """Put the values of a local.settings.json into the environment, where that does not say otherwise."""
    values = json.loads(path.read_text())["Values"]
    for name, value in values.items():
        if value:
            os.environ.setdefault(name, str(value))


def main() -> int:
    """Check and tell; return 1 where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m local.check", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--settings", type=Path, help="a local.settings.json, for what the environment does not say")
    path = parser.parse_args().settings
    try:
        if path:
            read_settings(path)
        settings = load()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"FAILED  settings: {path} can't be read: {error}\n        look at: local.settings.sample.json")
        return 1
    except Misconfigured as error:
        print(f"FAILED  {error}\n        look at: the README's table of settings")
        return 1
    print("ok      settings: complete and well-formed")
    return 0 if asyncio.run(check(settings)) else 1


if __name__ == "__main__":
    sys.exit(main())
