"""Trust: which tenant sent a message, and which tenants' samples are taken from it.

A tenant's samples are taken only from messages signed with a key of that tenant. While enrolment is *open*, samples of
tenants that are not enrolled are taken from anybody, so that senders can change over one by one. Where it is
*required*, only samples of enrolled tenants are taken. Knows the register and signatures, but not what a message holds,
and not what becomes of refused samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.enrolment import Register
from domain.errors import BadMessage
from domain.signed import taken_apart

REVOKED = "the message is signed with a key that is revoked"
FORGED = "the message's signature does not fit: the message was changed, or signed with another key than it says"
UNKNOWN_KEY = "the message is signed with a key that is not enrolled, and enrolment is required"
UNCONFIRMED = "the message is signed with a key that awaits confirmation, and enrolment is required"
UNSIGNED = "the message is not signed, and enrolment is required"
NOT_THE_SIGNERS = "the sample is of another tenant than the one whose key the message is signed with"
NOT_SIGNED_BY_IT = "the sample's tenant is enrolled, and the message is not signed with a key of it"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a message: ``tenant`` is proven, and None where it is not known.

    ``unknown_key`` is the id of the key that the message names as its signer, if no tenant has that key, or only a
    tenant that has joined with it and is not confirmed.
    """

    tenant: str | None
    unknown_key: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """Decides which tenants' samples are taken. ``required``: take nothing from tenants that are not enrolled."""

    register: Register = field(default_factory=Register)
    required: bool = False

    def origin(self, message: bytes) -> Origin:
        """Return who sent a message.

        Raises BadMessage, with the reason, if the message claims to be signed and the claim is false or no longer true.
        """
        signed = taken_apart(message)
        if signed is None:
            return Origin(None)
        if signed.key not in self.register.keys:
            return Origin(None, signed.key)
        enrolment, key = self.register.keys[signed.key]
        if key.revoked is not None:
            raise BadMessage(REVOKED)
        if not signed.fits(key.public):
            raise BadMessage(FORGED)
        return Origin(enrolment.tenant) if key.valid else Origin(None, signed.key)

    def refuses_all(self, origin: Origin) -> str | None:
        """Return why no sample is taken from any message of this origin; None: samples may be taken."""
        if origin.tenant is not None or not self.required:
            return None
        if origin.unknown_key in self.register.keys:
            return UNCONFIRMED
        return UNKNOWN_KEY if origin.unknown_key else UNSIGNED

    def refuses_from(self, origin: Origin) -> Callable[[str], str | None]:
        """Return a function that tells why a tenant's samples are refused in a message; None: they are taken."""

        def refuses(tenant: str) -> str | None:
            if tenant == origin.tenant:
                return None
            if origin.tenant is not None:
                return NOT_THE_SIGNERS
            return NOT_SIGNED_BY_IT if tenant in self.register.admitted else None

        return refuses

    def proven(self, tenant: str) -> str | None:
        """Return the tenant if it is enrolled: then all data taken for it are proven to be its own. Else None."""
        return tenant if tenant in self.register.admitted else None


ANYBODY = Trust()
"""Trusts every sender, since nobody is enrolled: for measurements, and for tests of something else."""
