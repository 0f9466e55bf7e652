"""The forms of exported files: NDJSON, CSV and Parquet, each written page by page.

Knows the columns of the API's rows and what a page of them looks like. Refuses to know where pages come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

ROWS_TOGETHER = 250_000
"""How many rows a row group of a Parquet file has about. So many are in memory at a time."""

COLUMNS: Mapping[str, Mapping[str, type]] = {
    "samples": {
        "timestamp": int, "MaskedTenantId": str, "SiteName": str, "MaskedVMName": str, "ResourcePoolName": str,
        "Region": str, "MachineSize": str, "PerfName": str, "PerfValue": float, "PerfType": str,
    },
    "averages": {
        "timestamp": int, "PerfType": str, "PerfName": str, "average": float, "PerfValue": float, "count": int,
        "sum": float, "tenants": int, "min": float, "max": float, "stddev": float, "sampleMean": float,
        "coverage": float, "final": bool, "suppressed": str,
    },
}  # fmt: skip
"""The columns of a Parquet file. A test compares them with the API's rows."""

NOT_ASKED = ("percentiles",)
"""Fields of the API's rows that are null, since an export does not ask for them. They have no column."""


class Form(Protocol):
    """Writes the pages of one file."""

    def add(self, page: bytes) -> int:
        """Write a page; return how many rows it has."""

    def end(self) -> None:
        """Write what is left."""


@dataclass(slots=True)
class Lines:
    """NDJSON, or CSV, whose line of names stands only at the beginning."""

    file: IO[bytes]
    named: bool
    begun: bool = False

    def add(self, page: bytes) -> int:
        """Write a page; return how many rows it has. No value has a line break in it."""
        if self.named and self.begun:
            page = page.partition(b"\n")[2]
        rows = page.count(b"\n") - (self.named and not self.begun)
        self.begun = True
        self.file.write(page)
        return rows

    def end(self) -> None:
        """Nothing is left."""


@dataclass(slots=True)
class Parquet:
    """Parquet. Only here is pyarrow needed (requirements/export.txt)."""

    file: IO[bytes]
    what: str
    held: list[Any] = field(default_factory=list)
    rows: int = 0
    writer: Any = None

    def __post_init__(self) -> None:
        """Begin the file."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        kinds = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
        self.writer = pq.ParquetWriter(
            self.file, pa.schema([(name, kinds[kind]) for name, kind in COLUMNS[self.what].items()])
        )

    def add(self, page: bytes) -> int:
        """Write a page of NDJSON; return how many rows it has."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.json  # noqa: PLC0415

        if not page:
            return 0
        schema = pa.schema([*self.writer.schema, *(pa.field(name, pa.null()) for name in NOT_ASKED)])
        how = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
        table = pa.json.read_json(pa.BufferReader(page), pa.json.ReadOptions(block_size=len(page) + 1), how)
        self.held.append(table.select(self.writer.schema.names))
        self.rows += table.num_rows
        if self.rows >= ROWS_TOGETHER:
            self._write()
        return int(table.num_rows)

    def _write(self) -> None:
        import pyarrow as pa  # noqa: PLC0415

        if self.held:
            self.writer.write_table(pa.concat_tables(self.held), row_group_size=self.rows)
        self.held, self.rows = [], 0

    def end(self) -> None:
        """Write what is left, and the file's own index."""
        self._write()
        self.writer.close()
