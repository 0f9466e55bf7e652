"""Whatever fails while it learns, and whoever learns beside it: it comes to the same. What it can't read, it tells."""

import asyncio
import json
import random
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pytest

from domain.digests import Series, Whose
from domain.errors import Unavailable
from domain.learning_times import days_back
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.learning import Learn, learn_fleet, learn_tenant
from storage.documents import Corrupt
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from storage.tables.digests import partition_of
from storage.tables.marks import Mark
from tests.builders import NOW as STARTED
from tests.pipeline.faults import Fault, FaultyDocuments
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_learning import CPU, LONDON, NOW
from tests.pipeline.test_operations import carry_out

TODAY = date(2026, 11, 18)
DAYS = 4
OF_VM = Series(Whose("vm", "b"), CPU)
HERE = Dimensions(None, None, "uksouth")


async def a_window(tables: Tables, tenant: str, window: int, value: float) -> None:
    standings = Standings([StandingVm("b", window, HERE)], {CPU: np.array([value])})
    stored = await tables.standings.read(tenant, window)
    await tables.standings.write(tenant, window, standings, stored.etag if stored else None)


async def a_store(*tenants: str, now: int = NOW) -> MemoryDocuments:
    """Tenants of one VM, with few windows each day."""
    memory = MemoryDocuments()
    tables = Tables(memory)
    today = now - now % DAY
    for tenant in tenants or ("t",):
        for window in range(today - DAYS * DAY, now, 6 * HOUR):
            await a_window(tables, tenant, window, window % DAY / HOUR)
        await tables.catalogue.write_entry(vms_of(tenant), Entry("b", now, HERE), None)
        await tables.catalogue.write_entry(TENANTS, Entry(tenant, now), None)
        for back in range(1, DAYS + 1):
            await tables.days.set(Mark(tenant, today - back * DAY))
    await tables.catalogue.write_entry(COUNTERS, Entry(CPU, now), None)
    return memory


def everything(memory: MemoryDocuments) -> dict[Any, Any]:
    """All documents without their etags."""
    return {place: json.loads(found[0]) for place, found in memory._documents.items()}


async def learned(memory: MemoryDocuments) -> dict[Any, Any]:
    await learn_tenant(Tables(memory), "t", NOW)
    return everything(memory)


async def test_a_run_that_dies_after_any_write_leaves_what_the_next_one_completes() -> None:
    expected = await learned(await a_store())
    kinds = Counter(place[2].split("_")[0] for place in expected if place[1] == "days_t")
    assert kinds == {"digest": DAYS + 1, "baseline": 2 * 24, "forecast": 2 * 2, "capacity": 1, "zone": 1}
    wrote = 0
    for last in range(1, 120):
        memory = await a_store()
        wrote = 0

        async def dies(call: str, table: str, document_id: str, last: int = last) -> None:  # noqa: ARG001
            nonlocal wrote
            wrote += call in ("after create", "after replace", "after delete", "after upsert")
            if wrote == last:
                raise Unavailable("it died")

        memory.hook = dies
        try:
            await learn_tenant(Tables(memory), "t", NOW)
        except Unavailable:
            memory.hook = MemoryDocuments().hook
            assert await learned(memory) == expected, f"it died after {last} writes"
        else:
            break
    assert wrote == last - 1 > 24  # all writes were tried


@pytest.mark.parametrize("seed", range(12))
async def test_a_store_that_fails_and_conflicts_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    expected = await learned(await a_store())
    memory = await a_store()
    faulty = FaultyDocuments(memory)
    faults = [Fault.BEFORE, Fault.AFTER, Fault.BUSY, Fault.TOUCHED, Fault.SLOW, Fault.TIMEOUT, Fault.DIED]
    for _ in range(20):
        faulty.plan((chance.randrange(1, 700), chance.choice(faults)) for _ in range(3))
        try:
            await learn_tenant(Tables(faulty), "t", NOW)
        except Unavailable:
            continue
    faulty.plan()
    await learn_tenant(Tables(faulty), "t", NOW)
    assert everything(memory) == expected
    assert faulty.happened


