"""Paths as options name them: what Windows wants of long ones."""

import ntpath
from pathlib import Path

import pytest

from edge.options import SHORT, extended, folder

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
