"""The agent on this machine, idle and with a saturated processor: its share of a core, its memory, and lost minutes."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from domain.agent_file import decode_file
from domain.minutes import MINUTE

ROOT = Path(__file__).parents[1]
MINUTES = 4
BUSY = 4
"""How many programs that never pause share the agent's core, as the programs of several users would."""


def bench_edge() -> None:
    for name, busy in (("idle", 0), ("saturated", BUSY)):
        with tempfile.TemporaryDirectory() as home:
            share, resident, lost, found = _run(Path(home), busy)
        print(f"agent, {name:12} {100 * share:>12.2f} % of a core (at most 0.5), {MINUTES} minutes")
        print(f"  memory            {resident / 2**20:>12.0f} MB (at most 60)")
        print(f"  minutes lost      {lost:>12} of {found + lost} (none)")


def _run(home: Path, busy: int) -> tuple[float, int, int, int]:
    """Return the agent's share of a core, its memory in bytes, and how many minutes are missing and there."""
    drop = home / "drop"
    command = [sys.executable, "-m", "edge.agent", "--folder", str(drop), "--push-every", str(MINUTE)]
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        with subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "SPOT_PC_HOME": str(home)}, stderr=subprocess.DEVNULL
        ) as agent:
            seen = psutil.Process(agent.pid)
            time.sleep(15)  # its start
            spent, began = -sum(seen.cpu_times()[:2]), time.monotonic()
            time.sleep(MINUTES * MINUTE)
            spent += sum(seen.cpu_times()[:2])
            took = time.monotonic() - began
            resident = seen.memory_info().rss
            agent.terminate()
            agent.wait(60)
    finally:
        for other in others:
            other.kill()
            other.wait()
    minutes = {sample.timestamp for path in drop.iterdir() for sample in decode_file(path.read_bytes()).samples}
    expected = set(range(min(minutes), max(minutes) + 1, MINUTE))
    return spent / took, resident, len(expected - minutes), len(minutes)