async def test_two_runs_at_once_come_to_the_same() -> None:
    expected = await learned(await a_store())
    memory = await a_store()

    async def others_first(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        await asyncio.sleep(0)

    memory.hook = others_first
    await asyncio.gather(*(learn_tenant(Tables(memory), "t", NOW) for _ in range(3)))
    memory.hook = MemoryDocuments().hook
    assert await learned(memory) == expected


async def test_what_comes_while_it_learns_is_learned_by_the_next_run() -> None:
    memory = await a_store()
    tables = Tables(memory)
    window = NOW - NOW % DAY - 2 * DAY
    came = False

    async def meanwhile(call: str, table: str, document_id: str) -> None:
        nonlocal came
        if not came and call == "before create" and table == STANDINGS and document_id.startswith("digest"):
            came = True
            await a_window(tables, "t", window, 99.0)
            await tables.days.set(Mark("t", window))

    memory.hook = meanwhile
    await learn_tenant(tables, "t", NOW)
    assert [mark.value.window for mark in await tables.days.read()] == [window]
    await learn_tenant(tables, "t", NOW)
    assert await tables.days.read() == []
    digest = await tables.digests.read("t", LONDON, days_back(TODAY, 2))
    assert digest
    assert digest.value.hours[digest.value.series.index(OF_VM), 0] == 99.0


async def test_days_since_the_last_run_are_learned_however_long_ago_that_was() -> None:
    memory = await a_store()
    tables = Tables(memory)
    await learn_tenant(tables, "t", NOW)
    for window in range(NOW + HOUR, NOW + 5 * DAY, 6 * HOUR):  # nobody marks what is not late
        await a_window(tables, "t", window, 7.0)
    await learn_tenant(tables, "t", NOW + 5 * DAY)
    read, corrupt = await tables.digests.between("t", LONDON, days_back(TODAY, DAYS), days_back(TODAY, -5))
    assert len(read) == DAYS + 1 + 5
    assert corrupt == {}
    assert all((digest.hours == 7.0).sum() == 12 for day, digest in read.items() if TODAY < day < days_back(TODAY, -5))


async def test_a_digest_whose_standings_have_expired_in_part_stays_as_it_is() -> None:
    """Late data come for a day of which some standings are gone."""
    memory = await a_store()
    tables = Tables(memory)
    await learn_tenant(tables, "t", NOW)
    before = await tables.digests.between("t", LONDON, days_back(TODAY, DAYS), TODAY)
    for window in range(NOW - NOW % DAY - DAYS * DAY, NOW - 2 * DAY, WINDOW):
        if stored := await tables.standings.read("t", window):
            await tables.standings.delete(window, stored.etag)
    late = NOW - NOW % DAY - 3 * DAY
    await a_window(tables, "t", late, 5.0)
    await tables.days.set(Mark("t", late))
    await learn_tenant(tables, "t", NOW, 3 * DAY)
    assert await tables.digests.between("t", LONDON, days_back(TODAY, DAYS), TODAY) == before
    assert await tables.days.read() == []
    await tables.days.set(Mark("t", late))
    await learn_tenant(tables, "t", NOW, 6 * DAY)  # if they were still kept, it would be made of what is there
    now, _ = await tables.digests.between("t", LONDON, days_back(TODAY, DAYS), TODAY)
    assert np.nansum(now[days_back(TODAY, 3)].hours[0]) == 5.0


@pytest.mark.parametrize("body", [{}, {"whose": 5}, {"version": 1, "whose": [], "keys": [], "of": "", "numbers": ""}])
async def test_a_digest_that_cant_be_read_is_made_anew(body: dict[str, Any]) -> None:
    memory = await a_store()
    expected = await learned(memory)
    await memory.upsert(STANDINGS, "days_t", f"digest_{LONDON.replace('/', '~2F')}_2026-11-15_000000", body)
    assert "corruptDocuments" not in await learn_tenant(Tables(memory), "t", NOW)
    assert everything(memory) == expected


async def test_a_digest_that_cant_be_made_anew_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    memory = await a_store()
    tables = Tables(memory)
    await learn_tenant(tables, "t", NOW)  # today, and the day that comes
    expected = await learn_tenant(tables, "t", NOW)
    place = f"digest_{LONDON.replace('/', '~2F')}_2026-11-15_000000"
    await memory.upsert(STANDINGS, "days_t", place, {})
    done = await learn_tenant(tables, "t", NOW, 3 * DAY)
    assert done == {**expected, "corruptDocuments": 1}
    assert place in caplog.text
    of = await tables.baselines.read("t", LONDON, days_back(TODAY, -1), 6)
    assert of
    assert of.bands.days.tolist() == [DAYS] * len(of.series)  # one day fewer


async def test_standings_that_cant_be_read_hold_up_their_day_only(caplog: pytest.LogCaptureFixture) -> None:
    memory = await a_store("t", "u")
    tables = Tables(memory)
    window = NOW - NOW % DAY - 2 * DAY
    ids = [document.id async for document in memory.scan(STANDINGS, str(window), "s_", "s_~")]
    (of_t,) = (each for each in ids if "_t_" in each)
    body = (await memory.read(STANDINGS, str(window), of_t)).body  # type: ignore[union-attr]
    await memory.upsert(STANDINGS, str(window), of_t, {})
    done = await learn_tenant(tables, "t", NOW)
    assert done["corruptDocuments"] == 1
    assert done["baselines"] == (await learn_tenant(tables, "u", NOW))["baselines"]
    assert of_t in caplog.text
    read, _ = await tables.digests.between("t", LONDON, days_back(TODAY, DAYS), TODAY)
    assert days_back(TODAY, 2) not in read
    assert len(read) == DAYS
    assert len([mark for mark in await tables.days.read() if mark.value.tenant == "t"]) == DAYS  # they wait
    await memory.upsert(STANDINGS, str(window), of_t, body)
    assert "corruptDocuments" not in await learn_tenant(tables, "t", NOW)
    assert await tables.days.read() == []


@pytest.mark.parametrize("body", [{}, {"version": 1}, {"version": 1, "whose": [["vm", "b"]], "keys": [], "of": "x"}])
async def test_baselines_that_cant_be_read_are_unknown_until_they_are_learned_again(body: dict[str, Any]) -> None:
    memory = await a_store()
    expected = await learned(memory)
    tables = Tables(memory)
    place = f"baseline_{LONDON.replace('/', '~2F')}_2026-11-19_06_000000"
    assert (STANDINGS, "days_t", place) in expected
    await memory.upsert(STANDINGS, "days_t", place, body)
    assert await tables.baselines.read("t", LONDON, days_back(TODAY, -1), 6) is None
    assert await learned(memory) == expected
    assert await tables.baselines.read("t", LONDON, days_back(TODAY, -1), 6)


@pytest.mark.parametrize("body", [{}, {"zone": 5}, {"zone": None, "learned": "x"}])
async def test_a_zone_that_cant_be_read_is_written_again(body: dict[str, Any]) -> None:
    memory = await a_store()
    expected = await learned(memory)
    await memory.upsert(STANDINGS, "days_t", "zone", body)
    assert await learned(memory) == expected


async def test_reading_a_corrupt_digest_says_which() -> None:
    memory = await a_store()
    await learned(memory)
    place = f"digest_{LONDON.replace('/', '~2F')}_2026-11-15_000000"
    await memory.upsert(STANDINGS, "days_t", place, {})
    with pytest.raises(Corrupt, match=place):
        await Tables(memory).digests.read("t", LONDON, date(2026, 11, 15))


async def test_marks_of_a_tenant_without_vms_do_not_wait_for_ever() -> None:
    memory = await a_store(now=STARTED)
    tables = Tables(memory)
    for tenant in ("gone", "t"):
        await tables.days.set(Mark(tenant, STARTED - STARTED % DAY - 9 * DAY))
    await carry_out(tables, Learn())
    assert "gone" not in {mark.value.tenant for mark in await tables.days.read()}


async def test_what_is_learned_of_a_tenant_that_is_purged_meanwhile_does_not_stay() -> None:
    memory = await a_store()
    tables = Tables(memory)
    entry = await tables.catalogue.entry(vms_of("t"), "b")
    assert entry

    async def meanwhile(call: str, table: str, document_id: str) -> None:  # noqa: ARG001
        if call == "before create" and document_id == "zone":
            memory.hook = MemoryDocuments().hook
            await tables.catalogue.delete_entry(vms_of("t"), "b", entry.etag)

    memory.hook = meanwhile
    await learn_tenant(tables, "t", NOW)
    assert not [place for place in everything(memory) if place[1] == partition_of("t")]


async def test_a_fleet_that_has_nothing_learns_nothing(memory: MemoryDocuments) -> None:
    assert await learn_fleet(Tables(memory), NOW) == {"baselines": 0}
