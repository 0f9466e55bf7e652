"""Causes: which population explains that VMs deviate.

A population explains what is seen at its VMs if most of them deviate to the same side, and others hardly do. Candidates
are compared by the likelihood of two shares, one within and one outside, against one share for all (the G-test:
Woolf, "The Log Likelihood Ratio Test", 1957). If almost all VMs deviate, no part is likelier than the whole.

Knows how many VMs deviate. Refuses to know what deviating means, and who may see what.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

SHARE = 0.4
"""A population explains its VMs only if so many of them deviate."""

FEWEST = 3
"""With fewer VMs a population explains nothing."""

GAIN, GAIN_A_VM = 8.0, 0.6
"""How much likelier (natural logarithm) a part must be than the whole; of few VMs, so much for each, since no part of
them can be much likelier: with a half of the VMs in it, at most 0.69."""


class Population(NamedTuple):
    """A population; ``tenant`` names whose it is, of a tenant and its pools."""

    kind: Literal["fleet", "Region", "MachineSize", "tenant", "pool"]
    tenant: str | None = None
    name: str | None = None


WHOLE_FLEET = Population("fleet")


class Share(NamedTuple):
    """How many VMs of a population were judged, and how many of them deviate."""

    judged: int
    deviating: int


def explaining(candidates: Mapping[Population, Share], whole: Population, of_whole: Share) -> Population | None:
    """Return which population explains deviating VMs: one of the candidates, the whole, or none.

    Of equally likely ones the first candidate is taken. ``of_whole``: of all VMs, those of the candidates among them.
    """
    best, most = None, -math.inf
    for population, share in candidates.items():
        if share.judged < FEWEST or share.deviating < max(2, SHARE * share.judged):
            continue
        outside = Share(of_whole.judged - share.judged, of_whole.deviating - share.deviating)
        if outside.judged > 0 and share.deviating * outside.judged <= outside.deviating * share.judged:
            continue  # it deviates no more than others do
        likelihood = _likelihood(share) + _likelihood(outside)
        if likelihood > most + 1e-9:
            best, most = population, likelihood
    enough = of_whole.judged >= FEWEST and of_whole.deviating >= max(2, SHARE * of_whole.judged)
    gain = min(GAIN, GAIN_A_VM * of_whole.judged)
    if enough and (best is None or most < _likelihood(of_whole) + gain):
        return whole
    return best


def _likelihood(share: Share) -> float:
    """Return the logarithm of the likelihood that just so many deviate, at their own share."""
    judged, deviating = share
    if deviating <= 0 or deviating >= judged:
        return 0.0
    return deviating * math.log(deviating / judged) + (judged - deviating) * math.log(1 - deviating / judged)
