"""``python -m local.check``: reports whether the settings and access rights suffice. It leaves nothing behind.

It takes the app's settings from the environment, and from a ``local.settings.json`` (``--settings``) for those that the
environment does not set. In each table it writes, reads and removes a document of its own. It looks into the queue
without sending or taking a message.
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
    """A check failed. ``str()`` says what is wrong, and ``hint`` says what to look at."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


async def check_store(documents: Documents, tables: list[str], where: str, hint: str) -> str:
    """Write, read and remove a document in every table. Return the result in words. Raises Failed."""
    document_id = f"probe-{uuid.uuid4().hex}"
    start = time.perf_counter()
    for table in tables:
        try:
            with suppress(Conflict):  # the id is unique, so this call was executed twice (storage.documents)
                await documents.create(table, "probe", document_id, {"probe": True})
            found = await documents.read(table, "probe", document_id)
            if found is None:
                raise Failed(f"{where}: the document just written to the table {table} can't be read", hint)
            with suppress(Conflict):
                await documents.delete(table, "probe", document_id, found.etag)
        except (Unavailable, TooLarge) as error:
            raise Failed(f"{where}: the table {table} can't be written and read: {error}", hint) from error
    each = (time.perf_counter() - start) * 1000 / len(tables)
    return f"{where}: {len(tables)} tables written, read and cleaned, {each:.0f} ms each"


async def check_consistency(documents: Documents, where: str) -> str:
    """Return the consistency of a Cosmos DB account in words. Raises Failed if it does not suffice."""
    from storage.cosmos import CosmosDocuments  # noqa: PLC0415

    if not isinstance(documents, CosmosDocuments):
        raise TypeError(documents)
    said, suffices = await documents.consistency()
    if not suffices:
        raise Failed(f"{where}: {said}", "Default consistency of the account in the Azure portal, and infra/")
    return said


def check_queue() -> str:
    """Look into the queue without taking a message. Return the result in words. Raises Failed."""
    connection, namespace = os.environ.get(CONNECTION), os.environ.get(NAMESPACE)
    if not connection and not namespace:
        return f"queue: not checked, since neither {CONNECTION} nor {NAMESPACE} is set (make run needs neither)"
    name = os.environ.get("QUEUE_NAME")
    if not name:
        raise Failed(
            "queue: QUEUE_NAME is not set", "QUEUE_NAME, the queue in the Service Bus namespace, for example samples"
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
        raise Failed(f"{where}: can't receive messages: {reason}", hint) from error
    return f"{where}: can receive messages"


async def check(settings: Settings) -> bool:
    """Run all checks, even after one has failed. Tell whether all succeeded."""
    tables = list(schema(settings.samples_retention_days, settings.report_retention_days))
    where = f"store {settings.sqlite_path or settings.cosmos_endpoint}"
    hint = (
        "the folder of SQLITE_PATH: does it exist, is it writable, and has it free space?"
        if settings.sqlite_path
        else "COSMOS_ENDPOINT, COSMOS_DATABASE and its containers (infra/, or make emulators), and the data plane role "
        "Cosmos DB Built-in Data Contributor, which the identity that runs this check needs"
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
    return all([await _told(step) for step in steps])  # a list, so that all steps run


async def _told(step: Callable[[], Awaitable[str]]) -> bool:
    try:
        print(f"ok      {await step()}", flush=True)
    except Failed as error:
        print(f"FAILED  {error}\n        look at: {error.hint}", flush=True)
        return False
    return True


def read_settings(path: Path) -> None:
    """Put the values of a local.settings.json into the environment, unless it has them already.

    Raises OSError and ValueError, which name the file.
    """
    try:
        values = dict(json.loads(path.read_text(encoding="utf-8"))["Values"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no local.settings.json with "Values": {error!r}') from error
    for name, value in values.items():
        if value:
            os.environ.setdefault(name, str(value))


def main() -> int:
    """Run the checks and print their results. Return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m local.check", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--settings", type=Path, help="a local.settings.json for settings that the environment lacks")
    path = parser.parse_args().settings
    try:
        if path:
            read_settings(path)
        settings = load()
    except (OSError, ValueError) as error:
        print(f"FAILED  settings: {path} can't be read: {error}\n        look at: local.settings.sample.json")
        return 1
    except Misconfigured as error:
        print(f"FAILED  {error}\n        look at: docs/settings.md")
        return 1
    print("ok      settings: complete and well-formed")
    return 0 if asyncio.run(check(settings)) else 1


if __name__ == "__main__":
    sys.exit(main())
