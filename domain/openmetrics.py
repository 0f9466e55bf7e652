"""The fleet's minutes as metrics for Prometheus, and as text: OpenMetrics 1.0, and the older text format 0.0.4.

Knows the metrics, their labels and both formats; refuses to know which minutes are asked for. Every sample carries the
identifier timestamp of its minute, so it does not matter when the text is read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from domain.charts import FleetItem
from domain.disclosed_charts import DisclosedItem
from domain.minutes import IDENTIFIER_SECOND, MINUTE, WINDOW
from domain.names import split_key
from domain.percentiles import name_of
from domain.standings import Dimension
from domain.summary import Figures

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Point = FleetItem | DisclosedItem

QUANTILES = (50.0, 95.0, 99.0)
"""The percentiles of the fleet's minutes that are exported."""


@dataclass(frozen=True, slots=True)
class GroupPoint:
    """The figures of a group of the fleet's VMs in a window."""

    key: str
    window: int
    dimension: Dimension
    group: str | None
    figures: Figures

    @property
    def timestamp(self) -> int:
        """The identifier timestamp of the window's last minute: earlier, its figures can't be known."""
        return self.window + WINDOW - MINUTE + IDENTIFIER_SECOND

    @property
    def labels(self) -> Labels:
        """Its labels. The group of VMs whose value of the dimension is unknown has no label ``group``."""
        perf_type, perf_name = split_key(self.key)
        labels = {"perf_type": perf_type, "perf_name": perf_name, "dimension": self.dimension}
        return labels if self.group is None else {**labels, "group": self.group}


Of = TypeVar("Of")


@dataclass(frozen=True, slots=True)
class Family(Generic[Of]):
    """A metric: its name, its help text, and the functions that read its values, each with labels of its own.

    Quantiles are of unknown type. They could be a summary, but prometheus_client's parser of OpenMetrics loses all but
    the first minute of a summary's second quantile. Nobody may call a gauge's label ``quantile``.
    """

    name: str
    meaning: str
    figures: Sequence[tuple[Labels, Callable[[Of], float | None]]]
    kind: Literal["gauge", "unknown"] = field(default="gauge", kw_only=True)


def _gauge(name: str, meaning: str, figure: Callable[[Of], float | None]) -> Family[Of]:
    return Family(name, meaning, [({}, figure)])


def _quantile(percent: float) -> tuple[Labels, Callable[[Point], float | None]]:
    name = name_of(percent)
    return {"quantile": f"{percent / 100:g}"}, lambda item: (item.percentiles or {}).get(name)


FAMILIES: Sequence[Family[Point]] = (
    _gauge("spot_fleet_average", "Mean of a final minute over all VMs of all tenants.", lambda item: item.average),
    _gauge("spot_fleet_min", "Minimum of a final minute over all VMs.", lambda item: item.min),
    _gauge("spot_fleet_max", "Maximum of a final minute over all VMs.", lambda item: item.max),
    _gauge("spot_fleet_stddev", "Population standard deviation over all VMs.", lambda item: item.stddev),
    _gauge("spot_fleet_vms", "How many VMs had a value in a final minute.", lambda item: item.count),
    _gauge("spot_fleet_tenants", "How many tenants these VMs belong to.", lambda item: item.tenants),
    _gauge("spot_fleet_coverage", "VMs over the most of any minute of the hour before.", lambda item: item.coverage),
    Family(
        "spot_fleet_value",
        "Quantiles of a final minute over all VMs.",
        [_quantile(percent) for percent in QUANTILES],
        kind="unknown",
    ),
)

GROUP_FAMILIES: Sequence[Family[GroupPoint]] = (
    _gauge("spot_group_average", "Mean of a group's values of a final window.", lambda item: item.figures.average),
    _gauge("spot_group_vms", "How many VMs of a group had a value in a final window.", lambda item: item.figures.count),
    Family(
        "spot_group_value",
        "Quantiles of a group's values of a final window.",
        [
            ({"quantile": "0.5"}, lambda item: item.figures.p50),
            ({"quantile": "0.95"}, lambda item: item.figures.p95),
        ],
        kind="unknown",
    ),
)

NEWEST_ONLY = "A scrape holds each counter's newest final minute only; remote write sends every one."
"""Added to the help of scraped metrics, because minutes become final 15 at a time."""

Metric = tuple[Family[Point] | Family[GroupPoint], Iterable[tuple[Labels, int, float]]]
"""A metric, and its samples: their labels, Unix seconds and values."""


def metrics_of(points: Sequence[Point], groups: Sequence[GroupPoint] = ()) -> Iterator[Metric]:
    """Yield each metric with its samples. What is null is left out.

    The points are sorted by counter, the groups by counter, dimension and value, each with its oldest first.
    """
    labels = [{"perf_type": item.PerfType, "perf_name": item.PerfName} for item in points]
    for family in FAMILIES:
        yield family, _samples(family, points, labels)
    if groups:
        labels_of_groups = [group.labels for group in groups]
        for of_groups in GROUP_FAMILIES:
            yield of_groups, _samples(of_groups, groups, labels_of_groups)


def _samples(family: Family[Of], items: Sequence[Of], labels: Sequence[Labels]) -> Iterator[tuple[Labels, int, float]]:
    for own, figure in family.figures:
        for item, of_item in zip(items, labels, strict=True):
            if (value := figure(item)) is not None:
                yield {**of_item, **own}, item.timestamp, value  # type: ignore[attr-defined]


def exposition(points: Sequence[Point], note: str = "", groups: Sequence[GroupPoint] = ()) -> str:
    """Return OpenMetrics with times in seconds. ``note`` is added to the help of every metric."""
    return "".join([*_lines(metrics_of(points, groups), note, "unknown", "{}"), "# EOF\n"])


def plain_exposition(points: Sequence[Point], note: str = "", groups: Sequence[GroupPoint] = ()) -> str:
    """Return the same in the text format 0.0.4, whose timestamps are in milliseconds."""
    return "".join(_lines(metrics_of(points, groups), note, "untyped", "{}000"))


def _lines(metrics: Iterable[Metric], note: str, unknown: str, timestamp: str) -> Iterator[str]:
    for family, samples in metrics:
        help_text = " ".join(filter(None, (family.meaning, note)))
        kind = unknown if family.kind == "unknown" else family.kind
        yield f"# TYPE {family.name} {kind}\n# HELP {family.name} {help_text}\n"
        for labels, at, value in samples:
            text = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
            yield f"{family.name}{{{text}}} {value} {timestamp.format(at)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
