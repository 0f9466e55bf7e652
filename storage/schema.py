"""The tables of the store: their names, what their partitions and ids are, and how long documents live.

The one place for this. The adapters, and in Azure the Bicep templates (checked by a test), follow it.
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


PARTITION_KEY = "/pk"
"""On Cosmos DB: the field of an item that holds its partition."""

INDEXING_POLICY: Mapping[str, object] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": f"{PARTITION_KEY}/?"}],
    "excludedPaths": [{"path": "/*"}],
}
"""On Cosmos DB: what scans go by is indexed and nothing else: ``id``, which always is, and the partition key.

Where all is excluded, the service does not index the key by itself ("Indexing policies in Azure Cosmos DB"): a range of
ids in one partition would look at that range in all partitions that lie beside it.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. ``time_to_live`` is in seconds since a document's last write; None: for ever.

    ``bulky``: it holds most of all bytes. SQLite keeps its bodies deflated.
    """

    name: str
    partition: str
    id: str
    time_to_live: int | None
    bulky: bool = False


def lifetime_of_samples(days: int) -> int:
    """Return how many seconds samples and rollups live where samples are accepted for so many days: a day longer.

    So a window is never averaged from a part of its samples while the rest has just expired.
    """
    return (days + 1) * DAY


def schema(samples_days: int, report_days: int) -> Mapping[str, Table]:
    """Return the tables by name, for retentions in days."""
    tables = (
        Table(SAMPLES, "tenant and UTC day", "window and VM", lifetime_of_samples(samples_days), bulky=True),
        Table(
            ROLLUPS, "window", "level, branch and tenant; level 0: the window itself", lifetime_of_samples(samples_days)
        ),
        Table(REPORT, "key", "window", report_days * DAY),
        Table(MARKS, '"dirty"; "progress"; "cursors"', 'window and tenant; "fleet"; who goes on from there', None),
        Table(
            CATALOGUE,
            'kind: "counters", "tenants", "tenants\' counters", or a tenant\'s VMs',
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
            '"operations"; "enrolled tenants"; or "enrolled keys"',
            "start, the newest first, and instance; tenant; or key",
            None,
        ),
    )
    return {table.name: table for table in tables}
