"""Every endpoint that is open to tenants, present and to come: of others it tells what is disclosed, and no more."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import azure.durable_functions as df
import pytest

from blueprints.http import endpoints
from blueprints.http.endpoints import ENDPOINTS, PEOPLE, Endpoint, endpoint
from blueprints.http.formats import Text
from blueprints.http.reading import ListParameters, NoParameters
from blueprints.http.shown import may_be_shown
from blueprints.services import Services
from domain.charts import FleetItem
from domain.disclosed_charts import DisclosedItem
from domain.disclosure import ForTenants
from pipeline.ingest import Message, ingest
from pipeline.queries.answers import DisclosedAnswer, FleetAnswer, TenantAnswer
from pipeline.queries.view import View
from storage.tables import Tables
from tests.builders import HORIZON, KEY, LATENESS, NOW, a_message, a_record, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, work_off
from tests.trust.asking import OPEN_TO_TENANTS, STRANGERS, ask
from tests.trust.learned import CLOSED, FEW, OPEN, learn

ME, MINE = "me", "m0"
SPREAD = "win_mem.percent_used"
"""A counter that so many have that percentiles and ranks are disclosed too."""

LATER = NOW + LATENESS
"""When everything of CLOSED is closed and OPEN is not."""

KNOWN: dict[str, list[object]] = {
    "key": [KEY, FEW, SPREAD, [KEY, FEW], "win_service.OnlyTheirs", "*"],
    "tenant": [ME, "other-0", "nobody"],
    "vm": [MINE, "other-vm-0-0"],
    "minutes": [1, 60],
    "start": [CLOSED, CLOSED + 450, CLOSED - 1],
    "end": [LATER, CLOSED + 510, CLOSED + 899],
    "against": ["previous", "day"],
    "aggregationInterval": [1, 4, 60],
    "aggregationBy": ["avg", "min", "max", "p50", "p95"],
    "percentiles": ["10,50,90", "1,95,99.9"],
    "window": [CLOSED, OPEN],
    "windows": [1, 3],
    "order": ["worst", "highest", "lowest"],
    "groupBy": ["Region", "MachineSize", "ResourcePoolName", "SiteName", "tenant", "vm"],
    "Region": ["westeurope", "northeurope"],
    "MachineSize": ["Standard_D4s_v3"],
    "ResourcePoolName": ["pool"],
    "SiteName": ["site"],
    "final": ["false", "true"],
    "baseline": ["true"],
    "hours": [1, 24],
    "pool": ["pool"],
    "days": [1, 14],
    "serve": ["0.95"],
    "bootMinutes": [0, 10],
    "gaps": ["null"],
    "format": ["json", "csv", "ndjson"],
    "limit": [1, 20_000],
    "lines": [1, 5_000],
    "page": ["x"],
    **{name: [value] for name, value in STRANGERS.items()},
}
"""What is asked, by parameter. A parameter that is new is to be added here, with what makes a difference."""

INSTEAD = {"minutes": {"start", "end"}, "start": {"minutes"}, "end": {"minutes"}}


def questions(of: Endpoint) -> Iterator[dict[str, object]]:
    """Yield questions: all values of what is needed, and each value of what else may be asked."""
    fields = of.parameters.model_fields
    needed = [name for name, field in fields.items() if field.is_required()]
    if {"minutes", "start"} <= fields.keys():
        needed.append("start")
    optional: list[tuple[str, object]] = [(name, value) for name in fields for value in KNOWN[name]]
    for values in itertools.product(*(KNOWN[name] for name in needed)):
        asked = dict(zip(needed, values, strict=True))
        yield asked
        for name, value in optional:
            rest = {other: each for other, each in asked.items() if other not in INSTEAD.get(name, ())}
            yield {**rest, name: value}


async def a_store(vms: int, spread: float, *, late: bool) -> Tables:
    """A store in which ME is the same, and of others what is disclosed; nothing else is.

    ``vms``: how many each other tenant has; ``spread``: how far they are from their mean, which is 40. Of SPREAD they
    have more VMs, a third of which are at 8 and the others at 17, or so near to it that they are rounded to that.
    """
    tables = Tables(MemoryDocuments())
    await enrol(tables, [ME, *(f"other-{number}" for number in range(6))])

    async def send(tenant: str, vm: str, key: str, value: float, window: int) -> None:
        records = records_of(tenant, vm, key, [value] * (15 if window == CLOSED else 3), window)
        region = "northeurope" if late and tenant != ME else "westeurope"
        await deliver(tables, [a_message({**record, "Region": region} for record in records)])

    for window in (CLOSED, OPEN):  # of OPEN, what is not too far ahead of the clock
        for key in (KEY, FEW):
            await send(ME, MINE, key, 40.0, window)
        await send(ME, MINE, SPREAD, 14.0, window)
        for number in range(6):
            for vm in range(vms):
                value = 40 + spread * (1 if number % 2 else -1)
                await send(f"other-{number}", f"other-vm-{number}-{vm}", KEY, value, window)
            for vm in range(6 * vms):
                off = spread / 64 if number % 2 else -spread / 64
                value = 17 + off if vm % 3 else 8 + off / 4
                await send(f"other-{number}", f"spread-{vm}", SPREAD, value, window)
        for vm in range(vms):
            await send("other-0", f"other-vm-0-{vm}", FEW, 77.0 + spread, window)
            await send("other-1", f"other-vm-1-{vm}", "win_service.OnlyTheirs", 55.5 + spread, window)
    await work_off(tables)
    await close_windows(tables, LATER)
    await learn(
        tables, {(ME, MINE): 40.0, (None, ""): 40.0 + spread, ("other-0", "other-vm-0-0"): 40.0 + spread}, LATER
    )
    if late:
        await send("other-2", "late", KEY, 99.25, CLOSED)
        await send("other-2", "late", FEW, 99.25, CLOSED)
        await send("other-2", "late", SPREAD, 99.25, CLOSED)
        await ingest(tables, [Message(a_message([a_record(PerfValue="x")]), "bad", NOW)], HORIZON)
        await work_off(tables)
        await close_windows(tables, LATER)
    return tables


@pytest.fixture(scope="module")
def stores() -> list[Tables]:
    return [asyncio.run(a_store(1, 8.0, late=False)), asyncio.run(a_store(3, 16.5, late=True))]


async def answers(stores: list[Tables], name: str, asked: Mapping[str, object], **claims: str) -> list[str]:
    return [await ask(tables, lambda: LATER, OPEN_TO_TENANTS[name], asked, **claims) for tables in stores]


@pytest.mark.parametrize("name", OPEN_TO_TENANTS)
async def test_no_endpoint_tells_a_tenant_anything_of_others_that_is_not_disclosed(
    stores: list[Tables], name: str
) -> None:
    """Two fleets that differ in all that is not disclosed are answered for alike, to the last byte."""
    for asked in questions(OPEN_TO_TENANTS[name]):
        one, other = await answers(stores, name, asked, tid=ME)
        assert one == other, asked
        assert not one.startswith("500")


async def test_what_a_tenant_is_not_told_is_there_to_be_told(stores: list[Tables]) -> None:
    """Else the test above could not fail; and what is disclosed is among what was asked."""
    asked: dict[str, object] = {"key": [KEY, FEW], "start": CLOSED, "end": LATER}
    one, other = await answers(stores, "get_data", asked, roles="operator")
    assert one.startswith("200")
    assert other.startswith("200")
    assert one != other
    shown, _ = await answers(stores, "get_data", asked, tid=ME)
    assert shown.count('"average":40.0') == 15
    assert shown.count('"suppressed":"fewer than 5 other tenants took part"') == 15
    assert shown.count('"suppressed":"the minute is not final yet"') == 6
    asked = {"key": SPREAD, "start": CLOSED, "end": LATER, "percentiles": "10,50,90"}
    shown, _ = await answers(stores, "get_data", asked, tid=ME)
    assert shown.count('"percentiles":{"p10":8.0,"p50":17.0,"p90":17.0}') == 15
    asked = {"key": SPREAD, "tenant": ME, "window": CLOSED}
    shown, _ = await answers(stores, "get_ranking", asked, tid=ME)
    assert '"PerfValue":14.0,"rank":35.0,' in shown


@pytest.mark.parametrize("endpoint", ["get_baseline", "get_forecast"])
async def test_a_tenants_caller_is_told_what_was_learned_of_itself_and_an_operator_of_everybody(
    stores: list[Tables], endpoint: str
) -> None:
    """Else it would be no news above that of others it is told nothing."""
    populations: list[dict[str, object]] = [{}, {"Region": "westeurope"}, {"MachineSize": "Standard_D4s_v3"}]
    populations += [{"tenant": ME}, {"tenant": ME, "vm": MINE}, {"tenant": "other-0"}]
    for population in populations:
        asked: dict[str, object] = {"key": KEY, "hours": 1, **population}
        one, other = await answers(stores, endpoint, asked, roles="operator")
        assert '"reason":null' in one
        own = population.get("tenant") == ME
        assert (one == other) == own, population
        told, _ = await answers(stores, endpoint, asked, tid=ME)
        assert told[:3] == ("200" if own else "404" if "tenant" in population else "403")
        assert ('"expected":40.0' in told) == own


async def test_a_chart_tells_a_tenants_caller_what_is_normal_for_itself_only(stores: list[Tables]) -> None:
    chart: dict[str, object] = {"key": KEY, "start": CLOSED, "end": LATER, "baseline": "true"}
    one, other = await answers(stores, "get_data", chart, roles="operator")
    assert ('"expected":48.0' in one, '"expected":56.5' in other) == (True, True)
    told, _ = await answers(stores, "get_data", chart, tid=ME)
    assert told.startswith("403")
    for own_chart in ({**chart, "tenant": ME}, {**chart, "tenant": ME, "vm": MINE}):
        told, _ = await answers(stores, "get_tenant_data", own_chart, tid=ME)
        assert told.count('"expected":40.0,"low":40.0,"high":40.0') >= 15


async def test_a_tenants_caller_gets_a_verdict_and_what_is_unusual_of_its_own_vms_only(stores: list[Tables]) -> None:
    """Else it would be no news above that of others it is told nothing: there is a verdict, and it is the same."""
    asked: dict[str, object] = {"tenant": ME, "vm": MINE, "window": CLOSED}
    told, _ = await answers(stores, "get_verdict", asked, tid=ME)
    assert '"verdict":"none"' in told
    assert '"who":"size"' not in told
    one, other = await answers(stores, "get_verdict", asked, roles="operator")
    assert one != other
    assert '"who":"size"' in one
    listed, _ = await answers(stores, "get_unusual", {"tenant": ME, "window": CLOSED}, tid=ME)
    assert '"judged":1,' in listed
    refused, _ = await answers(stores, "get_unusual", {"window": CLOSED}, tid=ME)
    assert refused.startswith("403")
    one, other = await answers(stores, "get_unusual", {"window": CLOSED}, roles="operator")
    assert '"judged":2,' in one


async def test_a_tenants_caller_gets_a_matrix_of_its_own_vms_only(stores: list[Tables]) -> None:
    """Else it would be no news above that of others it is told nothing."""
    asked: dict[str, object] = {"groupBy": "vm", "tenant": ME, "window": CLOSED}
    told, _ = await answers(stores, "get_matrix", asked, tid=ME)
    assert f'"group":"{MINE}"' in told
    assert '"expected":40.0,"low":40.0,"high":40.0' in told
    for of in ({"groupBy": "Region"}, {"groupBy": "vm", "tenant": "other-0"}):
        refused, _ = await answers(stores, "get_matrix", {**of, "window": CLOSED}, tid=ME)
        assert refused.startswith("404" if "tenant" in of else "403")
    one, other = await answers(stores, "get_matrix", {"groupBy": "tenant", "window": CLOSED}, roles="operator")
    assert one != other


async def test_a_tenants_caller_is_told_which_of_its_own_vms_run_full(stores: list[Tables]) -> None:
    """Else it would be no news above that of others it is told nothing."""
    told, _ = await answers(stores, "get_capacity", {"key": KEY, "tenant": ME, "limit": 45}, tid=ME)
    assert f'"vm":"{MINE}","value":40.0,"perDay":1.0,"reached":false' in told
    for other in ({}, {"tenant": "other-0"}):
        refused, _ = await answers(stores, "get_capacity", {"key": KEY, "limit": 45, **other}, tid=ME)
        assert refused.startswith("404" if other else "403")
    one, other_one = await answers(stores, "get_capacity", {"key": KEY, "limit": 45}, roles="operator")
    assert one != other_one
    assert "other-vm-0-0" in one


async def test_a_tenants_caller_is_told_when_its_own_people_log_on_and_nobody_elses(stores: list[Tables]) -> None:
    """Else it would be no news above that of others it is told nothing."""
    for asked in ({}, {"pool": "pool"}, {"vm": MINE}, {"pool": "pool", "format": "avd-scaling-plan"}):
        own, again = await answers(stores, "get_logons", {"tenant": ME, **asked}, tid=ME)
        assert own.startswith("200")
        assert own == again
        assert '"startBy":1' in own or '"rampUpStartTime"' in own
    one, other = await answers(stores, "get_logons", {"tenant": "other-0"}, roles="operator")
    assert one.startswith("200")
    assert one != other
    refused, _ = await answers(stores, "get_logons", {"tenant": "other-0"}, tid=ME)
    assert refused.startswith("404")
    assert (await answers(stores, "get_logons", {}, tid=ME))[0].startswith("400")


@dataclass(frozen=True, slots=True)
class Nested(ForTenants):
    """Says that it is for tenants, and holds what is not."""

    data: list[FleetItem]


@dataclass(frozen=True, slots=True)
class Unclassified:
    """Says nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class WithinAMapping(ForTenants):
    """Says that it is for tenants, and holds, somewhere, what says nothing."""

    data: dict[str, Unclassified | None]


