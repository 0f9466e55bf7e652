"""Enrols the sample fleet's tenants, each with the key of its collector (SPOC), as an operator would."""

from collections.abc import Mapping
from pathlib import Path

from domain.masking import mask_tenant
from domain.signed import Signer
from edge.signing import signer_of
from local.fleet import KEY, TENANTS
from pipeline.enrolling import Admission, enrol, revoke
from storage.tables import Tables

THIS_TENANT = "This computer"
CONTACT = "nobody: it is a sample"


def spoc_keys(data: Path) -> Mapping[str, Signer]:
    """Return the signers of the tenants' SPOCs by the tenants' masked names. Creates missing keys.

    Raises OSError and ValueError, as edge.signing does.
    """
    return {mask_tenant(name, KEY): signer_of(_path(data, name))[0] for name in (*TENANTS, THIS_TENANT)}


async def enrol_fleet(tables: Tables, data: Path, now: int) -> None:
    """Enrol the sample fleet's tenants with their SPOCs' keys, and revoke older keys. Raises Unavailable."""
    signers = spoc_keys(data)
    for name in (*TENANTS, THIS_TENANT):
        tenant = mask_tenant(name, KEY)
        public = signers[tenant].public
        stored = await tables.enrolments.read(tenant)
        for key in stored.value.keys if stored else ():
            if key.valid and key.public != public:  # the keys' folder was deleted but the store was not
                await revoke(tables, tenant, key.id, now)
        await enrol(tables, Admission(tenant, public, name, CONTACT), now)


def _path(data: Path, name: str) -> Path:
    return data / "keys" / f"{name.replace(' ', '-').lower()}.key"
