"""Samples, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import azure.durable_functions as df
from pydantic import BeforeValidator, Field, WithJsonSchema

from blueprints.http import paging
from blueprints.http.endpoints import PEOPLE, endpoint
from blueprints.http.examples import CPU, END, START, TENANT, VM, Example
from blueprints.http.fields import (
    MOST_KEYS,
    NO_SECOND,
    Key,
    Moment,
    Name,
    PageToken,
    minutes_between,
    whole_number,
)
from blueprints.http.reading import ListParameters
from blueprints.services import Services
from domain.minutes import WINDOW
from domain.names import name_problem
from pipeline.queries.samples import Position, SamplesAnswer, SamplesQuestion, get_samples
from pipeline.queries.view import View
from storage.schema import lifetime_of_samples

blueprint = df.Blueprint()

MOST_RECORDS = 20_000


class SamplesParameters(ListParameters):
    """The requested samples."""

    tenant: Annotated[
        Name | None, Field(description="The tenant's masked name; default: all tenants that the caller may see.")
    ] = None
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
        """Check that the range is not reversed, and that a VM comes with its tenant. Pages need no limit on time."""
        _, problem = minutes_between(given, now)
        problems = {"start": problem} if problem else {}
        if "vm" in given and "tenant" not in given:
            problems["tenant"] = "is missing: vm is given"
        return problems

    @property
    def question(self) -> SamplesQuestion:
        """The same parameters as the pipeline's question."""
        return SamplesQuestion(self.tenant, self.vm, tuple(dict.fromkeys(self.key)), self.start, self.end, self.limit)


@endpoint(
    blueprint,
    "v1/samples",
    PEOPLE,
    group="Questions about data",
    example=Example({"tenant": TENANT, "vm": VM, "key": [CPU], "start": START, "end": END}),
)
async def samples(shared: Services, view: View, asked: SamplesParameters) -> SamplesAnswer:
    """The samples as they came, of one VM, of one tenant or of all tenants, page by page."""
    oldest = view.now - lifetime_of_samples(shared.settings.samples_retention_days)  # nothing older is there
    question = replace(asked.question, start=max(asked.start, oldest))
    page = await get_samples(shared.tables, question, position_of(asked), view)
    token = token_of(page.position, asked) if page.position else None
    return SamplesAnswer(page.tenant, page.start, page.end, token, page.data)


def token_of(position: Position, asked: SamplesParameters) -> str:
    """Return the token of the page that begins at a position."""
    return paging.token_of((position.window, position.vm, position.tenant), _asked(asked))


def position_of(asked: SamplesParameters) -> Position | None:
    """Return where the page of the question's token begins. Return None without a token. Raises BadParameters."""
    if asked.page is None:
        return None
    match paging.place_of(asked.page, _asked(asked)):
        case [int(window), str(vm), str(tenant)] if type(window) is int and _is_window(window):
            if _is_name(vm) and _is_name(tenant):
                return Position(window, vm, tenant)
    raise paging.refused()


def _asked(asked: SamplesParameters) -> object:
    return [asked.tenant, asked.vm, asked.key, asked.start, asked.end]


def _is_window(second: int) -> bool:
    return second in range(0, NO_SECOND, WINDOW)


def _is_name(name: str) -> bool:
    """Tell whether the text is a name, or empty, which stands for the first one."""
    return not name or name_problem(name) is None
