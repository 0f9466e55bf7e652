"""The MSI on a new Windows under Wine: installed, at work, upgraded, removed. A test goes on where the last one ended.

Wine has one user and no shutdown: rights, accounts and the order at shutdown are not proven here, nor Windows itself.
"""

import json
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from edge import VERSION
from tests.packages.conftest import Machine, until

PROGRAM = r"""
import os, sys, time
from pathlib import Path
from edge.stopping import stop_event, wait

def main(arguments):
    stop = stop_event()
    with open(r"C:\starts", "a") as file:
        file.write(f"{os.getpid()}\n")
    what = Path(r"C:\what").read_text()
    if what == "write":
        for number in range(2_000):
            print("x" * 1_000, number)
        print("written")
    if what == "die":
        return 3
    print("waits")
    wait(stop, 600)
    Path(r"C:\delivered").write_text("all")
    return 0
"""
"""What the service host runs in some tests in the place of the agent."""


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    code, log = machine.installer(
        "/i", str(machine.package), r"FOLDER=C:\drop for files", "POOL=Finänce", "SERVICES=WinDefend,TermService",
        "MASKINGKEY=0123456789abcdef0123", "TENANT=Contoso",
    )  # fmt: skip
    assert code == 0, log[-3000:]
    (machine.home / "python" / "_wmi.pyd").unlink()  # Wine 8 lacks what it asks; Python then goes another way
    return machine


def log_of(machine: Machine) -> str:
    path = machine.data / "logs" / "agent.log"
    return path.read_text(encoding="utf8", errors="replace") if path.exists() else ""


def stop(machine: Machine) -> None:
    machine.run("net", "stop", "SpotPCAgent")
    until(lambda: machine.state("SpotPCAgent") == "STOPPED", "it has stopped", 25)


def start(machine: Machine) -> None:
    machine.run("net", "start", "SpotPCAgent")
    until(lambda: machine.state("SpotPCAgent") == "RUNNING", "it has started")


def restart(machine: Machine, what: str) -> None:
    """Let the host run the stand-in."""
    stop(machine)
    for name in ("starts", "delivered"):
        (machine.c / name).unlink(missing_ok=True)
    (machine.c / "what").write_text(what)
    (machine.home / "program" / "edge" / "agent.py").write_text(PROGRAM)
    for path in (machine.data / "logs").iterdir():
        path.unlink()
    start(machine)


def starts(machine: Machine) -> list[str]:
    path = machine.c / "starts"
    return path.read_text().split() if path.exists() else []


def a_higher_version(package: Path) -> Path:
    """The same package, as a later version would be to Windows Installer."""
    later = package.with_name("later.msi")
    shutil.copy(package, later)
    new = f"{{{uuid.uuid4()}}}".upper()
    columns = "`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`"
    family = "{0B0A1B5E-5A3C-4C55-9E0E-0E3F5B1D7C01}"
    for query in (
        "UPDATE `Property` SET `Value` = '99.0.0' WHERE `Property` = 'ProductVersion'",
        f"UPDATE `Property` SET `Value` = '{new}' WHERE `Property` = 'ProductCode'",  # noqa: S608
        "DELETE FROM `Upgrade` WHERE `ActionProperty` = 'WIX_UPGRADE_DETECTED'",
        f"INSERT INTO `Upgrade` ({columns}) VALUES ('{family}', '0.0.1', '99.0.0', 1, 'WIX_UPGRADE_DETECTED')",  # noqa: S608
    ):
        subprocess.run(["msibuild", str(later), "-q", query], check=True)
    return later


def test_properties_become_settings_and_secrets_have_files_of_their_own(installed: Machine) -> None:
    settings = installed.data / "settings"
    text = (settings / "agent.toml").read_text(encoding="utf8")
    assert 'folder = "C:\\\\drop for files"' in text
    assert 'pool = "Finänce"' in text
    assert 'service = ["WinDefend", "TermService"]' in text
    assert "0123456789abcdef0123" not in text
    assert (settings / "agent-masking.key").read_text().strip() == "0123456789abcdef0123"


def test_the_agent_runs_and_the_spoc_waits_for_join(installed: Machine) -> None:
    assert installed.state("SpotPCAgent") == "RUNNING"
    assert installed.state("SpotPCSpoc") == "STOPPED"
    services = r"SYSTEM\CurrentControlSet\Services"
    assert re.search(r"Start\s+REG_DWORD\s+0x4", installed.registry(rf"{services}\SpotPCSpoc"))
    agent = installed.registry(rf"{services}\SpotPCAgent")
    assert r"NT SERVICE\SpotPCAgent" in agent
    assert re.search(r"PreshutdownTimeout\s+REG_DWORD\s+0x7530", agent)


def test_the_command_is_on_the_path_and_python_is_not(installed: Machine) -> None:
    assert r"C:\Program Files\Spot PC\;" in f"{path_of(installed)};"
    assert "python" not in path_of(installed).casefold()
    assert installed.run(str(installed.home / "spot-pc.exe"), "version").stdout.strip() == VERSION
    assert installed.run(str(installed.home / "spot-pc.exe"), "no such command").returncode == 2


