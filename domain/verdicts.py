"""The verdict on a VM in a window: whether it is this VM, a population that it is in, or nothing.

The VM is compared with itself first: does any of its counters deviate, and not to its better side (domain.judging)?
Counters that have a worse side tell first. If one deviates, the smallest population that explains it is named
(domain.causes): its pool, its tenant, the VMs of its size or region, or the fleet. If none explains it, it is the VM;
but only if what is seen is rare for it (ALONE).

Knows what was found of a tenant and of the fleet. Refuses to know who may see what: whoever may not see the fleet's
counts leaves them out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from domain.causes import FEWEST, WHOLE_FLEET, Population, Share, explaining
from domain.digests import Whose
from domain.findings import BETTER, badness
from domain.judged import FLEET, NOBODY, TENANT, Count, Deviation, Judged
from domain.samples import Dimensions
from domain.unusual import ALONE

Answer = Literal["vm", "pool", "tenant", "size", "region", "fleet", "none", "unknown"]

_ANSWERS: dict[str, Answer] = {
    "pool": "pool",
    "tenant": "tenant",
    "MachineSize": "size",
    "Region": "region",
    "fleet": "fleet",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A population that a VM is in: how many of its VMs were judged by a counter, and stay above and below."""

    population: Population
    count: Count


class Verdict(NamedTuple):
    """A verdict: what explains the deviation of the VM that tells most (None: it does not deviate).

    ``compared``: the populations that the VM is in, by the deviation's counter.
    """

    answer: Answer
    deviation: Deviation | None
    compared: tuple[Compared, ...] = ()


def verdict_on(
    tenant: str, vm: str, dimensions: Dimensions, judged: Judged, fleet: Judged | None, *, known: bool
) -> Verdict:
    """Return the verdict on a VM. ``fleet``: None if it is not known, or not to be told.

    ``known``: whether it is known what is normal for the VM.
    """
    whose = Whose("vm", vm)
    own = [each for each in judged.deviations if each.score and each.whose == whose and _badness(each) != BETTER]
    own.sort(key=lambda each: (-_badness(each), -each.beyond, -abs(each.score), each.key))
    for deviation in own:
        compared = tuple(_compared(tenant, dimensions, deviation.key, judged, fleet))
        *candidates, whole = compared
        above = deviation.score > 0
        found = explaining(
            {each.population: _share(each.count, above=above) for each in candidates},
            whole.population,
            _share(whole.count, above=above),
        )
        if found:
            return Verdict(_ANSWERS[found.kind], deviation, compared)
        if deviation.beyond >= ALONE:
            return Verdict("vm" if whole.count.judged >= FEWEST else "unknown", deviation, compared)
    return Verdict("none" if known else "unknown", None)


def shared(verdict: Verdict) -> Verdict:
    """Return a verdict of a tenant's own VMs, given that the fleet's average is unusual to the same side.

    A tenant that is unusual as a whole is so with the fleet; so is a VM that has too few others beside it.
    """
    *_, whole = verdict.compared
    few = whole.count.judged < FEWEST
    return verdict._replace(answer="fleet") if verdict.answer == "tenant" or few else verdict


def _badness(deviation: Deviation) -> int:
    return badness(deviation.key, above=deviation.score > 0)


def _share(count: Count, *, above: bool) -> Share:
    return Share(count.judged, count.deviating(above=above))


def _compared(
    tenant: str, dimensions: Dimensions, key: str, judged: Judged, fleet: Judged | None
) -> Iterator[Compared]:
    """Yield the populations that a VM is in, the smaller first, and last the whole."""
    pool = dimensions.ResourcePoolName
    of_tenant = Compared(Population("tenant", tenant), judged.counts.get(TENANT, {}).get(key, NOBODY))
    if fleet is not None:
        yield of_tenant
    yield Compared(Population("pool", tenant, pool), judged.counts.get(Whose("pool", pool), {}).get(key, NOBODY))
    if fleet is None:
        yield of_tenant
        return
    for kind, name in (("MachineSize", dimensions.MachineSize), ("Region", dimensions.Region)):
        count = fleet.counts.get(Whose(kind, name), {}).get(key, NOBODY)  # type: ignore[arg-type]
        yield Compared(Population(kind, None, name), count)  # type: ignore[arg-type]
    yield Compared(WHOLE_FLEET, fleet.counts.get(FLEET, {}).get(key, NOBODY))
