"""Samples, page by page."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http import paging
from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.fields import (
    MOST_KEYS,
    Key,
    Moment,
    Name,
    PageToken,
    range_problems,
    whole_number,
)
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.minutes import WINDOW
from domain.names import name_problem
from pipeline.queries.samples import Position, SamplesAnswer, SamplesQuestion, get_samples
from pipeline.queries.view import View

blueprint = df.Blueprint()

NO_SECOND = 10_000_000_000
"""Every second is below this number: seconds have ten digits, as in the store's ids."""

MOST_RECORDS = 20_000


class SamplesParameters(ListParameters):
    """The requested samples."""

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
        BeforeValidator(whole_number(MOST_RECORDS)),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_RECORDS}),
        Field(description="A page ends with the VM's window (15 minutes) that reaches so many records."),
    ] = 5_000
    page: Annotated[
        PageToken | None,
        Field(description="The nextPage of the page before, asked with the same tenant, vm, key, start and end."),
    ] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:
        """Check that the range is within the limits."""
        return range_problems(given, now)

    @property
    def question(self) -> SamplesQuestion:
        """The same parameters as the pipeline's question."""
        return SamplesQuestion(self.tenant, self.vm, tuple(dict.fromkeys(self.key)), self.start, self.end, self.limit)


@endpoint(blueprint, "v1/samples", PEOPLE)
async def samples(shared: Services, view: View, asked: SamplesParameters) -> SamplesAnswer:
    """The samples of a tenant's VMs as they came, page by page."""
    page = await get_samples(shared.tables, asked.question, position_of(asked), view)
    token = token_of(page.position, asked) if page.position else None
    return SamplesAnswer(page.tenant, page.start, page.end, token, page.data)


def token_of(position: Position, asked: SamplesParameters) -> str:
    """Return the token of the page that begins at a position."""
    return paging.token_of((position.window, position.vm), _asked(asked))


def position_of(asked: SamplesParameters) -> Position | None:
    """Return where the page of the question's token begins. Return None without a token. Raises BadParameters."""
    if asked.page is None:
        return None
    match paging.place_of(asked.page, _asked(asked)):
        case [int(window), str(vm)] if type(window) is int and _is_window(window) and _is_vm(vm):
            return Position(window, vm)
    raise paging.refused()


def _asked(asked: SamplesParameters) -> object:
    return [asked.tenant, asked.vm, asked.key, asked.start, asked.end]


def _is_window(second: int) -> bool:
    return second in range(0, NO_SECOND, WINDOW)


def _is_vm(name: str) -> bool:
    """Tell whether the text is a VM's name, or empty, which stands for the first VM."""
    return not name or name_problem(name) is None
