"""Findings: what is unusual in a window, the most telling first. One cause, one line.

A population that explains its VMs stands for them (domain.causes); a VM with several unusual counters is one finding.
Notable is what is unusual by more than its own history: far from its peers too, or a service that stopped.

Knows what was found of tenants and of the fleet (domain.judged). Refuses to know who may see what.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from domain.causes import WHOLE_FLEET, Population, Share, explaining
from domain.counters import worse_of
from domain.digests import Whose
from domain.judged import NOBODY, REPORTING, TENANT, Count, Deviation, Finding, Judged, Middle
from domain.samples import Dimensions
from domain.unusual import FROM_PEERS, LEAST, LISTED, NOTABLE

MAD_TO_DEVIATION = 1.4826
"""The standard deviation of a normal distribution, by its MAD."""


class _Member(NamedTuple):
    tenant: str
    dimensions: Dimensions
    deviation: Deviation

    @property
    def populations(self) -> Sequence[Population]:
        """The populations that the VM is in, the smaller first."""
        of = self.dimensions
        return (
            Population("tenant", self.tenant),
            Population("pool", self.tenant, of.ResourcePoolName),
            Population("MachineSize", None, of.MachineSize),
            Population("Region", None, of.Region),
        )


def findings(tenants: Mapping[str, Judged], fleet: Judged | None, whole: Population) -> list[Finding]:
    """Return what is unusual, the most telling first: of a tenant, or of all tenants and the fleet.

    ``fleet``: what was found of the fleet; of a tenant only its peers are taken from it. ``whole``: whose findings are
    asked, WHOLE_FLEET or a tenant's.
    """
    every = [
        _Member(tenant, judged.vms[each.whose.name or ""], each)
        for tenant, judged in sorted(tenants.items())
        for each in judged.deviations
        if each.whose.kind == "vm" and each.score
    ]
    of_kind: dict[tuple[str, bool], list[_Member]] = defaultdict(list)
    for member in every:
        of_kind[member.deviation.key, member.deviation.score > 0].append(member)
    own = _own_deviations(tenants, fleet, whole)
    sides = sorted({*of_kind, *((each.key, each.score > 0) for each in own.values())})
    found = [
        finding
        for key, above in sides
        for finding in _of_key(key, of_kind.get((key, above), []), tenants, fleet, whole, own, above=above)
    ]
    return sorted(_together(found), key=_telling)


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
            if each.whose.kind in ("tenant", "pool") and each.score:
                found[Population(each.whose.kind, tenant, each.whose.name), each.key] = each
    return found


def _of_key(
    key: str,
    members: Sequence[_Member],
    tenants: Mapping[str, Judged],
    fleet: Judged | None,
    whole: Population,
    own: Mapping[tuple[Population, str], Deviation],
    *,
    above: bool,
) -> list[Finding]:
    """Return what is unusual by one counter, to one side."""
    counts = _counts(key, tenants, whole)
    total = counts.get(whole, NOBODY)
    left = list(members)
    covered: dict[Population, int] = defaultdict(int)
    found: list[Finding] = []
    gone = 0
    while left:
        deviating: dict[Population, int] = defaultdict(int)
        for member in left:
            for population in member.populations:
                deviating[population] += 1
        candidates = {
            population: Share(counts[population].judged - covered[population], number)
            for population, number in sorted(deviating.items(), key=_smaller_first)
            if population in counts and population != whole
        }
        chosen = explaining(candidates, whole, Share(total.judged - gone, len(left)))
        if chosen is None:
            break
        inside = [member for member in left if chosen == whole or chosen in member.populations]
        found.append(_of_population(chosen, key, inside, counts[chosen].judged, own.get((chosen, key))))
        left = [member for member in left if not (chosen == whole or chosen in member.populations)]
        gone += len(inside)
        for member in inside:
            for population in member.populations:
                covered[population] += 1
    found += [_of_vm(member, tenants[member.tenant], fleet) for member in left if abs(member.deviation.score) >= LISTED]
    return found or _of_averages(key, own, counts, above=above)


def _counts(key: str, tenants: Mapping[str, Judged], whole: Population) -> dict[Population, Count]:
    found: dict[Population, Count] = {}
    for tenant, judged in tenants.items():
        for whose, by_key in judged.counts.items():
            count = by_key.get(key)
            if count is None:
                continue
            if whose.kind in ("tenant", "pool"):
                found[Population(whose.kind, tenant, whose.name)] = count
                if whose == TENANT and whole == WHOLE_FLEET:
                    found[whole] = found.get(whole, NOBODY).plus(count)
            elif whole == WHOLE_FLEET:
                population = Population(whose.kind, None, whose.name)  # type: ignore[arg-type]
                found[population] = found.get(population, NOBODY).plus(count)
    return found


_KINDS = ("tenant", "pool", "MachineSize", "Region", "fleet")


def _smaller_first(item: tuple[Population, int]) -> tuple[int, str, str]:
    population, _ = item
    return _KINDS.index(population.kind), population.tenant or "", population.name or ""


def _of_population(
    population: Population, key: str, members: Sequence[_Member], judged: int, own: Deviation | None
) -> Finding:
    score = median(member.deviation.score for member in members)
    since = sorted(member.deviation.since for member in members)[(len(members) - 1) // 2]
    worse = is_worse(key, above=score > 0)
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
        notable=worse,
    )


def _of_vm(member: _Member, judged: Judged, fleet: Judged | None) -> Finding:
    each = member.deviation
    peers = peers_score(each, member.dimensions, judged, fleet)
    is_service = each.key == REPORTING or each.key.startswith("win_service.")
    far = abs(each.score) >= NOTABLE and (is_service or (peers is not None and peers * each.score > 0))
    notable = far and (is_service or abs(peers or 0.0) >= FROM_PEERS) and is_worse(each.key, above=each.score > 0)
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
        notable=notable,
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
    return (of.value - at) / spread if spread else math.copysign(FROM_PEERS, of.value - at) if of.value != at else 0.0


def is_worse(key: str, *, above: bool) -> bool:
    """Tell whether a side is not the better one of a counter."""
    if key == REPORTING:
        return not above
    return worse_of(key) != ("low" if above else "high")


def _of_averages(
    key: str, own: Mapping[tuple[Population, str], Deviation], counts: Mapping[Population, Count], *, above: bool
) -> list[Finding]:
    """Return the population whose average deviates most, where no VM's own deviation says anything."""
    there = [
        (abs(each.score), population, each)
        for (population, of), each in own.items()
        if of == key and (each.score > 0) == above and abs(each.score) >= LISTED
    ]
    if not there:
        return []
    _, population, each = max(there, key=lambda item: item[0])
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


def _telling(finding: Finding) -> tuple[bool, bool, int, float, str, str, str, str]:
    """Return a sort key: the most telling first."""
    population = finding.population
    return (
        not finding.notable,
        not is_worse(finding.key, above=finding.score > 0),
        -finding.vms,
        -abs(finding.score),
        finding.key,
        population.tenant or "",
        population.name or "",
        finding.vm or "",
    )
