"""What moved most: from the queue to the answer, for the fleet, a tenant, and a tenant's caller."""

import random

import pytest

from domain.access import Caller
from domain.errors import BadParameters, Forbidden, NotFound
from domain.minutes import DAY, WINDOW
from pipeline.queries import changes as changes_module
from pipeline.queries.changes import (
    NO_PAIRS,
    NOT_THERE,
    NOTHING_BEFORE,
    Against,
    Changes,
    ChangesQuestion,
    OwnChanges,
    get_changes,
)
from storage.tables import Tables
from tests.builders import KEY, NOW, WINDOW_START, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_standings import FREE, fill

TENANTS, VMS = 4, 6
SLOW = "t2-v3"


async def history(tables: Tables, back: int = 0, windows: int = 8, seed: int = 5) -> None:
    """Windows up to one. In the second half of them one VM is slow."""
    chance = random.Random(seed)  # noqa: S311
    for number in range(windows):
        slow = number >= windows - 4
        fleet = {
            f"t{tenant}": {
                f"t{tenant}-v{vm}": 60.0 + chance.gauss(0, 4) + 35 * (slow and f"t{tenant}-v{vm}" == SLOW)
                for vm in range(VMS)
            }
            for tenant in range(TENANTS)
        }
        window = WINDOW_START - back - (windows - 1 - number) * WINDOW
        await fill(tables, fleet, window=window)
        await fill(tables, {"t2": dict.fromkeys(fleet["t2"], 50.0)}, window=window, key=FREE)


async def ask(tables: Tables, **more: object) -> Changes:
    found = await get_changes(tables, ChangesQuestion(**more), a_view())  # type: ignore[arg-type]
    assert isinstance(found, Changes)
    return found


async def test_the_fleet_names_the_tenant_and_the_tenant_the_vm(tables: Tables) -> None:
    await history(tables)
    fleet = await ask(tables)
    first = fleet.data[0]
    assert (first.key, first.kind, first.name, first.worse, first.vms, first.windows) == (
        KEY,
        "tenant",
        "t2",
        True,
        6,
        4,
    )
    assert first.change == pytest.approx(35 / VMS, abs=4)
    assert (fleet.reason, fleet.start, fleet.end) == (None, WINDOW_START - 3 * WINDOW, WINDOW_START + WINDOW - 1)
    assert (fleet.beforeStart, fleet.beforeEnd) == (WINDOW_START - 7 * WINDOW, WINDOW_START - 3 * WINDOW - 1)
    assert {each.kind for each in fleet.data} <= {"fleet", "Region", "MachineSize", "tenant"}
    tenant = await ask(tables, tenant="t2", limit=3)
    assert (tenant.data[0].key, tenant.data[0].kind, tenant.data[0].name) == (KEY, "vm", SLOW)
    assert len(tenant.data) == 3
    assert [abs(each.score) for each in tenant.data] == sorted((abs(each.score) for each in tenant.data), reverse=True)
    assert {each.key for each in (await ask(tables, tenant="t2", key=FREE)).data} == set()


async def test_a_tenants_caller_sees_its_own_and_nothing_else() -> None:
    tables = Tables(MemoryDocuments())
    await history(tables)
    own = a_view(caller=Caller("tenant", "t2"))
    found = await get_changes(tables, ChangesQuestion(tenant="t2"), own)
    assert isinstance(found, OwnChanges)
    assert found.data[0].name == SLOW
    with pytest.raises(Forbidden):
        await get_changes(tables, ChangesQuestion(), own)
    for question in (ChangesQuestion(tenant="t1"), ChangesQuestion(tenant="t2", key="a.b")):
        with pytest.raises(NotFound):
            await get_changes(tables, question, own)


@pytest.mark.parametrize("against", ["day", "week"])
async def test_against_a_day_or_a_week_before(against: Against) -> None:
    tables = Tables(MemoryDocuments())
    await history(tables)
    missing = await ask(tables, against=against)
    assert (missing.data, missing.reason) == ([], NOTHING_BEFORE)
    assert (await ask(tables, against=against, tenant="t2")).reason == NOTHING_BEFORE
    back = changes_module.KEPT_BACK[against]
    await history(tables, back + 4 * WINDOW, 4)
    assert (await ask(tables, against=against)).reason == NOTHING_BEFORE, "it does not take other windows instead"
    await history(tables, back, 8)
    same = await ask(tables, against=against, tenant="t2")
    assert (same.data, same.reason) == ([], None), "nothing moved"
    await history(tables, back, 8, seed=6)
    found = await ask(tables, against=against, tenant="t2", start=WINDOW_START - WINDOW, end=WINDOW_START + 5)
    assert (found.start, found.beforeStart) == (WINDOW_START - WINDOW, WINDOW_START - WINDOW - back)
    assert {each.windows for each in found.data} == {2}


async def test_why_there_is_no_answer_is_said() -> None:
    tables = Tables(MemoryDocuments())
    assert (await ask(tables)).reason == NOT_THERE
    await history(tables)
    assert (await ask(tables, start=WINDOW_START - 40 * DAY, end=WINDOW_START - 39 * DAY)).reason == NOT_THERE
    assert (await ask(tables, start=WINDOW_START + WINDOW)).start is None
    one = await ask(tables, start=WINDOW_START)
    assert (one.data, one.reason) == ([], NO_PAIRS)
    assert (
        await ask(tables, tenant="t0", start=WINDOW_START - 9 * DAY, end=WINDOW_START - 8 * DAY)
    ).reason == NOT_THERE


async def test_a_window_that_has_not_ended_is_not_compared_with_whole_ones() -> None:
    tables = Tables(MemoryDocuments())
    await history(tables)
    for tenant in (None, "t2"):
        asked = await ask(tables, tenant=tenant, start=WINDOW_START - WINDOW, end=WINDOW_START)
        assert (asked.start, asked.end) == (WINDOW_START - WINDOW, WINDOW_START - 1), "end is not in it"
        for now, end in ((NOW - 1, WINDOW_START - 1), (NOW, NOW - 1)):
            found = await get_changes(tables, ChangesQuestion(tenant=tenant), a_view(now))
            assert found.end == end


async def test_too_much_to_compare_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Tables(MemoryDocuments())
    await history(tables)
    monkeypatch.setattr(changes_module, "MOST_SUMMARIES", 15)
    monkeypatch.setattr(changes_module, "MOST_VALUES", 95)
    for tenant in (None, "t2"):
        with pytest.raises(BadParameters, match="ask for fewer windows, or for one key"):
            await ask(tables, tenant=tenant)
        assert (await ask(tables, tenant=tenant, key=KEY)).data
