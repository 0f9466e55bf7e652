"""The parameters that name a series: a counter, and whose values. Of endpoints about what was learned of series."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from blueprints.http.fields import Key, Name
from blueprints.http.reading import ListParameters
from pipeline.queries.series import SeriesQuestion


class SeriesParameters(ListParameters):
    """A counter, and whose values."""

    key: Annotated[Key, Field(description="The counter, PerfType.PerfName.")]
    tenant: Annotated[Name | None, Field(description="The tenant's masked name; default: the fleet.")] = None
    vm: Annotated[Name | None, Field(description="With tenant: one of its VMs.")] = None
    ResourcePoolName: Annotated[Name | None, Field(description="With tenant: one of its pools.")] = None
    Region: Annotated[Name | None, Field(description="Without tenant: the fleet's VMs of this region.")] = None
    MachineSize: Annotated[Name | None, Field(description="Without tenant: the fleet's VMs of this size.")] = None

    @classmethod
    def together(cls, given: Mapping[str, Sequence[str]], now: int) -> dict[str, str]:  # noqa: ARG003
        """Check that one population is named."""
        own, others = ("vm", "ResourcePoolName"), ("Region", "MachineSize")
        problems = {}
        if "tenant" in given:
            problems = {name: "is only for the fleet: leave tenant out" for name in others if name in given}
        else:
            problems = {name: "is only for a tenant: give tenant as well" for name in own if name in given}
        for first, second in (own, others):
            if first in given and second in given:
                problems.setdefault(second, f"can't be given together with {first}")
        return problems

    def question(self, hours: int) -> SeriesQuestion:
        """Return the question for so many hours."""
        return SeriesQuestion(
            self.key, hours, self.tenant, self.vm, self.ResourcePoolName, self.Region, self.MachineSize
        )
