"""Pushing: a tenant's SPOC hands one signed message to the queue over HTTP.

Knows who may push: whoever signs with a confirmed key, also where enrolment is open. Does not know what is in a message
(ingest reads it, as it reads all messages), or where the keys come from.
"""

from domain.enrolment import Register
from domain.errors import BadMessage, Forbidden, TooLong, TooMany, Unauthenticated
from domain.limits import TokenBuckets
from domain.packing import message_id_of
from domain.signed import taken_apart
from messaging.queue import MOST_BYTES, Queue

NOT_KNOWN = "the body is not a message that is signed with a known key"
"""What everybody is told whose signature does not count, whatever is wrong with it."""

A_SECOND = 10
AT_ONCE = 100
"""How many messages a key may push to one instance: so many a second for long, and so many at once. A tenant of 10,000
VMs with 40 counters has some 290 in a quarter of an hour."""


async def push(register: Register, queue: Queue, bound: TokenBuckets, body: bytes, now: float) -> str:
    """Hand a message to the queue; return its id there. It is safe when this returns.

    ``now`` is the time in seconds by a clock that never goes back. Raises Unauthenticated, always with the same words,
    unless a known key has signed the body; Forbidden if the key awaits confirmation; TooLong, TooMany, and Unavailable
    if the queue does not take it now.
    """
    if len(body) > MOST_BYTES:  # told before anything is worked on: it says nothing of keys
        raise TooLong(f"the message has {len(body):,} bytes; at most {MOST_BYTES:,} are taken: send it in parts")
    try:
        signed = taken_apart(body)
    except BadMessage:
        signed = None
    _, key = register.keys.get(signed.key, (None, None)) if signed else (None, None)
    if signed is None or key is None or key.revoked is not None or not signed.fits(key.public):
        raise Unauthenticated(NOT_KNOWN)
    if not key.confirmed:
        raise Forbidden(f"awaits confirmation: the operator has to compare the key's id, {key.id}, and to confirm it")
    if wait := bound.wait(key.id, now):
        raise TooMany(f"a key may push {A_SECOND} messages a second", wait)
    message_id = message_id_of(body)
    await queue.send(body, message_id)
    return message_id
