"""Changes: in generated fleets whose truth is known, what was moved comes out on top, and what was not does not."""

import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from domain.change_lines import lines_of_tenants, lines_of_vms
from domain.changes import Change, Line, changes_of, in_order
from domain.fleet_summary import FleetFigures, fleet_summaries
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.summary import summarize

WINDOWS = 4
"""Of each range."""

COUNTERS: Mapping[str, tuple[float, float]] = {
    "win_cpu.percent_processor_time": (40.0, 5.0),
    "win_net.bytes_sent_persec": (3e6, 8e5),
    "win_disk.latency_read_seconds": (0.004, 0.001),
    "win_mem.available_bytes": (8e9, 1e8),
    "win_service.TermService": (1.0, 0.0),
}
"""By counter: its mean and standard deviation."""

CPU = "win_cpu.percent_processor_time"
SERVICE = "win_service.TermService"
REGIONS = ("uksouth", "eastus", "westus", None)

Value = Callable[[str, str, int], float]
"""From a counter, a VM and a window (from 0; the later range begins at WINDOWS) to its value."""


def noisy(seed: int = 1) -> Value:
    chance = random.Random(seed)  # noqa: S311
    return lambda key, _vm, _window: chance.gauss(*COUNTERS[key])


def moved(value: Value, key: str, by: float, vms: Callable[[str], bool]) -> Value:
    """The same, with a counter of some VMs moved by so many standard deviations in the later range."""

    def found(of: str, vm: str, window: int) -> float:
        more = by * COUNTERS[key][1] if of == key and window >= WINDOWS and vms(vm) else 0.0
        return value(of, vm, window) + more

    return found


def standings(vms: Sequence[str], value: Value, window: int) -> Standings:
    named = [StandingVm(vm, 0, Dimensions(Region=REGIONS[int(vm[-1]) % 4], MachineSize="D4")) for vm in sorted(vms)]
    return Standings(named, {key: np.array([value(key, vm.vm, window) for vm in named]) for key in COUNTERS if named})


def of_tenant(windows: Sequence[Standings]) -> list[Change]:
    return in_order([each for key, lines in lines_of_vms("t", windows) for each in changes_of(key, lines, "vm")])


def of_fleet(windows: Sequence[Mapping[str, Standings]]) -> list[Change]:
    summaries = [
        {key: FleetFigures(each.groups, each.figures, each.tenants) for key, each in fleet_summaries(summarize(window))}
        for window in windows
    ]
    found = []
    for key in COUNTERS:
        found += changes_of(key, lines_of_tenants([each.get(key) for each in summaries]), "tenant")
    return in_order(found)


VMS = [f"v{number:02d}" for number in range(60)]