def path_of(machine: Machine) -> str:
    key = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
    return next(line for line in machine.registry(key).splitlines() if re.match(r"\s+PATH\s", line, re.IGNORECASE))


def test_the_agents_files_appear(installed: Machine) -> None:
    metric = {
        "name": "win_cpu",
        "fields": {"Percent_Processor_Time": 7},
        "tags": {"host": "PC-1"},
        "timestamp": 1795000000,
    }
    (installed.c / "from-telegraf.json").write_text(json.dumps(metric) + "\n")
    with (installed.data / "settings" / "agent.toml").open("a") as settings:
        settings.write('from = "telegraf"\ninput = "C:\\\\from-telegraf.json"\n')
    stop(installed)
    start(installed)
    until(lambda: list((installed.c / "drop for files").glob("*.json")), f"a file: {log_of(installed)}")


def test_a_program_that_ends_is_started_again(installed: Machine) -> None:
    restart(installed, "die")
    until(lambda: len(starts(installed)) >= 2, "a second start")
    until(lambda: "ended with code 3, and is started again in 2 s" in log_of(installed), "growing pauses")
    assert "ended with code 3, and is started again in 1 s" in log_of(installed)


def test_without_settings_the_service_waits_for_them(installed: Machine) -> None:
    settings = installed.data / "settings" / "agent.toml"
    aside = settings.with_name("aside")
    settings.rename(aside)
    restart(installed, "wait")
    until(lambda: "waits for its settings" in log_of(installed), "it says so")
    assert starts(installed) == []
    aside.rename(settings)
    until(lambda: len(starts(installed)) == 1, "it starts")


def test_the_log_has_a_bounded_size(installed: Machine) -> None:
    restart(installed, "write")
    until(lambda: "written" in log_of(installed), "the last line")
    sizes = {path.name: path.stat().st_size for path in (installed.data / "logs").iterdir()}
    assert set(sizes) == {"agent.log", "agent.log.1"}
    assert max(sizes.values()) < 1.1 * 1024 * 1024
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ x{1000} \d+$", log_of(installed), re.MULTILINE)


def test_a_program_that_is_stopped_delivers_what_it_has(installed: Machine) -> None:
    restart(installed, "wait")
    until(lambda: "waits" in log_of(installed), "the program")
    stop(installed)
    assert (installed.c / "delivered").read_text() == "all"
    assert "SpotPCAgent has stopped" in log_of(installed)
    start(installed)


def test_joining_turns_the_spoc_on(installed: Machine) -> None:
    (installed.data / "settings" / "spoc.toml").write_text("")
    code = "from edge.services import *; print(enable_spoc()); print(state(SPOC)); print(state(AGENT))"
    said, spoc, agent = installed.python(code).splitlines()
    assert said == "the SPOC's service runs, and starts with the machine"
    assert {spoc, agent} <= {"running", "starting"}


def as_windows_says_of_an_upgrade(machine: Machine) -> None:
    """Let the installed package be removed with the property that Windows sets at an upgrade; Wine does not."""
    (cached,) = (machine.c / "windows" / "Installer").glob("*.msi")
    query = "INSERT INTO `Property` (`Property`, `Value`) VALUES ('UPGRADINGPRODUCTCODE', 'later')"
    subprocess.run(["msibuild", str(cached), "-q", query], check=True)


def test_an_upgrade_keeps_settings_that_are_not_given_again(installed: Machine) -> None:
    as_windows_says_of_an_upgrade(installed)
    code, log = installed.installer(
        "/i", str(a_higher_version(installed.package)), "POOL=Sales", "MASKINGKEY=another key of theirs"
    )
    assert code == 0, log[-3000:]
    text = (installed.data / "settings" / "agent.toml").read_text(encoding="utf8")
    assert 'pool = "Sales"' in text
    assert 'folder = "C:\\\\drop for files"' in text
    assert (installed.data / "settings" / "agent-masking.key").read_text().strip() == "another key of theirs"
    assert installed.state("SpotPCAgent") == "RUNNING"
    assert installed.state("SpotPCSpoc") == "RUNNING", "a SPOC is one after an upgrade too"
    assert "edge.stopping import stop_event, wait" not in (installed.home / "program/edge/agent.py").read_text()[:99]


def test_what_makes_no_sense_fails_with_a_reason(installed: Machine) -> None:
    code, log = installed.installer(
        "/i", str(installed.package.with_name("later.msi")), "REINSTALL=ALL", "CONTAINER=https://x", r"FOLDER=C:\x"
    )
    assert code != 0
    assert "files are delivered to a folder or to a container" in log
    assert 'folder = "C:\\\\drop for files"' in (installed.data / "settings" / "agent.toml").read_text(encoding="utf8")


def test_removing_it_leaves_nothing(installed: Machine) -> None:
    code, log = installed.installer("/x", str(installed.package.with_name("later.msi")))
    assert code == 0, log[-3000:]
    assert not installed.home.exists()
    assert not installed.data.exists()
    assert "Spot PC" not in path_of(installed)
    for key in (r"SYSTEM\CurrentControlSet\Services", r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"):
        assert "Spot" not in installed.registry(key)
