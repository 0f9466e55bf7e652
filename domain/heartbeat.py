"""Heartbeats: what a tenant's SPOC says of itself and of its VMs, every quarter of an hour, even without samples.

Knows the fields, their limits and their JSON text. Does not know which message carries a heartbeat, whether its sender
is known, or what an operator is told of it (domain.joining).
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.masking import is_masked
from domain.names import MAX_NAME

MOST_BYTES = 4096
"""The longest JSON text of a heartbeat."""

MOST_NAMED = 10
"""The most VMs that a heartbeat names for each fault."""

CLOCK_OFF = 30
"""By how many seconds a clock must differ to be called off."""

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Moment = Annotated[int, Meta(ge=0, lt=10_000_000_000)]
Seconds = Annotated[float, Meta(ge=-1e10, le=1e10)]
MaskedName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]


class VmClock(msgspec.Struct, frozen=True):
    """A VM (its masked name) whose clock is off: ``offset`` is its clock minus the SPOC's, in seconds."""

    vm: MaskedName
    offset: Seconds


class Heartbeat(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a SPOC says. Names are masked. In JSON, the fields' names are in lower camel case."""

    sent: Moment
    """When it was made, in Unix seconds of the SPOC's clock."""
    version: Annotated[str, Meta(max_length=40)]
    """The SPOC's version."""
    vms: Count
    """VMs whose files came in the last 24 hours."""
    offset: Seconds | None = None
    """The SPOC's clock minus the server's, in seconds; None: unknown."""
    clocks_off: Count = 0
    """VMs whose clock is off by more than CLOCK_OFF."""
    clocks: Annotated[tuple[VmClock, ...], Meta(max_length=MOST_NAMED)] = ()
    """The worst of them, the worst one first."""
    refused: Count = 0
    """Files refused in the last 24 hours."""
    oldest_file: Annotated[float, Meta(ge=0, le=1e10)] | None = None
    """The age of the oldest file that waits, in seconds; None: none waits."""
    twice: Annotated[tuple[MaskedName, ...], Meta(max_length=MOST_NAMED)] = ()
    """VMs whose name two machines use."""
    twice_count: Count = 0
    """How many there are of these."""
    sas_days: Seconds | None = None
    """Days until the SAS of the drop expires; None: there is no SAS."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Heartbeat)


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """Return a heartbeat as JSON text."""
    return _ENCODER.encode(beat)


def decode_heartbeat(text: bytes | memoryview) -> Heartbeat:
    """Read a heartbeat from its JSON text. Unknown members are ignored. Raises ValueError with the reason."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"the heartbeat is longer than {MOST_BYTES:,} bytes")
    try:
        beat = _DECODER.decode(text)
        beat.version.encode()
    except (ValueError, RecursionError) as error:  # includes msgspec's errors, and half a surrogate pair
        raise ValueError(f"the heartbeat is malformed: {error}") from error
    if not beat.version.isprintable():
        raise ValueError("the heartbeat's version holds a character that can't be printed")
    if not all(map(is_masked, (*(each.vm for each in beat.clocks), *beat.twice))):
        raise ValueError("the heartbeat names a VM whose name is not masked")
    return beat
