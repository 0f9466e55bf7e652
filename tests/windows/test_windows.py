"""Agent, SPOC, ``--check`` and dev.py on Windows' CPython, under Wine: what is said of Windows in docs/edge.md."""

import json
import os
import select
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain import wire
from domain.agent_file import decode_file
from domain.masking import mask_tenant, mask_vm
from domain.samples import Sample
from tests.conftest import a_queue
from tests.peers import Broker, needs_node
from tests.windows.conftest import KEY, ROOT, Windows

pytestmark = pytest.mark.xdist_group("windows")

AT = 1_790_000_100
TENANT = mask_tenant("Contoso", KEY.encode())


def vm(host: str) -> str:
    return mask_vm(TENANT, host, KEY.encode())


def a_line(host: str, value: float, at: int = AT) -> str:
    metric = {"name": "win_cpu", "fields": {"Percent_Processor_Time": value}, "tags": {"host": host}, "timestamp": at}
    return json.dumps(metric, ensure_ascii=False) + "\n"


FROM_TELEGRAF = ("-m", "edge.agent", "--tenant", "Contoso", "--from", "telegraf")


def agent_writes(windows: Windows, folder: str, *hosts: str) -> None:
    given = "".join(a_line(host, 7) for host in hosts).encode()
    done = windows.python(*FROM_TELEGRAF, "--folder", folder, given=given)
    assert done.returncode == 0, done.stderr.decode()


def samples(folder: Path) -> list[Sample]:
    return [sample for path in sorted(folder.glob("*.json")) for sample in wire.decode(path.read_bytes()).samples]


LONG = "\\".join(["ein sehr langer Name eines Ordners " + "x" * 40] * 4)
FOLDERS = {
    "a drive letter, umlauts, a long path": f"C:\\Büro für Ärzte €\\{LONG}",
    "a share": "\\\\manager1\\spot-pc",
}


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, windows: Windows) -> Iterator[tuple[str, Path]]:
    """A folder as Windows calls it, and where it is."""
    name = f"{FOLDERS[request.param]}\\{uuid.uuid4().hex[:6]}"
    base = windows.c if name.startswith("C:") else windows.unc
    found = base / name.removeprefix("C:").replace("\\", "/").lstrip("/")
    if base == windows.unc:
        (base / "manager1" / "spot-pc").mkdir(parents=True, exist_ok=True)
    yield name, found
    shutil.rmtree(found, ignore_errors=True)


def test_a_file_goes_from_the_agent_by_the_spoc_to_the_queue(windows: Windows, folder: tuple[str, Path]) -> None:
    name, path = folder
    agent_writes(windows, name, "BÜRO-01", "ÁRON-01")
    assert {(each.MaskedTenantId, each.MaskedVMName, each.PerfValue) for each in samples(path)} == {
        (TENANT, vm("BÜRO-01"), 7),
        (TENANT, vm("ÁRON-01"), 7),
    }
    queue = path / "queue"
    queue.mkdir()
    to = ("--folder", name, "--queue-folder", f"{name}\\queue")
    checked = windows.python("-m", "edge.spoc", *to, "--check")
    assert (checked.returncode, b"2 files wait" in checked.stdout) == (0, True), checked.stderr.decode()
    pushed = windows.python("-m", "edge.spoc", *to, "--once")
    assert pushed.returncode == 0, pushed.stderr.decode()
    (message,) = (each for each in queue.iterdir() if not each.name.startswith("."))
    assert {each.MaskedVMName for each in wire.decode(message.read_bytes()).samples} == {vm("BÜRO-01"), vm("ÁRON-01")}
    assert not list(path.glob("*.json"))


