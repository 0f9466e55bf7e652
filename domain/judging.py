"""Judging: what of a tenant, or of the fleet, is unusual in a window, given what is normal for each of its series.

Judged are VMs, pools and the tenant; of the fleet, its regions and sizes and the fleet itself. A *deviation* is a
series that lies far beyond its band in this window or in those just before (domain.unusual). How many VMs of each
population deviate is counted, and counts of tenants add up to those of the fleet: from these follows which population
explains what is seen (domain.causes).

A VM that usually reports at this hour, and does not, counts as a deviation of REPORTING.

Knows one window and the three before it. Refuses to know where baselines and standings are kept, and who may see what.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from domain.counters import is_count
from domain.digests import Series, Whose, kept_of_vms, rounded
from domain.exact import LARGEST
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
    tenant_of_fleet,
)
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings
from domain.unusual import DEVIATES, LEAST, WINDOWS, distances, persistent

if TYPE_CHECKING:
    from domain.buckets import Floats, Ints


def silent_vms(standings: Standings, normals: Normals) -> list[str]:
    """Return the VMs that usually report at this hour and have nothing in standings, by name."""
    there = {vm.vm for vm in standings.vms}
    usual = (normals.lines[5] >= USUALLY).nonzero()[0].tolist()
    names = {whose.name for whose, _ in (normals.series[at] for at in usual) if whose.kind == "vm"}
    return sorted(name for name in names if name is not None and name not in there)


def judge_tenant(
    window: int,
    standings: Standings,
    normals: Normals,
    before: Sequence[Judged],
    silent: Mapping[str, Dimensions],
) -> Judged:
    """Judge a tenant's window.

    ``before``: what was found in the windows before it, the newest first. ``silent``: the dimensions of silent_vms; of
    those that it lacks nothing is said.
    """
    import numpy as np  # noqa: PLC0415

    dimensions = {**{vm.vm: vm.dimensions for vm in standings.vms}, **silent}
    vms = {vm: at for at, vm in enumerate(dimensions)}
    # The place of each series' VM; -1, which is the last of each column: it is of a population, or not of these VMs.
    vm_of = np.array(
        [vms.get(whose.name or "", -1) if whose.kind == "vm" else -1 for whose, _ in normals.series], np.int64
    )
    usual = np.zeros(len(vms) + 1, np.bool_)
    usual[vm_of[normals.lines[5] >= USUALLY]] = True
    reporting = np.flatnonzero(usual[:-1])
    names = list(dimensions)
    series = [*normals.series, *(Series(Whose("vm", names[at]), REPORTING) for at in reporting.tolist())]
    if not series:
        return NOT_JUDGED
    is_there = (reporting < len(standings.vms)).astype(np.float64)
    values = np.concatenate([_values(standings, normals.series, vm_of, len(vms)), is_there])
    lines = np.concatenate([normals.lines[:5], np.ones((5, len(reporting)))], axis=1)
    far, rare = _far(series, values, lines)
    far[len(normals.series) :] = np.where(is_there, 0.0, -SILENT)
    told = np.stack([values, *lines[:3], far, rare])
    deviations, scores = _deviations(window, series, told, before)
    counts = _counts(series, np.concatenate([vm_of, reporting]), far, scores, list(dimensions.values()))
    deviating = {each.whose.name or "" for each in deviations if each.whose.kind == "vm"}
    middles = {key: _middle(column) for key, column in standings.columns.items() if kept_of_vms(key)}
    there = {vm.vm for vm in standings.vms}
    return Judged(
        deviations,
        counts,
        {vm: dimensions[vm] for vm in sorted(deviating)},
        {TENANT: middles} if counts else {},
        {each: found for each, found in normals.always.items() if each.whose.name in there},
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
            if whose == TENANT:
                counts[tenant_of_fleet(tenant)] = {**by_key}
            of = counts.setdefault(FLEET if whose == TENANT else whose, {})
            for key, count in by_key.items():
                of[key] = of.get(key, NOBODY).plus(count)
    averages = {
        Series(Whose(group.dimension or "fleet", group.value), key): figures.average  # type: ignore[arg-type]
        for key, summary in summaries.items()
        for group, figures in zip(summary.groups, summary.figures, strict=True)
    }
    values = np.array([averages.get(each, math.nan) for each in normals.series])
    told = np.stack([values, *normals.lines[:3], *_far(normals.series, values, normals.lines[:5])])
    deviations, _ = _deviations(window, normals.series, told, before)
    middles: dict[Whose, dict[str, Middle]] = {}
    for key, summary in summaries.items():
        if kept_of_vms(key):
            found = zip(summary.groups, summary.histograms.spreads(), strict=True)
            for group, middle in found:
                if group.dimension == "MachineSize":
                    middles.setdefault(Whose("MachineSize", group.value), {})[key] = middle
    of_tenants = [
        each._replace(whose=tenant_of_fleet(tenant))
        for tenant in sorted(tenants)
        for each in tenants[tenant].deviations
        if each.score and each.whose == TENANT
    ]
    return Judged(deviations, counts, {}, middles, tenants=of_tenants)


def _values(standings: Standings, series: Sequence[Series], vm_of: "Ints", vms: int) -> "Floats":
    """Return each series' value: a VM's own, a population's average; NaN where there is none."""
    import numpy as np  # noqa: PLC0415

    keys = {key: at for at, key in enumerate(standings.columns)}
    table = np.full((len(keys) + 1, vms + 1), np.nan)
    for at, column in enumerate(standings.columns.values()):
        table[at, : len(column)] = column
    values = table[np.array([keys.get(key, -1) for _, key in series], np.int64), vm_of]
    pools: dict[str | None, list[int]] = defaultdict(list)
    for at, vm in enumerate(standings.vms):
        pools[vm.dimensions.ResourcePoolName].append(at)
    for at in np.flatnonzero(vm_of < 0).tolist():
        whose, key = series[at]
        if whose.kind in ("tenant", "pool") and key in keys:
            column = standings.columns[key]
            values[at] = limited_average(column if whose.kind == "tenant" else column[pools.get(whose.name, [])])
    return values


