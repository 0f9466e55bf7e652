"""Problems: errors in words for people and in a form for programs (RFC 9457). Knows every status code."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import azure.functions as func

from blueprints.http.formats import adapter
from blueprints.telemetry import line
from domain.errors import (
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    StateConflict,
    TooLong,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from storage.documents import Corrupt

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNAVAILABLE = "the store, or what else this needs, is not available; try again"
CORRUPT = "a document that this needs is corrupt, and waits for an operator, who finds its name in the log"

_STATUS: Mapping[type[Invalid], HTTPStatus] = {
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    StateConflict: HTTPStatus.CONFLICT,
    TooLong: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Invalid: HTTPStatus.BAD_REQUEST,
}
"""The first matching type counts."""


@dataclass(frozen=True, slots=True)
class BadParameter:
    """A parameter that the API can't accept."""

    name: str
    problem: str
    """What is wrong with it, and what would be correct."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem details object (RFC 9457)."""

    type: str
    """Always about:blank, because the status gives the kind of problem."""
    title: str
    status: int
    detail: str
    """What is wrong, and what to do about it."""
    requestId: str
    """The id of this request in the logs. The header X-Request-Id has it too."""
    parameters: Sequence[BadParameter] = ()
    """Every bad parameter, if parameters are the problem."""


def problem(
    request_id: str,
    status: HTTPStatus,
    detail: str,
    headers: Mapping[str, str] | None = None,
    parameters: Sequence[BadParameter] = (),
) -> func.HttpResponse:
    """Return a problem as a response."""
    body = Problem("about:blank", status.phrase, status.value, detail, request_id, tuple(parameters))
    return func.HttpResponse(
        adapter(Problem).dump_json(body, exclude_defaults=True),
        status_code=status.value,
        headers={
            "Content-Type": MEDIA_TYPE,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": request_id,
            **(headers or {}),
        },
    )


def problem_of(error: Exception, request_id: str, *, public: bool) -> func.HttpResponse:
    """Return the response that explains an error. Log errors that are not the caller's fault.

    ``public``: anybody may call, so only the log says what is wrong with the settings.
    """
    if isinstance(error, Invalid):
        parameters = [BadParameter(*each) for each in getattr(error, "problems", {}).items()]
        status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
        headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
        return problem(request_id, status, str(error), headers, parameters)
    if isinstance(error, TooMany):
        return problem(request_id, HTTPStatus.TOO_MANY_REQUESTS, str(error), _after(error))
    if isinstance(error, Unavailable) and not isinstance(error, Misconfigured):
        log.warning("%s", line("not available", why=error, request=request_id))
        detail = CORRUPT if isinstance(error, Corrupt) else UNAVAILABLE
        return problem(request_id, HTTPStatus.SERVICE_UNAVAILABLE, detail, _after(error))
    detail = "an unexpected error; the log has it by its request id"
    if isinstance(error, Misconfigured):
        log.error("%s", line("misconfigured", why=error, request=request_id))
        detail = "settings are missing or malformed; the log names them" if public else str(error)
    else:
        log.error("unexpected error request=%s", request_id, exc_info=error)
    return problem(request_id, HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _after(error: Unavailable) -> Mapping[str, str]:
    return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
