"""How far a tenant is with joining and sending, in words for the operator.

Knows which facts matter and how they are said. Does not know where they come from.
"""

from dataclasses import dataclass

from domain.enrolment import Enrolment
from domain.heartbeat import CLOCK_OFF, Heartbeat
from domain.minutes import DAY, HOUR, MINUTE, WINDOW

SILENT_SECONDS = 2 * WINDOW + 5 * MINUTE
"""A tenant is silent if nothing came for so long: two pushes are missing, and there was time for a third."""

OLD_FILE_SECONDS = HOUR
"""A file that waits at the SPOC for longer is told."""

SAS_DAYS = 14
"""How many days before its end the SAS of a drop is told."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a tenant is. ``calm``: nobody needs to do anything about it."""

    words: str
    calm: bool = False


def state_of(enrolment: Enrolment, beat: Heartbeat | None, heard: int | None, newest: int | None, now: int) -> State:
    """Return how far a tenant is.

    ``heard`` is when its newest heartbeat came, ``newest`` its newest minute with samples; None: there was none. All
    times are Unix seconds.
    """
    if enrolment.corrupt:
        return State("its stored enrolment can't be read: enrol it again")
    joining = _joining(enrolment, now)
    if not enrolment.valid:
        if not joining and enrolment.keys:
            return State("every key is revoked", calm=True)  # somebody wanted that
        return State(joining or "not enrolled")
    sending = _sending(enrolment, beat, heard, newest, now)
    return State(f"{sending.words}; a new key: {joining}") if joining else sending


def _joining(enrolment: Enrolment, now: int) -> str:
    if any(key.pending for key in enrolment.keys):
        return "awaits confirmation"
    if enrolment.invitation is None:
        return ""
    return "code unused" if now < enrolment.invitation.expires else "code expired"


def _sending(enrolment: Enrolment, beat: Heartbeat | None, heard: int | None, newest: int | None, now: int) -> State:
    signs = [sign for sign in (heard, newest) if sign is not None]
    if signs and now - max(signs) > SILENT_SECONDS:
        return State(f"silent for {_duration(now - max(signs))}, call {enrolment.contact or 'its contact'}")
    faults = ", ".join(_faults(beat)) if beat else ""
    if newest is None:
        return State("waits for first files" + (f" ({faults})" if faults else ""))
    # The first files follow a heartbeat that knew of none; the next heartbeat counts their VMs.
    sending = f"{_count(beat.vms, 'VM')} sending" if beat and beat.vms else "sending"
    return State(f"{sending} ({faults})" if faults else sending, calm=not faults)


def _faults(beat: Heartbeat) -> list[str]:
    faults = []
    if beat.offset is not None and abs(beat.offset) > CLOCK_OFF:
        faults.append(f"the SPOC's clock is {_duration(abs(beat.offset))} {'fast' if beat.offset > 0 else 'slow'}")
    if beat.clocks_off:
        faults.append(f"{_count(beat.clocks_off, 'clock')} off")
    if beat.twice_count:
        faults.append(f"{_count(beat.twice_count, 'name')} twice")
    if beat.refused:
        faults.append(f"{_count(beat.refused, 'file')} refused")
    if beat.oldest_file is not None and beat.oldest_file > OLD_FILE_SECONDS:
        faults.append(f"a file waits for {_duration(beat.oldest_file)}")
    if beat.sas_days is not None and beat.sas_days <= SAS_DAYS:
        ended = beat.sas_days <= 0
        faults.append("the SAS has expired" if ended else f"the SAS expires in {_duration(beat.sas_days * DAY)}")
    return faults


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _duration(seconds: float) -> str:
    """Return a duration in the largest unit of which there are two at least, rounded down."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= 2 * unit:
            return _count(int(seconds // unit), name)
    return _count(int(seconds), "second")
