"""The tables of the store: their names, partitions and ids, and how long their documents live.

This is defined only here. The adapters follow it, and so do the Bicep templates for Azure (a test checks that).
"""

from collections.abc import Mapping
from dataclasses import dataclass

DAY = 86_400

SAMPLES = "samples"
ROLLUPS = "rollups"
REPORT = "report"
MARKS = "marks"
CATALOGUE = "catalogue"
QUARANTINE = "quarantine"
OPERATIONS = "operations"

STATE = frozenset({(MARKS, "progress"), (MARKS, "cursors")})
"""Tables and partitions that say how far the work has come. Emptying the store leaves them (pipeline.emptying)."""

ENROLMENT = frozenset((OPERATIONS, name) for name in ("enrolled tenants", "enrolled keys", "codes"))
"""Tables and partitions that hold the tenants' enrolment."""


PARTITION_KEY = "/pk"
"""On Cosmos DB: the path of the field that holds an item's partition."""

INDEXING_POLICY: Mapping[str, object] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": f"{PARTITION_KEY}/?"}],
    "excludedPaths": [{"path": "/*"}],
}
"""On Cosmos DB: only what scans need is indexed: the partition key, and ``id``, which is always indexed.

If all paths are excluded, the service does not index the partition key by itself ("Indexing policies in Azure Cosmos
DB"). A scan of ids in one partition would then also read that range in the other logical partitions beside it.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. ``time_to_live`` is in seconds from a document's last write; None means that documents never expire.

    ``bulky`` marks the table that holds most of the bytes. SQLite compresses its bodies.
    """

    name: str
    partition: str
    id: str
    time_to_live: int | None
    bulky: bool = False


def lifetime_of_samples(days: int) -> int:
    """Return how many seconds samples and rollups live: one day longer than the days for which samples are accepted.

    Otherwise a window could be averaged from a part of its samples while the rest has just expired.
    """
    return (days + 1) * DAY


def schema(samples_days: int, report_days: int) -> Mapping[str, Table]:
    """Return the tables by name, for retentions in days."""
    tables = (
        Table(SAMPLES, "tenant and UTC day", "window and VM", lifetime_of_samples(samples_days), bulky=True),
        Table(
            ROLLUPS, "window", "level, branch and tenant; level 0: the window itself", lifetime_of_samples(samples_days)
        ),
        Table(REPORT, "key", 'window; "disclosed" and window', report_days * DAY),
        Table(MARKS, '"dirty"; "progress"; "cursors"', 'window and tenant; "fleet"; who goes on from there', None),
        Table(
            CATALOGUE,
            'kind: "counters", "tenants", "tenants\' counters", "heartbeats", or a tenant\'s VMs',
            "name",
            report_days * DAY,
        ),
        Table(
            QUARANTINE,
            "UTC day; UTC day and message; UTC day and omissions",
            "message; digest of what it holds",
            samples_days * DAY,
        ),
        Table(
            OPERATIONS,
            '"operations"; "enrolled tenants"; "enrolled keys"; or "codes"',
            "start, the newest first, and instance; tenant; key; or digest",
            None,
        ),
    )
    return {table.name: table for table in tables}
