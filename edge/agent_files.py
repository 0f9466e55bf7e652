"""The content of the agents' files, as a SPOC sends it: of either form (domain.agent_file), with masked names only.

Knows the tenant and its masking key, if it has one. Does not know where files lie, or what is sent when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from domain.agent_file import FileHead, decode_file
from domain.errors import BadMessage
from domain.masking import is_masked, mask_tenant, mask_vm
from domain.samples import Sample

WITHOUT_KEY = (
    "the file holds plain names, and this SPOC has no masking key: give it --masking-key-file, with --tenant, "
    "and put the file back; or let the agents mask, with the tenant's key (docs/edge.md)"
)


@dataclass(frozen=True, slots=True)
class Masking:
    """Masks the names of plain files. ``tenant`` is the tenant's masked name, ``key`` its masking key."""

    tenant: str
    key: bytes

    @classmethod
    def of(cls, tenant: str, key: bytes) -> "Masking":
        """Return the masking of a tenant, by its name or its masked name. Raises ValueError for an empty one."""
        return cls(mask_tenant(tenant, key), key)

    def masked(self, sample: Sample, vms: Mapping[str, str]) -> Sample:
        """Return a sample of a plain file with masked names."""
        return msgspec.structs.replace(sample, MaskedTenantId=self.tenant, MaskedVMName=vms[sample.MaskedVMName])


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. ``reasons`` tell what of it is refused."""

    samples: Sequence[Sample] = ()
    reasons: Sequence[str] = ()
    head: FileHead | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """The real names of VMs by their masked ones, if the file tells them."""

    @property
    def vm(self) -> str:
        """The masked name of the VM. A file with samples of several VMs, or none, is of no VM: empty."""
        vms = {sample.MaskedVMName for sample in self.samples}
        return vms.pop() if len(vms) == 1 else ""

    @property
    def span(self) -> tuple[int, int]:
        """The times of the first and the last sample."""
        times = [sample.timestamp for sample in self.samples]
        return min(times), max(times)


def content_of(body: bytes, tenant: str | None, masking: Masking | None) -> Content:
    """Read a file. With ``tenant`` (a masked name), samples of other tenants are refused."""
    try:
        file = decode_file(body)
        if file.plain and masking is None:
            raise BadMessage(WITHOUT_KEY)
    except BadMessage as error:
        return Content(reasons=[str(error)])
    if file.plain and masking:
        vms = {vm: mask_vm(masking.tenant, vm, masking.key) for vm in {each.MaskedVMName for each in file.samples}}
        real = {masked: vm for vm, masked in vms.items() if not is_masked(vm)}
        return Content([masking.masked(sample, vms) for sample in file.samples], (), file.head, real)
    reasons = [f"metrics[{each.position}]: {each.reason}" for each in file.refused.kept]
    if more := file.refused.count - len(reasons):
        reasons.append(f"{more} more are refused as well")
    ours = [sample for sample in file.samples if tenant in (None, sample.MaskedTenantId)]
    if others := len(file.samples) - len(ours):
        reasons.append(f"{others} samples are of another tenant than {tenant}")
    return Content(ours, reasons, file.head)
