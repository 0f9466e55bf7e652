"""The verdict on a VM in a window: whether it is this VM, a population that it is in, or nothing; and the evidence.

A tenant's caller gets what follows from its own VMs, and of the fleet what was disclosed when the window closed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from domain.always import Always
from domain.baselines import FEWEST_DAYS
from domain.digests import Whose
from domain.disclosed_past import DAYS, DisclosedPast, average_of, disclosed_past
from domain.disclosure import HIGHEST_RANK, LOWEST_RANK, NOTHING_DISCLOSED, ForTenants
from domain.fleet_summary import FleetSummary
from domain.judged import REPORTING
from domain.samples import Dimensions
from domain.sentences import Figures, Ranked, Seen, verdict_sentence
from domain.verdicts import Answer, Verdict, shared, verdict_on
from domain.zones import same_time_before, zone_of
from pipeline.concurrency import gather
from pipeline.queries.evidence import UNKNOWN, Beside, Evidence, read_evidence
from pipeline.queries.names import entry_named, tenant_named
from pipeline.queries.unusual import KINDS, NOTHING_THERE
from pipeline.queries.view import AT_ONCE, View, progress_of
from pipeline.queries.windows import ended, newest_of_tenant
from storage.tables import Tables
from storage.tables.catalogue import vms_of

Who = Literal["vm", "pool", "tenant", "size", "region", "fleet"]

NOT_LEARNED = (
    f"what is normal for it is not known: that needs {FEWEST_DAYS} days of data, and is learned twice a day for the "
    "day that begins next"
)
TOO_FEW = "too few VMs were judged"
NO_DATA = "it has no data in this window"
NOT_SUMMARIZED = "the fleet is judged when most of its VMs have reported"


@dataclass(slots=True)
class CounterEvidence(ForTenants):
    """A counter of the VM in the window, and what is normal for it at this hour."""

    key: str
    value: float | None
    """Its window value; null: it has none."""
    expected: float | None
    """The usual value; null: unknown."""
    low: float | None
    """The low end of a band that holds four values of five."""
    high: float | None
    score: float
    """How far beyond the band it stays for most of the last hour, in widths of it; negative: below; 0: it does not."""
    since: int | None
    """The first window in which it was unusual; null: it is not."""


@dataclass(slots=True)
class ComparedWith:
    """The VM itself, or a population that it is in, by the counter that tells most."""

    who: Who
    """size: its peers, the fleet's VMs of its size."""
    name: str | None
    """null: the fleet, or VMs of which it is unknown."""
    value: float | None
    """The VM's window value, or the population's average."""
    expected: float | None
    """What is usual for it at this hour; null: unknown."""
    low: float | None
    high: float | None
    judged: int | None
    """How many of its VMs were judged; null: unknown."""
    deviating: int | None
    """How many of them deviate as the VM does."""
    rank: float | None
    """The share of its VMs whose value is below the VM's, 0 to 100, equal ones counted half."""


@dataclass(slots=True)
class OwnComparedWith(ComparedWith, ForTenants):
    """The VM, its pool or its tenant, as that tenant's caller sees them; or the fleet, as disclosed."""


@dataclass(frozen=True)
class VmVerdict:
    """The verdict on a VM."""

    window: int | None
    """The window's first second; null: there is none yet."""
    tenant: str
    vm: str
    verdict: Answer
    """The smallest population that explains what is seen: vm (only this VM), pool, tenant, size, region, fleet; none:
    nothing is unusual; unknown: history or VMs are too few. For a tenant's caller: never size or region."""
    sentence: str
    """The verdict in words."""
    key: str | None
    """The counter that tells most; null: the VM does not report, or nothing is known of it."""
    history: int
    """From how many days what is normal for the VM was learned."""
    timeZone: str
    """The clocks by which it was learned."""
    final: bool | None
    """Whether the window is closed."""
    reason: str | None
    """Why it is unknown, or what of the evidence is; null: all is known."""
    compared: list[ComparedWith]
    """The VM and the populations that it is in, by this counter."""
    data: list[CounterEvidence]
    """The VM's counters."""
    always: list[str]
    """The counters by which it is as usual, but worse than 95 % of VMs of its size; for a tenant's caller: none."""


