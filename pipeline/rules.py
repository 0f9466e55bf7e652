"""The deployment's own rules for what averaging makes. The app reads them from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.counters import Reduction
from domain.disclosure import MIN_TENANTS


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for averaging.

    ``min_tenants`` decides what is disclosed (domain.disclosure). ``reductions`` override the counters' table.
    ``summaries_at_once``: make the fleet's summaries in every run, and not only when 90 % of the expected VMs have come
    and when the window closes. That is for stores that charge nothing.
    """

    min_tenants: int = MIN_TENANTS
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    summaries_at_once: bool = False


DEFAULTS = Rules()
