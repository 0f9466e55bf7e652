"""Follows the files that Telegraf writes, as they grow. It reads each line once, over rotation, restarts and pauses.

A file is recognized by its name or inode, and by the last bytes read from it. So a file that was renamed, or copied and
truncated, is read on from the last position. A new file with an old name or inode is read from its beginning. The
position moves before the metrics are yielded, so a caller that stops in between continues after them.

Knows how files grow and rotate. Refuses to know their content, except for where a metric ends.
"""

import json
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import stat_result
from pathlib import Path

from edge.opening import open_shared
from edge.telegraf import Folding, Moment
from edge.telegraf_json import Parser

CHUNK = 1 << 20
TAIL = 1024
"""The number of last bytes that distinguish a file from others. They are more than a metric's line, so they hold a
time."""

LOST = "times a file was truncated or rotated and can't be found: metrics written after the last read are lost"


@dataclass(slots=True)
class _Followed:
    """How far a file was read: up to ``at`` bytes, the end of a metric. ``tail`` is the last bytes' checksum."""

    inode: int
    at: int = 0
    tail: int = 0
    seen: tuple[int, int] = (-1, 0)
    """Its size and time of change when it was last read to its end."""


@dataclass(slots=True)
class Files:
    """A file that Telegraf writes, with its rotated archives; or all files in a folder."""

    path: Path
    state: Path
    """The file in which :meth:`save` stores how far files were read."""
    folding: Folding = field(default_factory=Folding)
    troubles: dict[str, str] = field(default_factory=dict)
    """The reasons why files can't be read now, by file."""
    _files: dict[str, _Followed] = field(default_factory=dict)
    _new: bool = True
    """Whether there was no stored state and nothing has been read yet."""

    def __post_init__(self) -> None:
        """Continue at the positions that an earlier run saved."""
        try:
            saved = json.loads(self.state.read_text(encoding="utf8"))
            self._files = {
                str(name): _Followed(int(inode), int(at), int(tail)) for name, (inode, at, tail) in saved.items()
            }
            self._new = False
        except (OSError, ValueError, AttributeError, TypeError):
            self._files = {}

    def read(self) -> Iterator[Sequence[Moment]]:
        """Yield the readings added since the last call, in pieces. Raises OSError if the path does not exist."""
        folder = self.path if self.path.is_dir() else self.path.parent
        found = dict(self._candidates(folder))
        self.troubles.clear()
        self._recognize(folder, found)
        # Older files first: an archive ends before the file that took its name begins.
        for name in sorted(self._files, key=lambda name: (found[name].st_mtime_ns, name != self.path.name, name)):
            yield from self._read(folder / name, found[name])
        yield self.folding.settle()
        if not (self.path.is_dir() or self.path.exists()):
            raise FileNotFoundError(f"{self.path} does not exist")

    def _candidates(self, folder: Path) -> Iterator[tuple[str, stat_result]]:
        for path in folder.iterdir():
            if not path.name.startswith(".") and path != self.state:
                try:
                    found = path.stat()
                except OSError:  # deleted since, or no permission
                    continue
                if stat.S_ISREG(found.st_mode):
                    yield path.name, found

    def _recognize(self, folder: Path, found: dict[str, stat_result]) -> None:
        """Find out which files were followed before, perhaps under other names, and which are new."""
        before, self._files = self._files, {}
        for name in found.keys() & before.keys():
            if self._is(folder / name, found[name], before[name]):
                self._files[name] = before.pop(name)
        single = folder != self.path
        for name in sorted(found.keys() - self._files.keys()):
            same = next((old for old in before if self._was(old, before[old], folder / name, found[name])), None)
            if same is not None:
                self._files[name] = before.pop(same)
            elif not single or name == self.path.name or _is_archive(name, self.path):
                self._files[name] = _Followed(found[name].st_ino)
                if single and self._new and name != self.path.name:  # an archive from before the first run
                    self._skip(folder / name, found[name])
            if name in self._files:
                self._files[name].inode = found[name].st_ino
        if single and self.path.name in before and before[self.path.name].at:
            self.folding.unread[LOST] += 1
        self._new = False

    def _was(self, old: str, followed: _Followed, path: Path, found: stat_result) -> bool:
        """Tell whether a file with a new name is a followed file that was renamed or copied."""
        likely = found.st_ino == followed.inode or _is_archive(path.name, Path(old))
        return bool(followed.at) and likely and self._is(path, found, followed)

    def _is(self, path: Path, found: stat_result, followed: _Followed) -> bool:
        """Tell whether a file is the followed one: the last bytes read from it are the same."""
        if found.st_ino == followed.inode and (found.st_size, found.st_mtime_ns) == followed.seen:
            return True
        if found.st_size < followed.at:
            return False
        try:
            with open_shared(path) as file:
                file.seek(max(0, followed.at - TAIL))
                return zlib.crc32(file.read(min(followed.at, TAIL))) == followed.tail
        except OSError:  # _read reports that it can't be read
            return found.st_ino == followed.inode

    def _skip(self, path: Path, found: stat_result) -> None:
        with open_shared(path) as file:
            file.seek(max(0, found.st_size - TAIL))
            self._files[path.name].tail = zlib.crc32(file.read(min(found.st_size, TAIL)))
        self._files[path.name].at = found.st_size

    def _read(self, path: Path, found: stat_result) -> Iterator[Sequence[Moment]]:
        followed = self._files[path.name]
        if (found.st_size, found.st_mtime_ns) == followed.seen:
            return
        parser = Parser(self.folding.unread)
        try:
            with open_shared(path) as file:
                file.seek(max(0, followed.at - TAIL))
                last = file.read(min(followed.at, TAIL))
                pending = b""
                while piece := file.read(CHUNK):
                    moments = self.folding.add(parser.feed(piece))
                    pending += piece
                    done = len(pending) - parser.pending
                    last = (last + pending[:done])[-TAIL:]
                    pending = pending[done:]
                    followed.at += done
                    followed.tail = zlib.crc32(last)
                    yield moments
            followed.seen = (found.st_size, found.st_mtime_ns)
        except OSError as error:  # one file's error must not stop the others
            self.troubles[path.name] = str(error)

    def save(self) -> None:
        """Store how far files were read. Raises OSError."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.state.with_name(f"{self.state.name}.tmp")
        kept = {name: [each.inode, each.at, each.tail] for name, each in self._files.items()}
        temporary.write_text(json.dumps(kept), encoding="utf8")
        temporary.replace(self.state)


def _is_archive(name: str, path: Path) -> bool:
    """Tell whether a name is that of a rotated file: the file's name with a date or a number."""
    stem, suffix, whole = re.escape(path.stem), re.escape(path.suffix), re.escape(path.name)
    return bool(re.fullmatch(rf"{stem}[-._][\d\-._T]+{suffix}|{whole}[-.][\d\-.]+", name))
