"""Refusals: what of a message was not accepted, and why. Knows no rule; refuses to know where they are kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

MOST_KEPT = 1_000
"""How many of a message's refused inputs are kept one by one. All of them are counted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An input that was refused: its position in the message, the reason in words, and the input as it came.

    Reasons name the field and the rule but not the value, so that refusals can be counted by reason.
    """

    position: int
    reason: str
    value: object


@dataclass(slots=True)
class Refusals:
    """What was refused of one message: how often for each reason, and the first MOST_KEPT inputs as they came."""

    reasons: Counter[str] = field(default_factory=Counter)
    kept: list[Refused] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many inputs were refused."""
        return self.reasons.total()

    def add(self, position: int, reason: str, value: object) -> None:
        """Count an input that was refused, and keep it if there is room."""
        self.reasons[reason] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Refused(position, reason, value))

    def followed_by(self, later: "Refusals", positions: Sequence[int] | None = None) -> "Refusals":
        """Return these with later ones of the same message. ``positions``: where the later ones' places are in it."""
        moved = [each if positions is None else replace(each, position=positions[each.position]) for each in later.kept]
        return Refusals(self.reasons + later.reasons, [*self.kept, *moved][:MOST_KEPT])
