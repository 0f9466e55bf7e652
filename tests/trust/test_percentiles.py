"""A tenant with VMs of its own choosing against percentiles and ranks: it finds what others' values round to, no more.

It has all the time of the world: the others' values do not change, and it asks again and again, each time with other
VMs of its own. With these it chooses which of the others' values a percentile is: ``low`` ones below all others and
``high`` ones above them. And it reads the rank of any value, since it can send that for a VM.

The bound: two fleets of others whose values round to the same numbers answer alike, whatever it does. The values of a
VM in the two may be the ends of what rounds to one number, which are at least 3 % apart. So whatever it concludes from
the answers, it is wrong by 1.5 % or more in one of the two.
"""

import json
import random
from collections.abc import Callable, Sequence

import pytest

from domain.disclosed_charts import disclosed_minutes, percentiles_of
from domain.disclosure import PERCENTILES, DisclosedWindow, disclosed_histograms
from domain.histogram import histograms_of
from domain.minutes import MINUTES_PER_WINDOW, WINDOW
from storage.tables import Tables
from tests.builders import KEY, LATENESS, NOW, WINDOW_START, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.steps import close_windows, deliver, enrol, work_off
from tests.trust.asking import ME, OPEN_TO_TENANTS, ask

OTHERS = 60
WANTED = 30
"""The attacker wants the value of the 30th of the 60 VMs of others."""

LOW, HIGH = 0.0, 1e12
OWN = [LOW] * 8 + [20.0, 40.0, 44.0, 80.0, HIGH, HIGH]
Read = Callable[[Sequence[float], Sequence[float]], Sequence[float]]
"""Returns p10, p50 and p90 of others' values and its own."""


def finer(others: Sequence[float], own: Sequence[float]) -> Sequence[float]:
    """As a tenant would see them from the histograms that operators get."""
    values = [*others, *own]
    found: list[float] = histograms_of(values, [0] * len(values), 1).percentiles(PERCENTILES)[0].tolist()
    return found


def a_window(others: Sequence[float], own: Sequence[float]) -> DisclosedWindow:
    """What is disclosed of a window whose first minute, and whose window values, are these."""
    values = [*others, *own]
    of_minutes = histograms_of(values, [0] * len(values), MINUTES_PER_WINDOW)
    of_window = histograms_of(values, [0] * len(values), 1)
    figures = [sum(values) / len(values), *[None] * (MINUTES_PER_WINDOW - 1)]
    return DisclosedWindow(figures, disclosed_histograms(of_minutes, {0: len(values)}, of_window))


def disclosed(others: Sequence[float], own: Sequence[float]) -> Sequence[float]:
    """As a tenant sees them."""
    (found,) = percentiles_of([list(disclosed_minutes(WINDOW_START, a_window(others, own)))])
    assert found
    return list(found.values())


