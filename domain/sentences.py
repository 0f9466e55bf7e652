"""What was found, in sentences with figures, for people who know no statistics.

A sentence says no more than the figures that it is given: who may see them is decided before.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.always import Always
from domain.causes import Population
from domain.counters import COUNTERS, worse_of
from domain.judged import REPORTING, Count, Finding
from domain.verdicts import Answer

_LARGE: Mapping[str, Sequence[tuple[float, str]]] = {
    "B": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")),
    "B/s": ((1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")),
}
_PLAIN = 1e-3, 1e6
"""Numbers from here to there are written without an exponent."""

_TELLING = 75.0
"""A rank is told if the VM is beyond so many of each hundred VMs."""

_MOSTLY = 0.5
"""A service usually runs if it did for at least this part of the time."""


class Figures(NamedTuple):
    """A counter's value, and what is normal for it."""

    key: str
    value: float
    expected: float | None = None
    low: float | None = None
    high: float | None = None


def title_of(key: str) -> str:
    """Return a counter's name for people."""
    counter = COUNTERS.get(key)
    return counter.title if counter else key


def amount(key: str, value: float) -> str:
    """Return a value with its unit, to three digits."""
    counter = COUNTERS.get(key)
    unit = counter.unit if counter else ""
    if unit == "s" and abs(value) < 1:
        value, unit = value * 1e3, "ms"
    for size, larger in _LARGE.get(unit, ()):
        if abs(value) >= size:
            value, unit = value / size, larger
            break
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    least, most = _PLAIN
    if value and not least <= abs(value) < most:
        return f"{value:.2e}"
    text = f"{value:.3g}"
    return f"{float(text):.0f}" if "e" in text else text


def value_of(figures: Figures) -> str:
    """Return "Input delay 64 ms, usually 10 ms to 20 ms at this hour"."""
    if (service := service_of(figures.key)) is not None:
        return _service(service, figures)
    return f"{title_of(figures.key)} {_beside_usual(figures)}"


def _service(service: str, figures: Figures) -> str:
    """Return "Windows Update is stopped, though it usually runs at this hour"."""
    stopped = figures.value < 1
    text = f"{service} {'is stopped' if stopped else 'runs'}"
    if figures.expected is None or (figures.expected < _MOSTLY) == stopped:
        return text
    return f"{text}, though it {'usually runs' if stopped else 'is usually stopped'} at this hour"


def _beside_usual(figures: Figures) -> str:
    """Return "64 ms, usually 10 ms to 20 ms at this hour"."""
    text = amount(figures.key, figures.value)
    if figures.expected is None or figures.low is None or figures.high is None:
        return text
    low, high = amount(figures.key, figures.low), amount(figures.key, figures.high)
    return f"{text}, usually {low if low == high else f'{low} to {high}'} at this hour"


def _unusual(figures: Figures) -> str:
    """Return what a counter that stayed unusual has now, which may be within what is usual again."""
    low, high = figures.low, figures.high
    back = low is not None and high is not None and low <= figures.value <= high and service_of(figures.key) is None
    return f"{value_of(figures)}{'; it was unusual until now' if back else ''}"


def service_of(key: str) -> str | None:
    """Return the name of the service whose state a counter is, else None."""
    if not key.startswith("win_service."):
        return None
    return title_of(key).removesuffix(" running") if key in COUNTERS else f"The service {key.partition('.')[2]}"


def population_name(of: Population) -> str:
    """Return what a population is called."""
    if of.kind == "fleet":
        return "the fleet"
    if of.kind == "tenant":
        return f"tenant {of.tenant}"
    name = "unknown" if of.name is None else of.name
    words = {"pool": "pool", "Region": "region", "MachineSize": "size"}
    return f"{words[of.kind]} {name}"


def finding_sentence(finding: Finding) -> str:
    """Return what a finding says."""
    above = finding.score > 0
    if finding.always is not None:
        return always_sentence(finding.key, finding.always)
    if finding.vm is not None:
        if finding.key == REPORTING:
            return "It does not report, though it usually does at this hour."
        figures = Figures(finding.key, finding.value or 0.0, finding.expected, finding.low, finding.high)
        return f"{_unusual(figures)}."
    return _of_population(finding, above=above)


