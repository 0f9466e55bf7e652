"""Turns an agent's raw readings into samples, and holds them until they are written. Knows no clock, file or psutil.

A *period* is the time span of one file: 15 minutes aligned to the clock, unless set otherwise. It is represented by its
first second.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.counters import Reduction, reduce_readings, reduction_of
from domain.minutes import MINUTE, WINDOW, identifier
from domain.names import split_key
from domain.samples import Dimensions, Sample


@dataclass(frozen=True, slots=True)
class Identity:
    """A VM's names and its dimensions: masked names, or the VM's as it is and no tenant's."""

    tenant: str
    vm: str
    dimensions: Dimensions

    @property
    def plain(self) -> bool:
        """Whether the VM's name is as it is, for the SPOC to mask."""
        return not self.tenant


@dataclass(slots=True)
class Agent:
    """Collects one VM's raw readings, and returns samples of the minutes that have ended.

    Readings stay until their period and the next one have been written. So a late reading, or a repeated one because a
    clock was set back, joins its minute, and the whole period is written again. Writing a sample twice has no effect: a
    sample is identified by its VM, counter and minute.
    """

    identity: Identity
    period: int = WINDOW
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    _readings: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    _changed: set[int] = field(default_factory=set)

    def add(self, timestamp: int, values: Mapping[str, float]) -> None:
        """Add the raw readings of one moment (Unix seconds). Counters that could not be read are left out."""
        if not values:
            return
        minute = self._readings.setdefault(identifier(timestamp), {})
        for key, value in values.items():
            minute.setdefault(key, []).append(value)
        self._changed.add(timestamp - timestamp % self.period)

    def changed(self, before: int) -> list[int]:
        """Return the periods with unwritten samples that end at or before a moment, oldest first."""
        return sorted(period for period in self._changed if period + self.period <= before)

    def open(self) -> list[int]:
        """Return all periods with unwritten samples, oldest first."""
        return sorted(self._changed)

    def minutes(self) -> set[int]:
        """Return the minutes with readings in these periods."""
        return {minute for minute in self._readings if minute - minute % self.period in self._changed}

    def samples(self, period: int, before: int) -> list[Sample]:
        """Return the samples of those minutes of a period that end at or before a moment, oldest first."""
        stamps = range(identifier(period), period + self.period, MINUTE)
        return [
            sample
            for timestamp in stamps
            if timestamp + MINUTE // 2 <= before
            for sample in self._samples_of(timestamp)
        ]

    def _samples_of(self, timestamp: int) -> Iterable[Sample]:
        dimensions = self.identity.dimensions
        values = {
            key: reduce_readings(reduction_of(key, self.reductions), readings)
            for key, readings in self._readings.get(timestamp, {}).items()
        }
        for key in sorted(values):
            perf_type, perf_name = split_key(key)
            yield Sample(
                timestamp=timestamp,
                MaskedTenantId=self.identity.tenant,
                SiteName=dimensions.SiteName,
                MaskedVMName=self.identity.vm,
                ResourcePoolName=dimensions.ResourcePoolName,
                Region=dimensions.Region,
                MachineSize=dimensions.MachineSize,
                PerfName=perf_name,
                PerfValue=values[key],
                PerfType=perf_type,
            )

    def written(self, period: int) -> None:
        """Note that a period is written. Forget readings older than the period before it, unless they are unwritten."""
        self._changed.discard(period)
        keep = period - self.period
        for at in [at for at in self._readings if at < keep and at - at % self.period not in self._changed]:
            del self._readings[at]


def samples_by_minute(samples: Sequence[Sample]) -> dict[tuple[int, str, str], Sample]:
    """Return a VM's samples by their identity within the VM: minute and counter."""
    return {(identifier(sample.timestamp), sample.PerfType, sample.PerfName): sample for sample in samples}
