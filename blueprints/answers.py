"""Answers of the API: JSON from the pipeline's dataclasses, and problems (RFC 9457) from errors.

The only place that knows status codes.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import TypeAdapter

from blueprints.parameters import NoParameters, read
from blueprints.services import Services, services
from domain.errors import BadParameters, Misconfigured, NeverSeen, Unavailable
from storage.charges import metered

log = logging.getLogger(__name__)
_adapters: dict[type[Any], TypeAdapter[Any]] = {}

Parameters = TypeVar("Parameters", bound=NoParameters)


async def answer(
    request: func.HttpRequest,
    model: type[Parameters],
    work: Callable[[Services, Parameters], Awaitable[Any]],
) -> func.HttpResponse:
    """Read the parameters, do the work, and write its result as JSON, or what went wrong as a problem."""
    try:
        parameters = read(model, request.url)
        with metered() as meter:
            result = await work(services(), parameters)
        log.info("answered %s charge=%s", urlsplit(request.url).path, meter)
        return func.HttpResponse(_adapter(type(result)).dump_json(result), headers=_headers("application/json"))
    except BadParameters as error:
        parameters_found = [{"name": name, "problem": problem} for name, problem in error.problems.items()]
        return problem(HTTPStatus.BAD_REQUEST, str(error), {"parameters": parameters_found})
    except NeverSeen as error:
        return problem(HTTPStatus.NOT_FOUND, str(error))
    except Misconfigured as error:
        log.error("%s", error)  # noqa: TRY400  (the settings are at fault, not the code: no trace)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    except Unavailable as error:
        log.warning("%s", error)
        retry = {"Retry-After": str(round(error.retry_after))}
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the store is not available; try again", headers=retry)
    except Exception:
        log.exception("unexpected error in %s", request.url.partition("?")[0])
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the log has it")


def problem(
    status: HTTPStatus,
    detail: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """Return a problem details object: its title is the status's, its detail says what to do about it."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, **(more or {})}
    return func.HttpResponse(
        json.dumps(body),
        status_code=status.value,
        headers={**_headers("application/problem+json"), **(headers or {})},
    )


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