@dataclass(frozen=True)
class OwnVmVerdict(VmVerdict, ForTenants):
    """The verdict on a VM, as its tenant's caller sees it."""

    compared: list[OwnComparedWith]  # type: ignore[assignment]
    """The VM, its pool and its tenant, by this counter; and the fleet, as disclosed: its average beside those of the
    same time of the days before, and the VM's rank."""


_fields: Callable[[ComparedWith], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(ComparedWith)))


class _OfFleet(NamedTuple):
    """What is known of the fleet by one counter: its summary, or what is disclosed: the VM's rank, and its average."""

    summary: FleetSummary | None = None
    rank: float | None = None
    past: DisclosedPast | None = None

    def unusual(self, verdict: Verdict) -> bool | None:
        """Tell whether the disclosed average is unusual to the side to which the VM deviates; None: unknown."""
        if self.past is None or verdict.deviation is None:
            return None
        return self.past.unusual(above=verdict.deviation.score > 0)


async def get_verdict(tables: Tables, tenant: str, vm: str, window: int | None, view: View) -> VmVerdict | OwnVmVerdict:
    """Return the verdict on a VM. Raises NotFound."""
    tenant = await tenant_named(tables, tenant, view)
    entry = await entry_named(tables, vms_of(tenant), vm, "VM of this tenant")
    own = bool(view.caller.tenant)
    progress = await progress_of(tables)
    if window is None:
        window = ended(await newest_of_tenant(tables, tenant, view.now), view.now)
        if window is not None and not own and progress.newest_summarized is not None:
            window = min(window, progress.newest_summarized)
    if window is None:
        sentence = verdict_sentence(Seen("unknown", reason=NOTHING_THERE))
        nothing = VmVerdict(
            None, tenant, entry.name, "unknown", sentence, None, 0, "UTC", None, NOTHING_THERE, [], [], []
        )
        return _for_tenant(nothing, _OfFleet()) if own else nothing
    evidence = await read_evidence(tables, tenant, entry.name, entry.dimensions or Dimensions(), window, fleet=not own)
    verdict = verdict_on(
        tenant, evidence.vm, evidence.dimensions, evidence.judged, evidence.fleet, known=not _unknown(evidence)
    )
    key = _main_key(verdict, evidence)
    of_fleet = await _of_fleet(tables, key, window, evidence, own=own)
    if of_fleet.unusual(verdict):
        verdict = shared(verdict)
    answer = _answer(window, evidence, verdict, key, of_fleet, final=progress.is_final(window))
    return _for_tenant(answer, of_fleet) if own else answer


def _for_tenant(answer: VmVerdict, of_fleet: _OfFleet) -> OwnVmVerdict:
    """Return an answer as the tenant's caller sees it, with what is disclosed of the fleet."""
    compared = [OwnComparedWith(*_fields(each)) for each in answer.compared]
    if answer.key is not None:
        row = OwnComparedWith("fleet", None, None, None, None, None, None, None, of_fleet.rank)
        if past := of_fleet.past:
            row = replace(row, value=past.value, expected=past.expected, low=past.low, high=past.high)
        compared.append(row)
    told: dict[str, Any] = {each.name: getattr(answer, each.name) for each in fields(VmVerdict)}
    return OwnVmVerdict(**{**told, "compared": compared})


async def _of_fleet(tables: Tables, key: str | None, window: int, evidence: Evidence, *, own: bool) -> _OfFleet:
    value = None if key is None else evidence.value(key)
    if key is None or value is None:
        return _OfFleet()
    if own:
        disclosed = await tables.disclosed.between(key, window, window)
        now = disclosed.get(window, NOTHING_DISCLOSED)
        (rank,) = now.ranks([value])
        return _OfFleet(rank=rank, past=disclosed_past(average_of(now), await _past(tables, key, window, evidence)))
    stored = await tables.summaries.of_fleet(key, window)
    return _OfFleet(stored.value if stored else None)


async def _past(tables: Tables, key: str, window: int, evidence: Evidence) -> list[float | None]:
    """Return the fleet's disclosed averages at the same time of the days before, by the clocks of the VM's region."""
    before = same_time_before(window, zone_of(evidence.dimensions.Region), DAYS)
    read = await gather((tables.disclosed.between(key, each, each, histograms=False) for each in before), AT_ONCE)
    return [average_of(found.get(each, NOTHING_DISCLOSED)) for each, found in zip(before, read, strict=True)]


