"""The message of the wire and the file of an agent, as bytes: ``{"metrics": [sample, ...]}``, UTF-8, optionally gzip.

Knows the format and how to read a corrupt one; refuses to know which samples are acceptable (domain.samples). A head
that signs a message (domain.signed) is passed over: whether it is right is another question than what the message says.

**What a message may cost.** Reading one takes memory and time in proportion to its text, whatever it holds. Its text
is at most UNZIPS_TO times as long as what was sent (or SMALL, if that is more), never longer than MAX_BYTES. A
message beyond these bounds is refused whole. tests/pipeline/test_what_a_message_costs.py states the multiples.
"""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import BadMessage
from domain.refusals import Refusals
from domain.samples import Sample
from domain.signed import taken_apart

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes a message may unpack to. A queue's 256 KB, gzipped, hold some 10 MB; more is a bomb or a mistake."""

SMALL = 1024 * 1024
"""What any message may unpack to, however few bytes it has."""

UNZIPS_TO = 256
"""How many times as long as the zipped message its text may be. Deflate reaches 1,032. Samples stay below 170: each
repeats the one before it but for some digits, and deflate copies at most 258 bytes at a time."""

MOST_MEMBERS = 1_000
"""The most gzip files that a message may be made of, one after the other."""

SHORTEST_SAMPLE = 104
"""The fewest characters that a sample takes, with its six fields that must be there."""

TOKENS_A_SAMPLE = 13
"""Its commas, colons and brackets, with the comma after it."""

TOKENS_FREE = 300_000
"""How many more of them any message may have. More than these, and it holds what can't be samples, in such numbers that
reading it would cost far more than its bytes."""

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
    refused: Refusals


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
    if not _names_metrics_once(text):
        return _decode_leniently(text)
    return Decoded(samples, range(len(samples)), Refusals())


def as_text(value: object) -> str:
    """Return a refused input as ASCII JSON, as it came: NaN stays NaN, half a surrogate pair stays an escape."""
    return json.dumps(msgspec.to_builtins(value) if isinstance(value, Sample) else value)


def unpack(body: bytes) -> bytes:
    """Return the message's text, without what signs it, and unzipped where its first two bytes say gzip.

    Zeros after a gzip file are passed over, as gzip does. Raises BadMessage where the message is empty, unpacks to more
    than it may, or is broken or cut off.
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
            raise BadMessage(f"the message unzips to more than {most:,} bytes, the most for one of its size")
        if not unzip.eof:
            raise BadMessage("the message begins like gzip but is cut off")
        if len(chunks) == MOST_MEMBERS:
            raise BadMessage(f"the message is made of {MOST_MEMBERS:,} gzip files or more")
        body = unzip.unused_data.lstrip(b"\0")
    return b"".join(chunks)


def _names_metrics_once(text: bytes) -> bool:
    """Tell whether a message that was decoded is sure to have one "metrics": of several, the last would have won.

    As SPOCs write it, the list's bracket is the first and the only one, so nothing can stand beside it.
    """
    begin = text.find(b"[")
    head, tail = text[: max(begin, 0)], text[text.find(b"]", begin) + 1 :]
    if head.translate(None, b" \t\r\n") == b'{"metrics":' and tail.strip() == b"}":
        return True
    return text.count(b'"metrics"') == 1 and b"\\u" not in text


def _decode_leniently(text: bytes) -> Decoded:
    """Read a message in which something is wrong, element by element, so that one bad sample hurts only itself."""
    samples: list[Sample] = []
    positions: list[int] = []
    refused = Refusals()
    for position, element in enumerate(_elements(text)):
        if type(element) is not dict:
            refused.add(position, _NO_OBJECT.get(type(element), _NO_OBJECT[float]), element)
            continue
        try:
            samples.append(_sample_of(element))
            positions.append(position)
        except ValueError as error:
            refused.add(position, str(error), element)
    return Decoded(samples, positions, refused)


def _elements(text: bytes) -> list[object]:
    """Return what a message's "metrics" holds. Raises BadMessage."""
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
    return elements


def _parsed(text: bytes) -> tuple[object, list[str]]:
    """Return a message as Python has it, and the names in its outermost object, repeated ones too."""
    if sum(map(text.count, (b",", b":", b"[", b"{"))) > TOKENS_FREE + len(text) * TOKENS_A_SAMPLE // SHORTEST_SAMPLE:
        raise BadMessage("the message has so many commas, colons and brackets that it can't be one of samples")
    outermost: list[tuple[str, object]] = []

    def made(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal outermost
        outermost = pairs  # the outermost object is the last to end
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


_JSON_TYPES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
_NO_OBJECT = {
    kind: f"the sample is not an object but {name}" for kind, name in {**_JSON_TYPES, float: "a number"}.items()
}


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "a number")
