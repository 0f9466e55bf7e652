"""Peers that tests of several layers share, one a test process; and which modules are begun first."""

import gc
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.peers import WELL_BEHAVED, Broker, a_broker, peer

LONGEST = (
    *("test_kills", "test_model", "test_attacker", "test_cosmos", "test_windows_package", "test_dead_letters"),
    *("test_failures", "test_crashes"),
    *("test_scale", "test_names", "test_openapi", "test_for_everybody", "test_spoc", "test_access", "test_signing_in"),
    *("test_windows", "test_written", "test_queue", "test_remote_write", "test_agent_program", "test_linux_package"),
)
"""Modules that take long, the longest first."""

settings.register_profile("no deadline", deadline=None)  # how long anything takes is measured in benchmarks/
settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: a module runs on one worker (see dev.py), and none should be left alone."""
    order = {name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Every storage emulator's, as published by Microsoft; no secret."""


SDK_LEAVES_SOCKETS = (
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
)
"""For tests that cut connections: the SDK leaves theirs to the garbage collector. Use it with ``collected``."""


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect garbage at the end of a test, so that no other test hears of it."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def cosmos_port() -> Iterator[int]:
    """A Cosmos DB peer on loopback: HTTPS, the emulators' key."""
    with peer("cosmos.js") as (port,):
        yield port


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[Broker]:
    with a_broker() as broker:
        yield broker


@pytest.fixture
def broker(shared_broker: Broker) -> Iterator[Broker]:
    """A Service Bus peer on loopback, which behaves well again after the test. Queues are made by using them."""
    yield shared_broker
    shared_broker.set(**WELL_BEHAVED)


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a Blob Storage peer: azurite, with the emulators' account and key."""
    with peer("azurite.js") as (port,):
        yield (
            f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={STORAGE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
        )


def a_queue() -> str:
    """The name of a queue that no other test uses."""
    return f"q-{uuid.uuid4().hex[:12]}"