def _main_key(verdict: Verdict, evidence: Evidence) -> str | None:
    """Return the counter that tells most: the one that deviates, is bad as always, or is there. None: it is silent."""
    if verdict.deviation is not None:
        return None if verdict.deviation.key == REPORTING else verdict.deviation.key
    keys = (*(key for key, _ in _always(evidence)), *evidence.keys)
    return next((key for key in keys if evidence.value(key) is not None), None)


def _answer(
    window: int, evidence: Evidence, verdict: Verdict, key: str | None, of_fleet: _OfFleet, *, final: bool
) -> VmVerdict:
    beside = [] if key is None else list(evidence.beside(key, of_fleet.summary))
    above = verdict.deviation is None or verdict.deviation.score > 0
    reason = _reason(verdict, evidence)
    seen = Seen(
        verdict.answer,
        _figures(key, evidence),
        above,
        deviates=verdict.deviation is not None,
        silent=verdict.deviation is not None and verdict.deviation.key == REPORTING,
        ranked=_ranked(beside, of_fleet.rank),
        counts=[(each.population, each.count) for each in verdict.compared],
        others=of_fleet.unusual(verdict),
        reason=reason,
        always=_always(evidence),
    )
    usual = next((each for each in map(evidence.usual, evidence.keys) if each.days), UNKNOWN)
    return VmVerdict(
        window,
        evidence.tenant,
        evidence.vm,
        verdict.answer,
        verdict_sentence(seen),
        key,
        usual.days,
        usual.zone or "UTC",
        final,
        reason,
        compared=[] if key is None else list(_compared(key, evidence, beside, above=above)),
        data=list(_counters(evidence)),
        always=[key for key, _ in _always(evidence)],
    )


def _always(evidence: Evidence) -> list[tuple[str, Always]]:
    """Return by which counters the VM is unusual as always. It tells of VMs of others."""
    found = evidence.judged.always.items() if evidence.of_fleet else ()
    return [(key, of) for (whose, key), of in found if whose == Whose("vm", evidence.vm)]


def _reason(verdict: Verdict, evidence: Evidence) -> str | None:
    if verdict.answer == "unknown":
        if verdict.deviation is not None:
            return TOO_FEW
        return _unknown(evidence)
    return NOT_SUMMARIZED if evidence.of_fleet and evidence.fleet is None else None


def _unknown(evidence: Evidence) -> str | None:
    """Return why nothing can be said of the VM; None: something can."""
    if not evidence.there:
        return NO_DATA
    return None if evidence.known and evidence.judged else NOT_LEARNED


def _figures(key: str | None, evidence: Evidence) -> Figures | None:
    value = None if key is None else evidence.value(key)
    return None if key is None or value is None else Figures(key, value, *evidence.usual(key)[:3])


def _ranked(beside: Sequence[Beside], disclosed: float | None) -> Ranked | None:
    if disclosed is not None:
        return Ranked(disclosed, "the fleet's VMs", coarse=disclosed in (LOWEST_RANK, HIGHEST_RANK))
    of = {each.population.kind: each for each in beside}
    for kind, among in (("MachineSize", "VMs of its size"), ("tenant", "its tenant's VMs")):
        if kind in of and (rank := of[kind].rank) is not None and of[kind].count.judged > 1:
            return Ranked(rank, among)
    return None


def _compared(key: str, evidence: Evidence, beside: Sequence[Beside], *, above: bool) -> Iterator[ComparedWith]:
    yield ComparedWith("vm", evidence.vm, evidence.value(key), *evidence.usual(key)[:3], None, None, None)
    for each in beside:
        who: Any = KINDS[each.population.kind]
        name = each.population.tenant if who == "tenant" else each.population.name
        judged, deviating = each.count.judged, each.count.deviating(above=above)
        yield ComparedWith(who, name, each.average, *each.usual[:3], judged, deviating, each.rank)


def _counters(evidence: Evidence) -> Iterator[CounterEvidence]:
    whose = Whose("vm", evidence.vm)
    own = {each.key: each for each in evidence.judged.deviations if each.whose == whose and each.score}
    for key in evidence.keys:
        usual, deviation = evidence.usual(key)[:3], own.get(key)
        score, since = (deviation.score, deviation.since) if deviation else (0.0, None)
        yield CounterEvidence(key, evidence.value(key), *usual, score, since)
