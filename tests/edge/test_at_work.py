"""The SPOC from push to push: what it says and how often, its pauses, its heartbeats, and what it keeps."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.heartbeat import MOST_BYTES, MOST_NAMED, VmClock, decode_heartbeat, encode_heartbeat
from domain.masking import mask_vm
from domain.minutes import DAY, HOUR
from domain.names import MAX_NAME
from edge.app import SLOWLY, AppDestination
from edge.fleet import CLOCK_MEMORY, FORGET, MOST_VMS, Fleet, Vm, decode_fleet
from edge.heartbeat import heartbeat
from edge.spoc import LONGEST_PAUSE, Spoc, until_own_second
from edge.spoc_options import parser_of_spoc, setup_of, signer_from
from tests.builders import NOW
from tests.edge.test_pushing import CONTOSO, KEY, ONE, TWO, a_head, from_agent
from tests.edge.test_spoc import fill
from tests.peers.app import App, an_app


@pytest.fixture
def app() -> Iterator[App]:
    with an_app() as served:
        yield served


def a_spoc(tmp_path: Path, app: App, *more: str) -> Spoc:
    (tmp_path / "in").mkdir(exist_ok=True)
    parser = parser_of_spoc()
    where = ["--folder", str(tmp_path / "in"), "--app", app.url, "--key-file", str(tmp_path / "spoc.key")]
    options = parser.parse_args([*where, *more])
    signer = signer_from(options, parser.error, lambda _: None)
    setup = setup_of(options, signer, parser.error)
    assert isinstance(setup.destination, AppDestination)
    if setup.destination.key not in app.keys:
        app.awaiting[setup.destination.key] = setup.destination.signer.public
    return Spoc(setup)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_key_that_is_not_accepted_is_said_once_and_tried_slowly_until_it_is_confirmed(
    tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    spoc = a_spoc(tmp_path, app)
    awaiting, app.awaiting = app.awaiting, {}
    pauses = [spoc.push(NOW + second) or 0 for second in range(12)]
    assert all(SLOWLY <= pause <= LONGEST_PAUSE * 1.2 for pause in pauses)
    (line,) = said(capsys)
    assert "does not know the key" in line
    app.awaiting = awaiting
    assert all((spoc.push(NOW + 20 + second) or 0) >= SLOWLY for second in range(3))
    (line,) = said(capsys)
    assert "awaits confirmation: read it to the operator" in line
    app.confirm()
    assert spoc.push(NOW + 30) is None
    (line,) = said(capsys)
    assert "works again, after 15 tries" in line
    assert len(app.beats()) == 1


def test_a_busy_app_is_asked_again_after_the_time_that_it_says(tmp_path: Path, app: App) -> None:
    spoc = a_spoc(tmp_path, app)
    app.confirm()
    app.statuses = [(429, {"Retry-After": "40"})]
    assert (spoc.push(NOW) or 0) >= 40
    assert spoc.push(NOW) is None


def test_where_nothing_comes_it_says_so_once_an_hour(
    tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    spoc = a_spoc(tmp_path, app)
    app.confirm()
    fill(tmp_path / "in", files=1)
    for minute in range(181):
        spoc.push(NOW + 60 * minute)
    first, *others = said(capsys)
    assert "pushed 1 files" in first
    assert len(others) == 3
    assert all("nothing to send: no file came to" in line for line in others)
    assert "2026-09-21T14:15:00Z" in others[0]
    assert len(app.beats()) == 13  # every quarter of an hour, without files too


def test_without_a_drop_the_heart_beats_on(tmp_path: Path, app: App) -> None:
    spoc = a_spoc(tmp_path, app)
    app.confirm()
    (tmp_path / "in").rmdir()
    assert spoc.push(NOW) is not None
    assert len(app.beats()) == 1


def test_what_is_known_of_the_vms_outlives_a_restart(
    tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masking.key").write_bytes(KEY)
    names = ("--tenant", CONTOSO, "--masking-key-file", str(tmp_path / "masking.key"), "--state", str(tmp_path / "s"))
    spoc = a_spoc(tmp_path, app, *names)
    app.confirm()
    (tmp_path / "in" / "a.json").write_bytes(from_agent(machine=ONE))
    assert spoc.push(NOW) is None
    (tmp_path / "in" / "b.json").write_bytes(from_agent(machine=TWO))
    again = a_spoc(tmp_path, app, *names)
    assert again.push(NOW + 60) is None
    assert again.push(NOW + 900) is None
    beat = app.beats()[-1]
    pc1 = mask_vm(CONTOSO, "PC-1", KEY)
    assert (beat.vms, beat.refused, beat.twice, beat.twice_count) == (1, 1, (pc1,), 1)
    assert sum(f"1 names are used by two machines: {pc1}; see refused/" in line for line in said(capsys)) == 1


def test_a_state_that_cannot_be_read_or_written_is_said_and_stops_nothing(
    tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "fleet.json").write_text("nonsense")
    assert a_spoc(tmp_path, app, "--state", str(tmp_path / "s")) is not None
    assert "is forgotten" in said(capsys)[0]
    (tmp_path / "file").write_text("")
    spoc = a_spoc(tmp_path, app, "--state", str(tmp_path / "file" / "folder"))
    app.confirm()
    capsys.readouterr()
    fill(tmp_path / "in", files=1)
    assert spoc.push(NOW) is None
    assert spoc.push(NOW + 900) is None
    assert sum("can't be kept for the next start" in line for line in said(capsys)) == 1


def test_each_spoc_pushes_at_a_second_of_its_own() -> None:
    starts = range(NOW, NOW + 60)
    for who in ("a", "b"):
        seconds = {round((start + until_own_second(start, 60, who)) % 60, 3) for start in starts}
        assert len(seconds) == 1
        assert all(0 < until_own_second(start, 60, who) <= 60 for start in starts)
    own = {int(until_own_second(NOW, 60, str(who))) for who in range(1_000)}
    assert len(own) == 60


def beaten(fleet: Fleet, now: int = NOW, **more: float | None) -> str:
    beat = heartbeat(fleet, now, "1.0.0", **{"offset": None, "oldest": None, "sas_days": None, **more})
    text = encode_heartbeat(beat)
    assert decode_heartbeat(text) == beat
    return text.decode()


def test_the_largest_heartbeat_is_one_that_the_app_reads() -> None:
    longest = [f"{'x' * (MAX_NAME - 44)}{number:02}{'A' * 22}==637841132085596403" for number in range(30)]
    assert all(len(name) <= MAX_NAME for name in longest)
    vms = {name: Vm(NOW, ONE, offset=-123456.7, contested=NOW) for name in longest}
    text = beaten(Fleet(vms, {NOW // HOUR: 10**6}), offset=-123456.7, oldest=10**9, sas_days=-1234.56)
    assert MOST_BYTES * 0.7 < len(text) <= MOST_BYTES


def test_a_heartbeat_names_masked_vms_only_and_counts_all() -> None:
    vms = {"PC-1": Vm(NOW, ONE, offset=50, contested=NOW), CONTOSO: Vm(NOW, ONE, offset=-40)}
    beat = heartbeat(Fleet(vms), NOW, "1.0.0", offset=1.5, oldest=None, sas_days=2)
    assert (beat.vms, beat.clocks_off, beat.twice_count) == (2, 2, 1)
    assert (beat.clocks, beat.twice) == ((VmClock(CONTOSO, -40),), ())


def test_a_heartbeat_tells_the_worst_clocks_and_the_last_day() -> None:
    vms = {mask_vm(CONTOSO, f"PC-{n}", KEY): Vm(NOW - n * HOUR, ONE, offset=(-1) ** n * 10.0 * n) for n in range(30)}
    beat = heartbeat(Fleet(vms, {NOW // HOUR - 30: 5, NOW // HOUR - 2: 3}), NOW, "1", offset=0, oldest=0, sas_days=None)
    assert beat.vms == 24
    assert beat.clocks_off == 20  # 4 to 23: 30 s is not off
    assert [each.offset for each in beat.clocks] == [-230, 220, -210, 200, -190, 180, -170, 160, -150, 140]
    assert len(beat.clocks) == MOST_NAMED
    assert beat.refused == 3


def test_a_file_that_is_delivered_late_says_nothing_about_the_clock() -> None:
    fleet = Fleet()
    for at, written, arrived in ((NOW, NOW, NOW + 2), (NOW + 900, NOW, NOW + 900), (NOW + 1000, NOW + 900, NOW + 1000)):
        assert fleet.take("v", a_head(ONE, written), (NOW, NOW + 60), arrived, at) is None
    assert fleet.vms["v"].offset == -2
    later = NOW + CLOCK_MEMORY
    fleet.take("v", a_head(ONE, later - 5_000), (NOW, NOW + 60), later, later)
    assert fleet.vms["v"].offset == -2  # one file may have been delivered late
    fleet.take("v", a_head(ONE, later - 4_000), (NOW, NOW + 60), later, later)
    assert fleet.vms["v"].offset == -2  # and so may another one
    assert fleet.clocks_off(later) == []
    fleet.take("v", a_head(ONE, later - 3_100), (NOW, NOW + 60), later + 890, later + 890)
    assert fleet.clocks_off(later) == [("v", -3_990)]


def test_wrong_clocks_are_told_once_by_the_real_names(
    tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masking.key").write_bytes(KEY)
    spoc = a_spoc(tmp_path, app, "--tenant", CONTOSO, "--masking-key-file", str(tmp_path / "masking.key"))
    app.confirm()
    app.clock_ahead = -3_600
    for number in range(3):
        path = tmp_path / "in" / "a.json"
        path.write_bytes(from_agent(written=NOW))
        os.utime(path, (NOW - 95 - number, NOW - 95 - number))
        assert spoc.push(NOW + number) is None
    lines = said(capsys)
    assert sum("1 VMs' clocks are off: PC-1 by +95 s" in line for line in lines) == 1
    assert sum("this machine's clock is off by +3" in line for line in lines) == 1
    assert sum("clock" in line for line in lines) == 2


def test_what_is_kept_is_bounded_and_comes_back_unchanged() -> None:
    fleet = Fleet({f"v{n}": Vm(NOW + n, ONE) for n in range(MOST_VMS + 5)}, {NOW // HOUR: 1}, NOW)
    fleet.vms["old"] = Vm(NOW - FORGET, ONE)
    text = fleet.encoded(NOW)
    assert len(fleet.vms) == MOST_VMS
    assert not {"old", "v0", "v4"} & fleet.vms.keys()
    assert decode_fleet(text) == fleet
    for day in range(100):
        fleet.refuse(NOW + day * DAY)
    assert len(decode_fleet(fleet.encoded(NOW + 100 * DAY)).refused) <= 24


def test_of_many_machines_of_one_name_one_is_sent_whatever_the_order() -> None:
    """Machines that start from an image with a name in its settings."""
    fleet = Fleet()
    machines = [f"{number:032x}" for number in range(10)]
    for window in range(20):
        since = NOW + 900 * window
        order = machines[window % 10 :] + machines[: window % 10]
        taken = [each for each in order if not fleet.take("v", a_head(each), (since, since + 840), NOW, since + 900)]
        assert taken == machines[:1]
    assert fleet.twice(NOW + 18_000) == ["v"]
