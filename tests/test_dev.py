"""dev.py: what it would run, what it refuses, when it installs again, and how it ends."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEV = ROOT / "dev.py"
OTHER_TARGETS = ("check", "lint", "lint-page", "lint-infra", "peers", "emulators", "lock", "clean", "help")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose environment is made: its Python is a script that writes down how it was called."""
    home = tmp_path / "a project"
    (home / ".venv/bin").mkdir(parents=True)
    shutil.copy(DEV, home)
    shutil.copytree(ROOT / "requirements", home / "requirements")
    (home / ".venv/python").touch()
    python = home / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$PORT|$*" >> "$CALLS"\nexit "${CODE:-0}"\n')
    python.chmod(0o755)
    return home


def dev(project: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    given = {"PATH": os.environ["PATH"], "CALLS": str(project / "calls"), **environment}
    command = [sys.executable, str(project / "dev.py"), *arguments]
    return subprocess.run(command, cwd=project.parent, env=given, capture_output=True, text=True, check=False)


def calls(project: Path) -> list[str]:
    """What Python was asked to do since the last time."""
    noted = project / "calls"
    lines = noted.read_text().splitlines() if noted.exists() else []
    noted.unlink(missing_ok=True)
    return lines


def test_it_parses_where_python_is_old() -> None:
    assert ast.parse(DEV.read_text(), feature_version=(3, 8)).body


def test_an_old_python_is_told_what_is_needed() -> None:
    given = "import sys, runpy; sys.version_info = (3, 8, 18); sys.argv = ['dev.py', 'test']; "
    done = subprocess.run(
        [sys.executable, "-c", f"{given}runpy.run_path({str(DEV)!r}, run_name='__main__')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stdout
    assert "make PYTHON=python3.12 test" in done.stdout


def test_it_uses_the_standard_library_alone() -> None:
    imported = re.findall(r"^ *(?:from|import) ([\w.]+)", DEV.read_text(), re.MULTILINE)
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_help_names_every_target_and_so_does_the_makefile() -> None:
    done = subprocess.run([sys.executable, DEV, "help"], capture_output=True, text=True, check=True)
    shown = set(re.findall(r"^  ([\w-]+) ", done.stdout, re.MULTILINE))
    assert shown >= {"run", "test", "bench", "soak", "fuzz", "cost", "screenshots", "pictures", *OTHER_TARGETS}
    made = re.search(r"^TARGETS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert made
    assert set(made[1].split()) == shown


def test_an_unknown_target_is_refused_before_anything_is_done(project: Path) -> None:
    done = dev(project, "run", "tset")
    assert (done.returncode, calls(project)) == (2, [])
    assert "tset: no such target" in done.stdout


def test_it_installs_what_a_target_needs_and_again_only_when_its_files_have_changed(project: Path) -> None:
    assert dev(project, "run").returncode == 0
    first = calls(project)
    assert [line for line in first if "pip" in line and "local.txt -c lock.txt" in line]
    assert first[-1] == "|-m local"
    assert dev(project, "run").returncode == 0
    assert calls(project) == ["|-m local"]
    for path in (project / "requirements").iterdir():  # as a checkout of another branch, and back, leaves them
        path.touch()
    assert dev(project, "run").returncode == 0
    assert calls(project) == ["|-m local"]
    with (project / "requirements/lock.txt").open("a") as lock:
        lock.write("# changed\n")
    assert dev(project, "cost").returncode == 0
    again = calls(project)
    assert [line for line in again if "-r local.txt" in line]
    assert [line for line in again if "-r dev.txt" in line]
    assert again[-1] == "|-m benchmarks.cost"


def test_what_could_not_be_installed_is_installed_the_next_time(project: Path) -> None:
    done = dev(project, "run", CODE="3")
    assert done.returncode == 3
    assert "ended with code 3" in done.stderr
    assert len(calls(project)) == 1
    assert dev(project, "run").returncode == 0
    assert len(calls(project)) == 3


def test_variables_may_stand_in_the_environment_or_among_the_targets(project: Path) -> None:
    dev(project, "run")
    calls(project)
    dev(project, "run", PORT="1")
    dev(project, "PORT=2", "run", PORT="1")
    assert calls(project) == ["1|-m local", "2|-m local"]


def test_a_dry_run_shows_the_commands_and_changes_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    done = dev(project, "test", "clean", "WORKERS=3", DRY_RUN="1")
    assert done.returncode == 0
    assert "-m pytest -n 3 " in done.stdout
    assert (calls(project), sorted(project.rglob("*"))) == ([], before)


def test_clean_removes_the_environment_and_the_data_and_nothing_else(project: Path) -> None:
    (project / "data/queue").mkdir(parents=True)
    assert dev(project, "clean", "DATA=data").returncode == 0
    assert sorted(path.name for path in project.iterdir()) == ["dev.py", "requirements"]


def test_the_first_that_fails_ends_it(project: Path) -> None:
    dev(project, "test")
    calls(project)
    done = dev(project, "test", "run", CODE="5")
    assert done.returncode == 5
    assert [line.split()[1] for line in calls(project)] == ["pytest"]


@pytest.mark.skipif(os.name == "nt", reason="signals as Unix has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_kill_end_the_program_quietly(project: Path, number: signal.Signals) -> None:
    dev(project, "run")
    python = project / ".venv/bin/python"
    python.write_text("#!/bin/sh\ntrap 'echo ended; exit 0' INT TERM\necho up\nwhile :; do sleep 0.05; done\n")
    process = subprocess.Popen(
        [sys.executable, project / "dev.py", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    # A console sends Ctrl-C to all of its programs; a service manager ends one, which has to pass it on.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    said = process.communicate(timeout=30)
    assert (said, process.returncode) == (("ended\n", ""), 0)


def test_makes_variables_and_targets_reach_dev(project: Path) -> None:
    shutil.copy(ROOT / "Makefile", project)
    dev(project, "run")
    calls(project)
    environment = {"PATH": os.environ["PATH"], "CALLS": str(project / "calls")}
    command = ["make", f"PYTHON={sys.executable}", "run", "PORT=7"]
    subprocess.run(command, cwd=project, env=environment, check=True)
    assert calls(project) == ["7|-m local"]
