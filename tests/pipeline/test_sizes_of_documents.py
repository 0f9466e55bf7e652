"""The largest tenants and fleets: every document stays under 1 MB, and what is read is all that was written."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from domain.fleet_summary import fleet_summaries
from domain.histogram import Histograms, histograms_of_columns
from domain.merged_summary import merge_summaries
from domain.rollups import Node
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.summary import Summary, summarize
from storage.schema import REPORT, ROLLUPS, STANDINGS
from storage.tables import Tables
from tests.pipeline.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 1_790_000_100
MOST = 1_000_000
REGIONS = [f"region {number}" for number in range(8)]
SIZES = [f"Standard_D{number}s_v5" for number in range(5)]


def vm(tenant: int, number: int) -> StandingVm:
    of = Dimensions(
        f"site {tenant}", f"pool {tenant} {number % 4}", REGIONS[(tenant + number % 2) % 8], SIZES[number % 5]
    )
    return StandingVm(f"Sharedfk6hZ4v5Xkmu0clBsg+aYw=={tenant * 100_000 + number}", WINDOW + 870, of)


def standings(tenant: int, vms: int, counters: int) -> Standings:
    values = np.random.default_rng(tenant).lognormal(3, 1, (counters, vms))
    return Standings(
        [vm(tenant, number) for number in range(vms)],
        {f"win.counter_{at:04}": column for at, column in enumerate(values)},
    )


async def largest(documents: MemoryDocuments, *tables: str) -> int:
    """Return the bytes of the largest document of some tables."""
    sizes = []
    for table in tables:
        async for place in documents.places(table):
            document = await documents.read(table, place.partition, place.id)
            assert document is not None
            sizes.append(len(msgspec.json.encode(document.body)))
    return max(sizes)


@pytest.mark.parametrize(("vms", "counters"), [(2_000, 1_000), (20_000, 40)])
async def test_the_standings_and_histograms_of_the_largest_tenants(vms: int, counters: int) -> None:
    documents = MemoryDocuments()
    tables = Tables(documents)
    whole = standings(1, vms, counters)
    await tables.standings.write("Contoso", WINDOW, whole, None)
    stored = await tables.standings.read("Contoso", WINDOW)
    assert stored is not None
    assert stored.value == whole
    minutes = histograms_of_columns(np.random.default_rng(1).lognormal(3, 1, (vms, 15)))
    histograms: Mapping[str, Histograms] = dict.fromkeys(whole.columns, minutes)
    await tables.histograms.write(Node.of("Contoso"), WINDOW, histograms, None)
    read = await tables.histograms.read(Node.of("Contoso"), WINDOW)
    assert read is not None
    assert read.value == histograms
    assert await largest(documents, STANDINGS, ROLLUPS) < MOST


async def test_the_summaries_of_a_hundred_thousand_vms_in_a_thousand_tenants() -> None:
    documents = MemoryDocuments()
    tables = Tables(documents)
    branches = []
    for branch in range(8):
        tenants = range(branch, 1_000, 8)
        summary = summarize({f"wYAVC3oWQU+ozhgAAg5f/w=={tenant:018}": standings(tenant, 100, 1) for tenant in tenants})
        (counter,) = summary.counters.values()
        counters = {f"win.counter_{at:04}": counter for at in range(40)}
        whole = Summary(summary.groups, summary.places, counters, summary.vms)
        await tables.summaries.write(Node(str(branch)), WINDOW, whole, None)
        stored = await tables.summaries.read(Node(str(branch)), WINDOW)
        assert stored is not None
        assert stored.value == whole
        branches.append(summary)
    for key, fleet in fleet_summaries(merge_summaries(branches)):
        await tables.summaries.write_fleet(key, WINDOW, fleet, None)
        read = await tables.summaries.of_fleet(key, WINDOW)
        assert read is not None
        assert read.value == fleet
        assert read.value.figures[0].count == 100_000
    assert await largest(documents, STANDINGS) < MOST


async def test_the_histograms_of_minutes_whose_values_are_of_every_magnitude() -> None:
    documents = MemoryDocuments()
    tables = Tables(documents)
    wild = np.exp(np.random.default_rng(1).uniform(-600, 600, (2_000, 15)))
    histograms = dict.fromkeys((f"win.counter_{at:02}" for at in range(40)), histograms_of_columns(wild))
    await tables.histograms.write(Node.of("Contoso"), WINDOW, histograms, None)
    await tables.histograms.write_fleet("win.counter_00", WINDOW, histograms["win.counter_00"], None)
    read = await tables.histograms.read(Node.of("Contoso"), WINDOW)
    assert read is not None
    assert read.value == histograms
    assert await largest(documents, ROLLUPS, REPORT) < MOST
