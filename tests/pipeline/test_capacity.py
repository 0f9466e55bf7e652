"""Capacity from standings to the list: which VMs run full, when, by whose days; and what is not told, and why."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from domain.access import Caller
from domain.digests import Digest, Series, Whose
from domain.errors import BadParameters, Forbidden, NotFound
from domain.histories import TAUGHT_BY, history_of
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.zones import local
from pipeline.learning import learn_tenant
from pipeline.learning_capacity import learn_capacity
from pipeline.purged_learning import purge_vm
from pipeline.queries.capacity import (
    NOT_LEARNED,
    NOT_OF_VMS,
    OLDEST,
    Capacity,
    CapacityQuestion,
    OwnCapacity,
    Place,
    get_capacity,
)
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.digests import partition_of
from storage.tables.marks import Mark
from tests.builders import a_view
from tests.pipeline.memory import MemoryDocuments

FREE, USED, DELAY = "win_disk.percent_free_space", "win_mem.percent_used", "win_session.input_delay_ms"
SERVICE = "win_service.TermService"
TOKYO, LONDON = "Asia/Tokyo", "Europe/London"
MIDNIGHT = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
NOON = MIDNIGHT + DAY // 2
TODAY = date(2026, 11, 18)
NUMBER = 40
OWN = Caller("tenant", "t")


@pytest.fixture
def tables(memory: MemoryDocuments) -> Tables:
    """In memory only: many days have thousands of documents."""
    return Tables(memory)


async def seen(tables: Tables, *tenants: str) -> None:
    for kind, name in (*((TENANTS, each) for each in tenants), *((COUNTERS, key) for key in (FREE, USED, DELAY))):
        if not await tables.catalogue.entry(kind, name):
            await tables.catalogue.write_entry(kind, Entry(name, NOON), None)
    for tenant in tenants:
        if not await tables.catalogue.counters_of(tenant):
            await tables.catalogue.write_counters_of(tenant, {FREE: NOON, USED: NOON}, None)


async def digested(
    tables: Tables,
    values: Mapping[str, list[float | None]],
    tenant: str = "t",
    zone: str | None = LONDON,
    key: str = FREE,
    today: date = TODAY,
) -> None:
    """Learn from digests of VMs' days, each VM's values by day up to yesterday."""
    number = max(map(len, values.values()))
    digests = {}
    for back in range(1, number + 1):
        there = {vm: of[-back] for vm, of in values.items() if len(of) >= back and of[-back] is not None}
        hours = np.repeat(np.array(list(there.values()), np.float64)[:, None], 24, axis=1)
        digests[today - timedelta(days=back)] = Digest(zone, [Series(Whose("vm", vm), key) for vm in there], hours)
    await learn_capacity(tables, tenant, zone, today, today, history_of(today, digests))
    await seen(tables, tenant)


def falling(slope: float, now: float, number: int = NUMBER) -> list[float | None]:
    return [now + slope * (number - 1 - day) for day in range(number)]


async def asked(
    tables: Tables,
    key: str = FREE,
    tenant: str | None = "t",
    limit: float | None = None,
    now: int = NOON,
    caller: Caller | None = None,
) -> Capacity | OwnCapacity:
    question = CapacityQuestion(key, limit, tenant)
    return await get_capacity(tables, question, a_view(now, caller) if caller else a_view(now), str)


async def test_from_standings_to_a_range_of_local_days(tables: Tables) -> None:
    """Free space falls by 1 a day, by the clocks of each VM: 25.x yesterday, so it is 5 in about twenty days."""
    vms = {"a": "japaneast", "b": "uksouth", "flat": "uksouth", "full": None}
    zones = {"a": TOKYO, "b": LONDON, "flat": LONDON, "full": None}
    for window in range(MIDNIGHT - NUMBER * DAY, NOON, 4 * WINDOW):
        left = [(TODAY - local(window, zones[vm]).day).days for vm in ("a", "b")]
        free = [24.5 + left[0], 24.5 + left[1], 30.0, 0.0]
        standing = [StandingVm(vm, window, Dimensions("s", "p", region, "D4")) for vm, region in vms.items()]
        columns = {FREE: np.array(free), USED: 100 - np.array(free)}
        await tables.standings.write("t", window, Standings(standing, columns), None)
    for vm, region in vms.items():
        await tables.catalogue.write_entry(vms_of("t"), Entry(vm, NOON, Dimensions("s", "p", region, "D4")), None)
    for day in range(MIDNIGHT - NUMBER * DAY, NOON, DAY):
        await tables.days.set(Mark("t", day))
    await seen(tables, "t")
    await learn_tenant(tables, "t", NOON)
    for key, value in ((FREE, 25.5), (USED, 74.5)):
        answer = await asked(tables, key)
        assert (answer.of, answer.tooYoung, answer.reason, answer.nextPage) == (4, 0, None, None)
        full, *others = answer.data
        assert (full.vm, full.reached, full.perDay, full.timeZone) == ("full", True, None, "UTC")
        assert full.earliest == full.latest == TODAY.isoformat()
        assert [(each.vm, each.timeZone, each.value) for each in others] == [("a", TOKYO, value), ("b", LONDON, value)]
        for each in others:
            assert each.perDay == pytest.approx(-1 if key == FREE else 1, rel=1e-3)
            there = (TODAY + timedelta(days=20)).isoformat()
            assert each.earliest <= there <= each.latest
            assert date.fromisoformat(each.latest) - date.fromisoformat(each.earliest) <= timedelta(days=3)
            assert each.history == NUMBER


async def test_the_limit_may_be_any_and_changes_the_days_but_not_what_was_learned(tables: Tables) -> None:
    await digested(tables, {"slow": falling(0.5, 40), "fast": falling(2, 60), "flat": [50.0] * NUMBER})
    own, other = await asked(tables), await asked(tables, limit=30)
    assert (own.limit, other.limit) == (5, 30)
    assert [each.vm for each in own.data] == ["fast", "slow"]
    assert [each.vm for each in other.data] == ["fast", "slow"]
    assert all(one.latest > two.latest for one, two in zip(own.data, other.data, strict=True))
    everyone = await asked(tables, limit=99)
    assert {each.vm: each.reached for each in everyone.data} == {"fast": True, "slow": True, "flat": True}
    assert (await asked(tables, limit=-1e300)).data == []
    assert (await asked(tables, limit=1e300)).data[0].reached


async def test_a_counter_that_is_not_in_percent_needs_a_limit(tables: Tables) -> None:
    await digested(tables, {"v": [100.0 + day for day in range(NUMBER)]}, key=DELAY)
    with pytest.raises(BadParameters, match="limit"):
        await asked(tables, DELAY)
    (found,) = (await asked(tables, DELAY, limit=160)).data
    assert found.earliest <= (TODAY + timedelta(days=20)).isoformat() <= found.latest


async def test_new_vms_are_counted_and_only_told_if_they_are_full(tables: Tables) -> None:
    values = {"old": falling(1, 30), "new": falling(1, 30, 10), "new and full": falling(1, 2, 10)}
    await digested(tables, values)
    answer = await asked(tables)
    assert (answer.of, answer.tooYoung) == (3, 2)
    assert [(each.vm, each.reached, each.history) for each in answer.data] == [
        ("new and full", True, 10),
        ("old", False, NUMBER),
    ]


async def test_a_vm_with_a_new_name_begins_anew(tables: Tables) -> None:
    before: list[float | None] = falling(1, 38, NUMBER - 8)
    await digested(tables, {"before": [*before, *[None] * 8], "after": falling(1, 30, 8), "v": [50.0] * NUMBER})
    answer = await asked(tables)
    assert (answer.of, answer.tooYoung, answer.data) == (3, 1, [])
    gone: list[float | None] = [*falling(1, 38), *[None] * TAUGHT_BY]
    await digested(tables, {"before": gone, "v": [50.0] * NUMBER})
    assert (await asked(tables)).of == 1


async def test_a_vm_that_moved_to_another_zone_is_told_once_by_its_new_days(tables: Tables) -> None:
    await digested(tables, {"v": [*falling(1, 40, 30), *[None] * 5], "other": falling(1, 30)})
    await digested(tables, {"v": falling(1, 4, 5)}, zone=TOKYO)
    answer = await asked(tables)
    assert (answer.of, answer.tooYoung) == (2, 1)
    assert [(each.vm, each.timeZone) for each in answer.data] == [("v", TOKYO), ("other", LONDON)]


async def test_the_fleets_list_joins_those_of_tenants(tables: Tables) -> None:
    await digested(tables, {"slow": falling(0.5, 40), "same": falling(1, 30)})
    await digested(tables, {"fast": falling(2, 30), "same": falling(1, 30), "new": [50.0]}, tenant="u")
    answer = await asked(tables, tenant=None)
    assert isinstance(answer, Capacity)
    assert (answer.tenant, answer.of, answer.tooYoung) == (None, 5, 1)
    told = [(each.tenant, each.vm) for each in answer.data]
    assert told == [("u", "fast"), ("t", "same"), ("u", "same"), ("t", "slow")]


async def test_pages_hold_each_vm_once_even_if_it_is_learned_anew_between_them(tables: Tables) -> None:
    await digested(tables, {f"v{vm}": falling(1, 20 + vm // 2) for vm in range(9)})
    found: list[str] = []
    place: Place | None = None
    for page in range(5):
        places: list[Place] = []

        def token(of: Place, places: list[Place] = places) -> str:
            places.append(of)
            return "more"

        answer = await get_capacity(tables, CapacityQuestion(FREE, None, "t", 2, place), a_view(NOON), token)
        found += [each.vm for each in answer.data]
        assert answer.nextPage == ("more" if places else None)
        assert bool(places) == (page < 4)
        place = places[0] if places else None
        if page == 1:  # the first VMs are gone: those that come are where they were
            await digested(tables, {f"v{vm}": falling(1, 20 + vm // 2) for vm in range(2, 9)})
    assert found == [f"v{vm}" for vm in range(9)]


async def test_a_tenants_caller_gets_its_own_vms_only(tables: Tables) -> None:
    for tenant in ("t", "u"):
        await digested(tables, {f"of {tenant}": falling(1, 30)}, tenant=tenant)
    answer = await asked(tables, caller=OWN)
    assert isinstance(answer, OwnCapacity)
    assert [each.vm for each in answer.data] == ["of t"]
    with pytest.raises(Forbidden):
        await asked(tables, tenant=None, caller=OWN)
    with pytest.raises(NotFound):
        await asked(tables, tenant="u", caller=OWN)
    with pytest.raises(NotFound):
        await asked(tables, DELAY, caller=OWN, limit=5)


async def test_why_nothing_is_known_is_told(tables: Tables) -> None:
    await seen(tables, "t")
    await tables.catalogue.write_entry(COUNTERS, Entry(SERVICE, NOON), None)
    assert (await asked(tables)).reason == NOT_LEARNED
    assert (await asked(tables, tenant=None)).reason == NOT_LEARNED
    assert (await asked(tables, SERVICE, limit=0)).reason == NOT_OF_VMS
    await digested(tables, {"v": falling(1, 30)})
    assert (await asked(tables)).reason is None
    assert (await asked(tables, now=NOON + (OLDEST - 1) * DAY)).data
    late = await asked(tables, now=NOON + OLDEST * DAY)
    assert (late.reason, late.of, late.data) == (NOT_LEARNED, 0, [])
    with pytest.raises(NotFound):
        await asked(tables, "win_disk.nobody_has_it", limit=1)


async def test_what_was_learned_is_learned_again_and_goes_with_its_last_vm(tables: Tables) -> None:
    await digested(tables, {"v": falling(1, 30)})
    await digested(tables, {"v": falling(1, 30), "w": falling(1, 20)})
    assert (await asked(tables)).of == 2
    (document,) = [each async for each in tables.documents.scan(STANDINGS, partition_of("t"), "capacity", "capacity~")]
    await tables.documents.upsert(STANDINGS, partition_of("t"), document.id, {})
    assert (await asked(tables)).reason == NOT_LEARNED
    await digested(tables, {"v": falling(1, 30), "w": falling(1, 20)})
    assert (await asked(tables)).of == 2
    await purge_vm(tables, "t", "w")
    assert [each.vm for each in (await asked(tables)).data] == ["v"]
    await digested(tables, {"nobody": [None]})
    assert [each async for each in tables.documents.scan(STANDINGS, partition_of("t"))] == []


async def test_today_does_not_count_since_it_is_not_over(tables: Tables) -> None:
    """A morning in which a disk seems emptier than it will be by night."""
    for window in range(MIDNIGHT - 30 * DAY, MIDNIGHT + 6 * HOUR, 4 * WINDOW):
        free = 30.0 - (window - MIDNIGHT) // DAY if window < MIDNIGHT else 90.0
        here = StandingVm("v", window, Dimensions("s", "p", "uksouth", "D4"))
        await tables.standings.write("t", window, Standings([here], {FREE: np.array([free])}), None)
    await tables.catalogue.write_entry(vms_of("t"), Entry("v", NOON, Dimensions("s", "p", "uksouth", "D4")), None)
    for day in range(MIDNIGHT - 30 * DAY, MIDNIGHT + DAY, DAY):
        await tables.days.set(Mark("t", day))
    await seen(tables, "t")
    await learn_tenant(tables, "t", MIDNIGHT + 18 * HOUR)
    (found,) = (await asked(tables)).data
    assert found.value == 31
