"""Enrolment, for the operator: the admitted tenants, their keys, their names for people, and their contacts."""

import re
from typing import Annotated

import azure.durable_functions as df
from pydantic import AfterValidator, Field

from blueprints.http.endpoints import OPERATORS, endpoint
from blueprints.http.fields import PRINTABLE, PageToken
from blueprints.http.paging import place_of, refused, token_of
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.enrolment import ID_BYTES, public_of
from domain.names import MAX_NAME, name_problem
from pipeline.enrolling import Admission
from pipeline.enrolling import enrol as enrol_tenant
from pipeline.enrolling import revoke as revoke_key
from pipeline.queries.enrolments import EnrolmentItem, EnrolmentList, enrolment_item, list_enrolments
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


def _public_key(text: str) -> str:
    public_of(text)
    return text


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
PublicKey = Annotated[
    str, AfterValidator(_public_key), Field(json_schema_extra={"pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"})
]
KeyId = Annotated[str, Field(pattern=f"^[0-9a-f]{{{2 * ID_BYTES}}}$")]
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

    tenant: Tenant
    publicKey: Annotated[
        PublicKey | None,
        Field(
            description="A public key of its SPOC (edge.spoc --public-key), in base64. Two may be valid at a time. Not "
            "to be left out the first time."
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


class RevokeParameters(NoParameters):
    """A key of a tenant."""

    tenant: Tenant
    key: Annotated[KeyId, Field(description="The key's id, as the list of tenants has it.")]


@endpoint(blueprint, "v1/admin/tenants", OPERATORS, max_age=0)
async def enrolments(shared: Services, view: View, asked: EnrolmentsParameters) -> EnrolmentList:
    """The enrolled tenants, their keys, how long each has been silent, and which ones still send unsigned."""
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


@endpoint(blueprint, "v1/admin/tenants", OPERATORS, method="POST")
async def enrol(shared: Services, view: View, asked: EnrolParameters) -> EnrolmentItem:
    """Enrol a tenant, give it one more key, or change its data."""
    public_key = None if asked.publicKey is None else public_of(asked.publicKey)
    directories, applications = (
        None if ids is None else tuple(dict.fromkeys(ids)) for ids in (asked.directories, asked.applications)
    )
    said = Admission(asked.tenant, public_key, asked.label, asked.contact, directories, applications)
    return await enrolment_item(shared.tables, await enrol_tenant(shared.tables, said, view.now), view)


@endpoint(blueprint, "v1/admin/tenants/revoke", OPERATORS, method="POST")
async def revoke(shared: Services, view: View, asked: RevokeParameters) -> EnrolmentItem:
    """Revoke a key of a tenant for good: messages signed with it are refused from then on."""
    return await enrolment_item(shared.tables, await revoke_key(shared.tables, asked.tenant, asked.key, view.now), view)
