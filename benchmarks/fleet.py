"""Shared parts of the benchmarks: a fleet of any size, with messages in the wire format; the times; the caller."""

import multiprocessing
import os
import random
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import orjson

from domain.access import OPERATOR
from domain.closing import Times
from domain.enrolment import PUBLIC_BYTES, Enrolment
from domain.minutes import WINDOW, minutes_of
from domain.names import split_key
from domain.samples import Horizon
from pipeline.queries.view import View

NOW = 1_790_000_000 // WINDOW * WINDOW + WINDOW
LAST_WINDOW = NOW - WINDOW
HORIZON = Horizon.at(NOW, 30 * 86_400)
TIMES = Times(NOW, 1200, 31 * 86_400)
VIEW = View(OPERATOR, NOW)
ONE_CORE = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
Result = TypeVar("Result")
TYPES = ("win_cpu", "win_mem", "win_disk", "win_net")
REGIONS = ("uksouth", "westeurope", "northeurope", "eastus", "westus2", "centralindia", "australiaeast", "brazilsouth")
SIZES = tuple(f"Standard_D{cores}s_v5" for cores in (2, 4, 8, 16, 32))
POOLS = 4
KINDS: tuple[Callable[[random.Random], float], ...] = (
    lambda chance: round(chance.random() * 100, 2),  # a share of time
    lambda chance: round(chance.lognormvariate(3, 1), 2),  # a delay
    lambda chance: chance.randint(0, 1 << 33),  # bytes
    lambda chance: chance.randint(0, 30),  # a queue, or sessions
    lambda chance: float(chance.random() < 0.98),  # a service that runs
)
"""The kinds of counters."""


def keys(counters: int) -> list[str]:
    return [f"{TYPES[number % 4]}.percent_of_something_{number}" for number in range(counters)]


def tenant_name(tenant: int) -> str:
    return f"wYAVC3oWQU+ozhgAAg5f/w=={637_841_132_085_000_000 + tenant}"


def an_enrolment(tenant: int) -> Enrolment:
    """The enrolment of a tenant, with a key that nobody signs with: averages are disclosed of enrolled tenants."""
    return Enrolment(tenant_name(tenant)).with_key(tenant.to_bytes(PUBLIC_BYTES), NOW)


def vm_name(tenant: int, vm: int) -> str:
    return f"Sharedfk6hZ4v5Xkmu0clBsg+aYw=={tenant * 100_000 + vm}"


def message(tenant: int, vm: int, window: int = LAST_WINDOW, counters: int = 40, named: Sequence[str] = ()) -> bytes:
    """Return one VM's window: 15 samples per counter, about 317 bytes each. ``named``: the counters, by name."""
    chance = random.Random(tenant * 1_000_003 + vm * 101 + window)
    who = {
        "MaskedTenantId": tenant_name(tenant),
        "SiteName": None,
        "MaskedVMName": vm_name(tenant, vm),
        "ResourcePoolName": f"Shared-{tenant}-{vm % POOLS}",
        "Region": REGIONS[(tenant + vm % 2) % len(REGIONS)],
        "MachineSize": SIZES[vm % len(SIZES)],
    }
    names = [(*split_key(key), KINDS[number % len(KINDS)]) for number, key in enumerate(named or keys(counters))]
    metrics = [
        {
            "timestamp": timestamp,
            **who,
            "PerfName": name,
            "PerfValue": value(chance),
            "PerfType": perf_type,
        }
        for timestamp in minutes_of(window)
        for perf_type, name, value in names
    ]
    return orjson.dumps({"metrics": metrics})


def messages(tenants: int, vms: int, window: int = LAST_WINDOW, counters: int = 40) -> Iterator[bytes]:
    """Yield every VM's message of one window, tenant by tenant."""
    for tenant in range(tenants):
        for vm in range(vms):
            yield message(tenant, vm, window, counters)


def in_a_process(work: Callable[..., Result], *arguments: object) -> Result:
    """Run work in a fresh process, so that earlier work does not affect its memory or speed."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def greatest_memory(pid: int | str = "self") -> float:
    """Return the peak resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():  # getrusage would include the parent's memory at the fork
        kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
