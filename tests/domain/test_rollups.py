"""Rollups: of a tenant's VMs, of tenants, and the tree in which they are merged."""

import random
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rollups
from domain.rollups import FLEET, Node, Rollup, smaller
from domain.samples import MOST_COUNTERS
from domain.window_matrix import blocks_of

MINUTES = 15


def roll_up(vms: Iterable[Mapping[str, Sequence[float | None]]]) -> Rollup:
    return dict(rollups.roll_up(blocks_of(list(vms))))


def merge_rollups(parts: Iterable[Rollup]) -> Rollup:
    return dict(rollups.merge_rollups(parts))


def figures(rollup: Rollup, key: str = "a.b") -> list[tuple[int, int, float] | None]:
    return [part and (part.count, part.tenants, part.mean) for part in rollup[key].series]


def test_a_rollup_takes_minutes_without_samples_as_no_samples() -> None:
    rollup = roll_up([{"a.b": [1.0] + [None] * 14}, {"a.b": [3.0, 5.0] + [None] * 13}])
    assert figures(rollup)[:3] == [(2, 1, 2.0), (1, 1, 5.0), None]


def test_a_rollup_takes_counters_that_only_some_vms_have() -> None:
    rollup = roll_up([{"a.c": [2.0] * MINUTES}, {"a.b": [1.0] * MINUTES}])
    assert list(rollup) == ["a.b", "a.c"]
    assert figures(rollup) == [(1, 1, 1.0)] * MINUTES


def test_merging_rollups_counts_tenants_and_vms_of_each_minute() -> None:
    one = roll_up([{"a.b": [1.0] * MINUTES}, {"a.b": [2.0] * MINUTES}])
    two = roll_up([{"a.b": [6.0] + [None] * 14, "a.c": [0.0] * MINUTES}])
    merged = merge_rollups([one, two])
    assert figures(merged) == [(3, 2, 3.0)] + [(2, 1, 1.5)] * 14
    assert figures(merged, "a.c") == [(1, 1, 0.0)] * MINUTES


def test_nothing_merged_is_nothing() -> None:
    assert merge_rollups([]) == roll_up([]) == {}


def test_a_tenant_hangs_on_a_branch_of_a_branch_of_the_fleet() -> None:
    node = Node.of("Contoso")
    path = [node]
    while path[-1] != FLEET:
        path.append(path[-1].parent)
    assert [len(each.branch) for each in path] == [2, 2, 1, 0]
    assert [each.tenant for each in path] == ["Contoso", None, None, None]
    assert FLEET.parent == FLEET


def test_tenants_spread_evenly_over_the_branches() -> None:
    sizes: dict[Node, int] = {}
    for number in range(6400):
        branch = Node.of(f"tenant {number}").parent
        sizes[branch] = sizes.get(branch, 0) + 1
    assert len(sizes) == 64
    assert max(sizes.values()) < 200


def test_a_tenants_rollup_holds_the_counters_that_most_of_its_vms_have() -> None:
    rare = {f"a.{number:05d}": [1.0] * MINUTES for number in range(MOST_COUNTERS)}
    common = {"z.z": [1.0] * MINUTES}
    assert list(roll_up([{**rare, **common}, common])) == ["z.z", *sorted(rare)[:-1]]


def test_a_tenants_flood_of_counters_displaces_no_other_tenants() -> None:
    flood = {f"a.{number:05d}": [1.0] * MINUTES for number in range(MOST_COUNTERS)}
    tame = {f"z.{number}": [1.0] * MINUTES for number in range(40)}
    merged = merge_rollups([roll_up([flood] * 3), roll_up([tame])])
    assert len(merged) == MOST_COUNTERS
    assert set(tame) <= set(merged)


def test_nor_does_a_flood_of_counters_that_are_nearly_empty() -> None:
    """There is room for so many counters, whatever their bytes."""
    flood = {f"a.{number}": [1.0] + [None] * 14 for number in range(MOST_COUNTERS)}
    tame = {f"t.{number}": [0.1] * MINUTES for number in range(300)}
    assert set(tame) <= set(merge_rollups([roll_up([flood]), roll_up([tame])]))


def weight(rollup: Rollup, keys: Iterable[str]) -> int:
    return sum(len(msgspec.json.encode(rollup[key])) + len(key) for key in keys)


@pytest.mark.parametrize("flooders", [1, 3])
@pytest.mark.parametrize("name", ["n", "n" * 250])
@pytest.mark.parametrize("values", [[1.0], [2.0**-1000, 2.0**-900, 1e-200, 1.5, 1e100, 1e200, 1e300]])
def test_a_flood_costs_its_sender_only_whatever_its_names_and_numbers(
    flooders: int, name: str, values: list[float]
) -> None:
    """At every level of the tree, as small as it is made: who has less than the flooder loses nothing."""
    flood = [{f"f.{name}{number:04}": [value] * MINUTES for number in range(MOST_COUNTERS)} for value in values] * 9
    tame = [[{f"t.{tenant}{number}": [0.1] * MINUTES for number in range(20)}] for tenant in range(7)]
    leaves = [roll_up(each) for each in [*tame, *[flood] * flooders]]
    branch = merge_rollups(leaves)
    top = merge_rollups([branch, roll_up([{"t.other": [0.1] * MINUTES}])])
    theirs = {key for vms in tame for key in vms[0]} | {"t.other"}
    fair = 20 * 2000 * (7 + flooders)
    while weight(top, top) > 2 * fair:
        assert theirs <= set(top)
        top = smaller(top)
    assert theirs <= set(top)


def test_a_tenants_numbers_make_a_shared_counters_series_little_longer() -> None:
    wild = [{"a.b": [2.0**exponent] * MINUTES} for exponent in range(-1000, 1000, 60)]
    plain = roll_up([{"a.b": [0.1] * MINUTES}] * 30)
    assert weight(roll_up(wild), ["a.b"]) < 4 * weight(plain, ["a.b"])


def test_making_a_rollup_smaller_ends_with_nothing() -> None:
    rollup = roll_up([{f"a.{number}": [1.0] * MINUTES for number in range(50)}])
    steps = 0
    while rollup:
        assert len(smaller(rollup)) < len(rollup)
        rollup, steps = smaller(rollup), steps + 1
    assert steps < 40


values = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=MINUTES, max_size=MINUTES)
vms = st.dictionaries(st.sampled_from(["a.b", "a.c"]), values, max_size=2)


@given(st.lists(st.lists(vms, max_size=3), max_size=6), st.randoms(use_true_random=False))
def test_merging_by_branches_in_any_order_gives_what_merging_at_once_gives(
    tenants: Sequence[Sequence[Mapping[str, list[float | None]]]], chance: random.Random
) -> None:
    parts = [roll_up(each) for each in tenants]
    at_once = merge_rollups(parts)
    chance.shuffle(parts)
    cut = chance.randint(0, len(parts))
    by_branches = merge_rollups([merge_rollups(parts[:cut]), merge_rollups(parts[cut:])])
    assert list(by_branches) == list(at_once)
    for key, placed in at_once.items():
        assert placed.place == by_branches[key].place
        for one, other in zip(placed.series, by_branches[key].series, strict=True):
            assert (one and one[:5]) == (other and other[:5])
            assert one is None or other is None or one.spread == pytest.approx(other.spread, rel=1e-9, abs=1e-3)