def attack(read: Read, others: Sequence[float]) -> float:
    """Return what the attacker concludes: the mean of all answers that speak of the wanted VM."""
    answers = []
    for low in range(0, 30, 3):
        for high in range(0, 30, 3):
            shown = read(others, [LOW] * low + [HIGH] * high)
            for percentile, value in zip(PERCENTILES, shown, strict=True):
                if -(-(OTHERS + low + high) * percentile // 100) - low == WANTED:
                    answers.append(value)
    return sum(answers) / len(answers)


def between(chance: random.Random) -> list[float]:
    """The values of others: numbers of five binary digits, in order."""
    return sorted(chance.randint(16, 31) * 2.0 ** chance.randint(0, 3) for _ in range(OTHERS))


def shifted(values: Sequence[float], chance: random.Random, wanted: int) -> list[float]:
    """The same values, each near one end of what rounds to it: the wanted one near the upper or lower (1, -1) end."""
    ends = [chance.choice([-1, 1]) for _ in values]
    ends[WANTED - 1] = wanted
    in_order = []
    for value, end in zip(values, ends, strict=True):
        width = 2.0 ** (len(f"{int(value):b}") - 5)
        down = width / 4 if value == width * 16 else width / 2
        in_order.append(value + 0.49 * width if end > 0 else value - 0.98 * down)
    return in_order


@pytest.mark.parametrize("seed", range(20))
def test_the_30th_of_60_vms_is_found_to_1_percent_from_the_finer_histograms_and_from_disclosed_ones_only_rounded(
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311
    numbers = between(chance)
    wrong = []
    for end in (-1, 1):
        others = shifted(numbers, chance, end)
        true = sorted(others)[WANTED - 1]
        assert abs(attack(finer, others) - true) <= 0.01 * true
        found = attack(disclosed, others)
        assert found == numbers[WANTED - 1]
        wrong.append(abs(found - true) / true)
    assert max(wrong) >= 0.015


@pytest.mark.parametrize("seed", range(20))
def test_two_fleets_that_round_alike_answer_alike_whatever_it_does(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    numbers = between(chance)
    one, other = shifted(numbers, chance, -1), shifted(numbers, chance, 1)
    assert one != other
    own = [chance.choice([LOW, HIGH, chance.lognormvariate(4, 1)]) for _ in range(chance.randint(0, 30))]
    probes = [chance.lognormvariate(4, 1) for _ in range(1000)] + [
        value * (1 + step / 256) for value in numbers for step in range(-8, 9)
    ]
    assert disclosed(one, own) == disclosed(other, own)
    ranks = a_window(one, own).ranks(probes)
    assert ranks == a_window(other, own).ranks(probes)
    assert len(set(ranks)) >= 10  # there is much to be seen
    assert all(rank is not None and 10 <= rank <= 90 and rank % 5 == 0 for rank in ranks)


@pytest.mark.parametrize("seed", range(2))
async def test_it_is_so_for_the_whole_way_from_the_queue_to_the_answer(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    numbers = between(chance)
    told = []
    for end in (-1, 1):
        others = shifted(numbers, chance, end)
        order = random.Random(seed).sample(range(OTHERS), OTHERS)  # noqa: S311
        told.append(await answers(others, order))
    assert told[0] == told[1]
    (fleet,) = json.loads(told[0][0])["data"]
    everyone = sorted([*numbers, *OWN])
    assert fleet["percentiles"] == {f"p{of}": everyone[-(-len(everyone) * of // 100) - 1] for of in PERCENTILES}
    assert fleet["average"] is None  # p95 is not for tenants
    own = json.loads(told[0][1])["data"]
    assert len({vm["rank"] for vm in own}) > 1


async def answers(others: Sequence[float], order: Sequence[int]) -> list[str]:
    """What the attacker is told of others' VMs, which belong to six tenants in this order."""
    tables = Tables(MemoryDocuments())
    await enrol(tables, [ME, *(f"other-{number}" for number in range(6))])
    for number, at in enumerate(order):
        records = records_of(f"other-{number % 6}", f"v{number}", KEY, [others[at]] * 15)
        await deliver(tables, [a_message(records)])
    for number, value in enumerate(OWN):
        await deliver(tables, [a_message(records_of(ME, f"m{number:02}", KEY, [value] * 15))])
    await work_off(tables)
    await close_windows(tables)
    later = NOW + LATENESS
    percentiles = {"key": KEY, "start": WINDOW_START, "end": WINDOW_START + WINDOW - 1, "aggregationInterval": 15}
    asked = [
        ("get_data", {**percentiles, "percentiles": "10,50,90,99", "aggregationBy": "p95"}),
        ("get_ranking", {"key": KEY, "tenant": ME, "window": WINDOW_START}),
    ]
    return [
        (await ask(tables, lambda: later, OPEN_TO_TENANTS[name], question, tid=ME)).split("] ", 1)[1]
        for name, question in asked
    ]
