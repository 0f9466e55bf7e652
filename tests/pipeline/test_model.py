"""The whole pipeline against a dict: deliveries, averaging, rebuilds, purges and faults in any order end as it says.

A hypothesis state machine drives the real pipeline. The model is a list of the messages that were delivered, less what
was purged. From it tests.pipeline.oracle works out, in plain Python, every sample and every report row, and
tests.pipeline.window_values every ranking and group.
"""

import asyncio
import gzip
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from domain.errors import Unavailable
from domain.minutes import WINDOW, minutes_of, window_of
from domain.refusals import MOST_KEPT
from domain.rollups import Node
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.operations import Operation
from pipeline.purge import Purge
from pipeline.queries.charts import Question, get_data, get_tenant_data
from pipeline.queries.lists import list_vms
from pipeline.rebuild import CatchUp, Rebuild
from pipeline.refusals import KEPT_WHOLE
from pipeline.rules import Rules
from storage.cosmos import CosmosDocuments
from storage.cosmos_client import Account
from storage.documents import Conflict, Documents
from storage.schema import MARKS
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.catalogue import vms_of
from tests.builders import HORIZON, NOW, TIMES, WINDOW_START, a_message, a_record, a_view
from tests.peers import needs_node
from tests.pipeline.faults import Fault, FaultyDocuments
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.oracle import Samples, report_of, samples_of
from tests.pipeline.steps import the_report, work_off
from tests.pipeline.test_operations import carry_out, context
from tests.pipeline.window_values import assert_percentiles, assert_window_values
from tests.storage.adapters import EMULATOR_KEY, TABLES

NEWEST = WINDOW_START + WINDOW - 30
OLDEST = WINDOW_START - 2 * WINDOW + 30
KEYS = ("win_cpu.percent", "win_mem.available_bytes", "win_session.logons")
"""Reduced by avg, min and sum; of the second, low values are the worse ones."""

REGIONS = ("uksouth", "eastus", None, "uksouth")
SIZES = ("D4", "D8", None)
DIMENSIONS = {
    (f"t/{tenant}", f"v+{vm}"): {"Region": REGIONS[tenant], "MachineSize": SIZES[vm]}
    for tenant in range(4)
    for vm in range(3)
}

NEARBY = replace(HORIZON, oldest=OLDEST)
"""So that a purge does not look through a month in which nothing is."""

AT_ONCE = Rules(summaries_at_once=True)

values = st.one_of(st.floats(-1e9, 1e9, allow_nan=False), st.integers(-5, 5), st.sampled_from([0.1, 1e-300, 1e300]))
good = st.builds(
    lambda tenant, vm, key, minute, second, value: a_record(
        MaskedTenantId=f"t/{tenant}",
        MaskedVMName=f"v+{vm}",
        PerfType=key.split(".")[0],
        PerfName=key.split(".")[1],
        timestamp=OLDEST - 30 + minute * 60 + second,
        PerfValue=value,
        **DIMENSIONS[f"t/{tenant}", f"v+{vm}"],
    ),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(KEYS),
    st.integers(0, 44),
    st.integers(0, 59),
    values,
)
bad = st.sampled_from(
    [
        a_record(timestamp=NOW + 3600),
        a_record(timestamp=NOW - 40 * 86_400),
        a_record(PerfType="a.b"),
        a_record(PerfValue="1"),
        a_record(MaskedVMName=""),
        {"nothing": 1},
    ]
)
batches = st.lists(st.lists(st.one_of(good, good, good, bad), min_size=1, max_size=12), max_size=3)
faults = st.lists(st.tuples(st.integers(1, 60), st.sampled_from(Fault)), max_size=4)


AWKWARD: dict[bytes, int] = {
    gzip.compress(b'{"metrics":[0' + b",0" * 5_000 + b"]}"): 5_001,
    b'{"metrics":[' + b'{"a":"' + b"x" * 260_000 + b'"}]}': 1,
    b"{" + b"x" * 262_000: 1,
    gzip.compress(bytes(20_000_000)): 1,
    a_message([a_record(MaskedTenantId="t/0", MaskedVMName="v+0", PerfValue=1e400)] * 1_500): 1_500,
}
"""Messages at the bounds of what a message may be, and how many inputs of each are refused."""


def deployed_consistency() -> str:
    """The consistency level of the account as the templates deploy it."""
    template = Path(__file__).parents[2] / "infra" / "modules" / "cosmos.bicep"
    return re.search(r"defaultConsistencyLevel: '(\w+)'", template.read_text())[1]  # type: ignore[index]


def is_bad(record: dict[str, Any]) -> bool:
    return not str(record.get("MaskedTenantId", "")).startswith("t/")


