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


def schema(samples_days: int, report_days: int) -> Mapping[str, Table]:
    """Return the tables by name, for retentions in days.

    Samples and rollups live a day longer than samples are accepted, so that a window is never averaged from a part of
    its samples while the rest has just expired.
    """
    tables = (
        Table(SAMPLES, "tenant and UTC day", "window and VM", (samples_days + 1) * DAY, bulky=True),
        Table(ROLLUPS, "window", "level, branch and tenant", (samples_days + 1) * DAY),
        Table(REPORT, "key", "window", report_days * DAY),
        Table(MARKS, '"dirty"', "window and tenant", None),
        Table(
            CATALOGUE,
            'kind: "counters", "tenants", "tenants\' counters", or a tenant\'s VMs',
            "name",
            report_days * DAY,
        ),
        Table(QUARANTINE, "UTC day; or UTC day and message", "message; or digest of inputs", samples_days * DAY),
        Table(OPERATIONS, '"operations"', "start, the newest first, and instance", None),
    )
    return {table.name: table for table in tables}
