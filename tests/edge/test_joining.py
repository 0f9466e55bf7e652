"""Joining: what is checked, what is said when a check fails, what is made, and that it can be done again."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from domain.enrolment import key_id
from domain.invitation import new_code, shown
from domain.masking import is_masked, mask_vm
from edge import joining, services, spoc
from edge.signing import signer_of
from edge.texts import read_secret
from tests.edge.test_pushing import CONTOSO, from_agent
from tests.edge.test_spoc import samples_of
from tests.peers.app import App, Authority, a_proxy, an_app, an_authority

CODE = new_code()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folders; no service manager, and no waiting."""
    monkeypatch.setattr(joining, "PAUSE", 0.0)
    monkeypatch.setenv("SPOT_PC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(services, "enable_spoc", lambda: "the service runs")
    (tmp_path / "drop").mkdir()
    return tmp_path / "home"


@pytest.fixture
def app() -> Iterator[App]:
    with an_app(codes={CODE: CONTOSO}) as served:
        yield served


def join(tmp_path: Path, app: App, *more: str, code: str = CODE) -> int:
    drop = [] if "--container" in more else ["--folder", str(tmp_path / "drop")]
    return joining.main([code, "--app", app.url, *drop, *more])


def test_a_machine_joins_and_its_spoc_sends_as_soon_as_it_is_confirmed(
    tmp_path: Path, home: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(tmp_path, app, code=f" {shown(CODE).lower()} ") == 0
    said = capsys.readouterr().out
    signer, made = signer_of(home / "settings" / "spoc.key")
    assert not made
    key = key_id(signer.public).hex()
    for expected in (
        "127.0.0.1 has the address 127.0.0.1",
        "is right to some seconds",
        "can be written, read and removed",
        f"this machine is {CONTOSO}",
        " ".join(key[at : at + 4] for at in range(0, 32, 4)),
        f"Back up {home / 'settings' / 'masking.key'}",
        "the service runs",
    ):
        assert expected in said, expected
    assert list((tmp_path / "drop").iterdir()) == []
    (tmp_path / "drop" / "a.json").write_bytes(from_agent())
    assert spoc.main(["--once"]) == 1
    assert "awaits confirmation" in capsys.readouterr().err
    app.confirm()
    assert spoc.main(["--once"]) == 0
    pc1 = mask_vm(CONTOSO, "PC-1", read_secret(home / "settings" / "masking.key"))
    assert {who[:2] for who in samples_of(app.samples())} == {(CONTOSO, pc1)}
    assert json.loads((home / "state" / "spoc" / "names.json").read_text())["vms"] == {pc1: "PC-1"}
    assert spoc.main(["--check"]) == 0


def test_joining_again_does_the_same_again(tmp_path: Path, home: Path, app: App) -> None:
    assert join(tmp_path, app) == 0
    first = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}
    app.faults = ["", "after"]  # the answer is lost
    assert join(tmp_path, app) == 0
    assert {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()} == first
    assert len(app.joined) == 1
    if os.name == "posix":
        private = [path for path in first if path.suffix == ".key" or path.name == "spoc.toml"]
        assert len(private) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_a_busy_app_is_asked_again(tmp_path: Path, app: App) -> None:
    app.statuses = [(401, {}), (429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})]
    assert join(tmp_path, app) == 0


def test_a_machine_that_replaces_another_keeps_the_masked_names(
    tmp_path: Path, home: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "settings").mkdir(parents=True)
    (home / "settings" / "masking.key").write_bytes(b"the key that was backed up")
    assert join(tmp_path, app) == 0
    assert f"kept {home / 'settings' / 'masking.key'}" in capsys.readouterr().out
    assert (home / "settings" / "masking.key").read_bytes() == b"the key that was backed up"


def test_a_new_key_wants_a_new_code_and_replaces_the_old_one_only_when_it_has_joined(
    tmp_path: Path, home: Path, app: App
) -> None:
    assert join(tmp_path, app) == 0
    path = home / "settings" / "spoc.key"
    old = path.read_bytes()
    assert join(tmp_path, app, "--new-key") == 1  # the code is used
    assert path.read_bytes() == old
    other = new_code()
    app.codes[other] = CONTOSO
    app.faults = ["", "after", "after", "after"]  # answers are lost
    assert join(tmp_path, app, "--new-key", code=other) == 0
    assert app.joined[other] == signer_of(path)[0].public
    assert path.with_name("spoc.old.key").read_bytes() == old
    assert not path.with_name("spoc.new.key").exists()


