"""VMs with gaps, whose means have no rounding, so that others' answers can be compared bit for bit."""

import random

from domain.minutes import WINDOW, minutes_of
from storage.tables import Tables
from tests.builders import KEY, WINDOW_START, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver, work_off

MINUTES = [*minutes_of(WINDOW_START - WINDOW), *minutes_of(WINDOW_START)]
VMS = 4
Grid = list[list[float | None]]
"""By VM, then by minute."""


def a_grid(seed: int) -> Grid:
    """Values are eighths; a minute has none, one, two or four VMs, the newest at least one."""
    chance = random.Random(seed)  # noqa: S311
    grid: Grid = [[None] * len(MINUTES) for _ in range(VMS)]
    for minute in range(len(MINUTES)):
        for vm in chance.sample(range(VMS), chance.choice([0, 1, 2, 4] if minute < len(MINUTES) - 1 else [1, 2, 4])):
            grid[vm][minute] = chance.randrange(-800, 800) / 8
    return grid


async def a_store(grid: Grid) -> Tables:
    """A store in which the grid was ingested and averaged; its VMs are of three tenants."""
    tables = Tables(MemoryDocuments())
    bodies = []
    for vm, row in enumerate(grid):
        values = {at: value for at, value in zip(MINUTES, row, strict=True) if value is not None}
        bodies.append(a_message(records_of(f"t{vm % 3}", f"v{vm}", KEY, values)))
    await deliver(tables, bodies)
    await work_off(tables)
    return tables
