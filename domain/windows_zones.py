"""The names that Windows has for the zones of Azure's regions (domain.zones): Azure's own schedules take only these.

Source: the table windowsZones of the Unicode CLDR, by the zone's territory.
"""

from collections.abc import Mapping

_ZONES_OF: Mapping[str, str] = {
    "AUS Eastern Standard Time": "Australia/Melbourne Australia/Sydney",
    "Arab Standard Time": "Asia/Qatar Asia/Riyadh",
    "Arabian Standard Time": "Asia/Dubai",
    "Central European Standard Time": "Europe/Warsaw",
    "Central Standard Time": "America/Chicago",
    "Central Standard Time (Mexico)": "America/Mexico_City",
    "China Standard Time": "Asia/Hong_Kong Asia/Shanghai",
    "E. South America Standard Time": "America/Sao_Paulo",
    "Eastern Standard Time": "America/New_York America/Toronto",
    "FLE Standard Time": "Europe/Helsinki",
    "GMT Standard Time": "Europe/Dublin Europe/London",
    "GTB Standard Time": "Europe/Athens",
    "India Standard Time": "Asia/Kolkata",
    "Israel Standard Time": "Asia/Jerusalem",
    "Korea Standard Time": "Asia/Seoul",
    "Mountain Standard Time": "America/Denver",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Pacific SA Standard Time": "America/Santiago",
    "Pacific Standard Time": "America/Los_Angeles",
    "Romance Standard Time": "Europe/Brussels Europe/Copenhagen Europe/Madrid Europe/Paris",
    "SE Asia Standard Time": "Asia/Jakarta",
    "Singapore Standard Time": "Asia/Kuala_Lumpur Asia/Singapore",
    "South Africa Standard Time": "Africa/Johannesburg",
    "Taipei Standard Time": "Asia/Taipei",
    "Tokyo Standard Time": "Asia/Tokyo",
    "US Mountain Standard Time": "America/Phoenix",
    "W. Europe Standard Time": "Europe/Amsterdam Europe/Berlin Europe/Oslo Europe/Rome Europe/Stockholm Europe/Vienna "
    "Europe/Zurich",
}

_NAMES: Mapping[str, str] = {zone: name for name, zones in _ZONES_OF.items() for zone in zones.split()}


def windows_name(zone: str | None) -> str:
    """Return the name that Windows has for a zone of domain.zones; None is UTC. Raises KeyError for other zones."""
    return "UTC" if zone is None else _NAMES[zone]
