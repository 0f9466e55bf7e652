"""``make message``: moves the example of docs/wire.md, with the present time, into the local host's queue.

Knows the example. Does not know what becomes of it: ``/v1/status`` and the page say that.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from domain.errors import Unavailable
from domain.packing import Packed
from edge.destinations import FolderDestination

EXAMPLE: Mapping[str, object] = {
    "timestamp": 1648637647,
    "MaskedTenantId": "wYAVC3oWQU+ozhgAAg5f/w==637841132085596403",
    "SiteName": None,
    "MaskedVMName": "Sharedfk6hZ4v5Xkmu0clBsg+aYw==63784",
    "ResourcePoolName": "Shared-ngXXH",
    "Region": "centralindia",
    "MachineSize": "Standard_D4s_v4",
    "PerfName": "WinDefend",
    "PerfValue": 1,
    "PerfType": "win_service",
}
"""The sample of docs/wire.md."""


def message_at(now: int) -> bytes:
    """Return the example's message with a sample of this time (Unix seconds)."""
    return json.dumps({"metrics": [{**EXAMPLE, "timestamp": now}]}, indent=1).encode()


def main() -> int:
    """Move it into the queue of QUEUE_FOLDER, else of the folder DATA; return the exit code."""
    folder = Path(os.environ.get("QUEUE_FOLDER") or Path(os.environ.get("DATA") or ".local") / "queue")
    body = message_at(int(time.time()))
    try:
        FolderDestination(folder).send([Packed(body, 1, ())])
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"moved into {folder}:\n{body.decode()}")
    print("The app removes the file when it has taken it. Some ten seconds later the page shows it, or says why not.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
