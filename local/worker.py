"""Loads and invokes the function app through Microsoft's own worker library (azure-functions-runtime).

In Azure, the Functions host talks to this library over gRPC. The library takes the message classes as a parameter. So
this module gives it plain classes instead of the generated ones, and indexes and invokes the app in this process.
Knows the worker's protocol; refuses to know HTTP servers, schedules and queues (local.host).
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import azure_functions_runtime as runtime


class FunctionFailed(RuntimeError):
    """A function raised an exception, or the app can't be indexed. ``str()`` is the exception's message."""


class _Fields:
    """Stands in for a protobuf message. It takes any fields; fields not given are None."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _OneOf(_Fields):
    """Stands in for a protobuf message with one set field."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802  (protobuf's name)
        return next(iter(self.__dict__), None)


class _SameSite(IntEnum):
    NoSameSite = 0
    Lax = 1
    Strict = 2
    ExplicitNone = 3


class _RpcHttpCookie(_Fields):
    SameSite = _SameSite


class _BindingInfo(_Fields):
    undefined, string, binary, stream = 0, 1, 2, 3
    # The enumeration of directions shares the class; `in` is a keyword.


for _number, _name in enumerate(("in", "out", "inout")):
    setattr(_BindingInfo, _name, _number)


class _StatusResult(_Fields):
    Failure, Success, Cancelled = 0, 1, 2


class _Protos:
    """Stands in for the module of generated classes, with those that the worker library uses."""

    TypedData = _OneOf
    ParameterBinding = _OneOf
    RpcHttpCookie = _RpcHttpCookie
    BindingInfo = _BindingInfo
    StatusResult = _StatusResult


for _name in (
    "RpcHttp",
    "WorkerInitResponse",
    "WorkerMetadata",
    "RpcFunctionMetadata",
    "FunctionMetadataResponse",
    "FunctionLoadResponse",
    "InvocationResponse",
    "RpcException",
    "RpcRetryOptions",
    "NullableString",
    "NullableBool",
    "NullableDouble",
    "NullableTimestamp",
):
    setattr(_Protos, _name, type(_name, (_Fields,), {}))


class _Parameter(_Fields):
    """An input of an invocation: a name and its data."""

    def WhichOneof(self, _: str) -> str:  # noqa: N802
        return "data"


@dataclass(frozen=True, slots=True)
class Function:
    """An indexed function: its name, its trigger (a binding's JSON, as the host gets it), and its id for invoking."""

    name: str
    trigger: Mapping[str, Any]
    bindings: Sequence[Mapping[str, Any]]
    function_id: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of an HTTP function."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Worker:
    """The loaded app. A process can have only one, since the library keeps the app in module globals."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.durable_client = ""
        """The input of durable clients: JSON that says where to reach the task hub (local.webhooks)."""

    @classmethod
    async def load(cls, folder: Path) -> "Worker":
        """Index the app in a folder. Raises FunctionFailed if it can't be imported or indexed."""
        runtime.start_threadpool_executor()
        start = _Fields(capabilities={}, function_app_directory=str(folder))
        answer = await runtime.worker_init_request(_request(worker_init_request=start))
        _check(answer.result)
        metadata = await runtime.functions_metadata_request(_request())
        functions = {}
        for each in metadata.function_metadata_results:
            bindings = [json.loads(binding) for binding in each.raw_bindings]
            trigger = next(binding for binding in bindings if binding["type"].lower().endswith("trigger"))
            functions[each.name] = Function(each.name, trigger, bindings, each.function_id)
        return cls(functions)

    async def http(
        self,
        function: Function,
        method: str,
        url: str,
        headers: Mapping[str, str],
        route: Mapping[str, str],
        body: bytes,
    ) -> HttpAnswer:
        """Invoke an HTTP function. ``route`` holds the parameters of its route. Raises FunctionFailed."""
        request = _Fields(
            method=method,
            url=url,
            headers=dict(headers),
            query={},
            params=dict(route),
            body=_OneOf(bytes=body) if body else _OneOf(),
        )
        returned = await self._invoke(function, _OneOf(http=request), {})
        answer = returned.http
        kind = answer.body.WhichOneof("data")
        content = getattr(answer.body, kind) if kind else b""
        content = content.encode() if isinstance(content, str) else content
        return HttpAnswer(int(answer.status_code), dict(answer.headers), content)

    async def timer(self, function: Function, *, past_due: bool) -> None:
        """Invoke a timer function. Raises FunctionFailed."""
        await self._invoke(function, _OneOf(json=json.dumps({"IsPastDue": past_due})), {})

    async def queue_batch(self, function: Function, messages: Sequence[tuple[str, bytes, int]]) -> None:
        """Invoke a queue function with messages (id, body, delivery count). Raises FunctionFailed."""
        names, bodies, deliveries = zip(*messages, strict=True)
        # A file name holds half a surrogate pair for each byte that is not UTF-8. Protobuf's strings can't hold these.
        ids = [name.encode(errors="replace").decode() for name in names]
        metadata = {
            "UserPropertiesArray": _OneOf(json=json.dumps([{}] * len(ids))),
            "ApplicationPropertiesArray": _OneOf(json=json.dumps([{}] * len(ids))),
            "MessageIdArray": _OneOf(collection_string=_Fields(string=ids)),
            "DeliveryCountArray": _OneOf(collection_sint64=_Fields(sint64=list(deliveries))),
        }
        await self._invoke(function, _OneOf(collection_bytes=_Fields(bytes=list(bodies))), metadata)

    async def orchestrate(self, function: Function, context: str) -> Any:
        """Replay an orchestrator with a history. Return its state. Raises FunctionFailed, also if it has failed."""
        returned = await self._invoke(function, _OneOf(string=context), {})
        state = json.loads(returned.json)
        return json.loads(state) if isinstance(state, str) else state

    async def activity(self, function: Function, asked: str) -> str:
        """Run an activity. Input and result are JSON. Raises FunctionFailed."""
        returned = await self._invoke(function, _OneOf(json=asked), {})
        return str(returned.json)

    async def _invoke(self, function: Function, data: _OneOf, metadata: Mapping[str, _OneOf]) -> Any:
        clients = (each["name"] for each in function.bindings if each["type"].lower() == "durableclient")
        invocation = _Fields(
            invocation_id=str(uuid.uuid4()),
            function_id=function.function_id,
            input_data=[
                _Parameter(name=function.trigger["name"], data=data),
                *(_Parameter(name=name, data=_OneOf(string=self.durable_client)) for name in clients),
            ],
            trigger_metadata=dict(metadata),
            trace_context=_Fields(trace_parent="", trace_state="", attributes={}),
            retry_context=_Fields(retry_count=0, max_retry_count=0),
        )
        answer = await runtime.invocation_request(_request(invocation_request=invocation))
        _check(answer.result)
        return answer.return_value


def _request(**fields: Any) -> _Fields:
    return _Fields(request=_Fields(**fields), properties={"host": "127.0.0.1", "protos": _Protos})


def _check(result: Any) -> None:
    if result.status != _StatusResult.Success:
        raise FunctionFailed(result.exception.message)
