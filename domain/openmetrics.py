"""The fleet's minutes as text for Prometheus: OpenMetrics 1.0, and the older text format 0.0.4.

Knows the metrics, their labels and both formats; refuses to know which minutes are asked for. Every sample carries the
identifier timestamp of its minute, so it does not matter when the text is read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.charts import FleetItem
from domain.disclosed_charts import DisclosedItem

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """A gauge: its name, its help text, and the function that reads its value from a minute."""

    name: str
    meaning: str
    figure: Callable[[FleetItem | DisclosedItem], float | None]


FAMILIES: Sequence[Family] = (
    Family("spot_fleet_average", "Mean of a final minute over all VMs of all tenants.", lambda item: item.average),
    Family("spot_fleet_min", "Minimum of a final minute over all VMs.", lambda item: item.min),
    Family("spot_fleet_max", "Maximum of a final minute over all VMs.", lambda item: item.max),
    Family("spot_fleet_stddev", "Population standard deviation over all VMs.", lambda item: item.stddev),
    Family("spot_fleet_vms", "How many VMs had a value in a final minute.", lambda item: item.count),
    Family("spot_fleet_tenants", "How many tenants these VMs belong to.", lambda item: item.tenants),
    Family("spot_fleet_coverage", "VMs over the most of any minute of the hour before.", lambda item: item.coverage),
)

NEWEST_ONLY = "A scrape holds each counter's newest final minute only; remote write sends every one."
"""Added to the help of scraped metrics, because minutes become final 15 at a time."""


def exposition(items: Iterable[FleetItem | DisclosedItem], note: str = "") -> str:
    """Return OpenMetrics with a family per figure, the labels ``perf_type`` and ``perf_name``, and times in seconds.

    ``items`` are sorted by counter, each with its oldest minute first. ``note`` is added to the help of every metric.
    """
    return "".join([*_lines(items, note, "{}"), "# EOF\n"])


def plain_exposition(items: Iterable[FleetItem | DisclosedItem], note: str = "") -> str:
    """Return the same in the text format 0.0.4, whose timestamps are in milliseconds."""
    return "".join(_lines(items, note, "{}000"))


def _lines(items: Iterable[FleetItem | DisclosedItem], note: str, timestamp: str) -> Iterable[str]:
    items = list(items)
    for family in FAMILIES:
        yield f"# TYPE {family.name} gauge\n# HELP {family.name} {' '.join(filter(None, (family.meaning, note)))}\n"
        for item in items:
            if (value := family.figure(item)) is not None:
                labels = f'perf_type="{_escaped(item.PerfType)}",perf_name="{_escaped(item.PerfName)}"'
                yield f"{family.name}{{{labels}}} {value} {timestamp.format(item.timestamp)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
