"""The SPOC: what it sends and forgets, against a Service Bus peer, blobs in azurite, faults, and kill -9."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from domain import wire
from domain.errors import Unavailable
from domain.minutes import minutes_of
from edge import spoc
from edge.destinations import HEADER_ROOM, Destination, FolderDestination, ServiceBusDestination
from edge.pushing import Push, push
from edge.sources import FolderSource, Source
from edge.spoc import Pauses, main
from tests.builders import TENANT, WINDOW_START, a_message, a_record
from tests.conftest import SDK_LEAVES_SOCKETS, a_queue
from tests.peers import Broker, needs_node

ROOT = Path(__file__).parents[2]
FILES = 12
pytestmark = [*SDK_LEAVES_SOCKETS, pytest.mark.usefixtures("collected")]

Identity = tuple[str, str, str, str, int]


def a_file(vm: int, counters: int = 3, tenant: str = TENANT) -> bytes:
    chance = random.Random(vm)  # noqa: S311
    return a_message(
        a_record(
            timestamp=at,
            MaskedTenantId=tenant,
            MaskedVMName=f"vm{vm}",
            PerfName=f"p{counter}",
            PerfValue=round(chance.random() * 100, 2),
        )
        for at in minutes_of(WINDOW_START)
        for counter in range(counters)
    )


def fill(folder: Path, files: int = FILES, **shape: Any) -> dict[Identity, float]:
    """Write files; return their samples."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[Identity, float] = {}
    for vm in range(files):
        body = a_file(vm, **shape)
        (folder / f"t_vm{vm}_{WINDOW_START}.json").write_bytes(body)
        expected |= samples_of([body])
    return expected


def samples_of(bodies: list[bytes]) -> dict[Identity, float]:
    """Distinct samples; that a sample's values agree wherever it stands twice is checked too."""
    found: dict[Identity, float] = {}
    for body in bodies:
        for sample in wire.decode(body).samples:
            who = (sample.MaskedTenantId, sample.MaskedVMName, sample.PerfType, sample.PerfName, sample.timestamp)
            assert found.setdefault(who, sample.PerfValue) == sample.PerfValue
    return found


def left(folder: Path) -> list[str]:
    """Files that are there still, but for what was set aside."""
    return sorted(path.name for path in folder.rglob("*.json") if "refused" not in path.parts)


@pytest.fixture
def queue() -> str:
    return a_queue()


def of(broker: Broker, queue: str) -> ServiceBusDestination:
    return ServiceBusDestination(queue, connection=broker.connection)


@needs_node
def test_all_files_arrive_in_few_messages_and_are_forgotten(tmp_path: Path, broker: Broker, queue: str) -> None:
    expected = fill(tmp_path)
    done = push(FolderSource(tmp_path), of(broker, queue))
    bodies = broker.bodies(queue)
    assert samples_of(bodies) == expected
    assert (done.files, done.samples, done.messages, done.refused) == (FILES, len(expected), 1, 0)
    assert (done.bytes, bodies[0][:2]) == (len(bodies[0]), b"\x1f\x8b")
    assert left(tmp_path) == []
    assert push(FolderSource(tmp_path), of(broker, queue)).files == 0


@needs_node
def test_messages_keep_to_the_limit_that_the_link_announces(tmp_path: Path, broker: Broker, queue: str) -> None:
    limit = HEADER_ROOM + 6000
    broker.set(maxMessageSize=limit)
    expected = fill(tmp_path, counters=40)
    done = push(FolderSource(tmp_path), of(broker, queue))
    bodies = broker.bodies(queue)
    assert samples_of(bodies) == expected
    assert len(bodies) == done.messages > FILES / 2
    assert all(len(body) <= limit - HEADER_ROOM for body in bodies)


@needs_node
def test_a_vm_too_large_for_one_message_is_split_by_time(tmp_path: Path, broker: Broker, queue: str) -> None:
    broker.set(maxMessageSize=HEADER_ROOM + 1500)
    expected = fill(tmp_path, files=1, counters=30)
    push(FolderSource(tmp_path), of(broker, queue))
    bodies = broker.bodies(queue)
    assert samples_of(bodies) == expected
    spans = [[sample.timestamp for sample in wire.decode(body).samples] for body in bodies]
    assert len(spans) > 1
    assert all(max(spans[index]) <= min(spans[index + 1]) for index in range(len(spans) - 1))


