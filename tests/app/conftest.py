"""The real local host, as its users start it: a process on a free port with a data folder of its own."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.builders import an_enrolment

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def wait_for(condition: Callable[[], Any], what: str, pause: float = 0.05) -> Any:
    """Return the condition's value as soon as it is true. Fails after a minute, saying for what it waited."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(pause)
    raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}")


def a_free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def enrol(data: Path, tenants: Iterable[str]) -> None:
    """Enrol tenants in the store of a data folder, before a host starts there."""

    async def write() -> None:
        tables = Tables(SqliteDocuments(data / "store.db", schema(30, 400)))
        for tenant in tenants:
            await tables.enrolments.write(an_enrolment(tenant), None)
        await tables.documents.close()

    data.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as other:  # this thread may run Playwright's event loop
        other.submit(lambda: asyncio.run(write())).result()


@dataclass
class Local:
    """``python -m local`` with a data folder."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=a_free_port)
    operator: Mapping[str, str] = field(default_factory=dict)
    """The headers of a request that may see everything."""
    process: "subprocess.Popen[str] | None" = None
    most_bytes: int | None = None
    """How large a file it may make: stands for a full disk."""

    @property
    def log(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Local":
        """Start it and wait until it is ready, or has ended."""
        log = self.data.parent / f"{self.data.name}.log"
        said = len(log.read_text()) if log.exists() else 0  # by earlier starts
        self.launch()
        wait_for(
            lambda: self.process and (self.process.poll() is not None or "Ctrl-C ends" in self.log[said:]), "the start"
        )
        return self

    def launch(self) -> None:
        """Start it and don't wait."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "PORT": str(self.port),
            "DATA": str(self.data),
            "FLEET": "0",
            "HISTORY_DAYS": "0",
            "AzureWebJobs.learn.Disabled": "true",  # tests start what operates on the store
            "AVERAGING_SCHEDULE": "* * * * * *",
            "ALLOWED_LATENESS_MINUTES": "0",  # tests look at what is final
            **self.settings,
        }
        limits = (self.most_bytes, self.most_bytes) if self.most_bytes else None
        with (self.data.parent / f"{self.data.name}.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        if limits:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limits)

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Return the status, the body (decoded where it is JSON) and the headers (names in lower case)."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, method=method, headers={**(headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
                status, answer, got = response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            with error:
                status, answer, got = error.code, error.read(), error.headers
        kind = got.get_content_type()
        decoded = json.loads(answer) if answer and kind.endswith("json") and kind != "application/x-ndjson" else answer
        return status, decoded, {name.lower(): value for name, value in got.items()}

    def start_operation(self, path: str) -> str:
        """Post for an operation; return the path at which it is asked how far it is."""
        status, body, _ = self.get(path, "POST", self.operator)
        assert status == 202, body
        return str(body["statusUrl"])

    def operation_ended(self, status_path: str) -> Any:
        """Wait until an operation has ended; return its status."""

        def ended() -> Any:
            status, body, _ = self.get(status_path, headers=self.operator)
            return status == 200 and body["state"] != "running" and body

        return wait_for(ended, f"the end of {status_path}")

    def put(self, name: str, body: bytes) -> None:
        """Move a message into the queue."""
        temporary = self.data / f"{name}.tmp"
        temporary.write_bytes(body)
        temporary.replace(self.data / "queue" / name)

    def settled(self) -> None:
        """Wait until all that was put is averaged."""

        def worked_off() -> bool:
            waiting = [path for path in (self.data / "queue").iterdir() if path.is_file()]
            return not waiting and self.get("/v1/status", headers=self.operator)[1].get("dirtyMarks") == 0

        wait_for(worked_off, "the queue and the marks to be worked off")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    host = Local(tmp_path / "data")
    yield host
    if host.process and host.process.poll() is None:
        host.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """One running host for the tests of a module that only add to it."""
    host = Local(tmp_path_factory.mktemp("host") / "data").start()
    yield host
    host.stop(signal.SIGKILL)
