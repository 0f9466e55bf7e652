"""Judging windows: a table of cases, properties, and bad input."""

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.baselines import LINES
from domain.digests import Series, Whose
from domain.judged import FARTHEST, FLEET, NOT_JUDGED, REPORTING, SILENT, TENANT, Count, Deviation, Judged, Normals
from domain.judging import judge_fleet, judge_tenant, silent_vms
from domain.minutes import WINDOW
from tests.domain.judged_cases import (
    CPU,
    FREE,
    HIGH,
    LOW,
    SESSIONS,
    USUAL,
    VERY_HIGH,
    Values,
    fleet_of,
    judge,
    lasting,
    no_normals,
    normals_of,
    some_dimensions,
    standings_of,
)

SEEDS = st.integers(0, 2**32 - 1)
HERE = some_dimensions()


def course(values: Sequence[float | None]) -> list[Deviation | None]:
    """What is found of one VM's counter, window by window; None: it has no value."""
    windows: list[Values] = [{"vm": {} if value is None else {CPU: value}, "other": {CPU: USUAL}} for value in values]
    found = judge(windows, {"vm": HERE, "other": HERE}, normals_of([("vm", CPU), ("other", CPU)]))
    return [next((each for each in judged.deviations if each.whose.name == "vm"), None) for judged in found]


def scores(values: Sequence[float | None]) -> list[float]:
    return [each.score if each else 0.0 for each in course(values)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([HIGH] * 5, [0, 0, 3, 3, 3]),
        ([VERY_HIGH, HIGH, HIGH, USUAL, USUAL, USUAL], [0, 0, 3, 3, 0, 0]),
        ([HIGH, USUAL, HIGH, USUAL, HIGH, USUAL], [0] * 6),
        ([LOW, LOW, HIGH, LOW], [0, 0, 0, -3]),
        ([HIGH, None, HIGH, HIGH], [0, 0, 0, 3]),
        ([HIGH, HIGH, HIGH, None], [0, 0, 3, 0]),
        ([65.0] * 4, [0] * 4),  # a quarter of a width beyond the band
    ],
)
def test_three_of_four_windows_on_one_side(values: list[float | None], expected: list[float]) -> None:
    assert scores(values) == expected


