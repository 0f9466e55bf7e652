"""Packs the samples of many VMs into as few messages as the queue's size limit allows.

A message is filled with one batch (a VM's samples) after the other, as long as it stays within the queue's limit and
within the limits of ingest (domain.wire, domain.samples). Whether the next batch fits is known exactly, also with gzip:
a copy of the compressor tries it.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from domain.heartbeat import Heartbeat, encode_heartbeat
from domain.minutes import WINDOW, identifier
from domain.samples import FEW_VM_WINDOWS, Sample
from domain.wire import MAX_BYTES

MOST_TEXT = MAX_BYTES // 2
"""The most bytes of uncompressed text in a message: half of what ingest unpacks. So a message is never refused for its
text, however well its samples compress."""

_HEAD = b'{"metrics":['
_TAIL = b"]}"
_LEVEL = 6
_TRAILER_ROOM = 32
"""Room for the closing brackets, and for the last block and the trailer of a gzip file (at most 5 and 8 bytes)."""


class TooLarge(ValueError):
    """A single sample does not fit into a message of the given size."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A message, ready to send: its body, its number of samples, and the indexes of the batches they come from."""

    body: bytes
    samples: int
    batches: tuple[int, ...]

    @property
    def message_id(self) -> str:
        """See message_id_of."""
        return message_id_of(self.body)


def message_id_of(body: bytes) -> str:
    """Return an id derived from a message's body, so that a queue with duplicate detection recognizes the same one."""
    return hashlib.sha256(body).hexdigest()[:32]


class _Message:
    """A message that is being filled."""

    def __init__(self, *, gzip: bool) -> None:
        # The level and format are fixed and the header has no time, so the same samples always give the same bytes.
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31) if gzip else None
        self._chunks: list[bytes] = []
        self._size = 0
        self._text = 0
        self._places: set[tuple[str, int]] = set()
        self.samples = 0
        self.batches: list[int] = []

    def add(self, index: int, part: Sequence[Sample], limit: int) -> bool:
        """Add samples of a batch if the message stays within the limit. Return whether they were added."""
        text = _text(part)
        places = self._places | {(sample.MaskedVMName, sample.timestamp // WINDOW) for sample in part}
        if self._text + len(text) > MOST_TEXT or len(places) > FEW_VM_WINDOWS:
            return False
        chunk = (b"," if self.samples else _HEAD) + text
        compressor = None
        if self._compressor is not None:
            compressor = self._compressor.copy()
            chunk = compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)
        room = len(_TAIL) if compressor is None else _TRAILER_ROOM
        if self._size + len(chunk) + room > limit:
            return False
        self._compressor = compressor
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._text += len(text) + 1
        self._places = places
        self.samples += len(part)
        if index not in self.batches[-1:]:
            self.batches.append(index)
        return True

    def close(self) -> Packed:
        tail = _TAIL if self._compressor is None else self._compressor.compress(_TAIL) + self._compressor.flush()
        return Packed(b"".join([*self._chunks, tail]), self.samples, tuple(self.batches))


def heartbeat_message(beat: Heartbeat) -> Packed:
    """Return the message with a heartbeat and no samples."""
    return Packed(_HEAD + b'],"heartbeat":' + encode_heartbeat(beat) + b"}", 0, ())


def pack(
    batches: Iterable[Sequence[Sample]],
    limit: int,
    *,
    gzip: bool = True,
    too_large: Callable[[int, Sample], None] | None = None,
) -> Iterator[Packed]:
    """Yield messages of at most ``limit`` bytes. Together they hold the batches' samples in their order.

    A batch stays in one message unless it is too large for a message of its own. Then it is split by time, and a single
    minute is split by sample. The same batches always give the same messages. A single sample that exceeds the limit is
    given to ``too_large``, with the index of its batch, and left out. Without ``too_large``, it raises TooLarge.
    """
    message = _Message(gzip=gzip)
    for index, batch in enumerate(batches):
        parts = [batch] if batch else []
        while parts:
            part = parts.pop()
            if message.add(index, part, limit):
                continue
            if message.samples:
                yield message.close()
                message = _Message(gzip=gzip)
                parts.append(part)
            elif len(part) > 1:
                early, late = _halves(part)
                parts += [late, early]
            elif too_large:
                too_large(index, part[0])
            else:
                raise TooLarge(f"one sample does not fit into a message of {limit:,} bytes")
    if message.samples:
        yield message.close()


def _halves(batch: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    minutes = sorted({identifier(sample.timestamp) for sample in batch})
    if len(minutes) == 1:
        middle = len(batch) // 2
        return batch[:middle], batch[middle:]
    border = minutes[len(minutes) // 2]
    early = [sample for sample in batch if identifier(sample.timestamp) < border]
    late = [sample for sample in batch if identifier(sample.timestamp) >= border]
    return early, late


def _text(samples: Sequence[Sample]) -> bytes:
    return msgspec.json.encode(samples)[1:-1]
