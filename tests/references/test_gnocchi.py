"""Aggregates as Gnocchi makes them, in this process: over VMs with gaps, and of minutes grouped by an interval.

Gnocchi (OpenStack's time series database) is the Python system nearest to this one. It lays its groups by the clock,
and ours end at the newest minute: at the end of a window both are the same.
"""

from typing import Any

import numpy as np
import pytest
from gnocchi.carbonara import TimeSerie
from gnocchi.rest.aggregates import operations

from domain.charts import AGGREGATIONS
from pipeline.queries.charts import Question, get_data
from tests.builders import KEY, a_view
from tests.references.grids import MINUTES, Grid, a_grid, a_store

OVER_VMS = {"mean": "average", "min": "min", "max": "max", "count": "count", "std": "stddev"}
"""Gnocchi's aggregates and ours."""

IN_A_GROUP = {"avg": "mean", "min": "min", "max": "max"}


def aggregated(how: str, grid: Grid) -> dict[int, float]:
    """Gnocchi's aggregate over VMs of each minute in which any has a value."""
    table = np.array([[np.nan if value is None else value for value in row] for row in grid]).T
    filled = ~np.isnan(table).all(axis=1)
    stamps = np.array(MINUTES, dtype="datetime64[s]")[filled]
    metrics = [[f"v{vm}", "mean"] for vm in range(len(grid))]
    nodes = ["aggregate", how, ["metric", *metrics]]
    _, at, values, _ = operations.evaluate(nodes, np.timedelta64(60, "s"), stamps, table[filled], False, metrics)  # noqa: FBT003
    return dict(zip(at.astype(int).tolist(), values[:, 0].tolist(), strict=True))


def grouped(how: str, series: dict[int, float], minutes: int) -> list[float]:
    """Gnocchi's aggregate of each group of so many minutes that holds any."""
    stamps = np.array(list(series), dtype="datetime64[s]").astype("datetime64[ns]")
    serie = TimeSerie.from_data(stamps, list(series.values()))
    groups = getattr(serie.group_serie(np.timedelta64(minutes * 60, "s")), how)()
    return list(map(float, groups["values"]))


@pytest.mark.parametrize("how", OVER_VMS)
@pytest.mark.parametrize("seed", range(5))
async def test_aggregates_over_vms_with_gaps(seed: int, how: str) -> None:
    grid = a_grid(seed)
    answer = await get_data(await a_store(grid), Question([KEY], start=MINUTES[0], end=MINUTES[-1]), a_view())
    expected = aggregated(how, grid)
    assert len(expected) > len(MINUTES) // 2
    found = {item.timestamp: getattr(item, OVER_VMS[how]) for item in answer.data}
    # Squares are rounded, each in its way; all else is exact.
    assert found == (pytest.approx(expected, rel=1e-12, abs=1e-12) if how == "std" else expected)


@pytest.mark.parametrize("minutes", [5, 15])
@pytest.mark.parametrize("by", AGGREGATIONS)
@pytest.mark.parametrize("seed", range(3))
async def test_minutes_grouped_by_an_interval(seed: int, by: Any, minutes: int) -> None:
    """A group is the mean, min or max of its minutes' averages; its min and max are over all of its samples."""
    grid = a_grid(seed)
    question = Question([KEY], start=MINUTES[0], end=MINUTES[-1], interval=minutes, by=by)
    items = (await get_data(await a_store(grid), question, a_view())).data
    averages = aggregated("mean", grid)
    assert [item.average for item in items] == pytest.approx(grouped(IN_A_GROUP[by], averages, minutes), rel=1e-15)
    assert [item.min for item in items] == grouped("min", aggregated("min", grid), minutes)
    assert [item.max for item in items] == grouped("max", aggregated("max", grid), minutes)
    assert [item.count for item in items] == grouped("sum", aggregated("count", grid), minutes)
    assert len(items) == len(MINUTES) // minutes


def test_gnocchi_would_notice() -> None:
    """A gap is no zero, to Gnocchi either."""
    assert aggregated("mean", [[1.0, *[None] * 29], [None, 4.0, *[None] * 28]]) == {MINUTES[0]: 1.0, MINUTES[1]: 4.0}
