"""Test data: a sample, a message, a fleet of messages, each with sensible values and overrides."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.access import OPERATOR, Caller
from domain.closing import Times
from domain.enrolment import Enrolment
from domain.minutes import WINDOW, minutes_of
from domain.samples import Dimensions, Horizon, Sample, VmWindow
from domain.signed import Signer
from pipeline.queries.view import View

NOW = 1_790_000_000 // WINDOW * WINDOW + WINDOW
"""The clock of most tests: the end of WINDOW_START's window."""

WINDOW_START = NOW - WINDOW
TENANT = "wYAVC3oWQU+ozhgAAg5f/w==637841132085596403"
VM = "Sharedfk6hZ4v5Xkmu0clBsg+aYw==63784"
KEY = "win_cpu.percent_processor_time"
LATENESS = 1200
"""The allowed lateness, in seconds."""

TIMES = Times(NOW, LATENESS, 31 * 86_400)
"""What decides about windows, at that time."""

HORIZON = Horizon.at(NOW, 30 * 86_400)


def a_view(now: int = NOW, caller: Caller = OPERATOR) -> View:
    """What an answer depends on besides the question: who asks, and when."""
    return View(caller, now)


def a_signer(tenant: str) -> Signer:
    """What a tenant's SPOC signs its messages with."""
    return Signer(hashlib.sha256(tenant.encode()).digest())


def an_enrolment(tenant: str) -> Enrolment:
    """The enrolment of a tenant, with that key."""
    return Enrolment(tenant).with_key(a_signer(tenant).public, NOW)


def a_record(**overrides: Any) -> dict[str, Any]:
    """A sample as it stands in a message: the ten fields of the wire."""
    record = {
        "timestamp": WINDOW_START + 30,
        "MaskedTenantId": TENANT,
        "SiteName": None,
        "MaskedVMName": VM,
        "ResourcePoolName": "Shared-ngXXH",
        "Region": "centralindia",
        "MachineSize": "Standard_D4s_v4",
        "PerfName": "percent_processor_time",
        "PerfValue": 1,
        "PerfType": "win_cpu",
    }
    return {**record, **overrides}


def a_sample(**overrides: Any) -> Sample:
    """The same as a Sample."""
    return Sample(**a_record(**overrides))


def a_message(records: Iterable[Mapping[str, Any]], *, zipped: bool = False) -> bytes:
    """A message with these records, made without our own encoder."""
    body = json.dumps({"metrics": list(records)}).encode()
    return gzip.compress(body) if zipped else body


def a_vm_window(series: Mapping[str, Sequence[float | None]], **overrides: Any) -> VmWindow:
    """A VM window with these series."""
    values: dict[str, Any] = {"tenant": TENANT, "vm": VM, "window": WINDOW_START, "dimensions": Dimensions()}
    return VmWindow(**{**values, **overrides}, series=series)


def records_of(
    tenant: str, vm: str, key: str, values: Mapping[int, float] | Sequence[float], window: int = WINDOW_START
) -> list[dict[str, Any]]:
    """Records of one VM and counter: by timestamp, or one a minute from the window's first minute on."""
    perf_type, _, perf_name = key.partition(".")
    by_time = values if isinstance(values, Mapping) else dict(zip(minutes_of(window), values, strict=False))
    return [
        a_record(
            timestamp=at,
            MaskedTenantId=tenant,
            MaskedVMName=vm,
            PerfType=perf_type,
            PerfName=perf_name,
            PerfValue=value,
        )
        for at, value in by_time.items()
    ]
