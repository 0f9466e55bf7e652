"""This project and its likely alternatives, each as something that takes messages and answers the same questions."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.fleet import HORIZON, LAST_WINDOW, NOW, TIMES, VIEW, keys
from domain.minutes import WINDOW
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from pipeline.queries import charts
from pipeline.queries.charts import Question
from pipeline.queries.groups import GroupsQuestion, get_groups
from pipeline.queries.ranking import RankingQuestion, get_ranking
from pipeline.queries.windows import Windows
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables

HOUR, DAY = 4, 96
KEY = keys(1)[0]
OF_COUNTER = "FROM samples WHERE type = ? AND name = ? AND timestamp >= ?"
FLEET_SQL = f"SELECT timestamp, avg(value) {OF_COUNTER} GROUP BY timestamp"
VM_SQL = f"SELECT timestamp, value {OF_COUNTER} AND tenant = ? AND vm = ?"
PERCENTILES = (50, 95, 99)
PERCENTILES_SQL = f"SELECT timestamp, quantile_cont(value, [0.5, 0.95, 0.99]) {OF_COUNTER} GROUP BY timestamp"
SLOT = "timestamp - timestamp % 900 AS slot"
OF_VMS = f"SELECT tenant, vm, region, {SLOT}, avg(value) AS value {OF_COUNTER} GROUP BY 1, 2, 3, 4"
WORST_SQL = f"SELECT tenant, vm, value FROM ({OF_VMS}) ORDER BY value DESC LIMIT 20"  # noqa: S608  (constants)
REGIONS_SQL = f"SELECT slot, region, avg(value), count(*), min(value), max(value) FROM ({OF_VMS}) GROUP BY 1, 2"  # noqa: S608
NAMES = ("timestamp", "tenant", "vm", "type", "name", "region", "value")
Row = tuple[int, str, str, str, str, str, float]


class Contender(ABC):
    """Takes messages and answers queries. ``pid`` is the measured process, if it is not this one."""

    pid: int | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    async def take(self, bodies: list[bytes]) -> None: ...

    async def settle(self) -> None:  # noqa: B027
        """Do what is needed before queries can be answered. It does not count as ingest."""

    @abstractmethod
    async def fleet(self, windows: int) -> int:
        """Average the counter per minute over the fleet. Return the number of minutes."""

    @abstractmethod
    async def vm(self, tenant: str, vm: str) -> int:
        """Read an hour of one VM's counter. Return the number of values."""

    async def percentiles(self, windows: int) -> int:  # noqa: ARG002
        """Return the number of minutes of which it knows three percentiles over the fleet; 0 if it has none."""
        return 0

    @abstractmethod
    async def worst(self) -> int:
        """List the 20 VMs of the fleet with the highest average in the newest window. Return how many."""

    @abstractmethod
    async def regions(self, windows: int) -> int:
        """Average each region's VMs, by window. Return the number of windows and regions."""

    async def close(self) -> None: ...  # noqa: B027

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Ours(Contender):
    """This project on SQLite, through the pipeline's own calls. The VM's hour includes its tenant's and the fleet's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tables = Tables(SqliteDocuments(folder / "store.db", schema(30, 400), lambda: NOW))

    async def take(self, bodies: list[bytes]) -> None:
        await ingest(self.tables, [Message(body, "m", NOW) for body in bodies], HORIZON)

    async def settle(self) -> None:
        await average(self.tables, TIMES)

    async def fleet(self, windows: int) -> int:
        return len((await charts.get_data(self.tables, Question([KEY], minutes=windows * 15), VIEW)).data)

    async def percentiles(self, windows: int) -> int:
        question = Question([KEY], minutes=windows * 15, percentiles=PERCENTILES)
        return len([item for item in (await charts.get_data(self.tables, question, VIEW)).data if item.percentiles])

    async def worst(self) -> int:
        return len((await get_ranking(self.tables, RankingQuestion(KEY, Windows()), VIEW, str)).data)

    async def regions(self, windows: int) -> int:
        question = GroupsQuestion(KEY, "Region", Windows(newest=windows))
        return len((await get_groups(self.tables, question, VIEW)).data)

    async def vm(self, tenant: str, vm: str) -> int:
        return len((await charts.get_tenant_data(self.tables, Question([KEY], minutes=60), tenant, vm, VIEW)).data)

    async def close(self) -> None:
        await self.tables.documents.close()


def rows_of(bodies: list[bytes]) -> Iterator[Row]:
    for body in bodies:
        for sample in orjson.loads(body)["metrics"]:
            yield (
                sample["timestamp"],
                sample["MaskedTenantId"],
                sample["MaskedVMName"],
                sample["PerfType"],
                sample["PerfName"],
                sample["Region"],
                sample["PerfValue"],
            )


class RowASample(Contender):
    """SQLite with one row per sample, as in the original system, with an index for the measured query."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = sqlite3.connect(folder / "rows.db", isolation_level=None)
        self.store.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE samples"
            " (timestamp INTEGER, tenant TEXT, vm TEXT, type TEXT, name TEXT, region TEXT, value REAL);"
            "CREATE INDEX by_key ON samples (type, name, timestamp);"
        )

    async def take(self, bodies: list[bytes]) -> None:
        self.store.execute("BEGIN")
        self.store.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)", rows_of(bodies))
        self.store.execute("COMMIT")

    async def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        asked = (*KEY.split("."), first)
        return len(self.store.execute(FLEET_SQL, asked).fetchall())

    async def worst(self) -> int:
        return len(self.store.execute(WORST_SQL, (*KEY.split("."), LAST_WINDOW)).fetchall())

    async def regions(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(REGIONS_SQL, (*KEY.split("."), first)).fetchall())

    async def vm(self, tenant: str, vm: str) -> int:
        asked = (*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm)
        return len(self.store.execute(VM_SQL, asked).fetchall())

    async def close(self) -> None:
        self.store.close()