def limited_average(values: "Floats") -> float:
    """Return the average of the values that are not NaN, limited to the largest double; NaN if there is none."""
    import numpy as np  # noqa: PLC0415

    known = values[~np.isnan(values)]
    with np.errstate(over="ignore"):  # divided first, so that only rounding takes a sum beyond the largest double
        return float(np.clip((known / len(known)).sum(), -LARGEST, LARGEST)) if len(known) else math.nan


def _far(series: Sequence[Series], values: "Floats", lines: "Floats") -> tuple["Floats", "Floats"]:
    """Return how far each value lies beyond its band, and how far its rare end does.

    No band counts as narrower than LEAST of what is usual for the counter: the median over its series. Nor does that of
    a VM's counter that counts: one more or less is no deviation.
    """
    import numpy as np  # noqa: PLC0415

    keys = {key: at for at, key in enumerate(dict.fromkeys(each.key for each in series))}
    of = np.array([keys[each.key] for each in series], np.int64)
    sizes = np.abs(lines[0])
    usual = np.zeros(len(keys))
    for at in range(len(keys)):
        known = sizes[(of == at) & ~np.isnan(sizes)]
        usual[at] = np.median(known) if len(known) else 0.0
    counts = np.array([is_count(key) for key in keys], np.bool_)
    of_vm = np.array([each.whose.kind == "vm" for each in series], np.bool_)
    least = np.where(counts[of] & of_vm, np.maximum(LEAST * usual[of], 1 / DEVIATES), LEAST * usual[of])
    far, rare = distances(values, lines, least)
    return rounded(np.clip(far, -FARTHEST, FARTHEST)), np.clip(rare, 0.0, FARTHEST)


