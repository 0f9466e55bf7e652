"""Refusals: the inputs of a message that were not accepted, and why. Refuses to know the rules and the storage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

MOST_KEPT = 1_000
"""The most refused inputs of a message that are kept. All of them are counted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused input: its position in the message, the reason in words, and the original input.

    A reason names the field and the rule but not the value, so that refusals can be counted by reason.
    """

    position: int
    reason: str
    value: object


@dataclass(slots=True)
class Refusals:
    """The refused inputs of one message: a count for each reason, and the first MOST_KEPT inputs unchanged."""

    reasons: Counter[str] = field(default_factory=Counter)
    kept: list[Refused] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of refused inputs."""
        return self.reasons.total()

    def add(self, position: int, reason: str, value: object) -> None:
        """Count a refused input, and keep it if fewer than MOST_KEPT are kept."""
        self.reasons[reason] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Refused(position, reason, value))

    def followed_by(self, later: "Refusals", positions: Sequence[int] | None = None) -> "Refusals":
        """Return these and later refusals of the same message.

        If the later ones' positions are indexes into a part of the message, ``positions`` maps them to the message's.
        """
        moved = [each if positions is None else replace(each, position=positions[each.position]) for each in later.kept]
        return Refusals(self.reasons + later.reasons, [*self.kept, *moved][:MOST_KEPT])
