"""Findings: what is unusual in a window, the most telling first. One cause, one line.

A population that explains its VMs stands for them (domain.causes); a VM with several unusual counters is one finding.
Notable is what is unusual by more than its own history: far from its peers too, or a service that stopped.

Knows what was found of tenants and of the fleet (domain.judged). Refuses to know who may see what.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import median
from typing import NamedTuple

from domain.causes import WHOLE_FLEET, Population, Share, explaining
from domain.counters import worse_of
from domain.digests import Whose
from domain.judged import FARTHEST, NOBODY, REPORTING, TENANT, Count, Deviation, Finding, Judged, Middle
from domain.samples import Dimensions
from domain.unusual import FROM_PEERS, LEAST, LISTED, NOTABLE

MAD_TO_DEVIATION = 1.4826
"""The standard deviation of a normal distribution, by its MAD."""


BETTER, NEITHER, WORSE = 0, 1, 2
"""How bad a side of a counter is."""


class _Member(NamedTuple):
    """A VM that deviates by one counter."""

    tenant: str
    deviation: Deviation


def findings(tenants: Mapping[str, Judged], fleet: Judged | None, whole: Population) -> list[Finding]:
    """Return what is unusual, the most telling first: of a tenant, or of all tenants and the fleet.

    ``fleet``: what was found of the fleet; of a tenant only its peers are taken from it. ``whole``: whose findings are
    asked, WHOLE_FLEET or a tenant's.
    """
    members: dict[tuple[str, bool], list[_Member]] = defaultdict(list)
    for tenant, judged in sorted(tenants.items()):
        for each in judged.deviations:
            if each.score and each.whose.kind == "vm":
                members[each.key, each.score > 0].append(_Member(tenant, each))
    own = _own_deviations(tenants, fleet, whole)
    counts = _counts(tenants, whole)
    populations = _populations(tenants)
    found: list[Finding] = []
    for key, above in sorted({*members, *((each.key, each.score > 0) for each in own.values())}):
        of_key = counts.get(key, {})
        shares = {each: Share(count.judged, count.deviating(above=above)) for each, count in of_key.items()}
        groups, alone = _explained(members[key, above], shares, whole, populations)
        lines = [_of_population(each, key, some, of_key[each].judged, own.get((each, key))) for each, some in groups]
        lines += [_of_vm(each, tenants[each.tenant], fleet) for each in alone if each.deviation.beyond >= LISTED]
        found += lines or _of_averages(key, own, of_key, above=above)
    deviating = {(each.population, each.vm) for each in found}
    found += [each for each in _as_always(tenants) if (each.population, each.vm) not in deviating]
    return sorted(_together(found), key=_telling)


def _as_always(tenants: Mapping[str, Judged]) -> Iterator[Finding]:
    """Yield the VMs that are unusual as always, by each of their counters."""
    for tenant, judged in tenants.items():
        for (whose, key), of in judged.always.items():
            low, high = (of.end, None) if worse_of(key) == "low" else (None, of.end)
            told = (key, of.value, None, low, high, 0.0, 0)
            yield Finding(Population("tenant", tenant), whose.name, *told, 1, 1, notable=False, always=of)


def _own_deviations(
    tenants: Mapping[str, Judged], fleet: Judged | None, whole: Population
) -> dict[tuple[Population, str], Deviation]:
    """Return the lasting deviations of populations as a whole."""
    found: dict[tuple[Population, str], Deviation] = {}
    if fleet is not None and whole == WHOLE_FLEET:
        for each in fleet.deviations:
            if each.score:
                kind = each.whose.kind
                found[Population(kind, None, each.whose.name), each.key] = each  # type: ignore[arg-type]
    for tenant, judged in sorted(tenants.items()):
        for each in judged.deviations:
            if each.score and each.whose.kind in ("tenant", "pool"):
                found[Population(each.whose.kind, tenant, each.whose.name), each.key] = each
    return found


def _counts(tenants: Mapping[str, Judged], whole: Population) -> dict[str, dict[Population, Count]]:
    """Return the counts of all populations that may explain something, by counter, the smaller kinds first."""
    found: dict[Population, dict[str, Count]] = defaultdict(dict)
    for tenant, judged in tenants.items():
        for whose, by_key in judged.counts.items():
            kind, name = whose
            of = []
            if kind in ("tenant", "pool"):
                of.append(Population(kind, tenant, name))
            elif whole == WHOLE_FLEET:
                of.append(Population(kind, None, name))  # type: ignore[arg-type]
            if whose == TENANT and whole == WHOLE_FLEET:
                of.append(whole)
            for population in of:
                sums = found[population]
                for key, count in by_key.items():
                    sums[key] = sums[key].plus(count) if key in sums else count
    by_counter: dict[str, dict[Population, Count]] = defaultdict(dict)
    for population in sorted(found, key=_smaller_first):
        for key, count in found[population].items():
            by_counter[key][population] = count
    return by_counter


_KINDS = ("tenant", "pool", "MachineSize", "Region", "fleet")


def _smaller_first(population: Population) -> tuple[int, str, bool, str]:
    return _KINDS.index(population.kind), population.tenant or "", population.name is not None, population.name or ""


def _populations(tenants: Mapping[str, Judged]) -> Callable[[_Member], Sequence[Population]]:
    """Return what tells the populations, but the fleet, that a VM is in."""

    @cache
    def of(tenant: str, vm: str) -> Sequence[Population]:
        its = tenants[tenant].vms[vm]
        return (
            Population("tenant", tenant),
            Population("pool", tenant, its.ResourcePoolName),
            Population("MachineSize", None, its.MachineSize),
            Population("Region", None, its.Region),
        )

    return lambda member: of(member.tenant, member.deviation.whose.name or "")


def _explained(
    members: Sequence[_Member],
    shares: Mapping[Population, Share],
    whole: Population,
    populations: Callable[[_Member], Sequence[Population]],
) -> tuple[list[tuple[Population, Sequence[_Member]]], Sequence[_Member]]:
    """Return the populations that stand for members, each with those that no other stands for; and who is left."""
    found: list[tuple[Population, Sequence[_Member]]] = []
    while members:
        candidates = {each: share for each, share in shares.items() if each != whole and share.deviating}
        chosen = explaining(candidates, whole, shares.get(whole, Share(0, 0)))
        if chosen is None:
            break
        if chosen == whole:
            found.append((whole, members))
            return found, []
        inside = [each for each in members if chosen in populations(each)]
        members = [each for each in members if chosen not in populations(each)]
        found.append((chosen, inside))
        gone = Counter(population for each in inside for population in {*populations(each), whole})
        shares = {each: Share(n - gone[each], deviating - gone[each]) for each, (n, deviating) in shares.items()}
    return found, members


def _of_population(
    population: Population, key: str, members: Sequence[_Member], judged: int, own: Deviation | None
) -> Finding:
    score = median(member.deviation.score for member in members)
    since = sorted(member.deviation.since for member in members)[(len(members) - 1) // 2]
    return Finding(
        population,
        None,
        key,
        own.value if own else None,
        own.expected if own else None,
        own.low if own else None,
        own.high if own else None,
        score,
        since,
        len(members),
        judged,
        notable=badness(key, above=score > 0) == WORSE,
    )


def _of_vm(member: _Member, judged: Judged, fleet: Judged | None) -> Finding:
    each = member.deviation
    peers = peers_score(each, judged.vms[each.whose.name or ""], judged, fleet)
    if each.key == REPORTING or each.key.startswith("win_service."):
        far = True
    else:  # a band of no width tells nothing about what is rare
        from_peers = peers is not None and peers * math.copysign(1.0, each.score) >= FROM_PEERS
        far = each.low < each.high and each.beyond >= NOTABLE and from_peers
    return Finding(
        Population("tenant", member.tenant),
        each.whose.name,
        each.key,
        each.value,
        each.expected,
        each.low,
        each.high,
        each.score,
        each.since,
        vms=1,
        judged=1,
        notable=far and badness(each.key, above=each.score > 0) == WORSE,
        peers=peers,
    )


def peers_score(of: Deviation, dimensions: Dimensions, judged: Judged, fleet: Judged | None) -> float | None:
    """Return how far a VM's value lies from the median of its peers, or else its tenant's VMs, in robust deviations.

    None where neither is known.
    """
    middle: Middle | None = None
    if fleet is not None:
        middle = fleet.middles.get(Whose("MachineSize", dimensions.MachineSize), {}).get(of.key)
    middle = middle or judged.middles.get(TENANT, {}).get(of.key)
    if middle is None:
        return None
    at, mad = middle
    spread = max(MAD_TO_DEVIATION * mad, LEAST * abs(at))
    if not spread:
        return math.copysign(FROM_PEERS, of.value - at) if of.value != at else 0.0
    return min(max((of.value - at) / spread, -FARTHEST), FARTHEST)


def badness(key: str, *, above: bool) -> int:
    """Return WORSE, BETTER, or, of a counter that has no worse side, NEITHER."""
    worse = "low" if key == REPORTING else worse_of(key)
    if worse == "none":
        return NEITHER
    return WORSE if worse == ("high" if above else "low") else BETTER


def _of_averages(
    key: str, own: Mapping[tuple[Population, str], Deviation], counts: Mapping[Population, Count], *, above: bool
) -> list[Finding]:
    """Return the population whose average deviates most, where no VM's own deviation says anything."""
    there = [
        (-each.beyond, _smaller_first(population), population, each)
        for (population, of), each in own.items()
        if of == key and (each.score > 0) == above and each.beyond >= LISTED
    ]
    if not there:
        return []
    *_, population, each = min(there, key=lambda item: item[:2])
    told = (each.value, each.expected, each.low, each.high)
    judged = counts.get(population, NOBODY).judged
    return [Finding(population, None, key, *told, each.score, each.since, 0, judged, notable=False)]


def _together(found: Iterable[Finding]) -> list[Finding]:
    """Return one finding of each VM and population: that of the counter by which it deviates most."""
    of: dict[tuple[Population, str | None], list[Finding]] = defaultdict(list)
    for each in found:
        of[each.population, each.vm].append(each)
    strongest = []
    for some in of.values():
        first, *others = sorted(some, key=_telling)
        strongest.append(replace(first, also=tuple(each.key for each in others)))
    return strongest


def _telling(finding: Finding) -> tuple[bool, bool, int, int, float, str, str, str, str]:
    """Return a sort key: the most telling first, and last what is as always."""
    population = finding.population
    return (
        finding.always is not None,
        not finding.notable,
        -badness(finding.key, above=finding.score > 0),
        -finding.vms,
        -(finding.always.share if finding.always else abs(finding.score)),
        finding.key,
        population.tenant or "",
        population.name or "",
        finding.vm or "",
    )
