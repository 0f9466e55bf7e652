"""What is said of what was found: each sentence that there can be, as an operator reads it."""

from dataclasses import replace

import pytest

from domain.causes import WHOLE_FLEET, Population
from domain.judged import REPORTING, Count, Finding
from domain.sentences import Figures, Ranked, Seen, amount, finding_sentence, value_of, verdict_sentence

DELAY, MEMORY, DISK = "win_session.input_delay_ms", "win_mem.available_bytes", "win_disk.write_bytes_persec"
DEFENDER, UNKNOWN_SERVICE, UNKNOWN = "win_service.WinDefend", "win_service.Theirs", "their.counter"
POOL, TENANT = Population("pool", "t1", "p1"), Population("tenant", "t1")
SIZE, REGION = Population("MachineSize", None, "Standard_D4s_v4"), Population("Region", None, None)
HIGH = Figures(DELAY, 64.0, 15.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (DELAY, 64.04, "64 ms"),
        (DELAY, 0.0, "0 ms"),
        (DELAY, 1234.5, "1230 ms"),
        (DELAY, 1e15, "1.00e+15 ms"),
        (MEMORY, 3_210_000_000.0, "3.21 GB"),
        (DISK, -1500.0, "-1.5 kB/s"),
        (DISK, 12.0, "12 B/s"),
        ("win_disk.latency_read_seconds", 0.0042, "4.2 ms"),
        ("win_disk.latency_read_seconds", 2.5, "2.5 s"),
        (UNKNOWN, 0.000123, "1.23e-04"),
        (UNKNOWN, 999_999.0, "1000000"),
        ("win_cpu.percent_processor_time", 99.96, "100 %"),
    ],
)
def test_an_amount_has_its_unit_and_three_digits(key: str, value: float, text: str) -> None:
    assert amount(key, value) == text


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        (HIGH, "Input delay 64 ms, usually 10 ms to 20 ms at this hour"),
        (Figures(DELAY, 64.0, 15.0, 15.0, 15.0), "Input delay 64 ms, usually 15 ms at this hour"),
        (Figures(DELAY, 64.0), "Input delay 64 ms"),
        (Figures(UNKNOWN, 5.0, 1.0, 0.5, 2.0), "their.counter 5, usually 0.5 to 2 at this hour"),
        (Figures(DEFENDER, 0.0, 1.0, 1.0, 1.0), "Microsoft Defender is stopped, though it usually runs at this hour"),
        (Figures(DEFENDER, 1.0, 0.0, 0.0, 0.0), "Microsoft Defender runs, though it is usually stopped at this hour"),
        (Figures(DEFENDER, 1.0, 1.0, 1.0, 1.0), "Microsoft Defender runs"),
        (Figures(DEFENDER, 0.0), "Microsoft Defender is stopped"),
        (Figures(UNKNOWN_SERVICE, 0.0), "The service Theirs is stopped"),
    ],
)
def test_a_value_stands_beside_what_is_usual(figures: Figures, text: str) -> None:
    assert value_of(figures) == text


def of(population: Population, vm: str | None, figures: Figures, score: float = 3.0, vms: int = 1) -> Finding:
    return Finding(population, vm, figures.key, *figures[1:], score=score, since=0, vms=vms, judged=8, notable=True)