class DuckDb(Contender):
    """DuckDB, filled in bulk from Arrow's columns (DuckDB's JSON reader and NumPy's arrays took twice as long)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import duckdb  # noqa: PLC0415

        self.store = duckdb.connect(str(folder / "duck.db"))
        self.store.execute("SET threads = 1")
        self.store.execute(
            "CREATE TABLE samples"
            " (timestamp BIGINT, tenant VARCHAR, vm VARCHAR, type VARCHAR, name VARCHAR, region VARCHAR, value DOUBLE)"
        )

    async def take(self, bodies: list[bytes]) -> None:
        import pyarrow as pa  # noqa: PLC0415

        columns = zip(NAMES, map(pa.array, zip(*rows_of(bodies), strict=True)), strict=True)
        self.store.register("arrived", pa.table(dict(columns)))
        self.store.execute("INSERT INTO samples SELECT * FROM arrived")
        self.store.unregister("arrived")

    async def settle(self) -> None:
        self.store.execute("CHECKPOINT")

    async def fleet(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(FLEET_SQL, [*KEY.split("."), first]).fetchall())

    async def percentiles(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(PERCENTILES_SQL, [*KEY.split("."), first]).fetchall())

    async def worst(self) -> int:
        return len(self.store.execute(WORST_SQL, (*KEY.split("."), LAST_WINDOW)).fetchall())

    async def regions(self, windows: int) -> int:
        first = LAST_WINDOW - (windows - 1) * WINDOW
        return len(self.store.execute(REGIONS_SQL, (*KEY.split("."), first)).fetchall())

    async def vm(self, tenant: str, vm: str) -> int:
        asked = [*KEY.split("."), LAST_WINDOW - 3 * WINDOW, tenant, vm]
        return len(self.store.execute(VM_SQL, asked).fetchall())

    async def close(self) -> None:
        self.store.close()
