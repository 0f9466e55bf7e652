"""The query parameters of the API: pydantic models, and reading them from a request's URL.

Every problem of a request is found and named at once. Values are read from the URL's own query string and not from the
host's dictionary, which joins repeated parameters and drops empty ones.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from blueprints.formats import Format
from domain.errors import BadParameters, Invalid
from domain.names import MAX_NAME, key_problem, name_problem, split_key
from domain.queries import AGGREGATIONS, Aggregation
from domain.samples import MILLISECONDS
from pipeline.queries import Question, SamplesQuestion

MOST_MINUTES = 44_640
"""The longest range that one answer covers: 31 days."""

MOST_TENANT_MINUTES = 10_080
"""The longest where a tenant's own documents are read, two a window: 7 days."""

MOST_ROWS = 100_800
"""The most minutes of all counters of one answer together: ten counters for 7 days, seventy for 24 hours."""

MOST_KEYS = 100
MOST_RECORDS = 20_000
MOST_TOKEN = 2_000

REPEATABLE = "key"
"""The one parameter that may be given several times."""

KEY_PARAMETERS = frozenset({"code", "clientid"})
"""Read by the Functions host itself (a function key in the URL), so not ours to refuse."""

PRINTABLE = r"^[ -~]*[!-~][ -~]*$"
"""What names are made of. Others are printable too, but a JSON schema can't say which."""


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


def _whole_number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise ValueError(f"must be a whole number from 1 to {most}")
        return int(text)

    return parse


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


def _token(text: str) -> str:
    if len(text) > MOST_TOKEN:
        raise ValueError("is not the nextPage of an answer")
    return text


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError("must be a UTC day, for example 2026-11-24") from error


def _message(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise ValueError("must be a message's name as the quarantine lists it, 32 hexadecimal digits")
    return text


_DATE = r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d"

Key = Annotated[
    str,
    BeforeValidator(_key),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[!-\-/-~]{1,100}\.[!-~]{1,100}$",
            "examples": ["win_cpu.percent_processor_time"],
        }
    ),
]
Name = Annotated[
    str,
    BeforeValidator(_name),
    WithJsonSchema({"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": MAX_NAME}),
]
Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 9_999_999_999},
                {
                    "type": "string",
                    "pattern": rf"^{_DATE}T{_TIME}(Z|\+\d\d:00)?$",
                },
            ]
        }
    ),
]
Day = Annotated[
    str,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DATE}$"}),
]
MessageName = Annotated[
    str,
    BeforeValidator(_message),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
]
Minutes = Annotated[
    int,
    BeforeValidator(_whole_number(MOST_MINUTES)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_MINUTES}),
]
AggregationBy = Annotated[
    Aggregation,
    BeforeValidator(_aggregation),
    WithJsonSchema({"type": "string", "pattern": r"^[\"']?([aA][vV][gG]|[mM][iI][nN]|[mM][aA][xX])[\"']?$"}),
]


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


class ChartParameters(ListParameters):
    """What charts ask of the fleet."""

    most_minutes: ClassVar[int] = MOST_MINUTES

    key: Annotated[
        tuple[Key, ...],
        Field(min_length=1, max_length=MOST_KEYS, description="The counter, PerfType.PerfName; may be repeated."),
    ]
    minutes: Annotated[
        Minutes | None,
        Field(description="The latest so many minutes, counted back from the newest minute that the report has."),
    ] = None
    start: Annotated[
        Moment | None,
        Field(description="Instead of minutes: the beginning of a fixed range, ISO 8601 or Unix seconds."),
    ] = None
    end: Annotated[Moment | None, Field(description="The end of the fixed range; default: the newest minute.")] = None
    aggregationInterval: Annotated[Minutes, Field(description="How many minutes make one point.")] = 1
    aggregationBy: Annotated[
        AggregationBy, Field(description="How minutes make a point: avg, min or max, in any case, also in quotes.")
    ] = "avg"
    final: Annotated[bool, BeforeValidator(_flag), Field(description="Leave out minutes that are not final yet.")] = (
        False
    )

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """A range is given by ``minutes``, or by ``start`` and perhaps ``end``; and it has its limits."""
        problems = {}
        if "minutes" not in given and "start" not in given:
            problems["minutes"] = "is missing (or give start and end)"
        if "minutes" in given and ("start" in given or "end" in given):
            problems["minutes"] = "can't be given together with start or end"
        elif "end" in given and "start" not in given:
            problems["start"] = "is missing: end is given"
        name, minutes = "minutes", _known(_whole_number(MOST_MINUTES), given, "minutes")
        if minutes is None:
            minutes, problem = _range(given, now)
            if problem:
                problems["start"] = problem
            name = "end" if "end" in given else "start"
        keys = len(set(given.get("key", ())))
        if minutes is not None and minutes > cls.most_minutes:
            problems.setdefault(name, f"makes a range of more than {cls.most_minutes} minutes")
        elif minutes is not None and minutes * keys > MOST_ROWS:
            problems[name] = f"makes, times {keys} keys, more than {MOST_ROWS} minutes: ask for less at a time"
        return problems

    @property
    def question(self) -> Question:
        """The same as the pipeline's question."""
        return Question(
            tuple(dict.fromkeys(self.key)),
            self.minutes,
            self.start,
            self.end,
            self.aggregationInterval,
            self.aggregationBy,
            self.final,
        )

    def within(self, most: int, now: int) -> None:
        """Raise BadParameters where the range is longer than so many minutes."""
        if (self.minutes or ((self.end or now) - (self.start or 0)) // 60) > most:
            name = "minutes" if self.minutes else "start"
            raise BadParameters({name: f"makes a range of more than {most} minutes, the most for a tenant"})


class TenantChartParameters(ChartParameters):
    """What charts ask of a VM, its tenant and the fleet."""

    most_minutes: ClassVar[int] = MOST_TENANT_MINUTES

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]
    vm: Annotated[Name, Field(description="The VM's masked name.")]


