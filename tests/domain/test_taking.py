"""Which counters are taken."""

import pytest

from domain.taking import EVERYTHING, Taking, pattern_problem
from tests.builders import a_vm_window

SERIES: dict[str, list[float | None]] = {
    "win_cpu.a": [1.0] * 15,
    "win_cpu.b": [None] * 14 + [2.0],
    "win_mem.a": [3.0] * 10 + [None] * 5,
}


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        ((), {"win_cpu.a", "win_cpu.b", "win_mem.a"}),
        (("*",), {"win_cpu.a", "win_cpu.b", "win_mem.a"}),
        (("win_cpu.*",), {"win_cpu.a", "win_cpu.b"}),
        (("*.a", "win_cpu.?"), {"win_cpu.a", "win_cpu.b", "win_mem.a"}),
        (("win_mem.a",), {"win_mem.a"}),
        (("WIN_CPU.*", "win_cpu"), set()),
        (("win.cpu*",), set()),
    ],
)
def test_what_matches_a_pattern_is_taken_and_the_rest_is_counted(patterns: tuple[str, ...], taken: set[str]) -> None:
    window, left_out = Taking(patterns).divided(a_vm_window(SERIES))
    assert window.series.keys() == taken
    samples = {"win_cpu.a": 15, "win_cpu.b": 1, "win_mem.a": 10}
    assert left_out == sum(count for key, count in samples.items() if key not in taken)


def test_without_patterns_nothing_is_left_out() -> None:
    assert EVERYTHING.takes("any.thing")


@pytest.mark.parametrize(("pattern", "wrong"), [("win cpu.*", "blank"), ("win_cpu", "matches no"), ("ä.*", "ASCII")])
def test_a_pattern_that_can_not_match_is_named(pattern: str, wrong: str) -> None:
    assert wrong in (pattern_problem(pattern) or "")
    assert pattern_problem("win_cpu.*") is None