@dataclass(frozen=True, slots=True)
class Plain(ForTenants):
    """Holds nothing of others."""

    kind: Literal["a", "b"]
    data: list[DisclosedItem]
    more: dict[str, tuple[int, float | None]]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Plain, True),
        (DisclosedAnswer, True),
        (Nested, False),
        (WithinAMapping, False),
        (Unclassified, False),
        (FleetAnswer, False),
        (TenantAnswer, False),
        (Text, False),
        (dict[str, Any], False),
        (Any, False),
        (str, False),
    ],
)
def test_a_type_is_for_tenants_only_where_it_and_all_its_parts_say_so(answer: Any, shown: bool) -> None:
    assert may_be_shown(answer) == shown


def test_an_endpoint_that_is_open_to_tenants_and_answers_with_an_unclassified_type_is_not_registered() -> None:
    async def leak(shared: Services, view: View, asked: NoParameters) -> FleetAnswer:
        raise NotImplementedError

    before = list(ENDPOINTS)
    for callers in (PEOPLE, ()):
        with pytest.raises(TypeError, match=r"v1/leak is open to tenants, and .*FleetAnswer.* is not for them"):
            endpoint(df.Blueprint(), "v1/leak", callers)(leak)
    assert before == ENDPOINTS


async def test_an_answer_that_is_not_for_tenants_is_not_written_to_one(
    stores: list[Tables], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of an endpoint that answers everybody and gives a tenant's caller what an operator gets."""

    async def leak(*_: object) -> FleetAnswer:
        return FleetAnswer("a.b", 0, 0, 1, "avg", [], None, [FleetItem(0, "a", "b", 31.4159, 31.4159)])

    made = replace(OPEN_TO_TENANTS["get_data"], work=leak, parameters=ListParameters)
    monkeypatch.setattr(endpoints, "ENDPOINTS", [made])
    told = await ask(stores[0], lambda: NOW, made, {}, roles="operator")
    assert told.startswith("200")
    assert "31.4159" in told
    refused = await ask(stores[0], lambda: NOW, made, {}, tid=ME)
    assert refused.startswith("500")
    assert "31.4159" not in refused