class SamplesParameters(ListParameters):
    """Which samples are asked for."""

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]
    vm: Annotated[Name | None, Field(description="The VM's masked name; default: all VMs of the tenant.")] = None
    key: Annotated[
        tuple[Key, ...],
        Field(max_length=MOST_KEYS, description="The counter, PerfType.PerfName; may be repeated; default: all."),
    ] = ()
    start: Annotated[Moment, Field(description="The beginning of the range, ISO 8601 or Unix seconds.")]
    end: Annotated[Moment | None, Field(description="The end of the range; default: now.")] = None
    limit: Annotated[
        int,
        BeforeValidator(_whole_number(MOST_RECORDS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_RECORDS}),
        Field(description="A page ends with the VM's window (15 minutes) that reaches so many records."),
    ] = 5_000
    page: Annotated[
        str | None,
        BeforeValidator(_token),
        Field(description="The nextPage of the page before, asked with the same tenant, vm, key, start and end."),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """A range has its limits."""
        minutes, problem = _range(given, now)
        if problem:
            return {"start": problem}
        if minutes is not None and minutes > MOST_MINUTES:
            return {"end" if "end" in given else "start": f"makes a range of more than {MOST_MINUTES} minutes"}
        return {}

    @property
    def question(self) -> SamplesQuestion:
        """The same as the pipeline's question."""
        return SamplesQuestion(self.tenant, self.vm, tuple(dict.fromkeys(self.key)), self.start, self.end, self.limit)


class TenantParameters(ListParameters):
    """A tenant."""

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]


class RebuildParameters(NoParameters):
    """What is to be recomputed."""

    start: Annotated[Moment, Field(description="The beginning of the range, ISO 8601 or Unix seconds.")]
    end: Annotated[Moment | None, Field(description="The end of the range; default: now.")] = None
    tenant: Annotated[Name | None, Field(description="A tenant's masked name; default: all tenants.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """A range begins before it ends."""
        _, problem = _range(given, now)
        return {"start": problem} if problem else {}


class PurgeParameters(NoParameters):
    """What is to be forgotten."""

    tenant: Annotated[Name | None, Field(description="The masked name of the tenant to forget.")] = None
    vm: Annotated[Name | None, Field(description="The masked name of a VM of it, if only that is to be forgotten.")] = (
        None
    )
    before: Annotated[
        Moment | None, Field(description="Instead of a tenant: forget everything of all tenants before this time.")
    ] = None
    confirm: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The same again: the VM's name, else the tenant's, else the time. Not for a dry run.",
        ),
    ] = None
    dryRun: Annotated[bool, BeforeValidator(_flag), Field(description="Only count what would be removed.")] = False

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """One thing is named, and named again."""
        problems = {}
        if ("tenant" in given) == ("before" in given):
            problems["tenant"] = "give either this or before, which say what to forget"
        if "vm" in given and "tenant" not in given:
            problems["vm"] = "is given without its tenant"
        if (_known(_moment, given, "before") or 0) > now:
            problems["before"] = "is in the future"
        name = next((each for each in ("vm", "tenant", "before") if each in given), "tenant")
        dry = given.get("dryRun", [""])[-1].strip().lower() == "true"
        if not dry and name in given and given.get("confirm") != given[name]:
            problems["confirm"] = f"must be the same as {name}, typed again: what is removed can't be brought back"
        return problems


class QuarantineParameters(NoParameters):
    """Which refusals are asked for."""

    day: Annotated[Day | None, Field(description="The UTC day on which they came, as 2026-11-24; default: today.")] = (
        None
    )
    page: Annotated[MessageName | None, Field(description="The nextPage of the page before.")] = None


class QuarantinedParameters(NoParameters):
    """A message in the quarantine."""

    day: Annotated[Day, Field(description="The UTC day on which it came.")]
    message: Annotated[MessageName, Field(description="Its name in the quarantine.")]


class SelectionParameters(NoParameters):
    """Which refused inputs are meant."""

    day: Annotated[Day, Field(description="The UTC day on which they came.")]
    message: Annotated[
        MessageName | None, Field(description="Only of this message, by its name in the quarantine.")
    ] = None
    reason: Annotated[
        str | None, Field(min_length=1, max_length=500, description="Only with this reason, as it is written there.")
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
            return f"is given more than {MOST_KEYS} times"
        case "literal_error":
            return f"must be {error['ctx']['expected']}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _known(parse: Callable[[str], int], given: Mapping[str, Sequence[str]], name: str) -> int | None:
    """Return what a parameter says, or None where it is not given or malformed, which is told elsewhere."""
    try:
        return parse(given[name][-1])
    except (KeyError, ValueError):
        return None


def _range(given: Mapping[str, Sequence[str]], now: int) -> tuple[int | None, str | None]:
    """Return how many minutes lie between start and end (now, if not given), and what is wrong with that."""
    start, end = _known(_moment, given, "start"), _known(_moment, given, "end")
    if start is None or (end is None and "end" in given):
        return None, None
    if end is not None and start > end:
        return None, "is later than end"
    return max(0, (now if end is None else end) - start) // 60, None
