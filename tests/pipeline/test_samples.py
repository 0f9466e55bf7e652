"""Samples read back, page by page."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.access import Caller
from domain.errors import NotFound
from domain.minutes import WINDOW
from pipeline.queries.samples import WINDOWS_A_PAGE, Position, SampleRecord, SamplesQuestion, get_samples
from pipeline.queries.view import View
from storage.tables import Tables
from tests.builders import KEY, NOW, TENANT, VM, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver, work_off

MEMORY = "win_mem.percent_used"
WINDOWS = 3
OLDEST = WINDOW_START - (WINDOWS - 1) * WINDOW


async def three_windows(tables: Tables) -> None:
    records = [
        record
        for vm in (VM, "b/2", "c+3")
        for window in range(WINDOWS)
        for key in (KEY, MEMORY)
        for record in records_of(
            TENANT, vm, key, [window * 100.0 + minute for minute in range(15)], OLDEST + window * WINDOW
        )
    ]
    await deliver(tables, [a_message(records), a_message(records_of("other", "secret", KEY, [1.0] * 15))])
    await work_off(tables)


def a_question(**overrides: Any) -> SamplesQuestion:
    asked = {"tenant": TENANT, "vm": None, "keys": (), "start": OLDEST, "end": NOW, "limit": 100, **overrides}
    return SamplesQuestion(**asked)


async def all_pages(tables: Tables, question: SamplesQuestion, view: View | None = None) -> list[list[SampleRecord]]:
    pages, position, more = [], None, True
    while more:
        page = await get_samples(tables, question, position, view or a_view())
        pages.append(list(page.data))
        position, more = page.position, page.position is not None
    return pages


@pytest.mark.parametrize("vm", [None, VM, "b/2", "c 3"])
@pytest.mark.parametrize("keys", [(), (KEY,), (KEY, MEMORY)])
@pytest.mark.parametrize("limit", [1, 31, 20_000])
async def test_the_pages_together_hold_every_sample_once(
    tables: Tables, vm: str | None, keys: tuple[str, ...], limit: int
) -> None:
    await three_windows(tables)
    pages = await all_pages(tables, a_question(vm=vm, keys=keys, limit=limit))
    found = [(record.MaskedVMName, record.PerfType, record.timestamp) for page in pages for record in page]
    types = {key.split(".")[0] for key in keys or (KEY, MEMORY)}
    vms = {VM, "b/2", "c+3"} if vm is None else {vm.replace(" ", "+")}
    stamps = range(OLDEST + 30, NOW, 60)
    assert sorted(found) == sorted((name, kind, at) for name in vms for kind in types for at in stamps)
    assert all(len(page) < limit + 30 for page in pages)
    assert [at - at % WINDOW for *_, at in found] == sorted(at - at % WINDOW for *_, at in found)


async def test_a_record_is_the_one_of_the_wire(tables: Tables) -> None:
    await three_windows(tables)
    page = await get_samples(tables, a_question(vm=VM, keys=(KEY,)), None, a_view())
    assert page.data[17] == SampleRecord(
        OLDEST + WINDOW + 150, TENANT, None, VM, "Shared-ngXXH", "centralindia", "Standard_D4s_v4",
        "percent_processor_time", 102.0, "win_cpu",
    )  # fmt: skip


async def test_only_the_range_is_given(tables: Tables) -> None:
    await three_windows(tables)
    question = a_question(vm=VM, keys=(KEY,), start=WINDOW_START - 31, end=WINDOW_START + 90)
    (page,) = await all_pages(tables, question)
    assert [record.timestamp - WINDOW_START for record in page] == [-30, 30, 90]
    assert await all_pages(tables, a_question(start=NOW, end=NOW + 10)) == [[]]
    assert await all_pages(tables, a_question(start=WINDOW_START + 31, end=WINDOW_START + 32)) == [[]]


async def test_without_an_end_it_is_now(tables: Tables) -> None:
    await three_windows(tables)
    page = await get_samples(tables, a_question(vm=VM, end=None), None, a_view(NOW - 60))
    assert page.data[-1].timestamp == page.end == NOW - 90


@pytest.mark.parametrize("vm", [None, VM])
async def test_a_long_range_without_data_ends_all_the_same(memory: MemoryDocuments, vm: str | None) -> None:
    tables = Tables(memory)
    await three_windows(tables)
    calls = []

    async def watch(call: str, table: str, document_id: str) -> None:
        if call in ("before read", "before scan") and table == "samples":
            calls.append(document_id)

    memory.hook = watch
    start = OLDEST - 3 * WINDOWS_A_PAGE * WINDOW
    first = await get_samples(tables, a_question(vm=vm, start=start), None, a_view())
    assert (first.data, len(calls)) == ([], WINDOWS_A_PAGE)
    pages = await all_pages(tables, a_question(vm=vm, start=start))
    assert sum(map(len, pages)) == 90 * (1 if vm else 3)


@pytest.mark.parametrize(
    "overrides",
    [{"tenant": "nobody"}, {"vm": "nobody"}, {"vm": "secret"}, {"keys": ("a.b",)}],
    ids=["tenant", "vm", "another's vm", "counter"],
)
async def test_what_was_never_seen_is_said_so(tables: Tables, overrides: dict[str, Any]) -> None:
    await three_windows(tables)
    with pytest.raises(NotFound):
        await get_samples(tables, a_question(**overrides), None, a_view())


async def test_a_tenants_caller_reads_own_samples_and_nobody_elses(tables: Tables) -> None:
    await three_windows(tables)
    view = a_view(caller=Caller("tenant", "other"))
    ((record, *_),) = await all_pages(tables, a_question(tenant="other"), view)
    assert record.MaskedVMName == "secret"
    with pytest.raises(NotFound):
        await get_samples(tables, a_question(), None, view)
    with pytest.raises(NotFound):
        await get_samples(tables, a_question(tenant="other", keys=(MEMORY,)), None, view)


@pytest.mark.parametrize("limit", [1, 31, 20_000])
@pytest.mark.parametrize("windows_a_page", [1, 2, WINDOWS_A_PAGE])
async def test_without_a_tenant_an_operator_reads_the_samples_of_all_once(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, limit: int, windows_a_page: int
) -> None:
    monkeypatch.setattr("pipeline.queries.samples.WINDOWS_A_PAGE", windows_a_page)
    await three_windows(tables)
    pages = await all_pages(tables, a_question(tenant=None, limit=limit))
    found = [record for page in pages for record in page]
    whole = [
        record
        for tenant in sorted([TENANT, "other"])
        for page in await all_pages(tables, a_question(tenant=tenant, limit=20_000))
        for record in page
    ]
    assert found == whole
    assert len({record.MaskedTenantId for record in found}) == 2
    assert all(len(page) < limit + 30 for page in pages)


async def test_without_a_tenant_a_tenants_caller_reads_its_own_samples(tables: Tables) -> None:
    await three_windows(tables)
    view = a_view(caller=Caller("tenant", "other"))
    page = await get_samples(tables, a_question(tenant=None), None, view)
    assert (page.tenant, {record.MaskedTenantId for record in page.data}) == ("other", {"other"})
    elsewhere = await get_samples(tables, a_question(tenant=None), Position(WINDOW_START, "", TENANT), view)
    assert {record.MaskedTenantId for record in elsewhere.data} <= {"other"}


async def test_a_tenant_that_is_gone_meanwhile_is_passed_over(tables: Tables) -> None:
    await three_windows(tables)
    everything = a_question(tenant=None, limit=20_000)
    page = await get_samples(tables, everything, Position(WINDOW_START, "z", "nobody"), a_view())
    assert [page.data] == await all_pages(tables, everything)


@given(st.integers(), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=30)
async def test_any_position_leads_to_samples_of_the_question_only(window: int, vm: str, tenant: str) -> None:
    tables = Tables(MemoryDocuments())
    await three_windows(tables)
    page = await get_samples(tables, a_question(), Position(window, vm, tenant), a_view())
    assert {record.MaskedTenantId for record in page.data} <= {TENANT}
    assert all(OLDEST <= record.timestamp <= NOW for record in page.data)


async def test_a_page_reads_no_more_than_so_many_documents_for_a_counter_that_none_has(
    memory: MemoryDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.queries.samples.VM_WINDOWS_A_PAGE", 4)
    tables = Tables(memory)
    await three_windows(tables)
    await deliver(tables, [a_message(records_of("other", "secret", "a.rare", [1.0]))])
    await work_off(tables)
    pages = await all_pages(tables, a_question(keys=("a.rare",)))
    assert pages == [[], [], []]  # of nine VM windows, four at a time