SILENT = Figures(REPORTING, 0.0, 1.0, 1.0, 1.0)
USUALLY = "usually 10 ms to 20 ms at this hour"


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (of(TENANT, "v", HIGH), "Input delay 64 ms, usually 10 ms to 20 ms at this hour."),
        (
            of(TENANT, "v", Figures(DELAY, 12.0, 15.0, 10.0, 20.0)),
            "Input delay 12 ms, usually 10 ms to 20 ms at this hour; it was unusual until now.",
        ),
        (of(TENANT, "v", SILENT, -6.0), "It does not report, though it usually does at this hour."),
        (of(POOL, None, SILENT, -6.0, 3), "3 of 8 VMs do not report, though they usually do at this hour."),
        (
            of(POOL, None, HIGH, vms=6),
            "Input delay: higher than usual on 6 of 8 VMs. On average 64 ms, usually 10 ms to 20 ms at this hour.",
        ),
        (
            replace(of(POOL, None, HIGH, -3.0, 6), value=None),
            "Input delay: lower than usual on 6 of 8 VMs.",
        ),
        (
            of(POOL, None, HIGH, -3.0, 6),
            f"Input delay: lower than usual on 6 of 8 VMs. The average of all is not: 64 ms, {USUALLY}.",
        ),
        (
            of(POOL, None, Figures(DELAY, 20.0, 15.0, 10.0, 20.0), vms=0),
            f"Input delay: higher than usual. On average 20 ms, {USUALLY}; it was higher until now.",
        ),
        (
            of(WHOLE_FLEET, None, HIGH, vms=0),
            "Input delay: higher than usual. On average 64 ms, usually 10 ms to 20 ms at this hour.",
        ),
        (
            of(SIZE, None, Figures(DEFENDER, 0.2, 1.0, 1.0, 1.0), -3.0, 6),
            "Microsoft Defender is stopped on 6 of 8 VMs, where it usually runs at this hour.",
        ),
        (
            of(SIZE, None, Figures(DEFENDER, 0.2, 1.0, 1.0, 1.0), -3.0, 0),
            "Microsoft Defender runs on fewer VMs than usual at this hour.",
        ),
    ],
)
def test_a_finding_says_what_is_unusual(finding: Finding, text: str) -> None:
    assert finding_sentence(finding) == text


SILENT_NOW = "It does not report, though it usually does at this hour."
HERE = "Input delay 64 ms, usually 10 ms to 20 ms at this hour"
BESIDE = [(POOL, Count(6, 1, 0)), (TENANT, Count(8, 3, 0)), (REGION, Count(1, 1, 0)), (WHOLE_FLEET, Count(99, 0, 9))]
TOLD = "Pool p1 is as usual. Tenant t1: 3 of 8 VMs are unusual in this way. The fleet is as usual."


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (Seen("none"), "All its counters are as usual at this hour."),
        (
            Seen("vm", HIGH, ranked=Ranked(99.2, "VMs of its size"), counts=BESIDE),
            f"{HERE}; higher than 99 % of VMs of its size. {TOLD} It is this VM.",
        ),
        (
            Seen("tenant", HIGH, above=False, ranked=Ranked(5.0, "the fleet's VMs", coarse=True), others=False),
            f"{HERE}; lower than 95 % or more of the fleet's VMs. The fleet's average is as usual. It is its tenant.",
        ),
        (
            Seen("fleet", HIGH, others=True),
            f"{HERE}. The fleet's average is unusual, too. It is the whole fleet.",
        ),
        (
            Seen("pool", silent=True, above=False, counts=[(POOL, Count(6, 0, 6))]),
            f"{SILENT_NOW} Pool p1: 6 of 6 VMs are unusual in this way. It is its pool.",
        ),
        (
            Seen("size", Figures(DEFENDER, 0.0, 1.0, 1.0, 1.0), ranked=Ranked(1.0, "VMs of its size")),
            "Microsoft Defender is stopped, though it usually runs at this hour. It is the VMs of its size.",
        ),
        (
            Seen("unknown", HIGH, reason="too few VMs were judged"),
            f"{HERE}. Whether others are like it is unknown: too few VMs were judged.",
        ),
        (
            Seen("unknown", Figures(DELAY, 64.0), deviates=False, reason="what is normal for it is not known"),
            "Input delay 64 ms. What is normal for it is not known.",
        ),
        (Seen("vm", HIGH, ranked=Ranked(52.5, "VMs of its size")), f"{HERE}. It is this VM."),
        (Seen("unknown", reason="it has no data in this window"), "Unknown: it has no data in this window."),
    ],
)
def test_a_verdict_says_who_it_is_and_by_which_figures(seen: Seen, text: str) -> None:
    assert verdict_sentence(seen) == text
