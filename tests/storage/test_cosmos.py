"""What only the Cosmos DB adapter has to show: throttling and outages, charges, and what its containers are like."""

import json
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import Unavailable
from storage.charges import metered
from storage.cosmos import THROTTLED_RETRIES, Account, CosmosDocuments
from storage.documents import AlreadyExists
from storage.schema import INDEXING_POLICY, SAMPLES
from tests.app.conftest import a_free_port
from tests.peers import needs_node
from tests.storage.adapters import EMULATOR_KEY, TABLES

pytestmark = needs_node
HERE = (SAMPLES, "p", "i")


@pytest.fixture
async def store(cosmos_port: int) -> AsyncIterator[CosmosDocuments]:
    opened = CosmosDocuments(
        Account(f"https://127.0.0.1:{cosmos_port}", f"test-{uuid.uuid4().hex}", EMULATOR_KEY), TABLES
    )
    await opened.create_tables()
    yield opened
    await opened.close()


def fail(port: int, status: int, count: int, **headers: str) -> None:
    """Let the next calls on documents fail."""
    body = json.dumps({"status": status, "count": count, "headers": headers}).encode()
    import ssl  # noqa: PLC0415

    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}/faults", body, method="POST")
    urllib.request.urlopen(request, context=trusting).close()  # noqa: S310


async def test_a_throttled_call_waits_as_the_service_says_and_succeeds(
    store: CosmosDocuments, cosmos_port: int
) -> None:
    await store.upsert(*HERE, {"n": 0})
    fail(cosmos_port, 429, 3, **{"x-ms-retry-after-ms": "70"})
    start = time.monotonic()
    await store.upsert(*HERE, {"n": 1})
    assert time.monotonic() - start >= 3 * 0.07
    document = await store.read(*HERE)
    assert document
    assert document.body == {"n": 1}


async def test_a_call_that_stays_throttled_is_unavailable_after_bounded_tries_and_says_when_to_come_back(
    store: CosmosDocuments, cosmos_port: int
) -> None:
    await store.upsert(*HERE, {"n": 0})
    fail(cosmos_port, 429, THROTTLED_RETRIES + 1, **{"x-ms-retry-after-ms": "2"})
    with pytest.raises(Unavailable, match="HTTP 429") as refusal:
        await store.upsert(*HERE, {"n": 1})
    assert refusal.value.retry_after >= 1
    assert await store.read(*HERE)


@pytest.mark.parametrize("call", ["read", "upsert", "scan"])
async def test_an_outage_is_unavailable_and_passes(store: CosmosDocuments, cosmos_port: int, call: str) -> None:
    calls: dict[str, Any] = {
        "read": lambda: store.read(*HERE),
        "upsert": lambda: store.upsert(*HERE, {"n": 1}),
        "scan": lambda: anext(store.scan(SAMPLES, "p")),
    }
    await store.upsert(*HERE, {"n": 0})
    fail(cosmos_port, 503, 1000)
    with pytest.raises(Unavailable, match="HTTP 503"):
        await calls[call]()
    fail(cosmos_port, 503, 0)
    await calls[call]()


async def test_a_server_that_cannot_be_reached_is_unavailable_before_a_triggers_patience_ends() -> None:
    store = CosmosDocuments(Account(f"https://127.0.0.1:{a_free_port()}", "none", EMULATOR_KEY), TABLES)
    start = time.monotonic()
    with pytest.raises(Unavailable, match="not available"):
        await store.read(*HERE)
    assert time.monotonic() - start < 100
    await store.close()


async def test_a_missing_database_is_said_so_and_is_no_missing_document(cosmos_port: int) -> None:
    store = CosmosDocuments(Account(f"https://127.0.0.1:{cosmos_port}", "never-made", EMULATOR_KEY), TABLES)
    with pytest.raises(Unavailable):
        await store.read(*HERE)
    with pytest.raises(Unavailable):
        await anext(store.scan(SAMPLES, "p"))
    await store.close()


async def test_a_key_that_is_none_is_unavailable_not_a_crash() -> None:
    store = CosmosDocuments(Account("https://127.0.0.1:1", "d", "no base64!"), TABLES)
    with pytest.raises(Unavailable):
        await store.read(*HERE)
    await store.close()


async def test_containers_have_their_partition_key_time_to_live_and_indexing_policy(store: CosmosDocuments) -> None:
    for table in TABLES.values():
        found = await store._container(table.name).read()
        assert found["partitionKey"]["paths"] == ["/pk"]
        assert found.get("defaultTtl") == table.time_to_live
        assert {name: found["indexingPolicy"][name] for name in INDEXING_POLICY} == INDEXING_POLICY


async def test_charges_are_added_up_by_operation_also_those_of_refused_calls(store: CosmosDocuments) -> None:
    with metered() as outer:
        with metered() as meter:
            await store.create(*HERE, {})
            with pytest.raises(AlreadyExists):
                await store.create(*HERE, {})
            await store.read(*HERE)
        await store.read(*HERE)
    # This server charges 1 for every answer.
    assert {name: (tally.calls, tally.units) for name, tally in meter.operations.items()} == {
        "create samples": (2, 2.0),
        "read samples": (1, 1.0),
    }
    assert (meter.units, outer.units) == (3, 4)
    assert str(meter) == "3.0 RU (create samples 2/2.0, read samples 1/1.0)"