def a_tenant(value: Value, vms: Sequence[str] = VMS) -> list[Standings]:
    return [standings(vms, value, window) for window in range(2 * WINDOWS)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("key", [key for key in COUNTERS if COUNTERS[key][1]])
def test_one_vm_of_sixty_that_moved_comes_first_in_every_counters_unit(key: str, seed: int) -> None:
    first, second, *_ = of_tenant(a_tenant(moved(noisy(seed), key, 8, lambda vm: vm == "v17")))
    assert (first.key, first.kind, first.name) == (key, "vm", "v17")
    assert first.score > abs(second.score)
    assert first.change == pytest.approx(8 * COUNTERS[key][1], abs=3 * COUNTERS[key][1])
    assert first.change == pytest.approx(first.after - first.before)
    assert first.windows == WINDOWS


@pytest.mark.parametrize("seed", range(5))
def test_where_all_moved_alike_the_tenant_comes_first(seed: int) -> None:
    first, *_ = of_tenant(a_tenant(moved(noisy(seed), CPU, 2, lambda _: True)))
    assert (first.key, first.kind, first.name, first.vms, first.worse) == (CPU, "tenant", "t", 60, True)


def test_where_nothing_moved_no_score_is_high() -> None:
    assert all(abs(each.score) < 5 for each in of_tenant(a_tenant(noisy())))


def test_ten_slow_vms_that_joined_are_no_change() -> None:
    value = noisy()
    more = [*VMS, *(f"w{number:02d}" for number in range(10))]
    slow = moved(value, CPU, 10, lambda vm: vm.startswith("w"))
    windows = [standings(more if window >= WINDOWS else VMS, slow, window) for window in range(2 * WINDOWS)]
    found = of_tenant(windows)
    assert not [each for each in found if (each.name or "").startswith("w")]
    assert all(abs(each.score) < 5 for each in found)
    assert {each.vms for each in found if each.kind == "tenant"} == {60}


def test_a_service_that_stops_comes_first_and_one_that_blinks_now_and_then_does_not_hide_it() -> None:
    def blinking(value: Value) -> Value:
        def found(key: str, vm: str, window: int) -> float:
            if key != SERVICE:
                return value(key, vm, window)
            return 0.0 if (vm, window) in (("v03", 1), ("v40", 6)) or (vm == "v17" and window >= WINDOWS) else 1.0

        return found

    first, second, *_ = of_tenant(a_tenant(blinking(noisy())))
    assert (first.key, first.name, first.before, first.after, first.worse) == (SERVICE, "v17", 1.0, 0.0, True)
    assert abs(first.score) > 2 * abs(second.score)


def test_a_constant_that_becomes_another_has_a_score_and_one_that_stays_is_left_out() -> None:
    def value(key: str, vm: str, window: int) -> float:
        return 0.0 if (key, vm) == (SERVICE, "v17") and window >= WINDOWS else COUNTERS[key][0]

    first, whole = of_tenant(a_tenant(value))
    assert (first.key, first.name, first.change) == (SERVICE, "v17", -1.0)
    assert whole.kind == "tenant"
    assert whole.change == pytest.approx(-1 / 60)


def test_one_vm_with_huge_values_hides_no_other_change() -> None:
    value = moved(noisy(), CPU, 8, lambda vm: vm == "v17")

    def huge(key: str, vm: str, window: int) -> float:
        return 1e308 * (-1) ** window if vm == "v30" else value(key, vm, window)

    first, *_ = [each for each in of_tenant(a_tenant(huge)) if each.kind == "vm"]
    assert (first.key, first.name) == (CPU, "v17")
    assert all(
        np.isfinite([each.before, each.after, each.change, each.score]).all() for each in of_tenant(a_tenant(huge))
    )


def test_only_pairs_of_windows_that_both_have_are_compared() -> None:
    nan = np.nan
    lines = [
        Line("vm", "half", 1, np.array([1.0, 2.0, 100.0, nan]), np.array([3.0, 4.0, nan, 100.0])),
        Line("vm", "once", 1, np.array([1.0, nan, nan, nan]), np.array([9.0, 9.0, 9.0, 9.0])),
    ]
    (found,) = changes_of("a.b", lines, "vm")
    assert (found.name, found.before, found.after, found.windows, found.worse) == ("half", 1.5, 3.5, 2, None)


def fleet(value: Value, tenants: int = 8, vms: int = 12) -> list[dict[str, Standings]]:
    return [
        {
            f"t{tenant}": standings([f"t{tenant}-v{vm:02d}" for vm in range(vms)], value, window)
            for tenant in range(tenants)
        }
        for window in range(2 * WINDOWS)
    ]


@pytest.mark.parametrize(
    ("vms", "kind", "name"),
    [
        (lambda _: True, "fleet", None),
        (lambda vm: vm.startswith("t3"), "tenant", "t3"),
        (lambda vm: int(vm[-1]) % 4 == 1, "Region", "eastus"),
        (lambda vm: int(vm[-1]) % 4 == 3, "Region", None),
    ],
)
def test_of_the_fleet_it_is_all_or_a_tenant_or_a_region(
    vms: Callable[[str], bool], kind: str, name: str | None
) -> None:
    first, *_ = of_fleet(fleet(moved(noisy(), CPU, 4, vms)))
    assert (first.key, first.kind, first.name) == (CPU, kind, name)


def test_a_tenant_that_joined_or_grew_is_no_change_of_the_fleet() -> None:
    value = moved(noisy(), CPU, 10, lambda vm: vm.startswith("t9") or vm[-2:] > "11")
    windows = fleet(value)
    grown = [f"t0-v{vm:02d}" for vm in range(22)]
    for window in range(WINDOWS, 2 * WINDOWS):
        windows[window] |= {"t9": standings(["t9-v00", "t9-v01"], value, window), "t0": standings(grown, value, window)}
    found = of_fleet(windows)
    assert all(each.name not in ("t9", "t0") for each in found)
    assert all(abs(each.score) < 5 for each in found)


def test_equal_scores_are_in_the_order_of_names_whatever_the_order_of_lines() -> None:
    lines = [Line("vm", name, 1, np.array([1.0, 1.0]), np.array([5.0, 5.0])) for name in ("b", "a", "c")]
    assert [each.name for each in in_order(changes_of("a.b", lines, "vm"))] == ["a", "b", "c"]
