"""A fleet in which one minute is secret, what happens to it, and whether a tenant's answers give a value away.

The secret is the value of a VM, or of all VMs of a tenant, in one minute. Whether it is told is asked of *worlds*:
stores to which the same things happen, and which differ in nothing but the values of that minute. In some of them the
secret is lower by a shift, and at most as many VMs of others are higher by as much instead. Where the caller gets in
one of these worlds, to every question, the same answers to the last byte, it can't tell the one from the other, and so
the value not better than to that shift. Where it gets other answers in every one of them, the secret is told.

Where only averages are disclosed, the shift is a quarter of the value or more. Where percentiles and ranks are too, it
is 1.3 % of the value or more: both values are rounded to the same number (domain.coarse_histogram), one near each end
of what is. So nothing that is asked, however often and in whatever way, says more of a value than what it rounds to.

This presumes of the caller that it knows everything else: how many VMs the others have, when they sent, and all other
values. It can't find what follows from how likely a value is.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from domain.closing import Times
from domain.errors import Unavailable
from domain.minutes import DAY, WINDOW, minutes_of
from domain.rollups import Node
from domain.samples import Horizon
from messaging.dead_letters import NoDeadLetters
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.operations import Operation, OperationContext
from pipeline.purge import Purge
from pipeline.rebuild import Rebuild
from pipeline.rules import Rules
from storage.tables import Tables
from storage.tables.catalogue import TENANTS
from tests.builders import KEY, LATENESS, NOW, WINDOW_START, a_message, records_of
from tests.pipeline.faults import Fault, FaultyDocuments
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import enrol
from tests.pipeline.test_operations import carry_out
from tests.storage.adapters import TABLES
from tests.trust.asking import ME, OPEN_TO_TENANTS, ask

SECRET = minutes_of(WINDOW_START)[7]
"""The minute that is asked about. All other minutes are the same in all worlds."""

SHIFT = -8.0
SHIFT_IN_BUCKET = -0.40625
MIN_TENANTS = 2
"""Few, so that fleets are small and examples quick."""

MIN_VMS = 3
"""The same, where percentiles and ranks are disclosed."""

Vm = tuple[str, str]
Event = tuple[str, tuple[object, ...]]
"""A method of World, and with what it is called."""


def value_of(vm: Vm, sent: int) -> float:
    """A value near a whole number from 17 to 31, another for most VMs and times; in 16ths, so that sums are exact."""
    chance = hashlib.sha256(f"{vm} {sent}".encode()).digest()
    return 17 + chance[0] % 15 + (chance[1] % 3 - 1) / 16


@dataclass
class World:
    """A store, a clock, and what ME was answered by now.

    ``others``: the other tenants, which are enrolled as ME is, and how many VMs each has. ``shifts``: by how much
    VMs' values in the secret minute are other than in the first world. ``ranked``: whether percentiles and ranks are
    disclosed. Besides, ME is answered, ``old_rule``: what it was before figures were disclosed once; ``finer``: what it
    would be if percentiles and ranks were read from the histograms that operators get.
    """

    others: Mapping[str, int]
    shifts: Mapping[Vm, float] = field(default_factory=dict)
    ranked: bool = False
    old_rule: bool = False
    finer: bool = False
    now: int = NOW
    answers: list[str] = field(default_factory=list)
    arrived: list[Vm] = field(default_factory=list)
    """The others' VMs that have sent, in the order in which they first did."""
    read: str = ""
    """What the finer form first showed."""
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = FaultyDocuments(MemoryDocuments(TABLES, lambda: self.now))
        self.tables = Tables(self.store)

    async def begin(self) -> None:
        await enrol(self.tables, [ME, *self.others])

    async def happens(self, event: Event) -> None:
        """Let something happen; then ME looks at the minute."""
        name, arguments = event
        await getattr(self, name)(*arguments)
        asked: dict[str, object] = {"key": KEY, "start": SECRET, "end": SECRET}
        await self.asks("get_data", {**asked, "percentiles": "10,50,90"} if self.ranked else asked)
        if self.ranked:
            await self.asks("get_ranking", {"key": KEY, "tenant": ME, "window": WINDOW_START})
        if self.old_rule:
            self.answers.append(await self._by_the_old_rule())
        if self.finer:
            self.answers.append(await self._by_the_finer_form())

    async def asks(self, endpoint: str, asked: Mapping[str, object]) -> None:
        self.answers.append(await ask(self.tables, lambda: self.now, OPEN_TO_TENANTS[endpoint], asked, tid=ME))

    async def sends(self, tenant: str, vm: str, value: float) -> None:
        """ME sends for one of its VMs, or for a tenant that it has made up and that nobody has enrolled."""
        await self._ingest(tenant, vm, dict.fromkeys(minutes_of(WINDOW_START), value))

    async def others_send(self, tenant: str, vm: str, sent: int) -> None:
        values = dict.fromkeys(minutes_of(WINDOW_START), value_of((tenant, vm), sent))
        values[SECRET] += self.shifts.get((tenant, vm), 0.0)
        if (tenant, vm) not in self.arrived:
            self.arrived.append((tenant, vm))
        await self._ingest(tenant, vm, values)

    async def all_others_send(self) -> None:
        for tenant, vms in self.others.items():
            for vm in range(vms):
                await self.others_send(tenant, f"v{vm}", 0)

    async def _ingest(self, tenant: str, vm: str, values: Mapping[int, float]) -> None:
        body = a_message(records_of(tenant, vm, KEY, values))
        await ingest(self.tables, [Message(body, "m", self.now)], Horizon.at(self.now, 30 * DAY))

    @property
    def rules(self) -> Rules:
        rules = Rules(min_tenants=MIN_TENANTS)
        return replace(rules, min_vms=MIN_VMS) if self.ranked else rules

    @property
    def shift(self) -> float:
        """By how much a VM's value is other in another world."""
        return SHIFT_IN_BUCKET if self.ranked else SHIFT

    @property
    def times(self) -> Times:
        return Times(self.now, LATENESS, 31 * DAY)

    async def averages(self, dies_at: int | None = None) -> None:
        """A run of averaging, which may be cut off at a call of the store."""
        self.store.plan([(dies_at, Fault.DIED)] if dies_at else [])
        with suppress(Unavailable):
            await average(self.tables, self.times, rules=self.rules)
        self.store.plan()
        if self.old_rule:
            await self._count()

    async def passes(self, seconds: int) -> None:
        self.now += seconds

    async def closes(self) -> None:
        """All windows that are open are due, and averaging runs."""
        await self.averages()
        self.now += WINDOW + LATENESS
        await self.averages()

    async def rebuilds(self) -> None:
        await self._operate(Rebuild(WINDOW_START, WINDOW_START + WINDOW))

    async def purges(self, tenant: str, vm: str | None = None) -> None:
        await self._operate(Purge(tenant, vm))

    async def _operate(self, operation: Operation) -> None:
        horizon = Horizon.at(self.now, 30 * DAY)
        context = OperationContext(self.tables, NoDeadLetters(), horizon, self.rules, self.now, self.times)
        await carry_out(self.tables, operation, context)
        if self.old_rule:
            await self._count()

    async def _count(self) -> None:
        """Remember how many VMs each tenant has, enrolled or not: report rows held the two greatest of these counts."""
        for tenant in await self.tables.catalogue.entries(TENANTS):
            if count := await self._count_of(tenant):
                self.counts[tenant] = count

    async def _count_of(self, tenant: str) -> int:
        rollup = await self.tables.rollups.partials(Node.of(tenant), WINDOW_START, [KEY])
        partial = rollup[KEY][7] if KEY in rollup else None
        return partial.count if partial else 0

    async def _by_the_old_rule(self) -> str:
        """What was shown of a minute: the average as it is by now, unless others were too few or one of them too great.

        The caller's own part was taken from its rollup, for as long as that lived.
        """
        rows = await self.tables.report.rows(KEY, SECRET, SECRET)
        progress = await self.tables.progress.read()
        if not rows or not progress or not progress.value.is_final(SECRET):
            return "nothing yet"
        (row,), own = rows, await self._count_of(ME)
        largest, second = [*sorted(self.counts.values(), reverse=True), 0, 0][:2]
        greatest = second if own == largest else largest
        too_few = row.tenants - bool(own) < MIN_TENANTS
        return "suppressed" if too_few or 2 * greatest > row.count - own else repr(row.average)

    async def _by_the_finer_form(self) -> str:
        """The percentiles of the secret minute by the finer histogram, clipped to the min and max; once disclosed."""
        shown = (await self.tables.disclosed.between(KEY, WINDOW_START, WINDOW_START)).get(WINDOW_START)
        if not shown or not shown.histograms or not shown.histograms.totals[7]:
            return "not disclosed"
        if not self.read:
            stored = await self.tables.histograms.of_fleet(KEY, WINDOW_START)
            self.read = repr(stored and stored.value.percentiles((10, 50, 90))[7].tolist())
        return self.read