def test_the_machines_own_settings_and_state_are_used_and_can_be_sealed(windows: Windows) -> None:
    home = windows.c / "home"
    shutil.rmtree(home, ignore_errors=True)
    (home / "settings").mkdir(parents=True)
    settings = "folder = 'C:\\home\\drop'\nfrom = 'telegraf'\npool = 'Büro'\nlog = 'C:\\home\\logs\\agent.log'\n"
    (home / "settings" / "agent.toml").write_text(settings, encoding="utf-16")
    more = {"SPOT_PC_HOME": "C:\\home", "SPOT_MASKING_KEY": ""}
    for at in (AT, AT + 900):
        done = windows.python("-m", "edge.agent", given=a_line("BÜRO-01", 7, at).encode(), more=more)
        assert done.returncode == 0, done.stderr.decode()
    first, second = (decode_file(path.read_bytes()) for path in sorted((home / "drop").glob("*.json")))
    assert [(each.MaskedVMName, each.ResourcePoolName, each.PerfValue) for each in first.samples] == [
        ("BÜRO-01", "Büro", 7)
    ]
    assert first.head
    assert second.head
    assert (first.head.machine, first.head.boot) == (second.head.machine, second.head.boot)
    kept = json.loads((home / "state" / "agent" / "machine.json").read_bytes())
    assert (kept["id"], len(kept["machine"])) == (first.head.machine, 32)
    assert "delivered" in (home / "logs" / "agent.log").read_text(encoding="utf8")
    sealed = windows.python("-m", "edge.sealing", more=more)
    assert (sealed.returncode, b"is gone: 1 files" in sealed.stdout) == (0, True), sealed.stderr.decode()
    assert not (home / "state" / "agent").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_standard_input_is_utf_8_whatever_the_code_page(windows: Windows, encoding: str) -> None:
    given = b"\xff\n" + a_line("ÁRON-01", 5).encode()
    done = windows.python(*FROM_TELEGRAF, "--dry-run", given=given, more={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["MaskedVMName"] for line in done.stdout.splitlines()] == [vm("ÁRON-01")]
    assert b"1 lines were not Telegraf metrics" in done.stderr


def test_this_machine_is_read_and_what_it_does_not_have_is_named(windows: Windows) -> None:
    script = (
        "import json, time; from edge.readings import Machine; machine = Machine(['Eventlog', 'NoSuchService']);"
        "machine.read(); time.sleep(0.2); print(json.dumps([dict(machine.read()), machine.failed]))"
    )
    done = windows.python("-c", script)
    readings, failed = json.loads(done.stdout)
    assert readings["win_service.Eventlog"] in (0, 1)
    assert "win_service.NoSuchService" not in readings
    assert {"win_mem.available_bytes", "win_disk.percent_free_space", "win_system.processes"} <= readings.keys()
    assert readings["win_session.active_sessions"] == readings["win_session.logons"] == 0  # Wine tells of no session
    queue = failed["win_system.processor_queue_length"]
    assert r"\System\Processor Queue Length: PDH returned the error 0xC0000BB9" in queue
    assert "win_system.processes" not in failed  # psutil has it


def test_pdh_opens_collects_and_refuses_in_words(windows: Windows) -> None:
    # Values are not looked at: asked for a double, Wine 8 gives the bits of an integer.
    script = (
        "from edge.pdh import Query; query = Query(); up = query.add('\\\\System\\\\System Up Time'); query.collect();"
        "print(query.value(up) is not None)\ntry: query.add('\\\\Nonsense')\nexcept OSError as error: print(error)"
    )
    assert windows.python("-c", script).stdout.split(b"\r\n")[:2] == [b"True", b"PDH returned the error 0xC0000BB9"]


def written(console: int, until: bytes, seconds: float = 60) -> bytes:
    """What is written to a console, until it says something."""
    said, end = b"", time.monotonic() + seconds
    while until not in said and time.monotonic() < end:
        if select.select([console], [], [], 0.1)[0]:
            try:
                said += os.read(console, 4096)
            except OSError:  # it is gone
                break
    return said


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (("-m", "edge.agent", "--tenant", "T", "--folder", "C:\\ctrl-c"), b"reads machine"),
        (("-m", "edge.spoc", "--folder", "C:\\ctrl-c", "--queue-folder", "C:\\ctrl-c\\gone\\none"), b""),
    ],
)
def test_ctrl_c_ends_a_program_at_once_and_cleanly(windows: Windows, arguments: Any, begins: bytes) -> None:
    folder = windows.c / "ctrl-c"
    folder.mkdir(exist_ok=True)
    if not begins:  # the SPOC says something when it has pushed: then it waits for a minute
        (folder / "x.json").write_text("nonsense")
        begins = b"oldestFileSeconds"
    with windows.console(*arguments) as (process, console):
        assert begins in written(console, begins)
        began = time.monotonic()
        os.write(console, b"\x03")
        said = written(console, b"Traceback", 5)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 6
        assert b"Traceback" not in said


HOLD = "import sys; file = open(sys.argv[1], 'r+b'); print('open', flush=True); sys.stdin.read()"


def test_a_file_that_another_process_holds_open_waits_and_the_others_go(windows: Windows) -> None:
    folder = windows.c / "held"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "queue").mkdir(parents=True)
    agent_writes(windows, "C:\\held", "pc1", "pc2")
    held, free = sorted(folder.glob("*.json"))
    once = ("-m", "edge.spoc", "--folder", "C:\\held", "--queue-folder", "C:\\held\\queue", "--once")
    with windows.running("-c", HOLD, f"C:\\held\\{held.name}") as holder:
        assert holder.stdout
        assert holder.stdout.readline().strip() == b"open"
        assert windows.python(*once).returncode == 0
        assert (held.exists(), free.exists()) == (True, False)
        holder.communicate(b"")
    assert windows.python(*once).returncode == 0
    assert not held.exists()
    messages = [each for each in (folder / "queue").iterdir() if not each.name.startswith(".")]
    found = {each.MaskedVMName for message in messages for each in wire.decode(message.read_bytes()).samples}
    assert found == {vm("pc1"), vm("pc2")}


