"""The steps of every endpoint of the API: identify the caller, read the parameters, work, and answer.

``endpoint`` turns a function from parameters to an answer into an HTTP trigger, and records it in ``ENDPOINTS``. The
OpenAPI document is made from ``ENDPOINTS``, so the document matches what the code parses and writes.
"""

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import UnionType
from typing import Any, Literal, get_args, get_type_hints
from urllib.parse import parse_qsl, urlencode, urlsplit

import azure.durable_functions as df
import azure.functions as func

from blueprints.http.access import caller_behind, of_another_site, refused
from blueprints.http.examples import NOTHING, Example, Group
from blueprints.http.formats import Text, chosen_format, negotiated, respond, written
from blueprints.http.problems import problem, problem_of
from blueprints.http.reading import KEY_PARAMETERS, Bytes, ListParameters, NoParameters, read
from blueprints.http.shown import may_be_shown
from blueprints.operations import start
from blueprints.services import Services, services
from blueprints.settings import sign_in
from blueprints.telemetry import line
from domain.access import OPERATOR, Caller, Role
from domain.disclosure import ForTenants
from domain.errors import Forbidden, Invalid
from storage.charges import metered

log = logging.getLogger(__name__)

Work = Callable[..., Awaitable[Any]]
"""From services, view and parameters to an answer. If it names a ``client``, it also gets that of Durable Functions."""

Method = Literal["GET", "POST", "PUT", "DELETE"]
ANYBODY: tuple[Role, ...] = ()
EVERY_CALLER: tuple[Role, ...] = ("operator", "tenant", "machine")
PEOPLE: tuple[Role, ...] = ("operator", "tenant")
OPERATORS: tuple[Role, ...] = ("operator",)
FLEET_WIDE: tuple[Role, ...] = ("operator", "machine")

OPERATIONS = "v1/admin/operations"

LIVE = 30
"""Seconds for which an answer from the report may be kept: half the time between changes of the report."""

VARY = "Accept, Accept-Encoding, Authorization, Cookie, X-Functions-Key"


@dataclass(frozen=True, slots=True)
class Started:
    """A running operation."""

    id: str
    statusUrl: str
    """Where to ask for its progress; relative to the app's address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: ``work`` answers ``parameters``. If ``callers`` is empty, anybody may call, without any key.

    Parameters that the route names, as in ``v1/rules/{rule}``, are in the path. The others are in the query, or for
    POST and PUT in a JSON object in the body, unless they are Bytes: then the body is taken as it is. If the endpoint
    ``starts`` an operation, its method is POST, its parameters are in the query, and its ``work`` returns the
    operation. If ``asks_durable`` is true, its ``work`` gets a client of Durable Functions. ``status`` is that of a
    good answer. ``group`` and ``example`` only present it.
    """

    method: Method
    route: str
    callers: Collection[Role]
    max_age: int
    work: Work
    parameters: type[NoParameters]
    answer: Any
    media_types: Sequence[str]
    starts: bool
    asks_durable: bool
    status: HTTPStatus
    group: Group
    example: Example

    @property
    def methods(self) -> Sequence[str]:
        """The methods that the endpoint answers."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def changes(self) -> bool:
        """Whether a call changes anything."""
        return self.method != "GET"

    @property
    def reads_body(self) -> bool:
        """Whether its parameters are in the body."""
        in_body = self.parameters.model_fields.keys() - set(self.in_path)
        return self.method in ("POST", "PUT") and not self.starts and bool(in_body)

    @property
    def in_path(self) -> Collection[str]:
        """The names of the parameters in the path."""
        return re.findall(r"{(\w+)}", self.route)

    @property
    def public(self) -> bool:
        """Whether anybody may call."""
        return not self.callers

    @property
    def answers(self) -> Sequence[Any]:
        """The types of its answers. If there are several, it depends on the caller and the question."""
        return get_args(self.answer) if isinstance(self.answer, UnionType) else (self.answer,)

    @property
    def for_tenants(self) -> bool:
        """Whether a tenant's caller may call."""
        return self.public or "tenant" in self.callers

    @property
    def name(self) -> str:
        """The name of the function, and of the operation."""
        return self.work.__name__

    @property
    def meaning(self) -> str:
        """A description of its answer, in words."""
        return inspect.getdoc(self.work) or ""


