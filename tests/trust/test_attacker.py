"""A tenant with all its means against the whole system: hypothesis plays it, and must not learn anybody's value.

It sends, late and again and in made-up names, and asks any endpoint that is open to it, whatever others and operators
do meanwhile. Before the game it singles out a VM, or a tenant, and a minute (tests.trust.worlds say when it has won).
"""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from domain.minutes import DAY, WINDOW
from tests.builders import KEY, LATENESS, WINDOW_START
from tests.trust.asking import ME, OPEN_TO_TENANTS
from tests.trust.worlds import SECRET, Event, World, is_told

VICTIM = "t0"
VMS = ("v0", "v1", "v2")
LATE = "late"
"""A VM that has not sent when the game begins."""

someone = st.sampled_from([VICTIM, VICTIM, "t1", "t2", "t3"])

KNOWN: Mapping[str, st.SearchStrategy[object]] = {
    "key": st.sampled_from([KEY, KEY, "a.b", "*"]),
    "tenant": st.sampled_from([ME, ME, VICTIM, "made-up-0"]),
    "vm": st.sampled_from(["m0", "v0"]),
    "minutes": st.sampled_from([1, 15, 60]),
    "hours": st.sampled_from([1, 24]),
    "pool": st.just("pool"),
    "days": st.sampled_from([1, 14]),
    "serve": st.sampled_from(["0.5", "0.95"]),
    "bootMinutes": st.sampled_from([0, 10]),
    "baseline": st.sampled_from(["true", "false"]),
    "start": st.sampled_from([SECRET, SECRET - 30, SECRET - 300, WINDOW_START]),
    "end": st.sampled_from([SECRET, SECRET + 30, SECRET + 300, WINDOW_START + WINDOW]),
    "aggregationInterval": st.sampled_from([1, 2, 7, 15, 60]),
    "aggregationBy": st.sampled_from(["avg", "min", "max", "p10", "p50", "p90", "p95"]),
    "percentiles": st.sampled_from(["10,50,90", "50", "5,95,99.9"]),
    "window": st.sampled_from([WINDOW_START, WINDOW_START - WINDOW]),
    "windows": st.sampled_from([1, 3]),
    "against": st.sampled_from(["previous", "day"]),
    "order": st.sampled_from(["worst", "lowest"]),
    "groupBy": st.sampled_from(["Region", "MachineSize", "tenant", "vm"]),
    "Region": st.just("westeurope"),
    "MachineSize": st.just("Standard_D4s_v3"),
    "ResourcePoolName": st.just("pool"),
    "SiteName": st.just("site"),
    "final": st.sampled_from(["true", "false"]),
    "gaps": st.just("null"),
    "format": st.sampled_from(["json", "csv", "ndjson"]),
    "limit": st.sampled_from([1, 5000]),
    "lines": st.sampled_from([1, 5000]),
    "page": st.just("x"),
}
"""What the attacker gives for each parameter that there is."""

ASKED = sorted(name for name, endpoint in OPEN_TO_TENANTS.items() if not endpoint.changes)
"""What answers figures. Joining and pushing answer none (test_endpoints); what is sent is an event of the game."""

AT_LEAST = {"samples": ("start",), "get_data": ("start",), "get_tenant_data": ("start",)}
"""What it gives always, so that it does not learn only that something is missing."""

alike = st.integers(1, 3).flatmap(lambda vms: st.lists(st.just(vms), min_size=3, max_size=4))
fleets = st.one_of(alike, alike, alike, st.lists(st.integers(1, 3), min_size=1, max_size=2))
"""How many VMs each other tenant has: enough for averages to be disclosed, or too few."""


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    endpoint = draw(st.sampled_from(ASKED))
    fields = OPEN_TO_TENANTS[endpoint].parameters.model_fields
    needed = [name for name, field in fields.items() if field.is_required() or name in AT_LEAST.get(endpoint, ())]
    others = draw(st.sets(st.sampled_from(sorted(fields)))) if fields else set()
    if "start" in needed:
        others -= {"minutes"}
    return endpoint, {name: draw(KNOWN[name]) for name in [*needed, *sorted(others.difference(needed))]}


MEANS = frozenset({"made-up tenants", "what others do", "patience"})
"""By which a tenant learned another's value before, each by itself."""


