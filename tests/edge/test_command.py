"""The command spot-pc: its commands, the settings that it writes, and what it tells of a machine."""

import tomllib
from pathlib import Path

import pytest

from edge import VERSION, services, setting
from edge.__main__ import COMMANDS, main
from edge.machine import HOME


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    return tmp_path


def settings(home: Path) -> dict[str, object]:
    return tomllib.loads((home / "settings" / "agent.toml").read_text(encoding="utf8"))


def put(*given: str) -> int:
    return main(["set", "--no-start", *given])


def test_help_names_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "names"])
def test_each_command_has_a_program(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agnet"]) == 2
    assert "there is no command agnet" in capsys.readouterr().err


def test_settings_that_are_not_given_again_stay(home: Path) -> None:
    put(r'folder=\\manager1\spot "pc"', "POOL=Finänce", "services=WinDefend, TermService")
    put("pool=Sales", "region=uksouth")
    assert settings(home) == {
        "folder": r'\\manager1\spot "pc"',
        "service": ["WinDefend", "TermService"],
        "pool": "Sales",
        "region": "uksouth",
    }


def test_an_empty_value_removes_a_setting(home: Path) -> None:
    put("folder=/srv/spot-pc", "pool=Sales")
    put("pool=")
    assert settings(home) == {"folder": "/srv/spot-pc"}


def test_the_other_way_of_delivering_goes(home: Path) -> None:
    put("folder=/srv/spot-pc")
    put("container=https://account.blob.core.windows.net/drop", "sas=sv=1&sig=2")
    assert "folder" not in settings(home)
    put("folder=/srv/spot-pc")
    assert settings(home) == {"folder": "/srv/spot-pc"}


def test_secrets_are_in_files_of_their_own_and_the_spocs_key_stays(home: Path) -> None:
    (home / "settings").mkdir()
    (home / "settings" / "masking.key").write_text("the SPOC's")
    put("maskingkey=hush, it is long")
    assert "hush" not in (home / "settings" / "agent.toml").read_text()
    key = Path(str(settings(home)["key-file"]))
    assert key.read_text().strip() == "hush, it is long"
    assert key.stat().st_mode & 0o007 == 0
    assert (home / "settings" / "masking.key").read_text() == "the SPOC's"


@pytest.mark.parametrize("given", [["colour=red"], ["pool"], ["pool=a\nb"], ["folder=/a", "container=https://b"]])
def test_what_makes_no_sense_is_refused_and_changes_nothing(given: list[str], home: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        put(*given)
    assert ended.value.code == 2
    assert not (home / "settings" / "agent.toml").exists()


def test_broken_settings_are_told_and_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "settings").mkdir()
    (home / "settings" / "agent.toml").write_text("folder = ")
    assert put("pool=Sales") == 1
    assert "can't be written" in capsys.readouterr().err
    assert (home / "settings" / "agent.toml").read_text() == "folder = "


def test_each_name_that_can_be_set_is_an_option_of_the_agent() -> None:
    from edge.agent_options import agent_parser  # noqa: PLC0415

    flags = set(agent_parser()._option_string_actions)
    options = {setting.LISTS.get(name, setting.SECRETS.get(name, (name, ""))[0]) for name in setting.NAMES}
    assert {f"--{option}" for option in options} <= flags


def test_status_tells_what_is_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("folder=/srv/spot-pc")
    (home / "logs").mkdir()
    (home / "logs" / "agent.log").write_text("".join(f"line {number}\n" for number in range(9)))
    (home / "state" / "agent" / "spool").mkdir(parents=True)
    (home / "state" / "agent" / "spool" / "a.json").touch()
    capsys.readouterr()
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert VERSION in said
    assert str(home / "settings" / "agent.toml") in said
    assert "1 files wait" in said
    assert "line 8" in said
    assert "line 3" not in said


def test_where_no_service_manager_runs_that_is_said() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here")
    assert "systemd does not run here" in services.enable_spoc()
    assert services.state(services.SPOC) == "no service (systemd does not run here)"
    with pytest.raises(services.NotDone, match="could not be stopped"):
        services.disable(services.AGENT)
