"""Before an image is made: what belongs to one machine is forgotten, and said."""

from pathlib import Path

import pytest

from domain.samples import Dimensions
from edge.gathering import Identity
from edge.machine import machine_folders, settle
from edge.sealing import main
from edge.spool import Spool
from tests.builders import WINDOW_START, a_sample


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOT_PC_HOME", str(tmp_path))


def test_state_is_forgotten_settings_stay_and_the_next_start_is_a_first_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = machine_folders().agent
    first, _ = settle(state)
    spool = Spool(state / "spool", first)
    spool.write(Identity("", "PC-001", Dimensions()), WINDOW_START, [a_sample()], WINDOW_START)
    spool.save_part(Identity("", "PC-001", Dimensions()), WINDOW_START + 900, [a_sample()], WINDOW_START)
    (state / "telegraf-1.json").write_text("{}")
    (tmp_path / "settings").mkdir()
    for name in ("agent.toml", "spoc.key"):
        (tmp_path / "settings" / name).write_text("")
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "4 files, 1 of which waited" in said
    assert "spoc.key is a secret" in said
    assert "masking.key" not in said
    assert not state.exists()
    assert sorted(path.name for path in (tmp_path / "settings").iterdir()) == ["agent.toml", "spoc.key"]
    second, changed = settle(state)
    assert (second.id != first.id, second.early, changed) == (True, True, "")


def test_sealing_twice_does_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main([]), main([])) == (0, 0)
    assert "nothing to forget" in capsys.readouterr().out


def test_what_can_not_be_forgotten_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state" / "agent" / "spool" / "a folder.json").mkdir(parents=True)
    assert main([]) == 1
    assert "can't be removed" in capsys.readouterr().err


def test_what_is_not_the_agents_stays(tmp_path: Path) -> None:
    others = tmp_path / "elsewhere" / "agent" / "notes.txt"
    others.parent.mkdir(parents=True)
    others.write_text("")
    settle(others.parent)
    assert main(["--state", str(tmp_path / "elsewhere")]) == 0
    assert list(others.parent.iterdir()) == [others]
