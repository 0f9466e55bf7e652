"""The bytes of a message and of an agent's file: ``{"metrics": [sample, ...]}`` in UTF-8, optionally gzipped.

A SPOC's message may also hold a ``"heartbeat"`` (domain.heartbeat); other members are ignored. Knows the format and how
to read a malformed message; refuses to know which samples are acceptable (domain.samples). Skips the head with a
message's signature (domain.signed) and refuses to know whether the signature is valid.

**What a message may cost.** Reading a message takes memory and time in proportion to its text, whatever the text holds.
The text is at most UNZIPS_TO times as long as the bytes sent (or SMALL, if that is more), and never longer than
MAX_BYTES. A message beyond these limits is refused as a whole. tests/pipeline/test_what_a_message_costs.py states the
multiples.
"""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import BadMessage
from domain.heartbeat import Heartbeat, decode_heartbeat
from domain.refusals import Refusals
from domain.samples import Sample
from domain.signed import taken_apart

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes that a message may unpack to. A gzipped message of 256 KB, the queue's limit, unpacks to about 10 MB.
More is an attack or a mistake."""

SMALL = 1024 * 1024
"""The bytes that any message may unpack to, however small it is."""

UNZIPS_TO = 256
"""The largest ratio of a message's text to its gzipped bytes. Deflate can reach 1,032. Samples stay below 170: each
differs from the one before it in some digits, and deflate copies at most 258 bytes at a time."""

MOST_MEMBERS = 1_000
"""The most gzip members (gzip files, one after the other) in a message."""

SHORTEST_SAMPLE = 104
"""The fewest characters of a sample with its six required fields."""

TOKENS_A_SAMPLE = 13
"""The commas, colons and brackets of such a sample, with the comma after it."""

TOKENS_FREE = 300_000
"""The commas, colons and brackets that any message may have beyond those of its samples. A message with more holds data
that can't be samples, and so much of it that reading it would cost far more than its bytes."""

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_NUMBER = 400
"""An integer with more characters than this is outside the range of doubles."""


class _Message(msgspec.Struct, omit_defaults=True):
    metrics: list[Sample]
    heartbeat: msgspec.Raw = msgspec.Raw()  # its place in the text; most messages have none


