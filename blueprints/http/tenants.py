"""Enrolment, for the operator: the admitted tenants, their keys and codes, their names for people, their contacts."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated

import azure.durable_functions as df
from pydantic import AfterValidator, Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.examples import AT, CODE, KEY_ID, PUBLIC_KEY, TENANT, Example
from blueprints.http.fields import PRINTABLE, PageToken, PublicKey
from blueprints.http.paging import place_of, refused, token_of
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.enrolment import ID_BYTES, public_of
from domain.errors import BadParameters
from domain.masking import drawn_tenant
from domain.names import MAX_NAME, name_problem
from pipeline.enrolling import Admission
from pipeline.enrolling import confirm as confirm_key
from pipeline.enrolling import enrol as enrol_tenant
from pipeline.enrolling import revoke as revoke_key
from pipeline.queries.enrolments import (
    Admitted,
    EnrolmentItem,
    EnrolmentList,
    KeyItem,
    admitted,
    enrolment_item,
    list_enrolments,
)
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_LISTED = 500
MOST_IDS = 20


def _name(text: str) -> str:
    if problem := name_problem(text):
        raise ValueError(problem)
    return text


def _words(text: str) -> str:
    if text and not text.isprintable():
        raise ValueError("holds a control character or one that can't be printed")
    return text.strip()


def _id(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError("must hold ids, as 72f988bf-86f1-41af-91ab-2d7cd011db47")
    return text.lower()


Tenant = Annotated[
    str,
    AfterValidator(_name),
    Field(description="The tenant's masked name.", json_schema_extra={"pattern": PRINTABLE, "maxLength": MAX_NAME}),
]
Words = Annotated[str, AfterValidator(_words), Field(max_length=200, json_schema_extra={"pattern": "^[ -~]*$"})]
KeyId = Annotated[
    str,
    Field(pattern=f"^([0-9a-f]{{4}} ?){{{ID_BYTES // 2}}}$"),
    AfterValidator(lambda text: text.replace(" ", "")),  # in groups, as join prints it
]
EntraId = Annotated[
    str,
    AfterValidator(_id),
    Field(json_schema_extra={"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}),
]


class EnrolmentsParameters(NoParameters):
    """The page to show."""

    page: Annotated[PageToken | None, Field(description="The nextPage of the page before.")] = None


class EnrolParameters(NoParameters):
    """The data of a tenant. Omitted parameters keep their values."""

    tenant: Annotated[
        Tenant | None,
        Field(description="The tenant's masked name. Without it, a new name is drawn; label and contact are needed."),
    ] = None
    publicKey: Annotated[
        PublicKey | None,
        Field(
            description="A public key of its SPOC (edge.spoc --public-key), in base64. Two may be valid at a time. "
            "Without it, its SPOC joins with a code."
        ),
    ] = None
    code: Annotated[
        bool | None,
        Field(
            description="True: draw a code for its SPOC to join with; an earlier one counts no longer. Without it, one "
            "is drawn if the tenant has no key and no code that counts."
        ),
    ] = None
    label: Annotated[Words | None, Field(description="What people call it. Only operators see this.")] = None
    contact: Annotated[Words | None, Field(description="Whom to call. Only operators see this.")] = None
    directories: Annotated[
        list[EntraId] | None,
        Field(max_length=MOST_IDS, description="The ids of the directories that its people sign in from."),
    ] = None
    applications: Annotated[
        list[EntraId] | None,
        Field(
            max_length=MOST_IDS,
            description="The ids (client ids) of its applications in those directories that may read what its people "
            "may.",
        ),
    ] = None


class ConfirmParameters(NoParameters):
    """A key of a tenant."""

    tenant: Tenant
    key: Annotated[KeyId, Field(description="The key's id, which was compared with what the SPOC shows.")]


class RevokeParameters(NoParameters):
    """A key of a tenant."""

    tenant: Tenant
    key: Annotated[KeyId, Field(description="The key's id, as the list of tenants has it.")]


_KEY = KeyItem(KEY_ID, PUBLIC_KEY, AT, None, confirmed=True)
_WAITING = EnrolmentItem(
    tenant=TENANT,
    state="code unused",
    enrolled=False,
    label="Contoso",
    contact="Ada Example, ada@contoso.example",
    directories=[],
    applications=[],
    since=AT,
    keys=[],
    newest=None,
    silentSeconds=None,
    unsignedSeen=None,
    unsignedKey=None,
    corrupt=False,
    codeExpires=AT + 7 * 24 * 3_600,
    heartbeat=None,
)
_JOINED = replace(_WAITING, state="waits for first files", enrolled=True, keys=[_KEY], codeExpires=None)
_LEFT = replace(_JOINED, state="every key is revoked", enrolled=False, keys=[replace(_KEY, revoked=AT + 3_600)])
NEW = Example(
    {"label": _WAITING.label, "contact": _WAITING.contact}, Admitted(**asdict(_WAITING), code=CODE, packages=None)
)
CONFIRMED = Example({"tenant": TENANT, "key": KEY_ID}, _JOINED)
REVOKED = Example({"tenant": TENANT, "key": KEY_ID}, _LEFT)


@endpoint(blueprint, "v1/admin/tenants", OPERATORS, max_age=0, group="Operations")
async def enrolments(shared: Services, view: View, asked: EnrolmentsParameters) -> EnrolmentList:
    """The tenants, how far each is in words, their keys, and which ones still send unsigned."""
    question = ["admin/tenants"]
    begin = ""
    if asked.page is not None:
        match place_of(asked.page, question):
            case [str(name)]:
                begin = name
            case _:
                raise refused()
    items, left = await list_enrolments(shared.tables, view, begin, MOST_LISTED)
    return EnrolmentList(None if left is None else token_of([left], question), items)


@endpoint(blueprint, "v1/admin/tenants", OPERATORS, method="POST", group="Operations", example=NEW)
async def enrol(shared: Services, view: View, asked: EnrolParameters) -> Admitted:
    """Enter a tenant, give it one more key or a code to join with, or change its data."""
    if asked.tenant is None and (problems := _without_name(asked)):
        raise BadParameters(problems)
    public_key = None if asked.publicKey is None else public_of(asked.publicKey)
    directories, applications = (
        None if ids is None else tuple(dict.fromkeys(ids)) for ids in (asked.directories, asked.applications)
    )
    tenant = asked.tenant or drawn_tenant()
    said = Admission(tenant, public_key, asked.label, asked.contact, directories, applications, code=asked.code is True)
    enrolment, code = await enrol_tenant(shared.tables, said, view.now)
    return await admitted(shared.tables, enrolment, code, shared.settings.packages_url, view)


def _without_name(asked: EnrolParameters) -> Mapping[str, str]:
    """Return what is wrong with a request that names no tenant."""
    missing = [name for name in ("label", "contact") if not getattr(asked, name)]
    problems = dict.fromkeys(missing, "is missing; without a tenant, a new one is entered, which needs it")
    return problems | ({"publicKey": "needs a tenant"} if asked.publicKey else {})


@endpoint(blueprint, "v1/admin/tenants/confirm", OPERATORS, method="POST", group="Operations", example=CONFIRMED)
async def confirm(shared: Services, view: View, asked: ConfirmParameters) -> EnrolmentItem:
    """Confirm a key that a SPOC has joined with: messages signed with it are taken from then on."""
    enrolment = await confirm_key(shared.tables, asked.tenant, asked.key)
    return await enrolment_item(shared.tables, enrolment, view)


@endpoint(blueprint, "v1/admin/tenants/revoke", OPERATORS, method="POST", group="Operations", example=REVOKED)
async def revoke(shared: Services, view: View, asked: RevokeParameters) -> EnrolmentItem:
    """Revoke a key of a tenant for good: messages signed with it are refused from then on."""
    return await enrolment_item(shared.tables, await revoke_key(shared.tables, asked.tenant, asked.key, view.now), view)
