"""The table of how VMs grow: what is read is what was written, zone by zone, in every store."""

from collections.abc import AsyncIterator
from datetime import date

import numpy as np
import pytest

from domain.capacity import Growth
from domain.day_capacity import DayCapacity
from domain.digests import KEPT_BITS, rounded
from storage.documents import Conflict
from storage.schema import STANDINGS
from storage.tables import Tables
from storage.tables.digests import partition_of
from tests.storage.adapters import ADAPTERS, Adapter

DISK, MEMORY = "win_disk.percent_free_space", "win_mem.percent_used"
DAY = date(2026, 11, 19)
TOKYO = "Asia/Tokyo"


def a_capacity(*vms: str, zone: str | None = TOKYO, day: date = DAY, value: float = 40.1) -> DayCapacity:
    numbers = np.full((len(Growth._fields), len(vms)), value)
    numbers[3:, ::2] = np.nan  # of every second VM a slope is told
    return DayCapacity(zone, day, vms, Growth(*rounded(numbers, KEPT_BITS)))


def same(one: DayCapacity | None, other: DayCapacity) -> bool:
    return (
        one is not None
        and (one.zone, one.day, list(one.vms)) == (other.zone, other.day, list(other.vms))
        and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one.growth, other.growth, strict=True))
    )


@pytest.fixture(params=ADAPTERS)
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    adapter: Adapter = request.param
    async with adapter(request) as open_it:
        documents = open_it(lambda: 1_790_000_000)
        yield Tables(documents)
        await documents.close()


async def test_what_is_read_is_what_was_written(tables: Tables) -> None:
    tokyo, utc = a_capacity("a", "b", "c"), a_capacity("d", zone=None, day=date(2026, 11, 18), value=1e300)
    for each in (tokyo, utc):
        await tables.capacity.write("t", DISK, each, None)
    await tables.capacity.write("t", MEMORY, a_capacity("e"), None)
    await tables.capacity.write("u", DISK, a_capacity("f"), None)
    first, second = await tables.capacity.of_tenant("t", DISK)
    assert same(first, tokyo)
    assert same(second, utc)
    stored = await tables.capacity.read("t", None, DISK)
    assert stored
    assert same(stored.value, utc)
    assert await tables.capacity.of_tenant("t", "win_disk.percent") == []
    assert await tables.capacity.of_tenant("nobody", DISK) == []
    assert await tables.capacity.read("u", None, DISK) is None


async def test_it_is_written_in_place_of_what_was_there_and_without_vms_it_is_removed(tables: Tables) -> None:
    await tables.capacity.write("t", DISK, a_capacity("a", "b"), None)
    with pytest.raises(Conflict):
        await tables.capacity.write("t", DISK, a_capacity("c"), None)
    stored = await tables.capacity.read("t", TOKYO, DISK)
    assert stored
    await tables.capacity.write("t", DISK, a_capacity("c"), stored.etag)
    with pytest.raises(Conflict):
        await tables.capacity.write("t", DISK, a_capacity("d"), stored.etag)
    (found,) = await tables.capacity.of_tenant("t", DISK)
    assert same(found, a_capacity("c"))
    stored = await tables.capacity.read("t", TOKYO, DISK)
    assert stored
    await tables.capacity.write("t", DISK, a_capacity(), stored.etag)
    await tables.capacity.write("t", DISK, a_capacity(), None)
    assert await tables.capacity.of_tenant("t", DISK) == []


async def test_a_tenant_of_many_vms_has_several_documents_that_are_read_as_one(tables: Tables) -> None:
    many = a_capacity(*(f"{vm:0100}" for vm in range(9_000)))
    await tables.capacity.write("t", DISK, many, None)
    assert len([each async for each in tables.documents.scan(STANDINGS, partition_of("t"))]) > 1
    (found,) = await tables.capacity.of_tenant("t", DISK)
    assert same(found, many)


@pytest.mark.parametrize("change", [{"version": 0}, {"day": "?"}, {"numbers": "?"}, {"width": 5}, {"of": ""}])
async def test_what_can_not_be_read_counts_as_not_learned_and_can_be_written_again(
    tables: Tables, change: dict[str, object]
) -> None:
    await tables.capacity.write("t", DISK, a_capacity("a"), None)
    (document,) = [each async for each in tables.documents.scan(STANDINGS, partition_of("t"))]
    await tables.documents.upsert(STANDINGS, partition_of("t"), document.id, {**document.body, **change})
    assert await tables.capacity.of_tenant("t", DISK) == []
    stored = await tables.capacity.read("t", TOKYO, DISK)
    assert stored
    assert stored.value is None
    await tables.capacity.write("t", DISK, a_capacity("b"), stored.etag)
    (found,) = await tables.capacity.of_tenant("t", DISK)
    assert same(found, a_capacity("b"))
