"""What a SPOC knows of the VMs whose files it collects: when each was heard, its clock, and which machine has its name.

Knows only what files say of themselves, and is pure: no clock, no file. All times are Unix seconds.

**Names used twice.** Each installation of the agent has an id of its own. If files of two machines have one VM's name
and share minutes, both would merge into one VM, and neither could be told from the other. So the first goes on, and the
files of all others are set aside, until the first has been silent for SILENT. A machine that takes over a name, because
the VM was replaced, shares no minutes with the one before it and simply goes on.
"""

from dataclasses import dataclass, field

import msgspec

from domain.agent_file import FileHead
from domain.heartbeat import CLOCK_OFF
from domain.minutes import DAY, HOUR, MINUTE

SILENT = HOUR
"""After how many seconds of silence another machine may take over a name although their minutes once overlapped."""

SHARED = MINUTE
"""The longest overlap, between the first and last sample, that an agent which was installed again may cause."""

CLOCK_MEMORY = HOUR
"""A file may be delivered late, never early. So of all files in this time, the one with the largest offset tells the
clock. And a clock is behind only if two files in a row say so: files that were delivered late differ."""

FORGET = 7 * DAY
MOST_VMS = 20_000


class Vm(msgspec.Struct, frozen=True, omit_defaults=True):
    """One VM. ``heard``: when its newest file was collected."""

    heard: int
    machine: str = ""
    """The machine whose files are sent."""
    since: int = 0
    until: int = 0
    """The first and the last sample of this machine's newest unbroken stretch."""
    offset: float | None = None
    """Its clock minus the clock of the folder or container, in seconds."""
    measured: int = 0
    last: float | None = None
    """What the newest file alone says of it."""
    contested: int = 0
    """When another machine's file was set aside last."""


class _State(msgspec.Struct, omit_defaults=True):
    vms: dict[str, Vm] = {}
    refused: dict[int, int] = {}
    beaten: int = 0


@dataclass(slots=True)
class Fleet:
    """The VMs by their masked names, and the files refused in the last day."""

    vms: dict[str, Vm] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    """The number of refused files, by hour."""
    beaten: int = 0
    """When the last heartbeat was sent."""

    def draft(self) -> "Fleet":
        """Return a copy to change. It replaces this one when the changes count."""
        return Fleet(dict(self.vms), dict(self.refused), self.beaten)

    def take(self, name: str, head: FileHead | None, span: tuple[int, int], written: float, now: int) -> str | None:
        """Note a VM's file. Return None, or the reason to set the file aside.

        ``span`` is the file's first and last sample. ``written`` is when the file was written, by the clock of the
        place where it lies.
        """
        vm = self.vms.get(name, Vm(now))
        if head is None:
            self.vms[name] = msgspec.structs.replace(vm, heard=now)
            return None
        if reason := _conflict(vm, head.machine, span, now):
            self.vms[name] = msgspec.structs.replace(vm, heard=now, contested=now)
            return reason
        self.vms[name] = _clocked(_owned(vm, head.machine, span), head.written - written, now)
        return None

    def refuse(self, now: int) -> None:
        """Note a refused file."""
        hour = now // HOUR
        self.refused[hour] = self.refused.get(hour, 0) + 1

    def refused_lately(self, now: int) -> int:
        """Return the number of files refused in the last 24 hours, to the hour."""
        return sum(count for hour, count in self.refused.items() if hour > (now - DAY) // HOUR)

    def twice(self, now: int) -> list[str]:
        """Return the VMs whose names two machines used in the last 24 hours."""
        return sorted(name for name, vm in self.vms.items() if vm.contested and now - vm.contested < DAY)

    def clocks_off(self, now: int) -> list[tuple[str, float]]:
        """Return the VMs of the last 24 hours whose clocks are off, and by how many seconds, the worst one first."""
        recent = ((name, vm.offset) for name, vm in self.vms.items() if now - vm.heard < DAY)
        off = [(name, offset) for name, offset in recent if offset is not None and abs(offset) > CLOCK_OFF]
        return sorted(off, key=lambda each: (-abs(each[1]), each[0]))

    def encoded(self, now: int) -> bytes:
        """Return what to keep across restarts. VMs that are silent for long are forgotten."""
        newest = sorted(self.vms.items(), key=lambda each: -each[1].heard)[:MOST_VMS]
        self.vms = {name: vm for name, vm in newest if now - vm.heard < FORGET}
        self.refused = {hour: count for hour, count in self.refused.items() if hour > (now - DAY) // HOUR}
        return msgspec.json.encode(_State(self.vms, self.refused, self.beaten))


def decode_fleet(text: bytes) -> Fleet:
    """Read what :meth:`Fleet.encoded` returned. Raises ValueError."""
    state = msgspec.json.decode(text, type=_State)
    return Fleet(state.vms, state.refused, state.beaten)


def _conflict(vm: Vm, machine: str, span: tuple[int, int], now: int) -> str | None:
    """Return why a machine may not use this VM's name now, or None."""
    first, last = span
    if not vm.machine or machine == vm.machine:
        return None
    shared = min(last, vm.until) - max(first, vm.since)
    waits = vm.contested and now - vm.contested < SILENT and first - vm.until < SILENT
    if shared <= SHARED and not waits:
        return None
    return (
        f"two machines use this VM's name at the same time: {vm.machine} was first and is sent, this file is of "
        f"{machine}; give one another name, and run 'spot-pc seal' before an image is taken of a machine with an agent"
    )


def _owned(vm: Vm, machine: str, span: tuple[int, int]) -> Vm:
    """Return the VM with a file's samples counted as its owner's. A file from before the owner's changes no owner."""
    first, last = span
    if vm.machine and machine != vm.machine and last < vm.until:
        return vm
    unbroken = machine == vm.machine and first <= vm.until + HOUR and last >= vm.since - HOUR
    since, until = (min(first, vm.since), max(last, vm.until)) if unbroken else span
    return msgspec.structs.replace(vm, machine=machine, since=since, until=until)


def _clocked(vm: Vm, offset: float, now: int) -> Vm:
    late = offset < -CLOCK_OFF and (vm.last is None or abs(offset - vm.last) > CLOCK_OFF)
    vm = msgspec.structs.replace(vm, heard=now, last=round(offset, 1))
    known = now - vm.measured < CLOCK_MEMORY and vm.offset is not None and vm.offset > offset
    return vm if late or known else msgspec.structs.replace(vm, offset=round(offset, 1), measured=now)
