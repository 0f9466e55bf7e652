"""Judging: what of a tenant, or of the fleet, is unusual in a window, given what is normal for each of its series.

Judged are VMs, pools and the tenant; of the fleet, its regions and sizes and the fleet itself. A *deviation* is a
series that lies beyond its rare end in this window or in those just before (domain.unusual). How many VMs of each
population deviate is counted, and counts of tenants add up to those of the fleet: from these follows which population
explains what is seen (domain.causes).

A VM that usually reports at this hour, and does not, counts as a deviation of REPORTING.

Knows one window and the three before it. Refuses to know where baselines and standings are kept, and who may see what.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from domain.digests import Series, Whose, kept_of_vms, rounded
from domain.fleet_summary import FleetSummary
from domain.judged import (
    FARTHEST,
    FLEET,
    GROUPS,
    NOBODY,
    NOT_JUDGED,
    REPORTING,
    SILENT,
    TENANT,
    USUALLY,
    Count,
    Deviation,
    Judged,
    Middle,
    Normals,
)
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings
from domain.unusual import LEAST, WINDOWS, distances, persistent

if TYPE_CHECKING:
    from domain.histogram import Floats


def silent_vms(standings: Standings, normals: Normals) -> list[str]:
    """Return the VMs that usually report at this hour and have nothing in standings."""
    there = {vm.vm for vm in standings.vms}
    return [vm for vm in _reporting(normals) if vm not in there]


def judge_tenant(
    window: int,
    standings: Standings,
    normals: Normals,
    before: Sequence[Judged],
    silent: Mapping[str, Dimensions],
) -> Judged:
    """Judge a tenant's window.

    ``before``: what was found in the windows before it, the newest first. ``silent``: the dimensions of silent_vms.
    """
    import numpy as np  # noqa: PLC0415

    reporting = _reporting(normals)
    dimensions = {**silent, **{vm.vm: vm.dimensions for vm in standings.vms}}
    series = [*normals.series, *(Series(Whose("vm", vm), REPORTING) for vm in reporting)]
    if not series:
        return NOT_JUDGED
    values = np.array([*_values(standings, normals.series), *(float(vm not in silent) for vm in reporting)])
    own = np.array([[share, 1.0, 1.0, 1.0, 1.0] for share in reporting.values()]).reshape(-1, 5).T
    lines = np.concatenate([normals.lines[:5], own], axis=1)
    far = _far(series, values, lines)
    far[len(normals.series) :] = np.where(values[len(normals.series) :] > 0, 0.0, -SILENT)
    deviations = list(_deviations(window, series, values, lines, far, before))
    counts = _counts(series, far, deviations, dimensions)
    deviating = {each.whose.name or "" for each in deviations if each.whose.kind == "vm"}
    middles = {key: _middle(column) for key, column in standings.columns.items() if kept_of_vms(key)}
    return Judged(
        deviations,
        counts,
        {vm: dimensions[vm] for vm in sorted(deviating) if vm in dimensions},
        {TENANT: middles} if counts else {},
    )


def judge_fleet(
    window: int,
    summaries: Mapping[str, FleetSummary],
    normals: Normals,
    before: Sequence[Judged],
    tenants: Mapping[str, Judged],
) -> Judged:
    """Judge the fleet's window, given what was found of each tenant."""
    import numpy as np  # noqa: PLC0415

    counts: dict[Whose, dict[str, Count]] = {}
    for tenant in sorted(tenants):
        for whose, by_key in tenants[tenant].counts.items():
            if whose.kind == "pool":
                continue
            of = counts.setdefault(FLEET if whose == TENANT else whose, {})
            for key, count in by_key.items():
                of[key] = of.get(key, NOBODY).plus(count)
    averages = {
        Series(Whose(group.dimension or "fleet", group.value), key): figures.average  # type: ignore[arg-type]
        for key, summary in summaries.items()
        for group, figures in zip(summary.groups, summary.figures, strict=True)
    }
    values = np.array([averages.get(each, math.nan) for each in normals.series])
    far = _far(normals.series, values, normals.lines[:5])
    deviations = list(_deviations(window, normals.series, values, normals.lines, far, before))
    middles: dict[Whose, dict[str, Middle]] = {}
    for key, summary in summaries.items():
        if kept_of_vms(key):
            found = zip(summary.groups, summary.histograms.spreads(), strict=True)
            for group, middle in found:
                if group.dimension == "MachineSize":
                    middles.setdefault(Whose("MachineSize", group.value), {})[key] = middle
    return Judged(deviations, counts, {}, middles)


def _reporting(normals: Normals) -> dict[str, float]:
    """Return the VMs that usually report at this hour, and on which share of days they did."""
    found: dict[str, float] = {}
    for (whose, _), share in zip(normals.series, normals.lines[5].tolist(), strict=True):
        if whose.kind == "vm" and whose.name is not None and share >= USUALLY:
            found[whose.name] = max(share, found.get(whose.name, 0.0))
    return dict(sorted(found.items()))


