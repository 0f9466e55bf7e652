"""Enrolment: which tenants the operator has admitted, and which keys their SPOCs sign with.

Knows what an enrolment holds and how its keys change: two may be valid at a time, so that one can follow the other, and
a revoked key stays revoked. A key that a SPOC brought with a code is not valid until an operator confirms it. Does not
know what a code looks like (domain.invitation), how a signature is verified (domain.signed), where enrolments are kept,
or what becomes of a message that is not signed (pipeline.trust).
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
    """A public key that a SPOC signs with. Times are Unix seconds; ``revoked`` is None while it is not revoked.

    ``confirmed``: an operator has entered the key, or has compared its fingerprint. ``codes`` are the digests of the
    codes that it joined with.
    """

    public: bytes
    added: int
    revoked: int | None = None
    confirmed: bool = True
    codes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The key's id in messages and lists, 32 hexadecimal digits; also its fingerprint."""
        return key_id(self.public).hex()

    @property
    def valid(self) -> bool:
        """Whether messages signed with it are accepted."""
        return self.confirmed and self.revoked is None

    @property
    def pending(self) -> bool:
        """Whether it awaits confirmation."""
        return not self.confirmed and self.revoked is None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The code that a tenant's SPOC may join with, once. ``digest`` stands for it; ``expires`` is in Unix seconds."""

    digest: str
    expires: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A tenant that the operator has admitted.

    ``tenant`` is its masked name. ``label`` and ``contact`` (whom to call) are for operators only. ``directories`` are
    the ids of the directories that its people sign in from. ``applications`` are the ids of its applications in those
    directories; they may read what its people may read. ``since`` is when it was entered, in Unix seconds.
    ``invitation`` is its code, as long as that is not used. ``corrupt``: its stored enrolment can't be read, so nothing
    is known but its name.
    """

    tenant: str
    label: str = ""
    contact: str = ""
    keys: tuple[Key, ...] = ()
    directories: tuple[str, ...] = ()
    since: int = 0
    applications: tuple[str, ...] = ()
    corrupt: bool = False
    invitation: Invitation | None = None

    @property
    def valid(self) -> bool:
        """Whether the tenant may send: it has a valid key."""
        return any(key.valid for key in self.keys)

    @property
    def admitted(self) -> bool:
        """Whether its data are taken only if they are signed: it has, or had, a confirmed key. Or nobody knows."""
        return self.corrupt or any(key.confirmed for key in self.keys)

    def with_key(self, public: bytes, now: int) -> "Enrolment":
        """Return this enrolment with one more valid key: a new one, or one that awaited confirmation.

        If the key is valid already, the enrolment is returned unchanged. Raises StateConflict for a third valid key,
        and for a revoked key.
        """
        known = self._not_revoked(public)
        if known and known.valid:
            return self
        valid = [key.id for key in self.keys if key.valid]
        if len(valid) >= MOST_VALID:
            raise StateConflict(f"the tenant has {MOST_VALID} valid keys, {' and '.join(valid)}: revoke one first")
        return self._with(replace(known, confirmed=True) if known else Key(public, now))

    def with_confirmed(self, named: str) -> "Enrolment":
        """Return this enrolment with a key confirmed, by its id. Raises NotFound, and what with_key raises."""
        return self.with_key(self._named(named).public, 0)

    def with_joined(self, code: str, public: bytes, now: int) -> "Enrolment | None":
        """Return this enrolment with the key that a SPOC brought with a code (by its digest); None: it does not count.

        A code counts once, until it expires. With the key that has used it, it counts for ever and changes nothing
        more. A new key awaits confirmation. Raises StateConflict for a revoked key.
        """
        user = next((key for key in self.keys if code in key.codes), None)
        if user:
            return self if user.public == public else None
        if self.invitation is None or self.invitation.digest != code or now >= self.invitation.expires:
            return None
        key = self._not_revoked(public) or Key(public, now, confirmed=False)
        return replace(self._with(replace(key, codes=(*key.codes, code))), invitation=None)

    def without_key(self, revoked: str, now: int) -> "Enrolment":
        """Return this enrolment with one key revoked, by its id. Raises NotFound if it has no key of that id."""
        key = self._named(revoked)
        return self if key.revoked is not None else self._with(replace(key, revoked=now))

    def _named(self, named: str) -> Key:
        for key in self.keys:
            if key.id == named:
                return key
        raise NotFound(f"the tenant has no key {named}; it has {', '.join(key.id for key in self.keys) or 'none'}")

    def _not_revoked(self, public: bytes) -> Key | None:
        known = next((key for key in self.keys if key.public == public), None)
        if known and known.revoked is not None:
            raise StateConflict(f"the key {known.id} is revoked, which is for good: let the SPOC make another one")
        return known

    def _with(self, changed: Key) -> "Enrolment":
        """Return this enrolment with a key in its place, or at the end if it is new."""
        others = {key.public: key for key in self.keys}
        return replace(self, keys=tuple({**others, changed.public: changed}.values()))


@dataclass(frozen=True, slots=True)
class Register:
    """All enrolments, as they were at the time of one read."""

    enrolments: Mapping[str, Enrolment] = field(default_factory=dict)
    """The enrolments by tenant."""
    keys: Mapping[str, tuple[Enrolment, Key]] = field(default_factory=dict)
    """The keys by id, including revoked ones and those that await confirmation."""
    enrolled: frozenset[str] = frozenset()
    """The tenants that have a valid key. Only these count towards the number of tenants behind a figure."""
    admitted: frozenset[str] = frozenset()
    """The tenants whose data are taken only if they are signed: those that have, or had, a confirmed key."""
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
        admitted = frozenset(each.tenant for each in by_tenant.values() if each.admitted)
        return cls(by_tenant, keys, enrolled, admitted, directories, any(each.corrupt for each in by_tenant.values()))

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
