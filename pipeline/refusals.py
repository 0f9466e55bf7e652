"""What is kept of a message with refused parts, and how it is read again.

All refusals are counted by reason. The first refused inputs are kept one by one, as they came, for people to look at.
If these are not all, the whole message is kept beside them. So it can be tried again,
and the cost of keeping it is bounded by the cost of sending it. Knows the quarantine, but not why something is refused.
"""

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from domain import wire
from domain.refusals import Refusals
from storage.tables import Tables
from storage.tables.quarantine import QuarantinedMessage, RefusedInput

KEPT_BYTES = 256 * 1024
"""How many bytes of a message's refused inputs are kept one by one."""

MOST_WHOLE = 1_000_000
"""How many bytes are kept of a message that is kept whole. In base64 they still fit into a document."""

KEPT_WHOLE = "the whole message: not all that was refused of it is kept by itself"
"""The reason given for the message itself, beside its refused inputs. It is not one of them, and is not counted."""

WHOLE = object()
"""The value of a refusal that means the message itself."""


def refused_whole(reason: str) -> Refusals:
    """Return the refusal of a message that can't be read at all."""
    refused = Refusals()
    refused.add(0, reason, WHOLE)
    return refused


async def keep(
    tables: Tables, body: bytes, message_id: str, received: int, refused: Refusals, proven: str | None = None
) -> None:
    """Put a message's refused inputs into quarantine, under the day it was received. Raises Unavailable."""
    name = hashlib.sha256(body).hexdigest()[:32]
    await keep_as(tables, QuarantinedMessage(name, message_id, received, refused.reasons, proven), body, refused)


async def keep_as(tables: Tables, message: QuarantinedMessage, body: bytes, refused: Refusals) -> None:
    """Do the same, but replace what is already kept of this message."""
    inputs: list[RefusedInput] = []
    size = 0
    for each in refused.kept:
        if each.value is WHOLE:
            inputs.append(RefusedInput(each.position, each.reason, _whole(body)))
            continue
        text = wire.as_text(each.value)
        size += len(msgspec.json.encode(text))
        if size > KEPT_BYTES:
            break
        inputs.append(RefusedInput(each.position, each.reason, text))
    if len(inputs) < refused.count:
        inputs.append(RefusedInput(0, KEPT_WHOLE, _whole(body)))
    await tables.quarantine.keep(message, inputs)


def reasons_of(inputs: Iterable[RefusedInput]) -> Counter[str]:
    """Return how many refused inputs there are for each reason."""
    return Counter(each.reason for each in inputs if each.reason != KEPT_WHOLE)


def reasons_left(
    message: QuarantinedMessage, inputs: Iterable[RefusedInput], left: Sequence[RefusedInput]
) -> Counter[str]:
    """Return how many refusals remain for each reason when only ``left`` remains of the kept inputs.

    If the message is kept whole, its refused inputs that are not kept one by one remain, too.
    """
    more: Counter[str] = Counter()
    if any(each.reason == KEPT_WHOLE for each in left):
        more = Counter(message.reasons) - reasons_of(inputs)
    return reasons_of(left) + more


def _whole(body: bytes) -> str:
    """Return a message as it is kept whole: its bytes in base64, zipped and finally cut off if there are too many."""
    kept = body if len(body) <= MOST_WHOLE else gzip.compress(body, mtime=0)
    text = base64.b64encode(kept[:MOST_WHOLE]).decode("ascii")
    return json.dumps({"bytes": len(kept), "base64": text})


def whole_of(kept: RefusedInput) -> bytes | None:
    """Return the message (perhaps zipped) that is kept whole. None: this is a single input of a message.

    Raises ValueError if the end of the message or of the input was cut off.
    """
    match json.loads(kept.input):
        case {"bytes": int(length), "base64": str(text), **rest} if not rest:
            body = base64.b64decode(text, validate=True)
            if len(body) != length:
                raise ValueError("cut off")
            return body
    return None
