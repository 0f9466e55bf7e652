"""Servers that tests talk to on loopback: real protocols, no mocks. Node runs them; ``make peers`` installs them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")
INSTALLED = (HERE / "node_modules").is_dir()
needs_node = pytest.mark.skipif(
    NODE is None or not INSTALLED, reason="Node.js 20 or the peers are not installed (make peers)"
)


@contextmanager
def peer(script: str, *arguments: str) -> Iterator[int]:
    """Run a peer; give the port that it listens on, which is the first line it prints."""
    command = [NODE or "node", str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
