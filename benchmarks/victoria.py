"""VictoriaMetrics as a contender (benchmarks.contenders)."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import orjson

from benchmarks.contenders import HOUR, KEY, PERCENTILES, Contender, rows_of
from benchmarks.fleet import LAST_WINDOW
from domain.minutes import WINDOW, minutes_of


class Victoria(Contender):
    """VictoriaMetrics, filled by its import of JSON lines, queried by PromQL. Its own process does most of the work."""

    PORT = 8429

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        command = [
            shutil.which("victoria-metrics") or "",
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{self.PORT}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.server.pid
        end = time.monotonic() + 30
        while True:
            try:
                self._ask("/health")
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.PORT}{path}", body) as answer:
            content: bytes = answer.read()
            return content

    async def take(self, bodies: list[bytes]) -> None:
        series: dict[tuple[str, ...], tuple[list[float], list[int]]] = {}
        for timestamp, *who, value in rows_of(bodies):
            values, times = series.setdefault(tuple(who), ([], []))
            values.append(value)
            times.append(timestamp * 1000)
        lines = (
            orjson.dumps(
                {
                    "metric": {"__name__": f"{kind}_{name}", "tenant": tenant, "vm": vm, "region": region},
                    "values": values,
                    "timestamps": times,
                }
            )
            for (tenant, vm, kind, name, region), (values, times) in series.items()
        )
        self._ask("/api/v1/import", b"\n".join(lines))

    async def settle(self) -> None:
        self._ask("/internal/force_flush")

    def _range(self, query: str, windows: int) -> list[Any]:
        asked = {
            "query": query,
            "start": minutes_of(LAST_WINDOW - (windows - 1) * WINDOW)[0],
            "end": minutes_of(LAST_WINDOW)[-1],
            "step": "60s",
            "nocache": "1",
        }
        answer = json.loads(self._ask(f"/api/v1/query_range?{urllib.parse.urlencode(asked)}"))
        return list(answer["data"]["result"][0]["values"]) if answer["data"]["result"] else []

    def _at(self, query: str, window: int) -> int:
        """Return how many series an answer about the end of a window has."""
        asked = {"query": query, "time": minutes_of(window)[-1], "nocache": "1"}
        answer = json.loads(self._ask(f"/api/v1/query?{urllib.parse.urlencode(asked)}"))
        return len(answer["data"]["result"])

    async def fleet(self, windows: int) -> int:
        return len(self._range(f"avg({KEY.replace('.', '_')})", windows))

    async def percentiles(self, windows: int) -> int:
        name = KEY.replace(".", "_")
        return min(len(self._range(f"quantile({percentile / 100}, {name})", windows)) for percentile in PERCENTILES)

    async def worst(self) -> int:
        return self._at(f"topk(20, avg_over_time({KEY.replace('.', '_')}[15m]))", LAST_WINDOW)

    async def regions(self, windows: int) -> int:
        query = f"avg by (region) (avg_over_time({KEY.replace('.', '_')}[15m]))"
        return sum(self._at(query, LAST_WINDOW - number * WINDOW) for number in range(windows))

    async def vm(self, tenant: str, vm: str) -> int:
        return len(self._range(f'{KEY.replace(".", "_")}{{tenant="{tenant}",vm="{vm}"}}', HOUR))

    async def close(self) -> None:
        self.server.terminate()
        self.server.wait()
