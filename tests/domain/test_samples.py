"""Which readings are accepted, how they become samples, and how VM windows merge."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import REDUCTIONS, reduce_readings, reduction_of
from domain.samples import MOST_COUNTERS, MOST_TENANTS, TOO_SCATTERED, Dimensions, VmWindow, collect, vm_windows_of
from tests.builders import HORIZON, KEY, NOW, TENANT, VM, WINDOW_START, a_sample, a_vm_window

MINUTES = 15


def only_window(*samples: Any) -> VmWindow:
    collected = collect(samples, HORIZON)
    assert not collected.refused.count
    assert len(collected.windows) == 1
    return collected.windows[0]


@pytest.mark.parametrize("second", [0, 1, 29, 30, 59])
def test_a_timestamp_anywhere_in_a_minute_means_that_minute(second: int) -> None:
    window = only_window(a_sample(timestamp=WINDOW_START + 60 + second, PerfValue=7))
    assert [sample.timestamp for sample in window.samples()] == [WINDOW_START + 90]


@pytest.mark.parametrize(
    ("key", "readings", "expected"),
    [
        ("win_cpu.percent_processor_time", [10, 20, 60], 30),  # avg by the table
        ("win_mem.available_bytes", [5, 3, 4], 3),  # min
        ("win_system.processes", [5, 9, 4], 9),  # max
        ("win_session.logons", [1, 0, 2], 3),  # sum
        ("win_service.SomeService", [1, 0, 1], 0),  # any service: min
        ("my_app.unknown", [1, 2], 1.5),  # unknown: avg
    ],
)
def test_readings_of_one_minute_are_reduced_by_the_counters_rule(
    key: str, readings: list[float], expected: float
) -> None:
    perf_type, _, perf_name = key.partition(".")
    samples = [
        a_sample(timestamp=WINDOW_START + 10 * n, PerfType=perf_type, PerfName=perf_name, PerfValue=value)
        for n, value in enumerate(readings)
    ]
    assert only_window(*samples).series[key][0] == expected


def test_an_override_beats_the_table() -> None:
    samples = [a_sample(PerfValue=1), a_sample(PerfValue=9)]
    collected = collect(samples, HORIZON, {KEY: "max"})
    assert collected.windows[0].series[KEY][0] == 9


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.sampled_from(REDUCTIONS), st.randoms()
)
def test_a_reduction_is_finite_and_does_not_depend_on_order(values: list[float], rule: Any, chance: Any) -> None:
    shuffled = values.copy()
    chance.shuffle(shuffled)
    reduced = reduce_readings(rule, values)
    assert reduced == reduce_readings(rule, shuffled)
    assert math.isfinite(reduced)


def test_an_override_of_the_table_is_asked_first() -> None:
    assert reduction_of("win_service.X", {"win_service.X": "avg"}) == "avg"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"timestamp": NOW * 1000}, "milliseconds"),
        ({"timestamp": NOW + 3600}, "future"),
        ({"timestamp": NOW + 301}, "future"),
        ({"timestamp": NOW - 2 * 365 * 86_400}, "older"),
        ({"timestamp": -5}, "older"),
        ({"PerfType": "win.disk"}, "PerfType holds a dot"),
        ({"PerfType": ""}, "PerfType is empty"),
        ({"PerfName": ""}, "PerfName is empty"),
        ({"PerfName": "a\x00b"}, "control character"),
        ({"PerfName": "x" * 256}, "longer than 255"),
        ({"MaskedTenantId": ""}, "MaskedTenantId is empty"),
        ({"MaskedTenantId": "t" * 129}, "MaskedTenantId is longer"),
        ({"MaskedVMName": " "}, "MaskedVMName is empty"),
        ({"Region": "a\nb"}, "Region holds a control character"),
    ],
)
def test_a_bad_sample_is_refused_with_its_reason_and_its_neighbours_are_kept(
    overrides: dict[str, Any], reason: str
) -> None:
    neighbours = [a_sample(PerfValue=1), a_sample(timestamp=WINDOW_START + 90, PerfValue=2)]
    collected = collect([neighbours[0], a_sample(**overrides), neighbours[1]], HORIZON)
    assert [(refused.position, reason in refused.reason) for refused in collected.refused.kept] == [(1, True)]
    assert collected.samples == 2
    assert collected.windows[0].series == {KEY: [1, 2] + [None] * 13}


@pytest.mark.parametrize("ahead", [-30 * 86_400, 0, 300])
def test_a_sample_at_the_edge_of_what_is_accepted_is_accepted(ahead: int) -> None:
    assert not collect([a_sample(timestamp=NOW + ahead)], HORIZON).refused.count


def test_samples_of_many_vms_tenants_and_windows_are_sorted_apart() -> None:
    samples = [
        a_sample(MaskedTenantId=tenant, MaskedVMName=vm, timestamp=WINDOW_START + offset)
        for tenant in ("t1", "t2")
        for vm in ("v1", "v2")
        for offset in (0, -900)
    ]
    collected = collect(samples, HORIZON)
    assert {(each.tenant, each.vm, each.window) for each in collected.windows} == {
        (tenant, vm, window) for tenant in ("t1", "t2") for vm in ("v1", "v2") for window in (WINDOW_START, NOW - 1800)
    }
    assert collected.samples == 8


def test_dimensions_that_are_known_are_not_lost_to_later_nulls() -> None:
    window = only_window(a_sample(Region="eastus"), a_sample(timestamp=WINDOW_START + 90, Region=None, SiteName="s"))
    assert window.dimensions == Dimensions("s", "Shared-ngXXH", "eastus", "Standard_D4s_v4")


def test_the_samples_of_a_window_are_those_that_it_was_made_of() -> None:
    samples = [
        a_sample(timestamp=WINDOW_START + 30 + 60 * minute, PerfValue=float(minute)) for minute in range(MINUTES)
    ]
    assert list(only_window(*samples).samples()) == samples


rows = st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=MINUTES, max_size=MINUTES)
series = st.dictionaries(st.sampled_from(["a.x", "a.y", "a.z"]), rows, max_size=3)


@given(series)
def test_merging_a_window_with_itself_changes_nothing(one: Any) -> None:
    window = a_vm_window(one)
    assert window.merged(window) == window


@given(series, series, series)
def test_merging_windows_is_associative_and_the_newer_wins(one: Any, two: Any, three: Any) -> None:
    a, b, c = a_vm_window(one), a_vm_window(two), a_vm_window(three)
    assert a.merged(b).merged(c) == a.merged(b.merged(c))
    for key, row in c.series.items():
        merged = a.merged(b).merged(c).series[key]
        assert all(value is None or merged[index] == value for index, value in enumerate(row))


@given(series, st.data())
def test_merging_windows_that_do_not_contradict_each_other_is_commutative(whole: Any, data: st.DataObject) -> None:
    def part() -> VmWindow:
        return a_vm_window(
            {key: [value if data.draw(st.booleans()) else None for value in row] for key, row in whole.items()}
        )

    one, two = part(), part()
    assert one.merged(two) == two.merged(one)


def test_names_of_the_given_style_are_accepted() -> None:
    window = only_window(a_sample())
    assert (window.tenant, window.vm) == (TENANT, VM)


def test_what_does_not_fit_beside_known_counters_is_split_off() -> None:
    window = a_vm_window({f"a.{number:05d}": [1.0] * MINUTES for number in range(10)})
    known = {f"b.{number}": None for number in range(MOST_COUNTERS - 4)} | {"a.00009": None}
    fits, rest = window.fitting(known)
    assert rest
    assert list(fits.series) == ["a.00000", "a.00001", "a.00002", "a.00009"]
    assert len(rest.series) == 6
    assert window.fitting() == (window, None)


@pytest.mark.parametrize(("sent", "most"), [(0, 200), (14_000, 340), (173_000, 1_000), (16_000_000, 1_000)])
def test_a_message_belongs_to_no_more_vm_windows_than_its_bytes_are_worth(sent: int, most: int) -> None:
    assert vm_windows_of(sent) == most
    readings = [a_sample(MaskedVMName=f"v{number}") for number in range(most + 7)]
    collected = collect([*readings, a_sample(MaskedVMName="v0", PerfName="more")], HORIZON, None, most)
    assert (len(collected.windows), collected.samples) == (most, most + 1)
    assert collected.refused.reasons == {TOO_SCATTERED: 7}


def test_a_message_is_of_no_more_than_a_hundred_tenants() -> None:
    readings = [a_sample(MaskedTenantId=f"t{number % 130}", PerfName=f"p{number // 130}") for number in range(260)]
    collected = collect(readings, HORIZON)
    assert {window.tenant for window in collected.windows} == {f"t{number}" for number in range(MOST_TENANTS)}
    assert collected.refused.reasons == {TOO_SCATTERED: 60}
