"""Telegraf's JSON as a source of raw readings, so that a fleet that has Telegraf needs no second collector.

Takes what its ``json`` data format documents: a metric (``name``, ``fields``, ``tags``, ``timestamp``) or a batch of
them (``{"metrics": [...]}``), one after the other, on one line each or on many. How it becomes readings:

* counter = measurement.field, the field in lower case (``Percent_Idle_Time`` of ``win_disk`` is
  ``win_disk.percent_idle_time``);
* ``win_services`` tells a state by service: its ``state`` 4 (running) is ``win_service.NAME`` 1, any other 0;
* several instances of a moment (tags such as ``instance``, ``cpu``, ``device``) are folded into one: the total alone
  where there is one (``_Total``, ``cpu-total``); else bytes a second are added, and all others follow the counter's
  reduction: a mean of shares, the least free space, the longest queue, the sum of errors;
* the tag ``host`` names the VM; fields that are no numbers are passed over.

Knows Telegraf's format and how files grow; refuses to know what becomes of readings.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.counters import COUNTERS, reduce_readings, reduction_of
from domain.names import key_of, key_problem

TOTALS = frozenset({"_Total", "_total", "cpu-total"})
SERVICES = "win_services"
RUNNING = 4
"""SERVICE_RUNNING, as Windows numbers states."""

INSTANCE_TAGS = ("instance", "cpu", "device", "disk", "path", "interface", "name")
NAMES_OF_SERVICE = "service_name"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Moment:
    """The readings of one host (None: not told) at one second."""

    host: str | None
    timestamp: int
    values: Mapping[str, float]


@dataclass(slots=True)
class Parser:
    """Takes text as it comes, in pieces, and gives the metrics that are complete."""

    bad: int = 0
    """How many lines were no JSON, or no metric."""
    _rest: str = ""

    def feed(self, text: str, *, last: bool = False) -> Iterator[Mapping[str, Any]]:
        """Yield the metrics in what has come so far; ``last``: nothing will follow."""
        text = self._rest + text
        decoder = json.JSONDecoder()
        at = 0
        while True:
            at += len(text[at:]) - len(text[at:].lstrip())
            if at >= len(text):
                break
            try:
                value, end = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                line_end = text.find("\n", at)
                # What breaks off at the end of the text may go on in the next piece, also over lines.
                if not last and (line_end < 0 or _may_go_on(text, error)):
                    break
                self.bad += 1
                at = len(text) if line_end < 0 else line_end + 1
                continue
            at = end
            yield from self._metrics(value)
        self._rest = text[at:]

    def _metrics(self, value: object) -> Iterator[Mapping[str, Any]]:
        batch = value.get("metrics") if isinstance(value, dict) and "fields" not in value else [value]
        for metric in batch if isinstance(batch, list) else [None]:
            if (
                isinstance(metric, dict)
                and isinstance(metric.get("fields"), dict)
                and isinstance(metric.get("timestamp"), int | float)
            ):
                yield metric
            else:
                self.bad += 1


def _may_go_on(text: str, error: json.JSONDecodeError) -> bool:
    """Tell whether what is wrong may only be that the text breaks off: in a string, or in a word near its end."""
    return error.pos >= len(text.rstrip()) - len(r"\u00fc") or error.msg.startswith("Unterminated string")


def seconds_of(timestamp: float) -> int:
    """Return Unix seconds of a timestamp in seconds, milli-, micro- or nanoseconds (Telegraf: json_timestamp_units)."""
    for digits in (1e17, 1e14, 1e11):
        if abs(timestamp) >= digits:
            return int(timestamp // (digits / 1e8))
    return int(timestamp)


def moments(metrics: Iterable[Mapping[str, Any]]) -> list[Moment]:
    """Fold metrics into readings by host and second, in the order of time."""
    gathered: dict[tuple[int, str | None], dict[str, dict[str, float]]] = {}
    for metric in metrics:
        tags = metric.get("tags")
        tags = tags if isinstance(tags, dict) else {}
        host = tags.get("host")
        where = (seconds_of(metric["timestamp"]), str(host) if host else None)
        of_moment = gathered.setdefault(where, {})
        for key, instance, value in _readings(str(metric.get("name")), metric["fields"], tags):
            of_moment.setdefault(key, {})[instance] = value
    return [
        Moment(host, timestamp, {key: _fold(key, instances) for key, instances in of_moment.items()})
        for (timestamp, host), of_moment in sorted(gathered.items(), key=lambda each: (each[0][0], each[0][1] or ""))
        if of_moment
    ]


@dataclass(slots=True)
class Folding:
    """Folds metrics as they come.

    The newest second is held back until a newer one comes, or nothing more does: its instances may come in two pieces.
    """

    _held: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, metrics: Iterable[Mapping[str, Any]]) -> list[Moment]:
        """Take metrics; return the readings that are complete."""
        known = [*self._held, *metrics]
        newest = max((seconds_of(metric["timestamp"]) for metric in known), default=0)
        self._held = [metric for metric in known if seconds_of(metric["timestamp"]) == newest]
        return moments(metric for metric in known if seconds_of(metric["timestamp"]) != newest)

    def flush(self) -> list[Moment]:
        """Return what was held back."""
        held, self._held = self._held, []
        return moments(held)


def _readings(name: str, fields: Mapping[str, Any], tags: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield key, instance and value of each field that is a number."""
    if name == SERVICES:
        service, state = tags.get(NAMES_OF_SERVICE), fields.get("state")
        if service and _is_number(state) and not key_problem("win_service", str(service)):
            yield key_of("win_service", str(service)), "", 1.0 if state == RUNNING else 0.0
        return
    instance = "/".join(str(tags[tag]) for tag in INSTANCE_TAGS if tag in tags)
    for field_name, value in fields.items():
        if _is_number(value) and not key_problem(name, field_name):
            yield key_of(name, field_name.lower()), instance, float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _fold(key: str, instances: Mapping[str, float]) -> float:
    for instance, value in instances.items():
        if instance in TOTALS:
            return value
    known = COUNTERS.get(key)
    added = known is not None and known.unit == "B/s"
    return reduce_readings("sum" if added else reduction_of(key), list(instances.values()))


