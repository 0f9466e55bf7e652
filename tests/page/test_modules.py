"""The page's modules that need no browser, in Node: ``node --test tests/page/js``."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "js"
NODE = shutil.which("node")
OLDEST = 20
AS_MODULES = "--experimental-default-type=module"
"""Node 20 takes scripts for CommonJS unless it is told otherwise; later ones look."""

ENVIRONMENT = {"TZ": "Europe/Berlin", "LC_ALL": "en_GB.UTF-8", "LANGUAGE": "en_GB"}
"""A zone whose clock changes, and one way to write numbers and times."""


def _version() -> int:
    said = subprocess.run([NODE or "", "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.removeprefix("v").partition(".")[0] or 0)


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed (20 or newer)")
def test_the_modules_do_what_their_tests_say() -> None:
    version = _version()
    if version < OLDEST:
        pytest.skip(f"Node.js {version} is too old: {OLDEST} or newer is needed")
    tests = sorted(str(path) for path in HERE.glob("*.test.js"))
    command = [NODE or "", *([AS_MODULES] if version == OLDEST else []), "--test", *tests]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert f"# tests {len(tests)}" not in done.stdout, "each file counts as one test: none of them was read"
