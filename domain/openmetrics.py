"""The fleet's newest minutes as OpenMetrics text (the format's specification, version 1.0), for Prometheus to scrape.

Every point carries the identifier timestamp of its minute, so it does not matter when it is scraped.
"""

from collections.abc import Callable, Iterable

from domain.charts import FleetItem

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_FAMILIES: tuple[tuple[str, str, Callable[[FleetItem], float | None]], ...] = (
    ("spot_fleet_average", "The mean over all VMs of all tenants.", lambda item: item.average),
    ("spot_fleet_min", "The min of all VMs.", lambda item: item.min),
    ("spot_fleet_max", "The max of all VMs.", lambda item: item.max),
    ("spot_fleet_stddev", "The population standard deviation over all VMs.", lambda item: item.stddev),
    ("spot_fleet_vms", "How many VMs had a value.", lambda item: item.count),
    ("spot_fleet_tenants", "Of how many tenants they are.", lambda item: item.tenants),
    ("spot_fleet_coverage", "VMs over the most VMs of any minute of the hour before.", lambda item: item.coverage),
)


def exposition(items: Iterable[FleetItem]) -> str:
    """Return the text: a gauge a figure, with ``perf_type`` and ``perf_name`` as labels, at the items' timestamps."""
    items = list(items)
    lines = []
    for name, meaning, figure in _FAMILIES:
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {meaning}"]
        lines += [
            f'{name}{{perf_type="{_escaped(item.PerfType)}",perf_name="{_escaped(item.PerfName)}"}} '
            f"{value} {item.timestamp}"
            for item in items
            if (value := figure(item)) is not None
        ]
    return "\n".join([*lines, "# EOF", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
