"""Push: the way in for a tenant's SPOC, over HTTPS. Its signature says who it is; no function key or sign-in does."""

import time
from dataclasses import dataclass
from http import HTTPStatus

import azure.durable_functions as df

from blueprints.http.endpoints import ANYBODY, endpoint
from blueprints.http.examples import Example
from blueprints.http.reading import Bytes
from blueprints.services import Services
from domain.disclosure import ForTenants
from pipeline.pushing import push as push_message
from pipeline.queries.view import View

blueprint = df.Blueprint()


@dataclass(frozen=True, slots=True)
class Pushed(ForTenants):
    """A message that the queue has acknowledged."""

    messageId: str
    """Its id in the queue, derived from its bytes: the same message always has the same."""


EXAMPLE = Example(answer=Pushed("5d41402abc4b2a76b9719d911017c592"))


@endpoint(blueprint, "v1/push", ANYBODY, method="POST", status=HTTPStatus.ACCEPTED, group="Joining", example=EXAMPLE)
async def push(shared: Services, view: View, asked: Bytes) -> Pushed:  # noqa: ARG001
    """Hand one signed message to the queue. It is safe when the answer is 202; sending it again is harmless."""
    register = await shared.tables.enrolments.register_for_strangers()
    return Pushed(await push_message(register, shared.queue, shared.pushes, asked.body, time.monotonic()))
