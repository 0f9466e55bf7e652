"""Enrolment: which tenants the operator has admitted, and which keys their SPOCs sign with.

Knows what an enrolment holds and how its keys change: two may be valid at a time, so that one can follow the other, and
a revoked key stays revoked. Does not know how a signature is verified (domain.signed), where enrolments are kept, or
what becomes of a message that is not signed (pipeline.trust).
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from domain.errors import NotFound, StateConflict

PUBLIC_BYTES = 32
"""The length of an Ed25519 public key (RFC 8032)."""

ID_BYTES = 16
MOST_VALID = 2
"""How many of a tenant's keys may be valid at a time: the one in use, and its successor."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that a SPOC signs with. Times are Unix seconds; ``revoked`` is None while it is valid."""

    public: bytes
    added: int
    revoked: int | None = None

    @property
    def id(self) -> str:
        """The key's id in messages and lists, 32 hexadecimal digits; also its fingerprint."""
        return key_id(self.public).hex()

    @property
    def valid(self) -> bool:
        """Whether messages signed with it are accepted."""
        return self.revoked is None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A tenant that the operator has admitted.

    ``tenant`` is its masked name. ``label`` and ``contact`` (whom to call) are for operators only. ``directories`` are
    the ids of the directories that its people sign in from. ``applications`` are the ids of its applications in those
    directories; they may read what its people may read. ``since`` is when it was enrolled, in Unix seconds.
    ``corrupt``: its stored enrolment can't be read, so nothing is known but its name.
    """

    tenant: str
    label: str = ""
    contact: str = ""
    keys: tuple[Key, ...] = ()
    directories: tuple[str, ...] = ()
    since: int = 0
    applications: tuple[str, ...] = ()
    corrupt: bool = False

    @property
    def valid(self) -> bool:
        """Whether the tenant may send: it has a valid key."""
        return any(key.valid for key in self.keys)

    def with_key(self, public: bytes, now: int) -> "Enrolment":
        """Return this enrolment with one more key. If it has the key already, it is returned unchanged.

        Raises StateConflict for a third valid key, and for a revoked key.
        """
        known = next((key for key in self.keys if key.public == public), None)
        if known and known.valid:
            return self
        if known:
            raise StateConflict(f"the key {known.id} is revoked, which is for good: let the SPOC make another one")
        valid = [key.id for key in self.keys if key.valid]
        if len(valid) >= MOST_VALID:
            raise StateConflict(f"the tenant has {MOST_VALID} valid keys, {' and '.join(valid)}: revoke one first")
        return replace(self, keys=(*self.keys, Key(public, now)))

    def without_key(self, revoked: str, now: int) -> "Enrolment":
        """Return this enrolment with one key revoked, by its id. Raises NotFound if it has no key of that id."""
        own = [key.id for key in self.keys]
        if revoked not in own:
            raise NotFound(f"the tenant has no key {revoked}; it has {', '.join(own) or 'none'}")
        keys = (replace(key, revoked=now) if key.id == revoked and key.valid else key for key in self.keys)
        return replace(self, keys=tuple(keys))


@dataclass(frozen=True, slots=True)
class Register:
    """All enrolments, as they were at the time of one read."""

    enrolments: Mapping[str, Enrolment] = field(default_factory=dict)
    """The enrolments by tenant."""
    keys: Mapping[str, tuple[Enrolment, Key]] = field(default_factory=dict)
    """The keys by id, including revoked ones."""
    enrolled: frozenset[str] = frozenset()
    """The tenants that have a valid key. Only these count towards the number of tenants behind a figure."""
    directories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The tenants by directory id (in lower case): the directories that their people sign in from."""
    corrupt: bool = False
    """Whether any stored enrolment can't be read."""

    @classmethod
    def of(cls, enrolments: Iterable[Enrolment]) -> "Register":
        """Return the register of some enrolments."""
        by_tenant = {each.tenant: each for each in enrolments}
        keys = {key.id: (each, key) for each in by_tenant.values() for key in each.keys}
        enrolled = frozenset(each.tenant for each in by_tenant.values() if each.valid)
        directories: dict[str, frozenset[str]] = {}
        for each in by_tenant.values():
            for directory in map(str.lower, each.directories):
                directories[directory] = directories.get(directory, frozenset()) | {each.tenant}
        return cls(by_tenant, keys, enrolled, directories, any(each.corrupt for each in by_tenant.values()))

    def directories_of(self, tenant: str) -> tuple[str, ...]:
        """Return the ids of the directories that a tenant's enrolment names."""
        return self.enrolments[tenant].directories if tenant in self.enrolments else ()

    def applications_of(self, tenant: str) -> frozenset[str]:
        """Return the ids (in lower case) of the applications that a tenant's enrolment names."""
        found = self.enrolments.get(tenant)
        return frozenset(map(str.lower, found.applications)) if found else frozenset()


def key_id(public: bytes) -> bytes:
    """Return the id of a public key: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(public).digest()[:ID_BYTES]


def public_of(text: str) -> bytes:
    """Return the public key from a text: 32 bytes in base64, as a SPOC prints it. Raises ValueError."""
    try:
        public = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("must be a public key as edge.spoc --public-key prints it, in base64") from error
    if len(public) != PUBLIC_BYTES:
        raise ValueError(f"must hold {PUBLIC_BYTES} bytes in base64, as edge.spoc --public-key prints it")
    return public


def text_of(public: bytes) -> str:
    """Return a public key in base64, as people and documents use it."""
    return base64.b64encode(public).decode("ascii")
