"""The API itself, as an OpenAPI document."""

from functools import cache
from typing import Any

import azure.durable_functions as df

from blueprints.http import openapi
from blueprints.http.endpoints import ENDPOINTS, EVERY_CALLER, endpoint
from blueprints.http.reading import NoParameters
from blueprints.services import Services
from pipeline.queries.view import View

blueprint = df.Blueprint()


@endpoint(blueprint, "v1/openapi.json", EVERY_CALLER, max_age=300)
async def api_document(shared: Services, view: View, asked: NoParameters) -> dict[str, Any]:  # noqa: ARG001
    """The API itself, as an OpenAPI 3.1 document."""
    return _document()


@cache
def _document() -> dict[str, Any]:
    """The document, made when first asked for: by then all endpoints are registered."""
    return openapi.document(ENDPOINTS)
