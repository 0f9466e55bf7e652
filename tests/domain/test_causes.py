"""Which population explains what is seen: a table of cases, and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.causes import FEWEST, SHARE, WHOLE_FLEET, Population, Share, explaining

POOL, TENANT = Population("pool", "t", "p"), Population("tenant", "t")
SIZE, REGION = Population("MachineSize", None, "s"), Population("Region", None, "r")

shares = st.integers(0, 200).flatmap(lambda judged: st.builds(Share, st.just(judged), st.integers(0, judged)))


@pytest.mark.parametrize(
    ("of", "whole", "expected"),
    [
        # One VM is no population; nor are two of two.
        ({POOL: (8, 1), TENANT: (25, 1)}, (300, 1), None),
        ({POOL: (2, 2), TENANT: (25, 2)}, (300, 2), None),
        ({POOL: (8, 8), TENANT: (25, 8), SIZE: (75, 5), REGION: (75, 8)}, (300, 8), POOL),
        # Some deviate by chance everywhere.
        ({POOL: (8, 7), TENANT: (25, 8), SIZE: (75, 9), REGION: (75, 10)}, (300, 14), POOL),
        ({POOL: (8, 8), TENANT: (25, 24), SIZE: (75, 8), REGION: (75, 12)}, (300, 25), TENANT),
        ({POOL: (8, 3), TENANT: (25, 7), SIZE: (75, 70), REGION: (75, 20)}, (300, 72), SIZE),
        ({POOL: (8, 8), TENANT: (25, 16), SIZE: (75, 20), REGION: (75, 71)}, (300, 73), REGION),
        ({POOL: (8, 8), TENANT: (25, 24), SIZE: (75, 70), REGION: (75, 68)}, (300, 285), WHOLE_FLEET),
        # Half of the fleet, evenly.
        ({POOL: (8, 4), TENANT: (25, 14), SIZE: (75, 37), REGION: (75, 40)}, (300, 152), WHOLE_FLEET),
        # A tenant that is the whole region, and a pool that is the whole tenant: the first of equals.
        ({TENANT: (25, 20), REGION: (25, 20)}, (300, 20), TENANT),
        ({TENANT: (25, 20), POOL: (25, 20)}, (300, 20), TENANT),
        # The tenant is the whole fleet.
        ({TENANT: (25, 25), POOL: (8, 8)}, (25, 25), WHOLE_FLEET),
        ({POOL: (0, 0)}, (0, 0), None),
        ({}, (2, 2), None),
    ],
)
def test_cases(of: dict[Population, tuple[int, int]], whole: tuple[int, int], expected: Population | None) -> None:
    assert explaining({each: Share(*share) for each, share in of.items()}, WHOLE_FLEET, Share(*whole)) == expected


@given(st.lists(shares, min_size=1, max_size=4), shares)
def test_what_explains_is_no_handful_and_deviates_more_than_the_others(parts: list[Share], outside: Share) -> None:
    names = (TENANT, POOL, SIZE, REGION)
    judged = max(each.judged for each in parts) + outside.judged
    deviating = max(each.deviating for each in parts) + outside.deviating
    whole = Share(judged, min(deviating, judged))
    candidates = dict(zip(names, parts, strict=False))
    chosen = explaining(candidates, WHOLE_FLEET, whole)
    if chosen is None:
        assert whole.judged < FEWEST or whole.deviating < max(2, SHARE * whole.judged)
        return
    share = candidates.get(chosen, whole)
    assert share.judged >= FEWEST
    assert share.deviating >= max(2, SHARE * share.judged)
    if chosen != WHOLE_FLEET:
        assert share.deviating * whole.judged >= whole.deviating * share.judged


@given(shares, shares, shares)
def test_the_order_of_candidates_does_not_count(one: Share, other: Share, outside: Share) -> None:
    whole = Share(one.judged + other.judged + outside.judged, one.deviating + other.deviating + outside.deviating)
    first = explaining({TENANT: one, REGION: other}, WHOLE_FLEET, whole)
    assert explaining({REGION: other, TENANT: one}, WHOLE_FLEET, whole) == first or one == other
