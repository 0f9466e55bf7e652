"""Servers that tests talk to on loopback: real protocols, no mocks. Node runs them; ``make peers`` installs them."""

import base64
import json
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")
INSTALLED = (HERE / "node_modules").is_dir()
needs_node = pytest.mark.skipif(
    NODE is None or not INSTALLED, reason="Node.js 20 or the peers are not installed (make peers)"
)


@contextmanager
def peer(script: str, *arguments: str) -> Iterator[list[int]]:
    """Run a peer; give the ports that it listens on, which are the first line it prints."""
    command = [NODE or "node", str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        assert process.stdout
        try:
            yield [int(port) for port in process.stdout.readline().split()]
        finally:
            process.terminate()


@dataclass(frozen=True)
class Broker:
    """A Service Bus peer: ``connection`` is its connection string."""

    port: int
    control: int

    @property
    def connection(self) -> str:
        return f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=any;SharedAccessKey=any;UseDevelopmentEmulator=true;"

    def set(self, **settings: Any) -> None:
        """Change how it behaves: ``settings`` in broker.js."""
        body = json.dumps(settings).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.control}/", body).close()

    def state(self, queue: str) -> dict[str, Any]:
        """What a queue holds."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/?queue={queue}") as answer:
            state: dict[str, Any] = json.load(answer)
            return state

    def bodies(self, queue: str) -> list[bytes]:
        """The bodies of the messages that wait in a queue, oldest first."""
        return [base64.b64decode(message["body"]) for message in self.state(queue)["ready"]]


@contextmanager
def a_broker() -> Iterator[Broker]:
    """Run a Service Bus peer."""
    with peer("broker.js") as (port, control):
        yield Broker(port, control)


WELL_BEHAVED = {
    "maxMessageSize": 262144,
    "lockMs": 60000,
    "maxDeliveryCount": 10,
    "slowMs": 0,
    "full": False,
    "busy": 0,
    "deny": [],
    "cutBefore": 0,
    "cutAfter": 0,
}
"""The settings of broker.js as it starts."""

_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname, _TRUSTING.verify_mode = False, ssl.CERT_NONE


class Cosmos:
    """A Cosmos DB peer: cosmos.js says what it can be told."""

    def __init__(self, port: int, scheme: str = "https", host: str = "127.0.0.1") -> None:
        self.endpoint = f"{scheme}://{host}:{port}"

    def set(self, **settings: Any) -> None:
        """Change how it behaves."""
        self._control(json.dumps(settings).encode())

    def fail(self, status: int = 0, count: int = 1, **fault: Any) -> None:
        """Let the next calls on documents fail."""
        self.set(fault={"status": status, "count": count, **fault})

    def calls(self, what: str = "/docs") -> list[dict[str, Any]]:
        """The calls on documents, or of another "METHOD /path", since this was last asked."""
        calls: list[dict[str, Any]] = self._control()["calls"]
        return [call for call in calls if what in f"{call['method']} {call['path']}"]

    def _control(self, body: bytes | None = None) -> Any:
        context = _TRUSTING if self.endpoint.startswith("https") else None
        with urllib.request.urlopen(f"{self.endpoint}/control", body, context=context) as answer:  # noqa: S310
            return json.load(answer)


NO_EMULATOR = "0.0.0.0"  # noqa: S104  (to be called, not to be listened on)
"""This machine, by an address that no emulator has: what answers there is taken for an account in Azure."""

WELL_BEHAVED_COSMOS = {"fault": {"count": 0}, "expired": [], "consistency": "Session"}
"""The settings of cosmos.js as it starts."""
