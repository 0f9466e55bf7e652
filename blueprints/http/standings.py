"""Rankings and groupings of window values: which VM, which tenant, which region, which size."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from blueprints.http import paging
from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import CPU, Example
from blueprints.http.fields import NO_SECOND, Key, Moment, Name, PageToken, known, moment, whole_number
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.minutes import WINDOW
from domain.samples import FUTURE_TOLERANCE
from domain.standings import DIMENSIONS, Dimension
from pipeline.queries.groups import GroupBy, Groups, GroupsQuestion, OwnGroups
from pipeline.queries.groups import get_groups as groups_of
from pipeline.queries.ranking import MOST_OF_FLEET, Order, OwnRanking, Place, Ranking, RankingQuestion
from pipeline.queries.ranking import get_ranking as ranking_of
from pipeline.queries.view import View
from pipeline.queries.windows import Windows

blueprint = df.Blueprint()

MOST_WINDOWS = 96
"""The most windows in an answer: a day."""

MOST_RANKED = 5_000


def _aligned(second: int) -> int:
    if second % WINDOW:
        earlier = second - second % WINDOW
        raise ValueError(f"must be the first second of a window of 15 minutes, such as {earlier} or {earlier + WINDOW}")
    return second


Window = Annotated[
    Moment,
    AfterValidator(_aligned),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 9_999_999_000, "multipleOf": WINDOW}),
]
WindowCount = Annotated[
    int,
    BeforeValidator(whole_number(MOST_WINDOWS)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_WINDOWS}),
]


class WindowsParameters(ListParameters):
    """A counter, whose VMs, and the windows."""

    key: Annotated[Key, Field(description="The counter, PerfType.PerfName.")]
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    window: Annotated[
        Window | None,
        Field(
            description="A window of 15 minutes, by its first second. Default: the newest that 90 % of the expected "
            "VMs have reached."
        ),
    ] = None
    windows: Annotated[WindowCount | None, Field(description="Instead of window: the newest so many windows.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the windows are given in one way, and not of a time to come."""
        problems = {}
        if "window" in given and "windows" in given:
            problems["windows"] = "can't be given together with window"
        window = known(moment, given, "window")
        if window is not None and window > now + FUTURE_TOLERANCE:
            problems["window"] = "is of a time to come"
        return problems

    @property
    def asked(self) -> Windows:
        """The windows."""
        return Windows(self.windows or 1, self.window)


class RankingParameters(WindowsParameters):
    """A counter, whose VMs, the windows, and how to rank them."""

    vm: Annotated[Name | None, Field(description="With tenant: only this VM, with its place among the others.")] = None
    order: Annotated[
        Order,
        Field(description="worst: by the counter's own direction (the highest, if it has none); highest; lowest."),
    ] = "worst"
    Region: Annotated[Name | None, Field(description="Only VMs of this region.")] = None
    MachineSize: Annotated[
        Name | None, Field(description="Only VMs of this size. Not for the fleet beside Region.")
    ] = None
    ResourcePoolName: Annotated[Name | None, Field(description="With tenant: only VMs of this pool.")] = None
    SiteName: Annotated[Name | None, Field(description="With tenant: only VMs of this site.")] = None
    limit: Annotated[
        int,
        BeforeValidator(whole_number(MOST_RANKED)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_RANKED}),
        Field(description="The most VMs: of the fleet by window, at most 20; of a tenant in a page."),
    ] = MOST_OF_FLEET
    page: Annotated[
        PageToken | None, Field(description="The nextPage of the page before, asked with the same parameters.")
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that what is only for a tenant comes with one."""
        problems = super().together(given, now)
        if "tenant" in given:
            return problems
        for name in ("vm", "ResourcePoolName", "SiteName", "page"):
            if name in given:
                problems[name] = "is only for a tenant: give tenant as well"
        if "Region" in given and "MachineSize" in given:
            problems["MachineSize"] = "can't be given together with Region for the fleet: give tenant as well"
        limit = known(whole_number(MOST_RANKED), given, "limit")
        if limit is not None and limit > MOST_OF_FLEET:
            problems["limit"] = f"is at most {MOST_OF_FLEET} for the fleet"
        return problems


class GroupsParameters(WindowsParameters):
    """A counter, whose VMs, the windows, and how to group them."""

    groupBy: Annotated[
        GroupBy,
        Field(
            description="Of the fleet: Region, MachineSize or tenant. Of a tenant: Region, MachineSize, "
            "ResourcePoolName, SiteName or vm."
        ),
    ]
    start: Annotated[
        Moment | None,
        Field(description="Instead of windows: the beginning of a range of windows, ISO 8601 or Unix seconds."),
    ] = None
    end: Annotated[Moment | None, Field(description="The end of the range; default: now.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check the range."""
        problems = super().together(given, now)
        if "start" in given and ("window" in given or "windows" in given):
            problems["start"] = "can't be given together with window or windows"
        if "end" in given and "start" not in given:
            problems["start"] = "is missing: end is given"
        start, end = known(moment, given, "start"), known(moment, given, "end")
        if start is not None:
            last = now if end is None else end
            if start > last:
                problems["start"] = "is later than end" if end is not None else "is of a time to come"
            elif last - start > MOST_WINDOWS * WINDOW:
                problems["start"] = f"makes a range of more than {MOST_WINDOWS} windows of 15 minutes"
        return problems

    @property
    def asked(self) -> Windows:
        """The windows."""
        return Windows(self.windows or 1, self.window, self.start, self.end)


@endpoint(blueprint, "v1/get-ranking", PEOPLE, group="Questions about data", example=Example({"key": CPU, "limit": 3}))
async def get_ranking(shared: Services, view: View, asked: RankingParameters) -> Ranking | OwnRanking:
    """The VMs of the fleet or of a tenant by a counter's window value, the worst first."""
    filters: dict[Dimension, str] = {
        dimension: value for dimension in DIMENSIONS if (value := getattr(asked, dimension)) is not None
    }
    question = RankingQuestion(
        asked.key, asked.asked, asked.tenant, asked.vm, asked.order, filters, asked.limit, _place(asked)
    )
    return await ranking_of(shared.tables, question, view, lambda place: paging.token_of(place, _question(asked)))


def _place(asked: RankingParameters) -> Place | None:
    """Return where the page of the question's token begins; None without a token. Raises BadParameters."""
    if asked.page is None:
        return None
    match paging.place_of(asked.page, _question(asked)):
        case [int(row), int(newest)] if type(row) is int and row >= 0 and newest in range(0, NO_SECOND, WINDOW):
            return Place(row, int(newest))
    raise paging.refused()


def _question(asked: RankingParameters) -> object:
    return asked.model_dump(mode="json", exclude={"page", "limit", "format"})


@endpoint(
    blueprint, "v1/get-groups", PEOPLE, group="Questions about data", example=Example({"key": CPU, "groupBy": "Region"})
)
async def get_groups(shared: Services, view: View, asked: GroupsParameters) -> Groups | OwnGroups:
    """A counter's window values by region, size, tenant, pool, site or VM."""
    return await groups_of(shared.tables, GroupsQuestion(asked.key, asked.groupBy, asked.asked, asked.tenant), view)
