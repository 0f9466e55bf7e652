"""Enrolling: an operator admits a tenant, adds its SPOC's key, or revokes a key.

A key is claimed before it is written beside its tenant, so that two tenants never have the same one. Repeating any of
these changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.enrolment import Enrolment, Key
from domain.errors import NotFound, StateConflict
from storage.documents import Conflict
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class Admission:
    """What an operator enters for a tenant. None: the value stays as it is.

    ``tenant`` is its masked name, ``public_key`` the 32 bytes that its SPOC shows. For the rest see Enrolment.
    """

    tenant: str
    public_key: bytes | None = None
    label: str | None = None
    contact: str | None = None
    directories: tuple[str, ...] | None = None
    applications: tuple[str, ...] | None = None


async def enrol(tables: Tables, asked: Admission, now: int) -> Enrolment:
    """Admit a tenant, or change what is stored of it; return its enrolment.

    Raises StateConflict, which says why the key is not taken, and Unavailable.
    """

    def change(enrolment: Enrolment | None) -> Enrolment:
        if enrolment is None or enrolment.corrupt:
            if asked.public_key is None:
                raise StateConflict("the tenant is not enrolled yet: give the publicKey of its SPOC as well")
            enrolment = Enrolment(asked.tenant, since=now)
        said = {name: getattr(asked, name) for name in ("label", "contact", "directories", "applications")}
        enrolment = replace(enrolment, **{name: value for name, value in said.items() if value is not None})
        return enrolment if asked.public_key is None else enrolment.with_key(asked.public_key, now)

    return await _changed(tables, asked.tenant, change, asked.public_key)


async def revoke(tables: Tables, tenant: str, key: str, now: int) -> Enrolment:
    """Revoke a tenant's key, by its id; return the enrolment. Messages signed with the key are refused from then on.

    Raises NotFound if the tenant is not enrolled or the key is not its own. Raises Unavailable.
    """

    def change(enrolment: Enrolment | None) -> Enrolment:
        if enrolment is None:
            raise NotFound(f"no tenant named {tenant!r} is enrolled")
        return enrolment.without_key(key, now)

    return await _changed(tables, tenant, change)


async def _changed(
    tables: Tables, tenant: str, change: Callable[[Enrolment | None], Enrolment], public_key: bytes | None = None
) -> Enrolment:
    while True:
        stored = await tables.enrolments.read(tenant)
        changed = change(stored.value if stored else None)
        if public_key is not None:
            key = Key(public_key, 0).id
            if await tables.enrolments.claim(key, tenant) != tenant:
                raise StateConflict(f"the key {key} is another tenant's: let each SPOC make a key of its own")
        if stored and changed == stored.value:
            return changed
        try:
            await tables.enrolments.write(changed, stored.etag if stored else None)
        except Conflict:
            continue
        return changed
