"""Peers that tests of several layers share, one a test process."""

from collections.abc import Iterator

import pytest

from tests.peers import peer


@pytest.fixture(scope="session")
def cosmos_port() -> Iterator[int]:
    """A Cosmos DB peer on loopback: HTTPS, the emulators' key."""
    with peer("cosmos.js") as port:
        yield port
