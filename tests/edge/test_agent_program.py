"""The agent as a program: what an administrator types, sees and gets wrong; and what this machine really reads."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain import wire
from domain.agent_file import decode_file
from domain.counters import COUNTERS
from domain.masking import mask_tenant, mask_vm
from edge import VERSION
from edge.agent import SAY_AGAIN, Said, main
from edge.readings import Machine
from tests.app.conftest import wait_for

ROOT = Path(__file__).parents[2]
KEY = "a masking key of some length"
AT = 1_790_000_100


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's folders of its own for each test."""
    monkeypatch.setenv("SPOT_PC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: str, given: str = "", key: str | None = KEY) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "SPOT_MASKING_KEY"}
    if key is not None:
        environment["SPOT_MASKING_KEY"] = key
    return subprocess.run(
        [sys.executable, "-m", "edge.agent", *arguments],
        cwd=ROOT,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def a_line(host: str, value: float, at: int = AT) -> str:
    tags = {"host": host, "instance": "_Total"}
    return (
        json.dumps({"fields": {"Percent_Idle_Time": value}, "name": "win_disk", "tags": tags, "timestamp": at}) + "\n"
    )


def test_telegrafs_output_on_standard_input_becomes_files_under_masked_names(tmp_path: Path) -> None:
    given = a_line("pc1", 90) + a_line("pc1", 100, AT + 10) + "nonsense\n" + a_line("pc2", 50)
    done = run(
        "--tenant", "Contoso", "--folder", str(tmp_path), "--from", "telegraf", "--region", "uksouth", given=given
    )
    assert done.returncode == 0, done.stderr
    samples = [sample for path in tmp_path.glob("*.json") for sample in wire.decode(path.read_bytes()).samples]
    tenant = mask_tenant("Contoso", KEY.encode())
    found = {(sample.MaskedTenantId, sample.MaskedVMName): (sample.PerfValue, sample.Region) for sample in samples}
    assert found == {
        (tenant, mask_vm(tenant, "pc1", KEY.encode())): (95, "uksouth"),
        (tenant, mask_vm(tenant, "pc2", KEY.encode())): (50, "uksouth"),
    }
    assert {sample.timestamp for sample in samples} == {AT // 60 * 60 + 30}
    assert "1 lines were not Telegraf metrics" in done.stderr
    assert "Contoso" not in "".join(path.name + path.read_text() for path in tmp_path.glob("*.json"))


def test_without_a_masking_key_files_are_plain_for_the_spoc_to_mask(tmp_path: Path, home: Path) -> None:
    given = a_line("PC1", 90) + a_line("pc1", 100, AT + 10)
    done = run("--folder", str(tmp_path / "drop"), "--from", "telegraf", "--pool", "Finance", given=given, key=None)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "drop").iterdir()
    assert path.name == f"PC1_{AT // 900 * 900}.json"
    found = decode_file(path.read_bytes())
    assert found.plain
    assert [(each.MaskedVMName, each.PerfValue, each.ResourcePoolName) for each in found.samples] == [
        ("PC1", 95, "Finance")
    ]
    kept = json.loads((home / "state" / "agent" / "machine.json").read_bytes())
    assert found.head
    assert not kept["early"]
    assert (found.head.machine, found.head.boot, found.head.version) == (kept["id"], kept["boot"], VERSION)
    assert abs(found.head.written - time.time()) < 600


def test_what_can_not_be_delivered_at_the_end_of_a_stream_waits_and_goes_at_the_next_start(
    tmp_path: Path, home: Path
) -> None:
    (tmp_path / "share").write_text("")
    where = ("--folder", str(tmp_path / "share"), "--from", "telegraf")
    done = run(*where, given=a_line("pc1", 90) + a_line("pc2", 90), key=None)
    assert done.returncode == 1
    assert f"2 files wait in {home / 'state' / 'agent' / 'spool'} for the next start" in done.stderr
    (tmp_path / "share").unlink()
    again = run(*where, key=None)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "share").glob("*.json"))) == 2
    assert not list((home / "state" / "agent" / "spool").iterdir())


def test_a_state_that_can_not_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    done = run("--folder", str(tmp_path / "drop"), "--from", "telegraf", given=a_line("pc1", 90), key=None)
    assert done.returncode == 2
    assert "can't be used" in done.stderr
    assert "--state" in done.stderr


