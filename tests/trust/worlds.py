"""A fleet in which one minute is secret, what happens to it, and whether a tenant's answers give a value away.

The secret is the value of a VM, or of all VMs of a tenant, in one minute. Whether it is told is asked of *worlds*:
stores to which the same things happen, and which differ in nothing but the values of that minute. In some of them the
secret is lower by SHIFT, an eighth of it or more, and at most as many VMs of others are higher by SHIFT instead. Where
the caller gets in one of these worlds, to every question, the same answers to the last byte, it can't tell the one
from the other, and so not the value to within 1 %. Where it gets other answers in every one of them, the secret is
told.

This presumes of the caller that it knows everything else: how many VMs the others have, when they sent, and all other
values. It can't find what follows from how likely a value is.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

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
MIN_TENANTS = 2
"""Few, so that fleets are small and examples quick."""

Vm = tuple[str, str]
Event = tuple[str, tuple[object, ...]]
"""A method of World, and with what it is called."""


def value_of(vm: Vm, sent: int) -> float:
    """A value from 20 to 64, other for each VM and each time that it sends; in quarters, so that sums are exact."""
    return 20 + hashlib.sha256(f"{vm} {sent}".encode()).digest()[0] % 176 / 4


@dataclass
class World:
    """A store, a clock, and what ME was answered by now.

    ``others``: the other tenants, which are enrolled as ME is, and how many VMs each has. ``shifts``: by how much
    VMs' values in the secret minute are other than in the first world. ``old_rule``: whether ME is answered, besides,
    what it was before figures were disclosed once.
    """

    others: Mapping[str, int]
    shifts: Mapping[Vm, float] = field(default_factory=dict)
    old_rule: bool = False
    now: int = NOW
    answers: list[str] = field(default_factory=list)
    arrived: list[Vm] = field(default_factory=list)
    """The others' VMs that have sent, in the order in which they first did."""
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
        await self.asks("get_data", {"key": KEY, "start": SECRET, "end": SECRET})
        if self.old_rule:
            self.answers.append(await self._by_the_old_rule())

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
    def times(self) -> Times:
        return Times(self.now, LATENESS, 31 * DAY)

    async def averages(self, dies_at: int | None = None) -> None:
        """A run of averaging, which may be cut off at a call of the store."""
        self.store.plan([(dies_at, Fault.DIED)] if dies_at else [])
        with suppress(Unavailable):
            await average(self.tables, self.times, rules=Rules(min_tenants=MIN_TENANTS))
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
        context = OperationContext(self.tables, NoDeadLetters(), horizon, Rules(), self.now, self.times)
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
        world = World(first.others, shifts, first.old_rule)
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
    lower = dict.fromkeys(secret, SHIFT)
    for count in range(len(secret), -1, -1):
        for hiding in itertools.combinations(others, count):
            yield {**lower, **dict.fromkeys(hiding, -SHIFT)}


def run(events: Sequence[Event], others: Mapping[str, int], tenant: str, vm: str | None, *, old_rule: bool) -> bool:
    """Tell whether a value is given away by these events."""

    async def running() -> bool:
        return await is_told(await played(events, others, old_rule=old_rule), events, tenant, vm)

    return asyncio.run(running())
