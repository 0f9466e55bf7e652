"""The result of ingesting a batch, as callers, logs and metrics need it. Knows no message and no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result of a batch of messages."""

    messages: int
    samples: int
    windows: int
    """VM windows that the samples belong to."""
    written: int
    """VM windows that the samples changed; the others held them already."""
    refused: int
    """Samples, or whole messages, that were put into quarantine, and heartbeats, which are only counted."""
    tenants: Sequence[str]
    """The tenants that the samples belong to."""
    span: Sequence[int]
    """The oldest and the newest window that the samples belong to; empty if there are none."""
    reasons: Mapping[str, int]
    """How many were refused for each reason."""
    left_out: int
    """Samples of counters that are not taken."""
    charge: float
    """What the store charged, in request units."""
