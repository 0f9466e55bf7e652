"""The package as it is published, in an environment that has what it asks for and nothing else, indexed and invoked.

By Microsoft's worker library, which in Azure is there beside the app. Not tried: the remote build itself.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.app.conftest import ROOT
from tests.app.test_function_app import EXPECTED
from tests.infra.test_infra import files_of_the_project, shipped_by_core_tools

WORKER = ("azure-functions-runtime", "azurefunctions-extensions-base", "python-dateutil", "six")
"""What the worker library is made of, besides azure-functions."""

INVOKE = """
import asyncio, importlib, json, sys
from pathlib import Path
from worker import Worker

async def invoke():
    worker = await Worker.load(Path.cwd())
    answers = {}
    for name in ("health", "status", "page", "api_document"):
        answer = await worker.http(worker.functions[name], "GET", "http://127.0.0.1/", {}, {}, b"")
        answers[name] = answer.status
    return {"functions": sorted(worker.functions), "answers": answers}

found = asyncio.run(invoke())
# What is loaded only where it is needed.
lazily = ["storage.cosmos", "azure.cosmos.aio", "azure.identity.aio", "azure.servicebus.aio"]
for name in [*lazily, "azure.monitor.opentelemetry.exporter", "opentelemetry.sdk.metrics.export"]:
    importlib.import_module(name)
print(json.dumps(found))
"""


def run(*command: str | Path, **options: str | Path) -> str:
    """Run a program; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def pip(*arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries", "1", *arguments)


@pytest.fixture(scope="module", autouse=True)
def an_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        pip("download", "--no-deps", "--no-cache-dir", "--dest", tmp_path_factory.mktemp("one"), "six")
    except AssertionError as error:
        pytest.skip(f"no package can be had, so nothing can be installed: {error}")


def publish(folder: Path) -> None:
    """Copy what Core Tools would send."""
    lines = [line for line in (ROOT / ".funcignore").read_text().splitlines() if not line.startswith("#")]
    for path in files_of_the_project():
        if shipped_by_core_tools(lines, path):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)


def test_the_published_package_is_all_that_the_app_needs(tmp_path: Path) -> None:
    package, beside, environment = tmp_path / "package", tmp_path / "worker", tmp_path / "environment"
    publish(package)
    venv.create(environment)
    python = environment / "bin" / "python"
    pip("--python", python, "install", "--no-compile", "-r", package / "requirements.txt")
    pip("--python", python, "check")
    pins = [
        *(ROOT / "requirements/lock.txt").read_text().splitlines(),
        *(ROOT / "requirements/worker.txt").read_text().splitlines(),
    ]
    wanted = [pin for pin in pins if re.split(r"[=<>; ]", pin)[0] in WORKER]
    assert len(wanted) == len(WORKER)
    pip("install", "--no-compile", "--no-deps", "--ignore-requires-python", "--target", beside, *wanted)
    shutil.copy(ROOT / "local/worker.py", beside / "worker.py")
    said = run(
        python,
        "-c",
        INVOKE,
        cwd=package,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(beside), "SQLITE_PATH": str(tmp_path / "store.db")},  # type: ignore[arg-type]
    )
    found = json.loads(said.splitlines()[-1])
    assert found["functions"] == sorted(EXPECTED)
    assert found["answers"] == {"health": 200, "status": 200, "page": 200, "api_document": 200}