def test_since_is_the_first_window_of_those_that_belong_together() -> None:
    found = course([USUAL, HIGH, USUAL, HIGH, HIGH, HIGH, USUAL, HIGH, USUAL, USUAL, LOW, LOW, LOW])
    since = [each.since // WINDOW if each else None for each in found]
    assert since == [None, 1, None, 3, 1, 1, 1, 1, None, None, 10, 11, 10]


def test_a_deviation_tells_its_figures() -> None:
    assert course([HIGH])[0] == Deviation(Whose("vm", "vm"), CPU, HIGH, USUAL, 40, 60, 3, 0, 0.5, 0)
    assert course([HIGH] * 3)[2] == Deviation(Whose("vm", "vm"), CPU, HIGH, USUAL, 40, 60, 3, 3, 0.5, 0)


def test_populations_are_judged_by_their_averages() -> None:
    dimensions = {f"vm{vm}": some_dimensions(vm % 2) for vm in range(4)}
    values = {"vm0": {CPU: 100.0}, "vm1": {CPU: 50.0}, "vm2": {CPU: 200.0}, "vm3": {CPU: 50.0}}
    series = [Series(Whose(kind, name), CPU) for kind, name in (("tenant", None), ("pool", "pool0"), ("pool", "pool1"))]  # type: ignore[arg-type]
    normals = Normals(series, normals_of([("any", CPU)] * 3).lines)
    judged = lasting(values, dimensions, normals)
    assert [(each.whose, each.value) for each in judged.deviations] == [
        (Whose("tenant"), 100.0),
        (Whose("pool", "pool0"), 150.0),
    ]
    assert not judged.counts


def test_vms_are_counted_by_population() -> None:
    dimensions = {f"vm{vm}": some_dimensions(vm % 2, vm % 3, 0) for vm in range(6)}
    values = {vm: {CPU: HIGH if at < 3 else LOW if at < 4 else USUAL} for at, vm in enumerate(dimensions)}
    counts = lasting(values, dimensions).counts
    assert counts[TENANT] == {CPU: Count(6, 3, 1), REPORTING: Count(6, 0, 0)}
    assert counts[Whose("pool", "pool0")][CPU] == Count(3, 2, 0)
    assert counts[Whose("MachineSize", "size0")][CPU] == Count(2, 1, 1)
    assert counts[Whose("Region", "region0")] == counts[TENANT]


def random_tenant(chance: random.Random) -> Judged:
    dimensions = {
        f"vm{vm}": some_dimensions(*(chance.randrange(3) for _ in range(3))) for vm in range(chance.randrange(9))
    }
    values = {vm: {CPU: chance.choice((USUAL, HIGH, LOW)), FREE: USUAL} for vm in dimensions}
    return lasting(values, dimensions)


@settings(max_examples=25)
@given(SEEDS)
def test_counts_of_tenants_add_up_in_any_order_and_grouping(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    tenants = {f"t{at}": random_tenant(chance) for at in range(5)}
    whole = fleet_of(tenants).counts
    assert {who: of for who, of in whole.items() if who.kind == "tenant"} == {
        Whose("tenant", name): each.counts[TENANT] for name, each in tenants.items() if each
    }
    order = chance.sample(sorted(tenants), len(tenants))
    assert fleet_of({name: tenants[name] for name in order}).counts == whole
    some, others = ({name: tenants[name] for name in part} for part in (order[:2], order[2:]))
    parts = [fleet_of(some), fleet_of(others)]
    as_tenants = [
        Judged(counts={TENANT if who == FLEET else who: of for who, of in each.counts.items() if who.kind != "tenant"})
        for each in parts
    ]
    together = fleet_of(dict(zip("ab", as_tenants, strict=True))).counts
    assert [{who: of for who, of in each.items() if who.kind != "tenant"} for each in (together, whole)] == [
        {who: of for who, of in whole.items() if who.kind != "tenant"}
    ] * 2
    assert whole.get(FLEET, {}).get(CPU, Count(0, 0, 0)).judged == sum(
        each.counts[TENANT][CPU].judged for each in tenants.values() if each
    )


@settings(max_examples=25)
@given(SEEDS)
def test_the_order_of_vms_and_series_does_not_count(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    dimensions = {f"vm{vm}": some_dimensions(vm % 2) for vm in range(6)}
    windows = [
        {vm: {key: chance.choice((USUAL, HIGH, LOW)) for key in (CPU, FREE)} for vm in dimensions} for _ in range(4)
    ]
    series = [(vm, key) for vm in dimensions for key in (CPU, FREE)]
    one = judge(windows, dimensions, normals_of(series))[-1]
    chance.shuffle(series)
    mixed = [{vm: values[vm] for vm in chance.sample(sorted(values), len(values))} for values in windows]
    other = judge(mixed, dimensions, normals_of(series))[-1]
    assert sorted(other.deviations) == sorted(one.deviations)
    assert (other.counts, other.vms, other.middles) == (one.counts, one.vms, one.middles)


@pytest.mark.parametrize(("presence", "silent"), [(1.0, True), (0.8, True), (0.79, False), (math.nan, False)])
def test_a_vm_is_silent_if_it_usually_reports(presence: float, silent: bool) -> None:
    normals = normals_of([("here", CPU), ("gone", CPU)], [USUAL, 40, 60, 30, 70, presence])
    there = standings_of({"here": {CPU: USUAL}}, {"here": HERE})
    assert silent_vms(there, normals) == (["gone"] if silent else [])
    dimensions = {"here": HERE, "gone": HERE}
    found = judge([{"here": {CPU: USUAL}}] * 3, dimensions, normals)[-1]
    expected = [Deviation(Whose("vm", "gone"), REPORTING, 0, 1, 1, 1, -SILENT, -SILENT, 0, 0)] if silent else []
    assert found.deviations == expected
    assert found.vms == ({"gone": HERE} if silent else {})


def test_a_silent_vm_that_the_catalogue_does_not_know_is_not_judged() -> None:
    normals = normals_of([("here", CPU), ("gone", CPU)])
    found = judge_tenant(0, standings_of({"here": {CPU: USUAL}}, {"here": HERE}), normals, [], {})
    assert not found.deviations
    assert found.counts[TENANT][REPORTING] == Count(1, 0, 0)


def test_a_vm_that_reports_again_is_no_longer_silent() -> None:
    dimensions, normals = {"a": HERE, "b": HERE}, normals_of([("a", CPU), ("b", CPU)])
    both, one = {"a": {CPU: USUAL}, "b": {CPU: USUAL}}, {"a": {CPU: USUAL}}
    found = judge([both, one, one, one, both, both], dimensions, normals)
    score = [next((each.score for each in judged.deviations if each.key == REPORTING), 0.0) for judged in found]
    assert score == [0, 0, 0, -SILENT, -SILENT, 0]


def test_what_has_no_baseline_is_not_judged() -> None:
    dimensions = {"a": HERE, "b": HERE}
    unknown = normals_of([("a", CPU), ("b", CPU)], [math.nan] * LINES)
    values = {"a": {CPU: HIGH}, "b": {CPU: USUAL}}
    for normals in (unknown, no_normals()):
        judged = lasting(values, dimensions, normals)
        assert not judged
        assert not judged.deviations
        assert not judged.middles


def test_counters_that_appear_or_vanish_are_not_judged() -> None:
    dimensions = {"a": HERE, "b": HERE}
    normals = normals_of([("a", CPU), ("a", FREE), ("b", CPU)])
    judged = lasting({"a": {CPU: USUAL, SESSIONS: VERY_HIGH}, "b": {CPU: USUAL, FREE: VERY_HIGH}}, dimensions, normals)
    assert not judged.deviations
    assert {key: count.judged for key, count in judged.counts[TENANT].items()} == {CPU: 2, REPORTING: 2}


@pytest.mark.parametrize("value", [1e300, -1e300, 1.7e308, -1.7e308, 5e-324])
@pytest.mark.parametrize("usual", [0.0, 50.0, 1e300])
def test_numbers_stay_finite(value: float, usual: float) -> None:
    dimensions = {f"vm{vm}": HERE for vm in range(4)}
    series = [(vm, CPU) for vm in dimensions]
    vms = normals_of(series, [usual] * 5 + [1.0])
    all_of = Normals([*vms.series, Series(Whose("tenant"), CPU)], np.concatenate([vms.lines, vms.lines[:, :1]], axis=1))
    judged = lasting({vm: {CPU: value} for vm in dimensions}, dimensions, all_of)
    assert all(math.isfinite(number) for each in judged.deviations for number in each[2:])
    assert all(abs(each.far) <= FARTHEST for each in judged.deviations)
    assert all(
        math.isfinite(number) for each in judged.middles.values() for middle in each.values() for number in middle
    )


def test_a_vm_resized_is_counted_with_its_new_size() -> None:
    values = {"vm": {CPU: HIGH}}
    small, large = {"vm": some_dimensions(size=1)}, {"vm": some_dimensions(size=2)}
    normals = normals_of([("vm", CPU)])
    before = judge([values] * 3, small, normals)
    now = judge_tenant(3 * WINDOW, standings_of(values, large), normals, before[::-1], {})
    assert now.counts[Whose("MachineSize", "size2")][CPU] == Count(1, 1, 0)
    assert Whose("MachineSize", "size1") not in now.counts
    assert now.vms == large


def test_windows_that_were_not_judged_count_as_usual() -> None:
    values = {"a": {CPU: HIGH}, "b": {CPU: USUAL}}
    dimensions = {"a": HERE, "b": HERE}
    normals = normals_of([("a", CPU), ("b", CPU)])
    one = judge([values], dimensions, normals)[0]
    for before in itertools.product((one, NOT_JUDGED), repeat=3):
        found = judge_tenant(9 * WINDOW, standings_of(values, dimensions), normals, before, {})
        assert (found.deviations[0].score > 0) == (before.count(one) >= 2)


def test_the_fleet_is_judged_where_tenants_are() -> None:
    normals = Normals([Series(FLEET, CPU)], normals_of([("any", CPU)]).lines)
    tenant = lasting({"vm": {CPU: HIGH}}, {"vm": HERE})
    assert not judge_fleet(0, {}, normals, [], {})
    assert judge_fleet(0, {}, normals, [], {"t": tenant}).counts[FLEET][CPU] == Count(1, 1, 0)
