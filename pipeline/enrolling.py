"""Enrolling: an operator admits a tenant, a SPOC joins with a code, an operator confirms its key or revokes it.

A key is claimed before it is written beside its tenant, so that two tenants never have the same one. What a code is for
is written before anybody gets the code. Repeating any of these changes nothing, except that each new code takes the
place of the tenant's earlier one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from domain.enrolment import Enrolment, Invitation, Key
from domain.errors import Forbidden, NotFound, StateConflict
from domain.invitation import digest_of, new_code
from domain.minutes import DAY
from storage.documents import Conflict
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class Admission:
    """What an operator enters for a tenant. None: the value stays as it is.

    ``tenant`` is its masked name, ``public_key`` the 32 bytes that its SPOC shows. ``code``: draw a code, whatever the
    tenant has. For the rest see Enrolment.
    """

    tenant: str
    public_key: bytes | None = None
    label: str | None = None
    contact: str | None = None
    directories: tuple[str, ...] | None = None
    applications: tuple[str, ...] | None = None
    code: bool = False


CODE_SECONDS = DAY
"""For how long a code can be used."""

NO_SUCH_CODE = "this code does not count: it was never given, is too old, or was used already; ask for a new one"


async def enrol(tables: Tables, asked: Admission, now: int) -> tuple[Enrolment, str | None]:
    """Admit a tenant, or change what is stored of it; return its enrolment, and a code if one was drawn.

    A code is drawn if it is asked for; or if there is no key in what is asked, and the tenant has neither a valid key,
    nor one that awaits confirmation, nor a code that still counts. It takes the place of an earlier code. Raises
    StateConflict, which says why the key is not taken, and Unavailable.
    """
    code = new_code()
    invitation = Invitation(digest_of(code), now + CODE_SECONDS)

    def change(enrolment: Enrolment | None) -> Enrolment:
        if enrolment is None or enrolment.corrupt:
            enrolment = Enrolment(asked.tenant, since=now)
        said = {name: getattr(asked, name) for name in ("label", "contact", "directories", "applications")}
        enrolment = replace(enrolment, **{name: value for name, value in said.items() if value is not None})
        if asked.public_key is not None:
            enrolment = enrolment.with_key(asked.public_key, now)
        draws = asked.code or not (_may_join(enrolment, now) or any(key.revoked is None for key in enrolment.keys))
        return replace(enrolment, invitation=invitation) if draws else enrolment

    enrolment = await _changed(tables, asked.tenant, change, asked.public_key)
    if enrolment.invitation != invitation:
        return enrolment, None
    await tables.enrolments.note_code(invitation.digest, asked.tenant)
    return enrolment, code


def _may_join(enrolment: Enrolment, now: int) -> bool:
    return enrolment.invitation is not None and now < enrolment.invitation.expires


async def join(tables: Tables, code: str, public_key: bytes, now: int) -> tuple[Enrolment, Key]:
    """Take the key that a SPOC brings with a code; return its tenant's enrolment and the key.

    A new key awaits confirmation. The same code and key always get the same answer. Raises Forbidden if the code does
    not count, StateConflict if the key is revoked or another tenant's, and Unavailable.
    """
    digest = digest_of(code)
    tenant = await tables.enrolments.tenant_of_code(digest)
    if tenant is None:
        raise Forbidden(NO_SUCH_CODE)

    def change(enrolment: Enrolment | None) -> Enrolment:
        joined = enrolment.with_joined(digest, public_key, now) if enrolment else None
        if joined is None:
            raise Forbidden(NO_SUCH_CODE)
        return joined

    enrolment = await _changed(tables, tenant, change, public_key)
    return enrolment, next(key for key in enrolment.keys if key.public == public_key)


async def confirm(tables: Tables, tenant: str, key: str) -> Enrolment:
    """Confirm a tenant's key, by its id; return the enrolment. Messages signed with the key are taken from then on.

    Raises NotFound if there is no such tenant or the key is not its own; StateConflict if the key is revoked or two
    others are valid; and Unavailable.
    """

    def change(enrolment: Enrolment | None) -> Enrolment:
        return _known(enrolment, tenant).with_confirmed(key)

    return await _changed(tables, tenant, change)


async def revoke(tables: Tables, tenant: str, key: str, now: int) -> Enrolment:
    """Revoke a tenant's key, by its id; return the enrolment. Messages signed with the key are refused from then on.

    Raises NotFound if the tenant is not enrolled or the key is not its own. Raises Unavailable.
    """

    def change(enrolment: Enrolment | None) -> Enrolment:
        return _known(enrolment, tenant).without_key(key, now)

    return await _changed(tables, tenant, change)


def _known(enrolment: Enrolment | None, tenant: str) -> Enrolment:
    if enrolment is None:
        raise NotFound(f"no tenant named {tenant!r} is enrolled")
    return enrolment


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
