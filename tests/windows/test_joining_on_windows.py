"""Joining and pushing by HTTPS on Windows' CPython under Wine: an authority from a file, and a proxy."""

import shutil
import subprocess
from pathlib import Path

import pytest

from domain.invitation import new_code
from domain.masking import mask_vm
from edge.texts import read_secret
from tests.edge.test_pushing import CONTOSO, from_agent
from tests.edge.test_spoc import samples_of
from tests.peers.app import a_proxy, an_app, an_authority
from tests.windows.conftest import Windows

GCC = "x86_64-w64-mingw32-gcc"
RANDOM = """
#include <stddef.h>
unsigned char __stdcall SystemFunction036(void *buffer, unsigned long size);
__declspec(dllexport) int ProcessPrng(unsigned char *buffer, size_t size) {
    return SystemFunction036(buffer, (unsigned long)size);
}
"""
"""Windows 10's bcryptprimitives.dll, as far as Rust's library needs it. Wine 8 has none; later ones have."""


@pytest.fixture
def signing(windows: Windows, tmp_path: Path) -> None:
    """What the library of signatures needs of Windows."""
    target = windows.home / "python" / "bcryptprimitives.dll"
    if target.exists():
        return
    if shutil.which(GCC) is None:
        pytest.skip(f"{GCC} is not installed (Debian: gcc-mingw-w64-x86-64)")
    source = tmp_path / "random.c"
    source.write_text(RANDOM)
    subprocess.run([GCC, "-shared", "-o", str(target), str(source), "-ladvapi32"], check=True)


@pytest.mark.usefixtures("signing")
def test_a_windows_machine_joins_by_an_inspecting_proxy_and_its_spoc_sends(windows: Windows, tmp_path: Path) -> None:
    home = windows.c / "joining"
    shutil.rmtree(home, ignore_errors=True)
    (home / "drop").mkdir(parents=True)
    authority = an_authority(tmp_path, "Contoso Inspection CA")
    shutil.copyfile(authority.root, home / "ca.pem")
    code = new_code()
    more = {"SPOT_PC_HOME": "C:\\joining\\home"}
    with (
        an_app(authority.server, codes={code: CONTOSO}) as app,
        a_proxy(sign_in="user:secret", instead=int(app.url.rpartition(":")[2])) as proxy,
    ):
        way = ("--proxy", proxy.url.replace("//", "//user:secret@"), "--app", "https://127.0.0.1")
        join = ("-m", "edge.joining", code, *way, "--folder", "C:\\joining\\drop")
        done = windows.python(*join, more=more)
        assert (done.returncode, b"it was issued by CN=Contoso Inspection CA" in done.stdout) == (1, True), done
        done = windows.python(*join, "--ca-file", "C:\\joining\\ca.pem", more=more)
        assert done.returncode == 0, done.stdout.decode()
        (home / "drop" / "a.json").write_bytes(from_agent())
        done = windows.python("-m", "edge.spoc", "--once", more=more)
        assert (done.returncode, b"awaits confirmation" in done.stderr) == (1, True), done.stderr.decode()
        app.confirm()
        done = windows.python("-m", "edge.spoc", "--once", more=more)
        assert done.returncode == 0, done.stderr.decode()
        pc1 = mask_vm(CONTOSO, "PC-1", read_secret(home / "home" / "settings" / "masking.key"))
        assert {who[:2] for who in samples_of(app.samples())} == {(CONTOSO, pc1)}
        assert len(app.beats()) == 1
    assert not list((home / "drop").glob("*.json"))
