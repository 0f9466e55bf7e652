"""Lets numpy start under Wine 8, whose C library lacks what numpy asks of complex numbers when it starts.

Windows has it. numpy's module is made to take its mathematics from a library of ours: it has these six functions, and
hands the others on to Wine's.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = "x86_64-w64-mingw32-"
WINDOWS_OWN, OURS = b"api-ms-win-crt-math-l1-1-0.dll", b"api-ms-win-crt-matx-l1-1-0.dll"
LACKING = {"crealf", "cimagf", "creal", "cimag", "creall", "cimagl"}
SOURCE = """
typedef struct { float part[2]; } of_floats;
typedef struct { double part[2]; } of_doubles;
float crealf(of_floats z) { return z.part[0]; }
float cimagf(of_floats z) { return z.part[1]; }
double creal(of_doubles z) { return z.part[0]; }
double cimag(of_doubles z) { return z.part[1]; }
double creall(of_doubles z) { return z.part[0]; }
double cimagl(of_doubles z) { return z.part[1]; }
"""


def let_numpy_start(packages: Path, python: Path) -> None:
    """Change numpy in a folder of packages, and put our library beside this python.exe."""
    if shutil.which(f"{TOOLS}gcc") is None:
        pytest.skip(f"{TOOLS}gcc is not installed (Debian: gcc-mingw-w64-x86-64)")
    (module,) = (packages / "numpy" / "_core").glob("_multiarray_umath*.pyd")
    source, exports = python.parent / "matx.c", python.parent / "matx.def"
    source.write_text(SOURCE)
    lines = [name if name in LACKING else f"{name} = ucrtbase.{name}" for name in _asked(module)]
    exports.write_text("\n".join(["EXPORTS", *lines]) + "\n")
    made = python.parent / OURS.decode()
    flags = ["-shared", "-fno-builtin", "-nostdlib", "-Wl,-e,0"]
    subprocess.run([f"{TOOLS}gcc", *flags, "-o", str(made), str(source), str(exports)], check=True)
    before = module.read_bytes()
    assert before.count(WINDOWS_OWN) == 1
    module.write_bytes(before.replace(WINDOWS_OWN, OURS))


def _asked(module: Path) -> list[str]:
    """The functions that a module takes from Windows' library of mathematics."""
    told = subprocess.run([f"{TOOLS}objdump", "-p", str(module)], capture_output=True, text=True, check=True).stdout
    (table,) = (part for part in told.split("DLL Name: ") if part.encode().startswith(WINDOWS_OWN))
    lines, _, _ = table.partition("\n\n")
    return re.findall(r"^\t[0-9a-f]+\t *\d+  (\w+)$", lines, re.MULTILINE)
