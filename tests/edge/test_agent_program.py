"""The agent as a program: what an administrator types, sees and gets wrong; and what this machine really reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain import wire
from domain.counters import COUNTERS
from domain.masking import mask_tenant, mask_vm
from edge.agent import SAY_AGAIN, Said, main
from edge.readings import Machine
from tests.app.conftest import wait_for

ROOT = Path(__file__).parents[2]
KEY = "a masking key of some length"
AT = 1_790_000_100


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


def test_a_stream_that_ends_while_the_folder_is_away_says_what_is_lost_and_fails(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("")
    given = a_line("pc1", 90) + a_line("pc2", 90)
    done = run("--tenant", "t", "--folder", str(tmp_path / "share"), "--from", "telegraf", given=given)
    assert done.returncode == 1
    assert "loses 2 minutes of 2 VMs, 2 files" in done.stderr


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
    command = [sys.executable, "-m", "edge.agent", "--tenant", "t", "--folder", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "SPOT_MASKING_KEY": KEY}, stderr=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stderr
        assert "reads machine" in agent.stderr.readline()
        agent.terminate()
        assert agent.wait(15) == 0
        assert agent.stderr.read() == ""


BAD: list[tuple[list[str], str]] = [
    ([], "--folder is missing"),
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


@pytest.mark.parametrize(("key", "code", "said"), [(None, 2, "is missing"), ("short", 0, "5 bytes")])
def test_a_key_that_is_missing_is_an_error_and_a_short_one_a_warning(
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


def test_trouble_is_said_once_and_numbers_again_after_long(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said()
    for now, trouble in enumerate(["1 lines were bad", "2 lines were bad", "3 lines were bad; no disk", "no disk", ""]):
        said.say(trouble, now)
    said.say("900 lines were bad; no disk", SAY_AGAIN)
    assert capsys.readouterr().err.splitlines() == [
        "agent: 1 lines were bad",
        "agent: no disk",
        "agent: 900 lines were bad",
    ]
