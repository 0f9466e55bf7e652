"""The query parameters of the API: pydantic models, and reading them from a request's URL.

Every problem of a request is found and named at once. Values are read from the URL's own query string and not from the
host's dictionary, which joins repeated parameters and drops empty ones.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.errors import BadParameters
from domain.names import key_problem, name_problem, split_key
from domain.queries import AGGREGATIONS, Aggregation
from domain.samples import MILLISECONDS
from pipeline.queries import Question

MOST_MINUTES = 44_640
"""The longest range that one answer covers: 31 days."""

KEY_PARAMETERS = frozenset({"code", "clientid"})
"""Read by the Functions host itself (a function key in the URL), so not ours to refuse."""


def _key(text: str) -> str:
    problem = None
    try:
        problem = key_problem(*split_key(text))
    except ValueError:
        problem = "must be PerfType.PerfName, for example win_cpu.percent_processor_time"
    if problem:
        raise ValueError(problem)
    return text


def _name(text: str) -> str:
    if problem := name_problem(text):
        raise ValueError(problem)
    return text


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_MINUTES:
        raise ValueError(f"must be a whole number from 1 to {MOST_MINUTES}")
    return int(text)


def _aggregation(text: str) -> str:
    word = text.strip().strip("\"'").lower()
    if word not in AGGREGATIONS:
        raise ValueError("must be avg, min or max")
    return word


def _moment(text: str) -> int:
    message = "must be Unix seconds or ISO 8601, for example 2026-11-24T09:30:00Z"
    if re.fullmatch(r"[0-9]{1,18}", text):
        if int(text) >= MILLISECONDS:
            raise ValueError("seems to be in milliseconds; Unix seconds are expected")
        seconds = int(text)
    else:
        try:
            # A plus sign before an offset may have been decoded to a blank.
            moment = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()))
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError) as error:
            raise ValueError(message) from error
    if not 0 <= seconds < 10_000_000_000:  # noqa: PLR2004  (ten digits, as in the store's ids)
        raise ValueError("is out of range")
    return seconds


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError("must be true or false")
    return word == "true"


class NoParameters(BaseModel):
    """A request without parameters; and the root of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def together(cls, given: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG003  (for those that have such rules)
        """Return what is wrong with the parameters that are given, seen together, by name."""
        return {}


class ChartParameters(NoParameters):
    """What a chart asks of the fleet."""

    key: Annotated[str, BeforeValidator(_key), Field(description="The counter, PerfType.PerfName.")]
    minutes: Annotated[
        int | None,
        BeforeValidator(_whole_number),
        Field(description="The latest so many minutes, counted back from the newest minute of the report."),
    ] = None
    start: Annotated[
        int | None,
        BeforeValidator(_moment),
        Field(description="Instead of minutes: the beginning of a fixed range, ISO 8601 or Unix seconds."),
    ] = None
    end: Annotated[
        int | None,
        BeforeValidator(_moment),
        Field(description="The end of the fixed range; default: the newest minute."),
    ] = None
    aggregationInterval: Annotated[
        int, BeforeValidator(_whole_number), Field(description="How many minutes make one point.")
    ] = 1
    aggregationBy: Annotated[
        Aggregation, BeforeValidator(_aggregation), Field(description="avg, min or max of a point's minutes.")
    ] = "avg"
    final: Annotated[bool, BeforeValidator(_flag), Field(description="Leave out minutes that are not final yet.")] = (
        False
    )

    @classmethod
    def together(cls, given: Mapping[str, str]) -> dict[str, str]:
        """A range is given by ``minutes``, or by ``start`` and perhaps ``end``."""
        problems = {}
        if "minutes" not in given and "start" not in given:
            problems["minutes"] = "is missing (or give start and end)"
        if "minutes" in given and ("start" in given or "end" in given):
            problems["minutes"] = "can't be given together with start or end"
        elif "end" in given and "start" not in given:
            problems["start"] = "is missing: end is given"
        if "start" in given and "end" in given:
            try:
                start, end = _moment(given["start"]), _moment(given["end"])
            except ValueError:
                return problems
            if start > end:
                problems["start"] = "is later than end"
            elif end - start > MOST_MINUTES * 60:
                problems["end"] = f"is more than {MOST_MINUTES} minutes after start"
        return problems

    @property
    def question(self) -> Question:
        """The same as the pipeline's question."""
        return Question(
            self.key, self.minutes, self.start, self.end, self.aggregationInterval, self.aggregationBy, self.final
        )


class TenantChartParameters(ChartParameters):
    """What a chart asks of a VM, its tenant and the fleet."""

    tenant: Annotated[str, BeforeValidator(_name), Field(description="The tenant's masked name.")]
    vm: Annotated[str, BeforeValidator(_name), Field(description="The VM's masked name.")]


class TenantParameters(NoParameters):
    """A tenant."""

    tenant: Annotated[str, BeforeValidator(_name), Field(description="The tenant's masked name.")]


Parameters = TypeVar("Parameters", bound=NoParameters)


def read(model: type[Parameters], url: str) -> Parameters:
    """Read the parameters from a request's URL. Raises BadParameters, naming every one that is bad."""
    given: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name.lower() in KEY_PARAMETERS:
            continue
        if name in given:
            problems[name] = "is given more than once"
        given[name] = value
    for name in [name for name, value in given.items() if not value.strip()]:
        del given[name]
        if name in model.model_fields:
            problems.setdefault(name, "is empty")
    try:
        parameters = model.model_validate(given)
    except ValidationError as error:
        for each in error.errors():
            problems.setdefault(str(each["loc"][0]), _in_words(each, model))
    for name, problem in model.together(given).items():
        problems.setdefault(name, problem)
    if problems:
        raise BadParameters(problems)
    return parameters


def _in_words(error: Any, model: type[BaseModel]) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"is unknown; known are {', '.join(model.model_fields) or 'none'}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
