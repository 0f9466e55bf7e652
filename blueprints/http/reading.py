"""Reads parameters from a request's URL and body. It reports all problems of a request at once.

It reads query values from the URL. The host's dictionary is no use: it joins repeated parameters and drops empty ones.
Knows no endpoint: each endpoint defines its parameters beside its route.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from blueprints.http.formats import Format
from domain.errors import BadParameters, Invalid

MOST_BODY = 65_536
"""The most bytes that are read of a body."""

KEY_PARAMETERS = frozenset({"code", "clientid"})
"""The Functions host itself reads these (a function key in the URL), so the app must not refuse them."""


class NoParameters(BaseModel):
    """A request without parameters, and the base class of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Return problems in the combination of the given parameters, by parameter name."""
        return {}


class Bytes(NoParameters):
    """The parameters of an endpoint whose body is no JSON but bytes."""

    body: bytes


class ListParameters(NoParameters):
    """The parameters of every answer with rows."""

    format: Annotated[
        Format | None, Field(description="How to write the answer; default: as the Accept header says, or json.")
    ] = None


Parameters = TypeVar("Parameters", bound=NoParameters)


def read(
    model: type[Parameters], url: str, now: int, path: Mapping[str, str] | None = None, body: bytes | None = None
) -> Parameters:
    """Read the parameters from a request. Raises BadParameters, which names every bad parameter.

    ``path``: the parameters in the URL's path. The others are in its query. If there is a ``body`` (the bytes of a JSON
    object), they are all in the body instead. A query may repeat a parameter if its type is a list.
    Raises Invalid if the URL or the body is malformed, so later code needs no such check.
    """
    given = _given(url)
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    if body is None:
        repeatable = _lists(model)
        for name, each in list(given.items()):
            if name in model.model_fields and not all(value.strip() for value in each):
                del given[name]
                problems[name] = "is empty"
                continue
            if len(each) > 1 and name not in repeatable:
                problems[name] = "is given more than once"
            values[name] = each if name in repeatable else each[-1]
    else:
        problems |= dict.fromkeys(given, "stands in the URL; parameters belong in the body")
        values = _object(body)
    if path:
        problems |= dict.fromkeys(path.keys() & values.keys(), "stands in the URL's path already")
        values |= path
    try:
        parameters = model.model_validate(values)
    except ValidationError as error:
        for wrong in error.errors():
            problems.setdefault(str(wrong["loc"][0]), _in_words(wrong, model))
    for name, problem in model.together(given, now).items():
        problems.setdefault(name, problem)
    if problems:
        raise BadParameters(problems)
    return parameters


@cache
def _lists(model: type[NoParameters]) -> Collection[str]:
    """Return the names of the parameters with a list type."""
    properties: Mapping[str, Any] = model.model_json_schema().get("properties", {})
    return {
        name
        for name, kind in properties.items()
        if any(each.get("type") == "array" for each in (kind, *kind.get("anyOf", ())))
    }


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises Invalid."""
    if len(body) > MOST_BODY:
        raise Invalid(f"the body has {len(body):,} bytes; at most {MOST_BODY:,} are read")
    try:
        found = from_json(body)
    except ValueError as error:
        raise Invalid(f"the body is no JSON object of parameters: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"the body is no JSON object of parameters, but a {type(found).__name__}")
    return found


def _given(url: str) -> dict[str, list[str]]:
    """Return the values of all parameters in a URL, except those for the Functions host. Raises Invalid."""
    given: dict[str, list[str]] = {}
    try:
        url.encode()  # half a surrogate pair stands for a byte that was not UTF-8
        query = urlsplit(url).query
    except ValueError as error:
        raise Invalid("the request's URL, of which the header Host is a part, is malformed") from error
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower() not in KEY_PARAMETERS:
            given.setdefault(name, []).append(value)
    return given


def _in_words(error: Any, model: type[BaseModel]) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"is unknown; known are {', '.join(model.model_fields) or 'none'}"
        case "too_long":
            return f"is given more than {error['ctx']['max_length']} times"
        case "literal_error":
            return f"must be {error['ctx']['expected']}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
