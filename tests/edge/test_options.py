"""Paths as options name them, with what Windows wants of long ones; and settings that no flag names."""

import argparse
import ntpath
from pathlib import Path

import pytest

from edge.options import SHORT, extended, folder, read_options

LONG = "x" * SHORT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\spool", "C:\\spool"),
        (f"C:\\{LONG}", f"\\\\?\\C:\\{LONG}"),
        (f"C:/a/../{LONG}", f"\\\\?\\C:\\{LONG}"),
        (f"\\\\manager1\\spot-pc\\{LONG}", f"\\\\?\\UNC\\manager1\\spot-pc\\{LONG}"),
        (f"\\\\?\\C:\\{LONG}", f"\\\\?\\C:\\{LONG}"),
    ],
)
def test_long_paths_are_written_as_windows_takes_them(path: str, expected: str) -> None:
    assert extended(path, ntpath.abspath(path)) == expected


def test_elsewhere_a_path_is_what_was_typed() -> None:
    assert folder(f"a/{LONG}") == Path(f"a/{LONG}")


def test_settings_that_may_not_be_looked_at_are_said_and_those_that_are_not_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_options(argparse.ArgumentParser(), [], tmp_path / "none.toml").config is None
    with pytest.raises(SystemExit):  # looking at it fails, as it does without the right to
        read_options(argparse.ArgumentParser(), [], tmp_path / ("x" * 300))
    assert "the settings can't be read" in capsys.readouterr().err
