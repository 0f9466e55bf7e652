"""What is normal where a fleet changes: VMs that are renamed, resized and moved, and counters that come and go."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest

from domain.histories import TAUGHT_BY
from domain.minutes import DAY, HOUR, WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from pipeline.learning import learn_tenant
from pipeline.queries.baselines import (
    NOT_LEARNED,
    TOO_SHORT,
    Baseline,
    OwnBaseline,
    get_baseline,
)
from pipeline.queries.series import SeriesQuestion
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS, TENANTS, Entry, vms_of
from tests.builders import a_view
from tests.pipeline.memory import MemoryDocuments

CPU, MEMORY = "win_cpu.percent_processor_time", "win_mem.percent_used"
MIDNIGHT = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
TENANT = "t"


class History:
    """A tenant's days, one after the other."""

    def __init__(self) -> None:
        self.tables = Tables(MemoryDocuments())
        self.day = MIDNIGHT

    async def goes_on(self, days: int, vms: Mapping[str, Dimensions], values: Mapping[str, float]) -> None:
        """Days pass, in which each of these VMs has these values, every hour; and each day is learned from."""
        standing = [StandingVm(vm, 0, of) for vm, of in vms.items()]
        columns = {key: np.full(len(vms), value) for key, value in values.items()}
        for _ in range(days):
            for window in range(self.day, self.day + DAY, 4 * WINDOW):
                await self.tables.standings.write(TENANT, window, Standings(standing, columns), None)
            self.day += DAY
            newest = self.day - WINDOW
            seen = [(TENANTS, Entry(TENANT, newest)), *((COUNTERS, Entry(key, newest)) for key in values)]
            for kind, entry in (*seen, *((vms_of(TENANT), Entry(vm, newest, of)) for vm, of in vms.items())):
                await self._seen(kind, entry)
            for hours in (14, 2):
                await learn_tenant(self.tables, TENANT, self.day - hours * HOUR)

    async def _seen(self, kind: str, entry: Entry) -> None:
        before = await self.tables.catalogue.entry(kind, entry.name)
        await self.tables.catalogue.write_entry(kind, entry, before.etag if before else None)

    async def normal(self, vm: str | None, key: str = CPU) -> Baseline | OwnBaseline:
        """What is said to be normal at noon of the day that follows."""
        noon = self.day + DAY // 2
        await self._seen(COUNTERS, Entry(key, noon))
        return await get_baseline(self.tables, SeriesQuestion(key, 1, TENANT, vm), a_view(noon))


@pytest.fixture
def history() -> History:
    return History()


def said(answer: Baseline | OwnBaseline) -> tuple[int, str | None, set[float | None]]:
    return answer.history, answer.reason, {item.expected for item in answer.data}


LONDON = Dimensions("s", "p", "uksouth", "D4")


async def test_a_vm_with_a_new_name_begins_anew_and_its_tenant_does_not(history: History) -> None:
    await history.goes_on(5, {"before": LONDON, "other": LONDON}, {CPU: 30.0})
    await history.goes_on(2, {"after": LONDON, "other": LONDON}, {CPU: 30.0})
    assert said(await history.normal("after")) == (2, TOO_SHORT, {None})
    assert said(await history.normal("before")) == (5, None, {30.0})
    assert said(await history.normal(None)) == (7, None, {30.0})
    await history.goes_on(1, {"after": LONDON, "other": LONDON}, {CPU: 30.0})
    assert said(await history.normal("after")) == (3, None, {30.0})


async def test_a_new_size_changes_nothing_for_a_vm(history: History) -> None:
    await history.goes_on(5, {"v": LONDON}, {CPU: 30.0})
    await history.goes_on(1, {"v": Dimensions("s", "p", "uksouth", "D8")}, {CPU: 30.0})
    assert said(await history.normal("v")) == (6, None, {30.0})


async def test_a_vm_that_moves_to_another_zone_begins_anew_by_its_new_clocks(history: History) -> None:
    tokyo = Dimensions("s", "p", "japaneast", "D4")
    await history.goes_on(5, {"v": LONDON, "other": LONDON}, {CPU: 30.0})
    await history.goes_on(5, {"v": tokyo, "other": LONDON}, {CPU: 30.0})
    answer = await history.normal("v")
    assert (answer.timeZone, answer.reason) == ("Asia/Tokyo", None)
    assert 5 <= answer.history <= 7


async def test_a_region_that_nobody_knows_goes_by_utc(history: History) -> None:
    await history.goes_on(4, {"v": Dimensions("s", "p", "moonbase1", "D4")}, {CPU: 30.0})
    for vm in ("v", None):
        answer = await history.normal(vm)
        assert (answer.timeZone, *said(answer)) == ("UTC", 4, None, {30.0})


async def test_a_counter_that_appears_has_a_baseline_after_three_days(history: History) -> None:
    await history.goes_on(5, {"v": LONDON}, {CPU: 30.0})
    await history.goes_on(2, {"v": LONDON}, {CPU: 30.0, MEMORY: 60.0})
    assert said(await history.normal("v", MEMORY)) == (2, TOO_SHORT, {None})
    await history.goes_on(1, {"v": LONDON}, {CPU: 30.0, MEMORY: 60.0})
    assert said(await history.normal("v", MEMORY)) == (3, None, {60.0})


async def test_a_counter_that_vanishes_is_forgotten_after_a_while(history: History) -> None:
    await history.goes_on(5, {"v": LONDON}, {CPU: 30.0, MEMORY: 60.0})
    await history.goes_on(TAUGHT_BY - 1, {"v": LONDON}, {CPU: 30.0})
    assert said(await history.normal("v", MEMORY)) == (5, None, {60.0})
    await history.goes_on(1, {"v": LONDON}, {CPU: 30.0})
    assert said(await history.normal("v", MEMORY)) == (0, NOT_LEARNED, {None})


async def test_a_vm_without_any_value_in_between_is_not_new(history: History) -> None:
    await history.goes_on(4, {"v": LONDON}, {CPU: 30.0})
    await history.goes_on(3, {"v": LONDON}, {CPU: math.nan, MEMORY: 1.0})
    assert said(await history.normal("v")) == (4, None, {30.0})
