"""Attacks that gave a VM or a tenant away before figures were disclosed once, event by event, and what they yield now.

Each is shown to work against the old rule, with the code as it is, and not to work against this one.
"""

from collections.abc import Mapping, Sequence

import pytest

from domain.access import Caller
from domain.disclosure import DOMINATED
from domain.minutes import DAY
from pipeline.queries.charts import Question, get_data
from storage.tables import Tables
from tests.builders import KEY, LATENESS, NOW, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.steps import close_windows, deliver, enrol, work_off
from tests.trust.asking import ME
from tests.trust.worlds import Event, run

MADE_UP: Sequence[Event] = [("sends", (f"made-up-{number}", "x", 0.0)) for number in range(3)]
ALL: Event = ("all_others_send", ())
CLOSE: Event = ("closes", ())
MINE: Event = ("sends", (ME, "m0", 50.0))
LATE: Sequence[Event] = [ALL, MINE, CLOSE, ("others_send", ("a", "late", 0)), ("averages", ())]

ATTACKS: Mapping[str, tuple[Sequence[Event], Mapping[str, int], str, str | None]] = {
    "invented tenants, and nobody else's": ([ALL, MINE, *MADE_UP, CLOSE], {"a": 3}, "a", None),
    "invented tenants beside too few": ([ALL, MINE, *MADE_UP, CLOSE], {"a": 1, "b": 3}, "b", None),
    "a late VM": (LATE, {"a": 1, "b": 2, "c": 2}, "a", "late"),
    "a VM that is purged": ([ALL, MINE, CLOSE, ("purges", ("a", "v0"))], {"a": 2, "b": 2, "c": 2}, "a", "v0"),
    "a tenant that is purged": ([ALL, MINE, CLOSE, ("purges", ("a",))], {"a": 1, "b": 1, "c": 1, "d": 1}, "a", None),
    "the caller's own part is forgotten": ([ALL, MINE, CLOSE, ("passes", (32 * DAY,))], {"a": 1}, "a", None),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_against_the_old_rule_and_not_against_this_one(name: str) -> None:
    events, others, tenant, vm = ATTACKS[name]
    assert run(events, others, tenant, vm, old_rule=True)
    assert not run(events, others, tenant, vm, old_rule=False)


def test_a_fleet_that_is_safe_is_so_by_the_old_rule_too() -> None:
    """Else the worlds would find attacks where there are none."""
    assert not run([ALL, MINE, CLOSE], {"a": 2, "b": 2, "c": 2}, "a", None, old_rule=True)
    assert not run([ALL, MINE, CLOSE], {"a": 2, "b": 2, "c": 2}, "a", "v1", old_rule=True)


async def shown(tables: Tables, now: int = NOW + LATENESS) -> list[object]:
    """What ME is shown of a minute: the average, and why it is suppressed."""
    question = Question([KEY], start=WINDOW_START, end=WINDOW_START + 59)
    answer = await get_data(tables, question, a_view(now, Caller("tenant", ME)))
    return [(item.average, item.suppressed) for item in answer.data]


async def test_five_invented_tenants_open_nothing(tables: Tables) -> None:
    async def send(tenant: str, vm: str, value: float) -> None:
        await deliver(tables, [a_message(records_of(tenant, vm, KEY, [value] * 15))])

    await enrol(tables, [ME, "victim"])
    for vm, value in enumerate([83.1, 12.7, 55.5]):
        await send("victim", f"v{vm}", value)
    await send(ME, "m0", 1.0)
    for number in range(5):
        for vm in range(3):
            await send(f"made-up-{number}", f"x{vm}", 0.0)
    await send(ME, "m1", 1e6)
    await work_off(tables)
    await close_windows(tables)
    few = [(None, "fewer than 5 other tenants took part")]
    assert await shown(tables) == few
    await send(ME, "m2", 1e6)
    await work_off(tables)
    assert await shown(tables) == few
    # An operator sees all of them.
    question = Question([KEY], start=WINDOW_START, end=WINDOW_START + 59)
    assert (await get_data(tables, question, a_view())).data[0].count == 21


async def test_late_samples_tell_neither_how_many_vms_the_others_have_nor_their_values(tables: Tables) -> None:
    fleet = {f"o{number}": [number * 11.3 + vm for vm in range(1 + number % 4)] for number in range(7)}
    fleet[ME] = [50.0]
    await enrol(tables, fleet)
    for tenant, values in fleet.items():
        for vm, value in enumerate(values):
            await deliver(tables, [a_message(records_of(tenant, f"vm{vm}", KEY, [value] * 15))])
    await work_off(tables)
    await close_windows(tables)
    before = await shown(tables)
    everyone = [value for values in fleet.values() for value in values]
    assert before == [(pytest.approx(sum(everyone) / len(everyone)), None)]
    for tenant, value in ((ME, 1e6), ("o3", 63.84217)):
        await deliver(tables, [a_message(records_of(tenant, "late", KEY, [value] * 15))])
        await work_off(tables)
        assert await shown(tables) == before


async def test_who_outweighs_the_others_does_so_for_all_time(tables: Tables) -> None:
    fleet = {ME: [10.0] * 10, "b": [77.0] * 9, "c": [1.0], "d": [1.0], "e": [1.0], "f": [1.0]}
    await enrol(tables, fleet)
    for tenant, values in fleet.items():
        for vm, value in enumerate(values):
            await deliver(tables, [a_message(records_of(tenant, f"vm{vm}", KEY, [value] * 15))])
    await work_off(tables)
    await close_windows(tables)
    for day in (1, 30, 32, 300):
        assert await shown(tables, NOW + day * DAY) == [(None, DOMINATED)]
