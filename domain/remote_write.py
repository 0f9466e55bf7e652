"""Prometheus remote write 1.0: a request's body, and which windows to send.

Knows the protobuf of a WriteRequest and snappy's block format (both written by hand, since they are tiny), and the
order in which windows are sent. Does not know where rows come from, or how a request travels. Sources: "Prometheus
Remote-Write 1.0 specification", prometheus/prompb/types.proto, and google/snappy's format_description.txt.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from domain.charts import FleetItem
from domain.closing import Progress
from domain.minutes import DAY, WINDOW, window_of
from domain.openmetrics import GroupPoint, metrics_of

MILLISECONDS = 1_000

LONGEST_LITERAL = 65_536
"""How many bytes a literal of a snappy block holds at most: its length then fits into two bytes."""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """A metric's samples, oldest first: values with their Unix seconds."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the fleet's minutes have been sent, and what was not sent.

    ``window``: the newest window that was acknowledged completely, like all older ones. ``key``: the last counter of
    the next window that was acknowledged. ``handled``: the windows of ``Progress.closed_late`` that were sent or
    counted. ``late_rows``: report rows of windows that closed after the cursor had passed them. ``refused``: samples
    that the receiver will never take, since it has newer ones, or others at their timestamps. ``problem``: why nothing
    can be sent; None: sending works. ``not_before``: the receiver asked for no requests before this Unix second.
    """

    window: int
    key: str = ""
    handled: tuple[int, ...] = ()
    late_rows: int = 0
    refused: int = 0
    problem: str | None = None
    not_before: int = 0

    @classmethod
    def first(cls, progress: Progress, now: int) -> "Cursor":
        """Return where sending begins: with windows that close from now on, and not with the whole past.

        If no window has closed yet, there is no past to leave out, and sending begins with the windows of the last day.
        """
        begin = progress.closed if progress.closed is not None else window_of(now) - DAY
        return cls(begin, handled=progress.closed_late)

    def due(self, progress: Progress) -> Iterator[int]:
        """Yield the windows to send, oldest first. Stop at the first open window: it will close soon.

        Prometheus takes the samples of a series only in the order of their time.
        """
        for window in range(self.window + WINDOW, (progress.closed or 0) + 1, WINDOW):
            if window in progress.opened:
                return
            yield window

    def late(self, progress: Progress) -> Iterator[int]:
        """Yield the windows that closed after the cursor had passed them, and are not counted yet."""
        return (window for window in progress.closed_late if window <= self.window and window not in self.handled)

    def sent_up_to(self, key: str, refused: int) -> "Cursor":
        """Return this cursor after the next window's counters up to this one were acknowledged."""
        return replace(self, key=key, refused=self.refused + refused, problem=None, not_before=0)

    def sent(self, window: int, progress: Progress) -> "Cursor":
        """Return this cursor after a window was acknowledged completely."""
        handled = {*self.handled, window} & set(progress.closed_late)
        return replace(self, window=window, key="", handled=tuple(sorted(handled)))

    def counted(self, window: int, rows: int, progress: Progress) -> "Cursor":
        """Return this cursor with the rows of a window that closed too late."""
        handled = {*self.handled, window} & set(progress.closed_late)
        return replace(self, handled=tuple(sorted(handled)), late_rows=self.late_rows + rows)

    def failed(self, problem: str, not_before: int) -> "Cursor":
        """Return this cursor after the receiver took nothing, with the reason."""
        return replace(self, problem=problem, not_before=not_before)


def series_of(points: Sequence[FleetItem], groups: Sequence[GroupPoint] = ()) -> list[TimeSeries]:
    """Return the time series of one counter, with the same metrics and labels as /metrics, each oldest first.

    ``points`` are its minutes, oldest first, and ``groups`` those of its windows.
    """
    found: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    for family, samples in metrics_of(points, groups):
        for labels, at, value in samples:
            found.setdefault((("__name__", family.name), *labels.items()), []).append((at, float(value)))
    return [TimeSeries(dict(labels), samples) for labels, samples in found.items()]


def request_body(series: Iterable[TimeSeries]) -> bytes:
    """Return the body of a request: a WriteRequest as a snappy block."""
    return snappy_block(b"".join(_field(1, _time_series(each)) for each in series))


def snappy_block(content: bytes) -> bytes:
    """Return content as a snappy block of literals only: it is not compressed, and every reader can read it."""
    parts = [_varint(len(content))]
    for start in range(0, len(content), LONGEST_LITERAL):
        literal = content[start : start + LONGEST_LITERAL]
        # The tag 61 in the upper six bits means a literal; the next two bytes hold its length less one.
        parts += [bytes([61 << 2]), struct.pack("<H", len(literal) - 1), literal]
    return b"".join(parts)


def _time_series(series: TimeSeries) -> bytes:
    labels = (
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(series.labels.items())
    )
    # A double (field 1, type 1), and milliseconds as a number (field 2, type 0).
    samples = (
        _field(2, struct.pack("<Bd", 1 << 3 | 1, value) + bytes([2 << 3]) + _varint(at * MILLISECONDS))
        for at, value in series.samples
    )
    return b"".join([*labels, *samples])


def _field(number: int, content: bytes) -> bytes:
    """Return a protobuf field with a length and a content (type 2)."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a non-negative number in seven bits per byte, the lowest first."""
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004  (seven bits)
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
