"""The message of the wire and the file of an agent, as bytes: ``{"metrics": [sample, ...]}``, UTF-8, optionally gzip.

Knows the format and how to read a damaged one; refuses to know which samples are acceptable (domain.samples).
"""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import BadMessage
from domain.samples import Refused, Sample

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes a message may unpack to. A queue's 256 KB, gzipped, hold some 10 MB; more is a bomb or a mistake."""

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_NUMBER = 400
"""Digits beyond which an integer is certainly greater than any double."""


class _Message(msgspec.Struct):
    metrics: list[Sample]


_DECODER = msgspec.json.Decoder(_Message)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message's samples, those that are none, and of each sample its position in the message."""

    samples: Sequence[Sample]
    positions: Sequence[int]
    refused: tuple[Refused, ...]


def encode_samples(samples: Sequence[Sample]) -> bytes:
    """Return a message with these samples as UTF-8 JSON, not compressed."""
    return _ENCODER.encode(_Message(list(samples)))


def decode(body: bytes) -> Decoded:
    """Read a message.

    Raises BadMessage, with the reason, where it can't be read as a whole. A single element of ``metrics`` that is no
    sample is refused by itself: wrong types, missing fields, numbers that are not finite (also the literals NaN and
    Infinity, which are no JSON).
    """
    text = unpack(body).removeprefix(BYTE_ORDER_MARK)
    try:
        samples = _DECODER.decode(text).metrics
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return _decode_leniently(text)
    return Decoded(samples, range(len(samples)), ())


def as_text(value: object) -> str:
    """Return a refused input as ASCII JSON, as it came: NaN stays NaN, half a surrogate pair stays an escape."""
    return json.dumps(msgspec.to_builtins(value) if isinstance(value, Sample) else value)


def unpack(body: bytes) -> bytes:
    """Return the message's text, unzipped where its first two bytes say gzip.

    Raises BadMessage where it is empty, unpacks to more than MAX_BYTES, or is broken or cut off.
    """
    if not body:
        raise BadMessage("the message is empty")
    if not body.startswith(GZIP_MAGIC):
        if len(body) > MAX_BYTES:
            raise BadMessage(f"the message has {len(body):,} bytes; at most {MAX_BYTES:,} are read")
        return body
    chunks: list[bytes] = []
    room = MAX_BYTES
    while body:  # a gzip file may have several members, one after the other
        unzip = zlib.decompressobj(wbits=31)
        try:
            chunks.append(unzip.decompress(body, room + 1))
        except zlib.error as error:
            raise BadMessage(f"the message begins like gzip but can't be unzipped: {error}") from error
        room -= len(chunks[-1])
        if room < 0:
            raise BadMessage(f"the message unzips to more than {MAX_BYTES:,} bytes")
        if not unzip.eof:
            raise BadMessage("the message begins like gzip but is cut off")
        body = unzip.unused_data
    return b"".join(chunks)


def _decode_leniently(text: bytes) -> Decoded:
    """Read a message in which something is wrong, element by element, so that one bad sample hurts only itself."""
    try:
        message = json.loads(text.decode(), parse_int=_parse_int)
    except UnicodeDecodeError as error:
        raise BadMessage(f"the message is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise BadMessage("the message is malformed JSON: nested too deeply") from error
    except ValueError as error:
        raise BadMessage(f"the message is malformed JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadMessage(f"the message is not a JSON object but {_json_type(message)}")
    if "metrics" not in message:
        raise BadMessage('the message has no "metrics"')
    elements = message["metrics"]
    if not isinstance(elements, list):
        raise BadMessage(f'"metrics" is not a list but {_json_type(elements)}')
    samples: list[Sample] = []
    positions: list[int] = []
    refused: list[Refused] = []
    for position, element in enumerate(elements):
        try:
            samples.append(_sample_of(element))
            positions.append(position)
        except ValueError as error:
            refused.append(Refused(position, str(error), element))
    return Decoded(samples, positions, tuple(refused))


def _sample_of(element: object) -> Sample:
    """Return the sample, or raise ValueError (msgspec's ValidationError is one) with the reason."""
    try:
        sample = msgspec.convert(element, Sample)
    except OverflowError:
        sample = None
    if sample is None or not math.isfinite(sample.PerfValue):
        raise ValueError("PerfValue is not a finite number")
    for name in Sample.__struct_fields__:
        value = getattr(sample, name)
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{name} holds half a surrogate pair, which is no character") from error
    return sample


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
