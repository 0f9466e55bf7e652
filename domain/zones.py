"""Where an Azure region's people are, as a time zone; and the local date, weekday and hour of a quarter of an hour.

People come at nine by their own clocks, so what is normal at an hour follows the local week: after a clock change the
same people come an hour earlier or later in UTC. A region tells where its machines stand, and most who use a desktop
sit in the same country. So a region's zone is that of its data centres, by the IANA database, which Python's
``zoneinfo`` reads (the package ``tzdata`` has it where a system has none, such as Windows).

Knows regions and clocks. Refuses to know VMs, and what follows from an hour. A region that this table lacks has no
zone; the caller then takes UTC, and says so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.minutes import WINDOW, window_of

_SATURDAY = 5

_REGIONS_OF: Mapping[str, str] = {
    "Africa/Johannesburg": "southafricanorth southafricawest",
    "America/Chicago": "centralus northcentralus southcentralus southcentralus2 centraluseuap southcentralusstg "
    "usgoviowa usgovtexas usdodcentral",
    "America/Denver": "westcentralus",
    "America/Los_Angeles": "westus westus2",
    "America/Mexico_City": "mexicocentral",
    "America/New_York": "eastus eastus2 eastus3 eastus2euap eastusstg northeastus5 southeastus southeastus3 "
    "southeastus5 usgovvirginia usdodeast",
    "America/Phoenix": "westus3 usgovarizona",
    "America/Santiago": "chilecentral",
    "America/Sao_Paulo": "brazilsouth brazilsoutheast",
    "America/Toronto": "canadacentral canadaeast",
    "Asia/Dubai": "uaecentral uaenorth",
    "Asia/Hong_Kong": "eastasia",
    "Asia/Jakarta": "indonesiacentral",
    "Asia/Jerusalem": "israelcentral israelnorthwest",
    "Asia/Kolkata": "centralindia southindia westindia southcentralindia indiasouthcentral jioindiacentral "
    "jioindiawest",
    "Asia/Kuala_Lumpur": "malaysiasouth malaysiawest",
    "Asia/Qatar": "qatarcentral",
    "Asia/Riyadh": "saudiarabiaeast",
    "Asia/Seoul": "koreacentral koreasouth",
    "Asia/Shanghai": "chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3",
    "Asia/Singapore": "southeastasia",
    "Asia/Taipei": "taiwannorth taiwannorthwest",
    "Asia/Tokyo": "japaneast japanwest",
    "Australia/Melbourne": "australiasoutheast",
    "Australia/Sydney": "australiaeast australiacentral australiacentral2",
    "Europe/Amsterdam": "westeurope",
    "Europe/Athens": "greececentral",
    "Europe/Berlin": "germanynorth germanywestcentral germanycentral germanynortheast",
    "Europe/Brussels": "belgiumcentral",
    "Europe/Copenhagen": "denmarkeast",
    "Europe/Dublin": "northeurope",
    "Europe/Helsinki": "finlandcentral",
    "Europe/London": "uksouth ukwest",
    "Europe/Madrid": "spaincentral",
    "Europe/Oslo": "norwayeast norwaywest",
    "Europe/Paris": "francecentral francesouth",
    "Europe/Rome": "italynorth",
    "Europe/Stockholm": "swedencentral swedensouth",
    "Europe/Vienna": "austriaeast",
    "Europe/Warsaw": "polandcentral",
    "Europe/Zurich": "switzerlandnorth switzerlandwest",
    "Pacific/Auckland": "newzealandnorth",
}

ZONES: Mapping[str, str] = {region: zone for zone, regions in _REGIONS_OF.items() for region in regions.split()}
"""The IANA zone of each Azure region, by the region's name (``uksouth``): the public cloud with its canary and
announced regions, China's, and the US government's. Source: Microsoft's list of regions and their locations."""


def zone_of(region: str | None) -> str | None:
    """Return a region's IANA zone, or None if the region is unknown. Case and blanks do not count: ``UK South``."""
    return None if region is None else ZONES.get(region.replace(" ", "").lower())


