"""Reading parameters from a request's URL: every problem of a request is found and named at once.

Values are read from the URL's own query string and not from the host's dictionary, which joins repeated parameters and
drops empty ones. Knows no endpoint: each has its parameters beside its route.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blueprints.http.formats import Format
from domain.errors import BadParameters, Invalid

REPEATABLE = "key"
"""The one parameter that may be given several times."""

MOST_BODY = 65_536
"""The most bytes of a body that are read."""

KEY_PARAMETERS = frozenset({"code", "clientid"})
"""Read by the Functions host itself (a function key in the URL), so not ours to refuse."""


class NoParameters(BaseModel):
    """A request without parameters; and the root of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Return what is wrong with the parameters that are given, seen together, by name."""
        return {}


class ListParameters(NoParameters):
    """What is asked of any answer that has rows."""

    format: Annotated[
        Format | None, Field(description="How to write the answer; default: as the Accept header says, or json.")
    ] = None


Parameters = TypeVar("Parameters", bound=NoParameters)


def read(model: type[Parameters], url: str, now: int) -> Parameters:
    """Read the parameters from a request's URL. Raises BadParameters, naming every one that is bad.

    Raises Invalid where the URL is none, so nothing that comes after needs to ask that again.
    """
    given = _given(url)
    problems: dict[str, str] = {}
    for name, values in list(given.items()):
        if name in model.model_fields and not all(value.strip() for value in values):
            del given[name]
            problems[name] = "is empty"
        elif len(values) > 1 and name != REPEATABLE:
            problems[name] = "is given more than once"
    try:
        parameters = model.model_validate(
            {name: values if name == REPEATABLE else values[-1] for name, values in given.items()}
        )
    except ValidationError as error:
        for each in error.errors():
            problems.setdefault(str(each["loc"][0]), _in_words(each, model))
    for name, problem in model.together(given, now).items():
        problems.setdefault(name, problem)
    if problems:
        raise BadParameters(problems)
    return parameters


def read_body(model: type[Parameters], body: bytes) -> Parameters:
    """Read the parameters from a request's body, a JSON object. Raises BadParameters, naming every one that is bad.

    Raises Invalid where the body is no JSON object.
    """
    if len(body) > MOST_BODY:
        raise Invalid(f"the body has {len(body):,} bytes; at most {MOST_BODY:,} are read")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for each in error.errors():
            if not each["loc"]:
                raise Invalid(f"the body is no JSON object of parameters: {each['msg']}") from error
            problems.setdefault(str(each["loc"][0]), _in_words(each, model))
        raise BadParameters(problems) from error


def _given(url: str) -> dict[str, list[str]]:
    """Return the values of all parameters in a URL, but those for the Functions host. Raises Invalid."""
    given: dict[str, list[str]] = {}
    try:
        url.encode()  # half a surrogate pair stands for a byte that was no UTF-8
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
