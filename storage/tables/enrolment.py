"""Enrolments: one document per tenant, one per key and one per code.

The keys' documents see to it that two tenants never have the same key. The codes' say which tenant a code is for, so
that one is found by a single read; whether it still counts is written in the tenant's document. They are kept beside
the operations, which also belong to the operator and are also kept for ever. With autoscale, a container of their own
would have a price of its own (docs/scale.md).

Callers get the register as it was read at most REMEMBERED seconds ago, so asking costs nothing.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from domain.enrolment import Enrolment, Invitation, Key, Register, public_of, text_of
from domain.errors import Unavailable
from domain.names import decode_name, encode_name
from storage.documents import AlreadyExists, Document, Documents
from storage.schema import OPERATIONS
from storage.tables.table import Stored

REMEMBERED = 30
"""How many seconds pass before the register is read again. After its own change, a process reads it at once."""

FAILURE_REMEMBERED = 3
"""The same after a read that failed, where strangers ask."""

_TENANTS = "enrolled tenants"
_KEYS = "enrolled keys"
_CODES = "codes"


class Enrolments:
    """The tenants that the operator has admitted."""

    def __init__(self, documents: Documents, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock in seconds that never goes back."""
        self._documents = documents
        self._clock = clock
        self._register = Register()
        self._why: Unavailable | None = None
        self._until = self._failed = float("-inf")
        self._changes = 0
        self._reading = asyncio.Lock()

    async def register(self) -> Register:
        """Return all enrolments, as they were at most REMEMBERED seconds ago. Raises Unavailable."""
        if self._clock() >= self._until:
            await self._read()
        return self._register

    async def register_for_strangers(self) -> Register:
        """Return the same to somebody who may be anybody. While the store fails, they do not make it work harder.

        However many ask at once, it is read once. Raises Unavailable, without asking the store if it failed less than
        FAILURE_REMEMBERED seconds ago.
        """
        if self._clock() >= self._until:
            async with self._reading:
                if self._why and self._clock() < self._failed + FAILURE_REMEMBERED:
                    raise Unavailable(str(self._why), self._why.retry_after)
                if self._clock() >= self._until:
                    await self._read()
        return self._register

    async def _read(self) -> None:
        began, changes = self._clock(), self._changes
        try:
            self._register, self._why = Register.of(await self.all()), None
        except Unavailable as error:
            self._why, self._failed = error, self._clock()
            raise
        if changes == self._changes:  # else this process has changed something meanwhile
            self._until = began + REMEMBERED

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
                {
                    "public": text_of(key.public),
                    "added": key.added,
                    "revoked": key.revoked,
                    "confirmed": key.confirmed,
                    "codes": list(key.codes),
                }
                for key in enrolment.keys
            ],
            "directories": list(enrolment.directories),
            "applications": list(enrolment.applications),
            "since": enrolment.since,
        }
        if invitation := enrolment.invitation:
            body["invitation"] = {"digest": invitation.digest, "expires": invitation.expires}
        place = encode_name(enrolment.tenant)
        if etag is None:
            await self._documents.create(OPERATIONS, _TENANTS, place, body)
        else:
            await self._documents.replace(OPERATIONS, _TENANTS, place, body, etag)
        self._changes += 1
        self._until = float("-inf")

    async def claim(self, key: str, tenant: str) -> str:
        """Give a key (by its id) to a tenant for ever; return its owner, perhaps another tenant with an older claim."""
        try:
            await self._documents.create(OPERATIONS, _KEYS, key, {"tenant": tenant})
        except AlreadyExists:
            document = await self._documents.read(OPERATIONS, _KEYS, key)
            return str(document.body.get("tenant")) if document else tenant
        return tenant

    async def note_code(self, digest: str, tenant: str) -> None:
        """Remember which tenant a code is for. A code is known by its digest."""
        await self._documents.upsert(OPERATIONS, _CODES, digest, {"tenant": tenant})

    async def tenant_of_code(self, digest: str) -> str | None:
        """Return the tenant that a code is or was for; None: there never was such a code."""
        document = await self._documents.read(OPERATIONS, _CODES, digest)
        return str(document.body.get("tenant")) if document else None


class _KeyBody(msgspec.Struct):
    public: str
    added: int
    revoked: int | None = None
    confirmed: bool = True  # documents from before keys were confirmed do not say it
    codes: list[str] = msgspec.field(default_factory=list)


class _InvitationBody(msgspec.Struct):
    digest: str
    expires: int


class _EnrolmentBody(msgspec.Struct):
    label: str
    contact: str
    keys: list[_KeyBody]
    directories: list[str]
    since: int
    applications: list[str] = msgspec.field(default_factory=list)
    invitation: _InvitationBody | None = None


def _enrolment(document: Document) -> Enrolment:
    """Return an enrolment. A corrupt one has no key, so nobody can send for the tenant until it is repaired."""
    tenant = decode_name(document.id)
    try:
        body = msgspec.convert(document.body, _EnrolmentBody)
        keys = tuple(
            Key(public_of(key.public), key.added, key.revoked, key.confirmed, tuple(key.codes)) for key in body.keys
        )
    except ValueError:  # includes msgspec's ValidationError
        return Enrolment(tenant, corrupt=True)
    directories, applications = tuple(body.directories), tuple(body.applications)
    open_code = body.invitation
    invitation = Invitation(open_code.digest, open_code.expires) if open_code else None
    return Enrolment(
        tenant, body.label, body.contact, keys, directories, body.since, applications, invitation=invitation
    )
