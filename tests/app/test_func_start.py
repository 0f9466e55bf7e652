"""The first-time user's lines of docs/func-start.md, in order, in an empty folder, as far as this machine allows.

Servers that speak the protocols stand for the emulators. ``docker`` does nothing, and ``func start`` indexes the app in
the environment that is active. The environment is there already; installing it is what ``make test`` itself does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain import wire
from local.sample import NAMES
from storage.schema import schema
from tests.app.conftest import ROOT
from tests.peers import Broker, needs_node

PAGE = (ROOT / "docs/func-start.md").read_text()
BLOCKS = re.findall(r"```(sh|powershell)\n(.*?)```", PAGE, re.DOTALL)
INDEX = "import function_app; print(len(function_app.app.get_functions()), 'functions')"
PROGRAMS = {
    "bin/docker": "#!/bin/sh\nexit 0\n",
    "bin/func": f'#!/bin/sh\ntest "$1" = start && exec python -c "{INDEX}"\n',
    "project/.venv/bin/python": f'#!/bin/sh\ncase "$*" in *"-m pip"*) exit 0;; esac\nexec {sys.executable} "$@"\n',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's files as they are, and the programs that the lines call."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    project = tmp_path / "project"
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    for name, script in PROGRAMS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (project / ".venv/python").touch()
    (project / ".venv/bin/activate").write_text(f'PATH="{project}/.venv/bin:$PATH"\n')
    return project


@needs_node
def test_the_lines_for_linux_lead_to_an_app_and_data(project: Path, broker: Broker, cosmos_port: int) -> None:
    sample = project / "local.settings.sample.json"
    settings = json.loads(sample.read_text())
    settings["Values"] |= {
        "COSMOS_ENDPOINT": f"https://127.0.0.1:{cosmos_port}",
        "COSMOS_DATABASE": "func-start",
        "ServiceBusConnection": broker.connection,
        "QUEUE_NAME": "func-start",
    }
    sample.write_text(json.dumps(settings))
    lines, send = (text for kind, text in BLOCKS[:3] if kind == "sh")
    known = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = {**known, "PATH": f"{project.parent}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e"], input=lines + send, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f" {table}" in done.stdout for table in schema(1, 1)), done.stdout
    assert re.search(r"\d\d functions", done.stdout), done.stdout
    samples = [each for body in broker.bodies("func-start") for each in wire.decode(body).samples]
    assert {each.MaskedTenantId for each in samples} == set(NAMES)


def test_the_lines_for_windows_are_the_same() -> None:
    linux, windows = (next(text for kind, text in BLOCKS if kind == each) for each in ("sh", "powershell"))
    same = linux.replace("python3 ", "py ").replace("cp ", "copy ").replace(". .venv/bin/", ".venv/Scripts/")
    assert (
        same.replace(".venv/bin/", ".venv/Scripts/").replace(".venv/", ".venv\\").replace("Scripts/", "Scripts\\")
        == windows
    )


def test_f5_starts_the_functions_host_with_the_environment_of_the_lines() -> None:
    launch, tasks, settings, extensions = (
        json.loads((ROOT / ".vscode" / f"{name}.json").read_text())
        for name in ("launch", "tasks", "settings", "extensions")
    )
    labels = {each["label"]: each for each in tasks["tasks"]}
    assert labels[launch["configurations"][0]["preLaunchTask"]]["command"] == "host start"
    assert all(each.get("dependsOn", each["label"]) in labels for each in tasks["tasks"])
    assert settings["azureFunctions.pythonVenv"] == ".venv"
    assert "ms-azuretools.vscode-azurefunctions" in extensions["recommendations"]
    assert launch["configurations"][1]["module"] == "local"
