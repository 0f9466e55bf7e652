"""What a push makes of the content of files: plain names, names used twice, samples that fit no message."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from domain import wire
from domain.agent_file import FileHead, encode_file
from domain.errors import Unavailable
from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE
from domain.packing import Packed
from domain.samples import Sample
from edge.destinations import FolderDestination
from edge.fleet import SILENT, Fleet
from edge.pushing import Push, Pushed
from edge.sources import FolderSource
from edge.spoc import main
from tests.builders import NOW, TENANT, WINDOW_START, a_message, a_record, a_sample
from tests.edge.test_spoc import a_file

KEY = b"a masking key of some length"
CONTOSO = mask_tenant("Contoso", KEY)
PC1 = mask_vm(CONTOSO, "PC-1", KEY)
ONE, TWO, THREE = (digit * 32 for digit in "123")


def a_head(machine: str = ONE, written: int = NOW) -> FileHead:
    return FileHead(machine, "boot-1", written, "1.0.0")


def from_agent(
    vm: str = "PC-1",
    machine: str = ONE,
    *,
    plain: bool = True,
    since: int = WINDOW_START,
    minutes: int = 15,
    written: int = NOW,
) -> bytes:
    """A file of our agent, of so many minutes."""
    samples = [
        a_sample(
            timestamp=since + 30 + MINUTE * minute,
            MaskedTenantId="" if plain else TENANT,
            MaskedVMName=vm,
            SiteName="London",
        )
        for minute in range(minutes)
    ]
    return encode_file(a_head(machine, written), samples, plain=plain)


def messages(queue: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(queue.iterdir())] if queue.exists() else []


def sent(queue: Path) -> list[Sample]:
    return [sample for body in messages(queue) for sample in wire.decode(body).samples]


def reason(folder: Path, name: str) -> str:
    return (folder / "refused" / f"{name}.reason.txt").read_text(encoding="utf8")


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "queue"


@pytest.fixture
def arguments(tmp_path: Path, drop: Path, queue: Path) -> list[str]:
    """The SPOC with a masking key, as an administrator would call it."""
    (tmp_path / "masking.key").write_bytes(KEY + b"\n")
    key = str(tmp_path / "masking.key")
    return ["--folder", str(drop), "--queue-folder", str(queue), "--tenant", CONTOSO, "--masking-key-file", key]


def test_plain_names_are_masked_by_the_spoc_and_stay_in_the_tenant(
    drop: Path, queue: Path, arguments: list[str]
) -> None:
    (drop / "plain.json").write_bytes(from_agent())
    assert main([*arguments, "--once"]) == 0
    samples = sent(queue)
    assert len(samples) == 15
    assert {(each.MaskedTenantId, each.MaskedVMName, each.SiteName) for each in samples} == {(CONTOSO, PC1, "London")}
    assert all(b"PC-1" not in wire.unpack(body) for body in messages(queue))


def test_a_plain_file_becomes_the_same_samples_as_the_file_of_an_agent_that_masks(
    drop: Path, queue: Path, arguments: list[str]
) -> None:
    (drop / "plain.json").write_bytes(from_agent())
    assert main([*arguments, "--once"]) == 0
    records = json.loads(from_agent(plain=False))["metrics"]
    masked = a_message([{**each, "MaskedTenantId": CONTOSO, "MaskedVMName": PC1} for each in records])
    assert sent(queue) == list(wire.decode(masked).samples)


def test_agents_that_mask_go_on_beside(drop: Path, queue: Path, arguments: list[str]) -> None:
    mine = mask_vm(CONTOSO, "PC-2", KEY)
    records = json.loads(from_agent(plain=False))["metrics"]
    (drop / "masked.json").write_bytes(
        a_message([{**each, "MaskedTenantId": CONTOSO, "MaskedVMName": mine} for each in records])
    )
    (drop / "plain.json").write_bytes(from_agent())
    (drop / "other.json").write_bytes(from_agent(plain=False))
    assert main([*arguments, "--once"]) == 0
    assert {each.MaskedVMName for each in sent(queue)} == {PC1, mine}
    assert "another tenant" in reason(drop, "other.json")


def test_without_a_masking_key_a_plain_file_is_refused_with_what_to_do_and_no_name_leaves(
    drop: Path, queue: Path
) -> None:
    (drop / "plain.json").write_bytes(from_agent())
    (drop / "good.json").write_bytes(a_file(1))
    assert main(["--folder", str(drop), "--queue-folder", str(queue), "--once"]) == 0
    assert "--masking-key-file" in reason(drop, "plain.json")
    assert {each.MaskedVMName for each in sent(queue)} == {"vm1"}


@pytest.mark.parametrize("tenant", [CONTOSO, "Contoso"])
def test_the_administrators_file_of_names_learns_each_vm(
    tmp_path: Path, drop: Path, arguments: list[str], tenant: str
) -> None:
    names = tmp_path / "names.json"
    arguments = [*arguments, "--tenant", tenant, "--names", str(names), "--once"]
    for vm in ("PC-1", "PC-2"):
        (drop / "plain.json").write_bytes(from_agent(vm))
        assert main(arguments) == 0
    found = json.loads(names.read_text())
    assert found["vms"] == {PC1: "PC-1", mask_vm(CONTOSO, "PC-2", KEY): "PC-2"}
    assert (found["tenant"], found["name"]) == (CONTOSO, tenant)


def test_a_file_of_names_that_cannot_be_written_stops_no_sending(
    tmp_path: Path, drop: Path, queue: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.json").write_text("[]")
    (drop / "plain.json").write_bytes(from_agent())
    assert main([*arguments, "--names", str(tmp_path / "names.json"), "--once"]) == 0
    assert len(sent(queue)) == 15
    assert "names.json is no file of names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--masking-key-file", "missing", "--tenant", "t"], "missing"),
        (["--masking-key-file", "missing"], "wants --tenant"),
        (["--names", "names.json"], "wants --masking-key-file"),
        (["--app", "https://app"], "wants --key-file"),
        (["--app", "http://app", "--key-file", "spoc.key"], "begins with https://"),
        (["--app", "https://app", "--key-file", "spoc.key", "--proxy", "socks5://proxy:1"], "NTLM"),
    ],
)
def test_options_that_lack_another_are_said(
    tmp_path: Path,
    drop: Path,
    given: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    to = [] if "--app" in given else ["--queue-folder", "q"]
    with pytest.raises(SystemExit):
        main(["--folder", str(drop), *to, *given])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("gzip", [True, False])
def test_a_sample_that_fits_no_message_is_refused_and_all_others_are_sent(drop: Path, queue: Path, gzip: bool) -> None:
    huge = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(100))  # can't be compressed well
    (drop / "bad.json").write_bytes(a_message([a_record(), a_record(PerfName=huge), a_record(PerfName="z")]))
    (drop / "good.json").write_bytes(a_file(1))
    one = Push(FolderSource(drop), FolderDestination(queue, limit=2_000), gzip=gzip)
    list(one.run())
    assert (one.done.files, one.done.refused, one.done.samples) == (2, 1, 47)
    assert len(sent(queue)) == 47
    assert "does not fit into a message" in reason(drop, "bad.json")
    assert (drop / "refused" / "bad.json").exists()


class Picky(FolderDestination):
    """A queue that never takes what is of one VM."""

    def send(self, messages: Iterable[Packed]) -> Sequence[Packed]:
        never = []
        for message in messages:
            if any(each.MaskedVMName == "vm1" for each in wire.decode(message.body).samples):
                never.append(message)
            else:
                super().send([message])
        return never


def test_what_the_queue_will_never_take_is_refused_and_the_rest_is_sent(drop: Path, queue: Path) -> None:
    for vm in range(3):
        (drop / f"{vm}.json").write_bytes(a_file(vm))
    one = Push(FolderSource(drop), Picky(queue, limit=1_000))
    list(one.run())
    assert {each.MaskedVMName for each in sent(queue)} == {"vm0", "vm2"}
    assert (one.done.samples, one.done.refused) == (90, 1)
    assert "takes no message of" in reason(drop, "1.json")
    assert FolderSource(drop).claim() == []


def pushed(drop: Path, queue: Path, fleet: Fleet, now: int = NOW) -> tuple[Fleet, Pushed]:
    one = Push(FolderSource(drop), FolderDestination(queue), now=now, fleet=fleet)
    list(one.run())
    return one.fleet, one.done


def test_of_two_machines_of_one_name_the_first_is_sent_and_the_other_set_aside_for_as_long_as_both_write(
    drop: Path, queue: Path
) -> None:
    fleet = Fleet()
    for window in range(3):
        since = WINDOW_START + 900 * window
        first, second = ("a", "b") if window == 0 else ("b", "a")  # later the other one's file is read first
        (drop / f"{first}.json").write_bytes(from_agent("v", ONE, plain=False, since=since))
        (drop / f"{second}.json").write_bytes(from_agent("v", TWO, plain=False, since=since))
        fleet, done = pushed(drop, queue, fleet, NOW + 900 * window)
        assert done.refused == 1
        assert ONE in reason(drop, f"{second}.json")
        assert len(sent(queue)) == 15 * (window + 1)
    assert fleet.twice(NOW + 1800) == ["v"]


def test_a_batch_that_is_sent_again_after_a_failure_decides_the_same(drop: Path, queue: Path) -> None:
    (drop / "a.json").write_bytes(from_agent("v", ONE, plain=False))
    (drop / "b.json").write_bytes(from_agent("v", TWO, plain=False, since=WINDOW_START + 900))
    (drop / "c.json").write_bytes(from_agent("v", THREE, plain=False, since=WINDOW_START + 900))
    source = FolderSource(drop)
    queue.write_bytes(b"a file where the folder should be")
    one = Push(source, FolderDestination(queue), now=NOW)
    with pytest.raises(Unavailable):
        list(one.run())
    assert one.fleet == Fleet()
    queue.unlink()
    _, done = pushed(drop, queue, one.fleet)
    assert (done.files, done.refused) == (3, 1)
    assert "c.json" in [path.name for path in (drop / "refused").iterdir()]


def test_a_machine_that_replaces_another_goes_on_under_its_name(drop: Path, queue: Path) -> None:
    (drop / "a.json").write_bytes(from_agent("v", ONE, plain=False, minutes=7))
    (drop / "b.json").write_bytes(from_agent("v", TWO, plain=False, since=WINDOW_START + 6 * 60, minutes=9))
    fleet, done = pushed(drop, queue, Fleet())
    assert (done.files, done.refused) == (2, 0)
    assert fleet.twice(NOW) == []


def test_when_the_first_has_been_silent_for_long_the_other_takes_over(drop: Path, queue: Path) -> None:
    fleet = Fleet()
    later = WINDOW_START + 900 + SILENT
    for machine, since, refused in ((ONE, WINDOW_START, 0), (TWO, WINDOW_START, 1), (TWO, later, 0), (ONE, later, 1)):
        (drop / "f.json").write_bytes(from_agent("v", machine, plain=False, since=since))
        fleet, done = pushed(drop, queue, fleet, since + 900)
        assert done.refused == refused, (machine, since)


def test_files_of_other_makers_say_no_machine_and_are_sent(drop: Path, queue: Path) -> None:
    (drop / "a.json").write_bytes(from_agent("v", ONE, plain=False))
    (drop / "b.json").write_bytes(a_message([replace_vm(each) for each in (a_record(),)]))
    fleet, done = pushed(drop, queue, Fleet())
    assert (done.files, done.refused) == (2, 0)
    assert fleet.vms["v"].machine == ONE


def replace_vm(record: dict[str, object]) -> dict[str, object]:
    return {**record, "MaskedVMName": "v"}
