"""Rebuild and catch-up: rollups and report rows of many windows, recomputed from the samples.

Both do what the timer does (pipeline.averaging), window by window, and may overlap with it and with ingest. A rebuild
marks the windows of a range first; a catch-up works off the marks that are there, the oldest first, since the timer
begins with the newest.
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
    """Return what was done for a window in figures; those of damage only where there is any (the timer says which)."""
    return {"rows": worked.rows, **({"corruptDocuments": len(worked.corrupt)} if worked.corrupt else {})}


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Recompute the minutes from ``start`` to ``end`` (Unix seconds; None: when it begins), of all tenants or of one.

    Only what the samples still stand behind: a window that is older than their retention is left as it is.
    """

    kind: ClassVar[str] = "rebuild"
    start: int
    end: int | None = None
    tenant: str | None = None

    async def plan(self, context: OperationContext) -> Sequence[Step]:
        """See Operation."""
        end = context.now if self.end is None else self.end
        start = max(self.start, earliest_window(context))
        return steps_of(windows_until(context, start, end)[::-1])  # the newest first: most look at these

    async def do(self, step: Step, context: OperationContext) -> Done:
        """See Operation."""
        tables = context.tables
        tenants = [self.tenant] if self.tenant else list(await tables.catalogue.entries(TENANTS))
        figures: Figures = {"windows": len(step["windows"]), "rows": 0}
        for window in step["windows"]:
            await gather(tables.marks.set(Mark(tenant, window)) for tenant in tenants)
            figures = added(
                figures,
                figures_of(await average_window(tables, window, await tables.marks.read(window), context.times)),
            )
        return Done(figures)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Work off all dirty marks that there are."""

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
            figures = added(figures, figures_of(await average_window(context.tables, window, marks, context.times)))
            figures = added(figures, {"windows": bool(marks)})
        return Done(figures)

    async def conclude(self, context: OperationContext) -> Figures:  # noqa: ARG002
        """See Operation."""
        return {}
