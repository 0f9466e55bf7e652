"""The OpenAPI 3.1 document of the API, made from the types of the endpoints' parameters and answers.

This file adds only what is true for all endpoints: keys, sign-in, problems.
"""

from collections.abc import Iterable
from dataclasses import is_dataclass
from http import HTTPStatus
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from blueprints.http.endpoints import OPERATIONS, Endpoint, Started
from blueprints.http.examples import GROUPS, INSTANCE
from blueprints.http.formats import MEDIA_TYPES, Text, adapter
from blueprints.http.problems import MEDIA_TYPE, Problem
from blueprints.http.reading import Bytes, ListParameters
from blueprints.settings import sign_in

REFERENCE = "#/components/schemas/{model}"
HEADERS = {
    "X-Request-Id": {"description": "Names this request in the logs.", "schema": {"type": "string"}},
    "ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}},
}
SECURITY = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-functions-key",
        "description": "A function key of the app, where people do not sign in.",
    },
    "signIn": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of Microsoft Entra ID, where people sign in (App Service Authentication). A browser "
        "that has signed in needs none.",
    },
}
ABOUT = (
    "Per-minute performance counters of virtual desktops: averages over the fleet, VMs beside their tenant and the "
    "fleet, and the samples. Times are Unix seconds in UTC; a minute is named by its second 30. What a tenant's caller "
    "may not see is null, and the answer says why."
)


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document."""
    endpoints = sorted(endpoints, key=lambda each: "/admin/" in each.route)  # the operator's endpoints last
    return {
        "openapi": "3.1.0",
        "info": {"title": "Spot PC Insights", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in GROUPS.items()],
        "paths": {
            f"/{route}": {each.method.lower(): _operation(each) for each in endpoints if each.route == route}
            for route in dict.fromkeys(each.route for each in endpoints)
        },
        "components": {"schemas": _schemas(endpoints), "securitySchemes": SECURITY},
    }


def _operation(of: Endpoint) -> dict[str, Any]:
    problems = [HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE]
    if not of.public:
        problems += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if of.parameters.model_fields:
        problems.append(HTTPStatus.NOT_FOUND)
    if of.changes and not of.starts:
        problems.append(HTTPStatus.CONFLICT)
    if of.changes and of.public:
        problems += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS]
        problems.append(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return {
        "operationId": of.name,
        "summary": of.meaning,
        "tags": [of.group],
        "x-callers": list(of.callers) or ["anybody"],
        "security": [] if of.public else [{"signIn" if sign_in().on else "key": []}],  # the scheme in use here
        "parameters": _parameters(of),
        **({"requestBody": _body(of)} if of.reads_body else {}),
        "responses": {
            **_good_answers(of),
            **{
                str(status.value): {
                    "description": f"{status.phrase}: the detail says why, and what to do.",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}},
                }
                for status in sorted(problems)
            },
        },
    }


def _good_answers(of: Endpoint) -> dict[str, Any]:
    if of.starts:
        headers = {**HEADERS, "Location": {"description": "Where to ask how far it is.", "schema": {"type": "string"}}}
        del headers["ETag"]
        return {"202": {"description": "The operation runs.", "headers": headers, "content": _content(of)}}
    answer = {"description": "The answer.", "headers": HEADERS, "content": _content(of)}
    if of.changes:
        return {str(of.status.value): answer}
    return {
        "200": answer,
        "304": {"description": "The answer that If-None-Match named is still right.", "headers": HEADERS},
    }


def _content(of: Endpoint) -> dict[str, Any]:
    if issubclass(of.answers[0], Text):
        return {media_type: {"schema": {"type": "string"}} for media_type in of.media_types}
    references = [{"$ref": REFERENCE.format(model=each.__name__)} for each in of.answers]
    schema: dict[str, Any] = references[0] if len(references) == 1 else {"anyOf": references}
    answer = Started(INSTANCE, f"/{OPERATIONS}/{INSTANCE}") if of.starts else of.example.answer
    example = {} if answer is None else {"example": adapter(type(answer)).dump_python(answer, mode="json")}
    content: dict[str, Any] = {media_type: {"schema": schema, **example} for media_type in of.media_types}
    if issubclass(of.parameters, ListParameters):
        content |= {kind: {"schema": {"type": "string"}} for form, kind in MEDIA_TYPES.items() if form != "json"}
    return content


def _body(of: Endpoint) -> dict[str, Any]:
    if issubclass(of.parameters, Bytes):
        return {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    schema = of.parameters.model_json_schema()
    for name in of.in_path:
        del schema["properties"][name]
        schema["required"].remove(name)
    example = {name: value for name, value in of.example.asked.items() if name not in of.in_path}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _parameters(of: Endpoint) -> list[dict[str, Any]]:
    """Return the parameters in the URL."""
    schema = of.parameters.model_json_schema()
    required = schema.get("required", ())
    parameters = []
    for name, described in schema.get("properties", {}).items():
        if of.reads_body and name not in of.in_path:
            continue
        kind = {key: value for key, value in described.items() if key not in ("title", "description", "default")}
        kind = _without_null(kind)
        if "default" in described and described["default"] not in (None, []):
            kind["default"] = described["default"]
        parameters.append(
            {
                "name": name,
                "in": "path" if name in of.in_path else "query",
                "required": name in required,
                "description": described.get("description", ""),
                "schema": kind,
                **({"example": of.example.asked[name]} if name in of.example.asked else {}),
            }
        )
    return parameters


def _without_null(kind: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without null. An optional parameter is never null, because a query can't express null."""
    choices = [choice for choice in kind.get("anyOf", ()) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else {**kind, **({"anyOf": choices} if choices else {})}


def _schemas(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the schemas of all answers and of a problem. The types' docstrings describe their fields."""
    answers = dict.fromkeys(answer for each in endpoints for answer in each.answers)
    kinds: list[Any] = [
        each for each in answers if isinstance(each, type) and is_dataclass(each) and not issubclass(each, Text)
    ]
    # Use a tuple: a dataclass takes no configuration from outside, but inside a tuple it takes the tuple's.
    everything: Any = GenericAlias(tuple, (*kinds, Problem))
    adapter = TypeAdapter(everything, config=ConfigDict(use_attribute_docstrings=True))
    schemas: dict[str, Any] = adapter.json_schema(mode="serialization", ref_template=REFERENCE)["$defs"]
    return schemas