def _of_population(finding: Finding, *, above: bool) -> str:
    several = f"{finding.vms} of {finding.judged} VMs"
    if finding.key == REPORTING:
        return f"{several} do not report, though they usually do at this hour."
    if (service := service_of(finding.key)) is not None:
        if not finding.vms:
            return f"{service} runs on {'more' if above else 'fewer'} VMs than usual at this hour."
        state, usually = ("runs", "is usually stopped") if above else ("is stopped", "usually runs")
        return f"{service} {state} on {several}, where it {usually} at this hour."
    side = f"{title_of(finding.key)}: {'higher' if above else 'lower'} than usual"
    average = _average(finding, above=above)
    return f"{side} on {several}.{average}" if finding.vms else f"{side}.{average}"


def _average(finding: Finding, *, above: bool) -> str:
    """Return a population's average beside what is usual. It need not deviate as its VMs do, or not any more."""
    if finding.value is None:
        return ""
    figures = Figures(finding.key, finding.value, finding.expected, finding.low, finding.high)
    told = _beside_usual(figures)
    end = figures.high if above else figures.low
    if end is None or (figures.value > end if above else figures.value < end):
        return f" On average {told}."
    if finding.vms:
        return f" The average of all is not: {told}."
    return f" On average {told}; it was {'higher' if above else 'lower'} until now."


def always_sentence(key: str, always: Always) -> str:
    """Return what is said of a VM that is unusual as always."""
    side = "lower" if worse_of(key) == "low" else "higher"
    hours = f"in {100 * always.share:.0f} % of the hours of the last week"
    value, end = amount(key, always.value), amount(key, always.end)
    return f"As always: {title_of(key)} {value} on average, {hours} {side} than on 95 % of VMs of its size ({end})."


class Ranked(NamedTuple):
    """A VM's rank, 0 to 100, and ``among`` whom. ``coarse``: whether it stands for all ranks beyond it, too."""

    rank: float
    among: str
    coarse: bool = False


class Seen(NamedTuple):
    """What a verdict's sentence may tell.

    ``figures``: the VM's counter that tells most; None: nothing is known, or it does not report (``silent``).
    ``above``: to which side it deviates. ``counts``: the populations that the caller may see. ``others``: whether the
    fleet's average is unusual to the same side; None: it is not told. ``reason``: why something is unknown.
    ``deviates``: whether any of its counters does. ``always``: the counters by which the VM is unusual as always.
    """

    answer: Answer
    figures: Figures | None = None
    above: bool = True
    silent: bool = False
    deviates: bool = True
    ranked: Ranked | None = None
    counts: Sequence[tuple[Population, Count]] = ()
    others: bool | None = None
    reason: str | None = None
    always: Sequence[tuple[str, Always]] = ()


_IT_IS: Mapping[Answer, str] = {
    "vm": "It is this VM.",
    "pool": "It is its pool.",
    "tenant": "It is its tenant.",
    "size": "It is the VMs of its size.",
    "region": "It is its region.",
    "fleet": "It is the whole fleet.",
}


def verdict_sentence(seen: Seen) -> str:
    """Return a verdict in words."""
    if seen.answer == "none":
        told = (always_sentence(key, always) for key, always in seen.always)
        return " ".join(("All its counters are as usual at this hour.", *told))
    if seen.figures is None and not seen.silent:
        return f"Unknown: {seen.reason or 'there is nothing to compare with'}."
    if not seen.deviates:
        return f"{_first(seen)} {_as_sentence(seen.reason or 'whether that is usual is not known')}"
    parts = [_first(seen)]
    parts += [_told(population, count, above=seen.above) for population, count in seen.counts if count.judged > 1]
    if seen.others is not None:
        parts.append(f"The fleet's average is {'unusual, too' if seen.others else 'as usual'}.")
    if seen.answer in _IT_IS:
        parts.append(_IT_IS[seen.answer])
    else:
        parts.append(f"Whether others are like it is unknown: {seen.reason or 'there are too few'}.")
    return " ".join(parts)


def _first(seen: Seen) -> str:
    if seen.figures is None:
        return "It does not report, though it usually does at this hour."
    text = _unusual(seen.figures) if seen.deviates else value_of(seen.figures)
    if seen.ranked is not None and service_of(seen.figures.key) is None:
        rank, among, coarse = seen.ranked
        share = rank if seen.above else 100 - rank
        if share < _TELLING:
            return f"{text}."
        text += f"; {'higher' if seen.above else 'lower'} than {share:.0f} %{' or more' if coarse else ''} of {among}"
    return f"{text}."


def _told(population: Population, count: Count, *, above: bool) -> str:
    deviating = count.deviating(above=above)
    name = population_name(population)
    text = (
        f"{name}: {deviating} of {count.judged} VMs are unusual in this way" if deviating > 1 else f"{name} is as usual"
    )
    return _as_sentence(text)


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
