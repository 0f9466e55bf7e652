"""Rebuild and catch-up: they recompute rollups and report rows of many windows from the samples.

Both do what the timer does (pipeline.averaging), window by window, and may overlap with it and with ingest. A rebuild
first marks the windows of a range. A catch-up averages the windows with existing marks. It begins with the oldest,
since the timer begins with the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.averaging import WindowAveraged, average_window
from pipeline.closing import begin_run
from pipeline.concurrency import gather
from pipeline.operations import Done, Figures, OperationContext, Step, added, earliest_window, steps_of, windows_until
from storage.tables.catalogue import TENANTS
from storage.tables.marks import Mark


def figures_of(worked: WindowAveraged) -> Figures:
    """Return the figures for an averaged window. Corrupt documents are counted only if there are any."""
    return {"rows": worked.rows, **({"corruptDocuments": len(worked.corrupt)} if worked.corrupt else {})}


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Recompute the minutes from ``start`` to ``end`` of all tenants or of one.

    Both are Unix seconds; if ``end`` is None, it is the time at which the rebuild begins. Windows older than the
    retention of samples are left as they are.
    """

    kind: ClassVar[str] = "rebuild"
    start: int
    end: int | None = None
    tenant: str | None = None

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        end = context.now if self.end is None else self.end
        start = max(self.start, earliest_window(context))
        return steps_of(windows_until(context, start, end)[::-1])  # the newest first, since they are viewed most

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        tables = context.tables
        tenants = [self.tenant] if self.tenant else list(await tables.catalogue.entries(TENANTS))
        figures: Figures = {"windows": len(step["windows"]), "rows": 0}
        for window in step["windows"]:
            await gather(tables.marks.set(Mark(tenant, window)) for tenant in tenants)
            figures = added(
                figures,
                figures_of(
                    await average_window(
                        tables, window, await tables.marks.read(window), context.times, context.rules.at_once
                    )
                ),
            )
        return Done(figures)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Average all windows that have dirty marks."""

    kind: ClassVar[str] = "catch-up"

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        return steps_of(sorted({mark.value.window for mark in await context.tables.marks.read()}))

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        await begin_run(context.tables, context.times, "catch-up")
        figures: Figures = {"windows": 0, "rows": 0}
        for window in step["windows"]:
            marks = await context.tables.marks.read(window)
            figures = added(
                figures, figures_of(await average_window(context.tables, window, marks, context.times, context.rules))
            )
            figures = added(figures, {"windows": bool(marks)})
        return Done(figures)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}
