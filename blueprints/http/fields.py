"""Fields of parameters: the form of each kind of value, in words for people and as a JSON schema."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from domain.charts import AGGREGATIONS, By
from domain.enrolment import public_of
from domain.names import MAX_NAME, key_problem, name_problem, split_key
from domain.samples import MILLISECONDS

MOST_MINUTES = 44_640
"""The longest range that one answer covers: 31 days."""

MOST_TENANT_MINUTES = 10_080
"""The longest range for answers that read a tenant's own documents, two per window: 7 days."""

MOST_KEYS = 100

MOST_PERCENTILES = 20

NO_SECOND = 10_000_000_000
"""Every second is below this number: seconds have ten digits, as in the store's ids."""

MOST_TOKEN = 2_000

PRINTABLE = r"^[ -~]*[!-~][ -~]*$"
"""The characters of names. Other characters are printable too, but a JSON schema can't list them."""


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


def whole_number(most: int, least: int = 1) -> Callable[[str], int]:
    """Return a function that reads a whole number from ``least`` to ``most``. The function raises ValueError."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _aggregation(text: str) -> str | float:
    word = text.strip().strip("\"'").lower()
    if word in AGGREGATIONS:
        return word
    if re.fullmatch(r"p[0-9.]+", word) and (found := _percentile(word.removeprefix("p"))):
        return found
    raise ValueError("must be avg, min or max, or a percentile above 0 and below 100, for example p95")


def _percentile(text: str) -> float | None:
    """Return a percentile above 0 and below 100, given with at most three decimals, else None."""
    found = float(text) if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?", text) else 0.0
    return found or None


def _percentiles(text: str) -> tuple[float, ...]:
    found = [_percentile(each.strip()) for each in text.split(",", MOST_PERCENTILES)]
    if None in found or len(found) > MOST_PERCENTILES:
        raise ValueError(
            f"must be at most {MOST_PERCENTILES} numbers above 0 and below 100, with at most three decimals, for "
            "example 50,95,99.9"
        )
    return tuple(dict.fromkeys(each for each in found if each))


def moment(text: str) -> int:
    """Return the Unix second that a text names. Raises ValueError."""
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
    if not 0 <= seconds < NO_SECOND:
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
_PERCENTILE = r"([1-9][0-9]?(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])"
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
    BeforeValidator(moment),
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
    BeforeValidator(whole_number(MOST_MINUTES)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_MINUTES}),
]
AggregationBy = Annotated[
    By,
    BeforeValidator(_aggregation),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^[\"']?([aA][vV][gG]|[mM][iI][nN]|[mM][aA][xX]|[pP]{_PERCENTILE})[\"']?$",
            "examples": ["avg", "p95"],
        }
    ),
]
Percentiles = Annotated[
    tuple[float, ...],
    BeforeValidator(_percentiles),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_PERCENTILE}(,{_PERCENTILE}){{0,{MOST_PERCENTILES - 1}}}$",
            "examples": ["50,95,99.9"],
        }
    ),
]
Flag = Annotated[bool, BeforeValidator(_flag)]
PageToken = Annotated[str, BeforeValidator(_token)]


def known(parse: Callable[[str], int], given: Mapping[str, Sequence[str]], name: str) -> int | None:
    """Return a parameter's value, or None if it is missing or malformed. Other code reports malformed ones."""
    try:
        return parse(given[name][-1])
    except (KeyError, ValueError):
        return None


def minutes_between(given: Mapping[str, Sequence[str]], now: int) -> tuple[int | None, str | None]:
    """Return the minutes between start and end (default: now), and what is wrong with the range."""
    start, end = known(moment, given, "start"), known(moment, given, "end")
    if start is None or (end is None and "end" in given):
        return None, None
    if end is not None and start > end:
        return None, "is later than end"
    return max(0, (now if end is None else end) - start) // 60, None


def range_problems(given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
    """Return what is wrong with a range of at most MOST_MINUTES minutes, by the name of the parameter to change."""
    minutes, problem = minutes_between(given, now)
    if problem:
        return {"start": problem}
    if minutes is not None and minutes > MOST_MINUTES:
        return {"end" if "end" in given else "start": f"makes a range of more than {MOST_MINUTES} minutes"}
    return {}


def _public_key(text: str) -> str:
    public_of(text)
    return text


PublicKey = Annotated[
    str, AfterValidator(_public_key), Field(json_schema_extra={"pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"})
]
