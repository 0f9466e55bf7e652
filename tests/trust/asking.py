"""How a tenant's caller asks the API in tests: any endpoint, by the whole way of a request, at any time."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import azure.functions as func
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http import endpoints
from blueprints.http.endpoints import ENDPOINTS, Endpoint
from blueprints.services import Services
from blueprints.settings import Settings, SignIn
from domain.enrolment import text_of
from domain.invitation import to_prove
from local.platform import HOME, Behaviour, principal
from messaging.dead_letters import NoDeadLetters
from storage.tables import Tables

OPEN_TO_TENANTS = {each.name: each for each in ENDPOINTS if each.for_tenants}
ME = "me"
"""The caller's tenant, and its directory."""

_SPOC = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
_CODE = "0123456789ABCDEFGHJKMNPQRS"
STRANGERS: Mapping[str, str] = {
    "code": _CODE,
    "publicKey": text_of(_SPOC.public_key().public_bytes_raw()),
    "proof": base64.b64encode(_SPOC.sign(to_prove(_CODE))).decode(),
    "body": "not signed",
}
"""What somebody gives who wants to join with a code that was never given, or to push without a key."""

SETTINGS = Settings(cosmos_endpoint="https://nowhere", role_directory=HOME, tenant_ids={ME: ME})


@dataclass(frozen=True, slots=True)
class ServicesAt(Services):
    """What the functions share, at a time of the test's own."""

    clock: Callable[[], float] = time.time

    @property
    def now(self) -> int:
        """See Services."""
        return int(self.clock())


async def ask(
    tables: Tables, clock: Callable[[], float], endpoint: Endpoint, asked: Mapping[str, object], **claims: str
) -> str:
    """Return what somebody with these claims is answered: status, headers and body."""
    request = func.HttpRequest(
        endpoint.methods[0],
        f"https://app/{endpoint.route}" + ("" if endpoint.reads_body else f"?{urlencode(asked, doseq=True)}"),
        headers={
            "x-ms-client-principal": principal(Behaviour().claims(claims, session=True)),
            "content-type": "application/json",
        },
        body=json.dumps(asked).encode() if endpoint.reads_body else b"",
    )
    shared = ServicesAt(SETTINGS, tables, NoDeadLetters(), clock=clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoints, "services", lambda: shared)
        patch.setattr(endpoints, "sign_in", lambda: SignIn(on=True))
        answer = await endpoints._handle(endpoint.route, request, "request")
    headers = sorted(answer.headers.items())
    return f"{answer.status_code} {headers} {answer.get_body().decode()}"
