"""``spot-pc seal``: prepares a machine for becoming an image, from which many VMs are made.

It forgets what belongs to this machine alone: the agent's installation, files that wait, parts of files, and how far
Telegraf's files were read. Settings stay. It stops nothing and needs nothing else: an agent that starts from the image
draws an id of its own. (It would notice by itself that it is on another machine; sealing spares it files that wait.)
"""

import argparse
import sys
from collections.abc import Sequence

from edge.machine import agent_state, forget, machine_folders
from edge.options import folder

KEYS = ("spoc.key", "masking.key", "agent-masking.key", "agent.sas")


def main(arguments: Sequence[str] | None = None) -> int:
    """Forget, and say what was done. Return 1 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="spot-pc seal",
        description="Forget what belongs to this machine alone, before an image is made of it. Settings stay.",
    )
    parser.add_argument("--state", type=folder, help="the agent's --state, if it has one (default: the machine's)")
    options = parser.parse_args(arguments)
    folders = machine_folders()
    state = agent_state(options.state or folders.state)
    try:
        waiting = len(list((state / "spool").glob("*.json")))
        files = forget(state)
    except OSError as error:
        print(f"seal: {state} can't be removed: {error}; run as an administrator", file=sys.stderr)
        return 1
    print(
        f"{state} is gone: {files} files, {waiting} of which waited to be delivered"
        if files
        else f"there was nothing to forget in {state}"
    )
    for key in KEYS:
        if (folders.settings / key).exists():
            print(f"{folders.settings / key} is a secret: each VM made from the image will have it; should it?")
    print("take the image now, or stop the agent first: one that runs or starts keeps new state of this machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
