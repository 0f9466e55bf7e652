"""The deployment's own rules for what averaging makes. The app reads them from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.counters import Reduction
from domain.disclosure import MIN_TENANTS, MIN_VMS
from storage.schema import STANDINGS_DAYS


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for averaging.

    ``min_tenants`` and ``min_vms`` (which is no setting) decide what is disclosed (domain.disclosure). ``reductions``
    override the counters' table. ``summaries_at_once``: make the fleet's summaries in every run, and not only when 90 %
    of the expected VMs have come and when the window closes. That is for stores that charge nothing.
    ``standings_days``: how long they are kept.
    """

    min_tenants: int = MIN_TENANTS
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    summaries_at_once: bool = False
    standings_days: int = STANDINGS_DAYS
    min_vms: int = MIN_VMS

    @property
    def at_once(self) -> "Rules":
        """These rules, with summaries made at once: an operator who changes what is stored expects that they follow."""
        return replace(self, summaries_at_once=True)


DEFAULTS = Rules()
