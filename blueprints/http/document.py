"""The API itself, as an OpenAPI document."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import azure.durable_functions as df

from blueprints.http import openapi
from blueprints.http.endpoints import ENDPOINTS, EVERY_CALLER, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from domain.disclosure import ForTenants
from pipeline.queries.view import View

blueprint = df.Blueprint()


@dataclass(frozen=True, slots=True)
class ApiDocument(ForTenants):
    """A description of the API (OpenAPI 3.1). It is made from types, and contains no data of the store."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


@endpoint(blueprint, "v1/openapi.json", EVERY_CALLER, max_age=300)
async def api_document(shared: Services, view: View, asked: NoParameters) -> ApiDocument:  # noqa: ARG001
    """The API itself, as an OpenAPI 3.1 document."""
    return _document()


@cache
def _document() -> ApiDocument:
    """Return the document. It is made at the first request, because all endpoints are registered by then."""
    return ApiDocument(**openapi.document(ENDPOINTS))
