"""All counters over the fleet, page by page."""

from typing import Any

import pytest

from domain.access import Caller
from domain.errors import NotFound
from domain.minutes import WINDOW
from domain.spans import Span
from pipeline.queries.charts import Question, get_data
from pipeline.queries.every import Place, get_every
from storage.tables import Tables
from tests.builders import KEY, LATENESS, NOW, TENANT, VM, WINDOW_START, a_message, a_view, records_of
from tests.pipeline.steps import close_windows, deliver, work_off

FIRST, LAST = WINDOW_START + 30, WINDOW_START + WINDOW - 30
KEYS = ["a.one", "b.two", "c.three"]
OLD = "d.old"


async def counters(tables: Tables) -> None:
    """Three counters in the newest window, of which the first has begun it only; one in the window before."""
    for number, key in enumerate(KEYS):
        values = [float(number)] * (5 if number == 0 else 15)
        await deliver(tables, [a_message(records_of(TENANT, VM, key, values, WINDOW_START))])
    await deliver(tables, [a_message(records_of(TENANT, VM, OLD, [9.0] * 15, WINDOW_START - WINDOW))])
    await work_off(tables)


async def all_pages(tables: Tables, question: Question, most: int, most_keys: int = 100) -> list[Any]:
    pages: list[Any] = []
    place = None
    while not pages or place:
        page, place = await get_every(tables, question, place, most, most_keys, a_view())
        pages.append(page)
    return pages


@pytest.mark.parametrize(("most", "most_keys", "sizes"), [(15, 100, [1, 1, 1]), (45, 2, [2, 1]), (1_000, 100, [3])])
@pytest.mark.parametrize("question", [Question([], minutes=15), Question([], start=FIRST, end=LAST, interval=4)])
async def test_the_pages_hold_every_counter_once_over_the_same_minutes(
    tables: Tables, question: Question, most: int, most_keys: int, sizes: list[int]
) -> None:
    await counters(tables)
    pages = await all_pages(tables, question, most, most_keys)
    assert [len({item.PerfType for item in page.data}) for page in pages] == sizes
    assert {(page.start, page.end) for page in pages} == {(FIRST, LAST)}
    together = await get_data(
        tables, Question(KEYS, question.minutes, question.start, question.end, question.interval), a_view()
    )
    assert [item for page in pages for item in page.data] == together.data


async def test_final_minutes_of_all_counters_are_counted_from_the_newest_that_is_final(tables: Tables) -> None:
    await counters(tables)
    (page,) = await all_pages(tables, Question([], minutes=20, final=True), 1_000)
    assert (page.end, page.data) == (WINDOW_START - WINDOW - 30, [])
    await close_windows(tables, NOW + LATENESS)
    (page,) = await all_pages(tables, Question([], minutes=20, final=True), 1_000)
    assert (page.end, len(page.data)) == (LAST, 5 + 15 + 15 + 5)


async def test_without_data_in_the_range_the_answer_is_empty(tables: Tables) -> None:
    await counters(tables)
    (page,) = await all_pages(tables, Question([], start=NOW + 60, end=NOW + 600), 1_000)
    assert page.data == []
    (page,) = await all_pages(tables, Question([], start=1_000, end=2_000), 1_000)
    assert page.data == []


async def test_without_a_counter_there_is_no_page(tables: Tables) -> None:
    with pytest.raises(NotFound):
        await get_every(tables, Question([], minutes=5), None, 10, 10, a_view())
    await counters(tables)
    with pytest.raises(NotFound):
        await get_every(tables, Question([], minutes=5), Place("x.y", Span(FIRST, LAST)), 10, 10, a_view())


async def test_a_tenant_gets_only_its_own_counters(tables: Tables) -> None:
    await counters(tables)
    await deliver(tables, [a_message(records_of("other", "v", KEY, [1.0] * 15))])
    await work_off(tables)
    view = a_view(caller=Caller("tenant", "other"))
    page, place = await get_every(tables, Question([], minutes=15), None, 1_000, 100, view)
    assert (page.key, place) == (KEY, None)