def _deviations(
    window: int, series: Sequence[Series], told: "Floats", before: Sequence[Judged]
) -> tuple[list[Deviation], "Floats"]:
    """Return what deviates in this window or lasts from those before it, in the order of the series; and all scores.

    ``told``: by series, the numbers of a Deviation from its value to ``rare``, without the score.
    """
    import numpy as np  # noqa: PLC0415

    earlier = [{Series(each.whose, each.key): each for each in judged.deviations} for judged in before[: WINDOWS - 1]]
    far = told[4]
    some_time = far != 0
    if of_before := set[Series]().union(*earlier):
        some_time |= np.array([each in of_before for each in series])
    rows = np.flatnonzero(some_time & ~np.isnan(far))
    some = [series[at] for at in rows.tolist()]
    last = np.zeros((len(rows), WINDOWS))
    last[:, 0] = far[rows]
    for place, known in enumerate(earlier, 1):
        last[:, place] = [known[each].far if each in known else 0.0 for each in some]
    scores = np.zeros(len(series))
    scores[rows] = persistent(last)
    columns = rounded(np.insert(told, 5, scores, axis=0)[:, rows]).tolist()
    since = [
        _since(window, course, score, earlier[0].get(each) if earlier else None)
        for each, course, score in zip(some, last.tolist(), columns[5], strict=True)
    ]
    every = map(Deviation, *zip(*some, strict=True), *columns, since) if some else ()
    found = [each for each in every if each.far or each.score]
    return found, scores


def _since(window: int, last: Sequence[float], score: float, before: Deviation | None) -> int:
    """Return the first window in which a series deviated, of those that belong together."""
    sign = score or last[0]
    if score and before and before.score * score > 0:
        return before.since
    places = [place for place, each in enumerate(last) if each * sign > 0]
    return window - WINDOW * (max(places) if score else 0)


def _counts(
    series: Sequence[Series], vm_of: "Ints", far: "Floats", scores: "Floats", dimensions: Sequence[Dimensions]
) -> dict[Whose, dict[str, Count]]:
    """Count the judged VMs, and those that stay above and below, by population and counter."""
    import numpy as np  # noqa: PLC0415

    judged = np.flatnonzero((vm_of >= 0) & ~np.isnan(far))
    keys = {key: at for at, key in enumerate(sorted({each.key for each in series}))}
    key_of = np.array([keys[each.key] for each in series], np.int64)[judged]
    populations: dict[Whose, int] = {}
    of_vms = [
        [
            populations.setdefault(each, len(populations))
            for each in (TENANT, *(Whose(kind, getattr(of, dimension)) for kind, dimension in GROUPS))
        ]
        for of in dimensions
    ]
    codes = (np.array(of_vms, np.int64).reshape(-1, 1 + len(GROUPS))[vm_of[judged]] * len(keys) + key_of[:, None]).T
    sides = (slice(None), scores[judged] > 0, scores[judged] < 0)
    size = len(populations) * len(keys)
    numbers = np.stack([np.bincount(codes[:, some].ravel(), minlength=size) for some in sides], axis=1)
    table = numbers.reshape(len(populations), len(keys), 3).tolist()
    found: dict[Whose, dict[str, Count]] = {}
    for whose in sorted(populations, key=_in_order):
        of = {key: Count(*each) for key, each in zip(keys, table[populations[whose]], strict=True) if each[0]}
        if of:
            found[whose] = of
    return found


def _in_order(whose: Whose) -> tuple[str, bool, str]:
    return whose.kind, whose.name is None, whose.name or ""


def _middle(column: "Floats") -> Middle:
    import numpy as np  # noqa: PLC0415

    known = np.sort(column[~np.isnan(column)])
    if not len(known):
        return math.nan, math.nan
    # Of two in the middle the lower one, as histograms have it.
    median = known[(len(known) - 1) // 2]
    with np.errstate(over="ignore"):
        sizes = np.sort(np.minimum(np.abs(known - median), LARGEST))
    return float(median), float(sizes[(len(known) - 1) // 2])
