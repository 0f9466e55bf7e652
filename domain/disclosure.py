"""Disclosure control: which of the fleet's figures a tenant's caller may see.

A figure over the fleet can give a single tenant away: a minimum is one VM's value, and an average times the count,
before and after a tenant arrived, is that tenant's sum. The rules are two that statistical offices use, the minimum
frequency rule and the dominance rule (Hundepool and others, "Handbook on Statistical Disclosure Control"), seen from a
caller who knows the part of their own tenant and takes it off.
"""

from collections.abc import Mapping, Sequence

from domain.charts import Aggregation, FleetItem, Minute, Span, fleet_items, grouped
from domain.partials import Partial
from domain.report import ReportRow

NEVER_SHOWN = ("count", "tenants", "min", "max", "stddev", "sampleMean", "coverage")
"""Fields that a tenant's caller gets for no minute. From a coverage follows what a late tenant brought; from a mean
weighted by counts, beside one that is not, follow the counts."""


def reason_to_suppress(row: ReportRow, own: int, *, final: bool, min_tenants: int) -> str | None:
    """Say why a minute's fleet average is suppressed from a tenant's caller, or None: it may be shown.

    ``own``: how many VMs the caller's tenant brought. ``min_tenants``: how many other tenants must have taken part.
    """
    if not final:
        return "the minute is not final yet"
    others = row.tenants - (1 if own else 0)
    if others < min_tenants:
        return f"fewer than {min_tenants} other tenants took part"
    # The counts of the two greatest tenants are known; where the caller's is the greatest, the next is the others'.
    # Rows from before these were kept know neither: one tenant may have brought all.
    largest, second = row.shares
    greatest = second if own == largest else largest or row.count
    if 2 * greatest > row.count - own:
        return "one of the other tenants brought more than half of their VMs"
    return None


def disclosed_items(
    minutes: Sequence[Minute],
    own: Mapping[int, Partial],
    span: Span,
    interval: int,
    by: Aggregation,
    min_tenants: int,
) -> list[FleetItem]:
    """Return the points of a fleet chart as a tenant's caller may see them; else as fleet_items does.

    A minute whose average is suppressed takes no part in its group's, from which it would follow otherwise.
    ``own``: the partials of the caller's tenant, by identifier timestamp. ``min_tenants``: see reason_to_suppress.
    """
    reasons: dict[int, str] = {}
    for minute in minutes:
        stamp = minute.row.timestamp
        vms = own[stamp].count if stamp in own else 0
        if reason := reason_to_suppress(minute.row, vms, final=minute.final, min_tenants=min_tenants):
            reasons[stamp] = reason
    shown = [minute for minute in minutes if minute.row.timestamp not in reasons]
    averages = {item.timestamp: item.average for item in fleet_items(shown, span, interval, by)}
    items = []
    for group, members in grouped(minutes, span, interval):
        average = averages.get(group.first)
        why = "; ".join(dict.fromkeys(reasons[stamp] for each in members if (stamp := each.row.timestamp) in reasons))
        items.append(
            FleetItem(
                group.first,
                members[0].row.PerfType,
                members[0].row.PerfName,
                average,
                average,
                final=all(each.final for each in members),
                suppressed=(why if average is None else f"in part: {why}") if why else None,
            )
        )
    return items