async def played(events: Sequence[Event], others: Mapping[str, int], *, old_rule: bool = False) -> World:
    """Return the first world after these events."""
    world = World(others, old_rule=old_rule)
    await world.begin()
    for event in events:
        await world.happens(event)
    return world


async def is_told(first: World, events: Sequence[Event], tenant: str, vm: str | None) -> bool:
    """Tell whether ME's answers in the first world, to which these events happened, give a value away.

    The value is that of a VM, or where ``vm`` is None of all VMs of the tenant.
    """
    for shifts in _hiding_places(first, tenant, vm):
        world = World(first.others, shifts, first.ranked, first.old_rule, first.finer)
        await world.begin()
        for event in events:
            await world.happens(event)
            if world.answers != first.answers[: len(world.answers)]:
                break
        else:
            return False
    return True


def _hiding_places(first: World, tenant: str, vm: str | None) -> Iterator[Mapping[Vm, float]]:
    """Yield the other worlds: as many of others' VMs are higher as of the secret's were in a figure, or fewer.

    Those that came first come first, since a figure is of these.
    """
    secret = [each for each in first.arrived if each == (tenant, vm or each[1])]
    others = [each for each in first.arrived if each not in secret and (vm is not None or each[0] != tenant)]
    lower = dict.fromkeys(secret, first.shift)
    for count in range(len(secret), -1, -1):
        for hiding in itertools.combinations(others, count):
            yield {**lower, **dict.fromkeys(hiding, -first.shift)}


def run(events: Sequence[Event], others: Mapping[str, int], tenant: str, vm: str | None, *, old_rule: bool) -> bool:
    """Tell whether a value is given away by these events."""

    async def running() -> bool:
        return await is_told(await played(events, others, old_rule=old_rule), events, tenant, vm)

    return asyncio.run(running())