def test_telegrafs_file_can_be_renamed_while_it_is_read_and_each_line_is_read_once(windows: Windows) -> None:
    folder = windows.c / "telegraf"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = """
import itertools, os, pathlib, sys
from edge import following
following.CHUNK = 200
path = pathlib.Path(r"C:\\telegraf\\telegraf.json")
line = sys.stdin.buffer.read().decode()
path.write_bytes("".join(line.replace("1790000100", str(1790000100 + n)) for n in range(20)).encode())
files = following.Files(path, pathlib.Path(r"C:\\telegraf\\.state"))
found = []
for number, piece in enumerate(files.read()):
    found += piece
    if number == 3:
        os.rename(path, r"C:\\telegraf\\telegraf.2026-11-26-1.json")
        path.write_bytes(line.replace("1790000100", "1790000120").encode())
for _ in range(2):
    found += [moment for piece in files.read() for moment in piece]
print(sorted(moment.timestamp - 1790000100 for moment in found) == list(range(21)), {moment.host for moment in found})
"""
    done = windows.python("-X", "utf8", "-c", script, given=a_line("BÜRO", 1).encode())
    assert done.stdout.decode().strip() == "True {'BÜRO'}", done.stderr.decode()


@needs_node
def test_the_spoc_checks_and_sends_by_microsofts_sdk(windows: Windows, broker: Broker) -> None:
    queue, folder = a_queue(), windows.c / "amqp"
    shutil.rmtree(folder, ignore_errors=True)
    agent_writes(windows, "C:\\amqp", "pc1")
    more = {"SPOT_SERVICE_BUS_CONNECTION": broker.connection}
    to = ("-m", "edge.spoc", "--folder", "C:\\amqp", "--queue", queue)
    checked = windows.python(*to, "--check", more=more)
    assert (checked.returncode, b"may send: yes" in checked.stdout) == (0, True), checked.stdout + checked.stderr
    assert broker.bodies(queue) == []
    assert windows.python(*to, "--once", more=more).returncode == 0
    (body,) = broker.bodies(queue)
    assert [each.MaskedVMName for each in wire.decode(body).samples] == [vm("pc1")]


def test_dev_plans_the_same_with_windows_paths(windows: Windows) -> None:
    dev = f"Z:{ROOT / 'dev.py'}".replace("/", "\\")
    shown = windows.python(dev, "help")
    assert (shown.returncode, b"  run " in shown.stdout) == (0, True), shown.stderr.decode()
    planned = windows.python(dev, "run", "PORT=8080", more={"DRY_RUN": "1", "VENV": "C:\\an environment"})
    lines = planned.stdout.decode().splitlines()
    assert planned.returncode == 0, planned.stderr.decode()
    assert lines[-1] == r'"C:\an environment\Scripts\python.exe" -m local'
    assert any("-m venv --clear " in line for line in lines)
    assert any("pip" in line and "-r local.txt -c lock.txt" in line for line in lines)


def test_dev_runs_what_it_plans_on_windows(windows: Windows) -> None:
    """The environment is there already: its Python is a copy of the one that runs dev.py."""
    project = windows.c / f"a project {uuid.uuid4().hex[:6]}"
    shutil.copytree(windows.home / "python", project / ".venv" / "Scripts")
    shutil.copytree(ROOT / "requirements", project / "requirements")
    shutil.copy(ROOT / "dev.py", project)
    (project / ".venv" / "python").touch()
    (project / ".venv" / "Scripts" / "python313._pth").write_text(f"python313.zip\n.\nC:\\{project.name}\n")
    (project / "pip.py").write_text("import sys; print('installs', *sys.argv[-4:])\n")
    (project / "local.py").write_text("import os; print('runs on port', os.environ['PORT']); raise SystemExit(7)\n")
    try:
        done = [windows.python(f"C:\\{project.name}\\dev.py", "run", "PORT=8080") for _ in range(2)]
    finally:
        shutil.rmtree(project)
    assert [each.returncode for each in done] == [7, 7], [each.stderr.decode() for each in done]
    first, second = (each.stdout.decode().split("\r\n") for each in done)
    assert "installs -r local.txt -c lock.txt" in first
    assert "runs on port 8080" in first
    assert second[:-1] == ["runs on port 8080"]