class Pipeline(RuleBasedStateMachine):
    """Subclasses say on which store."""

    happened: set[Fault]
    """Kinds of faults that happened in all runs of this machine."""

    settled = 0
    """How often all was compared with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.delivered: list[list[dict[str, Any]]] = []
        """The records of each message, in the order in which their deliveries succeeded."""
        self.counted: list[list[dict[str, Any]]] = []
        """The good ones among them that were not purged since."""
        self.waiting: list[list[list[dict[str, Any]]]] = []
        """Batches whose delivery failed: the queue has them still."""
        self.awkward: set[bytes] = set()
        """Messages at the bounds of what a message may be, whose deliveries succeeded; and those that failed:"""
        self.waiting_bodies: list[bytes] = []

    def open(self) -> Coroutine[Any, Any, Documents]:
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        self.faulty = FaultyDocuments(self.runner.run(self.open()), deployed_consistency())
        self.tables = Tables(self.faulty)

    def teardown(self) -> None:
        if hasattr(self, "faulty"):
            try:
                self.settle()
            finally:
                type(self).happened = getattr(type(self), "happened", set()) | self.faulty.happened
                self.runner.run(self.faulty.close())
        self.runner.close()

    def attempt(self, planned: list[tuple[int, Fault]], work: Callable[[], Awaitable[Any]]) -> bool:
        """Do work in which calls of the store go wrong; tell whether it succeeded."""
        self.faulty.plan(planned)

        async def run() -> None:
            await work()

        try:
            self.runner.run(run())
        except Unavailable:
            return False
        finally:
            self.faulty.plan()
        return True

    async def ingest(self, batch: list[list[dict[str, Any]]]) -> None:
        await self.ingest_bodies([a_message(each) for each in batch])

    async def ingest_bodies(self, bodies: list[bytes]) -> None:
        await ingest(self.tables, [Message(body, "m", NOW) for body in bodies], HORIZON)

    def accepted(self, batch: list[list[dict[str, Any]]]) -> None:
        self.delivered += batch
        self.counted += [[record for record in each if not is_bad(record)] for each in batch]

    def deliver(self, batch: list[list[dict[str, Any]]], planned: list[tuple[int, Fault]]) -> None:
        if self.attempt(planned, lambda: self.ingest(batch)):
            self.accepted(batch)
        else:
            self.waiting.append(batch)

    @rule(
        batch=st.lists(st.lists(st.one_of(good, good, good, bad), min_size=1, max_size=12), max_size=3), planned=faults
    )
    def new_messages(self, batch: list[list[dict[str, Any]]], planned: list[tuple[int, Fault]]) -> None:
        self.deliver([*batch], planned)

    @rule(body=st.sampled_from(list(AWKWARD)), batch=st.lists(good, min_size=1, max_size=8), planned=faults)
    def a_message_at_the_bounds(
        self, body: bytes, batch: list[dict[str, Any]], planned: list[tuple[int, Fault]]
    ) -> None:
        """Beside it, a message like others."""
        if self.attempt(planned, lambda: self.ingest_bodies([body, a_message(batch)])):
            self.accepted([batch])
            self.awkward.add(body)
        else:
            self.waiting.append([batch])
            self.waiting_bodies.append(body)

    @rule(batch=st.lists(good, min_size=1, max_size=4))
    def a_store_that_is_down_for_longer_than_ten_deliveries(self, batch: list[dict[str, Any]]) -> None:
        for _ in range(12):
            assert not self.attempt([(1, Fault.DIED)], lambda: self.ingest([batch]))
        self.waiting.append([batch])

    @rule(which=st.integers(0, 50), planned=faults)
    def duplicate(self, which: int, planned: list[tuple[int, Fault]]) -> None:
        if self.delivered:
            self.deliver([self.delivered[which % len(self.delivered)]], planned)

    @rule(planned=faults)
    def redelivery(self, planned: list[tuple[int, Fault]]) -> None:
        if self.waiting:
            self.deliver(self.waiting.pop(0), planned)

    @rule(planned=faults)
    def averaging(self, planned: list[tuple[int, Fault]]) -> None:
        self.attempt(planned, lambda: average(self.tables, TIMES))

    @rule(planned=faults, batch=st.lists(good, min_size=1, max_size=8))
    def averaging_twice_while_messages_come(
        self, planned: list[tuple[int, Fault]], batch: list[dict[str, Any]]
    ) -> None:
        slow = [(call, Fault.SLOW) for call, _ in planned]

        async def together() -> None:
            await asyncio.gather(average(self.tables, TIMES), self.ingest([batch]), average(self.tables, TIMES))

        assert self.attempt(slow, together)
        self.accepted([batch])

    @rule(
        planned=faults,
        operation=st.sampled_from([Rebuild(OLDEST), Rebuild(WINDOW_START, WINDOW_START + WINDOW), CatchUp()]),
    )
    def an_operation(self, planned: list[tuple[int, Fault]], operation: Operation) -> None:
        self.attempt(planned, lambda: carry_out(self.tables, operation))

    @rule(planned=faults, tenant=st.sampled_from(["t/1", "t/2", "t/3"]), vm=st.sampled_from([None, "v+1", "v+2"]))
    def a_purge(self, planned: list[tuple[int, Fault]], tenant: str, vm: str | None) -> None:
        """Of names that no message in quarantine holds. One that fails is begun again, until it is done."""
        purge, nearby = Purge(tenant, vm), replace(context(self.tables, NEARBY), rules=Rules(standings_days=2))
        while not self.attempt(planned, lambda: carry_out(self.tables, purge, nearby)):
            planned = []

        def goes(record: dict[str, Any]) -> bool:
            return record["MaskedTenantId"] == tenant and vm in (None, record["MaskedVMName"])

        self.counted = [[record for record in each if not goes(record)] for each in self.counted]

    @invariant()
    def never_more_than_was_accepted(self) -> None:
        """At any moment the report counts no VM twice."""
        if hasattr(self, "faulty"):
            report = self.runner.run(the_report(self.tables))
            assert all(row["count"] <= 12 for row in report.values())

    @rule()
    def settle(self) -> None:
        while self.waiting:
            self.deliver(self.waiting.pop(0), [])
        if self.waiting_bodies:
            self.runner.run(self.ingest_bodies(self.waiting_bodies))
            self.awkward.update(self.waiting_bodies)
            self.waiting_bodies = []
        self.runner.run(self.work_off())
        samples = samples_of(a_message(each) for each in self.counted)
        report = self.runner.run(the_report(self.tables))
        assert report == report_of(samples)
        assert sum(row["count"] for row in report.values()) == len(samples)
        self.runner.run(self.compare_rollups(samples))
        self.runner.run(self.compare_answers(samples))
        self.runner.run(assert_window_values(self.tables, samples, DIMENSIONS))
        self.runner.run(self.compare_quarantine())
        self.runner.run(self.compare_nothing_left())
        type(self).settled += 1

    async def work_off(self) -> None:
        await work_off(self.tables)
        await average(self.tables, TIMES, rules=AT_ONCE)  # the fleet's summaries need not wait for closing

    async def compare_rollups(self, samples: Samples) -> None:
        for tenant in {tenant for tenant, *_ in samples}:
            own = report_of({where: value for where, value in samples.items() if where[0] == tenant})
            for window in {window_of(minute) for _, minute in own}:
                rollup = await self.tables.rollups.read(Node.of(tenant), window)
                assert rollup
                found = {
                    (key, minute): (partial.count, partial.mean, partial.min, partial.max)
                    for key, placed in rollup.value.items()
                    for minute, partial in zip(minutes_of(window), placed.series, strict=True)
                    if partial
                }
                assert found == {
                    where: (row["count"], row["average"], row["min"], row["max"])
                    for where, row in own.items()
                    if window_of(where[1]) == window
                }

    async def compare_answers(self, samples: Samples) -> None:
        view = a_view()
        report = report_of(samples)
        for key in {key for _, _, key, _ in samples}:
            minutes = sorted(minute for of, minute in report if of == key)
            question = Question([key], start=minutes[0], end=minutes[-1], percentiles=(50, 95))
            answer = await get_data(self.tables, question, view)
            assert [(item.timestamp, item.average, item.count) for item in answer.data] == [
                (minute, report[key, minute]["average"], report[key, minute]["count"]) for minute in minutes
            ]
            tenant, vm = min((tenant, vm) for tenant, vm, of, _ in samples if of == key)
            beside = await get_tenant_data(self.tables, question, tenant, vm, view)
            assert_percentiles(key, samples, answer.data, beside.data, tenant)
            assert {item.timestamp: item.PerfValue for item in beside.data if item.PerfValue is not None} == {
                minute: value
                for (of, name, counter, minute), value in samples.items()
                if (of, name, counter) == (tenant, vm, key)
            }
            assert (
                {each.vm for each in await list_vms(self.tables, tenant, view)}
                == {name for of, name, *_ in samples if of == tenant}
                == set(await self.tables.catalogue.entries(vms_of(tenant)))
            )

    async def compare_quarantine(self) -> None:
        """Every refused input is counted once a message, however often the message came; the first ones are kept."""
        expected = {a_message(each): sum(map(is_bad, each)) for each in self.delivered}
        expected |= {body: AWKWARD[body] for body in self.awkward}
        found = []
        async for message in self.tables.quarantine.messages("2026-09-21"):
            inputs = [each for each in await self.tables.quarantine.inputs(message) if each.reason != KEPT_WHOLE]
            refused = sum(message.reasons.values())
            assert len(inputs) == refused or (refused > len(inputs) and refused > MOST_KEPT)
            found.append(refused)
        assert sorted(found) == sorted(count for count in expected.values() if count)

    async def compare_nothing_left(self) -> None:
        for kind in ("dirty", "due", "to judge"):
            assert [each async for each in self.faulty.scan(MARKS, kind)] == []


class OnMemory(Pipeline):
    async def open(self) -> Documents:
        return MemoryDocuments()


class OnSqlite(Pipeline):
    async def open(self) -> Documents:
        self.folder = tempfile.mkdtemp()
        return SqliteDocuments(Path(self.folder) / "store.db", TABLES)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)


def run(machine: type[Pipeline], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def run_with_every_fault(machine: type[Pipeline], examples: int, steps: int) -> None:
    """Run so many examples; and where chance left a kind of fault out, twice and four times as many."""
    for times in (1, 2, 4):
        run(machine, examples * times, steps)
        if machine.happened == set(Fault):
            return


def test_the_pipeline_on_the_fake_store_is_as_the_model() -> None:
    run_with_every_fault(OnMemory, 150, 25)
    assert OnMemory.happened == set(Fault)
    assert OnMemory.settled >= 150


def test_the_pipeline_on_sqlite_is_as_the_model() -> None:
    run_with_every_fault(OnSqlite, 40, 20)
    assert OnSqlite.happened == set(Fault)
    assert OnSqlite.settled >= 40


@needs_node
def test_the_pipeline_on_cosmos_db_is_as_the_model(cosmos_port: int) -> None:
    class OnCosmos(Pipeline):
        databases = 0

        async def open(self) -> Documents:
            OnCosmos.databases += 1
            account = Account(f"https://127.0.0.1:{cosmos_port}", f"model-{OnCosmos.databases}", EMULATOR_KEY)
            documents = CosmosDocuments(account, TABLES)
            await documents.create_tables()
            return documents

    run(OnCosmos, 4, 8)
    assert OnCosmos.settled >= OnCosmos.databases >= 4


@pytest.mark.parametrize("fault", Fault)
async def test_faults_are_what_they_say(fault: Fault) -> None:
    """Else the machine above would prove nothing."""
    inner = MemoryDocuments()
    faulty = FaultyDocuments(inner)
    await faulty.create("t", "p", "a", {"n": 1})
    before = await faulty.read("t", "p", "a")
    assert before
    faulty.plan([(1, fault)])
    failed = False
    try:
        await faulty.upsert("t", "p", "b", {"n": 2})
    except Unavailable:
        failed = True
    written = await inner.read("t", "p", "b") is not None
    assert (failed, written) == {
        Fault.BEFORE: (True, False),
        Fault.AFTER: (True, True),
        Fault.BUSY: (True, False),
        Fault.TOUCHED: (False, True),
        Fault.SLOW: (False, True),
        Fault.TIMEOUT: (True, False),
        Fault.DIED: (True, False),
        Fault.LAGS: (False, True),
    }[fault]
    if fault is Fault.TIMEOUT:
        await faulty.read("t", "p", "a")
        assert await inner.read("t", "p", "b")
    if fault is Fault.DIED:
        with pytest.raises(Unavailable, match="died"):
            await faulty.read("t", "p", "a")
        faulty.plan()
        assert await faulty.read("t", "p", "a")
    if fault is Fault.TOUCHED:
        faulty.plan([(1, fault)])
        with pytest.raises(Conflict):
            await faulty.replace("t", "p", "a", {"n": 3}, before.etag)
        again = await inner.read("t", "p", "a")
        assert again
        assert (again.body, again.etag != before.etag) == ({"n": 1}, True)


@pytest.mark.parametrize("consistency", ["Strong", "BoundedStaleness", "Session", "ConsistentPrefix", "Eventual"])
async def test_a_replica_that_lags_is_why_the_account_is_strong(consistency: str) -> None:
    """Averaging did not write the samples. Of what it does not see it clears the mark, and nobody comes back to it."""
    counts = set()
    for call in range(1, 30):
        faulty = FaultyDocuments(MemoryDocuments(), consistency)
        tables = Tables(faulty)
        for vm in ("one", "two"):
            await ingest(tables, [Message(a_message([a_record(MaskedVMName=vm)]), "m", NOW)], HORIZON)
            faulty.plan([(call, Fault.LAGS)] if vm == "two" else [])
            await average(tables, TIMES)
            faulty.plan()
        await work_off(tables)
        (row,) = await tables.report.rows("win_cpu.percent_processor_time", WINDOW_START, NOW)
        counts.add(row.count)
    assert counts == ({2} if consistency == "Strong" else {1, 2})
