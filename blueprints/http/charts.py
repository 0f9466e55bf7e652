"""Charts: counters of the whole fleet, and counters of a tenant and perhaps a VM beside those of the fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import azure.durable_functions as df
from pydantic import Field

from blueprints.http import paging
from blueprints.http.endpoints import EVERY_CALLER, PEOPLE, endpoint
from blueprints.http.examples import CPU, TENANT, VM, Example
from blueprints.http.fields import (
    MOST_KEYS,
    MOST_MINUTES,
    MOST_PERCENTILES,
    MOST_TENANT_MINUTES,
    NO_SECOND,
    AggregationBy,
    Flag,
    Key,
    Minutes,
    Moment,
    Name,
    PageToken,
    Percentiles,
    known,
    minutes_between,
    whole_number,
)
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.errors import BadParameters
from domain.gaps import Gaps
from domain.spans import Span
from pipeline.queries import charts
from pipeline.queries.answers import DisclosedAnswer, DisclosedTenantAnswer, FleetAnswer, TenantAnswer
from pipeline.queries.banded import (
    BandedDisclosedTenantAnswer,
    BandedFleetAnswer,
    BandedTenantAnswer,
    fleet_with_bands,
    tenant_with_bands,
)
from pipeline.queries.charts import Question
from pipeline.queries.every import Place, get_every
from pipeline.queries.series import refuse_tenants
from pipeline.queries.view import View

blueprint = df.Blueprint()

MOST_PERCENTILE_MINUTES = 2_880
"""The most minutes, summed over the counters, of an answer with percentiles: two days of one counter."""

MOST_ROWS = 100_800
"""The most minutes in one answer, summed over its counters: ten counters for 7 days, seventy for 24 hours."""

EVERY = "*"
"""Stands for all counters."""


class ChartParameters(ListParameters):
    """The parameters of charts of the fleet."""

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
        AggregationBy,
        Field(
            description="How minutes make a point: avg, min or max of their averages; or a percentile, such as p95, of "
            "all samples of all their VMs. In any case, also in quotes."
        ),
    ] = "avg"
    percentiles: Annotated[
        Percentiles,
        Field(
            description=f"The percentiles of all VM samples that each point shows: at most {MOST_PERCENTILES} numbers "
            f"above 0 and below 100. They are for at most {MOST_PERCENTILE_MINUTES:,} minutes times counters. "
            "A tenant's caller sees only p10, p50 and p90 of the fleet, and all of its own."
        ),
    ] = ()
    final: Annotated[Flag, Field(description="Leave out minutes that are not final yet.")] = False
    gaps: Annotated[
        Gaps | None,
        Field(
            description="null: where a point's minutes have no data, a point whose figures are null and which is not "
            "final, so that a chart shows a gap. Default: no point."
        ),
    ] = None
    baseline: Annotated[
        Flag,
        Field(
            description="Each point also says what is normal at its hour: expected, low, high. What is normal for the "
            "fleet is not for a tenant's caller."
        ),
    ] = False

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check the range: given by ``minutes``, or by ``start`` and optionally ``end``, and within the limits."""
        problems = {}
        if "minutes" not in given and "start" not in given:
            problems["minutes"] = "is missing (or give start and end)"
        if "minutes" in given and ("start" in given or "end" in given):
            problems["minutes"] = "can't be given together with start or end"
        elif "end" in given and "start" not in given:
            problems["start"] = "is missing: end is given"
        name, minutes = "minutes", known(whole_number(MOST_MINUTES), given, "minutes")
        if minutes is None:
            minutes, problem = minutes_between(given, now)
            if problem:
                problems["start"] = problem
            name = "end" if "end" in given else "start"
        keys = len(set(given.get("key", ())))
        if minutes is not None and minutes > cls.most_minutes:
            problems.setdefault(name, f"makes a range of more than {cls.most_minutes} minutes")
        elif minutes is not None and minutes * keys > MOST_ROWS:
            problems[name] = f"makes, times {keys} keys, more than {MOST_ROWS} minutes: ask for less at a time"
        elif minutes is not None and minutes * keys > MOST_PERCENTILE_MINUTES and _asks_percentiles(given):
            problems[name] = (
                f"makes, times {keys} keys, more than {MOST_PERCENTILE_MINUTES} minutes, the most with percentiles: "
                "ask for less at a time"
            )
        return problems

    @property
    def question(self) -> Question:
        """The same parameters as the pipeline's question."""
        return Question(
            tuple(dict.fromkeys(self.key)),
            self.minutes,
            self.start,
            self.end,
            self.aggregationInterval,
            self.aggregationBy,
            self.final,
            self.gaps,
            percentiles=self.percentiles,
        )

    def within(self, most: int, now: int) -> None:
        """Raise BadParameters if the range is longer than ``most`` minutes."""
        if (self.minutes or ((self.end or now) - (self.start or 0)) // 60) > most:
            name = "minutes" if self.minutes else "start"
            raise BadParameters({name: f"makes a range of more than {most} minutes, the most for a tenant"})


def _asks_percentiles(given: Mapping[str, Sequence[str]]) -> bool:
    words = [*given.get("aggregationBy", ())]
    return "percentiles" in given or any(word.strip().strip("\"'").lower().startswith("p") for word in words)


class FleetChartParameters(ChartParameters):
    """The parameters of charts of the fleet, which may ask for all counters, page by page."""

    key: Annotated[
        tuple[Key | Literal["*"], ...],
        Field(
            min_length=1,
            max_length=MOST_KEYS,
            description="The counter, PerfType.PerfName; may be repeated. *: all counters, page by page.",
        ),
    ]
    page: Annotated[
        PageToken | None,
        Field(description="With key=*: the nextPage of the page before; everything else is asked as before."),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check, besides the range, that ``*`` stands alone, and that a page is one of all counters."""
        problems = super().together(given, now)
        keys = set(given.get("key", ()))
        if EVERY in keys and len(keys) > 1:
            problems["key"] = "is * and others: * stands for all counters, so leave the others out"
        if "page" in given and keys != {EVERY}:
            problems["page"] = "is only for key=*"
        return problems

    def place(self, most: int) -> Place | None:
        """Return where the page of the token begins, of a range of at most so many minutes. Raises BadParameters."""
        if self.page is None:
            return None
        match paging.place_of(self.page, self._asked):
            case [str(key), int(first), int(last)] if type(first) is int and type(last) is int:
                span = Span(first, last)
                if 0 <= first <= last < NO_SECOND and span == Span.fixed(first, last) and span.minutes <= most:
                    return Place(key, span)
        raise paging.refused()

    def token_of(self, place: Place) -> str:
        """Return the token of the page that begins at a place."""
        return paging.token_of((place.key, place.span.first, place.span.last), self._asked)

    @property
    def _asked(self) -> object:
        shape = [self.aggregationInterval, self.aggregationBy, self.final, self.gaps, self.percentiles]
        return [self.minutes, self.start, self.end, *shape, *(["baseline"] if self.baseline else [])]


class TenantChartParameters(ChartParameters):
    """The parameters of charts of a tenant, perhaps a VM, and the fleet."""

    most_minutes: ClassVar[int] = MOST_TENANT_MINUTES

    tenant: Annotated[Name, Field(description="The tenant's masked name.")]
    vm: Annotated[
        Name | None, Field(description="The VM's masked name. Default: no VM, only the tenant beside the fleet.")
    ] = None


@endpoint(
    blueprint, "v1/get-data", EVERY_CALLER, group="Questions about data", example=Example({"key": [CPU], "minutes": 5})
)
async def get_data(
    shared: Services, view: View, asked: FleetChartParameters
) -> FleetAnswer | BandedFleetAnswer | DisclosedAnswer:
    """Counters over the whole fleet."""
    if asked.baseline:
        refuse_tenants(view, "leave baseline out, or ask get-tenant-data")
    if view.caller.tenant:
        asked.within(MOST_TENANT_MINUTES, view.now)
    answer = await _fleet_data(shared, view, asked)
    if asked.baseline and isinstance(answer, FleetAnswer):
        return await fleet_with_bands(shared.tables, answer, view)
    return answer


async def _fleet_data(shared: Services, view: View, asked: FleetChartParameters) -> FleetAnswer | DisclosedAnswer:
    if asked.key != (EVERY,) * len(asked.key):
        return await charts.get_data(shared.tables, asked.question, view)
    place = asked.place(MOST_TENANT_MINUTES if view.caller.tenant else MOST_MINUTES)
    most = MOST_PERCENTILE_MINUTES if asked.question.wanted else MOST_ROWS
    answer, beyond = await get_every(shared.tables, asked.question, place, most, MOST_KEYS, view)
    return replace(answer, nextPage=asked.token_of(beyond) if beyond else None)


@endpoint(
    blueprint,
    "v1/get-tenant-data",
    PEOPLE,
    group="Questions about data",
    example=Example({"key": [CPU], "minutes": 5, "tenant": TENANT, "vm": VM}),
)
async def get_tenant_data(
    shared: Services, view: View, asked: TenantChartParameters
) -> TenantAnswer | BandedTenantAnswer | DisclosedTenantAnswer | BandedDisclosedTenantAnswer:
    """Counters of a tenant beside the fleet, and of one of its VMs if ``vm`` names it."""
    answer = await charts.get_tenant_data(shared.tables, asked.question, asked.tenant, asked.vm, view)
    return await tenant_with_bands(shared.tables, answer, view) if asked.baseline else answer
