"""The sample fleet: believable, deterministic, and on the real way from readings to messages in a queue folder."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain import wire
from domain.counters import COUNTERS
from domain.minutes import WINDOW
from domain.samples import Sample
from edge.gathering import Agent
from local.edge import Edge
from local.enrolling import enrol_fleet
from local.fleet import TENANTS, Desktop, desktops, moments
from local.habits import ahead
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries.groups import GroupsQuestion, get_groups
from pipeline.queries.ranking import RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from pipeline.rules import Rules
from pipeline.trust import Trust
from storage.tables import Tables
from tests.app.conftest import ROOT
from tests.builders import HORIZON, TIMES, WINDOW_START, a_message, a_view
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import deliver

CPU = "win_cpu.percent_processor_time"


def sent(queue: Path) -> list[Sample]:
    return [sample for path in sorted(queue.iterdir()) for sample in wire.decode(path.read_bytes()).samples]


def test_the_sample_fleet_is_deterministic_by_seed() -> None:
    one, two, other = (desktops(6, seed)[4].readings(WINDOW_START) for seed in (1, 1, 2))
    assert one == two
    assert one != other


async def test_the_sample_fleets_spocs_sign_with_keys_that_are_enrolled(tmp_path: Path) -> None:
    tables = Tables(MemoryDocuments())
    await enrol_fleet(tables, tmp_path, WINDOW_START)
    edge = Edge(tmp_path, 12)
    edge.fill(WINDOW_START + WINDOW)
    trust = Trust(await tables.enrolments.register(), required=True)
    messages = [path.read_bytes() for path in sorted((tmp_path / "queue").iterdir())]
    done = await ingest(tables, [Message(each, "m", WINDOW_START) for each in messages], HORIZON, trust=trust)
    assert (done.refused, len(done.tenants)) == (0, 6)
    assert done.samples > 12 * 15


async def test_where_the_keys_are_made_anew_the_old_ones_are_revoked(tmp_path: Path) -> None:
    tables = Tables(MemoryDocuments())
    for folder in ("one", "one", "two", "three"):
        await enrol_fleet(tables, tmp_path / folder, WINDOW_START)
    keys = [[key.valid for key in each.keys] for each in await tables.enrolments.all()]
    assert keys == [[False, False, True]] * 7
    assert {each.label for each in await tables.enrolments.all()} == {*TENANTS, "This computer"}


def test_the_sample_fleet_has_tenants_regions_sizes_and_pools() -> None:
    fleet = desktops(60)
    assert len({desktop.identity.vm for desktop in fleet}) == 60
    for name, least in (("Region", 6), ("MachineSize", 3), ("ResourcePoolName", 12)):
        assert len({getattr(desktop.identity.dimensions, name) for desktop in fleet}) >= least
    assert len({desktop.identity.tenant for desktop in fleet}) == 6


MONDAY = 1_790_553_600  # a Monday's midnight in UTC


def at_local(desktop: Desktop, hour: float, day: int = MONDAY) -> int:
    return int(day + hour * 3600) - ahead(day // WINDOW, desktop.zone)


def mean(number: int, key: str, hour: float) -> float:
    desktop = desktops(number + 1)[number]
    start = at_local(desktop, hour)
    values = [desktop.readings(moment)[key] for moment in moments(start, start + 1200)]
    return sum(values) / len(values)


def test_desktops_work_in_the_hours_of_their_region_with_a_storm_of_log_ons_in_the_morning() -> None:
    for number in (0, 2, 5):
        assert mean(number, CPU, 11) > 2 * mean(number, CPU, 3)
        assert mean(number, CPU, 12.5) < mean(number, CPU, 11)
        assert mean(number, "win_session.logons", 8.6) > mean(number, "win_session.logons", 11)


def test_the_sample_fleet_reads_what_a_windows_vm_would_and_a_log_on_has_a_duration() -> None:
    desktop = desktops(3)[2]
    found: set[str] = set()
    for moment in moments(at_local(desktop, 8.5), at_local(desktop, 9)):
        readings = desktop.readings(moment)
        found |= readings.keys()
        assert bool(readings["win_session.logons"]) == ("win_session.logon_seconds" in readings)
        assert 0 < readings["win_disk.latency_read_seconds"] < 0.05
    assert found <= COUNTERS.keys()
    assert "win_session.logon_seconds" in found


def test_one_desktop_is_slow_one_disturbs_its_pool_one_loses_a_service() -> None:
    assert mean(8, "win_session.input_delay_ms", 11) > 2 * mean(14, "win_session.input_delay_ms", 11)
    assert desktops(2)[1].noisy
    assert mean(7, "win_disk.percent_idle_time", 3.1) < mean(12, "win_disk.percent_idle_time", 3.1)
    stops = {desktops(4)[3].readings(MONDAY + 60 * minute)["win_service.WinDefend"] for minute in range(60)}
    assert stops == {0, 1}


async def a_window(window: int) -> Tables:
    """A store that has a window of the whole sample fleet."""
    tables = Tables(MemoryDocuments())
    for desktop in FLEET:
        agent = Agent(desktop.identity)
        for moment in moments(window, window + WINDOW):
            agent.add(moment, desktop.readings(moment))
        samples = agent.samples(window, window + WINDOW)
        await deliver(tables, [a_message(msgspec.to_builtins(sample) for sample in samples)])
    await average(tables, TIMES, rules=Rules(summaries_at_once=True))
    return tables


FLEET = desktops(60)


@pytest.mark.parametrize("hours_ago", [0, 5, 11, 17, 40])
async def test_at_any_hour_one_question_names_each_of_them(hours_ago: int) -> None:
    """As README.md and docs/guide.md ask them. The last hour is a Saturday's."""
    tables = await a_window(WINDOW_START - hours_ago * 3600)

    async def first(key: str, pool: str | None = None, **more: Any) -> str:
        question = RankingQuestion(key, Windows(), limit=1, filters={"ResourcePoolName": pool} if pool else {}, **more)
        (row,) = (await get_ranking(tables, question, a_view(), str)).data
        return row.vm

    assert await first("win_session.input_delay_ms") == FLEET[8].identity.vm
    assert await first("win_service.WinDefend") == FLEET[3].identity.vm
    of = FLEET[1].identity
    disturbed = of.dimensions.ResourcePoolName
    assert await first("win_disk.write_bytes_persec", disturbed, tenant=of.tenant) == of.vm
    storm = FLEET[48].identity
    asked = GroupsQuestion("win_session.logons", "ResourcePoolName", Windows(), storm.tenant)
    pools = {item.group: item.average for item in (await get_groups(tables, asked, a_view())).data}
    assert max(pools, key=lambda pool: pools[pool]) == storm.dimensions.ResourcePoolName
    assert len(pools) == 2


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_the_pages_name_them(page: str) -> None:
    text = (ROOT / page).read_text()
    for named in (8, 3, 1):
        assert FLEET[named].identity.vm in text
    for named in (1, 48):
        assert FLEET[named].identity.tenant in text
        assert str(FLEET[named].identity.dimensions.ResourcePoolName) in text


def test_filling_twice_puts_the_same_samples_and_the_second_time_only_what_is_new(tmp_path: Path) -> None:
    now = WINDOW_START + 7 * 60 + 12
    edge = Edge(tmp_path, 3)
    edge.fill(now)
    samples = sent(tmp_path / "queue")
    assert {sample.timestamp for sample in samples} == set(range(now - 12 - 7200 + 30, now - 12, 60))
    for path in (tmp_path / "queue").iterdir():
        path.unlink()
    Edge(tmp_path, 3).fill(now + WINDOW)
    assert {sample.timestamp for sample in sent(tmp_path / "queue")} == set(range(now - 12 + 30, now - 12 + WINDOW, 60))


def test_no_minute_is_missing_between_filling_and_running_live(tmp_path: Path) -> None:
    edge = Edge(tmp_path, 2)
    began = WINDOW_START + 40
    edge.fill(began)
    edge.catch_up(began + 90)  # so long did filling take
    edge.push(began + 140)
    stamps = {sample.timestamp for sample in sent(tmp_path / "queue")}
    assert stamps == set(range(WINDOW_START - 7200 + 30, WINDOW_START + 180, 60))
