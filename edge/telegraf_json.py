"""Reads the bytes of Telegraf's JSON: its metrics, and the second of each.

It reads Telegraf's ``json`` data format as documented: metrics (``name``, ``fields``, ``tags``, ``timestamp``) or
batches of metrics (``{"metrics": [...]}``), one after the other, each on one or several lines. Telegraf writes UTF-8,
whatever code page a console has. Unreadable metrics are skipped and counted by reason.

Knows the format; refuses to know what metrics mean and where the bytes come from.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NO_METRIC = "lines were not Telegraf metrics in UTF-8"
NO_TIME = "metrics have a time that can't be read (json_timestamp_format: see --timestamp-format)"

LONGEST_VALUE = 64 << 20
"""A metric or batch that has not ended after this many bytes is dropped."""

_BLANK = re.compile("[\\s\ufeff]*")
"""The text between metrics: white space, and the byte order mark that some programs write first."""


@dataclass(slots=True)
class Parser:
    """Takes bytes in pieces that may end anywhere, and yields complete metrics."""

    unread: Counter[str] = field(default_factory=Counter)
    """The number of unreadable metrics, by reason."""
    _rest: bytes = b""

    @property
    def pending(self) -> int:
        """The number of last bytes that belong to an incomplete metric."""
        return len(self._rest)

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[Mapping[str, Any]]:
        """Add bytes, and yield the complete metrics. ``last`` says that no more bytes follow."""
        data = self._rest + data
        # Only whole lines are decoded, since a piece may end inside a character. The last line may lack its end: it is
        # decoded if it may be a whole metric.
        end = len(data) if last or data.rstrip().endswith(b"}") else data.rfind(b"\n") + 1
        text = self._text(data[:end])
        at = 0
        decoder = json.JSONDecoder()
        while (at := _end_of_blank(text, at)) < len(text):
            line_end = text.find("\n", at)
            try:
                value, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                # An incomplete metric at the end of the text may continue in the next piece, also over lines.
                if not last and (line_end < 0 or _may_go_on(text, error)):
                    break
                value, at = None, len(text) if line_end < 0 else line_end + 1
            except (ValueError, RecursionError):  # a number with thousands of digits, or a thousand brackets
                value, at = None, len(text) if line_end < 0 else line_end + 1
            yield from self._metrics(value)
        self._rest = text[at:].encode() + data[end:]
        if len(self._rest) > LONGEST_VALUE:
            self.unread[NO_METRIC] += 1
            self._rest = b""

    def _text(self, data: bytes) -> str:
        """Decode whole lines. Lines that are not UTF-8 are left out."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            lines = []
            for line in data.splitlines(keepends=True):
                try:
                    lines.append(line.decode())
                except UnicodeDecodeError:
                    self.unread[NO_METRIC] += 1
            return "".join(lines)

    def _metrics(self, value: object) -> Iterator[Mapping[str, Any]]:
        batch = value.get("metrics") if isinstance(value, dict) and "fields" not in value else [value]
        for metric in batch if isinstance(batch, list) else [None]:
            if isinstance(metric, dict) and isinstance(metric.get("fields"), dict) and "timestamp" in metric:
                yield metric
            else:
                self.unread[NO_METRIC] += 1


def _end_of_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _may_go_on(text: str, error: json.JSONDecodeError) -> bool:
    """Tell whether the error may only come from the end of the text: inside a string, or in a word near the end."""
    return error.pos >= len(text.rstrip()) - len(r"\u00fc") or error.msg.startswith("Unterminated string")


def seconds_of(timestamp: object, layout: str | None = None) -> int | None:
    """Return a metric's time in Unix seconds, or None if it can't be read.

    Telegraf writes a number in ``json_timestamp_units``, which it rounds down to a power of ten (10 s, 1 s, 100 ms …
    1 ns). With ``json_timestamp_format`` it writes a text in UTC. ISO 8601 and Go's named layouts are recognized. Any
    other layout must be given as ``layout``, the result of :func:`strptime_of`.
    """
    if isinstance(timestamp, str):
        return _seconds_of_text(timestamp, layout)
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float) or not _TENS <= timestamp < _TOO_LONG:
        return None
    if timestamp < _ONES:
        return int(timestamp * 10)
    while timestamp >= 10 * _ONES:
        timestamp //= 10
    return int(timestamp)


_ONES = 10**9
"""Unix seconds have ten digits from 2001 to 2286, so the number of digits tells the unit."""

_TENS = 10**8
_TOO_LONG = 10**19

_GOS_LAYOUTS = (
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %Z %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%d %b %y %H:%M %Z",
    "%d %b %y %H:%M %z",
    "%A, %d-%b-%y %H:%M:%S %Z",
    "%a, %d %b %Y %H:%M:%S %Z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%Y%m%d%H%M%S",
)
"""ANSIC, UnixDate, RubyDate, RFC822, RFC822Z, RFC850, RFC1123 and RFC1123Z of Go's package time; and only digits."""


def _seconds_of_text(text: str, layout: str | None) -> int | None:
    text = " ".join(text.split())
    moment = None
    for given in (layout, None) if layout else (None, *_GOS_LAYOUTS):
        try:
            moment = datetime.strptime(text, given) if given else _iso(text)  # noqa: DTZ007  (a zone is added below)
            break
        except ValueError:
            continue
    if moment is None:
        return None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return seconds if seconds >= _ONES else None


def _iso(text: str) -> datetime:
    """Read a date and time in ISO 8601. A date without a time is refused. Raises ValueError."""
    if text.isdecimal() or (":" not in text and "T" not in text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


_GO = {
    "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a", "2006": "%Y", "MST": "%Z", "Z07:00": "%z",
    "-07:00": "%z", "Z0700": "%z", "-0700": "%z", "01": "%m", "02": "%d", "03": "%I", "04": "%M", "05": "%S",
    "06": "%y", "15": "%H", "_2": "%d", "PM": "%p", "pm": "%p", ".000000": ".%f", ".000": ".%f", ".999999": ".%f",
    ".999": ".%f", "1": "%m", "2": "%d", "3": "%I", "4": "%M", "5": "%S", "%": "%%",
}  # fmt: skip
"""The parts of a time in Go's layouts (package time), with those of Python's strptime. Longer ones are tried first."""

_GO_PART = re.compile("|".join(map(re.escape, sorted(_GO, key=len, reverse=True))))


def strptime_of(layout: str) -> str:
    """Return the strptime format for a layout of Go (``json_timestamp_format``). Raises ValueError if it is not one."""
    python = _GO_PART.sub(lambda part: _GO[part[0]], layout)
    try:
        read_back = datetime.strptime(datetime(2006, 2, 1, 15, 4, 5, tzinfo=UTC).strftime(python), python)  # noqa: DTZ007
    except (ValueError, re.error) as error:
        raise ValueError(f"{layout!r} is not a layout of Go: {error}") from error
    if (read_back.year, read_back.month, read_back.day, read_back.hour, read_back.minute) != (2006, 2, 1, 15, 4):
        raise ValueError(f"{layout!r} has no minute; it must have year, month, day, hour and minute")
    return python