ENDPOINTS: list[Endpoint] = []


def endpoint(
    blueprint: df.Blueprint,
    route: str,
    callers: Collection[Role],
    max_age: int = LIVE,
    media_types: Sequence[str] = ("application/json",),
    *,
    method: Method = "GET",
    starts: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
    group: Group = "The API itself",
    example: Example = NOTHING,
) -> Callable[[Work], Work]:
    """Register a function as an endpoint. Its annotations give the types of its parameters and its answer.

    The trigger accepts all methods of the route, so that the answer to a wrong method can name the right ones. The
    Functions host would answer 404. Several endpoints may share a route if their methods differ. They all use the
    trigger of the first one. So a later one can't be open to anybody unless the first one is, and it can't get a client
    of Durable Functions unless the first one does. Raises ValueError if it would. Raises TypeError if tenants' callers
    may call but no type of its answers is for them.

    If people sign in, the Functions host lets everybody in, and this code refuses callers who are not signed in.
    """

    def register(work: Work) -> Work:
        hints = get_type_hints(work)
        answer = Started if starts else hints["return"]
        asks_durable = "client" in hints
        with_client = starts or asks_durable
        by = "POST" if starts else method
        made = Endpoint(
            *(by, route, callers, max_age, work, hints["asked"], answer, media_types),
            *(starts, asks_durable, status, group, example),
        )
        earlier = endpoints_of(route)
        if earlier:
            first = earlier[0]
            no_client = with_client and not (first.starts or first.asks_durable)
            if no_client or any(each.public != made.public or each.method == by for each in earlier):
                raise ValueError(f"{made.name} can't share the route {route} with {first.name}")
        if made.for_tenants and not any(map(may_be_shown, made.answers)):
            raise TypeError(f"{route} is open to tenants, and {answer} is not for them (domain.disclosure.ForTenants)")
        ENDPOINTS.append(made)
        if earlier:
            return work
        level = func.AuthLevel.ANONYMOUS if made.public or sign_in().on else func.AuthLevel.FUNCTION

        async def handle(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
            return await _handle(route, req, context.invocation_id)

        async def handle_with_client(
            req: func.HttpRequest, context: func.Context, client: df.DurableOrchestrationClient
        ) -> func.HttpResponse:
            return await _handle(route, req, context.invocation_id, client)

        handler = blueprint.durable_client_input("client")(handle_with_client) if with_client else handle
        handle.__doc__ = handle_with_client.__doc__ = made.meaning
        blueprint.function_name(made.name)(blueprint.route(route=route, auth_level=level)(handler))
        return work

    return register


def endpoints_of(route: str) -> Sequence[Endpoint]:
    """Return the endpoints that share a route. Their methods differ."""
    return [each for each in ENDPOINTS if each.route == route]


async def _handle(
    route: str, request: func.HttpRequest, request_id: str, client: df.DurableOrchestrationClient | None = None
) -> func.HttpResponse:
    """Answer a request. Every error becomes a problem."""
    there = endpoints_of(route)
    if not there[0].public and (refusal := refused(request.headers, request_id, sign_in())):
        return refusal
    to = next((each for each in there if request.method in each.methods), None)
    if to is None:
        methods = [method for each in there for method in each.methods]
        allowed = ", ".join(methods)
        detail = f"{request.method} is not possible here; {allowed} {'is' if len(methods) == 1 else 'are'}"
        return problem(request_id, HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
    try:
        shared = services()
        caller = OPERATOR if to.public else await _admitted(to, request, shared)
        view = shared.view(caller)
        asked = _asked(to, request, view.now)
        with metered() as meter:
            given = {"client": client} if to.asks_durable else {}
            answer = await to.work(shared, view, asked, **given)
        if (to.public or caller.role == "tenant") and not isinstance(answer, ForTenants):
            raise TypeError(f"{type(answer).__name__} is not for a tenant's caller")
        log.info("%s", line("answered", function=to.name, caller=caller.role, charge=meter, request=request_id))
        headers = {"Cache-Control": _cache_control(to), "Vary": VARY, "X-Request-Id": request_id}
        if to.starts:
            return _started(await start(client, answer, caller.name, view.now), headers)
        already = {} if to.changes else request.headers  # always report a change in full
        return respond(already, *_written(answer, asked, request, headers), headers, to.status)
    except Exception as error:  # noqa: BLE001  (each is logged or told)
        # Without sign-in, the caller holds a key and is the operator. With it, any directory's user may get here.
        return problem_of(error, request_id, public=to.public or sign_in().on)


def _started(instance: str, headers: Mapping[str, str]) -> func.HttpResponse:
    """Return where to ask for an operation's progress. Durable Functions' own answer holds a key to all of its API."""
    where = f"/{OPERATIONS}/{instance}"
    body, media_type = written(Started(instance, where), "json")
    headers = {**headers, "Location": where, "Retry-After": "2", "Content-Type": media_type}
    return func.HttpResponse(body, status_code=HTTPStatus.ACCEPTED, headers=headers)


async def _admitted(to: Endpoint, request: func.HttpRequest, shared: Services) -> Caller:
    caller = OPERATOR
    if sign_in().on:
        caller = await caller_behind(request.headers, shared.settings, shared.tables.enrolments.register)
    if caller.role not in to.callers:
        raise Forbidden(f"this is not for a {caller.role}")
    if to.changes and of_another_site(request.headers, request.url):
        raise Forbidden("this was sent by a page of another site, or by a browser that does not say by whose")
    if to.changes and not to.reads_body and request.get_body():
        raise Invalid("parameters stand in the URL; a body is not read, so leave it out")
    return caller


def _asked(to: Endpoint, request: func.HttpRequest, now: int) -> Any:
    """Return an endpoint's parameters, from the path and from the query or the body."""
    body = None
    if issubclass(to.parameters, Bytes):
        return to.parameters(body=request.get_body())
    if to.reads_body:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Invalid("send the parameters as a JSON object, with Content-Type: application/json")
        body = request.get_body()
    return read(to.parameters, request.url, now, {name: request.route_params[name] for name in to.in_path}, body)


def _written(answer: Any, asked: NoParameters, request: func.HttpRequest, headers: dict[str, str]) -> tuple[bytes, str]:
    """Return the bytes of an answer and their media type. If there is a next page, add it to the headers."""
    if isinstance(answer, Text):
        media_type = negotiated(request.headers.get("accept", ""), list(answer.forms))
        return answer.forms[media_type]().encode(), media_type
    if not isinstance(asked, ListParameters) or not hasattr(answer, "data"):  # it has no rows
        return written(answer, "json")
    if next_page := getattr(answer, "nextPage", None):
        headers["Link"] = f'<{_with_page(request.url, next_page)}>; rel="next"'
    return written(answer, chosen_format(asked.format, request.headers.get("accept", "")))


def _with_page(url: str, token: str) -> str:
    """Return a relative reference to the question's next page, without any key that the URL contains."""
    asked = parse_qsl(urlsplit(url).query)
    kept = [(name, value) for name, value in asked if name != "page" and name.lower() not in KEY_PARAMETERS]
    return f"?{urlencode([*kept, ('page', token)])}"


def _cache_control(to: Endpoint) -> str:
    return f"private, max-age={to.max_age}" if to.max_age and not to.changes else "no-store"
