"""How far a tenant is, in words: a table of cases."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from domain.enrolment import Enrolment, Invitation, Key
from domain.heartbeat import Heartbeat
from domain.joining import SAS_DAYS, SILENT_SECONDS, State, state_of

NOW = 1_000_000
VALID, REVOKED, PENDING = (
    Key(b"v" * 32, 1),
    Key(b"r" * 32, 1, revoked=2),
    Key(b"p" * 32, 1, confirmed=False),
)
REFUSED = replace(PENDING, revoked=3)
OPEN, CLOSED = Invitation("d", NOW + 1), Invitation("d", NOW)
BEAT = Heartbeat(sent=NOW, version="1", vms=3)


def tenant(*keys: Key, invitation: Invitation | None = None, **more: Any) -> Enrolment:
    return Enrolment("t", contact="Ann, +1 555", keys=keys, invitation=invitation, **more)


@pytest.mark.parametrize(
    ("enrolment", "words"),
    [
        (Enrolment("t"), "not enrolled"),
        (tenant(invitation=OPEN), "code unused"),
        (tenant(invitation=CLOSED), "code expired"),
        (tenant(PENDING), "awaits confirmation"),
        (tenant(PENDING, invitation=OPEN), "awaits confirmation"),
        (tenant(REVOKED), "every key is revoked"),
        (tenant(REFUSED), "every key is revoked"),
        (tenant(REVOKED, invitation=OPEN), "code unused"),
        (tenant(REVOKED, PENDING), "awaits confirmation"),
        (tenant(VALID), "waits for first files"),
        (tenant(VALID, REVOKED), "waits for first files"),
        (tenant(VALID, invitation=OPEN), "waits for first files; a new key: code unused"),
        (tenant(corrupt=True), "its stored enrolment can't be read: enrol it again"),
    ],
)
def test_before_anything_came(enrolment: Enrolment, words: str) -> None:
    assert state_of(enrolment, None, None, None, NOW) == State(words, calm=words == "every key is revoked")


@pytest.mark.parametrize(
    ("heard", "newest", "words"),
    [
        (0, None, "waits for first files"),
        (0, 0, "3 VMs sending"),
        (0, 10**5, "3 VMs sending"),  # the SPOC is alive; its VMs may be switched off
        (10**5, 0, "3 VMs sending"),
        (SILENT_SECONDS, SILENT_SECONDS, "3 VMs sending"),
        (SILENT_SECONDS + 1, None, "silent for 35 minutes, call Ann, +1 555"),
        (2_400, 5_000, "silent for 40 minutes, call Ann, +1 555"),
        (7_199, 10**5, "silent for 119 minutes, call Ann, +1 555"),
        (7_200, 10**5, "silent for 2 hours, call Ann, +1 555"),
        (86_400 * 2, 10**6, "silent for 2 days, call Ann, +1 555"),
    ],
)
def test_from_the_first_sign_on(heard: int, newest: int | None, words: str) -> None:
    state = state_of(tenant(VALID), BEAT, NOW - heard, None if newest is None else NOW - newest, NOW)
    assert state == State(words, calm=words == "3 VMs sending")


def test_a_spoc_that_has_no_heartbeat() -> None:
    assert state_of(tenant(VALID), None, None, NOW - 60, NOW) == State("sending", calm=True)
    assert state_of(replace(tenant(VALID), contact=""), None, None, NOW - 4_000, NOW).words.endswith("call its contact")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vms": 1}, "1 VM sending"),
        ({"vms": 0}, "sending"),  # the first files follow a heartbeat that knew of no VM
        ({"clocks_off": 2, "twice_count": 1}, "3 VMs sending (2 clocks off, 1 name twice)"),
        ({"offset": 30.0}, "3 VMs sending"),
        ({"offset": -30.5}, "3 VMs sending (the SPOC's clock is 30 seconds slow)"),
        ({"offset": 7_300.0}, "3 VMs sending (the SPOC's clock is 2 hours fast)"),
        ({"refused": 1_000}, "3 VMs sending (1,000 files refused)"),
        ({"oldest_file": 3_600.0}, "3 VMs sending"),
        ({"oldest_file": 7_200.0}, "3 VMs sending (a file waits for 2 hours)"),
        ({"sas_days": SAS_DAYS + 0.1}, "3 VMs sending"),
        ({"sas_days": 5.5}, "3 VMs sending (the SAS expires in 5 days)"),
        ({"sas_days": 0.0}, "3 VMs sending (the SAS has expired)"),
    ],
)
def test_faults_that_a_spoc_tells_of(fields: dict[str, Any], words: str) -> None:
    state = state_of(tenant(VALID), changed(BEAT, **fields), NOW, NOW, NOW)
    assert state == State(words, calm="(" not in words)


def test_a_successor_of_the_key_is_told_beside_what_is_sent() -> None:
    state = state_of(tenant(VALID, PENDING), BEAT, NOW, NOW, NOW)
    assert state == State("3 VMs sending; a new key: awaits confirmation")
