"""Single files in a folder to which others may write: reading, keeping and moving them.

Whoever may write to the drop could put a link there to what only the SPOC may read, such as its keys, or may write. So
no link is followed. Does not know what files hold.
"""

import hashlib
import os
import shutil
import uuid
from pathlib import Path

from domain.errors import BadMessage
from domain.wire import MAX_BYTES

LONGEST_NAME = 200
"""The longest name, in bytes, to which something may be added: file systems take 255."""


def kept_name(name: str) -> str:
    """Return the name under which a refused file is kept. A long one is cut, so that the reason's name is none."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= LONGEST_NAME else f"{name[:40]}-{hashlib.sha256(encoded).hexdigest()[:16]}.json"


def too_large(size: int) -> BadMessage:
    """Return the reason for refusing a file unread."""
    return BadMessage(f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read")


def read_file(path: Path) -> tuple[bytes, float]:
    """Return a file's content, and when it was written, in Unix seconds.

    A file may grow meanwhile; at most MAX_BYTES are read. Raises BadMessage for one that is larger and for a link, and
    OSError.
    """
    if path.is_symlink():
        raise BadMessage("the file is a link to another one; links are not followed")
    with open(path, "rb", opener=_no_link) as file:
        found = os.fstat(file.fileno())
        if found.st_size > MAX_BYTES:
            raise too_large(found.st_size)
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise too_large(len(body))
    return body, found.st_mtime


def _no_link(path: str, flags: int) -> int:
    """Open a file, also if a link takes its place just now: that is an error then."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def keep(path: Path, target: Path) -> bool:
    """Copy a file, or move it: who may not read it may perhaps do that. Return False if it is locked.

    A link is copied as a link, and a file that is too large to be read is moved: who put it there could fill the disk.
    It replaces what has the target's name.
    """
    for do in (os.replace,) if path.lstat().st_size > MAX_BYTES else (_copy, os.replace):
        try:
            do(path, target)
        except PermissionError:
            continue
        return True
    return False


def _copy(path: Path, target: Path) -> None:
    temporary = _beside(target)
    try:
        shutil.copyfile(path, temporary, follow_symlinks=False)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def move(path: Path, target: Path) -> None:
    """Move a file. It replaces an existing one, and may go to another file system."""
    try:
        path.replace(target)
    except PermissionError:
        raise
    except OSError:
        shutil.copyfile(path, target, follow_symlinks=False)
        path.unlink()


def write_anew(path: Path, text: str) -> None:
    """Write a file in place of what has its name, even if that is a link."""
    temporary = _beside(path)
    temporary.write_text(text, encoding="utf8")
    temporary.replace(path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex}.tmp")
