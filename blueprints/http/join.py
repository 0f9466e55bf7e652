"""Joining: a tenant's SPOC brings its public key with the code that an operator gave. The code says who it is."""

import base64
import binascii
import time
from dataclasses import dataclass
from typing import Annotated

import azure.durable_functions as df
from pydantic import AfterValidator, Field

from blueprints.http.endpoints import ANYBODY, endpoint
from blueprints.http.examples import CODE as EXAMPLE_CODE
from blueprints.http.examples import KEY_ID, PUBLIC_KEY, TENANT, Example
from blueprints.http.fields import PublicKey
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.disclosure import ForTenants
from domain.enrolment import public_of
from domain.errors import Forbidden, TooMany
from domain.invitation import ALPHABET, CODE_CHARACTERS, code_of, to_prove
from domain.signed import SIGNATURE_BYTES, fits
from pipeline.enrolling import join as join_tenant
from pipeline.queries.view import View

blueprint = df.Blueprint()

CODE = f"^[{ALPHABET}]{{{CODE_CHARACTERS}}}$"
"""A code as it is written at its shortest."""


def _proof(text: str) -> str:
    try:
        proof = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("must be a signature in base64") from error
    if len(proof) != SIGNATURE_BYTES:
        raise ValueError(f"must hold {SIGNATURE_BYTES} bytes in base64")
    return text


Code = Annotated[
    str,
    AfterValidator(code_of),
    Field(max_length=100, description="The code, as the operator gave it.", json_schema_extra={"pattern": CODE}),
]
Proof = Annotated[
    str,
    AfterValidator(_proof),
    Field(
        description="The bytes SPOTJOIN and the code (26 capital letters and digits), signed with that key "
        "(Ed25519), in base64.",
        json_schema_extra={"pattern": "^[A-Za-z0-9+/]{85}[AQgw]==$"},
    ),
]


class JoinParameters(NoParameters):
    """The code, and the key of the SPOC that joins."""

    code: Code
    publicKey: Annotated[PublicKey, Field(description="The SPOC's public key: 32 bytes in base64.")]
    proof: Proof

    @property
    def proven(self) -> bool:
        """Whether the proof was made with the key."""
        return fits(public_of(self.publicKey), base64.b64decode(self.proof), to_prove(self.code))


@dataclass(frozen=True, slots=True)
class Joined(ForTenants):
    """A SPOC that has joined. The same code and key always get this answer."""

    tenant: str
    """The tenant's masked name."""
    keyId: str
    """The id of the SPOC's key: its fingerprint, which the operator compares by voice."""
    confirmed: bool
    """Whether the operator has confirmed the key, so that messages signed with it are taken."""
    packages: str | None
    """Where to get the package for the tenant's VMs; null: ask the operator."""


EXAMPLE = Example(
    {
        "code": EXAMPLE_CODE,
        "publicKey": PUBLIC_KEY,
        "proof": "MxMOuzCuPm1pSJZwoLpFc77tbhe0mpR23f4gqcgMqTfbGvPKe3B4VTAN23RoXvR+OY4YuvWDvalxTRr5wlSRCg==",
    },
    Joined(TENANT, KEY_ID, confirmed=False, packages=None),
)


@endpoint(blueprint, "v1/join", ANYBODY, method="POST", group="Joining", example=EXAMPLE)
async def join(shared: Services, view: View, asked: JoinParameters) -> Joined:
    """Join with a code: from then on, the key that comes with it awaits the operator's confirmation."""
    if not asked.proven:
        raise Forbidden("the proof was not made with this key for this code")
    if wait := shared.joins.wait("", time.monotonic()):
        raise TooMany("one code a second is looked up, whoever asks", wait)
    enrolment, key = await join_tenant(shared.tables, asked.code, public_of(asked.publicKey), view.now)
    return Joined(enrolment.tenant, key.id, key.valid, shared.settings.packages_url)
