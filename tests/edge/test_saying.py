"""What a program says, and the log file that does not grow for ever."""

from pathlib import Path

import pytest

from edge.saying import Saying


def test_lines_go_to_standard_error_and_to_a_log_of_bounded_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "agent.log"
    say = Saying("agent", log, most=1000)
    for number in range(100):
        say(f"line {number} €")
    assert capsys.readouterr().err.splitlines() == [f"agent: line {number} €" for number in range(100)]
    files = sorted(log.parent.iterdir())
    assert [path.name for path in files] == ["agent.log", "agent.log.1"]
    assert all(path.stat().st_size <= 1000 for path in files)
    kept = (files[1].read_text(encoding="utf8") + files[0].read_text(encoding="utf8")).splitlines()
    said = [line.partition(" agent: ")[2] for line in kept]
    assert said == [f"line {number} €" for number in range(100 - len(said), 100)]
    assert len(said) > 20


def test_a_log_that_can_not_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    say = Saying("agent", tmp_path / "file" / "agent.log")
    say("one")
    say("two")
    one, trouble, two = capsys.readouterr().err.splitlines()
    assert (one, two) == ("agent: one", "agent: two")
    assert "the log file can't be written" in trouble
