"""The contract of the documents port: what every adapter does, alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import Unavailable
from storage.documents import MOST_BYTES, AlreadyExists, Changed, Documents, Gone, TooLarge
from storage.schema import MARKS, SAMPLES
from tests.storage.adapters import ADAPTERS, TABLES, Open


@pytest.fixture(params=ADAPTERS)
async def open_store(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    async with request.param(request) as opened:
        yield opened


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Documents]:
    opened = open_store(time.time)
    yield opened
    await opened.close()


async def body_of(store: Documents, *where: str) -> Any:
    document = await store.read(*where)
    return document.body if document else None


async def etag_of(store: Documents, *where: str) -> str:
    document = await store.read(*where)
    assert document
    return document.etag


HERE = (SAMPLES, "p", "i")
BODIES: list[dict[str, Any]] = [
    {},
    {"n": 1, "f": 0.1, "big": 1.7976931348623157e308, "small": 5e-324, "t": 'ü \U0001f600 " \\ /', "none": None},
    {"deep": {"list": [1, None, {"x": [True, False]}]}, "empty": []},
]


@pytest.mark.parametrize("body", BODIES)
async def test_a_created_document_is_read_as_it_was_written(store: Documents, body: dict[str, Any]) -> None:
    await store.create(*HERE, body)
    document = await store.read(*HERE)
    assert document is not None
    assert (document.id, document.body) == ("i", body)


async def test_a_missing_document_is_none(store: Documents) -> None:
    assert await store.read(*HERE) is None


async def test_creating_what_is_there_is_refused_and_changes_nothing(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    before = await store.read(*HERE)
    with pytest.raises(AlreadyExists):
        await store.create(*HERE, {"n": 2})
    assert await store.read(*HERE) == before


async def test_documents_of_other_tables_partitions_and_ids_are_others(store: Documents) -> None:
    await store.create(SAMPLES, "p", "i", {"n": 1})
    await store.create(MARKS, "p", "i", {"n": 2})
    await store.create(SAMPLES, "q", "i", {"n": 3})
    await store.create(SAMPLES, "p", "j", {"n": 4})
    found = [await body_of(store, *where) for where in ((SAMPLES, "p", "i"), (MARKS, "p", "i"), (SAMPLES, "q", "i"))]
    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_partition_may_have_any_name(store: Documents) -> None:
    names = ["win_disk.percent_idle_time", "größe.µ/s \\ ?#%", "a", "'a'", '"a"', "a b"]
    for name in names:
        await store.create(SAMPLES, name, "i", {"name": name})
    assert [await body_of(store, SAMPLES, name, "i") for name in names] == [{"name": name} for name in names]
    assert [[document.body["name"] async for document in store.scan(SAMPLES, name)] for name in names] == [
        [name] for name in names
    ]


async def test_replacing_with_the_etag_that_was_read_replaces(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    await store.replace(*HERE, {"n": 2}, await etag_of(store, *HERE))
    assert await body_of(store, *HERE) == {"n": 2}


async def test_every_write_changes_the_etag_even_of_equal_bodies(store: Documents) -> None:
    etags = []
    await store.create(*HERE, {"n": 1})
    etags.append(await etag_of(store, *HERE))
    await store.replace(*HERE, {"n": 1}, etags[-1])
    etags.append(await etag_of(store, *HERE))
    await store.upsert(*HERE, {"n": 1})
    etags.append(await etag_of(store, *HERE))
    await store.delete(*HERE, etags[-1])
    await store.create(*HERE, {"n": 1})
    etags.append(await etag_of(store, *HERE))
    assert len(set(etags)) == len(etags)


async def test_replacing_with_a_stale_etag_is_refused_and_changes_nothing(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    stale = await etag_of(store, *HERE)
    await store.replace(*HERE, {"n": 2}, stale)
    with pytest.raises(Changed):
        await store.replace(*HERE, {"n": 3}, stale)
    assert await body_of(store, *HERE) == {"n": 2}


async def test_replacing_or_deleting_what_is_gone_says_so(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    etag = await etag_of(store, *HERE)
    await store.delete(*HERE, etag)
    with pytest.raises(Gone):
        await store.replace(*HERE, {"n": 2}, etag)
    with pytest.raises(Gone):
        await store.delete(*HERE, etag)
    assert await store.read(*HERE) is None


async def test_deleting_with_a_stale_etag_is_refused(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    stale = await etag_of(store, *HERE)
    await store.upsert(*HERE, {"n": 2})
    with pytest.raises(Changed):
        await store.delete(*HERE, stale)
    assert await body_of(store, *HERE) == {"n": 2}


async def test_upsert_writes_whether_it_is_there_or_not(store: Documents) -> None:
    await store.upsert(*HERE, {"n": 1})
    await store.upsert(*HERE, {"n": 2})
    assert await body_of(store, *HERE) == {"n": 2}


IDS = ["0000000900_v", "0000000900_w", "0000000901", "0000001800_v", "A", "a-b", "a.b", "a_b", "a~2Fb", "ab"]


@pytest.mark.parametrize(
    ("from_id", "to_id"),
    [("", "~~"), ("0000000900", "0000000901"), ("0000000901", "0000001800_v"), ("A", "a_b"), ("x", "z"), ("b", "a")],
)
async def test_a_scan_gives_a_partitions_range_of_ids_in_order(store: Documents, from_id: str, to_id: str) -> None:
    for document_id in reversed(IDS):
        await store.create(SAMPLES, "p", document_id, {"name": document_id})
    await store.create(SAMPLES, "other", "a", {})
    found = [document async for document in store.scan(SAMPLES, "p", from_id, to_id)]
    assert [document.id for document in found] == sorted(each for each in IDS if from_id <= each < to_id)
    assert all(document.body == {"name": document.id} and document.etag for document in found)


async def test_a_scan_gives_all_of_a_large_partition(store: Documents) -> None:
    ids = [f"{number:04d}" for number in range(700)]
    await asyncio.gather(*(store.create(SAMPLES, "p", document_id, {}) for document_id in ids))
    assert [document.id async for document in store.scan(SAMPLES, "p")] == ids


async def test_an_etag_from_a_scan_is_as_good_as_one_from_a_read(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    (document,) = [document async for document in store.scan(SAMPLES, "p")]
    await store.replace(*HERE, {"n": 2}, document.etag)
    assert await body_of(store, *HERE) == {"n": 2}


async def test_of_many_that_write_at_once_one_wins_and_the_others_are_told(store: Documents) -> None:
    results = await asyncio.gather(*(store.create(*HERE, {"n": n}) for n in range(20)), return_exceptions=True)
    assert [isinstance(result, AlreadyExists) for result in results].count(False) == 1
    etag = await etag_of(store, *HERE)
    results = await asyncio.gather(*(store.replace(*HERE, {"n": n}, etag) for n in range(20)), return_exceptions=True)
    assert [isinstance(result, Changed) for result in results].count(False) == 1


async def test_a_refused_write_does_not_spoil_those_made_beside_it(store: Documents) -> None:
    await store.create(SAMPLES, "p", "old", {})
    writes = [store.create(SAMPLES, "p", name, {}) for name in ("a", "old", "b")]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), AlreadyExists, type(None)]
    assert [document.id async for document in store.scan(SAMPLES, "p")] == ["a", "b", "old"]


async def test_optimistic_counting_by_many_loses_nothing(open_store: Open) -> None:
    stores = [open_store(time.time) for _ in range(3)]
    await stores[0].create(*HERE, {"n": 0})

    async def count(store: Documents) -> None:
        for _ in range(10):
            while True:
                document = await store.read(*HERE)
                assert document
                try:
                    await store.replace(*HERE, {"n": document.body["n"] + 1}, document.etag)
                except Changed:
                    continue
                break

    await asyncio.gather(*(count(store) for store in stores))
    assert await body_of(stores[0], *HERE) == {"n": 30}
    for store in stores:
        await store.close()


async def test_what_is_written_is_there_for_who_opens_the_store_anew(open_store: Open) -> None:
    first = open_store(time.time)
    await first.create(*HERE, {"n": 1})
    await first.close()
    second = open_store(time.time)
    assert await body_of(second, *HERE) == {"n": 1}
    await second.close()


async def test_a_body_that_is_too_large_is_refused_and_changes_nothing(store: Documents) -> None:
    await store.create(*HERE, {"n": 1})
    large = {"text": "x" * MOST_BYTES}
    with pytest.raises(TooLarge):
        await store.upsert(*HERE, large)
    with pytest.raises(TooLarge):
        await store.replace(*HERE, large, await etag_of(store, *HERE))
    with pytest.raises(TooLarge):
        await store.create(SAMPLES, "p", "j", large)
    assert await body_of(store, *HERE) == {"n": 1}


async def test_places_name_all_documents_of_a_table_with_their_etags(store: Documents) -> None:
    names = {("größe.µ/s \\ ?#%", "i"), ("p", "i"), ("p", "j"), *(("many", f"{number:03d}") for number in range(120))}
    for partition, document_id in names:
        await store.create(SAMPLES, partition, document_id, {})
    await store.create(MARKS, "elsewhere", "i", {})
    found = {(place.partition, place.id): place.etag async for place in store.places(SAMPLES)}
    assert found.keys() == names
    assert found["p", "i"] == await etag_of(store, SAMPLES, "p", "i")
    await store.delete(SAMPLES, "p", "i", found["p", "i"])
    assert ("p", "i") not in {(place.partition, place.id) async for place in store.places(SAMPLES)}
    assert [place async for place in store.places("report")] == []


async def test_places_may_be_removed_while_they_are_given(store: Documents) -> None:
    for number in range(130):
        await store.create(SAMPLES, f"p{number % 3}", f"{number:03d}", {})
    async for place in store.places(SAMPLES):
        await store.delete(SAMPLES, place.partition, place.id, place.etag)
    assert [place async for place in store.places(SAMPLES)] == []


async def test_a_document_expires_when_its_time_to_live_has_passed_since_its_last_write(
    open_store: Open, request: pytest.FixtureRequest
) -> None:
    if "cosmos" in request.node.name:
        pytest.skip(
            "Cosmos DB expires by a clock of its own; test_cosmos.py sees that containers have the time to live"
        )
    live = TABLES[SAMPLES].time_to_live
    assert live
    now = [1_000_000_000.0]
    store = open_store(lambda: now[0])
    await store.create(*HERE, {"n": 1})
    await store.create(MARKS, "p", "i", {"for": "ever"})
    now[0] += live - 1
    etag = await etag_of(store, *HERE)
    now[0] += 2
    assert await store.read(*HERE) is None
    assert [document async for document in store.scan(SAMPLES, "p")] == []
    assert [place async for place in store.places(SAMPLES)] == []
    with pytest.raises(Gone):
        await store.replace(*HERE, {"n": 2}, etag)
    with pytest.raises(Gone):
        await store.delete(*HERE, etag)
    await store.create(*HERE, {"n": 3})
    assert await body_of(store, *HERE) == {"n": 3}
    assert await body_of(store, MARKS, "p", "i") == {"for": "ever"}
    await store.close()


async def test_a_closed_store_is_unavailable_and_may_be_closed_again(open_store: Open) -> None:
    store = open_store(time.time)
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.read(*HERE)
    with pytest.raises(Unavailable):
        await store.create(*HERE, {})
