"""The agent: reads a VM's counters, reduces them per minute, and writes a file of samples every push.

``python -m edge.agent --help``. The file is the wire's message with one VM's samples, named
``MaskedTenantName_MaskedVMName_TimeStamp.json``; it appears whole, by renaming.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.counters import reduce_readings, reduction_of
from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW, identifier
from domain.names import encode_name, split_key
from domain.samples import Dimensions, Sample
from domain.wire import encode_samples

READ_EVERY = 10
MASKING_KEY = "SPOT_MASKING_KEY"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a VM is, under masked names."""

    tenant: str
    vm: str
    dimensions: Dimensions


@dataclass(slots=True)
class Agent:
    """Gathers raw readings and gives samples of the minutes that are over."""

    identity: Identity
    _readings: dict[int, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, timestamp: int, values: Mapping[str, float]) -> None:
        """Take raw readings of one moment (Unix seconds). A counter that could not be read is simply not there."""
        minute = self._readings.setdefault(identifier(timestamp), {})
        for key, value in values.items():
            minute.setdefault(key, []).append(value)

    def take(self, now: int) -> list[Sample]:
        """Return the samples of all minutes that are over at ``now``, oldest first, and forget them."""
        dimensions = self.identity.dimensions
        samples = []
        for timestamp in sorted(minute for minute in self._readings if minute < identifier(now)):
            for key, values in sorted(self._readings.pop(timestamp).items()):
                perf_type, perf_name = split_key(key)
                samples.append(
                    Sample(
                        timestamp,
                        self.identity.tenant,
                        self.identity.vm,
                        perf_name,
                        reduce_readings(reduction_of(key), values),
                        perf_type,
                        dimensions.SiteName,
                        dimensions.ResourcePoolName,
                        dimensions.Region,
                        dimensions.MachineSize,
                    )
                )
        return samples


def write_file(folder: Path, samples: Sequence[Sample]) -> Path:
    """Write one VM's samples (at least one) as a file of the folder, by renaming; return its path.

    The time stamp in its name is that of its newest minute, so the same samples make the same file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, newest = samples[0], max(sample.timestamp for sample in samples)
    name = f"{encode_name(first.MaskedTenantId)}_{encode_name(first.MaskedVMName)}_{newest}.json"
    temporary = folder / f".{name}.tmp"
    temporary.write_bytes(encode_samples(samples))
    return temporary.replace(folder / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent for this machine until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m edge.agent", description="Measure this machine and write samples.")
    parser.add_argument("--tenant", required=True, help="the tenant's name; masked unless it is masked already")
    parser.add_argument("--vm", default=os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME"))
    parser.add_argument("--folder", type=Path, required=True, help="where the SPOC looks for files")
    parser.add_argument("--push-every", type=int, default=WINDOW, help="seconds from file to file (default: 900)")
    options = parser.parse_args(arguments)
    key = os.environ.get(MASKING_KEY, "").encode()
    try:
        tenant = mask_tenant(options.tenant, key)
        identity = Identity(tenant, mask_vm(tenant, options.vm or "", key), Dimensions())
    except ValueError as error:
        print(f"{error}; the environment variable {MASKING_KEY} holds the key", file=sys.stderr)
        return 2
    try:
        _run(Agent(identity), options.folder, options.push_every)
    except KeyboardInterrupt:
        return 0
    return 1


def _run(agent: Agent, folder: Path, push_every: int) -> None:
    from edge.readings import Machine  # noqa: PLC0415  (psutil is wanted on measuring machines only)

    machine = Machine()
    pushed = int(time.time()) // push_every
    while True:
        time.sleep(READ_EVERY - time.time() % READ_EVERY)
        now = int(time.time())
        agent.add(now, machine.read())
        if now // push_every != pushed and now % MINUTE >= READ_EVERY:
            pushed = now // push_every
            if samples := agent.take(now):
                print(write_file(folder, samples))


if __name__ == "__main__":
    sys.exit(main())
