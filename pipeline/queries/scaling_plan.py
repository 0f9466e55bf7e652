"""A pool's log-ons to come as a scaling plan of Azure Virtual Desktop, so that the advice can be used as it is.

The types are those of Microsoft.DesktopVirtualization/scalingPlans (API version 2024-04-03, pooled host pools), by
their published description. They were not tried on an account here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.disclosure import ForTenants
from domain.scaling_plan import PlanTimes
from domain.windows_zones import windows_name

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS: tuple[Day, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Balancing = Literal["BreadthFirst", "DepthFirst"]
StopHosts = Literal["ZeroSessions", "ZeroActiveSessions"]


@dataclass(frozen=True, slots=True)
class PlanTime(ForTenants):
    """A time of the day by the plan's clocks."""

    hour: int
    minute: int


@dataclass(frozen=True, slots=True)
class PlanSchedule(ForTenants):
    """What a plan does on some weekdays. Only the days and times are advice; the rest is customary, to be changed."""

    name: str
    daysOfWeek: list[Day]
    rampUpStartTime: PlanTime
    peakStartTime: PlanTime
    rampDownStartTime: PlanTime
    offPeakStartTime: PlanTime
    rampUpLoadBalancingAlgorithm: Balancing = "BreadthFirst"
    rampUpMinimumHostsPct: int = 20
    rampUpCapacityThresholdPct: int = 60
    peakLoadBalancingAlgorithm: Balancing = "DepthFirst"
    rampDownLoadBalancingAlgorithm: Balancing = "DepthFirst"
    rampDownMinimumHostsPct: int = 0
    rampDownCapacityThresholdPct: int = 90
    rampDownForceLogoffUsers: bool = False
    rampDownStopHostsWhen: StopHosts = "ZeroSessions"
    rampDownWaitTimeMinutes: int = 30
    rampDownNotificationMessage: str = "Please save your work and log off."
    offPeakLoadBalancingAlgorithm: Balancing = "DepthFirst"


@dataclass(frozen=True, slots=True)
class ScalingPlan(ForTenants):
    """The properties of a scaling plan that follow from advice. Days on which nobody is expected have no schedule."""

    hostPoolType: Literal["Pooled"]
    timeZone: str
    """The zone of the pool's people, as Windows names it."""
    schedules: list[PlanSchedule]


def scaling_plan(zone: str | None, days: Mapping[int, PlanTimes | None]) -> ScalingPlan:
    """Return a plan, given the times of each weekday (0: Monday). Weekdays with equal times have one schedule."""
    of: dict[PlanTimes, list[Day]] = {}
    for weekday, times in sorted(days.items()):
        if times:
            of.setdefault(times, []).append(DAYS[weekday])
    return ScalingPlan("Pooled", windows_name(zone), [_schedule(some, times) for times, some in of.items()])


def _schedule(days: Sequence[Day], times: PlanTimes) -> PlanSchedule:
    name = " ".join(day[:3] for day in days)
    ramp_up, peak, ramp_down, off_peak = (PlanTime(*divmod(minutes, 60)) for minutes in times)
    return PlanSchedule(name, list(days), ramp_up, peak, ramp_down, off_peak)
