"""Enrolments: one document per tenant and one per key, so that two tenants never have the same key.

They are kept beside the operations, which also belong to the operator and are also kept for ever. With autoscale, a
container of their own would have a price of its own (docs/scale.md).

Callers get the register as it was read at most REMEMBERED seconds ago, so asking costs nothing.
"""

import time
from collections.abc import Callable

import msgspec

from domain.enrolment import Enrolment, Key, Register, public_of, text_of
from domain.names import decode_name, encode_name
from storage.documents import AlreadyExists, Document, Documents
from storage.schema import OPERATIONS
from storage.tables.table import Stored

REMEMBERED = 30
"""How many seconds pass before the register is read again. After its own change, a process reads it at once."""

_TENANTS = "enrolled tenants"
_KEYS = "enrolled keys"


class Enrolments:
    """The tenants that the operator has admitted."""

    def __init__(self, documents: Documents, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock in seconds that never goes back."""
        self._documents = documents
        self._clock = clock
        self._register = Register()
        self._until = float("-inf")

    async def register(self) -> Register:
        """Return all enrolments, as they were at most REMEMBERED seconds ago. Raises Unavailable."""
        if self._clock() >= self._until:
            now = self._clock()
            self._register, self._until = Register.of(await self.all()), now + REMEMBERED
        return self._register

    async def all(self) -> list[Enrolment]:
        """Return all enrolments as they are now."""
        return [_enrolment(each) async for each in self._documents.scan(OPERATIONS, _TENANTS)]

    async def read(self, tenant: str) -> Stored[Enrolment] | None:
        """Read a tenant's enrolment."""
        document = await self._documents.read(OPERATIONS, _TENANTS, encode_name(tenant))
        return Stored(_enrolment(document), document.etag) if document else None

    async def write(self, enrolment: Enrolment, etag: str | None) -> None:
        """Create (etag None) or replace a tenant's enrolment. Raises Conflict. Claim its keys first."""
        body = {
            "label": enrolment.label,
            "contact": enrolment.contact,
            "keys": [
                {"public": text_of(key.public), "added": key.added, "revoked": key.revoked} for key in enrolment.keys
            ],
            "directories": list(enrolment.directories),
            "applications": list(enrolment.applications),
            "since": enrolment.since,
        }
        place = encode_name(enrolment.tenant)
        if etag is None:
            await self._documents.create(OPERATIONS, _TENANTS, place, body)
        else:
            await self._documents.replace(OPERATIONS, _TENANTS, place, body, etag)
        self._until = float("-inf")

    async def claim(self, key: str, tenant: str) -> str:
        """Give a key (by its id) to a tenant for ever; return its owner, perhaps another tenant with an older claim."""
        try:
            await self._documents.create(OPERATIONS, _KEYS, key, {"tenant": tenant})
        except AlreadyExists:
            document = await self._documents.read(OPERATIONS, _KEYS, key)
            return str(document.body.get("tenant")) if document else tenant
        return tenant


class _KeyBody(msgspec.Struct):
    public: str
    added: int
    revoked: int | None = None


class _EnrolmentBody(msgspec.Struct):
    label: str
    contact: str
    keys: list[_KeyBody]
    directories: list[str]
    since: int
    applications: list[str] = msgspec.field(default_factory=list)


def _enrolment(document: Document) -> Enrolment:
    """Return an enrolment. A corrupt one has no key, so nobody can send for the tenant until it is repaired."""
    tenant = decode_name(document.id)
    try:
        body = msgspec.convert(document.body, _EnrolmentBody)
        keys = tuple(Key(public_of(key.public), key.added, key.revoked) for key in body.keys)
    except ValueError:  # includes msgspec's ValidationError
        return Enrolment(tenant, corrupt=True)
    directories, applications = tuple(body.directories), tuple(body.applications)
    return Enrolment(tenant, body.label, body.contact, keys, directories, body.since, applications)