class Attacker(RuleBasedStateMachine):
    """Plays in one world; at the end it is looked whether there are others that it can't tell from that one."""

    ranked = False
    old_rule = False
    finer = False
    means = MEANS
    asks = True
    """Whether it asks at random, besides what it asks after each event."""
    games = 0
    shown = 0
    """In how many games an average of the secret minute was disclosed; if percentiles are, they too."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def happens(self, name: str, *arguments: object) -> None:
        self.events.append((name, arguments))
        self.runner.run(self.world.happens(self.events[-1]))

    @initialize(sizes=fleets, secret=st.sampled_from([None, "v0", LATE]), waits=st.booleans(), closed=st.booleans())
    def begin(self, sizes: list[int], secret: str | None, waits: bool, closed: bool) -> None:
        """All send in time, but for the victim perhaps; then the windows may close."""
        self.secret = (VICTIM, secret)
        self.fleet = {f"t{number}": vms for number, vms in enumerate(sizes)}
        self.runner = asyncio.Runner()
        self.world = World(self.fleet, ranked=self.ranked, old_rule=self.old_rule, finer=self.finer)
        self.runner.run(self.world.begin())
        self.happens("sends", ME, "m0", 50.0)
        for tenant, vms in self.fleet.items():
            for vm in range(0 if waits and tenant == VICTIM else vms):
                self.happens("others_send", tenant, f"v{vm}", 0)
        if closed:
            self.happens("closes")

    @rule(vm=st.integers(0, 2), value=st.sampled_from([0.0, 20.0, 24.25, 50.0, 1e6, 1e12]))
    def it_sends(self, vm: int, value: float) -> None:
        self.happens("sends", ME, f"m{vm}", value)

    @precondition(lambda self: "made-up tenants" in self.means)
    @rule(tenants=st.integers(1, 4), vms=st.integers(1, 3), value=st.sampled_from([0.0, 1e6]))
    def it_makes_up_tenants(self, tenants: int, vms: int, value: float) -> None:
        for tenant in range(tenants):
            for vm in range(vms):
                self.happens("sends", f"made-up-{tenant}", f"x{vm}", value)

    @precondition(lambda self: "what others do" in self.means)
    @rule(tenant=someone, vm=st.sampled_from([*VMS, LATE]), sent=st.integers(0, 2))
    def another_sends(self, tenant: str, vm: str, sent: int) -> None:
        self.happens("others_send", tenant, vm, sent)

    @precondition(lambda self: self.asks)
    @rule(asked=questions())
    def it_asks(self, asked: tuple[str, dict[str, object]]) -> None:
        self.happens("asks", asked[0], asked[1])

    @rule(dies_at=st.one_of(st.none(), st.integers(1, 60)), seconds=st.sampled_from([0, WINDOW + LATENESS]))
    def averaging_runs(self, dies_at: int | None, seconds: int) -> None:
        self.happens("passes", seconds)
        self.happens("averages", dies_at)

    @rule()
    def windows_close(self) -> None:
        self.happens("closes")

    @precondition(lambda self: "patience" in self.means)
    @rule(seconds=st.sampled_from([60, DAY, 32 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.happens("passes", seconds)

    @rule()
    def an_operator_rebuilds(self) -> None:
        self.happens("rebuilds")

    @precondition(lambda self: "what others do" in self.means)
    @rule(tenant=st.one_of(someone, st.just(ME)), vm=st.sampled_from([None, "v0", LATE]))
    def an_operator_purges(self, tenant: str, vm: str | None) -> None:
        self.happens("purges", tenant, vm)

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.happens("closes")
            type(self).games += 1
            mark = '"percentiles":{"p10"' if self.ranked else '"suppressed":null'
            type(self).shown += any(mark in answer for answer in self.world.answers)
            told = self.runner.run(is_told(self.world, self.events, *self.secret))
            assert not told, f"{self.secret} is given away by {self.events}"
        finally:
            self.runner.close()


def play(machine: type[Attacker], examples: int, steps: int) -> None:
    """Play so many games of so many steps, the same in each run. A game that is won is told as it is: not shortened."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("sees_percentiles", [False, True])
@pytest.mark.parametrize("by", ["all of them", *sorted(MEANS)])
def test_no_tenant_learns_the_value_of_another_s_vms(by: str, *, sees_percentiles: bool) -> None:
    class AgainstThisRule(Attacker):
        ranked = sees_percentiles
        means = frozenset({by}) & MEANS or MEANS

    games, shown = (36, 10) if by == "all of them" else (15, 5)
    play(AgainstThisRule, games, 12)
    assert AgainstThisRule.games >= games
    assert AgainstThisRule.shown >= shown  # else it would prove nothing
