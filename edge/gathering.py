"""From raw readings to samples: what an agent gathers, by minute, until it is written. Knows no clock, file or psutil.

A *period* is what becomes one file: 15 minutes aligned to the clock, unless told otherwise. It is written as its first
second.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.counters import Reduction, reduce_readings, reduction_of
from domain.minutes import MINUTE, WINDOW, identifier
from domain.names import key_of, split_key
from domain.samples import Dimensions, Sample


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a VM is, under masked names."""

    tenant: str
    vm: str
    dimensions: Dimensions


@dataclass(slots=True)
class Agent:
    """Gathers one VM's raw readings and gives samples of the minutes that are over.

    Readings stay until their period and the next one have been written, so one that comes late, or once more because a
    clock was set back, joins its minute and the period is written again, whole. Writing twice counts once: a sample is
    identified by its VM, counter and minute.
    """

    identity: Identity
    period: int = WINDOW
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    _readings: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    _restored: dict[int, dict[str, float]] = field(default_factory=dict)
    _changed: set[int] = field(default_factory=set)

    def add(self, timestamp: int, values: Mapping[str, float]) -> None:
        """Take raw readings of one moment (Unix seconds). A counter that could not be read is simply not there."""
        if not values:
            return
        minute = self._readings.setdefault(identifier(timestamp), {})
        for key, value in values.items():
            minute.setdefault(key, []).append(value)
        self._changed.add(timestamp - timestamp % self.period)

    def restore(self, samples: Iterable[Sample]) -> None:
        """Take samples of an earlier run that are not written yet. Their minutes are complete: readings add nothing."""
        for sample in samples:
            restored = self._restored.setdefault(identifier(sample.timestamp), {})
            restored[key_of(sample.PerfType, sample.PerfName)] = sample.PerfValue
            self._changed.add(sample.timestamp - sample.timestamp % self.period)

    def changed(self, before: int) -> list[int]:
        """Return the periods that hold something not written yet and end at or before a moment, oldest first."""
        return sorted(period for period in self._changed if period + self.period <= before)

    def open(self) -> list[int]:
        """Return all periods that hold something not written yet, oldest first."""
        return sorted(self._changed)

    def minutes(self) -> set[int]:
        """Return the minutes of these periods."""
        gathered = self._readings.keys() | self._restored.keys()
        return {minute for minute in gathered if minute - minute % self.period in self._changed}

    def samples(self, period: int, before: int) -> list[Sample]:
        """Return the samples of a period's minutes that end at or before a moment, oldest first."""
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
        } | self._restored.get(timestamp, {})
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
        """Note that a period is written; what is older than the period before it is forgotten, unless it waits too."""
        self._changed.discard(period)
        keep = period - self.period
        for gathered in (self._readings, self._restored):
            old = [at for at in gathered if at < keep and at - at % self.period not in self._changed]
            for at in old:
                del gathered[at]


def samples_by_minute(samples: Sequence[Sample]) -> dict[tuple[int, str, str], Sample]:
    """Return samples by what identifies them within a VM: minute and counter."""
    return {(identifier(sample.timestamp), sample.PerfType, sample.PerfName): sample for sample in samples}
