"""Averages as others make them: Prometheus' own rule tester (``promtool``) must find what the pipeline answers.

VMs are series, a minute without a sample is ``stale``. A mean is asked for as sum over count (avg() is a running mean,
which rounds), so that nothing has to be nearly equal.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from domain.charts import AGGREGATIONS
from pipeline.queries.charts import Question, get_data
from tests.builders import KEY, a_view
from tests.references.grids import MINUTES, Grid, a_grid, a_store

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

GROUP = 2
MEAN = "sum(vm) / count(vm)"


def agreed(folder: Path, grid: Grid, expected: Iterable[tuple[str, int, float | None]]) -> None:
    """Let promtool evaluate expressions, each at a minute, and compare with what is expected (None: nothing)."""
    series = [
        {
            "series": f'vm{{name="{vm}"}}',
            "values": " ".join("stale" if value is None else repr(value) for value in row),
        }
        for vm, row in enumerate(grid)
    ]
    cases = [
        {
            "expr": expression,
            "eval_time": f"{minute}m",
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for expression, minute, value in expected
    ]
    rules = folder / "rules.json"  # JSON is YAML
    rules.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": cases}]}))
    done = subprocess.run([PROMTOOL or "", "test", "rules", str(rules)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("seed", range(5))
async def test_averages_over_vms_with_gaps(tmp_path: Path, seed: int) -> None:
    grid = a_grid(seed)
    tables = await a_store(grid)
    answer = await get_data(tables, Question([KEY], start=MINUTES[0], end=MINUTES[-1]), a_view())
    found: dict[int, Any] = {item.timestamp: item for item in answer.data}
    assert len(found) > len(MINUTES) // 2
    agreed(
        tmp_path,
        grid,
        [
            (expression, minute, getattr(found[at], field) if at in found else None)
            for minute, at in enumerate(MINUTES)
            for expression, field in ((MEAN, "average"), ("min(vm)", "min"), ("max(vm)", "max"), ("count(vm)", "count"))
        ],
    )


@pytest.mark.parametrize("by", AGGREGATIONS)
async def test_groups_of_minutes(tmp_path: Path, by: Any) -> None:
    """A group is the mean, min or max of its minutes' averages; its min and max are over all of its samples."""
    grid = a_grid(7)
    tables = await a_store(grid)
    question = Question([KEY], start=MINUTES[0], end=MINUTES[-1], interval=GROUP, by=by)
    found: dict[int, Any] = {item.timestamp: item for item in (await get_data(tables, question, a_view())).data}
    over = f"[{GROUP - 1}m:1m]"  # both ends are in it
    expected: list[tuple[str, int, float | None]] = []
    for minute in range(GROUP - 1, len(MINUTES), GROUP):
        item = found.get(MINUTES[minute - GROUP + 1])
        expected += [
            (f"{by}_over_time(({MEAN}){over})", minute, item and item.average),
            (f"min_over_time(min(vm){over})", minute, item and item.min),
            (f"max_over_time(max(vm){over})", minute, item and item.max),
            (f"sum_over_time(count(vm){over})", minute, item and item.count),
        ]
    agreed(tmp_path, grid, expected)


async def test_promtool_would_notice(tmp_path: Path) -> None:
    """A wrong expectation is told."""
    grid = a_grid(1)
    with pytest.raises(AssertionError, match="FAILED"):
        agreed(tmp_path, grid, [("count(vm)", 5, 99.0)])