def _values(standings: Standings, series: Sequence[Series]) -> Iterator[float]:
    """Yield each series' value: a VM's own, a population's average; NaN where there is none."""
    import numpy as np  # noqa: PLC0415

    vms = {vm.vm: at for at, vm in enumerate(standings.vms)}
    columns = {key: column.tolist() for key, column in standings.columns.items() if kept_of_vms(key)}
    pools: dict[str | None, list[int]] = defaultdict(list)
    for at, vm in enumerate(standings.vms):
        pools[vm.dimensions.ResourcePoolName].append(at)
    for whose, key in series:
        if whose.kind == "vm":
            place = vms.get(whose.name or "")
            yield math.nan if place is None or key not in columns else columns[key][place]
        elif key not in standings.columns:
            yield math.nan
        else:
            column = standings.columns[key]
            some = column if whose.kind == "tenant" else column[np.array(pools.get(whose.name, []), np.int64)]
            yield _average(some)


def _average(values: "Floats") -> float:
    import numpy as np  # noqa: PLC0415

    known = values[~np.isnan(values)]
    # Divided first, so that no sum is beyond the largest double.
    return float((known / len(known)).sum()) if len(known) else math.nan


def _far(series: Sequence[Series], values: "Floats", lines: "Floats") -> "Floats":
    """Return how far each value lies beyond its rare end.

    No band counts as narrower than LEAST of what is usual for the counter: the median over its series.
    """
    import numpy as np  # noqa: PLC0415

    keys = {key: at for at, key in enumerate(dict.fromkeys(each.key for each in series))}
    of = np.array([keys[each.key] for each in series], np.int64)
    sizes = np.abs(lines[0])
    usual = np.zeros(len(keys))
    for at in range(len(keys)):
        known = sizes[(of == at) & ~np.isnan(sizes)]
        usual[at] = np.median(known) if len(known) else 0.0
    return rounded(np.clip(distances(values, lines[:5], LEAST * usual[of]), -FARTHEST, FARTHEST))


def _deviations(
    window: int,
    series: Sequence[Series],
    values: "Floats",
    lines: "Floats",
    far: "Floats",
    before: Sequence[Judged],
) -> Iterator[Deviation]:
    """Yield what deviates in this window, or lasts from those before it, in the order of the series."""
    import numpy as np  # noqa: PLC0415

    earlier = [{(each.whose, each.key): each for each in judged.deviations} for judged in before[: WINDOWS - 1]]
    rows = [
        at
        for at, each in enumerate(series)
        if not math.isnan(far[at]) and (far[at] or any(each in known for known in earlier))
    ]
    last = np.zeros((len(rows), WINDOWS))
    last[:, 0] = far[rows]
    for place, known in enumerate(earlier, 1):
        last[:, place] = [known[series[at]].far if series[at] in known else 0.0 for at in rows]
    scores = persistent(last)
    told = rounded(np.concatenate([[values[rows]], lines[:3, rows], [far[rows]], [scores]]).T).tolist()
    for at, distances_, numbers in zip(rows, last.tolist(), told, strict=True):
        value, expected, low, high, now, score = numbers
        if now or score:
            since = _since(window, distances_, score, earlier[0].get(series[at]) if earlier else None)
            yield Deviation(*series[at], value, expected, low, high, now, score, since)


def _since(window: int, last: Sequence[float], score: float, before: Deviation | None) -> int:
    """Return the first window in which a series deviated, of those that belong together."""
    sign = score or last[0]
    if score and before and before.score * score > 0:
        return before.since
    places = [place for place, each in enumerate(last) if each * sign > 0]
    return window - WINDOW * (max(places) if score else 0)


def _counts(
    series: Sequence[Series], far: "Floats", deviations: Sequence[Deviation], dimensions: Mapping[str, Dimensions]
) -> dict[Whose, dict[str, Count]]:
    """Count the judged VMs, and those that stay above and below, by population and counter."""
    scores = {(each.whose, each.key): each.score for each in deviations}
    found: dict[Whose, dict[str, Count]] = {}
    known: dict[Dimensions, list[dict[str, Count]]] = {}
    for each, distance in zip(series, far.tolist(), strict=True):
        of = dimensions.get(each.whose.name or "") if each.whose.kind == "vm" else None
        if of is None or math.isnan(distance):
            continue
        populations = known.get(of)
        if populations is None:
            names = [TENANT, *(Whose(kind, getattr(of, dimension)) for kind, dimension in GROUPS)]
            populations = known[of] = [found.setdefault(name, {}) for name in names]
        score = scores.get(each, 0.0)
        for population in populations:
            n, above, below = population.get(each.key, NOBODY)
            population[each.key] = Count(n + 1, above + (score > 0), below + (score < 0))
    return {whose: dict(sorted(found[whose].items())) for whose in sorted(found, key=_in_order)}


def _in_order(whose: Whose) -> tuple[str, bool, str]:
    return whose.kind, whose.name is None, whose.name or ""


def _middle(column: "Floats") -> Middle:
    import numpy as np  # noqa: PLC0415

    known = column[~np.isnan(column)]
    if not len(known):
        return math.nan, math.nan
    median = float(np.median(known))
    return median, float(np.median(np.abs(known - median)))
