"""Draws the figures of ``make bench``. Knows the format of results.json; measures nothing."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS = "this project"
COLOURS = {OURS: "#1f77b4", "SQLite, a row a sample": "#ff7f0e", "DuckDB": "#2ca02c", "VictoriaMetrics": "#9467bd"}

BESIDE = (
    ("rate", 1e-3, "ingest, thousand samples/s", "linear"),
    ("fleet_hour", 1e3, "fleet, 60 minutes: ms", "log"),
    ("vm_hour", 1e3, "a VM, 60 minutes: ms", "log"),
    ("fleet_day", 1e3, "fleet, 24 hours: ms", "log"),
    ("percentiles_hour", 1e3, "three percentiles of the fleet, 60 minutes: ms", "log"),
    ("worst", 1e3, "the worst 20 VMs: ms", "log"),
    ("regions_hour", 1e3, "by region, 60 minutes: ms", "log"),
    ("bytes_a_sample", 1, "bytes a sample on disk", "log"),
    ("peak_mb", 1, "greatest memory, MB", "linear"),
)
"""For each panel: field, factor, title, scale."""


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw a panel for each benchmark in the results."""
    panels: list[Callable[[Axes], None]] = []
    if beside := results.get("beside"):
        panels += [_beside(beside, *about) for about in BESIDE]
    if averaging := results.get("averaging"):
        panels += [_from_scratch(averaging), _changed(averaging)]
    if cold := results.get("cold"):
        panels.append(_packages(cold))
    if not panels:
        return
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        columns = 3
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(4.6 * columns, 3.1 * rows), layout="constrained")
        for number, panel in enumerate(panels):
            panel(figure.add_subplot(rows, columns, number + 1))
        figure.savefig(path)


def _beside(beside: Mapping[str, Any], field: str, factor: float, title: str, scale: str) -> Callable[[Axes], None]:
    def panel(axes: Axes) -> None:
        for contender, colour in COLOURS.items():
            found = [each for each in beside["results"] if each["contender"] == contender]
            sizes = [each["vms"] for each in found]
            axes.plot(
                sizes, [(each[field] or math.nan) * factor for each in found], "o-", color=colour, label=contender
            )
        if field == "rate":
            axes.axhline(beside["orjson_loads"] * factor, color="#888", linestyle=":", label="orjson.loads alone")
            axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
        _fleet_sizes(axes, [each["vms"] for each in beside["results"]])
        axes.set(title=title, yscale=scale)
        if scale == "linear":
            axes.set_ylim(0, axes.get_ylim()[1] * (1.35 if field == "rate" else 1))

    return panel


def _from_scratch(averaging: Mapping[str, Any]) -> Callable[[Axes], None]:
    def panel(axes: Axes) -> None:
        sizes = [each["vms"] for each in averaging["whole"]]
        axes.plot(
            sizes, [each["seconds"] for each in averaging["whole"]], "o-", color=COLOURS[OURS], label="from scratch"
        )
        axes.plot(
            sizes, [each["one"] for each in averaging["whole"]], "o--", color=COLOURS[OURS], label="one tenant changed"
        )
        _fleet_sizes(axes, sizes)
        axes.set(title="averaging a window: s", yscale="log")
        axes.legend(frameon=False, fontsize=7)

    return panel


def _changed(averaging: Mapping[str, Any]) -> Callable[[Axes], None]:
    def panel(axes: Axes) -> None:
        changed = averaging["changed"]
        axes.plot(
            [each["tenants"] for each in changed], [each["seconds"] for each in changed], "o-", color=COLOURS[OURS]
        )
        axes.set(title=f"averaging after some of {averaging['tenants']} tenants changed: s", xlabel="tenants")
        axes.set_ylim(bottom=0)

    return panel


def _packages(cold: Mapping[str, Any]) -> Callable[[Axes], None]:
    def panel(axes: Axes) -> None:
        packages = list(cold["microseconds_by_package"].items())[:8][::-1]
        axes.barh([name for name, _ in packages], [spent / 1e3 for _, spent in packages], color=COLOURS[OURS])
        axes.set(title=f"cold import, {cold['seconds']:.2f} s: ms by package")

    return panel


def _fleet_sizes(axes: Axes, sizes: list[int]) -> None:
    axes.set(xscale="log", xlabel="VMs")
    shown = sorted(set(sizes))
    axes.set_xticks(shown, [f"{size:,}" for size in shown])
    axes.minorticks_off()