@needs_node
def test_plain_json_can_be_sent(tmp_path: Path, broker: Broker, queue: str) -> None:
    expected = fill(tmp_path)
    push(FolderSource(tmp_path), of(broker, queue), gzip=False)
    assert json.loads(broker.bodies(queue)[0])["metrics"]
    assert samples_of(broker.bodies(queue)) == expected


FAULTS: list[dict[str, Any]] = [
    {"cutBefore": 1},
    {"cutAfter": 1},
    {"cutAfter": 2},
    {"cutBefore": 3},
    {"busy": 50},
    {"full": True},
    {"deny": ["send"]},
]


@needs_node
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_whatever_the_broker_does_nothing_is_lost_and_ids_stay_the_same(
    tmp_path: Path, broker: Broker, queue: str, fault: dict[str, Any]
) -> None:
    expected = fill(tmp_path, counters=40)
    small = HEADER_ROOM + 12_000
    broker.set(maxMessageSize=small, **fault)
    with contextlib.suppress(Unavailable):  # a cut may be mended by the SDK's own retries
        push(FolderSource(tmp_path), of(broker, queue))
    broker.set(cutBefore=0, cutAfter=0, busy=0, full=False, deny=[])
    before = len(broker.bodies(queue))
    if left(tmp_path):
        push(FolderSource(tmp_path), of(broker, queue))
    state = broker.state(queue)
    assert samples_of(broker.bodies(queue)) == expected
    assert sum(len(wire.decode(body).samples) for body in broker.bodies(queue)) == len(expected)  # each just once
    assert before == 0 or state["duplicates"] >= 0
    assert left(tmp_path) == []


@needs_node
def test_a_slow_broker_is_waited_for(tmp_path: Path, broker: Broker, queue: str) -> None:
    expected = fill(tmp_path)
    broker.set(slowMs=500)
    push(FolderSource(tmp_path), of(broker, queue))
    assert samples_of(broker.bodies(queue)) == expected


def test_a_queue_that_cannot_be_reached_is_unavailable_and_files_stay(tmp_path: Path) -> None:
    fill(tmp_path)
    nowhere = ServiceBusDestination(
        "q",
        connection="Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=any;SharedAccessKey=any;UseDevelopmentEmulator=true;",
    )
    with pytest.raises(Unavailable, match="does not take messages"):
        push(FolderSource(tmp_path), nowhere)
    assert len(left(tmp_path)) == FILES


@pytest.mark.parametrize("connection", ["nonsense", "Endpoint=sb://x", ""])
def test_a_connection_string_that_is_none_is_said_so(tmp_path: Path, connection: str) -> None:
    fill(tmp_path, files=1)
    with pytest.raises(Unavailable):
        push(FolderSource(tmp_path), ServiceBusDestination("q", connection=connection or "x"))


BAD: list[bytes] = [b"{", b"", b"[]", b"\xff\xfe", a_message([a_record(PerfValue="x")])]


