"""What is normal, as if it had been learned, for the test of endpoints; and the windows judged by it."""

from collections.abc import Mapping

import numpy as np

from domain.baselines import HOURS, LINES, Bands
from domain.capacity import Growth
from domain.day_baselines import DayBaselines
from domain.day_capacity import DayCapacity
from domain.digests import Series, Whose
from domain.forecasts import DAYS_AHEAD, LEADS, Forecasts
from domain.learning_times import LastLearned
from domain.minutes import WINDOW
from domain.named_series import NamedSeries
from domain.zones import local
from storage.tables import Tables
from storage.tables.marks import Mark
from tests.builders import KEY, WINDOW_START
from tests.pipeline.steps import close_windows

CLOSED, OPEN = WINDOW_START, WINDOW_START + WINDOW
FEW = "win_swap.percent_usage"
"""A counter that too few have for an average of it to be disclosed."""


async def learn(tables: Tables, usual: Mapping[tuple[str | None, str], float], now: int) -> None:
    """Learn what is usual, by tenant (None: the fleet) and VM; then the tenants' windows are judged."""
    for (tenant, vm), value in usual.items():
        await _learned(tables, tenant, vm, value)
        for window in (CLOSED, OPEN) if tenant else ():
            await tables.to_judge.set(Mark(tenant or "", window))
    await close_windows(tables, now)


async def _learned(tables: Tables, tenant: str | None, vm: str, value: float) -> None:
    """What learning writes: what is normal for the fleet or a tenant, and a VM, a group or a pool of it."""
    of_fleet = [Whose("fleet"), Whose("Region", "westeurope"), Whose("MachineSize", "Standard_D4s_v3")]
    whose = [Whose("tenant"), Whose("pool", "pool"), Whose("vm", vm)] if tenant else of_fleet
    series = [Series(each, key) for each in whose for key in (KEY, FEW)]
    for zone in ("Europe/Amsterdam", "Europe/Dublin"):
        day = local(CLOSED, zone).day
        bands = Bands(np.full((LINES, len(series), HOURS), value), np.full(len(series), int(value)))
        await tables.baselines.write(tenant, day, DayBaselines(zone, NamedSeries.from_series(series), bands))
        await tables.forecasts.write(tenant, zone, day, series, _constant(len(series), value))
    await tables.baselines.write_learned(tenant, LastLearned("Europe/Amsterdam"), None)
    if tenant:
        numbers = [[value], [40.0], [0.0], [value], [value], [1.0], [1.0], [1.0], [0.1], [0.1]]
        growth = Growth(*np.array(numbers))
        for key in (KEY, FEW):
            day = local(CLOSED, "Europe/Amsterdam").day
            await tables.capacity.write(tenant, key, DayCapacity("Europe/Amsterdam", day, [vm], growth), None)


def _constant(series: int, value: float) -> Forecasts:
    """The same forecast for all series."""
    shapes = ((DAYS_AHEAD, HOURS), (2, HOURS), (len(LEADS), 2), (), (), (), (), ())
    values = (value, 0.0, 0.0, 0.0, 0.0, 0.5, 0.8, value)
    return Forecasts(*(np.full((series, *shape), each) for shape, each in zip(shapes, values, strict=True)))