_DECODER = msgspec.json.Decoder(_Message)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message's samples, the position of each sample in the message, and the refused elements.

    ``heartbeat`` is the message's heartbeat, or why it can't be read; None: it has none.
    """

    samples: Sequence[Sample]
    positions: Sequence[int]
    refused: Refusals
    heartbeat: Heartbeat | str | None = None


def encode_samples(samples: Sequence[Sample]) -> bytes:
    """Return a message with these samples as uncompressed UTF-8 JSON."""
    return _ENCODER.encode(_Message(list(samples)))


def decode(body: bytes) -> Decoded:
    """Read a message.

    An element of ``metrics`` is refused by itself if it is not a sample: wrong types, missing fields, or a number that
    is not finite. The literals NaN and Infinity, which are not JSON, are such numbers too. Raises BadMessage with the
    reason if the message as a whole can't be read.
    """
    text = unpack(body).removeprefix(BYTE_ORDER_MARK)
    try:
        message = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return _decode_leniently(text)
    if not _names_metrics_once(text):
        return _decode_leniently(text)
    samples = message.metrics
    return Decoded(samples, range(len(samples)), Refusals(), _heartbeat(bytes(message.heartbeat)))


def as_text(value: object) -> str:
    """Return a refused input as ASCII JSON, unchanged: NaN stays NaN, half a surrogate pair stays an escape."""
    return json.dumps(msgspec.to_builtins(value) if isinstance(value, Sample) else value)


def unpack(body: bytes) -> bytes:
    """Return the message's text, without its signature. It is unzipped if its first two bytes are those of gzip.

    Zeros after a gzip file are ignored, as gzip does. Raises BadMessage if the message is empty, unpacks to more than
    is allowed, or is broken or cut off.
    """
    if signed := taken_apart(body):
        body = signed.body
    if not body:
        raise BadMessage("the message is empty")
    if not body.startswith(GZIP_MAGIC):
        if len(body) > MAX_BYTES:
            raise BadMessage(f"the message has {len(body):,} bytes; at most {MAX_BYTES:,} are read")
        return body
    chunks: list[bytes] = []
    most = room = min(MAX_BYTES, max(SMALL, UNZIPS_TO * len(body)))
    while body:  # a gzip file may have several members, one after the other
        unzip = zlib.decompressobj(wbits=31)
        try:
            chunks.append(unzip.decompress(body, room + 1))
        except zlib.error as error:
            raise BadMessage(f"the message begins like gzip but can't be unzipped: {error}") from error
        room -= len(chunks[-1])
        if room < 0:
            raise BadMessage(f"the message unzips to more than {most:,} bytes, the limit for its size")
        if not unzip.eof:
            raise BadMessage("the message begins like gzip but is cut off")
        if len(chunks) == MOST_MEMBERS:
            raise BadMessage(f"the message is made of {MOST_MEMBERS:,} gzip files or more")
        body = unzip.unused_data.lstrip(b"\0")
    return b"".join(chunks)


def _names_metrics_once(text: bytes) -> bool:
    """Tell whether a decoded message certainly has one "metrics". The decoder would have kept only the last of several.

    In a message from a tenant's collector (SPOC), the list comes first and its brackets are the only ones, so only the
    few bytes after it can hold another.
    """
    begin = text.find(b"[")
    head, rest = text[: max(begin, 0)], text
    if head.translate(None, b" \t\r\n") == b'{"metrics":':
        rest = text[text.find(b"]", begin) :]
    return rest.count(b'"metrics"') == (rest is text) and b"\\u" not in rest


def _decode_leniently(text: bytes) -> Decoded:
    """Read a malformed message element by element, so that a bad sample does not affect the others."""
    samples: list[Sample] = []
    positions: list[int] = []
    refused = Refusals()
    elements, heartbeat = _elements(text)
    for position, element in enumerate(elements):
        if type(element) is not dict:
            refused.add(position, _NO_OBJECT.get(type(element), _NO_OBJECT[float]), element)
            continue
        try:
            samples.append(_sample_of(element))
            positions.append(position)
        except ValueError as error:
            refused.add(position, str(error), element)
    return Decoded(samples, positions, refused, heartbeat)


def _heartbeat(text: bytes) -> Heartbeat | str | None:
    if not text:
        return None
    try:
        return decode_heartbeat(text)
    except ValueError as error:
        return str(error)


def _elements(text: bytes) -> tuple[list[object], Heartbeat | str | None]:
    """Return the elements of a message's "metrics", and its heartbeat or what is wrong with it. Raises BadMessage."""
    message, names = _parsed(text)
    if not isinstance(message, dict):
        raise BadMessage(f"the message is not a JSON object but {_json_type(message)}")
    if "metrics" not in message:
        raise BadMessage('the message has no "metrics"')
    if names.count("metrics") > 1:
        raise BadMessage('the message has "metrics" more than once')
    elements = message["metrics"]
    if not isinstance(elements, list):
        raise BadMessage(f'"metrics" is not a list but {_json_type(elements)}')
    if "heartbeat" not in message:
        return elements, None
    try:
        return elements, _heartbeat(_ENCODER.encode(message["heartbeat"]))
    except (ValueError, OverflowError, RecursionError) as error:  # half a surrogate pair, a huge number
        return elements, f"the heartbeat is malformed: {error}"


def _parsed(text: bytes) -> tuple[object, list[str]]:
    """Return a message as Python objects, and all names in its outermost object, including repeated ones."""
    if sum(map(text.count, (b",", b":", b"[", b"{"))) > TOKENS_FREE + len(text) * TOKENS_A_SAMPLE // SHORTEST_SAMPLE:
        raise BadMessage("the message has more commas, colons and brackets than samples of its size can have")
    outermost: list[tuple[str, object]] = []

    def made(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal outermost
        outermost = pairs  # the parser ends the outermost object last
        return dict(pairs)

    try:
        message = json.loads(text.decode(), parse_int=_parse_int, object_pairs_hook=made)
    except UnicodeDecodeError as error:
        raise BadMessage(f"the message is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise BadMessage("the message is malformed JSON: nested too deeply") from error
    except ValueError as error:
        raise BadMessage(f"the message is malformed JSON: {error}") from error
    return message, [name for name, _ in outermost]


def _sample_of(element: object) -> Sample:
    """Return the sample. Raises ValueError with the reason (msgspec's ValidationError is a ValueError)."""
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
                raise ValueError(f"{name} holds half a surrogate pair, which is not a character") from error
    return sample


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


_JSON_TYPES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
_NO_OBJECT = {
    kind: f"the sample is not an object but {name}" for kind, name in {**_JSON_TYPES, float: "a number"}.items()
}


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "a number")