@pytest.mark.parametrize("code", ["", "too short", "U" * 26])
def test_a_code_that_cannot_be_one_is_said_before_anything_else(
    tmp_path: Path, app: App, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        join(tmp_path, app, code=code)
    assert end.value.code == 2
    assert "26 letters and digits" in capsys.readouterr().err
    assert app.requests == 0


def failed(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line about what failed, the last."""
    *others, last = capsys.readouterr().out.splitlines()
    assert not any("FAILED" in line for line in others)
    assert "FAILED" in last
    return last


def nothing_was_made(home: Path) -> bool:
    return not home.exists() or not any(path.is_file() for path in home.rglob("*"))


def test_a_code_that_is_not_accepted_is_said(tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert join(tmp_path, app, code=new_code()) == 1
    assert failed(capsys).startswith("join ")


@pytest.mark.parametrize(
    ("ahead", "code", "said"),
    [(20, 0, "right to some"), (-100, 0, "NOTE: "), (100, 0, "s behind"), (1000, 1, "FAILED")],
)
def test_a_wrong_clock_is_told_and_a_very_wrong_one_is_a_failure(
    tmp_path: Path, home: Path, app: App, capsys: pytest.CaptureFixture[str], ahead: float, code: int, said: str
) -> None:
    app.clock_ahead = ahead
    assert join(tmp_path, app) == code
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("clock"))
    assert said in line
    assert nothing_was_made(home) == bool(code)


def test_a_name_that_cannot_be_found_is_said(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert join(tmp_path, App("https://no-such-host.invalid"), "--proxy", "none") == 1
    line = failed(capsys)
    assert line.startswith("name ")
    assert "--proxy http://HOST:PORT" in line
    assert nothing_was_made(home)


def test_a_drop_that_is_missing_or_cannot_be_written_is_said(
    tmp_path: Path, home: Path, app: App, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert join(tmp_path, app, "--folder", str(tmp_path / "missing")) == 1
    assert "does not exist" in failed(capsys)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert join(tmp_path, app) == 1
    assert "can't be removed: Access is denied" in failed(capsys)
    assert nothing_was_made(home)


def test_another_server_is_not_taken_for_the_app(tmp_path: Path, app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.url += "/other"
    assert join(tmp_path, app) == 1
    assert "is that the app's URL?" in failed(capsys)


@pytest.fixture
def company(tmp_path: Path) -> Authority:
    return an_authority(tmp_path, "Contoso Inspection CA")


def test_by_an_inspecting_proxy_it_names_the_authority_and_works_with_it_and_writes_that_to_the_settings(
    tmp_path: Path, home: Path, company: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_app(company.server, codes={CODE: CONTOSO}) as inspected:
        port = int(inspected.url.rpartition(":")[2])
        app = App("https://127.0.0.1:443")
        with a_proxy(sign_in="user:secret", instead=port) as proxy:
            way = ["--proxy", proxy.url.replace("//", "//user:secret@")]
            assert join(tmp_path, app, *way) == 1
            line = failed(capsys)
            assert line.startswith("certificate ")
            assert "Contoso Inspection CA" in line
            assert "--ca-file" in line
            assert nothing_was_made(home)
            assert join(tmp_path, app, *way, "--ca-file", str(company.root)) == 0
            said = capsys.readouterr().out
            assert "it was issued by Contoso Inspection CA" in said
            assert "secret" not in said
            company.root.unlink()
            inspected.confirm()
            assert spoc.main(["--check"]) == 0
            assert set(proxy.asked) == {"127.0.0.1:443"}


def test_the_systems_proxy_is_written_to_the_settings_since_a_service_has_none(
    tmp_path: Path, home: Path, company: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with an_app(company.server, codes={CODE: CONTOSO}) as app, a_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert join(tmp_path, app, "--ca-file", str(company.root)) == 0
        monkeypatch.delenv("https_proxy")
        app.confirm()
        asked = len(proxy.asked)
        assert spoc.main(["--check"]) == 0
        assert len(proxy.asked) == asked + 1
        assert f'proxy = "{proxy.url}"' in (home / "settings" / "spoc.toml").read_text()


def test_the_folder_for_all_vms_has_lines_that_install_and_no_secret(
    tmp_path: Path, home: Path, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "spot-pc-1.0.0.msi"
    package.write_bytes(b"a package")
    out = tmp_path / "for all"
    share = r"\\manager1\spot-pc"
    assert join(tmp_path, app, "--out", str(out), "--package", str(package), "--share", share) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["agent.toml", "group-policy.txt", "intune.txt", "linux.txt", package.name]
    assert (out / package.name).read_bytes() == b"a package"
    text = "".join((out / name).read_text() for name in names)
    assert '/qn FOLDER="\\\\manager1\\spot-pc"' in text
    assert package.name in text
    for name in ("masking.key", "spoc.key"):
        assert (home / "settings" / name).read_text().strip() not in text
    assert "NOTE" not in capsys.readouterr().out
    assert is_masked(CONTOSO)
    assert CONTOSO not in text
    assert join(tmp_path, app) == 0
    assert "give --share" in capsys.readouterr().out
    assert "https://example.com/packages" in (home / "settings" / "for-vms" / "intune.txt").read_text()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root takes another user's place")
def test_the_drop_is_tried_as_the_services_user_who_then_owns_what_the_spoc_needs(
    monkeypatch: pytest.MonkeyPatch, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    with TemporaryDirectory() as root:  # which others may enter
        base, user = Path(root), 12_345
        base.chmod(0o755)
        home, drop = base / "home", base / "drop"
        monkeypatch.setenv("SPOT_PC_HOME", str(home))
        (home / "state").mkdir(parents=True)
        os.chown(home / "state", user, user)
        drop.mkdir(mode=0o755)
        assert join(base, app) == 1
        assert "a file can't be written: Permission denied" in failed(capsys)
        os.chown(drop, user, user)
        assert join(base, app) == 0
        assert "(by the SPOC's user)" in capsys.readouterr().out
        for name in ("spoc.key", "masking.key", "spoc.toml"):
            owner = (home / "settings" / name).stat()
            assert (owner.st_uid, owner.st_gid, stat.S_IMODE(owner.st_mode)) == (user, user, 0o600)
        assert (home / "state" / "spoc").stat().st_uid == user
        assert os.geteuid() == 0


@pytest.mark.parametrize(
    "answer", [{"tenant": 't"\nkey-file = "/x'}, {"tenant": ".."}, {"packages": "https://x\nspot-pc set folder=/x"}]
)
def test_an_answer_that_no_app_gives_changes_no_settings(
    tmp_path: Path, home: Path, app: App, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str]
) -> None:
    right = app.join
    monkeypatch.setattr(app, "join", lambda asked: (200, {**right(asked)[1], **answer}))
    assert join(tmp_path, app) == 1
    assert not (home / "settings" / "spoc.toml").exists()
    assert not (home / "settings" / "for-vms").exists()
