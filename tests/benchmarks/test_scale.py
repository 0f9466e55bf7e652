"""The arithmetic of docs/scale.md: its shape is the code's, its tables are the page's, its cases are worked by hand."""

import asyncio
from pathlib import Path

import pytest

from benchmarks import modelled
from benchmarks.fleet import HORIZON, LAST_WINDOW, NOW, TIMES, VIEW, keys, messages, tenant_name
from benchmarks.modelled import GB, Fleet, occupied, partition_share
from benchmarks.priced import PricedDocuments
from benchmarks.scale import LIMITS, Limit, breaks_at, order_of_breaking, table
from benchmarks.volumes import Volumes, measure
from domain.rollups import DEPTH, Node
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries.charts import Question, get_data
from storage.charges import metered
from storage.schema import REPORT, ROLLUPS, SAMPLES, STANDINGS
from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


@pytest.fixture(scope="module")
def volumes() -> Volumes:
    return asyncio.run(measure(1_000, modelled.COUNTERS))


def test_the_shape_is_what_the_code_does(volumes: Volumes) -> None:
    close = 0.03
    assert volumes.messages == pytest.approx(1_000 / modelled.VMS_A_MESSAGE, rel=close)
    assert volumes.message_bytes / volumes.messages == pytest.approx(modelled.MESSAGE_BYTES, rel=close)
    assert volumes.samples_bytes / 1_000 == pytest.approx(modelled.VM_WINDOW_BYTES, rel=close)
    of_counter = modelled.REPORT_BYTES + modelled.DISCLOSED_BYTES + modelled.FLEET_HISTOGRAMS_BYTES
    assert volumes.report_bytes / modelled.COUNTERS == pytest.approx(of_counter, rel=0.1)
    leaves = [Node.of(tenant_name(tenant)).branch for tenant in range(10)]
    branches = {branch[:level] for branch in leaves for level in range(1, DEPTH + 1)}
    tops = {branch[:1] for branch in leaves}
    rollups = (10 + len(branches)) * modelled.ROLLUP_BYTES
    histograms = 10 * modelled.HISTOGRAMS_BYTES + len(tops) * modelled.BRANCH_HISTOGRAMS_BYTES
    assert volumes.rollups_bytes == pytest.approx(rollups + histograms, rel=0.1)
    summaries = len(tops) * modelled.SUMMARY_BYTES + modelled.COUNTERS * modelled.FLEET_SUMMARY_BYTES
    assert volumes.standings_bytes == pytest.approx(10 * modelled.STANDINGS_BYTES + summaries, rel=0.15)


def test_request_units_are_about_what_the_code_is_charged(volumes: Volumes) -> None:
    fleet = Fleet(1_000)
    charged = dict(volumes.by_operation)

    def of(table_name: str) -> float:
        return sum(units for operation, units in charged.items() if operation.split()[1] == table_name)

    assert fleet.samples_units == pytest.approx(of(SAMPLES), rel=0.15)
    assert fleet.report_units == pytest.approx(of(REPORT), rel=0.15)
    assert fleet.rollups_units == pytest.approx(of(ROLLUPS), rel=0.3)
    assert fleet.standings_units == pytest.approx(of(STANDINGS), rel=0.15)
    everything = fleet.samples_units + fleet.merged_units
    assert everything == pytest.approx(volumes.request_units, rel=0.15)


async def test_what_does_not_grow_with_the_fleet_does_not() -> None:
    charges = []
    for tenants in (2, 20):
        tables = Tables(PricedDocuments(MemoryDocuments()))
        for window in (LAST_WINDOW, LAST_WINDOW - 900):
            batch = [Message(body, "m", NOW) for body in messages(tenants, 2, window, counters=2)]
            await ingest(tables, batch, HORIZON)
        await average(tables, TIMES)
        with metered() as meter:
            await get_data(tables, Question(keys(1), minutes=30), VIEW)
        charges.append(meter.units)
    assert charges[1] == pytest.approx(charges[0], rel=0.1)


def test_the_page_says_what_is_worked_out() -> None:
    page = PAGE.read_text()
    assert table() in page
    assert order_of_breaking() in page


def test_cases_worked_by_hand() -> None:
    million = Fleet(1_000_000)
    assert (million.largest, million.tenants, million.runs) == (100_000, 9_001, 15)
    assert million.messages == pytest.approx(33.67, rel=0.001)  # 1,000,000 / 33 / 900
    # Nearly all of the 64 branches are touched by a run's 600 tenants, so nearly all rollups are read, and 64, and 8.
    read, written = million.rollups()
    assert read == pytest.approx(9_001 + 64 + 8, rel=0.001)
    assert written == pytest.approx(64 + 8, rel=0.001)
    alone = Fleet(100)
    assert (alone.tenants, alone.runs, alone.rollups()) == (1, 1, (3, 2))


def test_a_physical_partition_has_its_share_and_no_more() -> None:
    assert partition_share(0, 0) == 1_000  # the least that a container has
    assert partition_share(4_000, 50 * GB) == 4_000
    assert partition_share(4_000, 200 * GB) == 1_000  # four partitions
    assert partition_share(0, 1_000 * GB) == 500  # 10 RU/s a GB, in 20 partitions
    assert partition_share(30_000, 50 * GB) == 10_000  # three, since none has more than that


def test_balls_in_boxes() -> None:
    assert occupied(8, 0) == 0
    assert occupied(8, 1) == pytest.approx(1)
    assert occupied(2, 2) == 1.5  # both in one: a half; in two: a half
    assert occupied(8, 1_000) == pytest.approx(8)


def test_a_limit_breaks_where_it_is_passed() -> None:
    limit = Limit("", 1_000, "", lambda fleet: fleet.vms / 41.5, "")
    assert breaks_at(limit) == 42_000  # 41,500 is not beyond it; to two digits, upwards
    assert breaks_at(Limit("", 1, "", lambda _: 1, "")) is None
    for each in LIMITS:
        size = breaks_at(each)
        if size:
            assert each.share(Fleet(size)) > 1
            assert each.share(Fleet(size * 8 // 10)) <= 1


def test_limits_grow_with_the_fleet_or_stay() -> None:
    for limit in LIMITS:
        shares = [limit.share(Fleet(vms)) for vms in range(100, 200_000, 5_000)]
        assert shares == sorted(shares)
