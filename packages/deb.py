"""The .deb: our modules and the libraries for the distribution's own Python, and two units for systemd.

Knows where the files go. What is done at installation and removal stands in linux/postinst, prerm and postrm. Nothing
is made or fetched then: the libraries for all of PYTHONS are in the package.
"""

import shutil
from pathlib import Path

from edge import VERSION
from packages import HERE
from packages.contents import add_libraries, copy_modules, settle_times
from packages.tools import need, run

SOURCES = HERE / "linux"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions of Python whose libraries are packed. ``control`` says the same."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64")
"""What pip calls the systems: each with glibc 2.28 or newer."""

SCRIPTS = ("postinst", "prerm", "postrm")
UNITS = ("spot-pc-agent.service", "spot-pc-spoc.service")


def make(into: Path, scratch: Path) -> Path:
    """Make the .deb in a folder. Return it. Raises NotMade."""
    need("dpkg-deb")
    files = scratch / "files"
    home, units, about = files / "usr/lib/spot-pc", files / "usr/lib/systemd/system", files / "DEBIAN"
    for folder in (home, units, about, files / "usr/bin"):
        folder.mkdir(parents=True)
    copy_modules(home / "program")
    add_libraries(home / "libraries", scratch / "wheels", PLATFORMS, *PYTHONS)
    for name in UNITS:
        shutil.copyfile(SOURCES / name, units / name)
    executable = [shutil.copyfile(SOURCES / "spot-pc", files / "usr/bin/spot-pc")]
    executable += [shutil.copyfile(SOURCES / name, about / name) for name in SCRIPTS]
    for path in executable:
        path.chmod(0o755)
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file()) // 1024
    (about / "control").write_text((SOURCES / "control").read_text().format(version=VERSION, size=size))
    settle_times(files)
    made = into / f"spot-pc_{VERSION}_amd64.deb"
    run(scratch, "dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zxz", "--build", str(files), str(made))
    return made
