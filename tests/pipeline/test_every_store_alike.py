"""The whole pipeline on each adapter: duplicates, bad input and late data, and the same answers to the last bit."""

import random
from typing import Any

from pydantic import TypeAdapter

from domain.minutes import WINDOW
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.lists import list_counters, list_tenants, list_vms
from pipeline.queries.status import status as status_of
from storage.tables import Tables
from tests.builders import KEY, NOW, WINDOW_START, a_message, a_record, a_view, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver, work_off

TENANTS, VMS, WINDOWS = 12, 3, 3
MEMORY = "win_mem.available_bytes"


def bodies() -> list[bytes]:
    """A fleet's messages: whole and broken numbers, gaps, and names as they are in use."""
    chance = random.Random(3)  # noqa: S311
    made = []
    for tenant in range(TENANTS):
        for vm in range(VMS):
            for window in range(WINDOWS):
                start = WINDOW_START - window * WINDOW
                records = []
                for key, values in (
                    (KEY, [chance.choice([chance.uniform(0, 100), 7]) for _ in range(15)]),
                    (MEMORY, [float(chance.randrange(2**40)) for _ in range(chance.randint(1, 15))]),
                ):
                    records += records_of(f"t+/{tenant}==1", f"v/{vm}", key, values, start)
                made.append(a_message(records, zipped=chance.random() < 0.5))
    return made


QUESTIONS = (
    Question([KEY], 45),
    Question([MEMORY], 30, interval=7, by="max"),
    Question([KEY], start=WINDOW_START, final=True),
    Question([MEMORY, KEY], 60, interval=2),
)


async def the_answers(tables: Tables) -> list[Any]:
    """Everything that the API answers, as JSON."""
    answers: list[Any] = []
    for question in QUESTIONS:
        answers.append(await get_data(tables, question, a_view()))
        answers.append(await get_tenant_data(tables, question, "t /3==1", "v/1", a_view()))
    answers += [await list_counters(tables, a_view()), await list_tenants(tables, a_view())]
    answers += [await list_vms(tables, "t+/3==1", a_view()), await status_of(tables, a_view())]
    return [TypeAdapter(type(answer)).dump_json(answer) for answer in answers]


BAD = [b"{", a_message([a_record(PerfValue="x"), a_record(timestamp=NOW + 9999)])]


async def disorderly(tables: Tables) -> None:
    """Some come late, some come again."""
    made = bodies()
    late, on_time = made[::5], [body for number, body in enumerate(made) if number % 5]
    await deliver(tables, [*on_time, *BAD])
    await work_off(tables)
    await deliver(tables, [*late, *on_time[:20], *late])
    await work_off(tables)


async def test_every_store_gives_the_same_answers(tables: Tables) -> None:
    await disorderly(tables)
    other = Tables(MemoryDocuments())
    await disorderly(other)
    answers = await the_answers(tables)
    assert answers == await the_answers(other)

    orderly = Tables(MemoryDocuments())
    await deliver(orderly, [*bodies(), *BAD])
    await work_off(orderly)
    charts = len(QUESTIONS) * 2
    assert answers[:charts] == (await the_answers(orderly))[:charts]
