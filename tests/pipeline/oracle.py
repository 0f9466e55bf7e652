"""What the report must say, worked out independently: a dict of samples and the standard library's statistics."""

import json
import statistics
from collections.abc import Iterable
from typing import Any

from domain.counters import reduce_readings, reduction_of

Samples = dict[tuple[str, str, str, int], float]
"""By tenant, VM, key and identifier timestamp."""


def samples_of(bodies: Iterable[bytes]) -> Samples:
    """The samples of good messages, delivered in this order: the last one wins."""
    samples: Samples = {}
    for body in bodies:
        readings: dict[tuple[str, str, str, int], list[float]] = {}
        for record in json.loads(body)["metrics"]:
            key = f"{record['PerfType']}.{record['PerfName']}"
            minute = record["timestamp"] // 60 * 60 + 30
            readings.setdefault((record["MaskedTenantId"], record["MaskedVMName"], key, minute), []).append(
                float(record["PerfValue"])
            )
        samples |= {where: reduce_readings(reduction_of(where[2]), values) for where, values in readings.items()}
    return samples


def report_of(samples: Samples) -> dict[tuple[str, int], dict[str, Any]]:
    """By key and minute: average, count, tenants, min and max over all VMs of all tenants."""
    groups: dict[tuple[str, int], dict[tuple[str, str], float]] = {}
    for (tenant, vm, key, minute), value in samples.items():
        groups.setdefault((key, minute), {})[tenant, vm] = value
    return {
        where: {
            "average": statistics.fmean(values.values()),
            "count": len(values),
            "tenants": len({tenant for tenant, _ in values}),
            "min": min(values.values()),
            "max": max(values.values()),
        }
        for where, values in groups.items()
    }
