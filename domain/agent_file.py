"""The bytes of an agent's file, in its two forms: with masked names, and with the names as they are.

* **Masked**: the wire format (domain.wire), with one more member, ``from``. Any reader of the wire format takes it.
* **Plain**: ``{"spot": 2, "from": {...}, "vm": "PC-001", "site": ..., "samples": [...]}``. It never leaves the tenant's
  own network: the tenant's collector (SPOC) masks the names. It has no ``metrics``, so a reader that knows the wire
  format alone refuses it and sends no name.

Knows the forms; refuses to know the tenant, the masking and where files are. The limits are those of domain.wire.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from domain import wire
from domain.errors import BadMessage
from domain.names import name_problem
from domain.refusals import Refusals
from domain.samples import Sample

PLAIN_FORM = 2
"""The value of ``spot`` in a plain file."""

MOST_VERSION = 40
MOST_BOOT = 64

_MACHINE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class FileHead:
    """Who wrote a file, and when. Two machines of one name differ in ``machine``."""

    machine: str
    """32 hex digits, drawn when the agent first starts on a machine."""
    boot: str
    """Differs from one start of the machine to the next."""
    written: int
    """When the file was written, by the machine's clock (Unix seconds)."""
    version: str
    """The agent's version."""

    def problem(self) -> str | None:
        """Return what is wrong with this head, or None."""
        if not _MACHINE.fullmatch(self.machine):
            return "machine is not 32 hex digits"
        if self.written < 0:
            return "written is before 1970"
        for name, value, most in (("boot", self.boot, MOST_BOOT), ("version", self.version, MOST_VERSION)):
            if problem := name_problem(value, most):
                return f"{name} {problem}"
        return None


@dataclass(frozen=True, slots=True)
class AgentFile:
    """A file that was read. The samples of a plain file have the VM's name as it is, and an empty MaskedTenantId."""

    head: FileHead | None
    """None in the masked form if it is absent or malformed: agents of other makers write none."""
    samples: Sequence[Sample]
    plain: bool
    refused: Refusals = field(default_factory=Refusals)
    """The elements of a masked file that are no samples. A plain file is taken or refused as a whole."""


class _Masked(msgspec.Struct):
    from_: FileHead = msgspec.field(name="from")
    metrics: list[Sample]


class _Value(msgspec.Struct, frozen=True, gc=False):
    timestamp: int
    PerfType: str
    PerfName: str
    PerfValue: float


class _Plain(msgspec.Struct, omit_defaults=True):
    spot: int
    from_: FileHead = msgspec.field(name="from")
    vm: str
    samples: list[_Value]
    site: str | None = None
    pool: str | None = None
    region: str | None = None
    size: str | None = None


class _Members(msgspec.Struct):
    """The members that tell the forms apart, unread."""

    spot: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    metrics: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    from_: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="from")


_MEMBERS = msgspec.json.Decoder(_Members)
_PLAIN = msgspec.json.Decoder(_Plain)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)


def encode_file(head: FileHead, samples: Sequence[Sample], *, plain: bool) -> bytes:
    """Return the bytes of a file with one VM's samples (at least one).

    A plain file takes the VM's name and dimensions from the last sample; the tenant's name is left out. Raises
    ValueError if the samples of a plain file are none, or of several VMs.
    """
    if not plain:
        return msgspec.json.encode(_Masked(head, list(samples)))
    if len({sample.MaskedVMName for sample in samples}) != 1:
        raise ValueError("a plain file holds the samples of one VM")
    last = samples[-1]
    values = [_Value(each.timestamp, each.PerfType, each.PerfName, each.PerfValue) for each in samples]
    return msgspec.json.encode(
        _Plain(
            PLAIN_FORM,
            head,
            last.MaskedVMName,
            values,
            last.SiteName,
            last.ResourcePoolName,
            last.Region,
            last.MachineSize,
        )
    )


def decode_file(body: bytes) -> AgentFile:
    """Read a file of either form. Raises BadMessage with the reason if it can't be read as a whole.

    A file with ``metrics`` is read as masked, whatever else is in it. Bad samples are refused one by one in the masked
    form; in the plain form, which only our agent writes, the first bad one refuses the file.
    """
    text = wire.unpack(body).removeprefix(wire.BYTE_ORDER_MARK)
    try:
        members = _MEMBERS.decode(text)
    except _UNREADABLE:
        members = _Members(metrics=msgspec.Raw())  # wire.decode says what is wrong with it, or reads it leniently
    if members.metrics is msgspec.UNSET and members.spot is not msgspec.UNSET:
        return _decode_plain(text, bytes(members.spot))
    decoded = wire.decode(text)
    return AgentFile(_head(members.from_), decoded.samples, plain=False, refused=decoded.refused)


def _head(raw: msgspec.Raw | msgspec.UnsetType) -> FileHead | None:
    if raw is msgspec.UNSET:
        return None
    try:
        head = msgspec.json.decode(raw, type=FileHead)
    except _UNREADABLE:
        return None
    return None if head.problem() else head


def _decode_plain(text: bytes, spot: bytes) -> AgentFile:
    if spot.strip() != str(PLAIN_FORM).encode():
        raise BadMessage('the file\'s form ("spot") is unknown: a newer agent wrote it; update the SPOC first')
    try:
        plain = _PLAIN.decode(text)
    except _UNREADABLE as error:
        raise BadMessage(f"the file is malformed: {error}") from error
    if problem := plain.from_.problem():
        raise BadMessage(f"the file's from: {problem}")
    for name in ("vm", "site", "pool", "region", "size"):
        value = getattr(plain, name)
        if value is not None and (problem := name_problem(value)):
            raise BadMessage(f"the file's {name} {problem}")
    samples = [
        Sample(
            timestamp=value.timestamp,
            MaskedTenantId="",
            SiteName=plain.site,
            MaskedVMName=plain.vm,
            ResourcePoolName=plain.pool,
            Region=plain.region,
            MachineSize=plain.size,
            PerfName=value.PerfName,
            PerfValue=value.PerfValue,
            PerfType=value.PerfType,
        )
        for value in plain.samples
    ]
    return AgentFile(plain.from_, samples, plain=True)
