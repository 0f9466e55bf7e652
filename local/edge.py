"""The edge of the local system: the fleet's agents, this machine's agent, and each tenant's collector (SPOC).

The local host starts it as ``python -m local.edge``. Samples take the same path as in production: readings → agent →
file → SPOC → queue folder. The first start fills the last two hours. Then it reads every ten seconds and pushes every
minute, so that a developer need not wait for a quarter of an hour.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW, window_of
from domain.samples import Dimensions
from edge.destinations import FolderDestination
from edge.files import write_file
from edge.gathering import Agent, Identity
from edge.inputs import READ_EVERY
from edge.pushing import push
from edge.readings import Machine
from edge.sources import FolderSource
from local.enrolling import THIS_TENANT, spoc_keys
from local.fleet import KEY, Desktop, desktops, moments

FILL_SECONDS = 2 * 3600
STATE = "fleet.json"
"""The state file in the data folder. It holds the second up to which the fleet has been pushed."""

FILLED = "fleet.filled"
"""This file in the data folder says that the last two hours have been pushed since the host started. (The state file
can't say so: on Windows it could not be replaced while somebody reads it.)"""


def this_machine() -> Identity:
    """Return this machine's identity in the fleet."""
    tenant = mask_tenant(THIS_TENANT, KEY)
    dimensions = Dimensions("here", THIS_TENANT, None, f"{platform.system()} {os.cpu_count()} cores")
    return Identity(tenant, mask_vm(tenant, platform.node() or "localhost", KEY), dimensions)


class Edge:
    """All agents and SPOCs."""

    def __init__(self, data: Path, vms: int) -> None:
        """Set up the agents of ``vms`` desktops and of this machine."""
        self._data = data
        self._agents_folder = data / "agents"
        self._queue = FolderDestination(data / "queue")
        self._signers = spoc_keys(data)
        self._fleet: list[tuple[Desktop, Agent]] = [(each, Agent(each.identity, MINUTE)) for each in desktops(vms)]
        self._here = Agent(this_machine(), MINUTE)

    def fill(self, now: int) -> None:
        """Push the fleet's samples since the last push, or of the last two hours if that is less, up to this minute."""
        end = now - now % MINUTE
        start = max(end - FILL_SECONDS, _pushed_until(self._data))
        if start >= end:
            return
        windows = range(window_of(start), end, WINDOW)
        with tqdm(total=len(windows) * len(self._fleet), desc="filling the last two hours", unit=" VM windows") as bar:
            for window in windows:
                until = min(end, window + WINDOW)
                for desktop, _ in self._fleet:
                    agent = Agent(desktop.identity)
                    for moment in moments(max(start, window), until):
                        agent.add(moment, desktop.readings(moment))
                    self._write(agent, window, until)
                    bar.update()
                self._send(until)

    def live(self) -> None:
        """Read every ten seconds and push every minute, until the host that started this process has ended."""
        host = os.getppid()
        machine = Machine()
        now = int(time.time())
        self.catch_up(now)
        pushed = now // MINUTE
        while os.getppid() == host:
            time.sleep(READ_EVERY - time.time() % READ_EVERY)
            now = int(time.time())
            moment = now - now % READ_EVERY
            self._here.add(now, machine.read())
            for desktop, agent in self._fleet:
                agent.add(moment, desktop.readings(moment))
            if now // MINUTE != pushed:
                pushed = now // MINUTE
                self.push(now)

    def catch_up(self, now: int) -> None:
        """Read the fleet's moments since the last push: some have passed while the last two hours were filled."""
        for moment in moments(_pushed_until(self._data), now):
            for desktop, agent in self._fleet:
                agent.add(moment, desktop.readings(moment))

    def push(self, now: int) -> None:
        """Let every agent write its ended minutes, and every SPOC push."""
        for agent in [self._here, *[agent for _, agent in self._fleet]]:
            for minute in agent.changed(now):
                self._write(agent, minute, minute + MINUTE)
        self._send(now)

    def _write(self, agent: Agent, period: int, until: int) -> None:
        """Let an agent write its file."""
        folder = self._agents_folder / agent.identity.tenant
        write_file(folder, agent.identity, period, agent.samples(period, until))
        agent.written(period)

    def _send(self, now: int) -> None:
        """Let every SPOC push. Remember that everything up to this minute has been pushed."""
        if self._agents_folder.is_dir():
            for folder in sorted(self._agents_folder.iterdir()):
                push(FolderSource(folder), self._queue, signer=self._signers.get(folder.name))
        state = self._data / STATE
        temporary = state.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pushed_until": now - now % MINUTE}))
        temporary.replace(state)


def _pushed_until(data: Path) -> int:
    """Return the second up to which the fleet has been pushed, 0 if it never was."""
    try:
        return int(json.loads((data / STATE).read_text())["pushed_until"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, then run live until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.edge", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vms", type=int, required=True)
    options = parser.parse_args(arguments)
    edge = Edge(options.data, options.vms)
    try:
        edge.fill(int(time.time()))
        (options.data / FILLED).touch()
        edge.live()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
