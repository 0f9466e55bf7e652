"""Which VMs run full, over HTTP: in every format, page by page; and what is wrong with a question."""

import csv
import io
import json
from collections.abc import Mapping

import numpy as np
import pytest

from blueprints.http.endpoints import ENDPOINTS
from domain.capacity import Growth
from domain.day_capacity import DayCapacity
from domain.zones import local
from pipeline.queries.capacity import NOT_LEARNED, OLDEST
from storage.tables import Tables
from tests.builders import NOW, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver, work_off
from tests.trust.asking import ask

FREE, DELAY, USED = "win_disk.percent_free_space", "win_session.input_delay_ms", "win_mem.percent_used"
TENANT, TOKYO = "t", "Asia/Tokyo"
DAY = local(NOW, TOKYO).day
ROUTES = {each.name: each for each in ENDPOINTS}


@pytest.fixture
async def tables() -> Tables:
    """Of three VMs it is known that their free space falls by 1 a day, of a fourth that it has none."""
    tables = Tables(MemoryDocuments())
    for key in (FREE, DELAY, USED):
        await deliver(tables, [a_message(records_of(TENANT, "+a", key, [30.0] * 15))])
    await work_off(tables)
    value = np.array([30.0, 20.0, 25.0, 0.0])
    slope, nothing = np.array([-1.0, -1.0, -1.0, np.nan]), np.zeros(4)
    growth = Growth(value, nothing + 40, nothing, value, value, slope, slope, slope, nothing, nothing)
    await tables.capacity.write(TENANT, FREE, DayCapacity(TOKYO, DAY, ["+a", "b", "c", "full"], growth), None)
    return tables


async def answered(tables: Tables, asked: Mapping[str, object], status: int = 200, now: int = NOW) -> str:
    text = await ask(tables, lambda: now, ROUTES["get_capacity"], asked, roles="operator")
    assert text.startswith(str(status)), text
    return text.partition(")] ")[2]


@pytest.mark.parametrize("tenant", [None, TENANT])
async def test_the_list_in_every_format(tables: Tables, tenant: str | None) -> None:
    asked = {"key": FREE, **({"tenant": tenant} if tenant else {})}
    told = json.loads(await answered(tables, asked))
    assert {name: told[name] for name in told.keys() - {"data"}} == {
        "key": FREE,
        "limit": 5.0,
        "tenant": tenant,
        "of": 4,
        "tooYoung": 0,
        "reason": None,
        "nextPage": None,
    }
    assert [each["vm"] for each in told["data"]] == ["full", "b", "c", "+a"]
    assert told["data"][0] == {
        "tenant": TENANT,
        "vm": "full",
        "value": 0.0,
        "perDay": None,
        "reached": True,
        "earliest": DAY.isoformat(),
        "latest": DAY.isoformat(),
        "history": 40,
        "timeZone": TOKYO,
    }
    rows = list(csv.DictReader(io.StringIO(await answered(tables, {**asked, "format": "csv"}), newline="")))
    assert [row["vm"] for row in rows] == ["full", "b", "c", "+a"]
    assert (rows[0]["perDay"], rows[0]["reached"], rows[1]["perDay"]) == ("", "true", "-1.0")
    lines = (await answered(tables, {**asked, "format": "ndjson"})).splitlines()
    assert [json.loads(line) for line in lines] == told["data"]


async def test_page_by_page(tables: Tables) -> None:
    first = json.loads(await answered(tables, {"key": FREE, "lines": 3}))
    assert [each["vm"] for each in first["data"]] == ["full", "b", "c"]
    second = json.loads(await answered(tables, {"key": FREE, "lines": 2, "page": first["nextPage"]}))
    assert [each["vm"] for each in second["data"]] == ["+a"]
    assert second["nextPage"] is None
    for other in ({"limit": 6}, {"tenant": TENANT}):
        assert "nextPage" in await answered(tables, {"key": FREE, **other, "page": first["nextPage"]}, 400)


@pytest.mark.parametrize(
    ("limit", "told"), [("25.0", ["b", "c", "full", "+a"]), ("-1", []), ("1e2", ["+a", "b", "c", "full"])]
)
async def test_the_limit_may_be_given(tables: Tables, limit: str, told: list[str]) -> None:
    answer = json.loads(await answered(tables, {"key": FREE, "limit": limit}))
    assert answer["limit"] == float(limit)
    assert [each["vm"] for each in answer["data"] if each["vm"] in told] == told
    assert answer["data"] or not told


async def test_what_can_not_be_answered_is_told(tables: Tables) -> None:
    assert "limit" in await answered(tables, {"key": DELAY}, 400)
    assert json.loads(await answered(tables, {"key": DELAY, "limit": 200}))["reason"] == NOT_LEARNED
    assert json.loads(await answered(tables, {"key": USED}))["limit"] == 95
    assert json.loads(await answered(tables, {"key": FREE}, now=NOW + (OLDEST + 1) * 86_400))["reason"] == NOT_LEARNED
    assert "no counter named" in await answered(tables, {"key": "win_disk.nobody_has_it", "limit": 1}, 404)
    assert "no tenant named" in await answered(tables, {"key": FREE, "tenant": "nobody"}, 404)