def test_a_machine_with_a_new_name_says_so_and_an_images_copy_forgets_what_the_other_had(
    tmp_path: Path, home: Path
) -> None:
    (tmp_path / "share").write_text("")
    where = ("--folder", str(tmp_path / "share"), "--from", "telegraf")
    run(*where, given=a_line("pc1", 90), key=None)
    state = home / "state" / "agent" / "machine.json"
    first = json.loads(state.read_bytes())
    state.write_text(json.dumps({**first, "host": "another"}))
    assert "was called another and is now" in run(*where, key=None).stderr
    if not first["machine"]:
        pytest.skip("this machine has no id")
    state.write_text(json.dumps({**first, "machine": "another"}))
    (tmp_path / "share").unlink()
    copied = run(*where, key=None)
    assert (copied.returncode, "made from an image" in copied.stderr) == (0, True)
    assert json.loads(state.read_bytes())["id"] != first["id"]
    assert not (tmp_path / "share").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "ascii"])
def test_standard_input_is_utf_8_whatever_the_console_says(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    given = "".join(
        json.dumps({"name": "a", "fields": {"b": 1}, "tags": {"host": host}, "timestamp": AT}, ensure_ascii=False)
        for host in ("ÁRON-01", "BÜRO-01")
    )
    done = subprocess.run(
        [sys.executable, "-m", "edge.agent", "--tenant", "t", "--dry-run", "--from", "telegraf"],
        cwd=ROOT,
        env={**os.environ, "SPOT_MASKING_KEY": KEY},
        input=given.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    tenant = mask_tenant("t", KEY.encode())
    assert {json.loads(line)["MaskedVMName"] for line in done.stdout.splitlines()} == {
        mask_vm(tenant, host, KEY.encode()) for host in ("ÁRON-01", "BÜRO-01")
    }


def test_tags_and_layouts_of_ones_own_are_taken() -> None:
    metric = {"name": "a", "fields": {"b": 1}, "tags": {"host": "no", "vm": "pc9"}, "timestamp": "21/09/2026 14:13"}
    how = ("--host-tag", "vm", "--timestamp-format", "02/01/2006 15:04")
    done = run("--tenant", "t", "--dry-run", "--from", "telegraf", *how, given=json.dumps(metric))
    (line,) = map(json.loads, done.stdout.splitlines())
    tenant = mask_tenant("t", KEY.encode())
    assert (line["MaskedVMName"], line["timestamp"]) == (mask_vm(tenant, "pc9", KEY.encode()), 1_790_000_010)


def test_a_dry_run_prints_samples(tmp_path: Path) -> None:
    done = run("--tenant", "t", "--vm", "v", "--dry-run", "--from", "telegraf", given=a_line("pc1", 90))
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert (json.loads(line)["PerfName"], json.loads(line)["PerfValue"]) == ("percent_idle_time", 90)
    assert list(tmp_path.iterdir()) == []
    assert "wrote" not in done.stderr


def test_this_machine_is_measured_and_stopped_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.agent", "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr
        assert "reads machine" in agent.stderr.readline()
        agent.terminate()
        assert agent.wait(15) == 0
        assert agent.stderr.read() == ""


def test_an_agent_that_is_stopped_delivers_what_it_has(tmp_path: Path) -> None:
    at = int(time.time()) - 120
    command = [sys.executable, "-m", "edge.agent", "--folder", str(tmp_path / "drop"), "--from", "telegraf"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as agent:
        assert agent.stdin
        assert agent.stderr
        agent.stdin.write(a_line("pc1", 7, at) + a_line("pc1", 9, at + 120) + "nonsense\n")
        assert any("1 lines were not" in line for line in agent.stderr)  # so it has read the others
        agent.terminate()
        assert agent.wait(30) == 0
    samples = [each for path in (tmp_path / "drop").iterdir() for each in decode_file(path.read_bytes()).samples]
    assert samples[0].PerfValue == 7


def test_an_agent_that_is_killed_and_renamed_loses_nothing_of_its_old_name(tmp_path: Path, home: Path) -> None:
    at = int(time.time()) - 120
    where = ("--folder", str(tmp_path / "drop"), "--from", "telegraf")
    with subprocess.Popen([sys.executable, "-m", "edge.agent", *where], cwd=ROOT, stdin=subprocess.PIPE) as agent:
        assert agent.stdin
        agent.stdin.write((a_line("old", 7, at) + a_line("old", 9, at + 120)).encode())
        agent.stdin.flush()
        wait_for(lambda: list(home.rglob("*.part")) or list(tmp_path.glob("drop/*")), "the minute to be kept")
        agent.kill()
    state = home / "state" / "agent" / "machine.json"
    state.write_text(json.dumps({**json.loads(state.read_bytes()), "host": "old"}))
    done = run(*where, given=a_line("new", 5), key=None)
    assert (done.returncode, "was called old" in done.stderr) == (0, True)
    found = [decode_file(path.read_bytes()) for path in (tmp_path / "drop").iterdir()]
    assert {(each.MaskedVMName, each.PerfValue) for file in found for each in file.samples} >= {("old", 7), ("new", 5)}
    assert len({file.head.machine for file in found if file.head}) == 1


BAD: list[tuple[list[str], str]] = [
    ([], "give either --folder or --container"),
    (["--folder", "x", "--container", "https://x/y"], "give either --folder or --container"),
    (["--container", "http://x/y"], "--container: http://x/y"),
    (["--container", "https://x/a b"], "%20"),
    (["--container", "https://x/y?sv=1", "--sas-file", "z"], "give the SAS either"),
    (["--folder", "x", "--tenant", "t", "--vm", "a\nb"], "--vm holds a control"),
    (["--folder", "x"], "--tenant is missing"),
    (["--folder", "x", "--tenant", ""], "--tenant is empty"),
    (["--folder", "x", "--tenant", "t", "--push-every", "50"], "--push-every"),
    (["--folder", "x", "--tenant", "t", "--push-every", "7200"], "--push-every"),
    (["--folder", "x", "--tenant", "t", "--reduce", "win_cpu.x=median"], "--reduce"),
    (["--folder", "x", "--tenant", "t", "--key-file", "missing"], "missing"),
    (["--folder", "x", "--tenant", "t", "--from", "nowhere"], "--from"),
    (["--config", "missing.toml"], "missing.toml"),
    (["--folder", "x", "--tenant", "t", "--from", "telegraf", "--timestamp-format", "x"], "--timestamp-format"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_options_that_make_no_sense_are_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_MASKING_KEY", KEY)
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("key", "code", "said"), [(None, 2, "leave --tenant out"), ("short", 0, "5 bytes")])
def test_a_tenant_without_a_key_is_an_error_and_a_short_key_a_warning(
    tmp_path: Path, key: str | None, code: int, said: str
) -> None:
    done = run("--tenant", "t", "--folder", str(tmp_path), "--from", "telegraf", given=a_line("pc1", 1), key=key)
    assert (done.returncode, said in done.stderr) == (code, True)


def test_options_may_stand_in_a_file_over_which_flags_win(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    config = tmp_path / "agent.toml"
    config.write_text(
        f'tenant = "Contoso"\nvm = "wrong"\nfolder = "{tmp_path / "files"}"\nkey_file = "{tmp_path / "key"}"\n'
        'from = "telegraf"\nsize = "Standard_D2s_v5"\nservice = ["WinDefend"]\n'
    )
    done = run("--config", str(config), "--vm", "right", given=a_line("pc1", 7), key=None)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "files").glob("*.json")
    (sample,) = wire.decode(path.read_bytes()).samples
    tenant = mask_tenant("Contoso", KEY.encode())
    assert (sample.MaskedVMName, sample.MachineSize) == (mask_vm(tenant, "right", KEY.encode()), "Standard_D2s_v5")


def test_settings_of_the_machine_are_read_without_a_flag_and_flags_win(tmp_path: Path, home: Path) -> None:
    (home / "settings").mkdir(parents=True)
    (home / "settings" / "agent.toml").write_text(
        f"folder = '{tmp_path / 'drop'}'\nfrom = 'telegraf'\npool = 'A'\nlog = '{tmp_path / 'agent.log'}'\n",
        encoding="utf-8-sig",
    )
    assert run("--pool", "B", given=a_line("pc1", 7), key=None).returncode == 0
    (path,) = (tmp_path / "drop").iterdir()
    assert {each.ResourcePoolName for each in decode_file(path.read_bytes()).samples} == {"B"}
    assert f"delivered {path.name}" in (tmp_path / "agent.log").read_text()


def some_readings() -> dict[str, float]:
    """This machine's readings over a moment in which its processor certainly did something."""
    machine = Machine(["WinDefend"])

    def moved() -> dict[str, float] | None:
        sum(number * number for number in range(20_000))
        readings = dict(machine.read())
        return readings if readings.get("win_cpu.percent_processor_time", 0) > 0 else None

    found: dict[str, float] = wait_for(moved, "the processor's time to move on")
    assert machine.failed == {}
    return found


def test_this_machine_gives_real_readings_of_counters_that_are_all_in_the_table() -> None:
    readings = some_readings()
    assert set(readings) <= set(COUNTERS)
    assert len(readings) >= 10
    for name, value in readings.items():
        assert isinstance(value, float)
        assert value <= 100 or COUNTERS[name].unit != "%"
    assert 0 < readings["win_mem.percent_used"] < 100
    assert readings["win_system.processes"] >= 1


def test_trouble_is_said_once_and_numbers_again_after_long() -> None:
    lines: list[str] = []
    said = Said(lines.append)
    for now, trouble in enumerate(["1 lines were bad", "2 lines were bad", "3 lines were bad; no disk", "no disk", ""]):
        said.say(trouble, now)
    said.say("900 lines were bad; no disk", SAY_AGAIN)
    assert lines == ["1 lines were bad", "no disk", "900 lines were bad"]