@pytest.mark.parametrize("body", BAD, ids=["malformed", "empty", "list", "no UTF-8", "no sample"])
def test_a_file_that_is_no_batch_is_set_aside_with_its_reason_and_the_others_are_sent(
    tmp_path: Path, body: bytes
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.json").write_bytes(body)
    (tmp_path / "in" / "good.json").write_bytes(a_file(1))
    done = push(FolderSource(tmp_path / "in"), FolderDestination(tmp_path / "queue"))
    assert (done.files, done.refused, done.samples) == (2, 1, 45)
    assert (tmp_path / "in" / "refused" / "bad.json").read_bytes() == body
    assert (tmp_path / "in" / "refused" / "bad.json.reason.txt").read_text().strip()
    assert left(tmp_path / "in") == []


def test_of_a_file_with_one_bad_sample_the_others_are_sent(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f.json").write_bytes(a_message([a_record(), a_record(PerfValue="x", PerfName="y")]))
    done = push(FolderSource(tmp_path / "in"), FolderDestination(tmp_path / "queue"))
    assert (done.samples, done.refused) == (1, 1)
    assert "metrics[1]" in (tmp_path / "in" / "refused" / "f.json.reason.txt").read_text()


def test_files_of_another_tenant_are_set_aside_where_the_tenant_is_told(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "ours.json").write_bytes(a_file(1))
    (source / "theirs.json").write_bytes(a_file(2, tenant="other"))
    arguments = ["--folder", str(source), "--queue-folder", str(tmp_path / "queue"), "--tenant", TENANT, "--once"]
    assert main(arguments) == 0
    (message,) = (tmp_path / "queue").iterdir()
    assert {sample.MaskedTenantId for sample in wire.decode(message.read_bytes()).samples} == {TENANT}
    assert "another tenant" in (source / "refused" / "theirs.json.reason.txt").read_text()


def test_sent_files_can_be_archived(tmp_path: Path) -> None:
    fill(tmp_path / "in")
    push(FolderSource(tmp_path / "in", tmp_path / "archive"), FolderDestination(tmp_path / "queue"))
    fill(tmp_path / "in", files=2)  # the same once more
    push(FolderSource(tmp_path / "in", tmp_path / "archive"), FolderDestination(tmp_path / "queue"))
    assert len(list((tmp_path / "archive").glob("*.json"))) == FILES
    assert left(tmp_path / "in") == []


def test_a_backlog_shows_how_far_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge.spoc.PROGRESS_EVERY", 0)
    fill(tmp_path / "in")
    source = FolderSource(tmp_path / "in", batch_files=5)
    spoc.run(Push(source, FolderDestination(tmp_path / "queue")), source)
    assert capsys.readouterr().err.splitlines()[:2] == [
        "spoc: sent 5 files, 7 to go",
        "spoc: sent 10 files, 2 to go",
    ]


def test_a_file_written_while_its_earlier_version_is_sent_is_sent_too(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "in")
    fill(tmp_path / "in", files=1)
    (name,) = source.claim()
    (tmp_path / "in" / name).write_bytes(a_file(7))
    source.finish()
    assert left(tmp_path / "in") == [name]
    assert push(source, FolderDestination(tmp_path / "queue")).files == 1


def test_who_finishes_an_old_batch_never_removes_a_new_one(tmp_path: Path) -> None:
    """Two SPOCs on one folder, by mistake: both send, and nothing is lost."""
    one, two = FolderSource(tmp_path / "in"), FolderSource(tmp_path / "in")
    fill(tmp_path / "in", files=1)
    assert one.claim() == two.claim()
    one.finish()
    fill(tmp_path / "in", files=2)
    assert len(one.claim()) == 2
    two.finish()
    assert len(left(tmp_path / "in")) == 2


def test_a_folder_that_is_missing_is_said_so(tmp_path: Path) -> None:
    for look in (FolderSource(tmp_path / "wrong").claim, FolderSource(tmp_path / "wrong").waiting):
        with pytest.raises(Unavailable, match="wrong"):
            look()


def test_pauses_grow_to_a_bound() -> None:
    pauses = Pauses()
    found = [pauses.after_failure(0) for _ in range(40)]
    assert 0.8 <= found[0] <= 1.2
    assert all(later > earlier for earlier, later in pairwise(found[:7]))
    assert max(found) <= 300 * 1.2


@needs_node
def test_the_program_waits_out_an_outage_says_so_once_and_says_when_it_works_again(
    tmp_path: Path, broker: Broker, queue: str
) -> None:
    expected = fill(tmp_path / "in")
    broker.set(deny=["send"])
    environment = {**os.environ, "SPOT_SERVICE_BUS_CONNECTION": broker.connection}
    command = [sys.executable, "-m", "edge.spoc", "--folder", str(tmp_path / "in"), "--queue", queue, "--every", "0.2"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as spoc:
        assert spoc.stdout
        failed = [json.loads(spoc.stdout.readline()) for _ in range(2)]
        broker.set(deny=[])
        metrics = json.loads(spoc.stdout.readline())
        while not metrics["files"]:
            metrics = json.loads(spoc.stdout.readline())
        spoc.terminate()
        _, said = spoc.communicate()
    assert spoc.returncode == 0
    assert [each["retries"] for each in failed] == [1, 2]
    assert failed[0]["waitingFiles"] == FILES
    assert (metrics["files"], metrics["samples"], metrics["messages"]) == (FILES, len(expected), 1)
    assert metrics["waitingFiles"] == 0
    assert said.count("nothing is lost") == 1
    assert said.count("works again") == 1
    assert said.count("pushed 12 files") == 1
    assert "Traceback" not in said
    assert samples_of(broker.bodies(queue)) == expected


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "--check"])
    return code, capsys.readouterr().out


@needs_node
def test_check_tells_limits_and_rights_and_sends_nothing(
    tmp_path: Path, broker: Broker, queue: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    monkeypatch.setenv("SPOT_SERVICE_BUS_CONNECTION", broker.connection)
    where = ("--folder", str(tmp_path), "--queue", queue)
    code, said = check(capsys, *where)
    assert code == 0
    for expected in ("12 files wait", "262,144 bytes", "may send: yes", "may receive: yes"):
        assert expected in said
    broker.set(deny=["listen"])
    assert "may receive: no" in check(capsys, *where)[1]
    broker.set(deny=["send"])
    code, said = check(capsys, *where)
    assert (code, "Send" in said) == (1, True)
    assert broker.bodies(queue) == []
    assert len(left(tmp_path)) == FILES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--folder or --container"),
        (["--folder", "x", "--container", "y"], "--folder or --container"),
        (["--folder", "x"], "--namespace"),
        (["--folder", "x", "--namespace", "n", "--queue-folder", "q"], "--namespace"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_options_that_make_no_sense_are_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPOT_SERVICE_BUS_CONNECTION", raising=False)
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


def test_options_may_stand_in_a_file_over_which_flags_win(tmp_path: Path) -> None:
    fill(tmp_path / "in", files=1)
    config = tmp_path / "spoc.toml"
    config.write_text(
        f'folder = "{tmp_path / "in"}"\nqueue_folder = "{tmp_path / "wrong"}"\nonce = true\nplain = true\n'
    )
    assert main(["--config", str(config), "--queue-folder", str(tmp_path / "queue")]) == 0
    (message,) = (tmp_path / "queue").iterdir()
    assert message.read_bytes().startswith(b"{")


@pytest.mark.parametrize("text", ["folder = ", "nonsense = 1", "folder = {a = 1}", 'every = "soon"'])
def test_a_file_of_options_that_makes_no_sense_is_said(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spoc.toml").write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["--config", str(tmp_path / "spoc.toml"), "--once"])
    assert end.value.code == 2
    assert capsys.readouterr().err


def killed_after(seconds: float, source: Source, destination: Destination) -> bool:
    """Push in a child process that is killed after a while; tell whether it was at work then, not at its end."""
    child = os.fork()
    if child == 0:
        # Nothing of the parent's may run on in the child, not even at its end.
        try:
            push(source, destination)
            os._exit(0)
        except BaseException:  # noqa: BLE001
            os._exit(1)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


@needs_node
def test_killed_in_the_middle_it_loses_nothing_and_invents_nothing(tmp_path: Path, broker: Broker, queue: str) -> None:
    """The queue's distinct samples are the files' samples, exactly, after the last restart."""
    broker.set(maxMessageSize=HEADER_ROOM + 6000)
    chance = random.Random(5)  # noqa: S311
    expected: dict[Identity, float] = {}
    killed = kills = 0
    began = time.monotonic()
    fill(tmp_path / "probe", files=FILES, counters=20)
    push(FolderSource(tmp_path / "probe", batch_files=4), of(broker, a_queue()))  # loads the SDK: children need not
    start = time.monotonic()
    fill(tmp_path / "probe", files=FILES, counters=20)
    push(FolderSource(tmp_path / "probe", batch_files=4), of(broker, a_queue()))
    whole = time.monotonic() - start
    while killed < 20:
        kills += 1
        assert kills < 100, f"only {killed} kills hit work"
        for vm in range(3):
            body = a_file(1000 * kills + vm, counters=20)
            (tmp_path / f"t_{kills}-{vm}_0.json").write_bytes(body)
            expected |= samples_of([body])
        killed += killed_after(chance.uniform(0, whole), FolderSource(tmp_path, batch_files=4), of(broker, queue))
    push(FolderSource(tmp_path, batch_files=4), of(broker, queue))
    assert samples_of(broker.bodies(queue)) == expected
    assert left(tmp_path) == []
    assert time.monotonic() - began < 300