def zone_of_most(regions: Iterable[str | None]) -> str | None:
    """Return the zone of most VMs, given the region of each VM; of several with as many VMs, the first by name.

    VMs of unknown regions do not count. None if there are no others.
    """
    zones = Counter(zone for region in regions if (zone := zone_of(region)))
    return min(zones, key=lambda zone: (-zones[zone], zone), default=None)


class Local(NamedTuple):
    """What clocks show in a zone: the date, the weekday (0: Monday) and the hour (0 to 23)."""

    day: date
    weekday: int
    hour: int

    @property
    def slot(self) -> int:
        """The hour of the week: 0 is Monday's first hour, 167 Sunday's last."""
        return self.weekday * 24 + self.hour


def local(timestamp: int, zone: str | None) -> Local:
    """Return what clocks in a zone show at a Unix second; None is UTC.

    All offsets in use are multiples of 15 minutes. So a window lies within one local hour, also in zones such as
    Nepal's (5:45 ahead) and in the night of a clock change: then a local hour may have fewer windows than four, none,
    or more. Raises zoneinfo.ZoneInfoNotFoundError if the database has no such zone.
    """
    moment = datetime.fromtimestamp(timestamp, _clock(zone))
    return Local(moment.date(), moment.weekday(), moment.hour)


def local_windows(windows: Iterable[int], zone: str | None) -> list[Local]:
    """Return the same for each of some windows. A day's 96 take about 0.2 ms."""
    clock = _clock(zone)
    moments = (datetime.fromtimestamp(window, clock) for window in windows)
    return [Local(moment.date(), moment.weekday(), moment.hour) for moment in moments]


def local_quarters(windows: Iterable[int], zone: str | None) -> list[int]:
    """Return which quarter of an hour of the local day each window is, by the clock: 0 to 95.

    A quarter that clocks skip has no window, and one that comes twice has two.
    """
    clock = _clock(zone)
    moments = (datetime.fromtimestamp(window, clock) for window in windows)
    return [moment.hour * 4 + moment.minute // 15 for moment in moments]


def when(day: date, minutes: float, zone: str | None, *, latest: bool = False) -> int:
    """Return the second at which clocks show so many minutes after a day's midnight: below 0, of the day before.

    A time that clocks skip is later by what they skip. Of a time that comes twice it is the first, or the ``latest``.
    """
    clock = _clock(zone)
    shown = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001  (what clocks show)
    first, second = (int(shown.replace(tzinfo=clock, fold=fold).timestamp()) for fold in (0, 1))
    return max(first, second) if latest else first


def shown(second: int, zone: str | None) -> str:
    """Return what clocks in a zone show at a second, for people to read: ``HH:MM``."""
    return f"{datetime.fromtimestamp(second, _clock(zone)):%H:%M}"


def same_time_before(window: int, zone: str | None, days: int) -> list[int]:
    """Return the windows at the same time of the days before, of the same type (workday or weekend), newest first.

    The time is that of clocks in the zone. ``days``: how far back.
    """
    clock = _clock(zone)
    moment = datetime.fromtimestamp(window, clock)
    before = (moment - timedelta(days=back) for back in range(1, days + 1))
    return [
        window_of(int(each.timestamp()))
        for each in before
        if (each.weekday() >= _SATURDAY) == (moment.weekday() >= _SATURDAY)
    ]


def windows_of_day(day: date, zone: str | None) -> range:
    """Return the windows of a local day, oldest first: 96 of them, or fewer or more on the day of a clock change."""
    return range(_begin(day, zone), _begin(day + timedelta(days=1), zone), WINDOW)


def _begin(day: date, zone: str | None) -> int:
    """Return the first window of a local day.

    Some zones change their clocks at midnight. So midnight may come twice, or never; the latter day begins at one.
    """
    clock = _clock(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=clock)
    begin = window_of(int(midnight.timestamp()))
    # A midnight that never comes is taken by the offset before the change: it is the moment of the change, or later.
    while datetime.fromtimestamp(begin - WINDOW, clock).date() >= day:
        begin -= WINDOW
    while datetime.fromtimestamp(begin, clock).date() < day:
        begin += WINDOW
    return begin


def _clock(zone: str | None) -> tzinfo:
    return UTC if zone is None else ZoneInfo(zone)
