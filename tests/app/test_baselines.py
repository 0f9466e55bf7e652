"""What is normal, over HTTP: beside the points of charts and by itself, in every format, and why it is unknown."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from blueprints.http.endpoints import ENDPOINTS
from domain.baselines import HOURS, LINES, Bands
from domain.day_baselines import DayBaselines
from domain.digests import Series, Whose, kept_of_vms
from domain.learning_times import LastLearned
from domain.minutes import WINDOW, minutes_of
from domain.named_series import NamedSeries
from domain.zones import local
from pipeline.queries.baselines import NOT_AT_THESE_HOURS, NOT_LEARNED, NOT_OF_VMS, TOO_SHORT
from storage.tables import Tables
from tests.builders import KEY, NOW, WINDOW_START, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver, work_off
from tests.trust.asking import ask

LOGONS, DELAY, SENT = "win_session.logons", "win_session.input_delay_ms", "win_net.bytes_sent_persec"
NEW, YOUNG, AT_NIGHT = "win_mem.percent_used", "win_disk.percent_idle_time", "win_disk.latency_read_seconds"
TENANT, VM = "t", "v"
UNHEARD_OF = "moonbase1"
TOKYO = "Asia/Tokyo"
DAYS = 9
SILENT = minutes_of(WINDOW_START)[7]
"""A minute without data."""

ROUTES = {each.name: each for each in ENDPOINTS}


@pytest.fixture
async def tables() -> Tables:
    """A window of two VMs: one in Japan, and one in a region that nobody has heard of; and what is normal for them."""
    tables = Tables(MemoryDocuments())
    for vm, region in ((VM, "japaneast"), ("w", UNHEARD_OF), ("x", "japaneast")):
        for key in (KEY, LOGONS, DELAY, SENT, NEW, YOUNG, AT_NIGHT):
            records = records_of(TENANT, vm, key, {at: 30.0 for at in minutes_of(WINDOW_START) if at != SILENT})
            await deliver(tables, [a_message({**record, "Region": region} for record in records)])
    await work_off(tables)
    unheard_of, of_fleet = Whose("Region", UNHEARD_OF), [Whose("fleet"), Whose("Region", "japaneast")]
    for tenant, zone, whose in (
        (TENANT, TOKYO, [Whose("tenant"), Whose("vm", VM)]),
        (TENANT, None, [Whose("vm", "w")]),
        (None, TOKYO, of_fleet),
        (None, None, [unheard_of]),
    ):
        await tables.baselines.write(tenant, local(WINDOW_START, zone).day, baselines(zone, whose))
    for each in (TENANT, None):
        await tables.baselines.write_learned(each, LastLearned(TOKYO), None)
    return tables


def baselines(zone: str | None, whose: list[Whose]) -> DayBaselines:
    """At each hour 30, from 15 to 60, and rarely beyond that."""
    keys = (KEY, LOGONS, DELAY, YOUNG, AT_NIGHT)
    series = [Series(each, key) for each in whose for key in keys if each.kind != "vm" or kept_of_vms(key)]
    lines = np.full((LINES, len(series), HOURS), 30.0)
    lines[1], lines[2] = 15.0, 60.0
    unknown = [at for at, each in enumerate(series) if each.key in (YOUNG, AT_NIGHT)]
    lines[:, unknown] = np.nan
    days = np.array([1 if each.key == YOUNG else DAYS for each in series])
    return DayBaselines(zone, NamedSeries.from_series(series), Bands(lines, days))


async def answered(tables: Tables, name: str, asked: Mapping[str, object], status: int = 200) -> str:
    """The body of an answer to an operator."""
    text = await ask(tables, lambda: NOW, ROUTES[name], asked, roles="operator")
    assert text.startswith(str(status)), text
    return text.partition(")] ")[2]


async def chart(tables: Tables, name: str, **asked: object) -> Any:
    known = {"start": WINDOW_START, "end": NOW - 1, "baseline": "true"}
    return json.loads(await answered(tables, name, {**known, **asked}))


def bands(answer: Mapping[str, Any], key: str = KEY) -> set[tuple[float | None, ...]]:
    items = [item for item in answer["data"] if f"{item['PerfType']}.{item['PerfName']}" == key]
    assert len(items) >= 14
    return {(item["expected"], item["low"], item["high"]) for item in items}


UNKNOWN = {(None, None, None)}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("get_data", {}),
        ("get_tenant_data", {"tenant": TENANT}),
        ("get_tenant_data", {"tenant": TENANT, "vm": VM}),
    ],
)
async def test_each_point_says_what_is_normal_or_the_answer_why_it_is_unknown(
    tables: Tables, name: str, asked: dict[str, str]
) -> None:
    answer = await chart(tables, name, key=[KEY, NEW, YOUNG, AT_NIGHT, SENT], **asked)
    assert [list(each.values()) for each in answer["baselines"]] == [
        [KEY, DAYS, TOKYO, None],
        [NEW, 0, TOKYO, NOT_LEARNED],
        [YOUNG, 1, TOKYO, TOO_SHORT],
        [AT_NIGHT, DAYS, TOKYO, NOT_AT_THESE_HOURS],
        [SENT, 0, TOKYO, NOT_OF_VMS if "vm" in asked else NOT_LEARNED],
    ]
    assert bands(answer) == {(30.0, 15.0, 60.0)}
    assert bands(answer, NEW) | bands(answer, YOUNG) | bands(answer, AT_NIGHT) | bands(answer, SENT) == UNKNOWN


async def test_of_a_counter_that_is_summed_it_is_said_for_a_minute(tables: Tables) -> None:
    """A window of 30 log-ons has two a minute, and that is what the chart shows, over any time."""
    for interval in (1, 15):
        asked = {"key": LOGONS, "aggregationInterval": interval, "gaps": "null"}
        answer = await chart(tables, "get_tenant_data", tenant=TENANT, **asked)
        assert {(item["expected"], item["low"], item["high"]) for item in answer["data"]} == {(2.0, 1.0, 4.0)}


async def test_of_a_counter_whose_max_counts_only_such_points_are_compared(tables: Tables) -> None:
    async def told(**asked: object) -> tuple[set[float | None], str | None]:
        answer = await chart(tables, "get_tenant_data", key=DELAY, tenant=TENANT, **asked)
        return {item["expected"] for item in answer["data"]}, answer["baselines"][0]["reason"]

    assert await told(vm=VM, aggregationBy="max", aggregationInterval=15) == ({30.0}, None)
    for other in (
        {"vm": VM},
        {"vm": VM, "aggregationBy": "p95", "aggregationInterval": 15},
        {"vm": VM, "aggregationBy": "max", "aggregationInterval": 60},
        {"aggregationBy": "max", "aggregationInterval": 15},
    ):
        found, reason = await told(**other)
        assert found == {None}
        assert reason
        assert "whose value is the max of each VM's minutes" in reason


async def test_a_minute_without_data_has_a_band_too(tables: Tables) -> None:
    """Else nobody would see that a VM is silent where it used to be busy."""
    answer = await chart(tables, "get_tenant_data", key=KEY, tenant=TENANT, vm=VM, gaps="null")
    (silent,) = (item for item in answer["data"] if item["timestamp"] == SILENT)
    assert (silent["PerfValue"], silent["expected"]) == (None, 30.0)


async def test_all_counters_have_it_page_by_page(tables: Tables) -> None:
    asked = {"key": "*", "minutes": 2_000, "aggregationInterval": 15, "baseline": "true", "percentiles": "50"}
    first = json.loads(await answered(tables, "get_data", asked))
    second = json.loads(await answered(tables, "get_data", {**asked, "page": first["nextPage"]}))
    told = [each["key"] for page in (first, second) for each in page["baselines"]]
    assert told == sorted(told)
    assert len(told) == len(first["baselines"]) + len(second["baselines"]) >= 2
    without = {name: value for name, value in asked.items() if name != "baseline"}
    assert "400" in await answered(tables, "get_data", {**without, "page": first["nextPage"]}, 400)


async def test_csv_and_ndjson_have_it_in_each_row(tables: Tables) -> None:
    asked = {"key": KEY, "minutes": 3, "baseline": "true"}
    for name, more in (("get_data", {}), ("get_tenant_data", {"tenant": TENANT, "vm": VM})):
        text = await answered(tables, name, {**asked, **more, "format": "csv"})
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert {(row["expected"], row["low"], row["high"]) for row in rows} == {("30.0", "15.0", "60.0")}
        lines = (await answered(tables, name, {**asked, **more, "format": "ndjson"})).splitlines()
        assert [json.loads(line)["expected"] for line in lines] == [30.0] * 3


@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
async def test_without_the_parameter_nothing_is_added(tables: Tables, form: str) -> None:
    for name, more in (("get_data", {}), ("get_tenant_data", {"tenant": TENANT})):
        asked = {"key": KEY, "minutes": 3, "format": form, **more}
        plain = await answered(tables, name, asked)
        assert "expected" not in plain
        assert "baselines" not in plain
        assert plain == await answered(tables, name, {**asked, "baseline": "false"})


async def test_a_region_that_nobody_knows_is_told_by_utc(tables: Tables) -> None:
    charted = await chart(tables, "get_tenant_data", key=KEY, tenant=TENANT, vm="w")
    assert charted["baselines"] == [{"key": KEY, "history": DAYS, "timeZone": "UTC", "reason": None}]
    for population in ({"tenant": TENANT, "vm": "w"}, {"Region": UNHEARD_OF}):
        told = json.loads(await answered(tables, "get_baseline", {"key": KEY, "hours": 1, **population}))
        assert (told["history"], told["timeZone"], told["reason"]) == (DAYS, "UTC", None)
    none = json.loads(await answered(tables, "get_baseline", {"key": KEY, "hours": 1, "Region": "nowhere"}))
    assert (none["history"], none["timeZone"], none["reason"]) == (0, "UTC", NOT_LEARNED)
    assert {item["expected"] for item in none["data"]} == {None}


@pytest.mark.parametrize("population", [{}, {"tenant": TENANT}, {"tenant": TENANT, "vm": VM}, {"Region": "japaneast"}])
async def test_a_baseline_by_itself_in_every_format(tables: Tables, population: dict[str, str]) -> None:
    asked = {"key": KEY, "hours": 2, **population}
    told = json.loads(await answered(tables, "get_baseline", asked))
    assert (told["history"], told["timeZone"], told["reason"]) == (DAYS, TOKYO, None)
    assert [item["window"] for item in told["data"]] == list(range(WINDOW_START - 7 * WINDOW, NOW, WINDOW))
    assert told["data"][-1] == {"window": WINDOW_START, "expected": 30.0, "low": 15.0, "high": 60.0}
    rows = list(
        csv.DictReader(io.StringIO(await answered(tables, "get_baseline", {**asked, "format": "csv"}), newline=""))
    )
    assert rows[-1] == {"window": str(WINDOW_START), "expected": "30.0", "low": "15.0", "high": "60.0"}
    lines = (await answered(tables, "get_baseline", {**asked, "format": "ndjson"})).splitlines()
    assert [json.loads(line) for line in lines] == told["data"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"key": "win_cpu.nobody_has_it"}, "no counter named"),
        ({"key": KEY, "tenant": "nobody"}, "no tenant named"),
        ({"key": KEY, "tenant": TENANT, "vm": "nobody"}, "no VM of this tenant named"),
    ],
)
async def test_unknown_names_are_not_found(tables: Tables, asked: dict[str, str], named: str) -> None:
    assert named in await answered(tables, "get_baseline", asked, 404)