@dataclass(slots=True)
class Files:
    """A file that Telegraf writes, or a folder of them, followed as they grow. Remembers how far each was read.

    A file is told by its name and inode, so one that was rotated is read from its beginning.
    """

    path: Path
    state: Path
    """Where :meth:`save` keeps how far files were read."""
    _offsets: dict[str, list[int]] = field(default_factory=dict)
    _parsers: dict[str, Parser] = field(default_factory=dict)
    _folding: dict[str, Folding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Go on where an earlier run had saved."""
        try:
            offsets = json.loads(self.state.read_text())
            self._offsets = {str(name): [int(inode), int(at)] for name, (inode, at) in offsets.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._offsets = {}

    @property
    def bad(self) -> int:
        """How many lines were passed over."""
        return sum(parser.bad for parser in self._parsers.values())

    def read(self) -> Iterator[Sequence[Moment]]:
        """Yield what was added since the last call, a piece at a time. Raises OSError where there is no such path."""
        if not self.path.is_dir():
            yield from self._read(self.path)
            return
        for path in sorted(self.path.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield from self._read(path)

    def _read(self, path: Path) -> Iterator[Sequence[Moment]]:
        folding = self._folding.setdefault(path.name, Folding())
        grown = False
        with path.open("rb") as file:
            found = path.stat()
            inode, at = self._offsets.get(path.name, [found.st_ino, 0])
            if inode != found.st_ino or found.st_size < at:
                at = 0
                self._parsers[path.name] = Parser(self._parsers[path.name].bad if path.name in self._parsers else 0)
            parser = self._parsers.setdefault(path.name, Parser())
            file.seek(at)
            while piece := _whole_lines(file.read(CHUNK)):
                at += len(piece)
                file.seek(at)
                grown = True
                yield folding.add(parser.feed(piece.decode(errors="replace")))
                self._offsets[path.name] = [found.st_ino, at]
        if not grown:
            yield folding.flush()

    def save(self) -> None:
        """Keep how far files were read."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.state.with_name(f"{self.state.name}.tmp")
        temporary.write_text(json.dumps(self._offsets))
        temporary.replace(self.state)


def _whole_lines(piece: bytes) -> bytes:
    """Cut off a line that is being written: it is left for the next time."""
    if len(piece) < CHUNK and piece.rstrip().endswith(b"}"):
        return piece  # whole, but for the end of its line
    return piece[: piece.rfind(b"\n") + 1] or (piece if len(piece) == CHUNK else b"")
