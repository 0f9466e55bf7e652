"""The part of the durable extension's HTTP API that this app and its status URLs need.

It starts, queries, terminates and removes orchestrations. Knows paths and status codes; refuses to know how
orchestrations run (local.durable).
"""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from local.durable import ACTIVE, TaskHub

OUTSIDE = "/runtime/webhooks/durabletask/"
"""The path for callers from outside. They must send the extension's key."""

INSIDE = "/durabletask/"
"""The path for the worker. In Azure it can't be reached from outside; here the key is part of the path."""

HUB = "SpotPcInsights"
AGAIN = {"Retry-After": "2"}


def client_binding(address: str, key: str) -> str:
    """Return the input of a function's durable client, for a host that answers at ``address``."""
    instance = f"{address}{OUTSIDE}instances/INSTANCEID"
    code = f"code={quote(key)}"
    urls = {
        "id": "INSTANCEID",
        "statusQueryGetUri": f"{instance}?{code}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{code}",
        "purgeHistoryDeleteUri": f"{instance}?{code}",
    }
    inside = f"{address}{INSIDE}{quote(key)}/"
    return json.dumps({"taskHubName": HUB, "creationUrls": {}, "managementUrls": urls, "rpcBaseUrl": inside})


async def answer(request: web.Request, hub: TaskHub) -> web.Response | None:
    """Answer a request to the extension. Return None if the request is for something else."""
    if request.path.startswith(OUTSIDE):
        key, rest = request.query.get("code", ""), request.path.removeprefix(OUTSIDE)
    elif request.path.startswith(INSIDE):
        key, _, rest = request.path.removeprefix(INSIDE).partition("/")
    else:
        return None
    if not secrets.compare_digest(key.encode(), hub.key.encode()):
        return _answer(HTTPStatus.UNAUTHORIZED, {"message": "the key (code) is missing or wrong"})
    match rest.strip("/").split("/"):
        case ["orchestrators", name, instance] if request.method == "POST":
            return await _start(request, hub, name, instance)
        case ["instances"] if request.method == "GET":
            prefix = request.query.get("instanceIdPrefix", "")
            return _answer(HTTPStatus.OK, [each for each in hub.instances() if each["instanceId"].startswith(prefix)])
        case ["instances", instance, *action]:
            return await _one(request, hub, instance, action)
    return _unknown()


async def _start(request: web.Request, hub: TaskHub, name: str, instance: str) -> web.Response:
    try:
        asked = json.loads(await request.read() or b"null")
        if isinstance(asked, str):  # the package sends its input as JSON inside a JSON string
            asked = json.loads(asked)
    except (ValueError, RecursionError):
        return _answer(HTTPStatus.BAD_REQUEST, {"ExceptionMessage": "the input is not JSON"})
    try:
        started = hub.start(name, instance, json.dumps(asked))
    except KeyError:
        return _answer(HTTPStatus.BAD_REQUEST, {"ExceptionMessage": f"the orchestrator {name} does not exist"})
    if not started:
        return _answer(HTTPStatus.CONFLICT, {"message": f"the instance {instance} runs already"})
    return _answer(HTTPStatus.ACCEPTED, {"id": instance})


async def _one(request: web.Request, hub: TaskHub, instance: str, action: list[str]) -> web.Response:
    status = hub.status(instance)
    if status is None:
        return _answer(HTTPStatus.NOT_FOUND, None)
    match request.method, action:
        case "GET", []:
            active = status["runtimeStatus"] in ACTIVE
            headers = {"Location": str(request.url), **AGAIN} if active else {}
            return _answer(HTTPStatus.ACCEPTED if active else HTTPStatus.OK, status, headers)
        case "POST", ["terminate"]:
            ran = await hub.terminate(instance, request.query.get("reason", ""))
            return _answer(HTTPStatus.ACCEPTED if ran else HTTPStatus.GONE, None)
        case "DELETE", []:
            if hub.remove(instance):
                return _answer(HTTPStatus.OK, {"instancesDeleted": 1})
            return _answer(HTTPStatus.CONFLICT, {"message": f"the instance {instance} has not ended"})
    return _unknown()


def _unknown() -> web.Response:
    return _answer(HTTPStatus.NOT_IMPLEMENTED, {"message": "the development host does not support this request"})


def _answer(status: HTTPStatus, content: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers=headers)
